import { JsonShapeError } from '../places/index.ts';

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
export const OPEN_ARRAY = 0x5b;
export const CLOSE_ARRAY = 0x5d;
export const COMMA = 0x2c;
export const COLON = 0x3a;

/** How far a string was read. One object used again and again: a look at a string must cost nothing but the look. */
export interface StringEnd {
  /** Offset behind the closing quote; 0 = it has not come yet. */
  end: number;
  /** Offset up to which whole characters and escapes were read. */
  read: number;
  escaped: boolean;
}

const ESCAPES = new Uint8Array(128);
for (const letter of '"\\/bfnrt') ESCAPES[letter.charCodeAt(0)] = 1;

/**
 * Reads on in a string's inside from `at`; `into.escaped` is only ever set, so that it holds for the whole string.
 * Throws JsonShapeError for what no JSON string has (RFC 8259 section 7); `base` is the offset of bytes[0].
 */
export function readString(bytes: Uint8Array, at: number, end: number, base: number, into: StringEnd): void {
  into.end = 0;
  let from = at;
  while (from < end) {
    const byte = bytes[from] as number;
    if (byte === QUOTE) {
      into.end = from + 1;
      into.read = from;
      return;
    }
    if (byte === BACKSLASH) {
      into.escaped = true;
      const length = escapeLength(bytes, from, end, base);
      if (length === 0) break;
      from += length;
    } else if (byte < 0x20) throw new JsonShapeError('control character in a string', base + from);
    else from++;
  }
  into.read = from;
}

/** Bytes of the escape at `at`; 0 = it is not all there. */
function escapeLength(bytes: Uint8Array, at: number, end: number, base: number): number {
  if (at + 1 >= end) return 0;
  const letter = bytes[at + 1] as number;
  if (letter !== 0x75) {
    if (letter > 127 || ESCAPES[letter] === 0) throw new JsonShapeError('unknown escape', base + at);
    return 2;
  }
  for (let i = at + 2; i < at + 6; i++) {
    if (i >= end) return 0;
    const byte = bytes[i] as number;
    const hex = (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
    if (!hex) throw new JsonShapeError('unknown escape', base + at);
  }
  return 6;
}

export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Bytes numbers and the three words are written in. */
export const SCALAR_BYTES = new Uint8Array(256);
for (const char of '+-.0123456789eEtrufalsn') SCALAR_BYTES[char.charCodeAt(0)] = 1;

/** The beginning of a number or a word, up to where a text was cut. */
export const CUT_SCALAR =
  /^(?:-?(?:0|[1-9]\d*)?(?:\.\d*)?(?:[eE][+-]?\d*)?|t(?:r(?:ue?)?)?|f(?:a(?:l(?:se?)?)?)?|n(?:u(?:ll?)?)?)$/;

/** Where the last whole letter ends, so that what is decoded is UTF-8. */
export function wholeLetters(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && ((bytes[at - 1] as number) & 0xc0) === 0x80) at--;
  if (at > start && (bytes[at - 1] as number) >= 0xc0) {
    const lead = bytes[at - 1] as number;
    const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    return end - (at - 1) >= length ? end : at - 1;
  }
  return end;
}
