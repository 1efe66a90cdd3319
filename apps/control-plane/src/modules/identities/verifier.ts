import { createHash } from 'node:crypto';
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
} from 'jose';
import type { ProvenToken } from '../../auth/authenticate.ts';
import type { Context } from '../../context.ts';
import { ApiError } from '../../http/problem.ts';
import { type Claims, claimAt, fitsConditions, groupsOf } from './claims.ts';
import type { Issuers, TrustedIssuer } from './issuers.ts';
import { SCRIM_AUDIENCE, SCRIM_TYPE } from './token.ts';
import { publicJwks } from './token-keys.ts';

/** Seconds a clock may differ from ours. */
const LEEWAY = 30;
/** An unknown key makes us ask the issuer again, but not for every made-up key id. */
const REFETCH_MS = 30_000;
/** `JWT` and `at+jwt` say who someone is; a logout token of the same issuer, key and audience does not. */
const TYPES = new Set(['jwt', 'at+jwt', 'application/at+jwt']);

function refused(detail: string, mend = 'get a new token'): ApiError {
  return new ApiError('SCRIM_API_UNAUTHENTICATED', { detail, mend });
}

function why(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof errors.JWTExpired) return refused('the token has expired');
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'aud')
    return refused('the token was issued for something else', "add its audience to the issuer's audiences");
  if (error instanceof errors.JOSEError) return refused('the token is not one this control plane can trust');
  throw error;
}

