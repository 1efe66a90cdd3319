import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { giveTo, storeAccount } from './account.ts';
import { freePort } from './free-port.ts';
import { findPostgres, type PostgresPrograms } from './postgres-programs.ts';
import { type StopStep, stopProcessesIn } from './process-table.ts';
import { claimStoreFolder, freshFolder, type StoreFolder } from './store-folder.ts';
import { type StoreExit, type StoreProcess, startProcess } from './store-process.ts';

/** What a PostgreSQL of our own is started with. */
export interface PostgresOptions {
  /** Kept between starts; made when missing. One running store per folder. */
  readonly dataDir: string;
  /** TCP port on 127.0.0.1; a free one is picked when absent. */
  readonly port?: number;
  /** Created when missing; default `postgres`. */
  readonly database?: string;
  /** The superuser made by the first start; default `scrim`. */
  readonly user?: string;
  /** Its password (SCRAM-SHA-256). Must be the same at every start on one data folder. */
  readonly password: string;
  /** Server settings beyond ours, as for `postgres -c name=value` (tests: `ssl`, `password_encryption`). */
  readonly settings?: Readonly<Record<string, string>>;
  /** Receives the server's log, line by line. Statements and values are never in it. */
  readonly log?: ((line: string) => void) | undefined;
}

/** A running PostgreSQL that belongs to this process. */
export interface PostgresStore {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** `postgresql://user:password@host:port/database`: a secret, as it holds the password. */
  readonly url: string;
  /** The postmaster's process number. */
  readonly pid: number;
  /** Ends it the fast way (open transactions are rolled back) and waits; the data stays. May be called twice. */
  stop(): Promise<void>;
  /** Resolves when it has ended, whoever ended it. */
  readonly exited: Promise<StoreExit>;
}

