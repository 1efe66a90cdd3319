import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort, type PostgresStore, startPostgres } from '@scrim/embedded-stores';
import pg from 'pg';

const run = promisify(execFile);
const CLI = fileURLToPath(new URL('../../apps/cli/dist/main.js', import.meta.url));
const TARGET_PASSWORD = 'target-password-1';

export interface Ready {
  readonly api: string;
  readonly adminToken: string;
  readonly postgres: { readonly host: string; readonly port: number };
  readonly http: { readonly host: string; readonly port: number };
  readonly ssh: { readonly host: string; readonly port: number; readonly knownHosts: string };
  readonly edgePid: number;
  readonly controlPlanePid: number;
}

/** The product as a user runs it: `scrim up` as a process of its own, on a real PostgreSQL target. */
export interface Stand {
  readonly ready: () => Ready;
  readonly target: PostgresStore;
  readonly folder: string;
  /** Everything `scrim up` printed. */
  readonly output: () => string;
  /** Runs `scrim ARGS` against the stand; rejects with the exit code and stderr when it fails. */
  scrim(...args: string[]): Promise<string>;
  /** REST as the built-in administrator, or as whoever `token` is. */
  rest<T>(method: string, path: string, body?: unknown, token?: string): Promise<T>;
  /** A caller token for the connection. */
  token(options?: { caller?: string; groups?: string; connection?: string; ttl?: string }): Promise<string>;
  /** A connected node-postgres client through the edge. */
  client(token: string, database?: string, extra?: pg.ClientConfig): Promise<pg.Client>;
  /** A client straight to the target, for setting up and for comparing. */
  direct(): Promise<pg.Client>;
  stop(): Promise<void>;
}

export interface StandOptions {
  /** SQL that prepares the target's database. */
  readonly setup: string;
  /** scrim.yaml; `$HOST`, `$PORT` are the target's. The password is in SHOP_PASSWORD. */
  readonly document: string;
  readonly env?: Readonly<Record<string, string>>;
}

async function waitForFile(file: string, child: ChildProcess, output: () => string): Promise<void> {
  for (let tries = 0; tries < 1_200; tries++) {
    if (existsSync(file)) return;
    if (child.exitCode !== null) throw new Error(`scrim up ended with ${child.exitCode}\n${output()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`scrim up did not get ready within 60 s\n${output()}`);
}

async function connectTo(target: PostgresStore): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: target.url });
  await client.connect();
  return client;
}

async function prepareTarget(target: PostgresStore, setup: string): Promise<void> {
  const client = await connectTo(target);
  await client.query(setup);
  await client.end();
}

async function startTarget(folder: string, setup: string): Promise<PostgresStore> {
  const target = await startPostgres({
    dataDir: join(folder, 'target'),
    port: await freePort(),
    user: 'postgres',
    password: TARGET_PASSWORD,
    database: 'shop',
  });
  await prepareTarget(target, setup);
  return target;
}

/** `scrim up` on the target. */
interface Product {
  readonly child: ChildProcess;
  readonly env: NodeJS.ProcessEnv;
  readonly output: () => string;
  readonly ready: () => Ready;
}

async function startProduct(folder: string, target: PostgresStore, options: StandOptions): Promise<Product> {
  const file = join(folder, 'scrim.yaml');
  const text = options.document.replaceAll('$HOST', target.host).replaceAll('$PORT', String(target.port));
  writeFileSync(file, text);
  const readyFile = join(folder, 'ready.json');
  const env = { ...process.env, HOME: folder, SHOP_PASSWORD: TARGET_PASSWORD, ...options.env };
  const child = spawn(
    process.execPath,
    [CLI, 'up', '-f', file, '--ready-file', readyFile, '--data', join(folder, 'data')],
    { env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let printed = '';
  const collect = (chunk: Buffer): void => {
    printed += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const output = () => printed;
  await waitForFile(readyFile, child, output);
  return { child, env, output, ready: () => JSON.parse(readFileSync(readyFile, 'utf8')) as Ready };
}

async function runScrim({ env, ready }: Product, args: readonly string[]): Promise<string> {
  const { api, adminToken } = ready();
  const result = await run(process.execPath, [CLI, ...args], {
    env: { ...env, SCRIM_API: api, SCRIM_TOKEN: adminToken },
    maxBuffer: 256 << 20,
  });
  return result.stdout;
}

const rest =
  ({ ready }: Product): Stand['rest'] =>
  async (method, path, body, token) => {
    const response = await fetch(ready().api + path, {
      method,
      headers: {
        authorization: `Bearer ${token ?? ready().adminToken}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`);
    return answer === '' ? undefined : JSON.parse(answer);
  };

const issueToken =
  (product: Product): Stand['token'] =>
  async ({ caller = 'alice@example.com', groups = 'agents', connection = 'shop', ttl = '1h' } = {}) => {
    const who = ['--caller', caller, '--groups', groups];
    const printed = await runScrim(product, ['token', ...who, '--connection', connection, '--ttl', ttl]);
    return printed.trim();
  };

const connectThroughEdge =
  ({ ready }: Product): Stand['client'] =>
  async (token, database = 'shop', extra = {}) => {
    const { host, port } = ready().postgres;
    const client = new pg.Client({ host, port, user: 'alice', database, password: token, ...extra });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };

async function stopProduct({ child }: Product): Promise<void> {
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  if (child.exitCode !== null) return;
  child.kill('SIGTERM');
  await gone;
}

/** Starts target and stack; about three seconds. */
export async function startStand(options: StandOptions): Promise<Stand> {
  const folder = mkdtempSync(join(tmpdir(), 'scrim-e2e-'));
  // The target's server runs as an unprivileged user when the tests run as root: it must be able to enter.
  await run('chmod', ['755', folder]);
  const target = await startTarget(folder, options.setup);
  const product = await startProduct(folder, target, options);
  return {
    ready: product.ready,
    target,
    folder,
    output: product.output,
    scrim: (...args) => runScrim(product, args),
    rest: rest(product),
    token: issueToken(product),
    client: connectThroughEdge(product),
    direct: () => connectTo(target),
    stop: async () => {
      await stopProduct(product);
      await target.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Asks again until `look` finds something; rejects after `ms`. */
export async function eventually<T>(look: () => Promise<T | undefined>, ms = 40_000): Promise<T> {
  const deadline = Date.now() + ms;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited ${ms} ms in vain`, { cause: last });
}
