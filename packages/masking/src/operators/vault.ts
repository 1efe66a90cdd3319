import { aessiv } from '@noble/ciphers/aes.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { OperatorError } from './types.ts';

/**
 * Where `tokenise` reports what its tokens stand for. The values are sealed before they are
 * handed over: who stores them cannot read them without the vault key.
 *
 * The same token with the same sealed text may be put any number of times. The same token with a
 * different sealed text is a collision (possible where a type holds few bits); a vault keeps both
 * and refuses to open either, because answering would show somebody else's value.
 */
export interface TokenVault {
  /** 32 bytes, not the masking key. */
  readonly key: Uint8Array;
  put(token: string, sealed: string): void;
}

const encoder = new TextEncoder();

/**
 * Seals a value to its token by AES-SIV (RFC 5297) under a key derived from the vault key. The same
 * value and token give the same text, so a vault stores each pair once. Base64url, no padding.
 * @throws OperatorError when the key is not 32 bytes.
 */
export function sealValue(value: string, token: string, key: Uint8Array): string {
  return toBase64Url(aessiv(sivKey(key), encoder.encode(token)).encrypt(encoder.encode(value)));
}

/**
 * The value a sealed text holds.
 * @throws OperatorError when the key is wrong, or the text was altered or belongs to another token.
 */
export function openValue(sealed: string, token: string, key: Uint8Array): string {
  const cipher = aessiv(sivKey(key), encoder.encode(token));
  let plain: Uint8Array;
  try {
    plain = cipher.decrypt(fromBase64Url(sealed));
  } catch {
    // The cause may quote ciphertext; say only what the reader can act on.
    throw new OperatorError('sealed', 'does not open', 'check the vault key and that token and seal match');
  }
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(plain);
}

function sivKey(key: Uint8Array): Uint8Array {
  if (!(key instanceof Uint8Array) || key.length !== 32) {
    throw new OperatorError('vault.key', 'is not 32 bytes', 'give 32 random bytes');
  }
  return hkdf(sha256, key, undefined, encoder.encode('scrim/masking/vault/v1'), 64);
}

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function toBase64Url(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const used = Math.min(bytes.length - i, 3) + 1;
    for (let k = 0; k < used; k++) text += BASE64URL[(group >> (18 - 6 * k)) & 63];
  }
  return text;
}

function fromBase64Url(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let at = 0;
  let held = 0;
  let bits = 0;
  for (const char of text) {
    const digit = BASE64URL.indexOf(char);
    if (digit < 0) throw new Error('not base64url');
    held = ((held << 6) | digit) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >> bits) & 0xff;
    }
  }
  return bytes.subarray(0, at);
}
