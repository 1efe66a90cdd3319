import { beforeAll, expect, test } from '@jest/globals';
import { analyse, loadParser } from './index.ts';

beforeAll(loadParser);

test('a text of several statements is judged by their union', () => {
  const { facts, verb } = analyse('SELECT 1; DROP TABLE a.b');
  expect(verb).toBe('SELECT; DROP TABLE');
  expect(facts.statements).toEqual(['select', 'drop_table']);
  expect(facts.effects).toEqual(['read', 'ddl']);
  expect(facts.tables).toEqual([{ schema: 'a', name: 'b', access: 'write' }]);
  expect(facts.complete).toBe(true);
});

test('text that does not parse is unknown', () => {
  expect(analyse('selec 1').facts).toMatchObject({ effects: ['unknown'], complete: false });
});

test('the same text gives the same object', () => {
  expect(analyse('SELECT 42')).toBe(analyse('SELECT 42'));
});
