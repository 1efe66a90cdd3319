import { Api } from './api.ts';
import { Failure } from './failure.ts';

/** How a caller reaches a PostgreSQL connection now: an edge's address and a token of its own. */
export interface PostgresAccess {
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly token: string;
  /** True in production mode, where an edge takes no caller without TLS. */
  readonly tls: boolean;
}

/** Whom a token is asked for. */
export interface AccessOptions {
  /** Someone else than the logged-in user (development mode, administrators). */
  readonly caller?: string;
  /** Groups to carry, joined by commas. */
  readonly groups?: string;
}

interface Address {
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
}

interface WhoAmI {
  readonly subject: string;
  readonly groups: readonly string[];
}

const TTL_SECONDS = 3_600;

/** A fresh token for the connection and the edge that serves it. Throws a Failure when none does. */
export async function accessTo(
  connection: string,
  options: AccessOptions,
  protocols: readonly string[] = ['postgres'],
): Promise<PostgresAccess> {
  const api = new Api();
  const me = await api.call<WhoAmI>('GET', '/v1/whoami');
  const { token } = await api.call<{ token: string }>('POST', '/v1/tokens', {
    subject: options.caller ?? me.subject,
    groups: options.groups?.split(',') ?? me.groups,
    connections: [connection],
    ttlSeconds: TTL_SECONDS,
  });
  const { addresses } = await api.call<{ addresses: readonly Address[] }>(
    'GET',
    `/v1/connections/${encodeURIComponent(connection)}/addresses`,
  );
  const address = addresses.find((it) => protocols.includes(it.protocol));
  if (!address) {
    throw new Failure(
      `no edge serves "${connection}" now`,
      'see `scrim edge --help`, or wait until one is up',
    );
  }
  const { mode } = await api.call<{ mode: string }>('GET', '/v1/info');
  const { host, port } = address;
  return { protocol: address.protocol, host, port, database: connection, token, tls: mode === 'production' };
}
