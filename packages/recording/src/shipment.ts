import { hash } from 'node:crypto';
import { z } from 'zod';
import type { BatchFields, SignedBatch } from './batch.ts';
import { FormatError } from './bytes.ts';
import { decodeEvent, HASH_LENGTH, type SessionEvent } from './event.ts';

/** The queue that carries recordings from edges to the persister. */
export const EVENT_QUEUE = 'session-events';

const base64 = z.base64();
const batchSchema = z.strictObject({
  sessionId: z.uuid(),
  firstSeq: z.int().min(1),
  lastSeq: z.int().min(1),
  headHash: base64,
  keyId: z.string().min(1).max(128),
  signature: base64,
});

/** One queue job: events in the order they were recorded, and a signed batch for each session among them. */
const shipmentSchema = z.strictObject({
  v: z.literal(1),
  edgeId: z.uuid(),
  /** Base64 of, for each event, a 32-bit length and its canonical encoding with hash. */
  events: base64,
  batches: z.array(batchSchema).min(1).max(10_000),
});
export type Shipment = z.infer<typeof shipmentSchema>;

/** One session's part of a shipment, decoded. */
export interface SessionRun {
  readonly sessionId: string;
  readonly events: readonly SessionEvent[];
  readonly batch: SignedBatch;
}

export interface ReadShipment {
  readonly edgeId: string;
  readonly runs: readonly SessionRun[];
}

/** What has to be signed to ship these events (canonical encodings, in spool order): one batch a session. */
export function batchesOf(events: readonly Uint8Array[]): BatchFields[] {
  const batches = new Map<
    string,
    { sessionId: string; firstSeq: number; lastSeq: number; headHash: Buffer }
  >();
  for (const bytes of events) {
    const { sessionId, seq, hash: headHash } = decodeEvent(bytes);
    const batch = batches.get(sessionId);
    if (batch === undefined) batches.set(sessionId, { sessionId, firstSeq: seq, lastSeq: seq, headHash });
    else Object.assign(batch, { lastSeq: seq, headHash });
  }
  return [...batches.values()];
}

export function writeShipment(
  edgeId: string,
  events: readonly Uint8Array[],
  batches: readonly SignedBatch[],
): Shipment {
  const parts: Uint8Array[] = [];
  for (const event of events) {
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(event.length);
    parts.push(length, event);
  }
  return {
    v: 1,
    edgeId,
    events: Buffer.concat(parts).toString('base64'),
    batches: batches.map((batch) => ({
      ...batch,
      headHash: batch.headHash.toString('base64'),
      signature: batch.signature.toString('base64'),
    })),
  };
}

/**
 * A name for a shipment that is the same for the same events and no other: the queue drops a job it already has, and
 * after a restart the same offset may begin a longer run. No `:`, which the queue does not allow.
 */
export function shipmentId(edgeId: string, offset: number, events: readonly Uint8Array[]): string {
  const heads = Buffer.concat(events.map((event) => event.subarray(event.length - HASH_LENGTH)));
  return `${edgeId}.${offset}.${hash('sha256', heads, 'hex').slice(0, 16)}`;
}

/**
 * Reads a shipment and checks its form: every event well-formed and rightly hashed, every event in exactly one batch,
 * batches matching what they cover. Signatures and the chain's continuation are the caller's to check.
 * Throws a {@link FormatError}.
 */
export function readShipment(value: unknown): ReadShipment {
  const parsed = shipmentSchema.safeParse(value);
  if (!parsed.success) throw new FormatError('shipment', z.prettifyError(parsed.error));
  const bySession = new Map<string, SessionEvent[]>();
  for (const event of splitEvents(Buffer.from(parsed.data.events, 'base64'))) {
    const list = bySession.get(event.sessionId);
    if (list === undefined) bySession.set(event.sessionId, [event]);
    else list.push(event);
  }
  const runs = parsed.data.batches.map((batch) => {
    const events = bySession.get(batch.sessionId);
    bySession.delete(batch.sessionId);
    if (events === undefined) throw new FormatError('batches', 'name a session without events, or one twice');
    const headHash = Buffer.from(batch.headHash, 'base64');
    const first = events[0] as SessionEvent;
    const last = events.at(-1) as SessionEvent;
    if (first.seq !== batch.firstSeq || last.seq !== batch.lastSeq || !last.hash.equals(headHash))
      throw new FormatError('batches', 'do not fit the events');
    const signature = Buffer.from(batch.signature, 'base64');
    return { sessionId: batch.sessionId, events, batch: { ...batch, headHash, signature } };
  });
  if (bySession.size > 0) throw new FormatError('batches', 'leave a session out');
  return { edgeId: parsed.data.edgeId, runs };
}

/** The same shipment reduced to one session, for what has to be kept aside. */
export function shipmentOf(
  edgeId: string,
  run: SessionRun,
  encode: (event: SessionEvent) => Uint8Array,
): Shipment {
  return writeShipment(edgeId, run.events.map(encode), [run.batch]);
}

function* splitEvents(bytes: Buffer): Generator<SessionEvent> {
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < 4) throw new FormatError('events', 'are cut short');
    const length = bytes.readUInt32BE(at);
    if (length > bytes.length - at - 4) throw new FormatError('events', 'are cut short');
    yield decodeEvent(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
}
