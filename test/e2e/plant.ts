import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  freePort,
  type PostgresStore,
  type RedisStore,
  startPostgres,
  startRedis,
} from '@scrim/embedded-stores';
import pg from 'pg';
import { type TestAuthority, testAuthority } from './certificates.ts';
import { eventually } from './stand.ts';

const run = promisify(execFile);
const APPS = fileURLToPath(new URL('../../apps/', import.meta.url));
export const CONTROL_PLANE = join(APPS, 'control-plane', 'dist', 'main.js');
export const CLI = join(APPS, 'cli', 'dist', 'main.js');
export const TARGET_PASSWORD = 'target-password-1';

/** A process of the product, and what it said. */
export class Running {
  readonly child: ChildProcess;
  #said = '';

  constructor(entry: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.child = spawn(process.execPath, [entry, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#said += chunk.toString();
      });
    }
  }

  get said(): string {
    return this.#said;
  }

  /** The first group of `pattern` once the process has said it; rejects when it ends before. */
  async says(pattern: RegExp, ms = 30_000): Promise<string> {
    const deadline = Date.now() + ms;
    for (;;) {
      const found = pattern.exec(this.#said);
      if (found) return found[1] ?? found[0];
      if (this.child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`not said: ${pattern} (exit code ${this.child.exitCode})\n${this.#said}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** Resolves with the exit code. */
  async ended(): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    return new Promise((resolve) => this.child.once('exit', (code) => resolve(code)));
  }

  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM');
    return this.ended();
  }
}

export interface Replica extends Running {
  readonly api: string;
  readonly grpc: string;
}

/** What operators run: stores with passwords, replicas of the control plane, a target that insists on TLS. */
export interface Plant {
  readonly folder: string;
  readonly authority: TestAuthority;
  readonly target: PostgresStore;
  readonly env: NodeJS.ProcessEnv;
  replica(): Promise<Replica>;
  /** `main.js admin-key SUBJECT`. */
  adminKey(subject: string): Promise<string>;
  scrim(api: string, token: string, ...args: string[]): Promise<{ stdout: string; stderr: string }>;
  stop(): Promise<void>;
}

/** The server runs as another user when the tests run as root, and wants its key to be its own. */
function giveToServer(file: string): string {
  if (process.getuid?.() === 0) chownSync(file, 65534, 65534);
  chmodSync(file, 0o600);
  return file;
}

async function startTarget(folder: string, authority: TestAuthority, setup: string): Promise<PostgresStore> {
  const files = await authority.server('target', '127.0.0.1');
  const target = await startPostgres({
    dataDir: join(folder, 'target'),
    user: 'postgres',
    password: TARGET_PASSWORD,
    database: 'shop',
    settings: { ssl: 'on', ssl_key_file: giveToServer(files.key), ssl_cert_file: files.cert },
  });
  const client = new pg.Client({ connectionString: target.url });
  await client.connect();
  await client.query(setup);
  await client.end();
  return target;
}

async function startReplica(env: NodeJS.ProcessEnv): Promise<Replica> {
  const grpc = await freePort();
  const http = await freePort();
  const own = { ...env, SCRIM_HTTP_PORT: String(http), SCRIM_GRPC_PORT: String(grpc) };
  const process = new Running(CONTROL_PLANE, [], own);
  await process.says(/"ready":true/);
  return Object.assign(process, { api: `http://127.0.0.1:${http}`, grpc: `127.0.0.1:${grpc}` });
}

interface Stores {
  readonly postgres: PostgresStore;
  readonly redis: RedisStore;
}

/** Nothing of a development stack: the mode is not even set, since production is the default. */
function environment(folder: string, { postgres, redis }: Stores, ca: string): NodeJS.ProcessEnv {
  const { SCRIM_API: _api, SCRIM_TOKEN: _token, ...inherited } = process.env;
  return {
    ...inherited,
    HOME: folder,
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    SCRIM_MODE: 'production',
    SCRIM_MASTER_KEY: randomBytes(32).toString('base64'),
    // The company's own authority, which the identity provider's certificate is from.
    NODE_EXTRA_CA_CERTS: ca,
  };
}

/** Starts stores and target; about four seconds. The target's rows come from `setup`. */
export async function startPlant(setup: string): Promise<Plant> {
  const folder = mkdtempSync(join(tmpdir(), 'scrim-production-'));
  chmodSync(folder, 0o755);
  const authority = await testAuthority(folder, 'company');
  const [postgres, redis, target] = await Promise.all([
    startPostgres({ dataDir: join(folder, 'postgres'), password: 'store-password-1', database: 'scrim' }),
    startRedis({ dataDir: join(folder, 'redis'), password: 'queue-password-1' }),
    startTarget(folder, authority, setup),
  ]);
  const env = environment(folder, { postgres, redis }, authority.ca);
  return {
    folder,
    authority,
    target,
    env,
    replica: () => startReplica(env),
    adminKey: async (subject) =>
      (await run(process.execPath, [CONTROL_PLANE, 'admin-key', subject], { env })).stdout.trim(),
    scrim: (api, token, ...args) =>
      run(process.execPath, [CLI, ...args], { env: { ...env, SCRIM_API: api, SCRIM_TOKEN: token } }),
    stop: async () => {
      await Promise.all([target.stop(), postgres.stop(), redis.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** REST as the bearer of `token`: status and parsed body. */
export async function rest<T = Record<string, unknown>>(
  api: string,
  token: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ readonly status: number; readonly body: T }> {
  const headers = {
    authorization: `Bearer ${token}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(api + path, { method, headers, ...content });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as T };
}

export interface EdgeOptions {
  readonly plant: Plant;
  readonly controlPlane: string;
  readonly data: string;
  readonly port: number;
  readonly join?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** `scrim edge` as an operator starts it, TLS required; resolves once it takes callers. */
export async function startEdge({
  plant,
  controlPlane,
  data,
  port,
  join,
  env,
}: EdgeOptions): Promise<Running> {
  const args = ['edge', ...(join === undefined ? [] : ['--join', join]), '--control-plane', controlPlane];
  const edge = new Running(CLI, [...args, '--postgres', `127.0.0.1:${port}`, '--data', data], {
    ...plant.env,
    DATABASE_URL: undefined,
    REDIS_URL: undefined,
    SCRIM_MASTER_KEY: undefined,
    SCRIM_EDGE_REQUIRE_TLS: 'true',
    SHOP_PASSWORD: TARGET_PASSWORD,
    ...env,
  });
  await edge.says(/postgres on/);
  return edge;
}

/** A caller of the edge: node-postgres that verifies the certificate unless told otherwise. */
export async function caller(
  plant: Plant,
  port: number,
  token: string,
  config: pg.ClientConfig = {},
): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'anybody',
    database: 'shop',
    password: token,
    ssl: { ca: readFileSync(plant.authority.ca, 'utf8') },
    connectionTimeoutMillis: 10_000,
    ...config,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Waits until the edge knows what was just changed at the control plane: a caller gets in. */
export function getsIn(plant: Plant, port: number, token: string, database = 'shop'): Promise<pg.Client> {
  return eventually(() => caller(plant, port, token, { database }));
}
