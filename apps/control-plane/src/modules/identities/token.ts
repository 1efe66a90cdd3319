import { SignJWT } from 'jose';
import { privateKeyOf, type StoredKey } from '../../crypto/signing-keys.ts';
import { ApiError } from '../../http/problem.ts';

/** Header type of our own tokens: an ID token can never pass for one, nor the other way round. */
export const SCRIM_TYPE = 'scrim+jwt';
export const SCRIM_AUDIENCE = 'scrim';
/** Longer does not fit where a password does (DESIGN section 11). */
export const MAX_TOKEN_BYTES = 512;

export interface TokenClaims {
  readonly tokenId: string;
  readonly subject: string;
  readonly kind: 'person' | 'machine';
  readonly groups: readonly string[];
  /** Empty = any that a policy opens. */
  readonly connections: readonly string[];
  /** Epoch seconds. */
  readonly expiresAt: number;
}

/**
 * A Scrim token: an EdDSA JWT (RFC 8037) with short claim names. Throws SCRIM_API_INVALID when it would be longer than
 * 512 bytes: a cut-off token would fail at the first client that cuts passwords.
 */
export async function signToken(key: StoredKey, claims: TokenClaims): Promise<string> {
  const payload = {
    g: [...claims.groups],
    ...(claims.connections.length > 0 && { c: [...claims.connections] }),
    kind: claims.kind,
  };
  const token = await new SignJWT(payload)
    .setProtectedHeader({ alg: 'EdDSA', typ: SCRIM_TYPE, kid: key.keyId })
    .setSubject(claims.subject)
    .setAudience(SCRIM_AUDIENCE)
    .setJti(claims.tokenId)
    .setExpirationTime(claims.expiresAt)
    .sign(privateKeyOf(key));
  const bytes = Buffer.byteLength(token);
  if (bytes <= MAX_TOKEN_BYTES) return token;
  throw new ApiError('SCRIM_API_INVALID', {
    detail: `the token would be ${bytes} bytes; at most ${MAX_TOKEN_BYTES} fit everywhere a password does`,
    field: claims.groups.length > claims.connections.length ? 'groups' : 'connections',
    mend: 'name fewer or shorter groups and connections: only the groups that policies and approvals name are needed',
  });
}
