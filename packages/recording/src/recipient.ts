import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { FormatError } from './bytes.ts';

const CHARSET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
/** DER in front of the 32 raw bytes of an X25519 key (RFC 8410). */
const SPKI = Buffer.from('302a300506032b656e032100', 'hex');
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** The checksum of BIP 173 over 5-bit groups; 1 when it is right. */
function polymod(values: readonly number[]): number {
  let check = 1;
  for (const value of values) {
    const top = check >>> 25;
    check = ((check & 0x1ffffff) << 5) ^ value;
    for (let bit = 0; bit < 5; bit++) if ((top >>> bit) & 1) check ^= GENERATOR[bit] as number;
  }
  return check >>> 0;
}

/** The 32 bytes of a Bech32 text with this human-readable part, as age writes its keys. */
function fromBech32(text: string, prefix: string): Buffer {
  const lower = text.toLowerCase();
  if (text !== lower && text !== text.toUpperCase())
    throw new FormatError('key', 'mixes upper and lower case');
  const groups = [...lower.slice(prefix.length + 1)].map((letter) => CHARSET.indexOf(letter));
  if (groups.includes(-1)) throw new FormatError('key', 'holds a letter that Bech32 does not use');
  const codes = [...prefix].map((letter) => letter.charCodeAt(0));
  const expanded = [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
  if (polymod([...expanded, ...groups]) !== 1)
    throw new FormatError('key', 'has a wrong checksum (a typing error?)');
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const group of groups.slice(0, -6)) {
    value = ((value << 5) | group) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((value >> bits) & 0xff);
    }
  }
  return Buffer.from(bytes);
}

function rawKey(text: string, prefix: string): Buffer {
  const trimmed = text.trim();
  const bytes = trimmed.toLowerCase().startsWith(`${prefix}1`)
    ? fromBech32(trimmed, prefix)
    : Buffer.from(trimmed, 'base64');
  if (bytes.length !== 32)
    throw new FormatError(
      'key',
      `is no X25519 key: write ${prefix}1… as age-keygen prints it, or 32 bytes in base64`,
    );
  return bytes;
}

/** An auditor's public key: `age1…`, or 32 bytes in base64. Throws a {@link FormatError} on anything else. */
export function readRecipient(text: string): KeyObject {
  const key = createPublicKey({
    key: Buffer.concat([SPKI, rawKey(text, 'age')]),
    format: 'der',
    type: 'spki',
  });
  return key;
}

/** The auditor's private key: `AGE-SECRET-KEY-1…`, or 32 bytes in base64. */
export function readIdentity(text: string): KeyObject {
  const raw = rawKey(text, 'age-secret-key-');
  return createPrivateKey({ key: Buffer.concat([PKCS8, raw]), format: 'der', type: 'pkcs8' });
}

/** The raw 32 bytes of an X25519 public key. */
export function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI.length);
}

export function publicKeyFromRaw(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' });
}
