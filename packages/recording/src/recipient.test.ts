import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { rawPublicKey, readIdentity, readRecipient } from './recipient.ts';

// The key pair of age's own test kit and documentation.
const AGE_PUBLIC = 'age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj';
const AGE_SECRET = 'AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX';

test('reads keys as age writes them: the public key is the one of the secret key', () => {
  const fromSecret = rawPublicKey(createPublicKey(readIdentity(AGE_SECRET)));
  expect(fromSecret.equals(rawPublicKey(readRecipient(AGE_PUBLIC)))).toBe(true);
});

test('reads raw keys in base64', () => {
  const pair = generateKeyPairSync('x25519');
  const raw = rawPublicKey(pair.publicKey);
  expect(rawPublicKey(readRecipient(raw.toString('base64'))).equals(raw)).toBe(true);
});

test.each([
  ['one letter wrong', AGE_PUBLIC.replace('zvky', 'zvkq'), 'checksum'],
  ['two letters swapped', AGE_PUBLIC.replace('zv', 'vz'), 'checksum'],
  ['mixed case', AGE_PUBLIC.replace('zvky', 'zvKy'), 'mixes'],
  ['cut short', AGE_PUBLIC.slice(0, -3), 'checksum'],
  ['nothing', '', 'no X25519 key'],
  ['a secret key where the public one belongs', AGE_SECRET, 'no X25519 key'],
])('refuses a recipient with %s', (_name, text, why) => {
  expect(() => readRecipient(text)).toThrow(why);
});
