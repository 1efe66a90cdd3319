import { type Caller, RefusalError, refuse, type Secret, type Snapshot } from '@scrim/model';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { CallerCache } from './caller-cache.ts';
import { certifiedCaller } from './certificate.ts';
import { invalid, renewal } from './failure.ts';
import { type IssuerVerifier, issuerVerifier } from './issuer-token.ts';
import { SCRIM_TYPE, type ScrimVerifier, scrimVerifier } from './scrim-token.ts';

export interface IdentifierOptions {
  /** The snapshot in force; throws a RefusalError when there is none. */
  readonly snapshot: () => Snapshot;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Clocks of issuer and edge may differ by this much; default 30. */
  readonly leewaySeconds?: number;
  /** Verified tokens remembered; default 10,000. */
  readonly cacheSize?: number;
}

/** Says who presents a token, without asking anybody. */
export interface Identifier {
  /** @throws RefusalError SCRIM_AUTH_*, with a hint; never a word of the token. */
  identify(token: Secret): Promise<Caller>;
  /** Who holds a user certificate; that it is held was proven before. @throws RefusalError SCRIM_AUTH_* */
  identifyCertificate(certificate: Uint8Array): Promise<Caller>;
}

/** ID tokens with many groups reach a few kB; nothing longer is parsed. */
const MAX_TOKEN = 16 * 1024;

/** Verifiers built once per snapshot: importing keys for every token would cost more than checking it. */
interface Trust {
  readonly version: string;
  readonly scrim: ScrimVerifier;
  readonly issuers: ReadonlyMap<string, IssuerVerifier>;
}

function trustOf(snapshot: Snapshot, leeway: number): Trust {
  return {
    version: snapshot.version,
    scrim: scrimVerifier(snapshot.tokens.scrim, leeway),
    issuers: new Map(
      snapshot.tokens.issuers.map((issuer) => [issuer.issuer, issuerVerifier(issuer, leeway)]),
    ),
  };
}

/** Picks the verifier by what the token claims to be; the verifier then makes sure that it is. */
function verifierFor(token: string, trust: Trust): IssuerVerifier {
  let type: string | undefined;
  let issuer: string | undefined;
  try {
    type = decodeProtectedHeader(token).typ?.toLowerCase();
    issuer = decodeJwt(token).iss;
  } catch {
    throw invalid(
      'what was presented as password is not a token',
      'give a Scrim token or an ID token where the client asks for the password',
    );
  }
  if (type === SCRIM_TYPE) return trust.scrim;
  const verifier = typeof issuer === 'string' ? trust.issuers.get(issuer) : undefined;
  if (verifier !== undefined) return verifier;
  throw invalid(
    'the token is of an issuer this gateway does not trust',
    'use a token of a configured identity provider, or a Scrim token',
  );
}

/** The revoked ids of one list, looked up by hash; lists are replaced, never changed, so identity is a safe key. */
function revokedIds(memo: WeakMap<object, ReadonlySet<string>>, snapshot: Snapshot): ReadonlySet<string> {
  const list = snapshot.tokens.revoked;
  const known = memo.get(list);
  if (known !== undefined) return known;
  const made = new Set(list.map(({ tokenId }) => tokenId));
  memo.set(list, made);
  return made;
}

/**
 * Makes the edge's identify step: Scrim tokens and ID tokens checked against the keys of the snapshot. A verified
 * token is remembered by its hash until it expires; a new snapshot forgets them all, because it may trust less;
 * revocation is looked at every time.
 */
export function createIdentifier(options: IdentifierOptions): Identifier {
  const cache = new CallerCache(options.cacheSize ?? 10_000);
  const leeway = options.leewaySeconds ?? 30;
  const revoked = new WeakMap<object, ReadonlySet<string>>();
  let trust: Trust | undefined;

  function currentTrust(snapshot: Snapshot): Trust {
    if (trust?.version !== snapshot.version) {
      trust = trustOf(snapshot, leeway);
      cache.clear();
    }
    return trust;
  }

  async function verified(token: string, now: number): Promise<Caller> {
    const used = currentTrust(options.snapshot());
    const key = CallerCache.keyOf(token);
    const known = cache.get(key, now);
    if (known !== undefined) return known;
    const caller = await verifierFor(token, used)(token, now);
    // A snapshot that came meanwhile may no longer trust the key: then the result is used once, not kept.
    if (trust === used) cache.set(key, caller);
    return caller;
  }

  function notRevoked(caller: Caller): Caller {
    if (!revokedIds(revoked, options.snapshot()).has(caller.tokenId)) return caller;
    throw refuse('SCRIM_AUTH_REVOKED', { hint: renewal(caller.issuer) });
  }

  return {
    async identifyCertificate(certificate) {
      return notRevoked(certifiedCaller(certificate, options.snapshot(), options.now(), leeway));
    },
    async identify(secret) {
      const token = secret.reveal().trim();
      if (token === '') {
        throw refuse('SCRIM_AUTH_MISSING', {
          hint: 'give a Scrim token or an ID token where the client asks for the password',
        });
      }
      if (token.length > MAX_TOKEN) throw invalid('the token is too long', `it may have ${MAX_TOKEN} bytes`);
      try {
        return notRevoked(await verified(token, options.now()));
      } catch (error) {
        if (error instanceof RefusalError) throw error;
        throw invalid('the token could not be verified', 'get a new token', error);
      }
    },
  };
}
