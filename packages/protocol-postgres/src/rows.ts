import type { Cell, CellVisitor, Rows, Scratch } from '@scrim/protocol-kit';
import type { ColumnWire, PgShape } from './shape.ts';
import { TYPE, WireFault } from './wire.ts';

/** The one cell that is shown to visitors. */
export class PgCell implements Cell {
  column = 0;
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  /** Where the value itself stands; `bytes` may hold a decoded form of it. */
  raw: Buffer = this.bytes;
  rawStart = 0;
  rawEnd = 0;
  wire: ColumnWire = { codec: undefined, binary: false };

  text(): string {
    const { wire } = this;
    if (!wire.binary) return this.raw.toString('utf8', this.rawStart, this.rawEnd);
    // No form of it is known: its bytes are what detectors look at, and a replacement of it is NULL.
    if (!wire.codec) return this.raw.toString('utf8', this.rawStart, this.rawEnd);
    return wire.codec.decode(this.raw, this.rawStart, this.rawEnd);
  }

  /** Points the cell at a value; textual columns show their text, whatever the wire does to it. */
  aim(column: number, wire: ColumnWire, raw: Buffer, start: number, end: number): void {
    this.column = column;
    this.wire = wire;
    this.raw = raw;
    this.rawStart = start;
    this.rawEnd = end;
    this.bytes = raw;
    this.start = start;
    this.end = end;
    const { codec } = wire;
    if (!codec?.textual) return;
    if (codec.valueType === 'bytes' && !codec.plain) {
      if (!wire.binary) this.#aimAtHex(raw, start, end);
    } else if (wire.binary) {
      if (codec.plain) this.start = Math.min(end, start + codec.plain.skip);
      else this.#aimAtText(codec.decode(raw, start, end));
    }
  }

  /** bytea in text format is hex: detectors look at the bytes it stands for. */
  #aimAtHex(raw: Buffer, start: number, end: number): void {
    if (raw[start] !== 0x5c || raw[start + 1] !== 0x78) return;
    this.bytes = Buffer.from(raw.toString('latin1', start + 2, end), 'hex');
    this.start = 0;
    this.end = this.bytes.length;
  }

  #aimAtText(text: string): void {
    this.bytes = Buffer.from(text);
    this.start = 0;
    this.end = this.bytes.length;
  }

  #lastWire: ColumnWire | null = null;
  #lastText = '';
  #lastBytes: Buffer = this.bytes;

  /**
   * Bytes of a replacement in this cell's own type and format; null for a binary value of a type whose form is not
   * known, because NULL alone is valid for every type. Throws {@link ValueFault}.
   */
  encode(text: string): Buffer | null {
    if (!this.wire.codec && this.wire.binary) return null;
    // One masked column is given the same text in every row: it is encoded once.
    if (this.wire === this.#lastWire && text === this.#lastText) return this.#lastBytes;
    const bytes = this.#encode(text);
    // What depends on the value that was there (an array keeps its dimensions) is not the same next time.
    this.#lastWire = this.wire.codec?.replace ? null : this.wire;
    this.#lastText = text;
    this.#lastBytes = bytes;
    return bytes;
  }

  #encode(text: string): Buffer {
    const { codec, binary } = this.wire;
    if (!codec) return Buffer.from(text);
    if (codec.replace) return codec.replace(text, this.raw, this.rawStart, this.rawEnd, binary);
    const value = codec.encode(text);
    if (binary) return value;
    if (codec.plain) return codec.plain.skip === 0 ? value : value.subarray(codec.plain.skip);
    return Buffer.from(codec.valueType === 'bytes' ? codec.decode(value, 0, value.length) : text);
  }
}

/** Below this many bytes a loop beats the call into native code. */
const SMALL = 48;

function copyBytes(source: Buffer, from: number, to: number, target: Buffer, at: number): void {
  if (to - from > SMALL) {
    source.copy(target, at, from, to);
    return;
  }
  let out = at;
  for (let i = from; i < to; i++) target[out++] = source[i] as number;
}

/** Appends a value and a zero byte behind it; returns the new length. */
export function gatherValue(
  into: Scratch,
  length: number,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  const after = length + end - start + 1;
  if (after > into.bytes.length) {
    const grown = Buffer.allocUnsafe(Math.max(after, into.bytes.length * 2));
    into.bytes.copy(grown, 0, 0, length);
    into.bytes = grown;
  }
  copyBytes(bytes, start, end, into.bytes, length);
  into.bytes[after - 1] = 0;
  return after;
}

