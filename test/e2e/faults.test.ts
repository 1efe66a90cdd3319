import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SHOP, SHOP_DOCUMENT } from './shop.ts';
import { eventually, type Stand, startStand } from './stand.ts';

let stand: Stand;

beforeAll(async () => {
  stand = await startStand({ setup: SHOP, document: SHOP_DOCUMENT });
}, 90_000);
afterAll(() => stand?.stop(), 60_000);

interface SessionRow {
  readonly id: string;
  readonly closedAt: string | null;
  readonly ending: string | null;
}

const SECRET = /219-09-\d{4}|user\d+@example\.com/;

/** Reads masked rows over and over; reconnects when cut. Counts what worked and everything that leaked. */
class Load {
  #stopped = false;
  readonly #token: string;
  readonly #marker: string;
  reads = 0;
  leaks = 0;
  cuts = 0;
  readonly done: Promise<void>;

  constructor(token: string, marker: string) {
    this.#token = token;
    this.#marker = marker;
    this.done = this.#run();
  }

  stop(): Promise<void> {
    this.#stopped = true;
    return this.done;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        const client = await stand.client(this.#token);
        while (!this.#stopped) {
          const sql = `select ssn, email, '${this.#marker}-${this.reads}' as mark from customers where id < 20`;
          const { rows } = await client.query(sql);
          if (SECRET.test(JSON.stringify(rows))) this.leaks++;
          this.reads++;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        await client.end();
      } catch {
        this.cuts++;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}

/** The server process of an embedded store, as the store's own note names it. */
function storePid(store: 'postgres' | 'redis'): number {
  const note = readFileSync(join(stand.folder, 'data', store, 'owner.json'), 'utf8');
  return (JSON.parse(note) as { store: { pid: number } }).store.pid;
}

async function kill(pid: number): Promise<void> {
  expect(pid).toBeGreaterThan(1);
  process.kill(pid, 'SIGKILL');
}

/**
 * Every session since `since` is stored, closed and verifies: nothing lost, doubled or changed. Jobs of a worker that
 * was killed wait for its lock to lapse (30 s), those behind them for theirs.
 */
async function allVerify(marker: string, reads: number, since: Date): Promise<void> {
  const query = new URLSearchParams({ limit: '200', from: since.toISOString() });
  const sessions = await eventually(async () => {
    const page = await stand.rest<{ items: SessionRow[] }>('GET', `/v1/sessions?${query}`);
    return page.items.length > 0 && page.items.every((it) => it.closedAt !== null) ? page.items : undefined;
  }, 120_000);
  let seen = 0;
  for (const session of sessions) {
    const verified = await stand.rest<{ ok: boolean; problem?: string }>(
      'GET',
      `/v1/sessions/${session.id}/verify`,
    );
    expect({ id: session.id, ...verified }).toMatchObject({ ok: true });
    const replay = await stand.scrim('sessions', 'replay', session.id, '--json');
    expect(replay).not.toMatch(SECRET);
    seen += replay
      .split('\n')
      .filter((line) => line.includes('"operation"') && line.includes(`${marker}-`)).length;
  }
  expect(seen).toBeGreaterThanOrEqual(reads);
}

async function serves(): Promise<void> {
  const client = await stand.client(await stand.token());
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await client.end();
}

test('kill -9 of the control plane: the edge goes on, new sessions too, and the record is whole', async () => {
  const since = new Date();
  const token = await stand.token();
  const load = new Load(token, 'cp');
  await eventually(async () => (load.reads > 5 ? true : undefined));
  await kill(stand.ready().controlPlanePid);
  const during = load.reads;
  const fresh = await stand.client(token);
  expect((await fresh.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await fresh.end();
  await eventually(async () => (load.reads > during + 10 ? true : undefined));
  expect(load.cuts).toBe(0);
  await eventually(() => stand.rest<{ status?: string }>('GET', '/v1/info'), 30_000);
  await load.stop();
  expect(load.leaks).toBe(0);
  await allVerify('cp', load.reads, since);
}, 200_000);

test('kill -9 of Redis: nothing is lost, the queue catches up by itself', async () => {
  const since = new Date();
  const load = new Load(await stand.token(), 'redis');
  await eventually(async () => (load.reads > 5 ? true : undefined));
  await kill(storePid('redis'));
  const during = load.reads;
  await eventually(async () => (load.reads > during + 10 ? true : undefined));
  await load.stop();
  expect(load.cuts).toBe(0);
  expect(load.leaks).toBe(0);
  await allVerify('redis', load.reads, since);
}, 200_000);

test('kill -9 of the control plane Postgres: sessions go on and are stored when it is back', async () => {
  const since = new Date();
  const load = new Load(await stand.token(), 'pg');
  await eventually(async () => (load.reads > 5 ? true : undefined));
  await kill(storePid('postgres'));
  const during = load.reads;
  await eventually(async () => (load.reads > during + 10 ? true : undefined));
  await load.stop();
  expect(load.cuts).toBe(0);
  expect(load.leaks).toBe(0);
  await allVerify('pg', load.reads, since);
}, 200_000);

test('kill -9 of the edge: it comes back, its sessions are closed in the record, what was on disk is stored', async () => {
  const since = new Date();
  const load = new Load(await stand.token(), 'edge');
  await eventually(async () => (load.reads > 20 ? true : undefined));
  // Reads ride in a block for at most 100 ms; what is older than that must survive.
  const safe = load.reads;
  await new Promise((resolve) => setTimeout(resolve, 400));
  await kill(stand.ready().edgePid);
  await eventually(async () => (load.cuts > 0 ? true : undefined), 30_000);
  const atTheCut = load.reads;
  await eventually(async () => (load.reads > atTheCut + 30 ? true : undefined), 30_000);
  await load.stop();
  expect(load.leaks).toBe(0);
  await serves();
  await allVerify('edge', safe, since);
  const page = await stand.rest<{ items: SessionRow[] }>('GET', '/v1/sessions?limit=200');
  expect(page.items.some((it) => it.ending === 'edge-lost')).toBe(true);
}, 200_000);