const HOST = '127.0.0.1';
/** Crash recovery replays at most one checkpoint's distance of WAL: seconds; a minute means something is wrong. */
const READY_MS = 60_000;
/** PostgreSQL's own words: SIGINT = fast shutdown, SIGQUIT = immediate shutdown (recovers at the next start). */
const STOP_STEPS: readonly StopStep[] = [
  { signal: 'SIGINT', waitMs: 15_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
];
/** For what a dead starter left: backends whose postmaster is gone ignore SIGINT while idle, so SIGQUIT follows soon. */
const ORPHAN_STEPS: readonly StopStep[] = [
  { signal: 'SIGINT', waitMs: 3_000 },
  { signal: 'SIGQUIT', waitMs: 3_000 },
  { signal: 'SIGKILL', waitMs: 3_000 },
];

/** Nothing of the caller's PG* variables or locale may change what the server does. */
const SERVER_ENV: Readonly<Record<string, string>> = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** What initdb said, without the statements it quotes: one of them sets the password. */
function withoutStatements(said: string): string {
  const lines = said.split('\n').filter((line) => !/STATEMENT|PASSWORD/i.test(line));
  return lines.join('\n').trim();
}

function initialise(programs: PostgresPrograms, data: string, user: string, password: string): void {
  const part = `${data}.new`;
  const secret = `${data}.password`;
  freshFolder(part);
  writeFileSync(secret, `${password}\n`, { mode: 0o600 });
  giveTo(storeAccount(), secret);
  try {
    const done = spawnSync(
      join(programs.bin, 'initdb'),
      ['-D', part, '-U', user, `--pwfile=${secret}`, '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C'],
      { ...storeAccount(), cwd: '/', env: { ...SERVER_ENV }, encoding: 'utf8' },
    );
    if (done.status !== 0) {
      throw new Error(
        `initdb (${programs.from}) failed: ${done.error?.message ?? withoutStatements(done.stderr)}`,
      );
    }
  } finally {
    rmSync(secret, { force: true });
  }
  // Only a finished cluster gets the name a start looks for: a kill during initdb leaves nothing half made.
  renameSync(part, data);
}

function majorOf(programs: PostgresPrograms): string {
  const said = spawnSync(join(programs.bin, 'postgres'), ['--version'], {
    cwd: '/',
    env: { ...SERVER_ENV },
    encoding: 'utf8',
  });
  const major = /\(PostgreSQL\) (\d+)/.exec(said.stdout ?? '')?.[1];
  if (!major) {
    throw new Error(`${programs.bin}/postgres does not run: ${said.error?.message ?? said.stderr.trim()}`);
  }
  return major;
}

function checkVersion(programs: PostgresPrograms, dataDir: string, data: string): void {
  const made = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
  const have = majorOf(programs);
  if (made === have) return;
  throw new Error(
    `the data folder ${dataDir} was made by PostgreSQL ${made}, but ${programs.from} is PostgreSQL ${have}. ` +
      `Set SCRIM_PG_BIN to the bin folder of a PostgreSQL ${made}, or move the folder away to start empty.`,
  );
}

function serverArgs(data: string, port: number, settings: Readonly<Record<string, string>>): string[] {
  const all: Record<string, string> = {
    listen_addresses: HOST,
    port: String(port),
    // No socket file: a path longer than 107 bytes or an unwritable folder would stop the start.
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Error lines would otherwise carry statement texts and row values into our logs.
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    ...settings,
  };
  return ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/** Connects with the password and makes the database when missing: proof that it is ours and answers. */
async function openDatabase(store: Omit<PostgresStore, 'stop' | 'exited' | 'pid' | 'url'>, dataDir: string) {
  const { host, port, user, password, database } = store;
  const client = new pg.Client({
    host,
    port,
    user,
    password,
    database: 'postgres',
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const found = await client.query('select 1 from pg_database where datname = $1', [database]);
    if (found.rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(database)}`);
  } catch (error) {
    if ((error as { code?: string }).code !== '28P01') throw error;
    throw new Error(
      `the PostgreSQL data in ${dataDir} was made with another password or user than "${user}" now has. ` +
        'Use the one of the first start, or move the folder away to start empty.',
    );
  } finally {
    await client.end().catch(() => {});
  }
}

function isPortTaken(process: StoreProcess): boolean {
  return /could not bind IPv4 address|Address already in use/.test(process.tail());
}

async function launch(
  programs: PostgresPrograms,
  data: string,
  options: PostgresOptions,
): Promise<{ server: StoreProcess; port: number }> {
  const until = performance.now() + READY_MS;
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const server = await startProcess(
      {
        path: join(programs.bin, 'postgres'),
        args: serverArgs(data, port, options.settings ?? {}),
        env: SERVER_ENV,
        log: options.log,
      },
      'SIGINT',
    );
    try {
      await server.printed(/database system is ready to accept connections/, READY_MS);
      return { server, port };
    } catch (error) {
      await server.stop(STOP_STEPS);
      const lost = options.port === undefined && isPortTaken(server) && attempt < 4;
      // The kernel frees a killed cluster's shared memory only when its last backend is gone.
      const lingering =
        /shared memory block .* still in use/.test(server.tail()) && performance.now() < until;
      if (!lost && !lingering) throw error;
      await sleep(lingering ? 200 : 0);
    }
  }
}

async function startIn(folder: StoreFolder, options: PostgresOptions): Promise<PostgresStore> {
  const { dataDir, password, user = 'scrim', database = 'postgres' } = options;
  const programs = findPostgres();
  if (existsSync(folder.data)) {
    await stopProcessesIn(folder.data, ['postgres'], ORPHAN_STEPS);
    checkVersion(programs, dataDir, folder.data);
  } else {
    initialise(programs, folder.data, user, password);
  }
  const { server, port } = await launch(programs, folder.data, options);
  folder.holds(server.pid);
  const access = { host: HOST, port, user, password, database };
  try {
    await openDatabase(access, dataDir);
  } catch (error) {
    await server.stop(STOP_STEPS);
    throw error;
  }
  const exited = server.exited.then((exit) => {
    folder.release();
    return exit;
  });
  return {
    ...access,
    url: `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${HOST}:${port}/${encodeURIComponent(database)}`,
    pid: server.pid,
    exited,
    stop: async () => {
      await server.stop(STOP_STEPS);
      await exited;
    },
  };
}

function checkOptions({ password, user = '', database = '' }: PostgresOptions): void {
  if (password === '' || /[\n\r\0]/.test(password)) {
    throw new Error('the PostgreSQL password must not be empty or hold line breaks');
  }
  // What PostgreSQL's own initial scripts do not bear in the name of the first user.
  if (/["$'\\\0]/.test(user)) throw new Error('the PostgreSQL user must not hold quotes, $ or backslashes');
  // The server would cut a longer name and then not find it again.
  if (Buffer.byteLength(database) > 63 || database.includes('\0')) {
    throw new Error(`the database name "${database}" is longer than 63 bytes`);
  }
}

/**
 * Starts a PostgreSQL of our own on 127.0.0.1 and resolves when it answers with the given password.
 *
 * The first start on a data folder makes the cluster. A later one recovers what a kill or crash left, and first ends
 * servers still running on the folder whose starter is dead. As root the server runs as `nobody` (PostgreSQL refuses
 * root). It does not outlive an orderly exit of this process; after a kill -9 of this process it does, until the next
 * start.
 *
 * @throws Error when an option is not usable, no program is found, the folder is in use by a living process, was made by another major version
 * or with another password, the port is taken, or the server does not come up (its last lines are in the message).
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresStore> {
  checkOptions(options);
  const folder = claimStoreFolder(options.dataDir);
  try {
    return await startIn(folder, options);
  } catch (error) {
    folder.release();
    throw error;
  }
}
