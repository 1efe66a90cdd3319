import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createOperator, type FpeOptions, ff1Decrypt, ff1Encrypt, type ValueType } from './index.ts';
import { isLuhnValid, luhnCheckDigit } from './luhn.ts';

const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const numerals = (text: string) => Array.from(text, (char) => Number.parseInt(char, 36));
const text = (x: readonly number[]) => x.map((digit) => digit.toString(36)).join('');

const K128 = '2b7e151628aed2a6abf7158809cf4f3c';
const K192 = `${K128}ef4359d8d580aa4f`;
const K256 = `${K192}7f036d6f04fc6a94`;
const T10 = '39383736353433323130';
const T11 = '3737373770717273373737';

// The nine FF1 samples NIST publishes with SP 800-38G ("FF1samples.pdf").
test.each([
  [1, K128, 10, '', '0123456789', '2433477484'],
  [2, K128, 10, T10, '0123456789', '6124200773'],
  [3, K128, 36, T11, '0123456789abcdefghi', 'a9tv40mll9kdu509eum'],
  [4, K192, 10, '', '0123456789', '2830668132'],
  [5, K192, 10, T10, '0123456789', '2496655549'],
  [6, K192, 36, T11, '0123456789abcdefghi', 'xbj3kv35jrawxv32ysr'],
  [7, K256, 10, '', '0123456789', '6657667009'],
  [8, K256, 10, T10, '0123456789', '1001623463'],
  [9, K256, 36, T11, '0123456789abcdefghi', 'xs8a0azh2avyalyzuwd'],
])('NIST FF1 sample %i', (_, key, radix, tweak, plain, cipher) => {
  expect(text(ff1Encrypt(bytes(key), bytes(tweak), radix, numerals(plain)))).toBe(cipher);
  expect(text(ff1Decrypt(bytes(key), bytes(tweak), radix, numerals(cipher)))).toBe(plain);
});

test('FF1 refuses a domain under 1,000,000', () => {
  expect(() => ff1Encrypt(bytes(K256), bytes(''), 10, numerals('12345'))).toThrow(RangeError);
  expect(ff1Encrypt(bytes(K256), bytes(''), 10, numerals('123456'))).toHaveLength(6);
});

const keys = { masking: new Uint8Array(32).fill(7) };
const fpe = (value: string, type: ValueType = 'text', options: FpeOptions = {}) =>
  createOperator({ fpe: options }, keys).apply(value, { type })!;
const digitsOf = (value: string) => Array.from(value.replace(/\D/g, ''), Number);

test('keeps length and separators, and different values stay different', () => {
  expect(fpe('123-45-6789')).toMatch(/^\d{3}-\d{2}-\d{4}$/);
  expect(fpe('+1 (555) 010-9999')).toMatch(/^\+\d \(\d{3}\) \d{3}-\d{4}$/);
  expect(fpe('John Smith-7')).toMatch(/^[A-Za-z0-9]{4} [A-Za-z0-9]{5}-[A-Za-z0-9]$/);
  const seen = new Set(Array.from({ length: 500 }, (_, i) => fpe(String(1_000_000 + i), 'int4')));
  expect(seen.size).toBe(500);
});

test('a card number comes out with its length and never Luhn-valid', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[1-9]\d{11,17}$/), (payload) => {
      const card = payload + luhnCheckDigit(Array.from(payload, Number));
      for (const type of ['text', 'numeric'] as const) {
        const result = fpe(card, type);
        expect(result).toMatch(new RegExp(`^\\d{${card.length}}$`));
        expect(isLuhnValid(digitsOf(result))).toBe(false);
      }
    }),
    { numRuns: 30 },
  );
  expect(fpe('4111 1111 1111 1111')).toMatch(/^(\d{4} ){3}\d{4}$/);
});

test('numbers stay in range, with sign, length and scale', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1_000_000, max: 2_147_483_647 }), fc.boolean(), (value, negative) => {
      const text = `${negative ? '-' : ''}${value}`;
      const result = fpe(text, 'int4');
      expect(result).toHaveLength(text.length);
      expect(Math.abs(Number(result))).toBeLessThanOrEqual(2_147_483_647);
      expect(result).toMatch(/^-?[1-9]/);
    }),
    { numRuns: 30 },
  );
  expect(fpe('123456.78', 'numeric')).toMatch(/^[1-9]\d{5}\.\d\d$/);
  expect(fpe('0.12345678', 'numeric')).toMatch(/^0\.\d{8}$/);
  expect(fpe('9223372036854775807', 'int8')).toMatch(/^[1-9]\d{18}$/);
});

test.each([
  ['12345', 'text', {}],
  ['abc', 'text', {}],
  ['John Smith 1234567', 'text', { alphabet: 'digits' }],
  ['Zoë Müller 1234567', 'text', {}],
  ['alice@example.com', 'text', {}],
  ['1'.repeat(500), 'text', {}],
] as const)(
  '%s as %s gives the stand-in: too few values, or characters that would stay readable',
  (value, type, options) => {
    expect(fpe(value, type, options)).toBe('***MASKED***');
  },
);

test('types without enough digits get their stand-in', () => {
  expect(fpe('12345', 'int2')).toBe('0');
  expect(fpe('999999', 'int4')).toBe('0');
  expect(fpe('1984-05-06', 'date')).toBe('1970-01-01');
  expect(fpe('{"a":1}', 'json')).toBe('"***MASKED***"');
});
