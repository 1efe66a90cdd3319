import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, jest, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { isAlive, markOf } from './process-table.ts';
import { type RedisStore, startRedis } from './redis.ts';

jest.setTimeout(120_000);

const PASSWORD = 'two words\n"quoted" #1 é';
const folder = mkdtempSync(join(tmpdir(), 'scrim-redis-test-'));
chmodSync(folder, 0o755);
const dataDir = join(folder, 'queue');
const started: RedisStore[] = [];

async function start(options: Partial<Parameters<typeof startRedis>[0]> = {}): Promise<RedisStore> {
  const store = await startRedis({ dataDir, password: PASSWORD, ...options });
  started.push(store);
  return store;
}

async function ask<T>(store: { url: string }, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(store.url, {
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    lazyConnect: true,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return await question(client);
  } finally {
    client.disconnect();
  }
}

async function firstLine(port: number, command: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.write(command);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString();
}

afterEach(async () => {
  for (const store of started.splice(0)) await store.stop();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('asks for the password, never evicts, and flushes its append-only file every second', async () => {
  const store = await start();
  const settings = await ask(store, async (client) =>
    Promise.all(
      ['maxmemory-policy', 'appendonly', 'appendfsync', 'bind', 'maxmemory'].map(async (name) =>
        String(((await client.config('GET', name)) as string[])[1]),
      ),
    ),
  );
  expect(settings).toEqual(['noeviction', 'yes', 'everysec', '127.0.0.1', String(1024 * 1024 * 1024)]);
  expect(await firstLine(store.port, 'GET x\r\n')).toMatch(/^-NOAUTH/);
  expect(readFileSync(`/proc/${store.pid}/cmdline`, 'latin1')).not.toContain('quoted');
});

test('keeps the data over stop and start, and over a kill', async () => {
  const first = await start();
  await ask(first, (client) => client.set('stopped', 'yes'));
  await first.stop();
  await first.stop();
  const second = await start({ port: first.port });
  expect(second.port).toBe(first.port);
  await ask(second, (client) => client.set('killed', 'yes'));
  await sleep(50);
  process.kill(second.pid, 'SIGKILL');
  expect(await second.exited).toEqual({ code: null, signal: 'SIGKILL' });
  const third = await start();
  expect(await ask(third, (client) => client.mget('stopped', 'killed'))).toEqual(['yes', 'yes']);
});

test('refuses a folder that a living process holds', async () => {
  const first = await start();
  await expect(start()).rejects.toThrow(`in use by process ${process.pid}`);
  expect(await ask(first, (client) => client.ping())).toBe('PONG');
});

test('ends the server of a starter that was killed, and starts on its data', async () => {
  const script = join(folder, 'starter.mts');
  const source = fileURLToPath(new URL('./redis.ts', import.meta.url));
  writeFileSync(
    script,
    `import { startRedis } from ${JSON.stringify(source)};
     const store = await startRedis(${JSON.stringify({ dataDir, password: PASSWORD })});
     console.log(JSON.stringify({ pid: store.pid, url: store.url }));
     setInterval(() => {}, 1000);`,
  );
  const tsx = import.meta.resolve?.('tsx') ?? 'tsx';
  const starter = spawn(process.execPath, ['--conditions=source', '--import', tsx, script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(starter.stdout, 'data')) as [Buffer];
  const orphan = JSON.parse(line.toString()) as { pid: number; url: string };
  const mark = markOf(orphan.pid);
  await ask(orphan, (client) => client.set('orphan', 'kept'));
  starter.kill('SIGKILL');
  await once(starter, 'exit');
  expect(isAlive(mark)).toBe(true);
  const second = await start();
  expect(isAlive(mark)).toBe(false);
  expect(await ask(second, (client) => client.get('orphan'))).toBe('kept');
});

test('a taken port is refused by name of the problem, not mistaken for the server', async () => {
  const first = await start();
  await expect(start({ dataDir: join(folder, 'second'), port: first.port })).rejects.toThrow(
    /Address already in use|ended at once/,
  );
});
