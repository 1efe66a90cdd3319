import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createScanner } from './scanner.ts';
import { witnessOf } from './witness.ts';

const encode = (text: string) => new TextEncoder().encode(text);
const says = (regex: string, text: string, branches = [regex]) => {
  const bytes = encode(text);
  return witnessOf(regex, branches)?.(bytes, 0, bytes.length) ?? null;
};

test.each([
  ['\\b[0-9]{8}\\b', 'on 2026-02-03', false],
  ['\\b[0-9]{8}\\b', 'on 20260203', true],
  ['[a-z]{3}-zz[0-9]+', 'a-zy9', false],
  ['[a-z]{3}-zz[0-9]+', 'abc-zz9', true],
  ['[A-Z]+[0-9]{4,6}x', 'A1234', false],
  ['[A-Z]+[0-9]{4,6}x', 'A123456x', true],
  ['(?:foo|bar)[0-9]{9}', 'foo12345678', false],
  ['(?:foo|bar)[0-9]{9}', 'bar123456789', true],
  ['\\d{3}\\.\\d{3}\\.\\d{3}', '123.456.789', true],
])('%s before %j: %s', (regex, text, expected) => {
  expect(says(regex, text)).toBe(expected);
});

test.each(['[a-z]+', '(?i)badge[0-9]{9}', '\\x41{9}', '.*', '(abc|def)+', '[^a]{20}'])(
  '%s promises nothing, so every line is read',
  (regex) => {
    expect(witnessOf(regex, [regex])).toBeNull();
  },
);

const PIECES = ['[0-9]', '[A-F]', 'd', 's', '-', 'z', '\\d', '\\.', '(?:q|w)', '[^0]', 'é', '\\w', '\\b'];
const COUNTS = ['', '', '{2}', '{3,}', '+', '?', '*', '{1,4}', '+?'];

test('a witness never denies a text in which the regex finds something', () => {
  const part = fc
    .tuple(fc.constantFrom(...PIECES), fc.constantFrom(...COUNTS))
    .map(([a, b]) => (a === '\\b' ? a : a + b));
  const text = fc
    .array(fc.constantFrom(...'0129AFBzds-.qwé \n'), { maxLength: 40 })
    .map((chars) => chars.join(''));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), text, (parts, sample) => {
      const regex = parts.join('');
      const native = new RegExp(regex);
      fc.pre(!native.test(''));
      const found = sample.split('\n').filter((line) => native.test(line));
      for (const line of found) expect(says(regex, line)).not.toBe(false);
    }),
    { numRuns: 3000 },
  );
});

test('findings with a witness are those of every line read', () => {
  const patterns = [{ name: 'number', regex: '[A-Z]{2}-[0-9]{6}' }];
  const scanner = createScanner({ detectors: [], patterns });
  const text = 'AB-123456\nnothing\nxAB-12345\nAB-1234567 CD-000000\n';
  expect(scanner.find(text).map((f) => text.slice(f.start, f.end))).toEqual([
    'AB-123456',
    'AB-123456',
    'CD-000000',
  ]);
  const clean = encode('nothing here 12-34');
  expect(scanner.mayContain(clean, 0, clean.length)).toBe(false);
  expect(scanner.mayContain(encode(text), 0, text.length)).toBe(true);
});
