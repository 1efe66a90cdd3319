import type { CellVisitor, Rows, Scratch } from '@scrim/protocol-kit';
import { gatherCell, rewriteCell } from './cell.ts';
import { copyBytes, int32 } from './scratch.ts';
import type { ColumnWire, PgShape } from './shape.ts';
import { TYPE, WireFault } from './wire.ts';

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
        if (size > 0 && selected[column] === 1) {
          length = gatherCell(into, length, this.shape.wires[column] as ColumnWire, bytes, start, at);
        }
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
        const value = rewriteCell(column, wires[column] as ColumnWire, bytes, start, at, visit);
        if (value === undefined) continue;
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
