import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { verifyChain } from '../chain.ts';
import { decodeEvent, type SessionEvent } from '../event.ts';
import { Recorder } from '../recorder.ts';
import { newKey, openSession, signAll } from '../testing.ts';
import { readTraffic } from '../traffic.ts';
import { Spool } from './spool.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const WRITER = fileURLToPath(new URL('./spool-writer.testing.ts', import.meta.url));
const bounds = { events: 200, bytes: 256 * 1024 };
const select = { text: 'SELECT 1', verb: 'SELECT', parameters: null, verdict: 'allow' } as const;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spool-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (options = {}) =>
  new Spool({ folder, maxBytes: 64 * 1024 * 1024, segmentBytes: 64 * 1024, syncInterval: 1, ...options });

const segments = () => readdirSync(folder).filter((name) => name.endsWith('.seg'));

/** Reads and acknowledges all that waits. */
async function readAll(spool: Spool): Promise<SessionEvent[]> {
  const events: SessionEvent[] = [];
  for (;;) {
    const batch = await spool.read(bounds);
    for (const record of batch.records) {
      expect(record.offset).toBeGreaterThanOrEqual(spool.acked);
      events.push(decodeEvent(Buffer.from(record.event)));
    }
    if (batch.records.length === 0) return events;
    spool.acknowledge(batch.end);
  }
}

function bySession(events: readonly SessionEvent[]): Map<string, SessionEvent[]> {
  const sessions = new Map<string, SessionEvent[]>();
  for (const event of events) {
    const list = sessions.get(event.sessionId);
    if (list === undefined) sessions.set(event.sessionId, [event]);
    else list.push(event);
  }
  return sessions;
}

function recordSession(spool: Spool, operations: number, close = true): string {
  const recorder = new Recorder({ sink: spool, edgeId: 'edge-1' });
  const sessionId = randomUUID();
  const session = openSession(recorder, sessionId);
  for (let run = 0; run < operations; run++) {
    session.operation(select);
    session.response(Buffer.alloc(1_000), 1);
    session.flush();
  }
  if (close) session.closed('caller-left');
  return sessionId;
}

describe('a spool', () => {
  test('gives back what was appended, in order, over segments, and deletes what is acknowledged', async () => {
    const spool = open();
    const sessionId = recordSession(spool, 300);
    await spool.arrival(AbortSignal.timeout(1_000));
    await spool.close();
    expect(segments().length).toBeGreaterThan(4);
    const next = open();
    const events = await readAll(next);
    expect(events.map((event) => event.seq)).toEqual(Array.from({ length: 302 }, (_, index) => index + 1));
    expect(new Set(events.map((event) => event.sessionId))).toEqual(new Set([sessionId]));
    expect(segments()).toHaveLength(1);
    expect(next.state).toMatchObject({ lag: 0, full: false, damaged: 0 });
    await next.close();
  });

  test('hands a record out only once it is synced, then wakes the reader', async () => {
    const spool = open({ syncInterval: 30 });
    recordSession(spool, 1);
    expect((await spool.read(bounds)).records).toHaveLength(0);
    await spool.arrival(AbortSignal.timeout(2_000));
    expect((await spool.read(bounds)).records).toHaveLength(3);
    await spool.close();
  });

  test('an acknowledgement survives a restart; what was not acknowledged comes again', async () => {
    const spool = open();
    await spool.read(bounds);
    recordSession(spool, 5);
    await spool.arrival(AbortSignal.timeout(2_000));
    const batch = await spool.read({ events: 3, bytes: 1 << 20 });
    spool.acknowledge(batch.end);
    await spool.close();
    const next = open();
    expect((await readAll(next)).map((event) => event.seq)).toEqual([4, 5, 6, 7]);
    await next.close();
  });

  test('is full at its bound, still takes the endings, and opens again when the queue has caught up', async () => {
    const spool = open({ maxBytes: 200_000 });
    const recorder = new Recorder({ sink: spool, edgeId: 'edge-1' });
    const session = openSession(recorder, randomUUID());
    const other = openSession(recorder, randomUUID());
    expect(() => {
      for (let run = 0; run < 1_000; run++) {
        session.response(Buffer.alloc(5_000));
        session.flush();
      }
    }).toThrow('SCRIM_UNRECORDED');
    expect(spool.full).toBe(true);
    expect(spool.state.bytes).toBeLessThanOrEqual(250_000);
    expect(() => openSession(recorder, randomUUID())).toThrow('SCRIM_SPOOL_FULL');
    other.closed('refused');
    await spool.arrival(AbortSignal.timeout(2_000));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await readAll(spool);
    expect(spool.full).toBe(false);
    openSession(recorder, randomUUID()).closed('caller-left');
    await spool.close();
  });

  test.each([1, 5, 12, 200])('cuts a record torn %i bytes before its end and goes on', async (missing) => {
    const spool = open();
    const sessionId = recordSession(spool, 3, false);
    await spool.close();
    const file = join(folder, segments()[0] as string);
    truncateSync(file, statSync(file).size - missing);
    const next = open();
    expect(next.state.torn).toBeGreaterThan(0);
    expect(next.openHeads()).toMatchObject([{ sessionId, seq: 3 }]);
    new Recorder({ sink: next, edgeId: 'edge-1' }).closeLost();
    await next.close();
    const last = open();
    const events = await readAll(last);
    expect(events.map((event) => event.kind)).toEqual(['opened', 'traffic', 'traffic', 'closed']);
    await last.close();
  });

  test('remembers open sessions although all their events are acknowledged and deleted', async () => {
    const spool = open();
    const sessionId = recordSession(spool, 2, false);
    recordSession(spool, 200);
    await spool.close();
    const again = open();
    await readAll(again);
    expect(segments()[0]).not.toBe('0000000000000000.seg');
    await again.close();
    const next = open();
    expect(next.openHeads()).toMatchObject([{ sessionId, seq: 3 }]);
    await next.close();
  });

  test('garbage behind the records and a half-made segment are cut off', async () => {
    const spool = open();
    recordSession(spool, 3);
    await spool.close();
    appendFileSync(join(folder, segments()[0] as string), Buffer.alloc(5_000, 0xff));
    writeFileSync(join(folder, '0000000000999999.seg'), Buffer.alloc(5));
    const next = open();
    expect(next.state.torn).toBe(5_000);
    expect(await readAll(next)).toHaveLength(5);
    await next.close();
  });

  test('a damaged record is skipped and counted, the rest is still read', async () => {
    const spool = open();
    recordSession(spool, 200);
    await spool.close();
    const fd = openSync(join(folder, segments()[0] as string), 'r+');
    writeSync(fd, Buffer.from([0xaa]), 0, 1, 20_000);
    closeSync(fd);
    const next = open();
    const events = await readAll(next);
    expect(events).toHaveLength(201);
    expect(next.state).toMatchObject({ damaged: 1, lag: 0 });
    const key = newKey();
    const verdict = verifyChain(events, signAll(events, key), new Map([[key.keyId, key.publicKey]]));
    expect(verdict).toMatchObject({ ok: false, why: expect.stringContaining('gap') });
    await next.close();
  });

  test('a damaged checkpoint stops the edge instead of breaking the chains', async () => {
    const spool = open();
    recordSession(spool, 1);
    await spool.close();
    const fd = openSync(join(folder, segments()[0] as string), 'r+');
    writeSync(fd, Buffer.from([0xaa]), 0, 1, 12);
    closeSync(fd);
    expect(() => open()).toThrow('is damaged at its start: move it away');
  });

  test('belongs to one process at a time and is readable by its owner only', async () => {
    const spool = open();
    expect(() => open()).toThrow('is in use');
    recordSession(spool, 1);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o077).toBe(0);
    await spool.close();
    writeFileSync(join(folder, 'lock'), '999999 1');
    const next = open();
    await next.close();
  });
});

