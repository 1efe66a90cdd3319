import type { CellVisitor, Rows, Scratch } from '@scrim/protocol-kit';
import { gatherCell, rewriteCell } from './cell.ts';
import type { CopyFormat, CopyShape } from './copy.ts';
import { characterLength } from './encoding.ts';
import { lastSelected, Output } from './rows.ts';
import { int32 } from './scratch.ts';
import type { ColumnWire } from './shape.ts';
import { WireFault } from './wire.ts';

const NEWLINE = 0x0a;
const BACKSLASH = 0x5c;

/** Index behind the record's newline, or -1 when it does not end in `bytes[from, to)`. */
export function recordEnd(bytes: Buffer, from: number, to: number, copy: CopyFormat): number {
  if (copy.format === 'text') {
    const end = bytes.indexOf(NEWLINE, from);
    return end < 0 || end >= to ? -1 : end + 1;
  }
  let at = from;
  if (copy.characters !== 'plain') return embeddedRecordEnd(bytes, from, to, copy);
  for (;;) {
    const newline = bytes.indexOf(NEWLINE, at);
    const quote = bytes.indexOf(copy.quote, at);
    if (quote < 0 || quote >= to || (newline >= 0 && newline < quote)) {
      return newline < 0 || newline >= to ? -1 : newline + 1;
    }
    const close = quoteEnd(bytes, quote + 1, to, copy);
    if (close < 0) return -1;
    at = close;
  }
}

/** The same where the second byte of a character may look like a quote. */
function embeddedRecordEnd(bytes: Buffer, from: number, to: number, copy: CopyFormat): number {
  for (let at = from; at < to; ) {
    const byte = bytes[at];
    if (byte === NEWLINE) return at + 1;
    at =
      byte === copy.quote
        ? quoteEnd(bytes, at + 1, to, copy)
        : at + characterLength(bytes, at, copy.characters);
    if (at < 0) return -1;
  }
  return -1;
}

/** Index behind the quote that closes a quoted field whose text starts at `from`, or -1. */
function quoteEnd(bytes: Buffer, from: number, to: number, copy: CopyFormat): number {
  let at = from;
  while (at < to) {
    const byte = bytes[at];
    if (
      byte === copy.escape &&
      at + 1 < to &&
      (bytes[at + 1] === copy.quote || bytes[at + 1] === copy.escape)
    )
      at += 2;
    else if (byte === copy.quote) return at + 1;
    else at += characterLength(bytes, at, copy.characters);
  }
  return -1;
}

/** Index of the delimiter or newline behind the field at `at`. */
function fieldEnd(bytes: Buffer, at: number, to: number, copy: CopyFormat): number {
  let end = at;
  if (copy.format === 'csv' && bytes[at] === copy.quote) {
    end = quoteEnd(bytes, at + 1, to, copy);
    if (end < 0 || end >= to || (bytes[end] !== copy.delimiter && bytes[end] !== NEWLINE)) {
      throw new WireFault('a COPY field has no end');
    }
    return end;
  }
  const text = copy.format === 'text';
  for (; end < to; end += characterLength(bytes, end, copy.characters)) {
    const byte = bytes[end];
    if (byte === copy.delimiter || byte === NEWLINE) return end;
    if (text && byte === BACKSLASH) end += 1;
  }
  throw new WireFault('a COPY field has no end');
}

/** The field's text where it is spelled with quotes or escapes, null where it stands as it is. */
function plainValue(bytes: Buffer, start: number, end: number, copy: CopyFormat): Buffer | null {
  if (copy.format === 'csv') return bytes[start] === copy.quote ? unquote(bytes, start, end, copy) : null;
  for (let at = start; at < end; at += characterLength(bytes, at, copy.characters)) {
    if (bytes[at] === BACKSLASH) return unescapeText(bytes, start, end, copy);
  }
  return null;
}

function unquote(bytes: Buffer, start: number, end: number, copy: CopyFormat): Buffer {
  const { quote, escape: mark } = copy;
  const out = Buffer.allocUnsafe(end - start);
  let length = 0;
  for (let at = start + 1; at < end - 1; at++) {
    const next = bytes[at + 1];
    if (bytes[at] === mark && at + 1 < end - 1 && (next === quote || next === mark)) at += 1;
    for (let more = characterLength(bytes, at, copy.characters); more > 1 && at + 1 < end - 1; more--) {
      out[length++] = bytes[at++] as number;
    }
    out[length] = bytes[at] as number;
    length += 1;
  }
  return out.subarray(0, length);
}

