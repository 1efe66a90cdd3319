import { createHash, randomBytes } from 'node:crypto';

/**
 * Join tokens: `scrim_join_` and 80 characters of base64url over 60 octets:
 *
 *     0             32              56         60
 *     | authority    | secret        | check    |
 *     | fingerprint  | (random)      |          |
 *
 * The fingerprint lets an edge that knows nothing yet recognise the control plane's authority before it says a word;
 * the check (first octets of SHA-256 over the rest) tells a mistyped or cut token from a refused one.
 */
const PREFIX = 'scrim_join_';

export interface MintedJoinToken {
  /** Shown once, never stored. */
  readonly token: string;
  /** What is stored. */
  readonly hash: Buffer;
}

/** What is stored and looked up: a database that leaks gives nobody a token. */
export function hashJoinToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** @param authorityFingerprint SHA-256 of the authority's certificate, hex */
export function mintJoinToken(authorityFingerprint: string): MintedJoinToken {
  const body = Buffer.concat([Buffer.from(authorityFingerprint, 'hex'), randomBytes(24)]);
  const check = createHash('sha256').update(body).digest().subarray(0, 4);
  const token = PREFIX + Buffer.concat([body, check]).toString('base64url');
  return { token, hash: hashJoinToken(token) };
}
