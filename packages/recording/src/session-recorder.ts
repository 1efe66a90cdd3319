import { hash, type KeyObject } from 'node:crypto';
import { type Refusal, type RefusalError, refuse, type SessionInfo } from '@scrim/model';
import {
  type BlockPool,
  copyRoom,
  type KnownStatement,
  operationRoom,
  outcomeRoom,
  TrafficBlock,
} from './block.ts';
import { type EncodedEvent, type EventKind, encodeEvent, genesisHash } from './event.ts';
import { Sealer } from './seal.ts';
import type { Verdict } from './traffic.ts';

/** Longest statement text kept, in characters; the whole length is recorded beside it. */
const MAX_TEXT = 128 * 1024;
/** Past these a session's statement and shape tables start anew, so that a long session's memory is bounded. */
const MAX_STATEMENTS = 512;
const MAX_STATEMENT_TEXT = 256 * 1024;
const MAX_SHAPES = 512;
const MAX_SHAPE_BYTES = 256 * 1024;
const MAX_LANES = 1_024;
const MAX_PARAMETERS = 65_535;
/**
 * Parameters and single responses larger than this are counted, not kept, whatever `maxContent` says: an event must
 * reach the queue within its command timeout also over a slow line, or it would block all behind it.
 */
const MAX_ENTRY = 1024 * 1024;
const MAX_TAG = 1_024;
const MAX_RULE = 512;

/** What a session recorder needs from its surroundings. */
export interface RecordingContext {
  readonly pool: BlockPool;
  readonly now: () => number;
  /** Takes an event into the spool's memory. Throws when it cannot be kept. */
  readonly append: (event: EncodedEvent, last: boolean) => void;
  /** Hands everything appended to the operating system. Throws when that fails. */
  readonly drain: () => void;
  /** The session holds a block that must become an event in time. */
  readonly dirty: (session: SessionRecorder) => void;
  readonly clean: (session: SessionRecorder) => void;
}

export interface RecordedOperation {
  /** The text as it may be kept: the caller of this API has masked it. */
  readonly text: string;
  readonly verb: string;
  /** Masked likewise; null = none, or not to be kept. */
  readonly parameters: readonly (string | null)[] | null;
  readonly verdict: Verdict;
  /** The guard that decided, for every verdict but `allow`. */
  readonly rule?: string | undefined;
  readonly lane?: number | undefined;
}

/** Bytes a session passed, by whether something looked into them (DESIGN rule 4.2). */
export interface RecordedCoverage {
  readonly inspected: number;
  readonly blind: number;
  /** Blind bytes by reason. */
  readonly reasons: Readonly<Record<string, number>>;
}

interface Lane {
  /** The columns of the rows under way. */
  shape: KnownShape | undefined;
  kept: number;
  omittedRows: number;
  omittedBytes: number;
}

interface KnownShape {
  readonly id: number;
  readonly bytes: Buffer;
  written: boolean;
  /** The last epoch that used it. */
  epoch: number;
}

/** What a chain is bound to. */
export interface RecordingOrigin {
  readonly sessionId: string;
  readonly edgeId: string;
  readonly connection: string;
}

export type ContentMode = 'masked' | 'none' | { readonly sealed: KeyObject };

/**
 * Records one session from the data path. Every method is synchronous and cheap: traffic is copied into a block that
 * becomes one event when it is full or 100 ms old. When something cannot be recorded the methods throw a RefusalError
 * (`SCRIM_UNRECORDED`), from then on always: the operation must not pass and the session must end.
 */
export class SessionRecorder {
  readonly sessionId: string;
  readonly #edgeId: string;
  readonly #context: RecordingContext;
  readonly #sealer: Sealer | undefined;
  readonly #maxContent: number;
  #seq = 0;
  #hash: Buffer;
  #at = 0;
  #block: TrafficBlock | undefined;
  #blocks = 0;
  #statementIds = 0;
  #statements = new Map<string, KnownStatement>();
  #textLength = 0;
  /** By the identity of the caller's description. */
  readonly #shapes = new Map<Uint8Array, KnownShape>();
  #shapeIds = 0;
  #shapeBytes = 0;
  #epoch = 1;
  readonly #lanes = new Map<number, Lane>();
  #failed: RefusalError | undefined;
  #closed = false;
  readonly #omitted = { rows: 0, bytes: 0 };
  readonly #totals = { operations: 0, rows: 0, bytes: 0, masked: 0 };

