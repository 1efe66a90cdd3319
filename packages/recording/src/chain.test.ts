import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { verifyChain } from './chain.ts';
import { decodeEvent, encodeEvent, genesisHash, type SessionEvent } from './event.ts';
import { newKey, signAll, signBatch, type TestKey } from './testing.ts';

const SESSION = '01890000-0000-7000-8000-000000000001';
const opening = JSON.stringify({ edgeId: 'edge-1', connection: 'shop' });

function chain(length: number, sessionId = SESSION): SessionEvent[] {
  const events: SessionEvent[] = [];
  let prevHash = genesisHash(sessionId, 'edge-1', 'shop');
  for (let seq = 1; seq <= length; seq++) {
    const kind = seq === 1 ? 'opened' : seq === length ? 'closed' : 'traffic';
    const data = seq === 1 ? opening : JSON.stringify({ n: seq, text: 'é\u0000' });
    const body = kind === 'traffic' ? Buffer.from(`body ${seq}`) : null;
    const event = decodeEvent(
      encodeEvent({ sessionId, seq, at: 1_000 + seq, kind, data, body, prevHash }).bytes,
    );
    events.push(event);
    prevHash = event.hash;
  }
  return events;
}

function keysOf(...keys: TestKey[]) {
  return new Map(keys.map((key) => [key.keyId, key.publicKey]));
}

const key = newKey();

