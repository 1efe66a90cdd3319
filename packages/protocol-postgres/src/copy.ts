import type { Run } from '@scrim/protocol-kit';
import type { CopyAnalysis } from './contracts.ts';
import { CopyBinaryRows, tupleEnd } from './copy-binary.ts';
import { CopyTextRows, recordEnd } from './copy-text.ts';
import { type Characters, charactersOf } from './encoding.ts';
import type { PgShape } from './shape.ts';
import { message, TYPE, WireFault } from './wire.ts';

/** A COPY's shape: the columns, and how its data spell them. */
export interface CopyShape extends PgShape {
  readonly copy: CopyFormat;
}

/** What of a COPY's options its data depend on, in bytes. */
export interface CopyFormat {
  readonly format: 'text' | 'csv' | 'binary';
  readonly delimiter: number;
  readonly quote: number;
  readonly escape: number;
  readonly nullText: string;
  readonly header: boolean;
  readonly characters: Characters;
}

/** Options as the statement gave them, `encoding` the session's where it gave none. Throws {@link WireFault} for data we could not cut into fields. */
export function copyFormat(copy: CopyAnalysis, encoding: string): CopyFormat {
  const characters = charactersOf(copy.encoding ?? encoding);
  if (!characters) throw new WireFault('COPY data in an encoding that cannot be read');
  const { format, nullText, header } = copy;
  return {
    format,
    delimiter: byteOf(copy.delimiter),
    quote: byteOf(copy.quote || '"'),
    escape: byteOf(copy.escape || '"'),
    nullText,
    header,
    characters,
  };
}

function byteOf(text: string): number {
  const bytes = Buffer.from(text);
  if (bytes.length !== 1) throw new WireFault('a COPY delimiter, quote or escape is no single byte');
  return bytes[0] as number;
}

/** `PGCOPY\n\377\r\n\0`, flags, length of the header extension, which follows. */
const BINARY_HEADER = 19;

function binaryHeader(data: Buffer, from: number): number {
  if (data.length < from + BINARY_HEADER) return BINARY_HEADER;
  return BINARY_HEADER + Math.max(0, data.readInt32BE(from + BINARY_HEADER - 4));
}

/**
 * Rows of a COPY to the caller. The server sends a row per CopyData, so rows are views of what arrived; should a
 * row be cut by a message's end, messages are joined until it is whole.
 */
export class CopyOut {
  readonly shape: CopyShape;
  readonly #maxMessage: number;
  #carry: Buffer[] = [];
  #carried = 0;
  #first = true;

  constructor(shape: CopyShape, maxMessage: number) {
    this.shape = shape;
    this.#maxMessage = maxMessage;
  }

  /** Appends the runs of consecutive CopyData messages. */
  read(region: Buffer, runs: Run[]): void {
    let at = 0;
    while (at < region.length) {
      let to = at;
      let count = 0;
      while (to < region.length && !this.#special(region, to)) {
        to += 1 + region.readInt32BE(to + 1);
        count += 1;
      }
      if (count > 0) {
        const bytes = region.subarray(at, to);
        runs.push({ lane: 0, bytes, meaning: { kind: 'rows', rows: this.#rows(bytes, count, 0) } });
        at = to;
        continue;
      }
      const end = at + 1 + region.readInt32BE(at + 1);
      this.#odd(region.subarray(at, end), runs);
      at = end;
    }
  }

  /** The first message may hold a header; one that does not end with a row must be joined with the next. */
  #special(region: Buffer, at: number): boolean {
    if (this.#first || this.#carried > 0) return true;
    return !this.#whole(region, at + 5, at + 1 + region.readInt32BE(at + 1));
  }

  #rows(bytes: Buffer, count: number, skip: number): CopyTextRows | CopyBinaryRows {
    return this.shape.copy.format === 'binary'
      ? new CopyBinaryRows(this.shape, count, bytes, skip)
      : new CopyTextRows(this.shape, count, bytes);
  }

  #odd(bytes: Buffer, runs: Run[]): void {
    if (bytes.length === 5 && this.#carried === 0) {
      runs.push({ lane: 0, bytes, meaning: { kind: 'control' } });
      return;
    }
    let whole = bytes;
    if (this.#carried > 0 || !this.#whole(bytes, 5 + this.#skip(bytes), bytes.length)) {
      this.#carry.push(bytes.subarray(5));
      this.#carried += bytes.length - 5;
      if (this.#carried > this.#maxMessage)
        throw new WireFault('a COPY row is larger than the configured bound', true);
      whole = message(TYPE.copyData, ...this.#carry);
      if (!this.#whole(whole, 5 + this.#skip(whole), whole.length)) return;
      this.#carry = [];
      this.#carried = 0;
    }
    const skip = this.#skip(whole);
    const headed = this.#first && this.shape.copy.format !== 'binary' && this.shape.copy.header;
    this.#first = false;
    if (headed) this.#header(whole, runs);
    else this.#push(whole, skip, runs);
  }

  #push(bytes: Buffer, skip: number, runs: Run[]): void {
    runs.push({ lane: 0, bytes, meaning: { kind: 'rows', rows: this.#rows(bytes, 1, skip) } });
  }

  /** The header line holds the columns' names; rows in the same message become one of their own. */
  #header(whole: Buffer, runs: Run[]): void {
    const end = recordEnd(whole, 5, whole.length, this.shape.copy);
    const alone = end === whole.length ? whole : message(TYPE.copyData, whole.subarray(5, end));
    runs.push({ lane: 0, bytes: alone, meaning: { kind: 'control' } });
    if (end < whole.length) this.#push(message(TYPE.copyData, whole.subarray(end)), 0, runs);
  }

  #skip(bytes: Buffer): number {
    return this.#first && this.shape.copy.format === 'binary' ? binaryHeader(bytes, 5) : 0;
  }

  /** True when `bytes[from, to)` ends where a row does. */
  #whole(bytes: Buffer, from: number, to: number): boolean {
    const { copy } = this.shape;
    let at = from;
    if (at > to) return false;
    // A newline in a value is spelled with a backslash, and no character's second byte is one.
    if (copy.format === 'text') return to > from && bytes[to - 1] === 0x0a;
    while (at < to) {
      const end = copy.format === 'csv' ? recordEnd(bytes, at, to, copy) : tupleEnd(bytes, at, to);
      if (end < 0) return false;
      at = end;
    }
    return true;
  }

  /** The COPY is over: nothing may be left that was not shown. */
  finish(): void {
    if (this.#carried > 0) throw new WireFault('COPY data ended within a row');
  }
}
