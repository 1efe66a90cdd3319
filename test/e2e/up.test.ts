import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { CLI } from './plant.ts';
import { eventually } from './stand.ts';

/** The user's target is down: the product comes up all the same and says so to callers. */
const DOCUMENT = `
apiVersion: scrim/v1
connections:
  - name: shop
    protocol: postgres
    target: { host: 127.0.0.1, port: 1, database: shop, tls: disable }
    credential: { username: app, password: { env: SHOP_PASSWORD } }
policies:
  - name: everything
    match: { groups: [agents] }
    approve: { by: [dba] }
`;

interface Up {
  readonly child: ChildProcess;
  readonly output: () => string;
}

let folder: string;
let data: string;
let readyFile: string;
let up: Up;

function start(): Up {
  const env = { ...process.env, HOME: folder, XDG_CONFIG_HOME: join(folder, 'config'), SHOP_PASSWORD: 'x' };
  const args = ['up', '-f', join(folder, 'scrim.yaml'), '--ready-file', readyFile, '--data', data];
  const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  return { child, output: () => said };
}

/** Waits for a line of its output; a stack that ended before it fails with all it said. */
function says({ child, output }: Up, text: string): Promise<true> {
  return eventually(async () => {
    if (output().includes(text)) return true;
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended: ${output()}`);
    return undefined;
  }, 40_000).catch((cause) => {
    throw new Error(`"${text}" was never said, but: ${output()}`, { cause });
  });
}

interface Ready {
  readonly api: string;
  readonly adminToken: string;
  readonly postgres: { readonly host: string; readonly port: number };
  readonly edgePid: number;
  readonly controlPlanePid: number;
}

function ready({ child, output }: Up): Promise<Ready> {
  return eventually(async () => {
    if (existsSync(readyFile)) return JSON.parse(readFileSync(readyFile, 'utf8')) as Ready;
    if (child.exitCode !== null) throw new Error(output());
    return undefined;
  }, 60_000);
}

function exit({ child }: Up): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}

/** Processes that still work in or for the data folder; stores run under another user, so /proc is asked. */
function alive(pids: readonly number[]): number[] {
  return pids.filter((pid) => {
    try {
      process.kill(pid, 0);
      return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
      return false;
    }
  });
}

function storePid(store: 'postgres' | 'redis'): number {
  const note = readFileSync(join(data, store, 'owner.json'), 'utf8');
  return (JSON.parse(note) as { store: { pid: number } }).store.pid;
}

const everyPid = ({ edgePid, controlPlanePid }: Ready) => [
  edgePid,
  controlPlanePid,
  storePid('postgres'),
  storePid('redis'),
];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrim-up-'));
  execFileSync('chmod', ['755', folder]);
  data = join(folder, 'data');
  readyFile = join(folder, 'run', 'ready.json');
  writeFileSync(join(folder, 'scrim.yaml'), DOCUMENT);
});
afterAll(async () => {
  if (up) {
    up.child.kill('SIGTERM');
    await exit(up);
  }
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

let before: Ready;

test('the ready file is exactly what the interface says, for the owner alone; a target that is down stops nothing', async () => {
  up = start();
  before = await ready(up);
  expect(Object.keys(before)).toEqual([
    'api',
    'console',
    'adminToken',
    'postgres',
    'http',
    'ssh',
    'edgePid',
    'controlPlanePid',
  ]);
  expect(before).toMatchObject({
    api: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    console: expect.stringMatching(/^http:\/\//),
    postgres: { host: '127.0.0.1', port: expect.any(Number) },
    http: { host: '127.0.0.1', port: expect.any(Number) },
  });
  expect(Object.keys(before.postgres)).toEqual(['host', 'port']);
  expect(statSync(readyFile).mode & 0o777).toBe(0o600);
  expect(alive(everyPid(before))).toHaveLength(4);
  const issued = await fetch(`${before.api}/v1/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${before.adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ subject: 'alice@example.com', groups: ['agents'], connections: ['shop'] }),
  });
  const { token } = (await issued.json()) as { token: string };
  const client = new pg.Client({ ...before.postgres, user: 'alice', database: 'shop', password: token });
  await expect(client.connect()).rejects.toMatchObject({ code: expect.stringMatching(/^08/) });
}, 90_000);

test('after kill -9 of the supervisor its parts end by themselves, and the next run has the same ports and keys', async () => {
  const [edge, controlPlane, ...stores] = everyPid(before);
  up.child.kill('SIGKILL');
  await exit(up);
  up = start();
  await says(up, 'control plane');
  const after = await ready(up);
  expect(after).toMatchObject({ api: before.api, adminToken: before.adminToken, postgres: before.postgres });
  expect(alive([edge, controlPlane, ...stores].map(Number))).toEqual([]);
  expect(alive(everyPid(after))).toHaveLength(4);
  before = after;
}, 90_000);

test('a second `up` on the same folder is refused at once and disturbs nothing', async () => {
  const kept = readyFile;
  readyFile = join(folder, 'second.json');
  const second = start();
  expect(await exit(second)).toBe(1);
  readyFile = kept;
  expect(second.output()).toMatch(/in use by process \d+\. Stop that one first/);
  expect(second.output()).not.toContain('moves to another');
  expect(alive(everyPid(before))).toHaveLength(4);
  expect(existsSync(kept)).toBe(true);
}, 30_000);

test('Ctrl-C stops everything in order: exit code 0, no process, no ready file, no login', async () => {
  const pids = everyPid(before);
  const { child } = up;
  child.kill('SIGINT');
  // An impatient second one must not cut the first short, nor hit the stack of the next test. Stopping takes a fifth of a second.
  setTimeout(() => child.kill('SIGINT'), 20);
  expect(await exit(up)).toBe(0);
  expect(alive(pids)).toEqual([]);
  expect(existsSync(readyFile)).toBe(false);
  expect(existsSync(join(folder, 'config', 'scrim', 'login.json'))).toBe(false);
}, 60_000);

function squat(port: number): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

test('a store whose port somebody took moves; Ctrl-C during the start leaves nothing running', async () => {
  const { ports } = JSON.parse(readFileSync(join(data, 'stack.json'), 'utf8')) as {
    ports: { postgres: number };
  };
  const squatter = await squat(ports.postgres);
  up = start();
  await says(up, 'moves to another one');
  await says(up, 'starting the control plane');
  const stores = [storePid('postgres'), storePid('redis')];
  up.child.kill('SIGINT');
  expect(await exit(up)).toBe(1);
  expect(up.output()).toContain('stopped before it was up');
  expect(alive(stores)).toEqual([]);
  squatter.close();
}, 100_000);
