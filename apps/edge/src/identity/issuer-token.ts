import { createHash } from 'node:crypto';
import { type Caller, type Claims, claimAt, fitsConditions, type Snapshot } from '@scrim/model';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { attributesOf, groupsOf } from './claims.ts';
import { invalid, refusalOf } from './failure.ts';

/** One trusted OIDC provider as the snapshot names it. */
export type Issuer = Snapshot['tokens']['issuers'][number];

export type IssuerVerifier = (token: string, now: number) => Promise<Caller>;

/**
 * Asymmetric ones only, whatever a configuration says: with a pushed public key as HMAC secret anybody could sign.
 */
const ASYMMETRIC = new Set([
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]);

/** `JWT` and `at+jwt` say who someone is; a logout token of the same issuer, key and audience does not. */
const TYPES = new Set(['jwt', 'at+jwt', 'application/at+jwt']);

function subjectOf(claims: Claims, claim: string): string {
  const subject = claimAt(claims, claim);
  if (typeof subject !== 'string' || subject === '' || subject.length > 256) {
    throw invalid(
      `the token has no usable "${claim}" claim to know the caller by`,
      'ask the identity provider to put it into the token, or configure another subject claim',
    );
  }
  // Whoever may write any address into a profile must not become its owner here.
  if (claim === 'email' && claims.email_verified === false) {
    throw invalid('the e-mail address in the token is not verified', 'verify it at the identity provider');
  }
  return subject;
}

/**
 * The machine identities a token fits. Anybody can have a token of a public CI provider, with any audience: of such an
 * issuer it is the claims that make a token ours, and one that fits none is refused.
 */
function machinesOf(claims: Claims, issuer: Issuer): Issuer['machines'] {
  const fitting = issuer.machines.filter(({ conditions }) => fitsConditions(claims, conditions));
  if (issuer.kind === 'machine' && fitting.length === 0) {
    throw invalid(
      'the token fits no machine identity',
      'have an administrator add one for its claims (PUT /v1/machine-identities/NAME), or run the job where one fits',
    );
  }
  return fitting;
}

/** Revocation needs a name for the token; one without `jti` is named by its own hash. */
function tokenIdOf(claims: Claims, token: string): string {
  const { jti } = claims;
  if (typeof jti === 'string' && jti !== '' && jti.length <= 256) return jti;
  return `sha256:${createHash('sha256').update(token).digest('base64url')}`;
}

/** Verifies ID tokens (OpenID Connect Core section 3.1.3.7) and JWT access tokens (RFC 9068) of one issuer offline. */
export function issuerVerifier(issuer: Issuer, leewaySeconds: number): IssuerVerifier {
  const keyFor = createLocalJWKSet({ keys: issuer.keys as JSONWebKeySet['keys'] });
  const algorithms = issuer.algorithms.filter((name) => ASYMMETRIC.has(name));
  return async (token, now) => {
    const { payload, protectedHeader } = await jwtVerify(token, keyFor, {
      algorithms,
      issuer: issuer.issuer,
      audience: [...issuer.audiences],
      requiredClaims: ['exp'],
      currentDate: new Date(now),
      clockTolerance: leewaySeconds,
    }).catch((error: unknown) => {
      throw refusalOf(error, issuer.issuer);
    });
    if (protectedHeader.typ !== undefined && !TYPES.has(protectedHeader.typ.toLowerCase())) {
      throw invalid('the token is not one to sign in with', 'use an ID token or a JWT access token');
    }
    const groups = groupsOf(claimAt(payload, issuer.groupsClaim));
    if (groups === undefined) {
      throw invalid(
        `the token's "${issuer.groupsClaim}" claim is not a list of names`,
        'configure the claim that lists the group names',
      );
    }
    const machines = machinesOf(payload, issuer);
    return {
      subject: subjectOf(payload, issuer.subjectClaim),
      groups: [...new Set([...groups, ...machines.flatMap((machine) => machine.groups)])],
      kind: machines.length > 0 ? 'machine' : issuer.kind,
      issuer: issuer.issuer,
      tokenId: tokenIdOf(payload, token),
      // With the same leeway it was accepted by, or a session would begin after its own end.
      expiresAt: ((payload.exp ?? 0) + leewaySeconds) * 1000,
      attributes: attributesOf(payload, issuer.attributeClaims),
    };
  };
}
