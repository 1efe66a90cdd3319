/** Thrown when recorded bytes do not follow docs/recording.md; the message names the field, never the content. */
export class FormatError extends Error {
  constructor(field: string, problem: string) {
    super(`${field}: ${problem}`);
    this.name = 'FormatError';
  }
}

/** Bytes that a number takes as a LEB128 varint. Whole numbers from 0 to 2^53 - 1. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Writes a varint at `at` and returns the position behind it. The caller has made room. */
export function writeVarint(buffer: Buffer, at: number, value: number): number {
  let rest = value;
  let position = at;
  // Bit operations cut to 32 bits, so larger numbers are divided down first.
  while (rest > 0x7fffffff) {
    buffer[position++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest >= 0x80) {
    buffer[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[position++] = rest;
  return position;
}

/** Reads the fields of the recording format in order. Every read is checked against the end: a short input throws. */
export class ByteReader {
  readonly #buffer: Buffer;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position(): number {
    return this.#position;
  }

  get left(): number {
    return this.#buffer.length - this.#position;
  }

  /** A view, not a copy. */
  take(length: number, field: string): Buffer {
    if (length > this.left) throw new FormatError(field, 'is cut short');
    const from = this.#position;
    this.#position += length;
    return this.#buffer.subarray(from, this.#position);
  }

  u8(field: string): number {
    return this.take(1, field).readUInt8(0);
  }

  u16(field: string): number {
    return this.take(2, field).readUInt16BE(0);
  }

  u32(field: string): number {
    return this.take(4, field).readUInt32BE(0);
  }

  /** A 64-bit whole number that fits a double exactly; anything larger is no number this format writes. */
  u64(field: string): number {
    const bytes = this.take(8, field);
    const value = bytes.readUInt32BE(0) * 0x1_0000_0000 + bytes.readUInt32BE(4);
    if (!Number.isSafeInteger(value)) throw new FormatError(field, 'is larger than 2^53 - 1');
    return value;
  }

  varint(field: string): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.u8(field);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw new FormatError(field, 'is larger than 2^53 - 1');
        return value;
      }
      scale *= 0x80;
    }
    throw new FormatError(field, 'is no varint');
  }

  /** UTF-8 text; bytes that are no UTF-8 throw, because writing them back would change them. */
  text(length: number, field: string): string {
    const bytes = this.take(length, field);
    try {
      return DECODER.decode(bytes);
    } catch {
      throw new FormatError(field, 'is not UTF-8');
    }
  }
}

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
