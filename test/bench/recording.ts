/**
 * What recording costs the data path: microseconds of CPU per operation (statement, one small result, outcome) and MB/s
 * of response bytes, spool on disk included.
 *
 *   node --conditions=source --import tsx test/bench/recording.ts
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordingMode } from '@scrim/model';
import { Recorder, Spool } from '@scrim/recording';

const folder = mkdtempSync(join(tmpdir(), 'recording-bench-'));
const spool = new Spool({ folder, maxBytes: 8 * 1024 ** 3 });
const recorder = new Recorder({ sink: spool, edgeId: 'edge-1' });

function open(mode: Partial<RecordingMode> = {}) {
  const record = { content: 'masked' as const, maxContent: 1024 ** 2, ...mode };
  const sessionId = randomUUID();
  const session = recorder.open(sessionId, 'shop', record);
  const nobody = { groups: [], kind: 'machine' as const, issuer: 'scrim', tokenId: 't', expiresAt: 0 };
  session.opened({
    sessionId,
    connection: 'shop',
    protocol: 'postgres',
    caller: { ...nobody, subject: 'bench', attributes: {} },
    claimedName: 'app',
    attributes: {},
    policies: {},
    record,
  });
  return session;
}

/** Microseconds of CPU and of wall clock for one turn of `work`. */
async function measure(turns: number, work: (turn: number) => void): Promise<{ cpu: number; wall: number }> {
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  for (let turn = 0; turn < turns; turn++) {
    work(turn);
    // The timer and the sync of a real edge run between chunks.
    if (turn % 1_000 === 999) await new Promise((resolve) => setImmediate(resolve));
  }
  const wall = Number(process.hrtime.bigint() - start) / 1_000 / turns;
  const { user, system } = process.cpuUsage(cpu);
  return { cpu: (user + system) / turns, wall };
}

const row = Buffer.alloc(120, 'r');
const description = Buffer.alloc(60, 'd');
const statement = { text: 'SELECT abalance FROM pgbench_accounts WHERE aid = $1', verb: 'SELECT' };

async function operations(name: string, choice: Partial<RecordingMode>, text: (turn: number) => string) {
  const sessions = Array.from({ length: 8 }, () => open(choice));
  const turn = (index: number) => {
    const session = sessions[index & 7]!;
    session.operation({ ...statement, text: text(index), parameters: [String(index)], verdict: 'allow' });
    session.shape(description);
    session.response(row, 1);
    session.outcome(true, 'SELECT 1', 1);
  };
  await measure(50_000, turn);
  const { cpu, wall } = await measure(300_000, turn);
  for (const session of sessions) session.closed('caller-left');
  console.log(`${name.padEnd(44)} ${cpu.toFixed(2)} us CPU, ${wall.toFixed(2)} us wall per operation`);
}

async function bulk(size: number) {
  const session = open({ maxContent: 4 * 1024 ** 3 });
  const chunk = Buffer.alloc(size, 'x');
  const turns = Math.floor((512 * 1024 ** 2) / size);
  const { cpu, wall } = await measure(turns, () => {
    session.response(chunk, 100);
    session.outcome(true, 'SELECT 100', 100);
  });
  session.closed('caller-left');
  const rate = (us: number) => (size / us).toFixed(0);
  console.log(
    `responses in chunks of ${size} bytes`.padEnd(44),
    `${rate(cpu)} MB/s of CPU, ${rate(wall)} MB/s wall`,
  );
}

async function beyondLimit() {
  const session = open({ maxContent: 1024 ** 2 });
  const chunk = Buffer.alloc(65_536, 'x');
  const { cpu } = await measure(500_000, () => session.response(chunk, 100));
  console.log('a chunk beyond maxContent'.padEnd(44), `${cpu.toFixed(2)} us CPU`);
  session.closed('caller-left');
}

await operations('prepared statement, content kept', {}, () => statement.text);
await operations('prepared statement, content "none"', { content: 'none' }, () => statement.text);
await operations(
  'every text new (simple protocol)',
  {},
  (turn) => `SELECT abalance FROM accounts WHERE aid = ${turn}`,
);
const flushed = open();
const flush = await measure(20_000, () => {
  flushed.operation({ ...statement, parameters: null, verdict: 'allow' });
  flushed.flush();
});
console.log('an operation with a flush before it passes'.padEnd(44), `${flush.wall.toFixed(2)} us wall`);
await bulk(8_192);
await bulk(65_536);
await beyondLimit();
recorder.stop();
await spool.close();
rmSync(folder, { recursive: true });
