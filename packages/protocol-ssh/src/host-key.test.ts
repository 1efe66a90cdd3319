import { expect, test } from '@jest/globals';
import { generateHostKey, knownHostsLine, publicHostKey } from './host-key.ts';

test('every key that is made can be read', () => {
  const keys = Array.from({ length: 500 }, () => publicHostKey(generateHostKey()));
  expect(new Set(keys).size).toBe(500);
  expect(keys.every((key) => /^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA[\w+/]{44}$/.test(key))).toBe(true);
});

test('the line of a known_hosts file names the port unless it is the usual one', () => {
  expect(knownHostsLine('edge', 22, 'ssh-ed25519 A')).toBe('edge ssh-ed25519 A');
  expect(knownHostsLine('edge', 2222, 'ssh-ed25519 A')).toBe('[edge]:2222 ssh-ed25519 A');
});

test('what is no private key is refused', () => {
  expect(() => publicHostKey('ssh-ed25519 AAAA')).toThrow();
});
