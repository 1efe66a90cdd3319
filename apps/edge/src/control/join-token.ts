import { createHash } from 'node:crypto';

/** What an edge learns from a join token before it says a word to anybody. */
export interface JoinToken {
  readonly token: string;
  /** SHA-256 of the authority's certificate, lower-case hex: the only one it will talk to. */
  readonly authority: string;
}

/**
 * Reads `scrim_join_` + base64url of 32 octets fingerprint, 24 octets secret, 4 octets check.
 * @throws Error that says what is wrong, without the token.
 */
export function parseJoinToken(text: string): JoinToken {
  const token = text.trim();
  const body = /^scrim_join_([\w-]+)$/.exec(token)?.[1];
  if (body === undefined) {
    throw new Error('this is not a join token: it starts with "scrim_join_" (make one with the edges API)');
  }
  const bytes = Buffer.from(body, 'base64url');
  const check = createHash('sha256').update(bytes.subarray(0, 56)).digest().subarray(0, 4);
  if (bytes.length !== 60 || !check.equals(bytes.subarray(56))) {
    throw new Error('the join token was cut or mistyped: copy it again in full');
  }
  return { token, authority: bytes.subarray(0, 32).toString('hex') };
}
