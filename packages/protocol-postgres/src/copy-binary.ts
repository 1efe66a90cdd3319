import type { CellVisitor, Rows, Scratch } from '@scrim/protocol-kit';
import { gatherCell, rewriteCell } from './cell.ts';
import type { CopyShape } from './copy.ts';
import { Pass } from './copy-text.ts';
import { lastSelected } from './rows.ts';
import type { ColumnWire } from './shape.ts';
import { WireFault } from './wire.ts';

/** Index behind the tuple (or the trailer) at `at`, or -1 when it does not end in `bytes[at, to)`. */
export function tupleEnd(bytes: Buffer, at: number, to: number): number {
  if (at + 2 > to) return -1;
  const count = bytes.readInt16BE(at);
  let end = at + 2;
  for (let i = 0; i < count; i++) {
    if (end + 4 > to) return -1;
    const length = bytes.readInt32BE(end);
    end += 4 + Math.max(0, length);
  }
  return end > to ? -1 : end;
}

type Show = (column: number, start: number, end: number) => void;

/** CopyData messages in binary format (documentation, COPY, "Binary Format"). */
export class CopyBinaryRows implements Rows {
  readonly shape: CopyShape;
  readonly count: number;
  readonly bytes: Buffer;
  readonly #skip: number;

  /** @param skip bytes of the file header in the first message */
  constructor(shape: CopyShape, count: number, bytes: Buffer, skip: number) {
    this.shape = shape;
    this.count = count;
    this.bytes = bytes;
    this.#skip = skip;
  }

  gather(selected: Uint8Array, into: Scratch): number {
    let length = 0;
    this.#values(selected, (column, start, end) => {
      length = gatherCell(into, length, this.shape.wires[column] as ColumnWire, this.bytes, start, end);
    });
    return length;
  }

  rewrite(selected: Uint8Array, visit: CellVisitor): Buffer {
    const { bytes } = this;
    const { wires } = this.shape;
    if (lastSelected(selected, wires.length) < 0) return bytes;
    const pass = new Pass(bytes);
    this.#values(
      selected,
      (column, start, end) => {
        const value = rewriteCell(column, wires[column] as ColumnWire, bytes, start, end, visit);
        if (value !== undefined) pass.replace(start, end, value, true);
      },
      pass,
    );
    return pass.done();
  }

  /** Shows where the chosen values of every tuple stand. */
  #values(selected: Uint8Array, show: Show, pass?: Pass): void {
    const { bytes } = this;
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + bytes.readInt32BE(at + 1);
      pass?.open(at);
      let tuple = at + 5 + (at === 0 ? this.#skip : 0);
      while (tuple < end) tuple = this.#tuple(tuple, end, selected, show);
      pass?.close(end);
      at = end;
    }
  }

  #tuple(from: number, to: number, selected: Uint8Array, show: Show): number {
    const { bytes } = this;
    const { wires } = this.shape;
    const count = bytes.readInt16BE(from);
    if (count === -1) return from + 2;
    if (count !== wires.length) throw new WireFault('a COPY row has not as many fields as columns');
    let at = from + 2;
    for (let column = 0; column < count; column++) {
      if (at + 4 > to) throw new WireFault('a COPY row is too short');
      const length = bytes.readInt32BE(at);
      const start = at + 4;
      at = start + Math.max(0, length);
      if (at > to) throw new WireFault('a COPY row is too short');
      if (length >= 0 && selected[column] === 1) show(column, start, at);
    }
    return at;
  }
}