function unescapeText(bytes: Buffer, start: number, end: number, { characters }: CopyFormat): Buffer {
  const out = Buffer.allocUnsafe(end - start);
  let length = 0;
  for (let at = start; at < end; at++) {
    for (let more = characterLength(bytes, at, characters); more > 1 && at + 1 < end; more--) {
      out[length++] = bytes[at++] as number;
    }
    let byte = bytes[at] as number;
    if (byte === BACKSLASH && at + 1 < end) {
      at += 1;
      byte = bytes[at] as number;
      byte = UNESCAPE[byte] ?? byte;
    }
    out[length] = byte;
    length += 1;
  }
  return out.subarray(0, length);
}

/** Values of one record. Throws {@link WireFault} when it is none. */
export function readRecord(bytes: Buffer, from: number, to: number, copy: CopyFormat): (string | null)[] {
  const values: (string | null)[] = [];
  let at = from;
  while (at < to) {
    const end = fieldEnd(bytes, at, to, copy);
    const raw = bytes.toString('utf8', at, end);
    values.push(raw === copy.nullText ? null : (plainValue(bytes, at, end, copy)?.toString('utf8') ?? raw));
    if (bytes[end] !== copy.delimiter) break;
    at = end + 1;
    if (at === to) values.push('');
  }
  return values;
}

/** Escapes of the text format (documentation, COPY, "Text Format"). */
const UNESCAPE: Readonly<Record<number, number>> = {
  98: 0x08,
  102: 0x0c,
  110: NEWLINE,
  114: 0x0d,
  116: 0x09,
  118: 0x0b,
};
const ESCAPE: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
};

/** CopyData messages in text or csv format. */
export class CopyTextRows implements Rows {
  readonly shape: CopyShape;
  readonly count: number;
  readonly bytes: Buffer;
  readonly #null: Buffer;

  constructor(shape: CopyShape, count: number, bytes: Buffer) {
    this.shape = shape;
    this.count = count;
    this.bytes = bytes;
    this.#null = Buffer.from(shape.copy.nullText);
  }

