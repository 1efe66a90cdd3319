import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createOperator, type PartialOptions, type ValueType } from './index.ts';

const keys = { masking: new Uint8Array(32).fill(7) };
const cover = (options: PartialOptions, value: string, type: ValueType = 'text', detector?: string) =>
  createOperator({ partial: options }, keys).apply(value, {
    type,
    ...(detector === undefined ? {} : { detector }),
  });

test.each([
  [{ keepLast: 4 }, '4111111111111111', '************1111'],
  [{ keepLast: 4 }, '4111-1111-1111-1111', '****-****-****-1111'],
  [{ keepLast: 4 }, '123-45-6789', '***-**-6789'],
  [{ keepFirst: 1 }, 'alice', 'a****'],
  [{ keepFirst: 2, keepLast: 2 }, 'abcdefgh', 'ab****gh'],
  [{ keepLast: 4 }, 'abcd', '**cd'],
  [{ keepLast: 4 }, 'a', '*'],
  [{ keepFirst: 9, keepLast: 9 }, 'abcdef', '***def'],
  [{ keepLast: 1 }, '👩‍👩‍👧‍👦é🇨🇭', '**🇨🇭'],
  [{ keepLast: 4, maskWith: '#' }, '123-45-6789', '###-##-6789'],
] as const)('%j of %s is %s', (options, value, covered) => {
  expect(cover(options, value)).toBe(covered);
});

test.each([
  ['int4', '2147483647', { keepLast: 4 }, '1000003647'],
  ['int4', '-2147483648', { keepFirst: 3, keepLast: 0 }, '-2140000000'],
  ['int2', '32767', { keepLast: 4 }, '10067'],
  ['numeric', '1234.56', { keepLast: 2 }, '1000.56'],
  ['numeric', '0.5678', { keepLast: 2 }, '0.0078'],
  ['float', 'NaN', {}, '0'],
  ['uuid', '550e8400-e29b-41d4-a716-446655440000', { keepLast: 4 }, '4d41534b-4544-8000-8000-4d41534b0000'],
  ['date', '1984-05-06', { keepFirst: 4 }, '1984-01-01'],
  ['date', '1984-05-06', { keepLast: 4 }, '1970-01-01'],
  ['timestamptz', '1984-05-06 01:02:03+00', { keepFirst: 4 }, '1984-01-01 00:00:00+00'],
  ['json', '"4111111111111111"', { keepLast: 4 }, '"************1111"'],
  ['json', '{"a":1}', { keepLast: 4 }, '"***MASKED***"'],
  ['inet', '10.1.2.3', { keepLast: 1 }, '0.0.0.0'],
] as const)('a partial %s stays one: %s', (type, value, options, covered) => {
  expect(cover(options, value, type)).toBe(covered);
});

test('a secret under 16 characters is never shown in part', () => {
  expect(cover({ keepLast: 4 }, 'hunter2hunter2', 'text', 'secrets.password')).toBe('***MASKED***');
  expect(cover({ keepLast: 4 }, 'hunter2hunter2xx', 'text', 'secrets.password')).toBe('************r2xx');
});

test('never shows more than half', () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z0-9]{0,40}$/),
      fc.nat(50),
      fc.nat(50),
      (value, keepFirst, keepLast) => {
        const covered = cover({ keepFirst, keepLast }, value)!;
        expect(covered.length).toBe(value.length);
        expect(covered.replaceAll('*', '').length).toBeLessThanOrEqual(value.length / 2);
      },
    ),
  );
});

test('a text too long to cut into characters is redacted whole', () => {
  expect(cover({ keepLast: 4 }, 'a'.repeat(65_537))).toBe('***MASKED***');
  expect(cover({ keepLast: 4 }, 'é'.repeat(5_000_000))).toBe('***MASKED***');
});