function isJwt(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

/** Verifies bearer tokens for the REST API and for the exchange. */
export interface TokenVerifier {
  /** Undefined when the text is no JWT; throws SCRIM_API_UNAUTHENTICATED when it does not hold. */
  verify(text: string): Promise<ProvenToken | undefined>;
  /** Only ID tokens and JWT access tokens of configured issuers. */
  verifyIssued(text: string): Promise<ProvenToken>;
}

type Needs = Pick<Context, 'db' | 'keys' | 'now'>;

/** Tokens are looked up after their signature held: a made-up id must not cost a query. */
async function refuseRevoked({ db }: Needs, tokenId: string): Promise<void> {
  if (await db.prisma.revokedToken.findUnique({ where: { tokenId } })) throw refused('the token was revoked');
}

/** A token this control plane has signed. */
async function verifyScrimToken(needs: Needs, text: string): Promise<ProvenToken> {
  const keyFor = createLocalJWKSet({ keys: (await publicJwks(needs.keys)) as JSONWebKeySet['keys'] });
  const { payload } = await jwtVerify(text, keyFor, {
    algorithms: ['EdDSA', 'Ed25519'],
    typ: SCRIM_TYPE,
    audience: SCRIM_AUDIENCE,
    requiredClaims: ['sub', 'exp', 'jti'],
    currentDate: new Date(needs.now()),
  });
  const groups = groupsOf(payload.g);
  const { sub, jti, kind } = payload;
  if (!sub || !jti || groups === undefined || (kind !== 'person' && kind !== 'machine'))
    throw refused('the token lacks what a Scrim token carries');
  await refuseRevoked(needs, jti);
  return { subject: sub, groups, kind, tokenId: jti, via: 'scrim-token', bound: payload.c !== undefined };
}

async function verifyWithKeys(text: string, issuer: TrustedIssuer, now: number): Promise<JWTPayload> {
  const keyFor = createLocalJWKSet({ keys: issuer.keys as JSONWebKeySet['keys'] });
  const { payload } = await jwtVerify(text, keyFor, {
    algorithms: issuer.algorithms,
    issuer: issuer.issuer,
    audience: issuer.audiences,
    requiredClaims: ['exp'],
    currentDate: new Date(now),
    clockTolerance: LEEWAY,
  });
  return payload;
}

type VerifyForIssuer = (text: string, issuer: TrustedIssuer) => Promise<JWTPayload>;

/** After a key rotation at the provider the first token signed by the new key brings the new key in. */
function verifierWithRefetch({ now }: Needs, issuers: Issuers): VerifyForIssuer {
  const fetchedAt = new Map<string, number>();
  return async (text, issuer) => {
    try {
      return await verifyWithKeys(text, issuer, now());
    } catch (error) {
      const last = fetchedAt.get(issuer.issuer) ?? Number.NEGATIVE_INFINITY;
      if (!(error instanceof errors.JWKSNoMatchingKey) || now() - last < REFETCH_MS) throw error;
      fetchedAt.set(issuer.issuer, now());
      await issuers.refresh(issuer.issuer);
      const again = (await issuers.trusted()).find((one) => one.issuer === issuer.issuer);
      return verifyWithKeys(text, again ?? issuer, now());
    }
  };
}

function subjectOf(claims: Claims, { subjectClaim }: TrustedIssuer): string {
  const subject = claimAt(claims, subjectClaim);
  if (typeof subject !== 'string' || subject === '' || subject.length > 256)
    throw refused(
      `the token has no usable "${subjectClaim}" claim`,
      'configure another subjectClaim for the issuer',
    );
  // Whoever may write any address into a profile must not become its owner here.
  if (subjectClaim === 'email' && claims.email_verified === false)
    throw refused('the e-mail address in the token is not verified', 'verify it at the identity provider');
  return subject;
}

/**
 * The groups of the machine identities whose conditions the claims fit; undefined when none does. Throws when the
 * issuer is one of machines alone and none does.
 */
function machineGroups(claims: Claims, issuer: TrustedIssuer): readonly string[] | undefined {
  const fitting = issuer.machines.filter(({ conditions }) => fitsConditions(claims, conditions));
  // Anybody can have a token of a public CI provider, with any audience: it is the claims that make it ours.
  if (issuer.kind === 'machine' && fitting.length === 0)
    throw refused('no machine identity fits the token', 'add one: PUT /v1/machine-identities/NAME');
  return fitting.length > 0 ? fitting.flatMap((one) => one.groups) : undefined;
}

function tokenIdOf(text: string, { jti }: JWTPayload): string {
  if (typeof jti === 'string' && jti !== '') return jti;
  return `sha256:${createHash('sha256').update(text).digest('base64url')}`;
}

/** A token of a configured issuer: its keys, its kind of token, then whom it names. */
async function verifyOidcToken(
  needs: Needs,
  issuers: Issuers,
  verifyFor: VerifyForIssuer,
  text: string,
): Promise<ProvenToken> {
  const { iss } = decodeJwt(text);
  const issuer = (await issuers.trusted()).find((one) => one.issuer === iss);
  if (!issuer) throw refused('the token is of an issuer that is not configured', 'add it by PUT /v1/issuers');
  const payload = await verifyFor(text, issuer);
  const { typ } = decodeProtectedHeader(text);
  if (typ !== undefined && !TYPES.has(typ.toLowerCase()))
    throw refused('the token is not one to sign in with');
  const groups = groupsOf(claimAt(payload, issuer.groupsClaim));
  if (groups === undefined) throw refused(`the token's "${issuer.groupsClaim}" claim is not a list of names`);
  const ofMachine = machineGroups(payload, issuer);
  const tokenId = tokenIdOf(text, payload);
  await refuseRevoked(needs, tokenId);
  return {
    subject: subjectOf(payload, issuer),
    groups: [...new Set([...groups, ...(ofMachine ?? [])])],
    kind: ofMachine ? 'machine' : issuer.kind,
    tokenId,
    via: 'oidc',
    bound: false,
  };
}

export function createTokenVerifier(needs: Needs, issuers: Issuers): TokenVerifier {
  const verifyFor = verifierWithRefetch(needs, issuers);
  const issued = (text: string) => verifyOidcToken(needs, issuers, verifyFor, text);
  const judged = (work: Promise<ProvenToken>) =>
    work.catch((error: unknown) => {
      throw why(error);
    });

  return {
    async verify(text) {
      if (!isJwt(text)) return undefined;
      return judged(typeOf(text) === SCRIM_TYPE ? verifyScrimToken(needs, text) : issued(text));
    },
    async verifyIssued(text) {
      if (!isJwt(text)) throw refused('the text is no JWT');
      // A Scrim token must not beget another one, or its holder would renew it for ever.
      if (typeOf(text) === SCRIM_TYPE) throw refused('a Scrim token cannot be exchanged', 'send an ID token');
      return judged(issued(text));
    },
  };
}

function typeOf(text: string): string | undefined {
  try {
    return decodeProtectedHeader(text).typ;
  } catch {
    throw refused('the token is not one this control plane can trust');
  }
}
