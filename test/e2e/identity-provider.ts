import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import Provider, { type Configuration } from 'oidc-provider';
import type { ServerFiles } from './certificates.ts';

/** A real OpenID provider over https on 127.0.0.1, and tokens bent by hand but signed by its own key. */
export interface IdentityProvider {
  readonly url: string;
  /** What somebody's login gives: an ID token by authorization code and PKCE. Groups are `engineers` and `agents`. */
  idToken(account: string): Promise<string>;
  /** Any claims under the provider's key; `header` may name another algorithm to pretend. */
  sign(claims: JWTPayload): Promise<string>;
  stop(): Promise<void>;
}

export const CLIENT = {
  id: 'scrim',
  secret: 'client-secret-of-the-test',
  redirect: 'https://client.test/cb',
};

interface Answer {
  readonly url: string;
  readonly status: number;
  readonly location?: string;
  readonly cookies: readonly string[];
  readonly text: string;
}

async function answerOf(url: string, response: IncomingMessage): Promise<Answer> {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  const { location } = response.headers;
  const cookies = response.headers['set-cookie'] ?? [];
  return { url, status: response.statusCode ?? 0, ...(location ? { location } : {}), cookies, text };
}

function send(
  url: string,
  ca: Buffer,
  headers: Record<string, string>,
  body?: URLSearchParams,
): Promise<Answer> {
  const form = body ? { 'content-type': 'application/x-www-form-urlencoded' } : {};
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { ca, method: body ? 'POST' : 'GET', headers: { ...form, ...headers } });
    outgoing.once('error', reject);
    outgoing.once('response', (response) => {
      answerOf(url, response).then(resolve, reject);
    });
    outgoing.end(body?.toString());
  });
}

/** The browser of a test: keeps cookies, follows redirects, stops where the client would take over. */
class Browser {
  readonly #cookies = new Map<string, string>();
  readonly #ca: Buffer;

  constructor(ca: Buffer) {
    this.#ca = ca;
  }

  async visit(url: string, body?: URLSearchParams): Promise<string> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await send(url, this.#ca, { cookie }, body);
    for (const line of answer.cookies) {
      const [pair = ''] = line.split(';');
      const at = pair.indexOf('=');
      this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    if (answer.location === undefined) {
      if (answer.status >= 400) throw new Error(`the provider answered ${answer.status}: ${answer.text}`);
      return url;
    }
    const to = new URL(answer.location, url).href;
    return to.startsWith(CLIENT.redirect) ? to : this.visit(to);
  }
}

function configuration(jwk: object): Configuration {
  return {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: [CLIENT.redirect],
        grant_types: ['authorization_code'],
        response_types: ['code'],
      },
    ],
    jwks: { keys: [jwk as never] },
    claims: { openid: ['sub', 'groups'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['a key of the test'] },
    features: { devInteractions: { enabled: true } },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: id, email_verified: true, groups: ['engineers', 'agents'] }),
    }),
  };
}

const form = (entries: Record<string, string>) => new URLSearchParams(entries);

async function login(url: string, ca: Buffer, account: string): Promise<string> {
  const verifier = 'v'.repeat(64);
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  const browser = new Browser(ca);
  const query = form({
    client_id: CLIENT.id,
    redirect_uri: CLIENT.redirect,
    response_type: 'code',
    scope: 'openid email',
    code_challenge: Buffer.from(digest).toString('base64url'),
    code_challenge_method: 'S256',
  });
  const page = await browser.visit(`${url}/auth?${query}`);
  const consent = await browser.visit(page, form({ prompt: 'login', login: account, password: 'x' }));
  const done = await browser.visit(consent, form({ prompt: 'consent' }));
  const code = new URL(done).searchParams.get('code') ?? '';
  const basic = Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64');
  const exchange = form({
    grant_type: 'authorization_code',
    code,
    redirect_uri: CLIENT.redirect,
    code_verifier: verifier,
  });
  const answer = await send(`${url}/token`, ca, { authorization: `Basic ${basic}` }, exchange);
  return (JSON.parse(answer.text) as { id_token: string }).id_token;
}

/** Starts it with a certificate of `caFile`'s authority for 127.0.0.1. */
export async function startIdentityProvider(files: ServerFiles, caFile: string): Promise<IdentityProvider> {
  const ca = readFileSync(caFile);
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), kid: 'provider-1', use: 'sig', alg: 'RS256' };
  const server: Server = createServer({ key: readFileSync(files.key), cert: readFileSync(files.cert) });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const answer = new Provider(url, configuration(jwk)).callback();
  // The provider words its own failures as responses, so nothing is lost with its promise.
  server.on('request', (request, response) => void answer(request, response));
  return {
    url,
    idToken: (account) => login(url, ca, account),
    sign: (claims) =>
      new SignJWT({ iss: url, aud: CLIENT.id, ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: 'provider-1' })
        .setExpirationTime((claims.exp as number | undefined) ?? '10m')
        .sign(privateKey),
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
