import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { lineDifference } from './line-difference.ts';

const shown = (a: string, b: string) => lineDifference(a, b).map(({ sign, text }) => sign + text);

test('a changed line is the old one and the new one', () => {
  expect(shown('a\nb\nc', 'a\nx\nc')).toEqual([' a', '-b', '+x', ' c']);
  expect(shown('a\nc', 'a\nb\nc')).toEqual([' a', '+b', ' c']);
  expect(shown('a', 'a')).toEqual([' a']);
});

test('both texts can be read from it, whatever they are', () => {
  const line = fc.constantFrom('a', 'b', 'c', '');
  const text = fc.array(line, { minLength: 1, maxLength: 30 }).map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(text, text, (a, b) => {
      const lines = lineDifference(a, b);
      const of = (other: string) =>
        lines
          .filter(({ sign }) => sign !== other)
          .map((it) => it.text)
          .join('\n');
      expect(of('+')).toBe(a);
      expect(of('-')).toBe(b);
    }),
  );
});
