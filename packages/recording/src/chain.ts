import type { KeyObject } from 'node:crypto';
import { type SignedBatch, verifyBatch } from './batch.ts';
import { genesisHash, hashEvent, readData, type SessionEvent } from './event.ts';

/** What `verifyChain` found. On a break, `seq` is the first event that cannot be trusted. */
export type ChainVerdict =
  | {
      readonly ok: true;
      readonly events: number;
      /** False while the session is open: more events may follow, and a tail cut off now would not show. */
      readonly complete: boolean;
      readonly headSeq: number;
      readonly headHash: Buffer;
    }
  | { readonly ok: false; readonly seq: number; readonly why: string };

export interface ChainExpectation {
  readonly sessionId?: string;
  /** Where the chain is known to reach at least, for instance from the session's row or an exported receipt. */
  readonly head?: { readonly seq: number; readonly hash: Uint8Array };
  /** True = a chain without `closed` event counts as cut. */
  readonly closed?: boolean;
}

/** Public keys by {@link SignedBatch.keyId}: the edge's certificates, from a source the verifier trusts. */
export type PublicKeys = ReadonlyMap<string, KeyObject>;

class Break extends Error {
  readonly seq: number;

  constructor(seq: number, why: string) {
    super(why);
    this.seq = seq;
  }
}

/**
 * Checks a session event by event with memory for one event and the batches. Feed events in order, then ask for the
 * verdict; after the first break further events are ignored.
 */
export class ChainVerifier {
  readonly #keys: PublicKeys;
  readonly #expected: ChainExpectation;
  /** By `firstSeq`; overlapping ones are allowed, because an edge signs again what it could not deliver. */
  readonly #batches: SignedBatch[];
  #nextBatch = 0;
  /** Batches that began and still wait for their last event. */
  #waiting: SignedBatch[] = [];
  /** Every event up to here is under a good signature: a signed hash vouches for all events it is chained to. */
  #signedTo = 0;
  #sessionId: string | undefined;
  #seq = 0;
  #hash: Buffer = Buffer.alloc(0);
  #closed = false;
  #broken: Break | undefined;

  constructor(batches: readonly SignedBatch[], keys: PublicKeys, expected: ChainExpectation = {}) {
    this.#batches = [...batches].sort((a, b) => a.firstSeq - b.firstSeq || a.lastSeq - b.lastSeq);
    this.#keys = keys;
    this.#expected = expected;
    this.#sessionId = expected.sessionId;
  }

