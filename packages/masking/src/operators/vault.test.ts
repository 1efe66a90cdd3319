import { expect, test } from '@jest/globals';
import { createOperator } from './index.ts';

const keys = { masking: new Uint8Array(32).fill(7) };
const REVERSIBLE = { tokenise: { reversible: true } } as const;

/** A vault that remembers. */
function memory() {
  const stored: [string, string][] = [];
  return { stored, vault: { put: (token: string, value: string) => void stored.push([token, value]) } };
}

test('reversible tokens are reported with the canonical value, bare of what carries them', () => {
  const { stored, vault } = memory();
  const operator = createOperator(REVERSIBLE, keys, vault);
  const token = operator.apply('Alice@Example.com', { type: 'text' })!;
  expect(operator.apply('"alice@example.com"', { type: 'json' })).toBe(JSON.stringify(token));
  const number = operator.apply('42', { type: 'int8' })!;
  expect(stored).toEqual([
    [token, 'alice@example.com'],
    [token, 'alice@example.com'],
    [number, '42'],
  ]);
  operator.apply(token, { type: 'text' });
  operator.recognises('bob@example.com', { type: 'text' });
  expect(stored).toHaveLength(3);
});

test('a reversible token is the same as a one-way one, and only what asks for it is reported', () => {
  const { stored, vault } = memory();
  const oneWay = createOperator('tokenise', keys, vault);
  const refused = createOperator({ tokenise: { reversible: false } }, keys, vault);
  const hash = createOperator('hash', keys, vault);
  const token = oneWay.apply('secret', { type: 'text' });
  for (const operator of [refused, hash]) operator.apply('secret', { type: 'text' });
  expect(stored).toEqual([]);
  expect(createOperator(REVERSIBLE, keys, vault).apply('secret', { type: 'text' })).toBe(token);
  expect(stored).toEqual([[token, 'secret']]);
});

test('places too narrow for a token get a stand-in that is not reported', () => {
  const { stored, vault } = memory();
  const operator = createOperator(REVERSIBLE, keys, vault);
  expect(operator.apply('some secret', { type: 'text', maxLength: 14 })).toBe('***MASKED***');
  expect(operator.apply('t', { type: 'bool' })).toBe('f');
  expect(stored).toEqual([]);
});

test('what the vault throws ends the masking; without a vault nothing reversible is built', () => {
  const full = {
    put() {
      throw new Error('full');
    },
  };
  const operator = createOperator(REVERSIBLE, keys, full);
  expect(() => operator.apply('secret', { type: 'text' })).toThrow('full');
  expect(() => createOperator(REVERSIBLE, keys)).toThrow('token vault');
});
