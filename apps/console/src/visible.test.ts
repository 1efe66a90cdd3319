import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { piecesOf } from './visible.ts';

const shown = (text: string) =>
  piecesOf(text)
    .map(({ kind, text: it }) => (kind === 'plain' ? it : `[${kind} ${it}]`))
    .join('');

test('masks are told apart from the text around them', () => {
  expect(shown('a ***MASKED*** b')).toBe('a [mask ***MASKED***] b');
  expect(shown('***MASKED******MASKED***')).toBe('[mask ***MASKED***][mask ***MASKED***]');
});

test.each([
  ['bidirectional override', 'a\u202eb', 'a[odd U+202E]b'],
  ['isolate', '\u2066x\u2069', '[odd U+2066]x[odd U+2069]'],
  ['zero-width joiner', 'pay\u200dments', 'pay[odd U+200D]ments'],
  ['no-break space', 'a\u00a0b', 'a[odd U+00A0]b'],
  ['NUL, escape and carriage return', '\u0000\u001b\r', '[odd U+0000][odd U+001B][odd U+000D]'],
  ['Hangul filler', 'a\u3164', 'a[odd U+3164]'],
  ['braille blank', '\u2800', '[odd U+2800]'],
  ['tag characters', 'a\u{e0041}', 'a[odd U+E0041]'],
  ['lone surrogate', 'a\ud800b', 'a[odd U+D800]b'],
])('%s is named', (_, text, expected) => {
  expect(shown(text)).toBe(expected);
});

test('gaps that would hide the rest are counted', () => {
  expect(shown(`select 1;${'\n'.repeat(200)}drop table t`)).toBe(
    'select 1;[odd 200 line breaks]drop table t',
  );
  expect(shown(`a;${' \n'.repeat(50)}b`)).toBe('a; [odd 50 line breaks]b');
  expect(shown(`a${' '.repeat(500)}b`)).toBe('a[odd 500 spaces]b');
  expect(shown('a\n\n  b\tc')).toBe('a\n\n  b\tc');
});

test('ordinary letters of any script stay', () => {
  for (const text of ['größer', 'naïve', '日本語', 'עברית', 'данные', '🙂'])
    expect(piecesOf(text)).toEqual([{ kind: 'plain', text }]);
});

test('plain pieces hold nothing that cannot be seen, whatever the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const piece of piecesOf(text)) {
        expect(piece.text).not.toBe('');
        if (piece.kind === 'plain')
          expect(piece.text).not.toMatch(/[\u200b-\u200f\u202a-\u202e\u2066-\u2069]/);
      }
      const gone = piecesOf(text).filter(({ kind }) => kind === 'plain');
      for (const { text: plain } of gone) expect(text).toContain(plain);
    }),
  );
});
