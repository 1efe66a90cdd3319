import { type Refusal, type RefusalError, refuse } from '@scrim/model';
import { errors } from 'jose';

type Words = Pick<Refusal, 'message' | 'hint'>;

/** Builds the refusals of this folder. None ever holds a part of the token or of its claims. */
export function invalid(message: string, hint: string, cause?: unknown): RefusalError {
  return refuse('SCRIM_AUTH_INVALID', { message, hint, ...(cause === undefined ? {} : { cause }) });
}

/** Ways to get a new token, by whose token it is. */
export function renewal(issuer: string): string {
  return issuer === 'scrim'
    ? 'ask for a new token (`scrim token`) and connect again'
    : 'get a fresh token from your identity provider and connect again';
}

function claimWords(claim: string, reason: string): Words {
  if (claim === 'nbf' || claim === 'iat') {
    return {
      message: 'the token is not valid yet',
      hint: 'the clock of the issuer or of this edge is wrong: compare both with a time server',
    };
  }
  if (reason === 'missing') {
    return {
      message: `the token has no "${claim}" claim`,
      hint: 'use a token issued for signing in, with subject, audience and expiry',
    };
  }
  return {
    message: `the token's "${claim}" claim is not the expected one`,
    hint: 'use a token of the issuer this edge is configured for',
  };
}

/**
 * Words a verification failure of jose as a refusal.
 * @param issuer `scrim` or the issuer's URL, from the configuration (never from the token)
 */
export function refusalOf(error: unknown, issuer: string): RefusalError {
  if (error instanceof errors.JWTExpired) {
    return refuse('SCRIM_AUTH_EXPIRED', { hint: renewal(issuer) });
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud') {
      return refuse('SCRIM_AUTH_AUDIENCE', {
        hint: 'request the token for the audience this gateway is configured with, not for another service',
      });
    }
    const { message, hint } = claimWords(error.claim, error.reason);
    return refuse('SCRIM_AUTH_INVALID', hint === undefined ? { message } : { message, hint });
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return invalid("the token's signature does not hold", renewal(issuer));
  }
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
    return invalid(
      'the token is signed by a key this edge does not know',
      'if the issuer has just changed its keys, try again in a minute; otherwise get a new token',
    );
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return invalid(
      'the token is signed by an algorithm that is not allowed',
      "allow it in the issuer's configuration if the provider really uses it",
    );
  }
  return invalid('the token could not be verified', renewal(issuer), error);
}
