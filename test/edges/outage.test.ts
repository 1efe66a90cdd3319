import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ControlLink } from '@scrim/edge';
import { freePort } from '@scrim/embedded-stores';
import { ADMIN_TOKEN, openEdge, type Stores, startStores, until } from './plane.ts';

const ROOT = join(import.meta.dirname, '../..');

let stores: Stores;
let http: number;
let grpc: number;
let child: ChildProcess | undefined;
let edge: ControlLink & { problems: string[]; dataDir: string };

/** The control plane as a process of its own, as it runs in production but for its mode. */
async function startPlane(): Promise<void> {
  const started = spawn(
    process.execPath,
    ['--conditions=source', '--import', 'tsx', join(ROOT, 'apps/control-plane/src/main.ts')],
    {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {
        PATH: process.env.PATH,
        DATABASE_URL: stores.databaseUrl,
        REDIS_URL: stores.redisUrl,
        SCRIM_MODE: 'development',
        SCRIM_MASTER_KEY: Buffer.alloc(32, 1).toString('base64'),
        SCRIM_HTTP_PORT: String(http),
        SCRIM_GRPC_PORT: String(grpc),
        SCRIM_ADMIN_TOKEN: ADMIN_TOKEN,
        SCRIM_ADMIN_GROUPS: 'dba',
        SCRIM_LOG_LEVEL: 'silent',
      },
    },
  );
  child = started;
  await new Promise<void>((resolve, reject) => {
    started.stdout?.once('data', () => resolve());
    started.once('exit', (code) => reject(new Error(`the control plane ended with ${code}`)));
  });
}

async function killPlane(): Promise<void> {
  const running = child;
  if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
  const gone = new Promise((resolve) => running.once('exit', resolve));
  running.kill('SIGKILL');
  await gone;
}

async function call(method: string, path: string, body?: unknown) {
  const answer = await fetch(`http://127.0.0.1:${http}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_TOKEN}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return JSON.parse(text);
}

function document(names: readonly string[]) {
  const target = { host: '127.0.0.1', port: 5432, database: 'shop', tls: 'disable' };
  return {
    apiVersion: 'scrim/v1',
    connections: names.map((name) => ({
      name,
      protocol: 'postgres',
      target,
      credential: { username: 'app', password: { value: 'sealed-at-rest' } },
    })),
  };
}

beforeAll(async () => {
  stores = await startStores();
  [http, grpc] = [await freePort(), await freePort()];
  await startPlane();
  await call('POST', '/v1/apply', document(['shop']));
  const { token } = await call('POST', '/v1/join-tokens', { edgeName: 'steady' });
  edge = await openEdge(stores, `127.0.0.1:${grpc}`, 'steady', {
    joinToken: token,
    listeners: () => ({ postgres: '127.0.0.1:6432' }),
  });
  await edge.ready(AbortSignal.timeout(10_000));
}, 90_000);
afterAll(async () => {
  await edge?.close();
  await killPlane();
  await stores?.stop();
});

const digest = createHash('sha256').update('DROP TABLE x').digest();
const held = () => ({
  requestId: randomUUID(),
  sessionId: randomUUID(),
  connection: 'shop',
  caller: 'alice@example.com',
  callerGroups: [],
  policy: 'p',
  policyVersion: 1,
  rule: 'p/guard[0]',
  reason: '',
  statement: 'DROP TABLE x',
  parameters: [],
  digest,
  expiresAt: Date.now() + 60_000,
  approverGroups: ['dba'],
  quorum: 1,
});

test('what administrators apply reaches the edge, with the credential opened only there', async () => {
  expect(edge.current()?.connections[0]?.credential).toEqual({
    username: 'app',
    password: { value: 'sealed-at-rest' },
  });
  const shown = await call('GET', '/v1/connections/shop');
  expect(JSON.stringify(shown)).not.toContain('sealed-at-rest');
  // The edge tells where it listens on its own time, after it has its snapshot.
  const { value: addresses } = await until(async () => {
    const shown = await call('GET', '/v1/connections/shop/addresses');
    return shown.addresses.length > 0 && shown.addresses;
  });
  expect(addresses).toEqual([{ protocol: 'postgres', host: '127.0.0.1', port: 6432, edge: 'steady' }]);
});

test('kill -9 in the middle of a hold: the edge serves on, the hold outlives it, changes arrive after', async () => {
  let id = '';
  const outcome = edge.requestApproval(held(), AbortSignal.timeout(60_000), (pending) => {
    id = pending;
  });
  await until(() => id !== '');
  await killPlane();
  await until(() => !edge.connected());
  expect(edge.current()?.connections.map(({ name }) => name)).toEqual(['shop']);
  // Nobody can be asked now, and the caller learns it in seconds.
  const asked = edge.requestApproval(held(), AbortSignal.timeout(20_000));
  await expect(asked).rejects.toThrow('SCRIM_APPROVAL_UNAVAILABLE');
  await startPlane();
  await until(() => edge.connected(), 15_000);
  await call('POST', '/v1/apply', document(['shop', 'second']));
  await until(() => edge.current()?.connections.length === 2);
  expect((await call('GET', `/v1/approvals/${id}`)).state).toBe('pending');
  await call('POST', `/v1/approvals/${id}/approve`, {});
  const granted = await outcome;
  if (granted.state !== 'approved') throw new Error(granted.state);
  expect(await granted.redeem(digest)).toBe(true);
  expect(await granted.redeem(digest)).toBe(false);
}, 60_000);

test('an edge that starts while the control plane is away serves what it kept', async () => {
  await killPlane();
  await edge.close();
  const alone = await openEdge(stores, `127.0.0.1:${grpc}`, 'steady', { dataDir: edge.dataDir });
  expect(alone.current()?.connections).toHaveLength(2);
  await startPlane();
  await until(() => alone.connected(), 15_000);
  await alone.close();
}, 60_000);
