import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { type PostgresStore, type RedisStore, startPostgres, startRedis } from '@scrim/embedded-stores';
import {
  EVENT_QUEUE,
  encodeEvent,
  Recorder,
  type SessionEvent,
  type Shipment,
  verifyChain,
} from '@scrim/recording';
import { MemorySink, newKey, openSession, shipmentsOf, type TestKey } from '@scrim/recording/testing';
import { createLog, createMetrics } from '@scrim/telemetry';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { migrate } from '../database/migrate.ts';
import { readBatches, readEvents } from '../modules/sessions/store.ts';
import { createEdgeKeys } from './edge-keys.ts';
import { Persister, type PersisterOptions } from './persister.ts';

jest.setTimeout(120_000);

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const CHILD = fileURLToPath(new URL('./persister-child.testing.ts', import.meta.url));
const PASSWORD = 'persister';
const folder = mkdtempSync(join(tmpdir(), 'scrim-persister-'));
let postgres: PostgresStore;
let redis: RedisStore;
let pool: pg.Pool;
let client: Redis;
let queue: Queue;
const running: Persister[] = [];

const startDatabase = (port?: number) =>
  startPostgres({
    dataDir: join(folder, 'postgres'),
    password: PASSWORD,
    ...(port !== undefined && { port }),
  });

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startDatabase(), startRedis({ dataDir: join(folder, 'redis') })]);
  await migrate(postgres.url);
  pool = new pg.Pool({ connectionString: postgres.url, connectionTimeoutMillis: 2_000 });
  pool.on('error', () => undefined);
  client = new Redis(redis.url, { maxRetriesPerRequest: null });
  queue = new Queue(EVENT_QUEUE, { connection: client, prefix: 'scrim' });
  for (const emitter of [client, queue]) emitter.on('error', () => undefined);
});

afterEach(async () => {
  for (const persister of running.splice(0)) await persister.stop();
  await queue.obliterate({ force: true });
});

