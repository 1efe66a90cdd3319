import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Snapshot } from '@scrim/model';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

/** Fixtures for tests of this folder and of what builds on it. */

type Keys = Awaited<ReturnType<typeof generateKeyPair>>;

/** A key pair and what a snapshot says of it. */
export interface TestKey {
  readonly jwk: Snapshot['tokens']['scrim'][number];
  sign(payload: JWTPayload, header?: { typ?: string; alg?: string; kid?: string }): Promise<string>;
}

export async function testKey(alg: string, kid: string): Promise<TestKey> {
  const keys: Keys = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(keys.publicKey)), kid, alg };
  return {
    jwk: jwk as TestKey['jwk'],
    sign: (payload, header = {}) =>
      new SignJWT(payload).setProtectedHeader({ alg, kid, ...header }).sign(keys.privateKey),
  };
}

/** A snapshot that trusts what it is given and serves nothing. */
export function testSnapshot(tokens: Partial<Snapshot['tokens']>, version = 'v1'): Snapshot {
  return {
    version,
    edgeId: 'edge',
    issuedAt: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
    connections: [],
    policies: [],
    tokens: { scrim: [], issuers: [], revoked: [], ...tokens },
    maskingKey: Buffer.alloc(32).toString('base64'),
    queue: { url: 'redis://127.0.0.1:1', prefix: 'scrim' },
  };
}

/** A real OpenID provider on a free port of 127.0.0.1. */
export interface TestProvider {
  readonly url: string;
  readonly jwks: Snapshot['tokens']['scrim'];
  /** An access token in JWT form, by client credentials. */
  clientToken(): Promise<string>;
  /** An ID token, by authorization code + PKCE through the provider's own development pages. */
  idToken(account: string): Promise<string>;
  close(): Promise<void>;
}

/** Follows redirects by hand with a cookie jar: the browser of a test. */
class Browser {
  readonly #cookies = new Map<string, string>();

  async visit(url: string, body?: URLSearchParams): Promise<{ url: string; text: string }> {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(body ? { method: 'POST', body } : {}),
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const at = pair.indexOf('=');
      this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    const location = response.headers.get('location');
    if (location === null) return { url, text: await response.text() };
    const to = new URL(location, url).href;
    return to.startsWith('http://client.test/') ? { url: to, text: '' } : this.visit(to);
  }
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const CLIENT = { id: 'gateway', secret: 'a-test-secret', redirect: 'http://client.test/cb' };

function configuration(jwk: unknown) {
  return {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: [CLIENT.redirect],
        grant_types: ['authorization_code', 'client_credentials'],
        response_types: ['code'],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys: [jwk] },
    scopes: ['openid', 'email'],
    claims: { openid: ['sub', 'realm_access'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['test'] },
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        email: id,
        email_verified: !id.startsWith('unverified'),
        realm_access: { roles: ['engineers', 'dba'] },
      }),
    }),
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:scrim',
        getResourceServerInfo: () => ({
          scope: '',
          audience: 'scrim-edge',
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  };
}

function form(entries: Record<string, string>): URLSearchParams {
  return new URLSearchParams(entries);
}

async function tokens(url: string, entries: Record<string, string>): Promise<Record<string, string>> {
  const response = await fetch(`${url}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64')}` },
    body: form(entries),
  });
  const answer = (await response.json()) as Record<string, string>;
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer;
}

async function codeFor(url: string, account: string, challenge: string): Promise<string> {
  const browser = new Browser();
  const query = form({
    client_id: CLIENT.id,
    redirect_uri: CLIENT.redirect,
    response_type: 'code',
    scope: 'openid email',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  });
  const login = await browser.visit(`${url}/auth?${query}`);
  const consent = await browser.visit(login.url, form({ prompt: 'login', login: account, password: 'x' }));
  const done = await browser.visit(consent.url, form({ prompt: 'consent' }));
  return new URL(done.url).searchParams.get('code') ?? '';
}

export async function testProvider(): Promise<TestProvider> {
  const { Provider } = (await import('oidc-provider' as string)) as {
    Provider: new (url: string, configuration: unknown) => { callback(): Parameters<Server['on']>[1] };
  };
  const keys = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(keys.privateKey)), kid: 'provider', alg: 'ES256', use: 'sig' };
  const server = createServer();
  const url = await listen(server);
  server.on('request', new Provider(url, configuration(jwk)).callback());
  const { keys: jwks } = (await (await fetch(`${url}/jwks`)).json()) as { keys: TestProvider['jwks'] };
  return {
    url,
    jwks,
    clientToken: async () =>
      (await tokens(url, { grant_type: 'client_credentials', resource: 'urn:scrim' })).access_token ?? '',
    idToken: async (account) => {
      const verifier = 'v'.repeat(64);
      const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
      const code = await codeFor(url, account, Buffer.from(digest).toString('base64url'));
      const answer = await tokens(url, {
        grant_type: 'authorization_code',
        code,
        redirect_uri: CLIENT.redirect,
        code_verifier: verifier,
      });
      return answer.id_token ?? '';
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