  constructor(context: RecordingContext, origin: RecordingOrigin, content: ContentMode, maxContent: number) {
    const { sessionId, edgeId, connection } = origin;
    this.sessionId = sessionId;
    this.#edgeId = edgeId;
    this.#context = context;
    this.#maxContent = content === 'none' ? 0 : maxContent;
    this.#sealer = typeof content === 'object' ? new Sealer(content.sealed, sessionId) : undefined;
    this.#hash = genesisHash(sessionId, edgeId, connection);
  }

  /** The first event, before anything else. */
  opened(info: SessionInfo): void {
    const { subject, groups, kind, issuer, tokenId, attributes } = info.caller;
    this.event('opened', {
      v: 1,
      edgeId: this.#edgeId,
      connection: info.connection,
      protocol: info.protocol,
      caller: { subject, groups, kind, issuer, tokenId, attributes },
      claimedName: info.claimedName,
      attributes: info.attributes,
      policies: info.policies,
      content: typeof info.record.content === 'object' ? 'sealed' : info.record.content,
      maxContent: info.record.maxContent,
    });
  }

  operation(operation: RecordedOperation): void {
    const now = this.#context.now();
    const lane = operation.lane ?? 0;
    const rule = cut(operation.rule ?? '', MAX_RULE);
    let parameters = operation.parameters;
    let size = 0;
    if (parameters !== null) {
      for (const parameter of parameters) if (parameter !== null) size += Buffer.byteLength(parameter);
      if (size > this.#maxContent || size > MAX_ENTRY || parameters.length > MAX_PARAMETERS)
        parameters = null;
    }
    const kept = parameters === null ? 0 : size;
    const block = this.#room(now, operationRoom(rule, kept, parameters?.length ?? 0));
    block.operation(lane, now, this.#statement(operation), operation.verdict, rule);
    block.parameters(parameters);
    if (parameters === null && size > 0) this.#omit(block, lane, now, { omittedRows: 0, omittedBytes: size });
    this.#totals.operations++;
    this.#filled(block);
  }

  /**
   * Names the columns of the rows that follow in the lane, in the protocol's own recorded form. A description is known
   * again by its identity, so pass the same array for the same shape: repeating it costs one look-up.
   */
  shape(description: Uint8Array, lane = 0): void {
    const now = this.#context.now();
    let known = this.#shapes.get(description);
    if (known === undefined) {
      known = { id: ++this.#shapeIds, bytes: Buffer.from(description), written: false, epoch: this.#epoch };
      this.#shapes.set(description, known);
      this.#shapeBytes += known.bytes.length;
    }
    this.#lane(lane, now).shape = known;
    known.epoch = this.#epoch;
    if (known.written || !this.#keepsShape(known)) return;
    const block = this.#room(now, copyRoom(known.bytes.length));
    this.#writeShape(block, known, lane, now);
    this.#filled(block);
  }

  /**
   * Response bytes as the caller received them, whole messages, copied at once. A run that would go past the operation's
   * `maxContent` is left out whole (half a message cannot be replayed) and counted, with its `rows` where known.
   */
  response(bytes: Uint8Array, rows = 0, lane = 0): void {
    const now = this.#context.now();
    const state = this.#lane(lane, now);
    this.#totals.bytes += bytes.length;
    if (!this.#keeps(state, bytes.length)) {
      this.#room(now, 0).passed(bytes.length);
      state.omittedBytes += bytes.length;
      state.omittedRows += rows;
      return;
    }
    state.kept += bytes.length;
    const { shape } = state;
    const block = this.#room(now, copyRoom(bytes.length) + copyRoom(shape?.bytes.length ?? 0));
    if (shape !== undefined) {
      shape.epoch = this.#epoch;
      if (!shape.written && this.#keepsShape(shape)) this.#writeShape(block, shape, lane, now);
    }
    block.passed(bytes.length);
    block.response(lane, now, shape?.written ? shape.id : 0, rows, bytes);
    this.#filled(block);
  }

  /** Texts the caller sent, masked, as the target received them; bounded and left out like a response. */
  request(bytes: Uint8Array, lane = 0): void {
    const now = this.#context.now();
    const state = this.#lane(lane, now);
    if (!this.#keeps(state, bytes.length)) {
      state.omittedBytes += bytes.length;
      return;
    }
    state.kept += bytes.length;
    const block = this.#room(now, copyRoom(bytes.length));
    block.request(lane, now, bytes);
    this.#filled(block);
  }

  /** Ends the lane's operation: the next response counts against a `maxContent` of its own. */
  outcome(ok: boolean, tag: string, count: number | null, lane = 0): void {
    const now = this.#context.now();
    const shortTag = cut(tag, MAX_TAG);
    const state = this.#lanes.get(lane);
    if (state !== undefined) this.#settleLane(lane, state, now);
    const block = this.#room(now, outcomeRoom(shortTag));
    this.#totals.rows += count ?? 0;
    block.outcome(lane, now, ok, count, shortTag);
    this.#filled(block);
  }

  /** A rule replaced `count` values at `place` (a column, a field, a channel); never a value. */
  masked(rule: string, place: string, count: number): void {
    const block = this.#room(this.#context.now(), 0);
    block.masked(cut(rule, MAX_RULE), cut(place, MAX_RULE), count);
    this.#totals.masked += count;
    this.#filled(block);
  }

  /**
   * A rare fact in its place among the traffic. It reaches the operating system before the call returns.
   * `data` must be JSON and already masked.
   */
  event(kind: EventKind | (string & {}), data: Readonly<Record<string, unknown>>): void {
    this.#guard(() => {
      this.#endBlock();
      this.#append(kind, JSON.stringify(data), null, this.#tick(), kind === 'closed');
      this.#context.drain();
    });
  }

  /** What was inspected and what passed blind; what the recording left out so far is added. */
  coverage(coverage: RecordedCoverage): void {
    this.#settleLanes();
    this.event('coverage', { ...coverage, omitted: { ...this.#omitted } });
  }

  /**
   * Everything so far reaches the operating system before the call returns, so that it outlives a kill of this process.
   * The pipeline calls it before it lets a write pass.
   */
  flush(): void {
    this.#guard(() => {
      this.#endBlock();
      this.#context.drain();
    });
  }

  /** The block becomes an event; it reaches the spool's memory only. For the timer, which drains once for all. */
  settle(): void {
    this.#guard(() => this.#endBlock());
  }

  /** The last event, with the session's totals. Everything after it throws. */
  closed(ending: string, refusal?: Refusal): void {
    this.#settleLanes();
    this.event('closed', { ending, ...(refusal !== undefined && { refusal }), totals: { ...this.#totals } });
    this.#closed = true;
    this.#context.clean(this);
  }

  /** From now on every call throws: a part of the session could not be kept. */
  fail(cause: unknown): RefusalError {
    this.#failed ??= refuse('SCRIM_UNRECORDED', { cause });
    this.#block?.release();
    this.#block = undefined;
    this.#context.clean(this);
    return this.#failed;
  }

  get failed(): boolean {
    return this.#failed !== undefined;
  }

  #guard(work: () => void): void {
    this.#check();
    try {
      work();
    } catch (error) {
      throw this.fail(error);
    }
  }

  #check(): void {
    if (this.#failed !== undefined) throw this.#failed;
    if (this.#closed) throw refuse('SCRIM_UNRECORDED', { message: 'the session is closed' });
  }

  /** The clock, never backwards: an event is not older than the one before it. */
  #tick(): number {
    this.#at = Math.max(this.#at, this.#context.now());
    return this.#at;
  }

  #room(now: number, size: number): TrafficBlock {
    this.#check();
    if (this.#block?.fits(size)) return this.#block;
    if (this.#block !== undefined) this.settle();
    const reset = this.#startEpoch();
    this.#at = Math.max(this.#at, now);
    this.#block = new TrafficBlock(this.#context.pool, {
      startedAt: this.#at,
      serial: ++this.#blocks,
      room: size,
      reset,
    });
    this.#context.dirty(this);
    return this.#block;
  }

  #filled(block: TrafficBlock): void {
    if (block === this.#block && block.full) this.flush();
  }

  #endBlock(): void {
    const block = this.#block;
    if (block === undefined) return;
    this.#block = undefined;
    this.#context.clean(this);
    const summary = JSON.stringify(block.summary());
    const body = block.body();
    const sealed =
      body !== null && this.#sealer !== undefined ? this.#sealer.seal(body, this.#seq + 1) : body;
    this.#append('traffic', summary, sealed, block.startedAt, false);
    this.#at = Math.max(this.#at, this.#context.now());
    block.release();
  }

  #append(kind: string, data: string, body: Buffer | null, at: number, last: boolean): void {
    const seq = this.#seq + 1;
    const event = encodeEvent({ sessionId: this.sessionId, seq, at, kind, data, body, prevHash: this.#hash });
    this.#context.append(event, last);
    this.#seq = seq;
    this.#hash = event.hash;
  }

  /** Clears tables that have grown too large; true when it did. Only between blocks: a block's ids stay valid. */
  #startEpoch(): boolean {
    const grown =
      this.#statements.size > MAX_STATEMENTS ||
      this.#textLength > MAX_STATEMENT_TEXT ||
      this.#shapes.size > MAX_SHAPES ||
      this.#shapeBytes > MAX_SHAPE_BYTES;
    if (!grown) return false;
    this.#statements = new Map();
    this.#textLength = 0;
    for (const [description, shape] of this.#shapes) {
      shape.written = false;
      // What the last epoch did not use goes; a lane that still holds it writes it again.
      if (shape.epoch === this.#epoch) continue;
      this.#shapes.delete(description);
      this.#shapeBytes -= shape.bytes.length;
    }
    this.#epoch++;
    return true;
  }

  #statement(operation: RecordedOperation): KnownStatement {
    const known = this.#statements.get(operation.text);
    if (known !== undefined) return known;
    const text = cut(operation.text, MAX_TEXT);
    const statement: KnownStatement = {
      id: ++this.#statementIds,
      verb: cut(operation.verb, 64),
      text,
      digest: hash('sha256', operation.text, 'base64url'),
      textBytes: text.length < operation.text.length ? Buffer.byteLength(operation.text) : undefined,
      written: false,
      block: 0,
      count: 0,
      stopped: 0,
    };
    // A text this long is not worth a place in the table.
    if (statement.textBytes === undefined) {
      this.#statements.set(operation.text, statement);
      this.#textLength += text.length;
    }
    return statement;
  }

  /** What follows something left out is left out, too: a gap in the middle could not be replayed. */
  #keeps(state: Lane, length: number): boolean {
    return state.omittedBytes === 0 && state.kept + length <= this.#maxContent && length <= MAX_ENTRY;
  }

  #keepsShape(shape: KnownShape): boolean {
    return this.#maxContent > 0 && shape.bytes.length <= MAX_SHAPE_BYTES;
  }

  #writeShape(block: TrafficBlock, shape: KnownShape, lane: number, now: number): void {
    block.shape(lane, now, shape.id, shape.bytes);
    shape.written = true;
  }

  #lane(lane: number, now: number): Lane {
    const known = this.#lanes.get(lane);
    if (known !== undefined) return known;
    if (this.#lanes.size >= MAX_LANES) {
      // Lanes come and go (HTTP/2 streams); the first opened is at the front.
      const [oldest, state] = this.#lanes.entries().next().value as [number, Lane];
      this.#settleLane(oldest, state, now);
      this.#lanes.delete(oldest);
    }
    const state: Lane = { shape: undefined, kept: 0, omittedRows: 0, omittedBytes: 0 };
    this.#lanes.set(lane, state);
    return state;
  }

  #omit(
    block: TrafficBlock,
    lane: number,
    now: number,
    left: Pick<Lane, 'omittedRows' | 'omittedBytes'>,
  ): void {
    block.omitted(lane, now, left.omittedRows, left.omittedBytes);
    this.#omitted.rows += left.omittedRows;
    this.#omitted.bytes += left.omittedBytes;
  }

  #settleLanes(): void {
    for (const [lane, state] of this.#lanes) this.#settleLane(lane, state, this.#context.now());
  }

  /** Writes down what was left out and starts the lane's budget anew. */
  #settleLane(lane: number, state: Lane, now: number): void {
    if (state.omittedBytes > 0) this.#omit(this.#room(now, outcomeRoom('')), lane, now, state);
    state.kept = 0;
    state.omittedRows = 0;
    state.omittedBytes = 0;
  }
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length);
}
