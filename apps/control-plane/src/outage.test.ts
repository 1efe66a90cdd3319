import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type PostgresStore, type RedisStore, startPostgres, startRedis } from '@scrim/embedded-stores';
import { startTestPlane, type TestPlane } from './testing/plane.ts';

const folder = mkdtempSync(join(tmpdir(), 'scrim-outage-'));
const password = randomBytes(12).toString('hex');
let postgres: PostgresStore;
let redis: RedisStore;
let plane: TestPlane;
const startDatabase = (port?: number) =>
  startPostgres({ dataDir: join(folder, 'postgres'), password, ...(port !== undefined && { port }) });
const startQueue = (port?: number) =>
  startRedis({ dataDir: join(folder, 'redis'), ...(port !== undefined && { port }) });

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startDatabase(), startQueue()]);
  const stores = { databaseUrl: postgres.url, redisUrl: redis.url, stop: async () => {} };
  plane = await startTestPlane(stores);
}, 60_000);
afterAll(async () => {
  await plane?.stop();
  await Promise.all([postgres?.stop(), redis?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

const body = (turn: number) => ({
  apiVersion: 'scrim/v1',
  connections: [
    {
      name: 'shop',
      protocol: 'postgres',
      target: { host: 'h', database: 'd' },
      credential: { username: 'u', password: { value: `secret-${turn}` } },
    },
  ],
});

async function until(what: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await what())) {
    if (Date.now() > end) throw new Error('did not happen in 20 s');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test('Redis killed: changes are stored, nothing hangs, and replicas hear again once it is back', async () => {
  process.kill(redis.pid, 'SIGKILL');
  await redis.exited;
  const started = Date.now();
  const answer = await plane.call('POST', '/v1/apply', { body: body(1) });
  expect(answer.status).toBe(200);
  const { tokenId } = (await plane.call('POST', '/v1/tokens', { body: { subject: 'x' } })).body;
  const revoked = await plane.call('POST', `/v1/tokens/${tokenId}/revoke`);
  expect(revoked.body.announced).toBe(false);
  expect(Date.now() - started).toBeLessThan(8_000);
  expect((await plane.call('GET', '/readyz')).body.checks.redis).toBe('away');

  const told: unknown[] = [];
  let reconnected = 0;
  plane.plane.context.bus.onReconnect(() => {
    reconnected += 1;
  });
  await plane.plane.context.bus.subscribe('scrim:changes', (message) => told.push(message));
  redis = await startQueue(redis.port);
  await until(async () => (await plane.call('GET', '/readyz')).body.checks.redis === 'ok' && reconnected > 0);
  expect((await plane.call('POST', '/v1/apply', { body: body(2) })).status).toBe(200);
  await until(async () => told.length > 0);
}, 60_000);

test('Postgres killed: 503 with a mend, never a hang or a leak, and it serves again once it is back', async () => {
  process.kill(postgres.pid, 'SIGKILL');
  await postgres.exited;
  for (const call of [
    () => plane.call('GET', '/v1/connections'),
    () => plane.call('POST', '/v1/apply', { body: body(3) }),
    () => plane.call('GET', '/v1/audit'),
    () => plane.call('GET', '/v1/whoami', { bearer: `scrim_ak_${'0'.repeat(16)}_${'A'.repeat(43)}` }),
  ]) {
    const started = Date.now();
    const answer = await call();
    expect([answer.status, answer.body.code]).toEqual([503, 'SCRIM_API_UNAVAILABLE']);
    expect(answer.text).not.toMatch(/127\.0\.0\.1|ECONN|prisma/i);
    expect(Date.now() - started).toBeLessThan(8_000);
  }
  expect((await plane.call('GET', '/healthz')).status).toBe(200);
  expect((await plane.call('GET', '/readyz')).body.checks.postgres).toBe('away');
  postgres = await startDatabase(postgres.port);
  await until(async () => (await plane.call('GET', '/v1/connections')).status === 200);
  expect((await plane.call('POST', '/v1/apply', { body: body(4) })).body.changes[0].action).toBe('update');
  expect(plane.logText()).not.toMatch(/secret-\d/);
  expect(plane.logText()).not.toContain(password);
}, 60_000);
