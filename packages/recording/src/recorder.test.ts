import { createHash, createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { type RecordingMode, RefusalError } from '@scrim/model';
import fc from 'fast-check';
import { verifyChain } from './chain.ts';
import { readData, type SessionEvent } from './event.ts';
import { rawPublicKey } from './recipient.ts';
import { Recorder } from './recorder.ts';
import { type ReplayItem, replay } from './replay.ts';
import { isSealed, openSealed } from './seal.ts';
import { CsvDecoder, MemorySink, newKey, openingInfo, openSession, signAll } from './testing.ts';
import { readTraffic, type TrafficSummary } from './traffic.ts';

const select = { text: 'SELECT 1', verb: 'SELECT', parameters: null, verdict: 'allow' } as const;

function start(mode: Partial<RecordingMode> = {}, sink = new MemorySink()) {
  const clock = { now: 1_000 };
  const recorder = new Recorder({ sink, edgeId: 'edge-1', now: () => clock.now });
  const failures: RefusalError[] = [];
  const info = openingInfo(randomUUID(), { content: 'masked', maxContent: 1024 * 1024, ...mode });
  const session = recorder.open(info.sessionId, info.connection, info.record, (error) =>
    failures.push(error),
  );
  session.opened(info);
  return { sink, clock, recorder, session, failures };
}

async function items(events: readonly SessionEvent[]): Promise<ReplayItem[]> {
  const list: ReplayItem[] = [];
  for await (const item of replay(events, () => new CsvDecoder())) list.push(item);
  return list;
}

function summaryOf(event: SessionEvent | undefined): TrafficSummary {
  return readData(event as SessionEvent) as unknown as TrafficSummary;
}

/** Waits for what a timer brings about; a test that waits in vain fails by its own limit. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('a recording', () => {
  test('replays what the caller asked and saw, in order, with times, verdicts and masks', async () => {
    const { sink, clock, session } = start();
    session.operation({ ...select, parameters: ['7', null], verdict: 'warn', rule: 'production/guard[1]' });
    session.shape(Buffer.from('id,name'));
    clock.now += 20;
    session.response(Buffer.from('1,Ann\n2,***MASKED***\n'), 2);
    session.masked('production/mask[0]', 'public.customers.name', 1);
    session.outcome(true, 'SELECT 2', 2);
    session.event('held', { ticket: 'T-1', statement: 'DELETE FROM t' });
    session.closed('caller-left');
    const list = await items(sink.events);
    expect(list.map((item) => item.kind)).toEqual(
      'opened operation columns row row outcome masked held closed'.split(' '),
    );
    expect(list[1]).toEqual({
      seq: 2,
      at: 1_000,
      kind: 'operation',
      operation: 1,
      verb: 'SELECT',
      text: 'SELECT 1',
      parameters: ['7', null],
      verdict: 'warn',
      rule: 'production/guard[1]',
    });
    expect(list[4]).toEqual({ seq: 2, at: 1_020, kind: 'row', values: ['2', '***MASKED***'] });
    expect(list[6]).toMatchObject({ place: 'public.customers.name', count: 1 });
    expect(list[8]).toMatchObject({ ending: 'caller-left', totals: { operations: 1, rows: 2, masked: 1 } });
    const key = newKey();
    const verdict = verifyChain(
      sink.events,
      signAll(sink.events, key),
      new Map([[key.keyId, key.publicKey]]),
    );
    expect(verdict).toMatchObject({ ok: true, complete: true });
  });

  test('writes a repeated statement and shape once and counts its runs', async () => {
    const { sink, session } = start();
    const description = Buffer.from('a,b');
    for (let run = 0; run < 50; run++) {
      session.operation(select);
      session.shape(description);
      session.response(Buffer.from('1,2\n'), 1);
      session.outcome(true, 'SELECT 1', 1);
      if (run % 10 === 9) session.flush();
    }
    const blocks = sink.events.filter((event) => event.kind === 'traffic');
    expect(blocks).toHaveLength(5);
    const digest = createHash('sha256').update('SELECT 1').digest('base64url');
    expect(summaryOf(blocks[0]).statements).toEqual([
      { id: 1, verb: 'SELECT', digest, text: 'SELECT 1', count: 10 },
    ]);
    expect(summaryOf(blocks[1]).statements).toEqual([{ id: 1, verb: 'SELECT', digest, count: 10 }]);
    const shapes = blocks
      .flatMap((event) => [...readTraffic(event.body as Buffer)])
      .filter((e) => e.type === 'shape');
    expect(shapes).toHaveLength(1);
    const list = await items(sink.events);
    expect(list.filter((item) => item.kind === 'operation' && item.text === 'SELECT 1')).toHaveLength(50);
    expect(list.filter((item) => item.kind === 'row')).toHaveLength(50);
  });

  test('a long session of ever new statements and shapes replays whole although its tables start anew', async () => {
    const { sink, session } = start();
    const count = 3_000;
    const kept = Buffer.from('kept');
    for (let run = 0; run < count; run++) {
      session.operation({ ...select, text: `SELECT ${run} -- ${'x'.repeat(200)}` });
      session.shape(Buffer.from(`column${run},other`));
      session.response(Buffer.from(`${run},y\n`), 1);
      session.shape(kept);
      session.response(Buffer.from(`k${run}\n`), 1);
      session.outcome(true, 'SELECT 1', 1);
      if (run % 100 === 0) session.flush();
    }
    session.closed('caller-left');
    expect(sink.events.filter((event) => summaryOf(event).reset === true).length).toBeGreaterThan(2);
    const list = await items(sink.events);
    const texts = list
      .filter((item) => item.kind === 'operation')
      .map((item) => String(item.text).split(' ')[1]);
    expect(texts).toEqual(Array.from({ length: count }, (_, run) => String(run)));
    expect(list.filter((item) => item.kind === 'row')).toHaveLength(2 * count);
    expect(list.filter((item) => item.kind === 'undecoded')).toEqual([]);
  });

  test('keeps no more content of an operation than allowed and says what is missing', async () => {
    const { sink, session } = start({ maxContent: 10 });
    for (const operation of [1, 2]) {
      session.operation({ ...select, parameters: ['longer than ten bytes'] });
      session.shape(Buffer.from('a'));
      session.response(Buffer.from('12345678\n'), 1);
      session.response(Buffer.from('12345678\n'), 1);
      session.response(Buffer.from('1\n'), 1);
      session.outcome(true, `SELECT ${operation}`, 3);
    }
    session.response(Buffer.from('after the last outcome'), 5);
    session.coverage({ inspected: 1, blind: 2, reasons: { 'no rule': 2 } });
    session.closed('caller-left');
    const list = await items(sink.events);
    expect(list.filter((item) => item.kind === 'row')).toHaveLength(2);
    const omitted = list
      .filter((item) => item.kind === 'omitted')
      .map(({ rows, bytes }) => ({ rows, bytes }));
    expect(omitted).toEqual([
      { rows: 0, bytes: 21 },
      { rows: 2, bytes: 11 },
      { rows: 0, bytes: 21 },
      { rows: 2, bytes: 11 },
      { rows: 5, bytes: 22 },
    ]);
    expect(list.at(-2)).toMatchObject({ kind: 'coverage', blind: 2, omitted: { rows: 9, bytes: 86 } });
    expect(list.at(-1)).toMatchObject({ totals: { bytes: 62, rows: 6 } });
  });

  test('with content "none" neither parameters nor responses are on record, the structure is', async () => {
    const { sink, session } = start({ content: 'none' });
    session.operation({ ...select, parameters: ['S3CRET'] });
    session.shape(Buffer.from('a'));
    session.response(Buffer.from('S3CRET\n'), 1);
    session.outcome(true, 'SELECT 1', 1);
    session.closed('caller-left');
    const all = Buffer.concat(
      sink.events.flatMap((event) => [Buffer.from(event.data), event.body ?? Buffer.alloc(0)]),
    );
    expect(all.includes('S3CRET')).toBe(false);
    expect((await items(sink.events)).map((item) => item.kind)).toEqual(
      'opened operation omitted omitted outcome closed'.split(' '),
    );
  });

  test("sealed bodies open with the auditor's key only, and only in their place", async () => {
    const auditor = generateKeyPairSync('x25519');
    const sealed = rawPublicKey(createPublicKey(auditor.privateKey)).toString('base64');
    const { sink, session } = start({ content: { sealed } });
    for (const value of ['S3CRET', 'OTHER']) {
      session.operation({ ...select, parameters: [value] });
      session.outcome(true, 'SELECT 1', 1);
      session.flush();
    }
    const [, first, second] = sink.events as [SessionEvent, SessionEvent, SessionEvent];
    expect(isSealed(first.body as Buffer)).toBe(true);
    expect(first.body?.includes('S3CRET')).toBe(false);
    expect((await items(sink.events)).map((item) => item.kind)).toEqual(['opened', 'sealed', 'sealed']);
    const opened = sink.events.map((event) => openSealed(event, auditor.privateKey));
    expect((await items(opened))[1]).toMatchObject({ kind: 'operation', parameters: ['S3CRET'] });
    expect(() => openSealed(first, generateKeyPairSync('x25519').privateKey)).toThrow('does not open');
    expect(() => openSealed({ ...first, body: second.body }, auditor.privateKey)).toThrow('does not open');
  });

  test('traffic becomes an event by itself within the interval', async () => {
    const sink = new MemorySink();
    const recorder = new Recorder({ sink, edgeId: 'edge-1', blockInterval: 20 });
    const session = openSession(recorder, randomUUID());
    session.operation(select);
    expect(sink.events).toHaveLength(1);
    await until(() => sink.events.length > 1);
    expect(sink.events.map((event) => event.kind)).toEqual(['opened', 'traffic']);
    recorder.stop();
  });

  test('hundreds of sessions become events in portions, none is forgotten', async () => {
    const sink = new MemorySink();
    const recorder = new Recorder({ sink, edgeId: 'edge-1', blockInterval: 10 });
    const sessions = Array.from({ length: 300 }, () => openSession(recorder, randomUUID()));
    const traffic = () => sink.events.filter((event) => event.kind === 'traffic').length;
    for (const count of [300, 600]) {
      for (const session of sessions) session.operation(select);
      await until(() => traffic() >= count);
      expect(traffic()).toBe(count);
    }
    recorder.stop();
  });

  test('a full block becomes an event at once, and a run larger than a block is kept whole', () => {
    const { sink, session } = start({ maxContent: 4 * 1024 * 1024 });
    session.response(Buffer.alloc(40_000));
    session.response(Buffer.alloc(40_000));
    expect(sink.events).toHaveLength(2);
    session.response(Buffer.alloc(1_000_000, 'x'));
    expect(sink.events).toHaveLength(3);
    expect(sink.events[2]?.body?.length).toBeGreaterThan(1_000_000);
  });

  test('when the spool fails every later call throws and the session is told once', () => {
    const { sink, session, recorder, failures } = start();
    session.operation(select);
    sink.broken = new Error('ENOSPC');
    recorder.flush();
    expect(failures.map((error) => error.refusal.code)).toEqual(['SCRIM_UNRECORDED']);
    sink.broken = undefined;
    expect(() => session.operation(select)).toThrow(RefusalError);
    expect(() => session.flush()).toThrow('SCRIM_UNRECORDED');
    sink.full = true;
    expect(() => start({}, sink)).toThrow('SCRIM_SPOOL_FULL');
  });

  test('a session is over when it is closed', () => {
    const { sink, session, recorder } = start();
    session.closed('caller-left');
    expect(() => session.response(Buffer.from('late'))).toThrow('the session is closed');
    recorder.flush();
    expect(sink.events.map((event) => event.kind)).toEqual(['opened', 'closed']);
  });

  test("callers turned away are on a chain of the edge's own, and a flood of them is counted, not kept", () => {
    const { sink, recorder, clock } = start();
    const before = sink.events.length;
    for (let caller = 0; caller < 1_000; caller++) recorder.rejected({ why: 'garbage' });
    clock.now += 1_000;
    recorder.rejected({ why: 'a wrong token' });
    recorder.stop();
    const door = sink.events.slice(before);
    expect(readData(door[0] as SessionEvent)).toMatchObject({ connection: '(door)', protocol: '(door)' });
    expect(door.filter((event) => event.kind === 'rejected')).toHaveLength(11);
    expect(readData(door[11] as SessionEvent)).toEqual({ why: 'a wrong token', suppressed: 990 });
    expect(door.at(-1)?.kind).toBe('closed');
    const key = newKey();
    const verdict = verifyChain(door, signAll(door, key), new Map([[key.keyId, key.publicKey]]));
    expect(verdict).toMatchObject({ ok: true, complete: true });
  });

  test('sessions left open get their ending on their own chain', () => {
    const { sink, session } = start();
    session.operation(select);
    session.flush();
    const next = new Recorder({ sink, edgeId: 'edge-1' });
    expect(next.closeLost()).toBe(1);
    expect(next.closeLost()).toBe(0);
    const key = newKey();
    const verdict = verifyChain(
      sink.events,
      signAll(sink.events, key),
      new Map([[key.keyId, key.publicKey]]),
    );
    expect(verdict).toMatchObject({ ok: true, complete: true, events: 3 });
    expect(readData(sink.events[2] as SessionEvent)).toEqual({ ending: 'edge-lost' });
  });

  test('no sequence of calls makes an entry that cannot be read back', async () => {
    const call = fc.oneof(
      fc.record({
        call: fc.constant('operation'),
        text: fc.string({ unit: 'binary' }),
        lane: fc.nat({ max: 3 }),
      }),
      fc.record({
        call: fc.constant('parameters'),
        values: fc.array(fc.option(fc.string({ unit: 'binary' }))),
      }),
      fc.record({ call: fc.constant('response'), bytes: fc.nat({ max: 90_000 }), lane: fc.nat({ max: 3 }) }),
      fc.record({ call: fc.constant('outcome'), tag: fc.string(), lane: fc.nat({ max: 3 }) }),
      fc.record({ call: fc.constant('masked'), place: fc.string(), count: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
        const { sink, session, clock } = start({ maxContent: 100_000 });
        for (const step of calls) {
          clock.now += 3;
          if ('text' in step) session.operation({ ...select, text: step.text, lane: step.lane });
          else if ('values' in step) session.operation({ ...select, parameters: step.values });
          else if ('bytes' in step) session.response(Buffer.alloc(step.bytes), 1, step.lane);
          else if ('tag' in step) session.outcome(false, step.tag, null, step.lane);
          else session.masked('rule', step.place, step.count);
        }
        session.closed('caller-left');
        const entries = sink.events.flatMap((event) =>
          event.body === null ? [] : [...readTraffic(event.body)],
        );
        const count = (name: string) => calls.filter((step) => step.call === name).length;
        expect(entries.filter((entry) => entry.type === 'operation')).toHaveLength(
          count('operation') + count('parameters'),
        );
        expect(entries.filter((entry) => entry.type === 'outcome')).toHaveLength(count('outcome'));
      }),
      { numRuns: 150 },
    );
  });
});
