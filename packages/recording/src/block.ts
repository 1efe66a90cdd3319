import { varintSize, writeVarint } from './bytes.ts';
import {
  type BlockMask,
  type BlockStatement,
  ENTRY,
  type TrafficSummary,
  VERDICTS,
  type Verdict,
} from './traffic.ts';

/** A block this full becomes an event at once, in bytes. */
export const BLOCK_TARGET = 64 * 1024;
/** Room of a pooled buffer: a full chunk from a socket still fits behind a block that is almost at its target. */
const BLOCK_CAPACITY = 2 * BLOCK_TARGET;
/** Statement text in one block, in characters: it ends up in `data`, which is bounded too. */
const TEXT_TARGET = 128 * 1024;
const MAX_POOLED = 64;
/** Distinct rule and place pairs in one block. */
const MASK_TARGET = 256;

/** Buffers that wait for the next block: an idle session holds none. */
export class BlockPool {
  readonly #free: Buffer[] = [];

  take(size: number): Buffer {
    if (size > BLOCK_CAPACITY) return Buffer.allocUnsafeSlow(size);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_CAPACITY);
  }

  give(buffer: Buffer): void {
    if (buffer.length === BLOCK_CAPACITY && this.#free.length < MAX_POOLED) this.#free.push(buffer);
  }
}

/** A statement of a session: one object for all its runs. */
export interface KnownStatement {
  readonly id: number;
  readonly verb: string;
  readonly text: string;
  readonly digest: string;
  readonly textBytes: number | undefined;
  /** True once an event of the current epoch has carried the text. */
  written: boolean;
  /** Serial of the block the counts below belong to. */
  block: number;
  count: number;
  stopped: number;
}

/**
 * Operations and responses on their way to one traffic event. Entries are written as bytes as they come; only counters
 * and the statements' names wait for {@link TrafficBlock.summary}.
 */
export class TrafficBlock {
  readonly startedAt: number;
  /** Unique in the session, so that a statement can tell whether its counts are of this block. */
  readonly serial: number;
  readonly #pool: BlockPool;
  #buffer: Buffer;
  #length = 0;
  #textLength = 0;
  #last = 0;
  #operations = 0;
  #outcomes = 0;
  #failed = 0;
  #rows = 0;
  #bytes = 0;
  #omittedRows = 0;
  #omittedBytes = 0;
  readonly #reset: boolean;
  readonly #statements: KnownStatement[] = [];
  #maskPlaces = 0;
  readonly #masks = new Map<string, Map<string, number>>();

  constructor(pool: BlockPool, options: { startedAt: number; serial: number; room: number; reset: boolean }) {
    this.#pool = pool;
    this.#buffer = pool.take(options.room);
    this.startedAt = options.startedAt;
    this.serial = options.serial;
    this.#reset = options.reset;
  }

  get full(): boolean {
    return this.#length >= BLOCK_TARGET || this.#textLength >= TEXT_TARGET || this.#maskPlaces >= MASK_TARGET;
  }

  /** True when an entry of at most `size` bytes fits. */
  fits(size: number): boolean {
    return this.#length + size <= this.#buffer.length;
  }

  /** A view of the entries; valid until {@link release}. */
  body(): Buffer | null {
    return this.#length === 0 ? null : this.#buffer.subarray(0, this.#length);
  }

  release(): void {
    this.#pool.give(this.#buffer);
    this.#buffer = Buffer.alloc(0);
  }

  operation(lane: number, now: number, statement: KnownStatement, verdict: Verdict, rule: string): void {
    this.#operations++;
    if (statement.block !== this.serial) this.#use(statement);
    statement.count++;
    const code = VERDICTS.indexOf(verdict);
    if (code < 0) throw new RangeError('an operation with an unknown verdict');
    if (code >= 2) statement.stopped++;
    this.#head(ENTRY.operation, lane, now);
    this.#varint(statement.id);
    this.#buffer[this.#length++] = code;
    this.#text(rule);
  }

  /** Ends an operation entry. */
  parameters(parameters: readonly (string | null)[] | null): void {
    if (parameters === null) {
      this.#varint(0);
      return;
    }
    this.#varint(parameters.length + 1);
    for (const parameter of parameters) {
      if (parameter === null) {
        this.#varint(0);
        continue;
      }
      const length = Buffer.byteLength(parameter);
      this.#varint(length + 1);
      this.#length += this.#buffer.write(parameter, this.#length, 'utf8');
    }
  }

