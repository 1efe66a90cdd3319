import { expect, test } from '@jest/globals';
import { table } from './output.ts';

test('a table is one line a row, wide enough for its values, without line breaks inside', () => {
  const text = table(
    [
      { id: 'a1', statement: 'select\n  1' },
      { id: 'b', statement: null },
    ],
    ['id', 'statement'],
  );
  expect(text).toBe(['id  statement', '--  ----------', 'a1  select   1', 'b'].join('\n'));
});

test('a long value is cut, visibly', () => {
  const text = table([{ value: 'x'.repeat(200) }], ['value']);
  expect(text.split('\n')[2]).toHaveLength(60);
  expect(text.endsWith('…')).toBe(true);
});
