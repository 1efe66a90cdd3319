import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { generateVaultKey, MAX_SEALED, MAX_VALUE, openSealed, ValueDigest, VaultSealer } from './index.ts';

const key = generateVaultKey();

test('what one edge seals the private key opens, whatever the text', () => {
  const sealer = new VaultSealer(key.public);
  for (const value of ['', 'alice@example.com', '\ufeffsecret é 👩‍👧 \n', 'x'.repeat(MAX_VALUE)]) {
    const sealed = sealer.seal(value, 'tok_a');
    expect(openSealed(sealed, 'tok_a', key.secret)).toBe(value);
    expect(sealed.includes('alice')).toBe(false);
    expect(sealed.length).toBe(Buffer.byteLength(value) + MAX_SEALED - MAX_VALUE);
  }
  expect(sealer.count).toBe(4);
});

test('two seals of one value differ, also those of two sealers', () => {
  const [one, other] = [new VaultSealer(key.public), new VaultSealer(key.public)];
  const seals = [one, one, other].map((sealer) => sealer.seal('secret', 'tok_a').toString('hex'));
  expect(new Set(seals).size).toBe(3);
});

test('a seal opens only with its own token, key and bytes', () => {
  const sealed = new VaultSealer(key.public).seal('secret', 'tok_a');
  expect(() => openSealed(sealed, 'tok_b', key.secret)).toThrow('does not open');
  expect(() => openSealed(sealed, 'tok_a', generateVaultKey().secret)).toThrow('does not open');
  for (let at = 0; at < sealed.length; at++) {
    const altered = Buffer.from(sealed);
    altered[at] = (altered[at] as number) ^ 1;
    expect(() => openSealed(altered, 'tok_a', key.secret)).toThrow(/does not open|version/);
  }
  for (const length of [0, 1, 33, 60, sealed.length - 1])
    expect(() => openSealed(sealed.subarray(0, length), 'tok_a', key.secret)).toThrow();
});

test('the all-zero point and keys of another kind are refused', () => {
  const sealed = new VaultSealer(key.public).seal('secret', 'tok_a');
  sealed.fill(0, 1, 33);
  expect(() => openSealed(sealed, 'tok_a', key.secret)).toThrow('does not open');
  const other = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' });
  for (const wrong of [other, Buffer.alloc(0), Buffer.alloc(32)])
    expect(() => new VaultSealer(wrong)).toThrow('no X25519 public key');
});

test('digests depend on key and value, and on nothing else', () => {
  const digest = new ValueDigest(Buffer.alloc(32, 7));
  const first = digest.of('secret');
  expect(first).toHaveLength(16);
  expect(new ValueDigest(Buffer.alloc(32, 7)).of('secret')).toEqual(first);
  expect(digest.of('secrets')).not.toEqual(first);
  expect(new ValueDigest(Buffer.alloc(32, 8)).of('secret')).not.toEqual(first);
});