afterAll(async () => {
  await queue?.close();
  client?.disconnect();
  await pool?.end();
  await Promise.all([postgres?.stop(), redis?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

async function startPersister(options: Partial<PersisterOptions> = {}): Promise<Persister> {
  const persister = new Persister({
    pool,
    redisUrl: redis.url,
    prefix: 'scrim',
    edgeKeys: createEdgeKeys(pool, Date.now),
    log: createLog({ name: 'test', level: 'silent' }),
    metrics: createMetrics(),
    newId: () => uuidv7(),
    lockDuration: 2_000,
    ...options,
  });
  await persister.start();
  running.push(persister);
  return persister;
}

interface Edge {
  readonly edgeId: string;
  readonly key: TestKey;
}

async function enrolEdge(): Promise<Edge> {
  const edgeId = randomUUID();
  const key = newKey('p256');
  await pool.query('INSERT INTO edge (id, name) VALUES ($1, $2)', [edgeId, edgeId]);
  await pool.query(
    `INSERT INTO edge_certificate (serial, edge_id, fingerprint, public_key, not_before, not_after)
     VALUES ($1, $2, $3, $4, now(), now() + '1 day')`,
    [randomUUID(), edgeId, key.keyId, key.publicKey.export({ format: 'der', type: 'spki' })],
  );
  return { edgeId, key };
}

/** A session of `operations` statements, in several events. */
function recordSession(edge: Edge, operations: number, sink = new MemorySink()): readonly SessionEvent[] {
  const recorder = new Recorder({ sink, edgeId: edge.edgeId });
  const session = openSession(recorder, randomUUID());
  for (let run = 0; run < operations; run++) {
    const text = `SELECT ${run % 3} -- \u0000 é`;
    session.operation({ text, verb: 'SELECT', parameters: [String(run)], verdict: 'allow' });
    session.response(Buffer.from(`row ${run}`), 1);
    session.masked('production/mask[0]', 'public.customers.ssn', 1);
    session.outcome(true, 'SELECT 1', 1);
    session.flush();
  }
  session.event('refused', { code: 'SCRIM_GUARD_BLOCKED' });
  session.closed('caller-left');
  return sink.events;
}

async function enqueue(shipments: readonly Shipment[], attempts = 1_000): Promise<void> {
  for (const shipment of shipments)
    await queue.add('events', shipment, { attempts, backoff: { type: 'custom' }, removeOnComplete: true });
}

async function until(condition: () => Promise<boolean>, wait = 30_000): Promise<void> {
  const end = Date.now() + wait;
  while (!(await condition().catch(() => false))) {
    if (Date.now() > end) throw new Error('it did not come to pass in time');
    await sleep(50);
  }
}

async function closed(sessionId: string): Promise<boolean> {
  const { rows } = await pool.query('SELECT closed_at FROM session WHERE id = $1', [sessionId]);
  return rows[0]?.closed_at instanceof Date;
}

const idle = async () =>
  (await queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized')) === 0;

async function letters(session = ''): Promise<{ error: string; payload: Buffer; job_id: string }[]> {
  const { rows } = await pool.query('SELECT * FROM dead_letter WHERE job_id LIKE $1 ORDER BY created_at', [
    `%${session}`,
  ]);
  return rows;
}

/** Everything stored of a session is what was recorded, once, and verifies with the edge's key. */
async function expectStored(edge: Edge, events: readonly SessionEvent[]): Promise<void> {
  const sessionId = events[0]?.sessionId as string;
  const stored: SessionEvent[] = [];
  for await (const event of readEvents(pool, sessionId)) stored.push(event);
  expect(stored).toEqual(events);
  const keys = new Map([[edge.key.keyId, edge.key.publicKey]]);
  const batches = await readBatches(pool, sessionId);
  expect(verifyChain(stored, batches, keys, { closed: true })).toMatchObject({ ok: true });
  const operations = events.length - 3;
  const { rows } = await pool.query('SELECT * FROM session WHERE id = $1', [sessionId]);
  expect(rows[0]).toMatchObject({
    operations: String(operations),
    rows: String(operations),
    masked_values: String(operations),
    refusals: '1',
    ending: 'caller-left',
    last_seq: String(events.length),
    verified: true,
  });
  const statements = await pool.query(
    'SELECT sum(count)::int AS count, count(*)::int AS texts FROM session_statement WHERE session_id = $1',
    [sessionId],
  );
  expect(statements.rows[0]).toEqual({ count: operations, texts: Math.min(3, operations) });
}

test('a shipment delivered many times, by two workers at once, is stored once', async () => {
  const edge = await enrolEdge();
  const events = recordSession(edge, 60);
  const shipments = shipmentsOf(edge.edgeId, events, edge.key, 10);
  await startPersister();
  await startPersister();
  await enqueue([...shipments, ...shipments, ...shipmentsOf(edge.edgeId, events, edge.key, 25)]);
  await until(idle);
  await expectStored(edge, events);
  expect(await letters(events[0]?.sessionId)).toEqual([]);
});

test('shipments that arrive in the wrong order wait for each other', async () => {
  const edge = await enrolEdge();
  const events = recordSession(edge, 30);
  await startPersister();
  await enqueue(shipmentsOf(edge.edgeId, events, edge.key, 8).toReversed());
  await until(() => closed(events[0]?.sessionId as string));
  await expectStored(edge, events);
});

test('a gap that is never filled becomes a dead letter after so many attempts', async () => {
  const edge = await enrolEdge();
  const events = recordSession(edge, 10);
  const sessionId = events[0]?.sessionId as string;
  await startPersister({ gapAttempts: 3 });
  await enqueue(shipmentsOf(edge.edgeId, events, edge.key, 4).toSpliced(1, 1));
  await until(async () => (await letters(sessionId)).length === 2);
  const [letter] = await letters(sessionId);
  expect(letter?.error).toBe('gap: event 5 has not arrived yet');
  const { rows } = await pool.query('SELECT last_seq FROM session WHERE id = $1', [sessionId]);
  expect(rows).toEqual([{ last_seq: '4' }]);
  await until(idle);
});

test('a wrong signature, an unknown key, a revoked one and another edge are kept out, session by session', async () => {
  const edge = await enrolEdge();
  const other = await enrolEdge();
  const good = recordSession(edge, 2);
  const forged = recordSession(edge, 2);
  const foreign = recordSession(other, 2);
  const persister = await startPersister();
  const [mixed] = shipmentsOf(edge.edgeId, [...good, ...forged], edge.key);
  const batches = mixed?.batches.map((batch, index) =>
    index === 0 ? batch : { ...batch, signature: Buffer.alloc(70, 1).toString('base64') },
  );
  const first = await persister.store({ ...mixed, batches });
  expect(first).toMatchObject({
    stored: 5,
    problems: [{ kind: 'signature', why: 'the signature does not hold' }],
  });
  await expectStored(edge, good);
  const stranger = newKey();
  const second = await persister.store(shipmentsOf(edge.edgeId, forged, stranger)[0]);
  expect(second.problems).toMatchObject([{ kind: 'signature' }]);
  await persister.store(shipmentsOf(other.edgeId, foreign.slice(0, 3), other.key)[0]);
  const taken = await persister.store(shipmentsOf(edge.edgeId, foreign, edge.key)[0]);
  expect(taken.problems).toMatchObject([{ kind: 'malformed', why: 'the session belongs to another edge' }]);
  await pool.query('UPDATE edge_certificate SET revoked_at = now() WHERE edge_id = $1', [other.edgeId]);
  const fresh = await startPersister();
  const late = await fresh.store(shipmentsOf(other.edgeId, foreign, other.key)[0]);
  expect(late).toMatchObject({ stored: 0, problems: [{ kind: 'signature' }] });
});

test('a stored event that comes again with another content is tampering', async () => {
  const edge = await enrolEdge();
  const events = recordSession(edge, 3);
  const sessionId = events[0]?.sessionId as string;
  await startPersister();
  await enqueue(shipmentsOf(edge.edgeId, events, edge.key));
  await until(() => closed(sessionId));
  const last = events.at(-2) as SessionEvent;
  const changed = [{ ...last, data: '{"code":"nothing"}' }].map((event) => ({
    ...event,
    hash: encodeEvent(event).hash,
  }));
  await enqueue(shipmentsOf(edge.edgeId, changed, edge.key));
  await until(async () => (await letters(sessionId)).length === 1);
  expect((await letters(sessionId))[0]?.error).toBe(
    `tampered: event ${last.seq} is stored with another hash`,
  );
  const { rows } = await pool.query('SELECT verified, refusals FROM session WHERE id = $1', [sessionId]);
  expect(rows).toEqual([{ verified: false, refusals: '1' }]);
});

test('a job that is no shipment becomes a dead letter whole, also when the queue gave up by itself', async () => {
  await startPersister();
  await queue.add('events', { nonsense: 'marker-one' }, { attempts: 1_000, backoff: { type: 'custom' } });
  await queue.add('events', { nonsense: 'marker-two' }, { attempts: 1 });
  const texts = async () => (await letters()).map((letter) => letter.payload.toString());
  await until(async () => (await texts()).filter((text) => text.includes('marker')).length === 2);
  await until(idle);
});

test('with the database killed in the middle and back later, nothing is lost or doubled', async () => {
  const edge = await enrolEdge();
  const sessions = Array.from({ length: 12 }, () => recordSession(edge, 40));
  await startPersister();
  const shipments = sessions.flatMap((events) => shipmentsOf(edge.edgeId, events, edge.key, 5));
  await enqueue(shipments.slice(0, 60));
  await until(async () => (await pool.query('SELECT 1 FROM session_event')).rows.length > 100);
  const { port } = postgres;
  process.kill(postgres.pid, 'SIGKILL');
  await postgres.exited;
  await enqueue(shipments.slice(60));
  await sleep(1_500);
  postgres = await startDatabase(port);
  await until(idle);
  for (const events of sessions) await expectStored(edge, events);
});

test('with Redis killed in the middle and back later, nothing is lost or doubled', async () => {
  const edge = await enrolEdge();
  const sessions = Array.from({ length: 12 }, () => recordSession(edge, 40));
  await startPersister();
  await enqueue(sessions.flatMap((events) => shipmentsOf(edge.edgeId, events, edge.key, 5)));
  const { port } = redis;
  process.kill(redis.pid, 'SIGKILL');
  await redis.exited;
  await sleep(500);
  redis = await startRedis({ dataDir: join(folder, 'redis'), port });
  await until(async () => (await client.ping()) === 'PONG');
  await until(idle);
  for (const events of sessions) await expectStored(edge, events);
});

test('a worker killed in the middle of its transaction leaves its job to the next one', async () => {
  const edge = await enrolEdge();
  const events = recordSession(edge, 20);
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--import', 'tsx', CHILD, postgres.url, redis.url, '1000'],
    { cwd: ROOT, stdio: 'inherit' },
  );
  const gone = new Promise((resolve) => child.on('exit', resolve));
  const blocker = await pool.connect();
  try {
    await blocker.query('BEGIN');
    await blocker.query('LOCK TABLE session_statement IN EXCLUSIVE MODE');
    await enqueue(shipmentsOf(edge.edgeId, events, edge.key));
    // It has inserted the events and waits for the statements' table.
    await until(async () => {
      const { rows } = await blocker.query('SELECT 1 FROM pg_locks WHERE NOT granted');
      return rows.length > 0;
    });
    child.kill('SIGKILL');
    await gone;
    expect((await pool.query('SELECT 1 FROM session WHERE id = $1', [events[0]?.sessionId])).rows).toEqual(
      [],
    );
  } finally {
    await blocker.query('ROLLBACK');
    blocker.release();
  }
  await startPersister({ lockDuration: 1_000 });
  await until(() => closed(events[0]?.sessionId as string));
  await expectStored(edge, events);
});
