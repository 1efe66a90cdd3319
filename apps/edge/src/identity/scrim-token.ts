import type { Caller, Snapshot } from '@scrim/model';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { groupsOf } from './claims.ts';
import { invalid, refusalOf } from './failure.ts';

/** Header type of the control plane's own tokens: an ID token can never pass for one, nor the other way round. */
export const SCRIM_TYPE = 'scrim+jwt';
/** Longer is not ours: a Scrim token fits wherever a password does (DESIGN section 11). */
const MAX_BYTES = 512;

export type ScrimVerifier = (token: string, now: number) => Promise<Caller>;

function stringsOf(claim: unknown): readonly string[] | undefined {
  return Array.isArray(claim) && claim.every((name) => typeof name === 'string') ? claim : undefined;
}

/**
 * Verifies Scrim tokens: EdDSA JWTs (RFC 8037) of type `scrim+jwt` with the claims `sub`, `g` groups, `c` connections
 * (absent = any), `kind`, `exp`, `jti` and `aud` `scrim`.
 *
 * @param jwks public keys of the control plane
 */
export function scrimVerifier(jwks: Snapshot['tokens']['scrim'], leewaySeconds: number): ScrimVerifier {
  const keyFor = createLocalJWKSet({ keys: jwks as JSONWebKeySet['keys'] });
  const malformed = () =>
    invalid('the token lacks what a Scrim token carries', 'ask for a new token (`scrim token`)');
  return async (token, now) => {
    if (token.length > MAX_BYTES) throw malformed();
    const { payload } = await jwtVerify(token, keyFor, {
      algorithms: ['EdDSA', 'Ed25519'],
      typ: SCRIM_TYPE,
      audience: 'scrim',
      requiredClaims: ['sub', 'exp', 'jti'],
      currentDate: new Date(now),
      clockTolerance: leewaySeconds,
    }).catch((error: unknown) => {
      throw refusalOf(error, 'scrim');
    });
    const { sub, jti, exp, kind } = payload;
    const groups = groupsOf(payload.g);
    const connections = payload.c === undefined ? undefined : stringsOf(payload.c);
    // A binding we cannot read must not widen to "any connection".
    if (payload.c !== undefined && connections === undefined) throw malformed();
    if (!sub || !jti || exp === undefined || groups === undefined) throw malformed();
    if (kind !== 'person' && kind !== 'machine') throw malformed();
    return {
      subject: sub,
      groups,
      kind,
      issuer: 'scrim',
      tokenId: jti,
      // With the same leeway it was accepted by, or a session would begin after its own end.
      expiresAt: (exp + leewaySeconds) * 1000,
      ...(connections === undefined ? {} : { connections }),
      attributes: {},
    };
  };
}
