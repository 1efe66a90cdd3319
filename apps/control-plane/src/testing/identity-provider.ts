import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import Provider from 'oidc-provider';

/** A real OpenID provider on a port of its own, and tokens signed by its key. */
export interface TestIdentityProvider {
  readonly url: string;
  /** An ID token as the provider signs them; claims and header can be bent. */
  sign(claims: JWTPayload, header?: Record<string, unknown>): Promise<string>;
  /** New signing key, the old one gone: what a provider does now and then. */
  rotate(): Promise<void>;
  stop(): Promise<void>;
}

interface SigningKey {
  readonly jwk: JWK;
  readonly key: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
}

async function signingKey(kid: string): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { jwk: { ...(await exportJWK(privateKey)), kid, use: 'sig', alg: 'RS256' }, key: privateKey };
}

export const CLIENT_ID = 'scrim-cli';

export async function startTestIdentityProvider(): Promise<TestIdentityProvider> {
  let current = await signingKey('key-1');
  let server: Server | undefined;
  let port = 0;
  const url = () => `http://127.0.0.1:${port}`;
  const serve = async (): Promise<void> => {
    server?.closeAllConnections();
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
    // The address is part of the configuration, so the port is taken before the provider is made.
    const { createServer } = await import('node:http');
    let handle: ((request: never, response: never) => void) | undefined;
    server = createServer((request, response) => handle?.(request as never, response as never));
    const listening = server;
    await new Promise<void>((resolve) => listening.listen(port, '127.0.0.1', resolve));
    port = (listening.address() as AddressInfo).port;
    const provider = new Provider(url(), {
      clients: [
        { client_id: CLIENT_ID, client_secret: 'x'.repeat(32), redirect_uris: ['http://127.0.0.1/callback'] },
      ],
      jwks: { keys: [current.jwk] },
    } as ConstructorParameters<typeof Provider>[1]);
    handle = provider.callback() as unknown as typeof handle;
  };
  await serve();
  return {
    url: url(),
    sign: (claims, header = {}) =>
      new SignJWT({ iss: url(), aud: CLIENT_ID, sub: '42', ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: current.jwk.kid as string, ...header })
        .setIssuedAt()
        .setExpirationTime((claims.exp as number | undefined) ?? '10m')
        .sign(current.key),
    async rotate() {
      current = await signingKey('key-2');
      await serve();
    },
    async stop() {
      server?.closeAllConnections();
      await new Promise((resolve) => server?.close(resolve));
    },
  };
}
