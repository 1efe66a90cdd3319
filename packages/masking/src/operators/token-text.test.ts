import { expect, test } from '@jest/globals';
import { createOperator, findTokens, type ValueType } from './index.ts';

const operator = createOperator('tokenise', { masking: new Uint8Array(32).fill(7) });
const tokenOf = (value: string, type: ValueType, maxLength?: number) =>
  operator.apply(value, { type, ...(maxLength === undefined ? {} : { maxLength }) })!;

test('finds what tokenise wrote, between anything that does not belong to it', () => {
  const tokens = [
    tokenOf('secret', 'text'),
    tokenOf('alice@example.com', 'text'),
    tokenOf('alice@example.com', 'text', 40),
    tokenOf('secret', 'text', 16),
    tokenOf('0b0c2e4a-7c5e-4d0f-9a57-6a6b1c9a1f11', 'uuid'),
    tokenOf('42', 'int8'),
    tokenOf('42.50', 'numeric'),
  ];
  for (const [before, after] of [
    ['', ''],
    ['"', '"'],
    ['(', '),'],
    ['\n', '\r\n'],
    ['é', '…'],
    ['<masked>', '</masked>'],
  ] as const) {
    const text = tokens.map((token) => before + token + after).join(' ');
    expect(findTokens(text).map(({ token }) => token)).toEqual(tokens);
    for (const { start, end, token } of findTokens(text)) expect(text.slice(start, end)).toBe(token);
  }
  // The full stop of a sentence, and a longer host name: the address ends where ours ends.
  expect(findTokens(`ask ${tokens[1]}.`)).toHaveLength(1);
});

test('leaves alone what only looks a little like one', () => {
  const bare = tokenOf('secret', 'text');
  for (const text of [
    `x${bare}`,
    `${bare}x_`,
    bare.replace('tok', 'hash'),
    'tok_7abc',
    '4d41534b-4544-4000-8000-4d41534b4544',
    '18000000000000001',
    '-80000000000000011',
    'a-8000000000000001',
  ])
    expect(findTokens(text)).toEqual([]);
});

test('is linear on repeated beginnings', () => {
  const started = performance.now();
  for (const part of ['tok_7', 'tok_7aaaaaaaaaa@masked.', '4d41534b-', '-8000000000000001.000000'])
    findTokens(part.repeat(50_000));
  expect(performance.now() - started).toBeLessThan(2_000);
});