/** Big-endian, without the checks of `readInt32BE`: for loops over every value of every row. */
export function int32(bytes: Buffer, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

/** A growing output that copies what is left as it is in long stretches. */
export class Output {
  #bytes: Buffer;
  length = 0;

  constructor(estimate: number) {
    this.#bytes = Buffer.allocUnsafe(estimate);
  }

  #room(more: number): void {
    if (this.length + more <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.length + more));
    this.#bytes.copy(grown, 0, 0, this.length);
    this.#bytes = grown;
  }

  copy(source: Buffer, from: number, to: number): void {
    if (to <= from) return;
    this.#room(to - from);
    copyBytes(source, from, to, this.#bytes, this.length);
    this.length += to - from;
  }

  int32(value: number): void {
    this.#room(4);
    this.#bytes.writeInt32BE(value, this.length);
    this.length += 4;
  }

  patchInt32(at: number, value: number): void {
    this.#bytes.writeInt32BE(value, at);
  }

  done(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }
}

const cell = new PgCell();

/** DataRow messages of one result, one behind the other. */
export class PgRows implements Rows {
  readonly shape: PgShape;
  readonly count: number;
  readonly bytes: Buffer;

  constructor(shape: PgShape, count: number, bytes: Buffer) {
    this.shape = shape;
    this.count = count;
    this.bytes = bytes;
  }

  gather(selected: Uint8Array, into: Scratch): number {
    const { bytes } = this;
    const last = lastSelected(selected, this.shape.wires.length);
    let length = 0;
    let at = 0;
    while (at < bytes.length) {
      const rowEnd = this.#rowEnd(at);
      at += 7;
      for (let column = 0; column <= last; column++) {
        if (at + 4 > rowEnd) throw new WireFault('a row is too short');
        const size = int32(bytes, at);
        const start = at + 4;
        at = size < 0 ? start : start + size;
        if (at > rowEnd) throw new WireFault('a row is too short');
        if (size > 0 && selected[column] === 1) length = gatherValue(into, length, bytes, start, at);
      }
      at = rowEnd;
    }
    return length;
  }

  /** Where the row at `at` ends; it must be a row, of the described columns. */
  #rowEnd(at: number): number {
    const { bytes } = this;
    if (bytes[at] !== TYPE.dataRow) throw new WireFault('a run of rows holds another message');
    const end = at + 1 + int32(bytes, at + 1);
    const columns = ((bytes[at + 5] as number) << 8) | (bytes[at + 6] as number);
    if (end < at + 7 || columns !== this.shape.wires.length) {
      throw new WireFault('a row has not the columns it was described with');
    }
    return end;
  }

  rewrite(selected: Uint8Array, visit: CellVisitor): Buffer {
    const { bytes } = this;
    const { wires } = this.shape;
    const last = lastSelected(selected, wires.length);
    if (last < 0) return bytes;
    let output: Output | null = null;
    let copied = 0;
    let at = 0;
    while (at < bytes.length) {
      const row = at;
      const rowEnd = this.#rowEnd(row);
      let rowOut = -1;
      at = row + 7;
      for (let column = 0; column <= last; column++) {
        if (at + 4 > rowEnd) throw new WireFault('a row is too short');
        const length = int32(bytes, at);
        const start = at + 4;
        at = length < 0 ? start : start + length;
        if (at > rowEnd) throw new WireFault('a row is too short');
        if (length < 0 || selected[column] !== 1) continue;
        cell.aim(column, wires[column] as ColumnWire, bytes, start, at);
        const replacement = visit(cell);
        if (replacement === undefined) continue;
        const value = replacement === null ? null : cell.encode(replacement);
        output ??= new Output(bytes.length + (bytes.length >> 2) + 1024);
        if (rowOut < 0) rowOut = output.length + row - copied;
        output.copy(bytes, copied, start - 4);
        output.int32(value === null ? -1 : value.length);
        if (value) output.copy(value, 0, value.length);
        copied = at;
      }
      at = rowEnd;
      if (rowOut >= 0 && output) {
        output.copy(bytes, copied, rowEnd);
        copied = rowEnd;
        output.patchInt32(rowOut + 1, output.length - rowOut - 1);
      }
    }
    if (!output) return bytes;
    output.copy(bytes, copied, bytes.length);
    return output.done();
  }
}

/** The last column that is to be shown, -1 for none. */
export function lastSelected(selected: Uint8Array, columns: number): number {
  for (let i = Math.min(selected.length, columns) - 1; i >= 0; i--) if (selected[i] === 1) return i;
  return -1;
}
