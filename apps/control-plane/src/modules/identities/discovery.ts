import * as oidc from 'openid-client';
import { z } from 'zod';
import { ApiError } from '../../http/problem.ts';

const TIMEOUT_MS = 5_000;
/** A provider's key set is a few kilobytes; what is far larger is not one. */
const MAX_BYTES = 512 * 1024;

const jwks = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(100) });
export type Jwks = z.infer<typeof jwks>;

/** Members that make a JWK private or symmetric (RFC 7517, RFC 7518 section 6). */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

function upstream(url: string, what: string, cause?: unknown): ApiError {
  const mend = 'check the url, and that the control plane can reach it';
  return new ApiError('SCRIM_API_UPSTREAM', { detail: `issuer ${url}: ${what}`, field: 'url', mend }, cause);
}

async function readBounded(response: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw upstream(url, 'its key set is larger than 512 KiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * The issuer's present signing keys, found by OpenID Connect Discovery. Only public halves are kept. Throws
 * SCRIM_API_UPSTREAM that says what did not work.
 *
 * @param allowHttp plain http is for development: whoever sits between could swap the keys
 */
export async function fetchJwks(issuerUrl: string, allowHttp: boolean): Promise<Jwks> {
  const url = new URL(issuerUrl);
  if (url.protocol !== 'https:' && !allowHttp)
    throw upstream(issuerUrl, 'is not https, which production mode asks for');
  // The client id is asked for by the library and not sent anywhere by discovery.
  const configuration = await oidc
    .discovery(url, 'scrim', undefined, oidc.None(), {
      timeout: TIMEOUT_MS / 1000,
      ...(allowHttp && { execute: [oidc.allowInsecureRequests] }),
    })
    .catch((error: unknown) => {
      throw upstream(issuerUrl, 'its discovery document could not be read', error);
    });
  const { jwks_uri: address, issuer } = configuration.serverMetadata();
  if (issuer !== issuerUrl) throw upstream(issuerUrl, `its discovery document calls it ${issuer}`);
  if (address === undefined) throw upstream(issuerUrl, 'its discovery document names no jwks_uri');
  if (new URL(address).protocol !== 'https:' && !allowHttp)
    throw upstream(issuerUrl, 'its jwks_uri is not https');
  try {
    const options = { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) } as const;
    const response = await fetch(address, { ...options, headers: { accept: 'application/json' } });
    if (!response.ok) throw upstream(issuerUrl, `its key set answered ${response.status}`);
    const keySet = publicOnly(jwks.parse(JSON.parse(await readBounded(response, issuerUrl))));
    if (keySet.keys.length === 0)
      throw upstream(issuerUrl, 'its key set holds no key to verify signatures with');
    return keySet;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw upstream(issuerUrl, 'its key set could not be read', error);
  }
}

/** Symmetric keys are left out, private members removed: the set travels to every edge. */
function publicOnly({ keys }: Jwks): Jwks {
  const kept = keys.filter((key) => key.kty !== 'oct' && (key.use === undefined || key.use === 'sig'));
  return {
    keys: kept.map((key) => {
      const entries = Object.entries(key).filter(([name]) => !SECRET_MEMBERS.includes(name));
      return Object.fromEntries(entries) as Jwks['keys'][number];
    }),
  };
}
