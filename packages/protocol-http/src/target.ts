import { readFileSync } from 'node:fs';
import { type HttpConnection, type RefusalError, refuse, type Secret } from '@scrim/model';
import type { GrantDetails } from '@scrim/protocol-kit';
import { Pool } from 'undici';

/** An HTTP target with its pool of kept connections, shared by all callers of its connection. */
export interface Target {
  readonly pool: Pool;
  readonly origin: string;
  /** Path its URL begins with, without a final slash. */
  readonly base: string;
  readonly host: string;
  readonly dialect: HttpConnection['target']['dialect'];
  readonly maskRequests: boolean;
}

/** Name and value of the header that proves the edge to a target. */
export type Injected = readonly [name: string, value: string] | undefined;

/** Silence of a target after which it counts as gone, in ms: models think for minutes. */
const SILENCE_MS = 600_000;
const MAX_HEADER = 64 * 1024;
/** Connections to one target at once; requests beyond wait. */
const MAX_CONNECTIONS = 256;
/** Pools kept; the one unused longest goes first. */
const MAX_TARGETS = 256;

/** The targets of one edge, opened when first asked for. */
export class Targets {
  readonly #known = new Map<string, Target>();

  /** Throws SCRIM_TARGET_TLS when the certificates to trust cannot be read. */
  of({ connection, limits }: GrantDetails): Target {
    if (connection.protocol !== 'http') throw refuse('SCRIM_INTERNAL');
    const key = JSON.stringify([connection.name, connection.target]);
    const known = this.#known.get(key);
    if (known) return known;
    const target = open(connection, limits.targetTimeout);
    this.#known.set(key, target);
    if (this.#known.size > MAX_TARGETS) {
      const [oldest, { pool }] = this.#known.entries().next().value as [string, Target];
      this.#known.delete(oldest);
      void pool.close();
    }
    return target;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#known.values()].map(({ pool }) => pool.destroy()));
    this.#known.clear();
  }
}

function open({ name, target }: HttpConnection, connectTimeout: number): Target {
  const url = new URL(target.url);
  const { tls = 'verify-full' } = target;
  const trust =
    url.protocol === 'https:' && typeof tls === 'object'
      ? { ca: authority(name, tls['verify-full'].ca) }
      : {};
  const pool = new Pool(url.origin, {
    connect: {
      timeout: connectTimeout,
      rejectUnauthorized: tls !== 'require' && tls !== 'disable',
      ...trust,
    },
    connections: MAX_CONNECTIONS,
    headersTimeout: SILENCE_MS,
    bodyTimeout: SILENCE_MS,
    keepAliveTimeout: 30_000,
    maxHeaderSize: MAX_HEADER,
    pipelining: 1,
  });
  return {
    pool,
    origin: url.origin,
    base: url.pathname.replace(/\/+$/, ''),
    host: url.host,
    dialect: target.dialect,
    maskRequests: target.maskRequests ?? false,
  };
}

/** A PEM text, or the file that holds it. */
function authority(connection: string, ca: string): string {
  if (ca.includes('-----BEGIN')) return ca;
  try {
    return readFileSync(ca, 'utf8');
  } catch (error) {
    throw refuse('SCRIM_TARGET_TLS', {
      message: `the certificate authority of connection "${connection}" cannot be read at the edge`,
      cause: error,
    });
  }
}

/** The credential the target gets in place of the caller's token. */
export function injected(connection: HttpConnection, secrets: Readonly<Record<string, Secret>>): Injected {
  const { credential } = connection;
  if (!credential) return undefined;
  const value = secrets.value;
  if (!value) throw refuse('SCRIM_TARGET_CREDENTIAL');
  return [credential.header.toLowerCase(), `${credential.prefix ?? ''}${value.reveal()}`];
}

const TLS_FAILURES = /CERT|TLS|SSL|SELF_SIGNED|ALTNAME|UNABLE_TO_/;

/** Why a request to the target failed, in words that tell nothing of its address. */
export function targetFailure(error: Error): RefusalError {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'UND_ERR_CONNECT_TIMEOUT') {
    return refuse('SCRIM_TARGET_UNREACHABLE', { message: 'the target did not answer in time', cause: error });
  }
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return refuse('SCRIM_TARGET_BROKEN', { message: 'the target fell silent', cause: error });
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return refuse('SCRIM_LIMIT', { message: "the target's headers are too long", cause: error });
  }
  if (TLS_FAILURES.test(code)) return refuse('SCRIM_TARGET_TLS', { cause: error });
  if (['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EAI_AGAIN'].includes(code)) {
    return refuse('SCRIM_TARGET_UNREACHABLE', { cause: error });
  }
  return refuse('SCRIM_TARGET_BROKEN', { cause: error });
}
