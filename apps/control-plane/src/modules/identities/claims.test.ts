import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { claimAt, fitsConditions, fitsPattern } from './claims.ts';

test('a pattern fits what the same regular expression fits', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 12 });
  const texts = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 });
  fc.assert(
    fc.property(letters, texts, (pattern, text) => {
      const regex = new RegExp(`^${pattern.split('*').join('.*')}$`, 's');
      expect(fitsPattern(pattern, text)).toBe(regex.test(text));
    }),
    { numRuns: 2000 },
  );
});

test('many stars do not run away', () => {
  const started = performance.now();
  expect(fitsPattern('*a'.repeat(250), `${'a'.repeat(5000)}b`)).toBe(false);
  expect(performance.now() - started).toBeLessThan(500);
});

test('inherited names are no claims, and no conditions fit nothing', () => {
  expect(claimAt({}, 'constructor')).toBeUndefined();
  expect(claimAt({ a: { b: 1 } }, 'a.b')).toBe(1);
  expect(fitsConditions({ a: 'x' }, {})).toBe(false);
  expect(fitsConditions({ a: ['x'] }, { a: '*' })).toBe(false);
});
