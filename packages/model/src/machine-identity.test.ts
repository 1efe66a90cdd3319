import { expect, test } from '@jest/globals';
import { claimConditionsSchema, fitsConditions, fitsPattern } from './machine-identity.ts';

test('every claim named must fit, one value of a list is enough', () => {
  const conditions = { repository: 'acme/*', 'deploy.environment': ['prod', 'stage-*'], run_number: '7' };
  const claims = { repository: 'acme/shop', deploy: { environment: 'stage-2' }, run_number: 7 };
  expect(fitsConditions(claims, conditions)).toBe(true);
  expect(fitsConditions({ ...claims, deploy: { environment: 'dev' } }, conditions)).toBe(false);
  expect(fitsConditions({ ...claims, repository: 'acme' }, conditions)).toBe(false);
  expect(fitsConditions({ repository: 'acme/shop' }, conditions)).toBe(false);
});

test('no condition, an inherited name and a list as claim fit nothing', () => {
  expect(fitsConditions({ repository: 'acme/shop' }, {})).toBe(false);
  expect(fitsConditions({}, { constructor: '*', 'constructor.name': '*' })).toBe(false);
  expect(fitsConditions({ repository: ['acme/shop'] }, { repository: '*' })).toBe(false);
  expect(claimConditionsSchema.safeParse({}).success).toBe(false);
  expect(claimConditionsSchema.safeParse({ repository: [] }).success).toBe(false);
});

test('a pattern full of stars stays quick', () => {
  const since = performance.now();
  expect(fitsPattern(`${'*a'.repeat(200)}b`, 'a'.repeat(16_000))).toBe(false);
  expect(performance.now() - since).toBeLessThan(500);
});
