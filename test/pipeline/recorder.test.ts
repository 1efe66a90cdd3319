import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  approved,
  Bed,
  CUSTOMERS,
  column,
  operation,
  outcome,
  type Rules,
  rows,
  shape,
  statement,
  ToyKnock,
} from '@scrim/pipeline/testing';
import { decodeEvent, Recorder, readTraffic, type SessionEvent, Spool } from '@scrim/recording';

const SSN: Rules = {
  mask: [{ column: 'customers.ssn' }, { detect: ['pii.email'] }],
  guard: [{ when: { sql: { effects: ['write'] } }, do: 'hold' }],
  approve: { by: ['dba'] },
};
const WITH_SSN = shape([column('customers.name'), column('customers.ssn')], [CUSTOMERS]);
const UPDATE = statement("UPDATE t SET mail = 'ada@example.com'");

let folder: string;
let spool: Spool;
let recorder: Recorder;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrim-pipeline-'));
  spool = new Spool({ folder, maxBytes: 64 * 1024, syncInterval: 1 });
  recorder = new Recorder({ sink: spool, edgeId: 'edge' });
});
afterEach(async () => {
  recorder.stop();
  await spool.close();
  rmSync(folder, { recursive: true, force: true });
});

async function events(): Promise<SessionEvent[]> {
  recorder.flush();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const { records } = await spool.read({ events: 1_000, bytes: 1_000_000 });
  return records.map((it) => decodeEvent(it.event));
}

test('a whole session is on disk in order, and nothing of it in clear', async () => {
  const bed = await Bed.open([SSN], recorder);
  const waiting = bed.say(operation(UPDATE));
  bed.asked[0]?.answer(approved());
  await waiting;
  await bed.target(rows(WITH_SSN, 'Ada\t123-45-6789\n'), outcome());
  bed.exchange.relay?.ended('caller-left');
  const written = await events();
  expect(written.map((it) => it.kind)).toEqual([
    'opened',
    'traffic',
    'held',
    'decided',
    'traffic',
    'coverage',
    'closed',
  ]);
  const kept = Buffer.concat(
    written.map((it) => Buffer.concat([Buffer.from(it.data), it.body ?? Buffer.alloc(0)])),
  );
  expect(kept.includes('123-45-6789')).toBe(false);
  expect(kept.includes('ada@example.com')).toBe(false);
  const traffic = written.flatMap((it) =>
    it.kind === 'traffic' && it.body ? [...readTraffic(it.body)] : [],
  );
  expect(traffic.map((it) => it.type)).toEqual(['operation', 'shape', 'response', 'outcome']);
  const response = traffic.find((it) => it.type === 'response');
  expect(response?.type === 'response' && response.bytes.toString()).toBe(bed.forwarded()[1]);
});

test('a write is on disk at the moment it is forwarded', async () => {
  const bed = await Bed.open([{}], recorder);
  let lag = 0;
  const { forward } = bed.exchange;
  bed.exchange.forward = (run, bytes) => {
    lag = spool.state.lag;
    forward.call(bed.exchange, run, bytes);
  };
  const before = spool.state.lag;
  await bed.say(operation(UPDATE));
  expect(lag).toBeGreaterThan(before);
});

test('a spool that fills up ends open sessions with nothing unrecorded passed, and refuses new ones', async () => {
  const bed = await Bed.open([{}], recorder);
  const part = rows(WITH_SSN, `${'x'.repeat(20_000)}\t1\n`);
  for (let count = 0; count < 40 && !bed.closedWith(); count++) {
    await bed.target(part);
    await bed.say(operation(UPDATE));
  }
  expect(bed.closedWith()).toBe('SCRIM_UNRECORDED');
  const passed = bed.forwarded().length;
  await bed.say(operation(UPDATE));
  expect(bed.forwarded()).toHaveLength(passed);
  const late = await bed.knock(new ToyKnock(bed.exchange));
  expect(late.rejected?.code).toBe('SCRIM_SPOOL_FULL');
});

test('callers turned away are written down without their token', async () => {
  const bed = new Bed([], recorder);
  await bed.knock(new ToyKnock(bed.exchange, 'elsewhere'));
  const written = await events();
  const rejected = written.find((it) => it.kind === 'rejected');
  expect(JSON.parse(Buffer.from(rejected?.data ?? '').toString())).toEqual({
    protocol: 'postgres',
    wants: 'elsewhere',
    claimedName: 'app',
    code: 'SCRIM_AUTH_AUDIENCE',
  });
});
