import type { Cell, CellPart, CellVisitor, Scratch } from '@scrim/protocol-kit';
import { gatherValue } from './scratch.ts';
import type { ColumnWire } from './shape.ts';
import { type Opened, opened, type TypeCodec } from './types/codec.ts';
import { opaque } from './types/fixed.ts';

/** Values in values: beyond this depth one is shown as it stands. */
const MAX_DEPTH = 12;

const NOWHERE: ColumnWire = { codec: opaque('unknown'), binary: false };
const NOTHING = Buffer.alloc(0);

/** The one cell that is shown to visitors. */
class PgCell implements Cell {
  column = 0;
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  part: CellPart | null = null;
  /** Where the value itself stands; `bytes` may hold a decoded form of it. */
  #raw: Buffer = NOTHING;
  #rawStart = 0;
  #rawEnd = 0;
  #wire: ColumnWire = NOWHERE;

  text(): string {
    const { codec, binary } = this.#wire;
    // No form of it is known: its bytes are what detectors look at, and a replacement of it is NULL.
    if (!binary || codec.textOnly) return this.#raw.toString('utf8', this.#rawStart, this.#rawEnd);
    return codec.decode(this.#raw, this.#rawStart, this.#rawEnd);
  }

  /** Points the cell at a value; textual columns show their text, whatever the wire does to it. */
  aim(
    column: number,
    wire: ColumnWire,
    raw: Buffer,
    start: number,
    end: number,
    part: CellPart | null,
  ): void {
    this.column = column;
    this.part = part;
    this.#wire = wire;
    this.#raw = raw;
    this.#rawStart = start;
    this.#rawEnd = end;
    this.bytes = raw;
    this.start = start;
    this.end = end;
    const { codec } = wire;
    if (!codec.textual) return;
    if (codec.valueType === 'bytes') {
      if (!wire.binary) this.#aimAtHex(raw, start, end);
    } else if (wire.binary && codec.plain) this.start = Math.min(end, start + codec.plain.skip);
  }

  /** bytea in text format is hex: detectors look at the bytes it stands for. */
  #aimAtHex(raw: Buffer, start: number, end: number): void {
    if (raw[start] !== 0x5c || raw[start + 1] !== 0x78) return;
    this.bytes = Buffer.from(raw.toString('latin1', start + 2, end), 'hex');
    this.start = 0;
    this.end = this.bytes.length;
  }

  #lastWire: ColumnWire | null = null;
  #lastText = '';
  #lastBytes: Buffer | null = null;

  /**
   * Bytes of a replacement in this cell's own type and format; null where NULL alone is valid: for types without
   * input, and binary values of a type whose form is not known. Throws {@link ValueFault}.
   */
  encode(text: string): Buffer | null {
    const wire = this.#wire;
    // One masked column is given the same text in every row: it is encoded once.
    if (wire === this.#lastWire && text === this.#lastText) return this.#lastBytes;
    const bytes = encodeText(text, wire);
    this.#lastWire = wire;
    this.#lastText = text;
    this.#lastBytes = bytes;
    return bytes;
  }
}

function encodeText(text: string, { codec, binary }: ColumnWire): Buffer | null {
  if (codec.cover !== undefined) return codec.cover?.[binary ? 'binary' : 'text'] ?? null;
  if (codec.textOnly && binary) return null;
  const value = codec.encode(text);
  if (binary) return value;
  if (codec.plain) return codec.plain.skip === 0 ? value : value.subarray(codec.plain.skip);
  return Buffer.from(codec.valueType === 'bytes' ? codec.decode(value, 0, value.length) : text);
}

const cell = new PgCell();

/**
 * Shows a value to the visitor and gives the bytes that replace it: undefined = none, null = NULL. Of a value made of
 * others each is shown, so that JSON in an array or a card number in a row meets the rules it would meet by itself.
 * Throws {@link ValueFault} when a replacement cannot be written.
 */
export function rewriteCell(
  column: number,
  wire: ColumnWire,
  bytes: Buffer,
  start: number,
  end: number,
  visit: CellVisitor,
): Buffer | null | undefined {
  if (wire.codec.open) return rewriteParts(column, wire, bytes, start, end, visit, null, end - start, 0);
  return rewriteOne(column, wire, bytes, start, end, visit, null);
}

function rewriteOne(
  column: number,
  wire: ColumnWire,
  bytes: Buffer,
  start: number,
  end: number,
  visit: CellVisitor,
  part: CellPart | null,
): Buffer | null | undefined {
  cell.aim(column, wire, bytes, start, end, part);
  const replacement = visit(cell);
  if (replacement === undefined || replacement === null) return replacement;
  return cell.encode(replacement);
}

function rewriteParts(
  column: number,
  wire: ColumnWire,
  bytes: Buffer,
  start: number,
  end: number,
  visit: CellVisitor,
  key: string | null,
  whole: number,
  depth: number,
): Buffer | null | undefined {
  const { codec, binary } = wire;
  const value = depth < MAX_DEPTH ? opened(codec, bytes, start, end, binary) : undefined;
  if (!value || value.parts.every((part) => part.bytes === null)) {
    const stands = { codec: value ? covering(value, bytes.subarray(start, end)) : NOWHERE.codec, binary };
    return rewriteOne(column, stands, bytes, start, end, visit, partOf(stands.codec, key, whole));
  }
  let changed = false;
  const parts = value.parts.map((part) => {
    if (part.bytes === null) return null;
    const own = part.key ?? key;
    const inner = { codec: part.codec, binary };
    const { length } = part.bytes;
    const next = part.codec.open
      ? rewriteParts(column, inner, part.bytes, 0, length, visit, own, whole, depth + 1)
      : rewriteOne(column, inner, part.bytes, 0, length, visit, partOf(part.codec, own, whole));
    if (next === undefined) return part.bytes;
    changed = true;
    return next;
  });
  return changed ? value.close(parts) : undefined;
}

/** A value with nothing inside (`{}`) tells nothing and stands for itself, unless it has a blank. */
function covering({ blank }: Opened, own: Buffer): TypeCodec {
  const bytes = blank ?? own;
  return { ...NOWHERE.codec, textual: false, cover: { text: bytes, binary: bytes } };
}

function partOf(codec: TypeCodec, key: string | null, whole: number): CellPart {
  const { valueType: type, textual, maxLength } = codec;
  return { key, type, textual, whole, ...(maxLength === undefined ? {} : { maxLength }) };
}

/** Appends what detectors read of a value to `into`; returns the new length. */
export function gatherCell(
  into: Scratch,
  length: number,
  wire: ColumnWire,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  return wire.codec.open
    ? gatherParts(into, length, wire, bytes, start, end, 0)
    : gatherValue(into, length, bytes, start, end);
}

function gatherParts(
  into: Scratch,
  before: number,
  { codec, binary }: ColumnWire,
  bytes: Buffer,
  start: number,
  end: number,
  depth: number,
): number {
  const value = depth < MAX_DEPTH ? opened(codec, bytes, start, end, binary) : undefined;
  if (!value) return gatherValue(into, before, bytes, start, end);
  let length = before;
  for (const part of value.parts) {
    if (part.bytes === null) continue;
    length = part.codec.open
      ? gatherParts(into, length, { codec: part.codec, binary }, part.bytes, 0, part.bytes.length, depth + 1)
      : gatherValue(into, length, part.bytes, 0, part.bytes.length);
  }
  return length;
}