describe('a chain', () => {
  test.each(['ed25519', 'p256'] as const)('verifies when untouched, signed with %s', (type) => {
    const edge = newKey(type);
    const events = chain(10);
    const verdict = verifyChain(events, signAll(events, edge), keysOf(edge), { closed: true });
    expect(verdict).toMatchObject({ ok: true, events: 10, complete: true, headSeq: 10 });
  });

  test('an event survives encoding and decoding byte for byte', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        fc.nat(),
        fc.string({ unit: 'binary' }),
        fc.option(fc.uint8Array()),
        (seq, at, text, bytes) => {
          const body = bytes === null ? null : Buffer.from(bytes);
          const data = JSON.stringify({ text });
          const prevHash = Buffer.alloc(32, 7);
          const encoded = encodeEvent({ sessionId: SESSION, seq, at, kind: 'traffic', data, body, prevHash });
          const event = decodeEvent(encoded.bytes);
          expect(event).toEqual({
            sessionId: SESSION,
            seq,
            at,
            kind: 'traffic',
            data,
            body,
            prevHash,
            hash: encoded.hash,
          });
        },
      ),
    );
  });

  test('any single flipped bit of any event is found at that event', () => {
    const events = chain(8);
    const batches = signAll(events, key);
    const encoded = events.map((event) => encodeEvent(event).bytes);
    fc.assert(
      fc.property(fc.nat({ max: 7 }), fc.nat(), (index, position) => {
        const bytes = Buffer.from(encoded[index] as Buffer);
        const bit = position % (bytes.length * 8);
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(() => decodeEvent(bytes)).toThrow();
      }),
      { numRuns: 2_000 },
    );
    // The same through a store that keeps fields: every byte field and number, bit by bit.
    for (const [index, event] of events.entries()) {
      for (const changed of fieldFlips(event)) {
        const verdict = verifyChain(events.with(index, changed), batches, keysOf(key));
        expect(verdict).toMatchObject({ ok: false });
      }
    }
  });

  test('any event dropped, doubled or swapped is found', () => {
    const events = chain(9);
    const batches = signAll(events, key);
    fc.assert(
      fc.property(fc.nat({ max: 8 }), fc.nat({ max: 8 }), (a, b) => {
        expect(verifyChain(events.toSpliced(a, 1), batches, keysOf(key)).ok).toBe(false);
        expect(verifyChain(events.toSpliced(b, 0, events[a] as SessionEvent), batches, keysOf(key)).ok).toBe(
          false,
        );
        if (a === b) return;
        const swapped = events.with(a, events[b] as SessionEvent).with(b, events[a] as SessionEvent);
        const verdict = verifyChain(swapped, batches, keysOf(key));
        expect(verdict).toMatchObject({ ok: false, seq: Math.min(a, b) + 1 });
      }),
    );
  });

  test('any single flipped bit of a batch is found', () => {
    const events = chain(5);
    const batches = signAll(events, key);
    batches.forEach((batch, index) => {
      for (let bit = 0; bit < 64 * 8; bit++) {
        const signature = Buffer.from(batch.signature);
        signature[bit >> 3] = (signature[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(verifyChain(events, batches.with(index, { ...batch, signature }), keysOf(key)).ok).toBe(false);
      }
      for (const change of [{ firstSeq: batch.firstSeq + 1 }, { lastSeq: batch.lastSeq - 1 }, { keyId: 'x' }])
        expect(verifyChain(events, batches.with(index, { ...batch, ...change }), keysOf(key)).ok).toBe(false);
    });
  });

  test('names the first break and why', () => {
    const events = chain(9);
    const batches = signAll(events, key);
    const verdict = (list: SessionEvent[], expected = {}) =>
      verifyChain(list, batches, keysOf(key), expected);
    expect(verdict(events.toSpliced(4, 1))).toEqual({
      ok: false,
      seq: 5,
      why: 'gap: event 5 is missing, 6 follows',
    });
    expect(verdict(events.slice(0, 6))).toMatchObject({ seq: 7, why: expect.stringContaining('truncated') });
    const head = { seq: 9, hash: events[8]?.hash as Buffer };
    expect(verifyChain(events.slice(0, 6), batches.slice(0, 2), keysOf(key), { head })).toMatchObject({
      seq: 7,
    });
    expect(verifyChain(events.slice(0, 6), batches.slice(0, 2), keysOf(key), { closed: true })).toMatchObject(
      {
        seq: 7,
        why: 'truncated: the closed event is missing',
      },
    );
    expect(verifyChain(events, batches.slice(0, 2), keysOf(key))).toMatchObject({
      seq: 7,
      why: 'no signed batch covers the event',
    });
    expect(verifyChain([], [], keysOf(key))).toMatchObject({ seq: 1, why: 'there are no events' });
  });

  test('a tail rewritten with right hashes fails for want of a signature', () => {
    const events = chain(6);
    const batches = signAll(events, key);
    const last = events[5] as SessionEvent;
    const forged = decodeEvent(encodeEvent({ ...last, data: '{"n":0}' }).bytes);
    expect(verifyChain(events.with(5, forged), batches, keysOf(key))).toMatchObject({ ok: false, seq: 6 });
    const stranger = newKey();
    const signed = [...batches.slice(0, 1), ...signAll([...events.slice(3, 5), forged], stranger)];
    expect(verifyChain(events.with(5, forged), signed, keysOf(key))).toMatchObject({
      why: 'batch 4 to 6 was signed with an unknown key',
    });
  });

  test('a chain of another edge, connection or session does not pass for this one', () => {
    const events = chain(3);
    const batches = signAll(events, key);
    const other = chain(3, SESSION.replace('1890', '1891'));
    expect(verifyChain([events[0] as SessionEvent, ...other.slice(1)], batches, keysOf(key)).ok).toBe(false);
    expect(verifyChain(events, batches, keysOf(key), { sessionId: other[0]?.sessionId as string }).ok).toBe(
      false,
    );
    const moved = { ...(events[0] as SessionEvent), data: opening.replace('shop', 'bank') };
    const rehashed = decodeEvent(encodeEvent(moved).bytes);
    expect(verifyChain([rehashed], signAll([rehashed], key), keysOf(key))).toMatchObject({
      ok: false,
      seq: 1,
    });
  });

  test('a batch signed again over a longer run is accepted beside the first', () => {
    const events = chain(6);
    const headHash = events[5]?.hash as Buffer;
    const again = signBatch({ sessionId: SESSION, firstSeq: 1, lastSeq: 6, headHash }, key);
    expect(verifyChain(events, [...signAll(events, key), again], keysOf(key))).toMatchObject({ ok: true });
  });
});

function fieldFlips(event: SessionEvent): SessionEvent[] {
  const flips: SessionEvent[] = [
    { ...event, at: event.at + 1 },
    { ...event, seq: event.seq + 1 },
    { ...event, kind: `${event.kind}x` },
    { ...event, data: event.data.replace('{', '{ ') },
    { ...event, body: event.body === null ? Buffer.alloc(0) : null },
    { ...event, sessionId: event.sessionId.replace('8', '9') },
  ];
  for (const field of ['hash', 'prevHash', 'body'] as const) {
    const value = event[field];
    if (value === null) continue;
    for (let bit = 0; bit < value.length * 8; bit++) {
      const bytes = Buffer.from(value);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      flips.push({ ...event, [field]: bytes });
    }
  }
  return flips;
}