  shape(lane: number, now: number, shapeId: number, description: Uint8Array): void {
    this.#head(ENTRY.shape, lane, now);
    this.#varint(shapeId);
    this.#copy(description);
  }

  response(lane: number, now: number, shapeId: number, rows: number, bytes: Uint8Array): void {
    this.#head(ENTRY.response, lane, now);
    this.#varint(shapeId);
    this.#varint(rows);
    this.#copy(bytes);
  }

  request(lane: number, now: number, bytes: Uint8Array): void {
    this.#head(ENTRY.request, lane, now);
    this.#copy(bytes);
  }

  omitted(lane: number, now: number, rows: number, bytes: number): void {
    this.#omittedRows += rows;
    this.#omittedBytes += bytes;
    this.#head(ENTRY.omitted, lane, now);
    this.#varint(rows);
    this.#varint(bytes);
  }

  outcome(lane: number, now: number, ok: boolean, count: number | null, tag: string): void {
    this.#outcomes++;
    if (!ok) this.#failed++;
    this.#rows += count ?? 0;
    this.#head(ENTRY.outcome, lane, now);
    this.#buffer[this.#length++] = ok ? 1 : 0;
    this.#varint(count === null ? 0 : count + 1);
    this.#text(tag);
  }

  passed(bytes: number): void {
    this.#bytes += bytes;
  }

  masked(rule: string, place: string, count: number): void {
    let places = this.#masks.get(rule);
    if (places === undefined) {
      places = new Map();
      this.#masks.set(rule, places);
    }
    const before = places.get(place);
    if (before === undefined) this.#maskPlaces++;
    places.set(place, (before ?? 0) + count);
  }

  summary(): TrafficSummary {
    const statements: BlockStatement[] = this.#statements.map((statement) => describe(statement));
    const masks: BlockMask[] = [];
    for (const [rule, places] of this.#masks)
      for (const [place, count] of places) masks.push({ rule, place, count });
    return {
      until: this.#last,
      operations: this.#operations,
      outcomes: this.#outcomes,
      failed: this.#failed,
      rows: this.#rows,
      bytes: this.#bytes,
      statements,
      masks,
      ...(this.#omittedBytes + this.#omittedRows > 0 && {
        omitted: { rows: this.#omittedRows, bytes: this.#omittedBytes },
      }),
      ...(this.#reset && { reset: true as const }),
    };
  }

  #use(statement: KnownStatement): void {
    statement.block = this.serial;
    statement.count = 0;
    statement.stopped = 0;
    this.#statements.push(statement);
    if (!statement.written) this.#textLength += statement.text.length;
  }

  #head(type: number, lane: number, now: number): void {
    this.#last = Math.max(this.#last, now - this.startedAt);
    this.#buffer[this.#length++] = type;
    this.#varint(lane);
    this.#varint(this.#last);
  }

  #varint(value: number): void {
    this.#length = writeVarint(this.#buffer, this.#length, value);
  }

  #text(text: string): void {
    this.#varint(text === '' ? 0 : Buffer.byteLength(text));
    if (text !== '') this.#length += this.#buffer.write(text, this.#length, 'utf8');
  }

  #copy(bytes: Uint8Array): void {
    this.#varint(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }
}

function describe(statement: KnownStatement): BlockStatement {
  const first = !statement.written;
  statement.written = true;
  return {
    id: statement.id,
    verb: statement.verb,
    digest: statement.digest,
    ...(first && { text: statement.text }),
    ...(first && statement.textBytes !== undefined && { textBytes: statement.textBytes }),
    count: statement.count,
    ...(statement.stopped > 0 && { stopped: statement.stopped }),
  };
}

/** Upper bound of an operation entry, in bytes. UTF-8 takes at most three bytes for a UTF-16 unit. */
export function operationRoom(rule: string, parameterBytes: number, parameterCount: number): number {
  return 160 + rule.length * 3 + parameterBytes + parameterCount * 8;
}

/** Upper bound of an outcome entry and what was left out before it. */
export function outcomeRoom(tag: string): number {
  return 128 + tag.length * 3;
}

/** Upper bound of an entry that carries `length` bytes. */
export function copyRoom(length: number): number {
  return 48 + varintSize(length) + length;
}
