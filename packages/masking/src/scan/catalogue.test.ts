import { expect, test } from '@jest/globals';
import { listDetectors } from './catalogue.ts';

test('ids are unique and start with their group', () => {
  const ids = listDetectors().map((d) => d.id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { id, group } of listDetectors()) expect(id.startsWith(`${group}.`)).toBe(true);
});