  gather(selected: Uint8Array, into: Scratch): number {
    const { bytes } = this;
    const { copy } = this.shape;
    const escapes = copy.format === 'text' && bytes.includes(BACKSLASH);
    let length = 0;
    this.#fields((column, start, end) => {
      if (selected[column] !== 1) return;
      const wire = this.shape.wires[column] as ColumnWire;
      // Escapes and doubled quotes can break up what a detector looks for (a key of several lines, a JSON member).
      const value = escapes || bytes[start] === copy.quote ? plainValue(bytes, start, end, copy) : null;
      length = value
        ? gatherCell(into, length, wire, value, 0, value.length)
        : gatherCell(into, length, wire, bytes, start, end);
    });
    return length;
  }

  /** Shows where every field of every record stands; the counts must be those of the description. */
  #fields(show: (column: number, start: number, end: number) => void): void {
    const { bytes } = this;
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + int32(bytes, at + 1);
      this.#records(at + 5, end, show);
      at = end;
    }
  }

  rewrite(selected: Uint8Array, visit: CellVisitor): Buffer {
    const { bytes } = this;
    if (lastSelected(selected, this.shape.wires.length) < 0) return bytes;
    const pass = new Pass(bytes);
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + bytes.readInt32BE(at + 1);
      pass.open(at);
      this.#records(at + 5, end, (column, start, fieldTo) => {
        if (selected[column] === 1) this.#show(column, start, fieldTo, visit, pass);
      });
      pass.close(end);
      at = end;
    }
    return pass.done();
  }

  #records(from: number, to: number, show: (column: number, start: number, end: number) => void): void {
    if (this.shape.copy.format === 'text') this.#textRecords(from, to, show);
    else this.#csvRecords(from, to, show);
  }

  /** One loop over the bytes: in this format a delimiter, a newline and a backslash mean the same everywhere. */
  #textRecords(from: number, to: number, show: (column: number, start: number, end: number) => void): void {
    const { bytes } = this;
    const { delimiter, characters } = this.shape.copy;
    const wide = characters !== 'plain';
    let column = 0;
    let start = from;
    for (let at = from; at < to; at++) {
      const byte = bytes[at];
      if (byte === delimiter) {
        this.#checkField(column);
        show(column, start, at);
        column += 1;
        start = at + 1;
      } else if (byte === NEWLINE) {
        this.#closeRecord(column, at === start);
        if (this.shape.wires.length > 0) show(column, start, at);
        column = 0;
        start = at + 1;
      } else if (byte === BACKSLASH) at += 1;
      else if (wide && (byte as number) > 0x7f) at += characterLength(bytes, at, characters) - 1;
    }
    if (start !== to) throw new WireFault('a COPY field has no end');
  }

  #csvRecords(from: number, to: number, show: (column: number, start: number, end: number) => void): void {
    const { bytes } = this;
    const { delimiter } = this.shape.copy;
    let column = 0;
    let at = from;
    while (at < to) {
      const end = fieldEnd(bytes, at, to, this.shape.copy);
      if (bytes[end] === delimiter && end < to - 1) {
        this.#checkField(column);
        show(column, at, end);
        column += 1;
      } else {
        this.#closeRecord(column, end === at);
        if (this.shape.wires.length > 0) show(column, at, end);
        column = 0;
      }
      at = end + 1;
    }
  }

  #checkField(column: number): void {
    if (column >= this.shape.wires.length) throw new WireFault('a COPY row has more fields than columns');
  }

  /** `column` is the last one of a record that ends here. */
  #closeRecord(column: number, empty: boolean): void {
    const columns = this.shape.wires.length;
    if (columns === 0 ? column === 0 && empty : column === columns - 1) return;
    this.#checkField(column);
    throw new WireFault('a COPY row has fewer fields than columns');
  }

  #show(column: number, start: number, end: number, visit: CellVisitor, pass: Pass): void {
    const { bytes } = this;
    const wire = this.shape.wires[column];
    if (!wire || this.#isNull(start, end)) return;
    const { copy } = this.shape;
    const quoted = copy.format === 'csv' && bytes[start] === copy.quote;
    const value = plainValue(bytes, start, end, copy);
    const encoded = value
      ? rewriteCell(column, wire, value, 0, value.length, visit)
      : rewriteCell(column, wire, bytes, start, end, visit);
    if (encoded === undefined) return;
    const text = encoded === null ? this.#null : this.#spell(encoded.toString('latin1'), quoted);
    pass.replace(start, end, text);
  }

  #isNull(start: number, end: number): boolean {
    const length = this.#null.length;
    if (end - start !== length) return false;
    for (let i = 0; i < length; i++) if (this.bytes[start + i] !== this.#null[i]) return false;
    return true;
  }

  /** @param text Latin-1: each byte a character, so that every client encoding survives */
  #spell(text: string, wasQuoted: boolean): Buffer {
    const { copy } = this.shape;
    const delimiter = String.fromCharCode(copy.delimiter);
    if (copy.format === 'text') {
      const escaped = text.replace(/[\b\f\n\r\t\v\\]/g, (found) => ESCAPE[found] ?? found);
      const whole = delimiter === '\t' ? escaped : escaped.replaceAll(delimiter, `\\${delimiter}`);
      return Buffer.from(whole, 'latin1');
    }
    const quote = String.fromCharCode(copy.quote);
    const mark = String.fromCharCode(copy.escape);
    const special = [delimiter, quote, '\n', '\r'].some((found) => text.includes(found));
    const isNull = text === this.#null.toString('latin1');
    if (!wasQuoted && !special && text !== '' && !isNull && text !== '\\.')
      return Buffer.from(text, 'latin1');
    let inside = '';
    for (const char of text) inside += char === quote || char === mark ? mark + char : char;
    return Buffer.from(quote + inside + quote, 'latin1');
  }
}

/** Output of a pass over CopyData messages: copies what stays in long stretches and mends the messages' lengths. */
export class Pass {
  readonly #bytes: Buffer;
  #output: Output | null = null;
  #copied = 0;
  #start = 0;
  #startOut = -1;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  open(at: number): void {
    this.#start = at;
    this.#startOut = -1;
  }

  replace(start: number, end: number, value: Uint8Array | null, lengthBefore = false): void {
    const output = this.#output ?? new Output(this.#bytes.length + (this.#bytes.length >> 2) + 1024);
    this.#output = output;
    if (this.#startOut < 0) this.#startOut = output.length + this.#start - this.#copied;
    output.copy(this.#bytes, this.#copied, lengthBefore ? start - 4 : start);
    if (lengthBefore) output.int32(value ? value.length : -1);
    if (value) output.copy(Buffer.from(value.buffer, value.byteOffset, value.length), 0, value.length);
    this.#copied = end;
  }

  close(end: number): void {
    if (this.#startOut < 0 || !this.#output) return;
    this.#output.copy(this.#bytes, this.#copied, end);
    this.#copied = end;
    this.#output.patchInt32(this.#startOut + 1, this.#output.length - this.#startOut - 1);
  }

  done(): Buffer {
    if (!this.#output) return this.#bytes;
    this.#output.copy(this.#bytes, this.#copied, this.#bytes.length);
    return this.#output.done();
  }
}
