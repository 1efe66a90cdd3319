import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { type StopStep, stopProcessesIn } from './process-table.ts';
import { findRedis, type RedisProgram } from './redis-programs.ts';
import { claimStoreFolder, freshFolder, type StoreFolder } from './store-folder.ts';
import { type StoreExit, type StoreProcess, startProcess } from './store-process.ts';

/** What a Redis of our own is started with. */
export interface RedisOptions {
  /** Kept between starts; made when missing. One running store per folder. */
  readonly dataDir: string;
  /** TCP port on 127.0.0.1; a free one is picked when absent. */
  readonly port?: number;
  /** Asked of every client; none when absent, and then every user of this machine may read and write it. */
  readonly password?: string;
  /** Bound on its memory in MiB, default 1024. Full means writes fail (noeviction), never that data goes. */
  readonly maxMemoryMiB?: number;
  /** Receives the server's log and the progress of getting the program, line by line. */
  readonly log?: ((line: string) => void) | undefined;
}

/** A running Redis that belongs to this process. */
export interface RedisStore {
  readonly host: string;
  readonly port: number;
  /** `redis://[:password@]host:port`: a secret when there is a password. */
  readonly url: string;
  readonly pid: number;
  /** Ends it after its append-only file is on disk, and waits; the data stays. May be called twice. */
  stop(): Promise<void>;
  /** Resolves when it has ended, whoever ended it. */
  readonly exited: Promise<StoreExit>;
}

const HOST = '127.0.0.1';
const READY_MS = 60_000;
const STOP_STEPS: readonly StopStep[] = [{ signal: 'SIGTERM', waitMs: 15_000 }];
const ORPHAN_STEPS: readonly StopStep[] = [
  { signal: 'SIGTERM', waitMs: 10_000 },
  { signal: 'SIGKILL', waitMs: 3_000 },
];

/** One argument of a redis.conf line, with every byte escaped so that no value can end the line or start another. */
function quoted(value: string): string {
  return `"${[...Buffer.from(value)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"`;
}

function configuration(data: string, port: number, options: RedisOptions): string {
  const lines = [
    `bind ${HOST}`,
    `port ${port}`,
    `dir ${quoted(data)}`,
    'daemonize no',
    'appendonly yes',
    'appendfsync everysec',
    'save ""',
    'maxmemory-policy noeviction',
    `maxmemory ${options.maxMemoryMiB ?? 1024}mb`,
    'tcp-backlog 128',
  ];
  if (options.password !== undefined) lines.push(`requirepass ${quoted(options.password)}`);
  return `${lines.join('\n')}\n`;
}

function command(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

/** Sends AUTH (with a password) and INFO on a new connection; resolves with all that came back within a second. */
function ask(port: number, password: string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: HOST, port });
    let answer = '';
    socket.setEncoding('utf8');
    socket.setTimeout(1000, () => socket.destroy());
    socket.on('connect', () => {
      const auth = password === undefined ? '' : command('AUTH', password);
      socket.write(`${auth}${command('INFO', 'server')}${command('PING')}${command('QUIT')}`);
    });
    socket.on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

/** Waits until the process that was started answers PING on `port`: not merely anything that listens there. */
async function untilReady(server: StoreProcess, port: number, password: string | undefined): Promise<void> {
  let ended: StoreExit | undefined;
  void server.exited.then((exit) => {
    ended = exit;
  });
  const until = performance.now() + READY_MS;
  while (performance.now() < until) {
    const answer = await ask(port, password).catch(() => '');
    if (answer.includes(`process_id:${server.pid}\r`) && answer.includes('+PONG')) return;
    if (ended)
      throw new Error(
        `redis-server ended at once (${ended.signal ?? `exit ${ended.code}`}):\n${server.tail()}`,
      );
    await sleep(20);
  }
  throw new Error(`redis-server was not ready after ${READY_MS / 1000} s:\n${server.tail()}`);
}

async function launch(
  program: RedisProgram,
  data: string,
  options: RedisOptions,
): Promise<{ server: StoreProcess; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const server = await startProcess(
      {
        path: program.path,
        // The configuration goes in by the pipe: on the command line every user could read the password.
        args: ['-'],
        env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', ...program.env },
        input: configuration(data, port, options),
        log: options.log,
      },
      'SIGTERM',
    );
    try {
      await untilReady(server, port, options.password);
      return { server, port };
    } catch (error) {
      await server.stop(STOP_STEPS);
      const lost = options.port === undefined && /Address already in use/.test(server.tail()) && attempt < 4;
      if (!lost) throw error;
    }
  }
}

async function startIn(folder: StoreFolder, options: RedisOptions): Promise<RedisStore> {
  const program = await findRedis({ log: options.log });
  // What runs there may have been started from another program of the kind than the one found now.
  const names = ['redis-server', 'valkey-server', basename(program.path)];
  if (existsSync(folder.data)) await stopProcessesIn(folder.data, names, ORPHAN_STEPS);
  else freshFolder(folder.data);
  const { server, port } = await launch(program, folder.data, options);
  folder.holds(server.pid);
  const exited = server.exited.then((exit) => {
    folder.release();
    return exit;
  });
  const secret = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`;
  return {
    host: HOST,
    port,
    url: `redis://${secret}${HOST}:${port}`,
    pid: server.pid,
    exited,
    stop: async () => {
      await server.stop(STOP_STEPS);
      await exited;
    },
  };
}

/**
 * Starts a Redis of our own on 127.0.0.1 and resolves when it answers. Its append-only file is flushed once a second:
 * a killed server loses nothing it acknowledged, a lost machine up to the last second.
 *
 * A later start on the folder loads what is there, and first ends a server still running on it whose starter is dead.
 * As root the server runs as `nobody`. It does not outlive an orderly exit of this process; after a kill -9 of this
 * process it does, until the next start.
 *
 * @throws Error when no program can be had, the folder is in use by a living process, the port is taken, or the server
 * does not come up (its last lines are in the message).
 */
export async function startRedis(options: RedisOptions): Promise<RedisStore> {
  if (options.password === '') throw new Error('the Redis password must not be empty; leave it out for none');
  const folder = claimStoreFolder(options.dataDir);
  try {
    return await startIn(folder, options);
  } catch (error) {
    folder.release();
    throw error;
  }
}
