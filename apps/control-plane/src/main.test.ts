import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { startTestStores, TEST_MASTER_KEY, type TestStores } from './testing/plane.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
let stores: TestStores;
let environment: Record<string, string>;
const children: ChildProcess[] = [];
beforeAll(async () => {
  stores = await startTestStores();
  environment = {
    PATH: process.env.PATH ?? '',
    DATABASE_URL: stores.databaseUrl,
    REDIS_URL: stores.redisUrl,
    SCRIM_MASTER_KEY: TEST_MASTER_KEY,
    SCRIM_HTTP_PORT: '0',
    SCRIM_GRPC_PORT: '0',
  };
}, 60_000);
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => stores?.stop());

interface Run {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  output(): string;
  errors(): string;
  /** The first line of standard output. */
  line(): Promise<string>;
}

function run(extra: Record<string, string>, ...args: string[]): Run {
  const child = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', MAIN, ...args], {
    env: { ...environment, ...extra },
    cwd: join(import.meta.dirname, '../../..'),
  });
  children.push(child);
  let [output, errors] = ['', ''];
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    errors += chunk;
  });
  const exit = once(child, 'close').then(([code]) => code as number | null);
  return {
    child,
    exit,
    output: () => output,
    errors: () => errors,
    async line() {
      while (!output.includes('\n') && child.exitCode === null)
        await new Promise((resolve) => setTimeout(resolve, 20));
      if (!output.includes('\n')) throw new Error(`ended without a line: ${errors}`);
      return output.slice(0, output.indexOf('\n'));
    },
  };
}

async function ready(started: Run): Promise<string> {
  const { http } = JSON.parse(await started.line());
  return `http://${http.host}:${http.port}`;
}

test('says when it serves, and ends in good order on SIGTERM', async () => {
  const started = run({});
  const api = await ready(started);
  expect((await fetch(`${api}/readyz`)).status).toBe(200);
  expect((await fetch(`${api}/v1/whoami`)).status).toBe(401);
  started.child.kill('SIGTERM');
  expect(await started.exit).toBe(0);
  await expect(fetch(`${api}/healthz`)).rejects.toThrow();
}, 60_000);

test('supervised, it ends when its supervisor does', async () => {
  const started = run({ SCRIM_SUPERVISED: 'true' });
  await ready(started);
  started.child.stdin?.end();
  expect(await started.exit).toBe(0);
}, 60_000);

test('wrong settings: every one is named, and the exit code says do not restart', async () => {
  const started = run({ SCRIM_MASTER_KEY: 'nonsense', REDIS_URL: '' });
  expect(await started.exit).toBe(78);
  expect(started.errors()).toMatch(/REDIS_URL is not set; write redis:/);
  expect(started.errors()).toMatch(/SCRIM_MASTER_KEY is not 32 bytes in base64/);
  expect(started.errors()).not.toContain('nonsense');
}, 60_000);

test('a wrong database password ends it at once and is not printed', async () => {
  const url = new URL(stores.databaseUrl);
  url.password = 'wrong-password-here';
  const started = run({ DATABASE_URL: url.href });
  expect(await started.exit).toBe(70);
  expect(started.errors()).toContain('did not start');
  expect(started.errors()).not.toContain('wrong-password-here');
}, 60_000);

test('the first administrator of a production control plane', async () => {
  const made = run({}, 'admin-key', 'root@example.com');
  const key = await made.line();
  expect(await made.exit).toBe(0);
  expect(made.errors()).not.toContain(key);
  const api = await ready(run({}));
  const answer = await fetch(`${api}/v1/whoami`, { headers: { authorization: `Bearer ${key}` } });
  expect(await answer.json()).toMatchObject({
    subject: 'root@example.com',
    roles: ['admin', 'approver', 'auditor', 'user'],
  });
}, 60_000);
