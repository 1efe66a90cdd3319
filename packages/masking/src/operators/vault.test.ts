import { expect, test } from '@jest/globals';
import { createOperator, openValue, sealValue } from './index.ts';

const vaultKey = new Uint8Array(32).fill(1);
const keys = { masking: new Uint8Array(32).fill(7) };

test('tokenise reports each token with the canonical value, readable only with the vault key', () => {
  const stored = new Map<string, string>();
  const operator = createOperator('tokenise', keys, {
    key: vaultKey,
    put: (token, sealed) => stored.set(token, sealed),
  });
  const token = operator.apply('Alice@Example.com', { type: 'text' })!;
  operator.apply('"alice@example.com"', { type: 'json' });
  const number = operator.apply('42', { type: 'int8' })!;
  expect(stored.size).toBe(2);
  expect(openValue(stored.get(token)!, token, vaultKey)).toBe('alice@example.com');
  expect(openValue(stored.get(number)!, number, vaultKey)).toBe('42');
  expect(stored.get(token)).not.toMatch(/alice/i);
  operator.apply(token, { type: 'text' });
  expect(stored.size).toBe(2);
});

test('a seal opens only with its own token, key and bytes, and the same value seals alike', () => {
  const sealed = sealValue('\ufeffsecret é 👩‍👧', 'tok_a', vaultKey);
  expect(sealValue('\ufeffsecret é 👩‍👧', 'tok_a', vaultKey)).toBe(sealed);
  expect(openValue(sealed, 'tok_a', vaultKey)).toBe('\ufeffsecret é 👩‍👧');
  expect(() => openValue(sealed, 'tok_b', vaultKey)).toThrow('does not open');
  expect(() => openValue(sealed, 'tok_a', new Uint8Array(32))).toThrow('does not open');
  expect(() => openValue(`${sealed.slice(0, -2)}AA`, 'tok_a', vaultKey)).toThrow('does not open');
  expect(() => openValue('', 'tok_a', vaultKey)).toThrow('does not open');
  expect(() => openValue('!', 'tok_a', vaultKey)).toThrow('does not open');
  expect(() => sealValue('x', 'tok_a', new Uint8Array(31))).toThrow('vault.key');
});

test('no vault, or a wrong key, shows when the operator is built', () => {
  expect(() => createOperator({ tokenise: { reversible: true } }, keys)).toThrow('token vault');
  expect(() => createOperator('tokenise', keys, { key: new Uint8Array(3), put: () => {} })).toThrow(
    'vault.key',
  );
});
