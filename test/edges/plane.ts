import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ControlPlane, createControlPlane, readConfig, type Sources } from '@scrim/control-plane';
import { type ControlLink, type ControlLinkOptions, openControlLink } from '@scrim/edge';
import { startPostgres, startRedis } from '@scrim/embedded-stores';
import type { Connection, Snapshot } from '@scrim/model';
import pg from 'pg';

export const ADMIN_TOKEN = 'test-administrator-token';

export interface Stores {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly folder: string;
  readonly pool: pg.Pool;
  /** Stops Redis, runs `work`, and starts it again where it was. */
  withoutRedis(work: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

export async function startStores(): Promise<Stores> {
  const folder = mkdtempSync(join(tmpdir(), 'scrim-edges-'));
  const password = randomBytes(12).toString('hex');
  const redisDir = join(folder, 'redis');
  const [postgres, firstRedis] = await Promise.all([
    startPostgres({ dataDir: join(folder, 'postgres'), password, settings: { fsync: 'off' } }),
    startRedis({ dataDir: redisDir }),
  ]);
  let redis = firstRedis;
  const pool = new pg.Pool({ connectionString: postgres.url, max: 2 });
  // Ours is told too when the server stops.
  pool.on('error', () => {});
  return {
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    folder,
    pool,
    async withoutRedis(work) {
      await redis.stop();
      try {
        await work();
      } finally {
        redis = await startRedis({ dataDir: redisDir, port: redis.port });
      }
    },
    async stop() {
      await pool.end();
      await Promise.all([postgres.stop(), redis.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function connection(name: string, over: Partial<Connection> = {}): Connection {
  return {
    name,
    protocol: 'postgres',
    target: { host: '127.0.0.1', port: 5432, database: name, tls: 'disable' },
    credential: { username: 'app', password: { value: `secret-of-${name}` } },
    labels: {},
    ...over,
  } as Connection;
}

/** What administrators have configured, to be changed by a test; replicas given the same one see the same. */
export interface Content {
  connections: Connection[];
  policies: Snapshot['policies'];
  revoked: Snapshot['tokens']['revoked'];
}

export function content(): Content {
  return { connections: [connection('shop')], policies: [], revoked: [] };
}

function sourcesOf(content: Content): Sources {
  return {
    connections: async () => content.connections,
    policies: async () => content.policies,
    trust: async () => ({ scrim: [], issuers: [] }),
    revoked: async () => content.revoked,
    maskingKey: async () => Buffer.alloc(32, 9).toString('base64'),
    queue: async () => ({ url: 'redis://127.0.0.1:1', prefix: 'scrim' }),
  };
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers of every shape
  readonly body: any;
}

export interface Replica {
  readonly plane: ControlPlane;
  /** `host:port` edges dial. */
  readonly address: string;
  call(method: string, path: string, body?: unknown, bearer?: string): Promise<Answer>;
  joinToken(edgeName: string): Promise<string>;
  /** Tells every replica that something changed. */
  changed(): Promise<void>;
  stop(): Promise<void>;
}

export interface ReplicaOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly now?: () => number;
}

/** A whole control plane on real stores, its REST and gRPC on real sockets. */
export async function startReplica(
  stores: Stores,
  content: Content,
  options: ReplicaOptions = {},
): Promise<Replica> {
  const config = readConfig({
    DATABASE_URL: stores.databaseUrl,
    REDIS_URL: stores.redisUrl,
    SCRIM_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
    SCRIM_MODE: 'development',
    SCRIM_ADMIN_TOKEN: ADMIN_TOKEN,
    SCRIM_HTTP_PORT: '0',
    SCRIM_GRPC_PORT: '0',
    SCRIM_LOG_LEVEL: process.env.SCRIM_TEST_LOG ?? 'silent',
    SCRIM_RATE_LIMIT: '1000000',
    ...options.environment,
  });
  const plane = await createControlPlane(config, {
    sources: sourcesOf(content),
    ...(options.now && { now: options.now }),
  });
  const { port } = await plane.start();
  const call: Replica['call'] = async (method, path, body, bearer = ADMIN_TOKEN) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${bearer}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
  };
  return {
    plane,
    address: `127.0.0.1:${plane.grpcPort()}`,
    call,
    joinToken: async (edgeName) => {
      const made = await call('POST', '/v1/join-tokens', { edgeName, ttlSeconds: 600 });
      if (made.status !== 201) throw new Error(JSON.stringify(made.body));
      return made.body.token;
    },
    changed: async () => {
      await plane.context.bus.publish('scrim:changes', { what: 'policies', names: [] });
    },
    stop: () => plane.stop(),
  };
}

export const CAPABILITIES = { version: 'test', protocols: { postgres: '{"hold":true}' } } as const;

/** Opens a real edge's link; what it reports as a problem is kept. */
export async function openEdge(
  stores: Stores,
  address: string,
  name: string,
  over: Partial<ControlLinkOptions> = {},
): Promise<ControlLink & { readonly problems: string[]; readonly dataDir: string }> {
  const problems: string[] = [];
  const dataDir = over.dataDir ?? join(stores.folder, `edge-${name}`);
  const link = await openControlLink({
    dataDir,
    address,
    name,
    capabilities: CAPABILITIES,
    heartbeatMs: 300,
    onProblem: (what, error) => problems.push(error === undefined ? what : `${what}: ${String(error)}`),
    ...over,
  });
  return Object.assign(link, { problems, dataDir });
}

/** Waits until `probe` gives something, for at most `ms`; returns it with the milliseconds it took. */
export async function until<T>(
  probe: () => T | undefined | false | null | Promise<T | undefined | false | null>,
  ms = 5_000,
): Promise<{ readonly value: T; readonly took: number }> {
  const start = performance.now();
  for (;;) {
    const value = await probe();
    const took = performance.now() - start;
    if (value !== undefined && value !== false && value !== null) return { value, took };
    if (took > ms) throw new Error(`nothing within ${ms} ms: ${probe}`);
    await sleep(5);
  }
}
