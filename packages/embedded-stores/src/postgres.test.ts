import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { type PostgresStore, startPostgres } from './postgres.ts';
import { processesIn } from './process-table.ts';

jest.setTimeout(120_000);

const PASSWORD = `it's "quoted" %20 pässword`;
const folder = mkdtempSync(join(tmpdir(), 'scrim-postgres-test-'));
chmodSync(folder, 0o755);
const dataDir = join(folder, 'shop');
const started: PostgresStore[] = [];

async function start(options: Partial<Parameters<typeof startPostgres>[0]> = {}): Promise<PostgresStore> {
  const store = await startPostgres({ dataDir, database: 'shop', password: PASSWORD, ...options });
  started.push(store);
  return store;
}

async function query(store: { url: string }, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: store.url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query({ text, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  const store = await start();
  await query(store, 'create table kept (n int)');
  await store.stop();
});

afterEach(async () => {
  for (const store of started.splice(0)) await store.stop();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('serves the database by the password and nothing without it, on the loopback address alone', async () => {
  const store = await start();
  expect(await query(store, 'select current_database()::text, current_user::text')).toEqual([
    'shop',
    'scrim',
  ]);
  const url = new URL(store.url);
  url.password = 'wrong';
  await expect(query({ url: url.href }, 'select 1')).rejects.toMatchObject({ code: '28P01' });
  url.password = '';
  await expect(query({ url: url.href }, 'select 1')).rejects.toThrow();
  expect(await query(store, 'show listen_addresses')).toEqual(['127.0.0.1']);
  expect(await query(store, 'show unix_socket_directories')).toEqual(['']);
});

test('keeps the data over stop and start, on the port asked for', async () => {
  const first = await start();
  await query(first, 'insert into kept values (1)');
  await first.stop();
  await first.stop();
  const second = await start({ port: first.port });
  expect(second.port).toBe(first.port);
  expect(await query(second, 'select n from kept where n = 1')).toEqual([1]);
});

test('recovers committed rows after the server was killed, and tells of its end', async () => {
  const first = await start();
  await query(first, 'insert into kept values (2)');
  process.kill(first.pid, 'SIGKILL');
  expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
  const second = await start();
  expect(await query(second, 'select n from kept where n = 2')).toEqual([2]);
});

test('starts while a backend of the killed server still works', async () => {
  const first = await start();
  const busy = new pg.Client({ connectionString: first.url });
  busy.on('error', () => {});
  await busy.connect();
  const sleeping = busy.query('select count(*) from generate_series(1, 10000000000)').catch(() => 'cut');
  await sleep(100);
  process.kill(first.pid, 'SIGKILL');
  await first.exited;
  expect(processesIn(join(dataDir, 'data'), ['postgres'])).not.toEqual([]);
  const second = await start();
  expect(await query(second, 'select 1')).toEqual([1]);
  expect(await sleeping).toBe('cut');
});

test('refuses a folder that a living process holds, and leaves its server alone', async () => {
  const first = await start();
  await expect(start()).rejects.toThrow(`in use by process ${process.pid}`);
  expect(await query(first, 'select 1')).toEqual([1]);
});

test('ends the server of a starter that was killed, and starts on its data', async () => {
  const script = join(folder, 'starter.mts');
  const source = fileURLToPath(new URL('./postgres.ts', import.meta.url));
  writeFileSync(
    script,
    `import { startPostgres } from ${JSON.stringify(source)};
     const store = await startPostgres(${JSON.stringify({ dataDir, database: 'shop', password: PASSWORD })});
     console.log(JSON.stringify({ pid: store.pid, url: store.url }));
     setInterval(() => {}, 1000);`,
  );
  const tsx = import.meta.resolve?.('tsx') ?? 'tsx';
  const starter = spawn(process.execPath, ['--conditions=source', '--import', tsx, script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(starter.stdout, 'data')) as [Buffer];
  const orphan = JSON.parse(line.toString()) as { pid: number; url: string };
  await expect(start()).rejects.toThrow(`in use by process ${starter.pid}`);
  await query(orphan, 'insert into kept values (3)');
  starter.kill('SIGKILL');
  await once(starter, 'exit');
  const second = await start();
  expect(second.pid).not.toBe(orphan.pid);
  expect(processesIn(join(dataDir, 'data'), ['postgres'])).toContain(second.pid);
  expect(processesIn(join(dataDir, 'data'), ['postgres'])).not.toContain(orphan.pid);
  expect(await query(second, 'select n from kept where n = 3')).toEqual([3]);
});

test('leaves alone a program that merely stands in the data folder', async () => {
  const bystander = spawn('sleep', ['60'], { cwd: join(dataDir, 'data'), stdio: 'ignore' });
  await once(bystander, 'spawn');
  const store = await start();
  expect(await query(store, 'select 1')).toEqual([1]);
  expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
  bystander.kill();
});

test('says what is wrong when the password is not the one of the first start', async () => {
  await expect(start({ password: 'another' })).rejects.toThrow(/made with another password/);
  // The failed start let go of the folder.
  expect(await query(await start(), 'select 1')).toEqual([1]);
});

test('refuses data of another major version', async () => {
  const other = join(folder, 'other');
  mkdirSync(join(other, 'data'), { recursive: true });
  writeFileSync(join(other, 'data', 'PG_VERSION'), '9\n');
  await expect(start({ dataDir: other })).rejects.toThrow(
    /was made by PostgreSQL 9, but .* is PostgreSQL \d+/,
  );
});

test('starts over when the first initialisation was cut short', async () => {
  const cut = join(folder, 'cut');
  mkdirSync(join(cut, 'data.new'), { recursive: true });
  writeFileSync(join(cut, 'data.new', 'PG_VERSION'), '18\n');
  const store = await start({ dataDir: cut });
  expect(await query(store, 'select 1')).toEqual([1]);
  expect(existsSync(join(cut, 'data.new'))).toBe(false);
});

test('works in a folder that the store account cannot walk to', async () => {
  const closed = join(folder, 'closed');
  mkdirSync(closed, { mode: 0o700 });
  const inside = join(closed, 'data-dir');
  const first = await start({ dataDir: inside });
  await query(first, 'create table there (n int)');
  await first.stop();
  const second = await start({ dataDir: inside });
  expect(await query(second, 'select count(*)::int from there')).toEqual([0]);
  await second.stop();
  const pointer = join(inside, 'location');
  expect(existsSync(pointer)).toBe(process.getuid?.() === 0);
  if (!existsSync(pointer)) return;
  const moved = readFileSync(pointer, 'utf8').trim();
  expect(existsSync(join(moved, 'data'))).toBe(true);
  // Once the temporary folder is gone, the next start that moves data away removes what it left.
  rmSync(inside, { recursive: true });
  const third = await start({ dataDir: join(closed, 'third') });
  expect(existsSync(moved)).toBe(false);
  await third.stop();
  rmSync(readFileSync(join(closed, 'third', 'location'), 'utf8').trim(), { recursive: true });
});

test('takes names with spaces, quotes and other letters', async () => {
  const store = await start({
    dataDir: join(folder, `it's an "odd" größe`),
    database: `sh"op's %`,
    user: `One Two-é`,
  });
  expect(await query(store, 'select current_database()::text, current_user::text')).toEqual([
    `sh"op's %`,
    `One Two-é`,
  ]);
});

test('refuses names that PostgreSQL would mistake, and never says the password', async () => {
  const wrong = join(folder, 'wrong');
  await expect(start({ dataDir: wrong, user: 'a"b' })).rejects.toThrow(/must not hold quotes/);
  await expect(start({ dataDir: wrong, database: 'x'.repeat(64) })).rejects.toThrow(/longer than 63 bytes/);
  await expect(start({ dataDir: wrong, password: 'a\nb' })).rejects.toThrow(/line breaks/);
  const said = await start({ dataDir: wrong, user: 'pg_reserved' }).then(String, String);
  expect(said).toMatch(/initdb .* failed/s);
  expect(said).not.toContain('ssword');
});

test('of two starts at once on one folder exactly one succeeds', async () => {
  const both = join(folder, 'both');
  const outcomes = await Promise.allSettled([start({ dataDir: both }), start({ dataDir: both })]);
  expect(outcomes.map((each) => each.status).sort()).toEqual(['fulfilled', 'rejected']);
});

test('a note of a dead owner, or one cut short, holds nothing', async () => {
  for (const note of [
    '',
    '{"claim":"x","owner":{"pid":',
    JSON.stringify({ claim: 'x', owner: { pid: 1, started: 'never' } }),
  ]) {
    writeFileSync(join(dataDir, 'owner.json'), note);
    const store = await start();
    expect(await query(store, 'select 1')).toEqual([1]);
    await store.stop();
    expect(existsSync(join(dataDir, 'owner.json'))).toBe(false);
  }
});

test('a taken port is refused by name of the problem', async () => {
  const first = await start();
  const other = join(folder, 'second');
  await expect(start({ dataDir: other, port: first.port })).rejects.toThrow(/Address already in use/);
});

test('keeps statements and values out of the log', async () => {
  const lines: string[] = [];
  const store = await start({ log: (line) => lines.push(line) });
  await query(store, 'create table secretive (s text unique)');
  await query(store, `insert into secretive values ('s3cr3t-value')`);
  await expect(query(store, `insert into secretive values ('s3cr3t-value')`)).rejects.toThrow(
    /duplicate key/,
  );
  await store.stop();
  expect(lines.join('\n')).toMatch(/duplicate key/);
  expect(lines.join('\n')).not.toMatch(/s3cr3t-value/);
});