test('a disk that takes no more ends the sessions, and what was flushed before stays whole', async () => {
  const limited = `ulimit -f 100; exec "$0" --conditions=source --import tsx "$1" "$2" 2>/dev/null`;
  const child = spawn('bash', ['-c', limited, process.execPath, WRITER, folder], {
    cwd: ROOT,
    env: { ...process.env, TSX_DISABLE_CACHE: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(1);
  expect(text).not.toBe('');
  const spool = open();
  expect(spool.state.torn).toBe(0);
  new Recorder({ sink: spool, edgeId: 'edge-1' }).closeLost();
  await spool.close();
  const last = open();
  const key = newKey();
  const keys = new Map([[key.keyId, key.publicKey]]);
  for (const events of bySession(await readAll(last)).values())
    expect(verifyChain(events, signAll(events, key), keys, { closed: true })).toMatchObject({ ok: true });
  await last.close();
});

function startWriter(): { process: ChildProcess; promised: Map<string, number> } {
  const promised = new Map<string, number>();
  const child = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', WRITER, folder], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let rest = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [session, operations] = line.split(' ');
      promised.set(session as string, Number(operations));
    }
  });
  return { process: child, promised };
}

test('kill -9 at any moment loses no flushed operation, and every chain still verifies and ends', async () => {
  const promised = new Map<string, number>();
  for (let round = 0; round < 4; round++) {
    const writer = startWriter();
    while (writer.promised.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 150));
    const gone = new Promise((resolve) => writer.process.on('close', resolve));
    writer.process.kill('SIGKILL');
    await gone;
    for (const [session, operations] of writer.promised) promised.set(session, operations);
  }
  const spool = open();
  const recorder = new Recorder({ sink: spool, edgeId: 'edge-1' });
  recorder.closeLost();
  await spool.close();
  const last = open();
  const sessions = bySession(await readAll(last));
  await last.close();
  const key = newKey();
  const keys = new Map([[key.keyId, key.publicKey]]);
  for (const [session, operations] of promised) {
    const events = sessions.get(session) ?? [];
    const recorded = events.flatMap((event) => (event.body === null ? [] : [...readTraffic(event.body)]));
    expect(recorded.filter((entry) => entry.type === 'operation').length).toBeGreaterThanOrEqual(operations);
  }
  let lost = 0;
  for (const events of sessions.values()) {
    expect(verifyChain(events, signAll(events, key), keys, { closed: true })).toMatchObject({ ok: true });
    if (events.at(-1)?.data.includes('edge-lost')) lost++;
  }
  expect(lost).toBeGreaterThan(0);
  expect(sessions.size).toBeGreaterThanOrEqual(promised.size);
}, 60_000);