  push(event: SessionEvent): void {
    if (this.#broken !== undefined) return;
    try {
      this.#link(event);
      this.#cover(event);
    } catch (error) {
      if (!(error instanceof Break)) throw error;
      this.#broken = error;
    }
  }

  verdict(): ChainVerdict {
    const broken = this.#broken ?? this.#tail();
    if (broken !== undefined) return { ok: false, seq: broken.seq, why: broken.message };
    return { ok: true, events: this.#seq, complete: this.#closed, headSeq: this.#seq, headHash: this.#hash };
  }

  /** Sequence, previous hash, own hash, session. */
  #link(event: SessionEvent): void {
    const expectedSeq = this.#seq + 1;
    if (this.#closed) throw new Break(event.seq, 'an event follows the closed event');
    if (event.seq > expectedSeq)
      throw new Break(expectedSeq, `gap: event ${expectedSeq} is missing, ${event.seq} follows`);
    if (event.seq < expectedSeq)
      throw new Break(expectedSeq, `order: event ${event.seq} comes again or out of its place`);
    this.#sessionId ??= event.sessionId;
    if (event.sessionId !== this.#sessionId) throw new Break(event.seq, 'the event is of another session');
    const prevHash = event.seq === 1 ? this.#genesis(event) : this.#hash;
    if (!prevHash.equals(event.prevHash))
      throw new Break(event.seq, 'the previous hash does not fit: this event or the one before was replaced');
    let hash: Buffer;
    try {
      hash = hashEvent(event);
    } catch (error) {
      throw new Break(event.seq, `altered: ${(error as Error).message}`);
    }
    if (!hash.equals(event.hash)) throw new Break(event.seq, 'altered: the hash does not fit the event');
    this.#seq = event.seq;
    this.#hash = Buffer.from(event.hash);
    this.#closed = event.kind === 'closed';
  }

  #genesis(event: SessionEvent): Buffer {
    if (event.kind !== 'opened') throw new Break(1, 'the first event is not the opened event');
    let data: Record<string, unknown>;
    try {
      data = readData(event);
    } catch (error) {
      throw new Break(1, `altered: ${(error as Error).message}`);
    }
    const { edgeId, connection } = data;
    if (typeof edgeId !== 'string' || typeof connection !== 'string')
      throw new Break(1, 'the opened event names no edge or no connection');
    return genesisHash(event.sessionId, edgeId, connection);
  }

  /** Signatures: each batch that ends at this event must carry its hash and a good signature. */
  #cover(event: SessionEvent): void {
    for (
      let batch = this.#batches[this.#nextBatch];
      batch !== undefined;
      batch = this.#batches[this.#nextBatch]
    ) {
      if (batch.firstSeq > event.seq) break;
      this.#waiting.push(batch);
      this.#nextBatch++;
    }
    const due = this.#waiting.filter((batch) => batch.lastSeq <= event.seq);
    if (due.length === 0) return;
    this.#waiting = this.#waiting.filter((batch) => batch.lastSeq > event.seq);
    for (const batch of due) this.#checkBatch(batch, event);
  }

  #checkBatch(batch: SignedBatch, event: SessionEvent): void {
    const name = `batch ${batch.firstSeq} to ${batch.lastSeq}`;
    if (batch.sessionId !== event.sessionId) throw new Break(event.seq, `${name} is of another session`);
    if (batch.lastSeq < batch.firstSeq || batch.firstSeq < 1)
      throw new Break(event.seq, `${name} has a wrong range`);
    if (batch.lastSeq !== event.seq || !event.hash.equals(batch.headHash))
      throw new Break(event.seq, `${name} was signed over other events`);
    const key = this.#keys.get(batch.keyId);
    if (key === undefined) throw new Break(event.seq, `${name} was signed with an unknown key`);
    if (!verifyBatch(batch, key)) throw new Break(event.seq, `bad signature of ${name}`);
    this.#signedTo = batch.lastSeq;
  }

  #tail(): Break | undefined {
    const next = this.#seq + 1;
    const { head, closed } = this.#expected;
    if (this.#seq === 0) return new Break(1, 'there are no events');
    if (this.#waiting.length > 0 || this.#nextBatch < this.#batches.length)
      return new Break(next, 'truncated: a signed batch reaches further than the events');
    if (this.#signedTo < this.#seq) return new Break(this.#signedTo + 1, 'no signed batch covers the event');
    if (head !== undefined && head.seq > this.#seq)
      return new Break(next, `truncated: the chain is known to reach event ${head.seq}`);
    if (head !== undefined && head.seq === this.#seq && !this.#hash.equals(head.hash))
      return new Break(this.#seq, 'the last hash is not the known one');
    if (closed === true && !this.#closed) return new Break(next, 'truncated: the closed event is missing');
    return undefined;
  }
}

/**
 * Checks a whole recording: every event's hash, the chain from the first event on, and a signature by a known key over
 * every event. Returns the first break; never throws for what the input holds.
 *
 * What it cannot see: a tail cut off an open session together with its batches, unless `expected` says how far the
 * chain reached (docs/recording.md "Residuals").
 */
export function verifyChain(
  events: Iterable<SessionEvent>,
  batches: readonly SignedBatch[],
  keys: PublicKeys,
  expected: ChainExpectation = {},
): ChainVerdict {
  const verifier = new ChainVerifier(batches, keys, expected);
  for (const event of events) verifier.push(event);
  return verifier.verdict();
}
