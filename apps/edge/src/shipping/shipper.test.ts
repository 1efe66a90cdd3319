import { type ChildProcess, spawn } from 'node:child_process';
import { createPrivateKey, randomUUID, sign as signWith } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { type RedisStore, startRedis } from '@scrim/embedded-stores';
import { EVENT_QUEUE, Recorder, readShipment, type SessionEvent, Spool, verifyChain } from '@scrim/recording';
import { newKey, openSession } from '@scrim/recording/testing';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { Shipper } from './shipper.ts';

jest.setTimeout(120_000);

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const CHILD = fileURLToPath(new URL('./shipper-child.testing.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'scrim-shipper-'));
const edgeId = randomUUID();
const key = newKey();
let redis: RedisStore;
let client: Redis;
let queue: Queue;
let round = 0;
let spoolFolder: string;

const startQueue = (port?: number) =>
  startRedis({ dataDir: join(folder, 'redis'), ...(port !== undefined && { port }) });

beforeAll(async () => {
  redis = await startQueue();
  client = new Redis(redis.url, { maxRetriesPerRequest: null });
  queue = new Queue(EVENT_QUEUE, { connection: client, prefix: 'scrim' });
  for (const emitter of [client, queue]) emitter.on('error', () => undefined);
});
beforeEach(() => {
  spoolFolder = join(folder, `spool-${round++}`);
});
afterEach(() => queue.obliterate({ force: true }));
afterAll(async () => {
  await queue?.close();
  client?.disconnect();
  await redis?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const openSpool = () => new Spool({ folder: spoolFolder, maxBytes: 256 * 1024 * 1024, syncInterval: 2 });

function startShipper(spool: Spool): Shipper {
  const signer = { keyId: key.keyId, sign: (bytes: Buffer) => signWith(null, bytes, key.privateKey) };
  const shipper = new Shipper({
    spool,
    edgeId,
    signer: () => signer,
    queue: { url: redis.url, prefix: 'scrim' },
  });
  shipper.start();
  return shipper;
}

/** Records sessions of ten operations; returns how many events each has. */
function recordSessions(spool: Spool, count: number): Map<string, number> {
  const recorder = new Recorder({ sink: spool, edgeId });
  const sessions = new Map<string, number>();
  for (let index = 0; index < count; index++) {
    const session = openSession(recorder, randomUUID());
    for (let run = 0; run < 10; run++) {
      session.operation({ text: 'SELECT 1', verb: 'SELECT', parameters: null, verdict: 'allow' });
      session.response(Buffer.alloc(500), 1);
      session.flush();
    }
    session.closed('caller-left');
    sessions.set(session.sessionId, 12);
  }
  return sessions;
}

async function until(condition: () => boolean | Promise<boolean>, wait = 30_000): Promise<void> {
  const end = Date.now() + wait;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('it did not come to pass in time');
    await sleep(20);
  }
}

/** What the queue holds, doubles removed by hash: every session whole and under good signatures. */
async function expectQueued(sessions: ReadonlyMap<string, number>): Promise<void> {
  const jobs = await queue.getJobs(['waiting', 'delayed', 'prioritized'], 0, -1, true);
  const events = new Map<string, SessionEvent>();
  const batches = [];
  for (const job of jobs) {
    const shipment = readShipment(job.data);
    expect(shipment.edgeId).toBe(edgeId);
    for (const run of shipment.runs) {
      batches.push(run.batch);
      for (const event of run.events) events.set(event.hash.toString('hex'), event);
    }
  }
  const keys = new Map([[key.keyId, key.publicKey]]);
  for (const [sessionId, count] of sessions) {
    const own = [...events.values()]
      .filter((event) => event.sessionId === sessionId)
      .sort((a, b) => a.seq - b.seq);
    expect(own).toHaveLength(count);
    const signed = batches.filter((batch) => batch.sessionId === sessionId);
    expect(verifyChain(own, signed, keys, { closed: true })).toMatchObject({ ok: true });
  }
}

test('ships everything in bounded groups, signed by session, and empties the spool', async () => {
  const spool = openSpool();
  const sessions = recordSessions(spool, 50);
  const shipper = startShipper(spool);
  await until(() => shipper.state.shipped === 600 && spool.state.lag === 0);
  const jobs = await queue.getJobs(['waiting']);
  for (const job of jobs) {
    expect(JSON.stringify(job.data).length).toBeLessThan(700 * 1024);
    expect(job.opts).toMatchObject({ removeOnComplete: true, attempts: 1_000_000 });
    expect(job.id).toMatch(new RegExp(`^${edgeId}\\.\\d+\\.[0-9a-f]{16}$`));
  }
  await expectQueued(sessions);
  expect(shipper.state).toMatchObject({ failures: 0, delay: 0 });
  await shipper.stop();
  await spool.close();
});

test('what was sent but not acknowledged is sent again as the same job', async () => {
  const spool = openSpool();
  const sessions = recordSessions(spool, 1);
  spool.acknowledge = () => undefined;
  const first = startShipper(spool);
  await until(() => first.state.shipped >= 36);
  await first.stop();
  expect(await queue.getJobCountByTypes('waiting')).toBe(1);
  await expectQueued(sessions);
  await spool.close();
});

test('with Redis killed and back later, nothing is lost', async () => {
  const spool = openSpool();
  const shipper = startShipper(spool);
  const sessions = recordSessions(spool, 20);
  await until(() => shipper.state.shipped > 0);
  const { port } = redis;
  process.kill(redis.pid, 'SIGKILL');
  await redis.exited;
  for (const [session, count] of recordSessions(spool, 20)) sessions.set(session, count);
  await until(() => shipper.state.failures > 2);
  expect(spool.state.lag).toBeGreaterThan(0);
  expect(shipper.state.delay).toBeGreaterThan(0);
  redis = await startQueue(port);
  await until(() => spool.state.lag === 0);
  await until(async () => (await client.ping().catch(() => '')) === 'PONG');
  await expectQueued(sessions);
  await shipper.stop();
  await spool.close();
});

test('with Redis frozen the data path goes on and the shipper comes back by itself', async () => {
  const spool = openSpool();
  const shipper = startShipper(spool);
  const sessions = recordSessions(spool, 2);
  await until(() => shipper.state.shipped > 0);
  process.kill(redis.pid, 'SIGSTOP');
  const start = Date.now();
  for (const [session, count] of recordSessions(spool, 20)) sessions.set(session, count);
  expect(Date.now() - start).toBeLessThan(2_000);
  await until(() => shipper.state.failures > 0);
  process.kill(redis.pid, 'SIGCONT');
  await until(() => spool.state.lag === 0);
  await expectQueued(sessions);
  await shipper.stop();
  await spool.close();
});

test('stops at once while Redis is away', async () => {
  const spool = openSpool();
  recordSessions(spool, 1);
  const queueAway = { url: 'redis://127.0.0.1:1', prefix: 'scrim' };
  const signer = { keyId: key.keyId, sign: () => Buffer.alloc(64) };
  const shipper = new Shipper({ spool, edgeId, signer: () => signer, queue: queueAway });
  shipper.start();
  await until(() => shipper.state.failures > 1);
  const start = Date.now();
  await shipper.stop();
  expect(Date.now() - start).toBeLessThan(1_000);
  await spool.close();
});

function startChild(): ChildProcess {
  const pem = key.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  expect(createPrivateKey(pem).asymmetricKeyType).toBe('ed25519');
  const args = [CHILD, spoolFolder, redis.url, edgeId, key.keyId, pem];
  return spawn(process.execPath, ['--conditions=source', '--import', 'tsx', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

test('an edge killed again and again while it records and ships loses no event', async () => {
  const opened = new Set<string>();
  for (let kill = 0; kill < 3; kill++) {
    const child = startChild();
    const gone = new Promise((resolve) => child.on('close', resolve));
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await until(() => text.split('\n').length > 3);
    await sleep(50 + Math.random() * 200);
    child.kill('SIGKILL');
    await gone;
    for (const line of text.split('\n').slice(0, -1)) opened.add(line);
  }
  const spool = openSpool();
  new Recorder({ sink: spool, edgeId }).closeLost();
  const shipper = startShipper(spool);
  await until(() => spool.state.lag === 0);
  const jobs = await queue.getJobs(['waiting'], 0, -1, true);
  const events = jobs.flatMap((job) => readShipment(job.data).runs.flatMap((run) => run.events));
  const lengths = new Map<string, number>();
  for (const { sessionId, seq } of events) lengths.set(sessionId, Math.max(seq, lengths.get(sessionId) ?? 0));
  for (const session of opened) expect(lengths.has(session)).toBe(true);
  await expectQueued(lengths);
  await shipper.stop();
  await spool.close();
});
