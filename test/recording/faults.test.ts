import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type PostgresStore, type RedisStore, startPostgres, startRedis } from '@scrim/embedded-stores';
import { type SessionEvent, type SignedBatch, verifyChain } from '@scrim/recording';
import pg from 'pg';

jest.setTimeout(180_000);

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const EDGE = join(ROOT, 'apps/edge/src/shipping/shipper-child.testing.ts');
const PERSISTER = join(ROOT, 'apps/control-plane/src/workers/persister-child.testing.ts');
const folder = mkdtempSync(join(tmpdir(), 'scrim-recording-faults-'));
const edgeId = randomUUID();
const keyId = 'ab'.repeat(32);
const key = generateKeyPairSync('ed25519');
const opened = new Set<string>();
let postgres: PostgresStore;
let redis: RedisStore;
let edge: ChildProcess;
let persister: ChildProcess;
let pool: pg.Pool;

const withPort = (port?: number) => (port === undefined ? {} : { port });
const startDatabase = (port?: number) =>
  startPostgres({ dataDir: join(folder, 'postgres'), password: 'faults', ...withPort(port) });
const startQueue = (port?: number) => startRedis({ dataDir: join(folder, 'redis'), ...withPort(port) });

/** A child process; resolves with its first line of output, and hands every line to `heard`. */
async function startChild(args: readonly string[], heard: (line: string) => void): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let rest = '';
  await new Promise<void>((resolve, reject) => {
    child.on('exit', (code) => reject(new Error(`the process ended with ${code}`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(heard);
      if (lines.length > 0) resolve();
    });
  });
  return child;
}

const pem = key.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const edgeArgs = () => [EDGE, join(folder, 'spool'), redis.url, edgeId, keyId, pem];
const startEdge = () => startChild(edgeArgs(), (line) => opened.add(line));
const startPersister = () => startChild([PERSISTER, postgres.url, redis.url, '1500'], () => undefined);

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startDatabase(), startQueue()]);
  pool = new pg.Pool({ connectionString: postgres.url, connectionTimeoutMillis: 2_000 });
  pool.on('error', () => undefined);
  persister = await startPersister();
  await pool.query('INSERT INTO edge (id, name) VALUES ($1, $2)', [edgeId, 'edge']);
  await pool.query(
    `INSERT INTO edge_certificate (serial, edge_id, fingerprint, public_key, not_before, not_after)
     VALUES ('1', $1, $2, $3, now(), now() + '1 day')`,
    [edgeId, keyId, key.publicKey.export({ format: 'der', type: 'spki' })],
  );
  edge = await startEdge();
});

afterAll(async () => {
  for (const child of [edge, persister]) if (child !== undefined) await kill(child);
  await pool?.end();
  await Promise.all([postgres?.stop(), redis?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

/** Each ends one process by SIGKILL and brings it back after a while. */
const FAULTS: Readonly<Record<string, () => Promise<void>>> = {
  async edge() {
    await kill(edge);
    edge = await startEdge();
  },
  async persister() {
    await kill(persister);
    persister = await startPersister();
  },
  async redis() {
    const { port } = redis;
    process.kill(redis.pid, 'SIGKILL');
    await redis.exited;
    await sleep(400);
    redis = await startQueue(port);
  },
  async postgres() {
    const { port } = postgres;
    process.kill(postgres.pid, 'SIGKILL');
    await postgres.exited;
    await sleep(400);
    postgres = await startDatabase(port);
  },
};

async function count(sql: string): Promise<number> {
  return pool.query(sql).then(
    ({ rows }) => Number(rows[0].count),
    () => -1,
  );
}

// biome-ignore lint/suspicious/noExplicitAny: rows as the database gives them
async function rowsOf(table: string, sessionId: string, order: string): Promise<any[]> {
  const { rows } = await pool.query(`SELECT * FROM ${table} WHERE session_id = $1 ORDER BY ${order}`, [
    sessionId,
  ]);
  return rows;
}

/** The stored chain of a session verifies to its end with the edge's key, and its totals count each operation once. */
async function expectWhole(sessionId: string): Promise<void> {
  const events: SessionEvent[] = (await rowsOf('session_event', sessionId, 'seq')).map((row) => ({
    ...row,
    sessionId,
    seq: Number(row.seq),
    at: row.at.getTime(),
    prevHash: row.prev_hash,
  }));
  const batches: SignedBatch[] = (await rowsOf('session_batch', sessionId, 'first_seq')).map((row) => ({
    sessionId,
    firstSeq: Number(row.first_seq),
    lastSeq: Number(row.last_seq),
    headHash: row.head_hash,
    keyId: row.certificate_fingerprint,
    signature: row.signature,
  }));
  const keys = new Map([[keyId, key.publicKey]]);
  const verdict = verifyChain(events, batches, keys, { sessionId, closed: true });
  expect({ sessionId, ...verdict }).toMatchObject({ ok: true, complete: true });
  const recorded = events
    .filter((event) => event.kind === 'traffic')
    .reduce((sum, event) => sum + JSON.parse(event.data).operations, 0);
  const { rows } = await pool.query('SELECT operations, last_seq FROM session WHERE id = $1', [sessionId]);
  expect(rows[0]).toEqual({ operations: String(recorded), last_seq: String(events.length) });
}

test('kill -9 of edge, persister, Redis and Postgres in turn: no recorded event is lost or doubled', async () => {
  for (let round = 0; round < 2; round++)
    for (const fault of Object.values(FAULTS)) {
      await sleep(150 + Math.random() * 300);
      await fault();
    }
  await sleep(300);
  await kill(edge);
  // The next start ends what the last one left open, and ships the rest.
  edge = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', ...edgeArgs(), 'ship'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  const end = Date.now() + 120_000;
  for (let stored = 0; stored < opened.size; ) {
    if (Date.now() > end) throw new Error(`only ${stored} of ${opened.size} sessions are there and closed`);
    await sleep(200);
    stored = await count('SELECT count(*) FROM session WHERE closed_at IS NOT NULL');
  }
  expect(opened.size).toBeGreaterThan(20);
  for (const sessionId of opened) await expectWhole(sessionId);
  expect(await count('SELECT count(*) FROM session')).toBeGreaterThanOrEqual(opened.size);
  expect(await count('SELECT count(*) FROM session WHERE verified IS DISTINCT FROM true')).toBe(0);
  expect(await count('SELECT count(*) FROM dead_letter')).toBe(0);
});
