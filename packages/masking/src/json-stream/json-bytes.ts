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
  /** Letters beyond ASCII were read. */
  wide: boolean;
}

/** Bytes a string's inside does not just go on with. */
const STOPS = new Uint8Array(256);
STOPS.fill(1, 0, 0x20);
STOPS[QUOTE] = 1;
STOPS[BACKSLASH] = 1;

const ESCAPES = new Uint8Array(128);
for (const letter of '"\\/bfnrt') ESCAPES[letter.charCodeAt(0)] = 1;

/**
 * Reads on in a string's inside from `at`; `into.escaped` and `into.wide` are only ever set, so that they hold for the whole string.
 * Throws JsonShapeError for what no JSON string has (RFC 8259 section 7); `base` is the offset of bytes[0].
 */
export function readString(bytes: Uint8Array, at: number, end: number, base: number, into: StringEnd): void {
  into.end = 0;
  let from = at;
  let seen = 0;
  while (from < end) {
    const byte = bytes[from] as number;
    if (STOPS[byte] === 0) {
      seen |= byte;
      from++;
      continue;
    }
    if (byte === QUOTE) {
      into.end = from + 1;
      break;
    }
    if (byte !== BACKSLASH) throw new JsonShapeError('control character in a string', base + from);
    into.escaped = true;
    const length = escapeLength(bytes, from, end, base);
    if (length === 0) break;
    from += length;
  }
  if (seen > 127) into.wide = true;
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

/** What the bytes of a number or a word are. */
export const NO_SCALAR = 0;
export const WORD = 1;
export const NUMBER = 2;
/** A number with so many digits that it could be a card's or a telephone's. */
export const LONG_NUMBER = 3;
const MANY_DIGITS = 9;

/** Reads a whole number or word (RFC 8259 sections 3 and 6). */
export function scalarKind(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start] as number;
  if (first > 0x39) return isWord(bytes, start, end) ? WORD : NO_SCALAR;
  let at = first === 0x2d ? start + 1 : start;
  const whole = digits(bytes, at, end);
  if (whole === 0 || (whole > 1 && bytes[at] === 0x30)) return NO_SCALAR;
  at += whole;
  let longest = whole;
  if (at < end && bytes[at] === 0x2e) {
    const part = digits(bytes, at + 1, end);
    if (part === 0) return NO_SCALAR;
    longest = Math.max(longest, part);
    at += part + 1;
  }
  if (at < end && ((bytes[at] as number) | 0x20) === 0x65) {
    at++;
    if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++;
    const part = digits(bytes, at, end);
    if (part === 0) return NO_SCALAR;
    longest = Math.max(longest, part);
    at += part;
  }
  if (at !== end) return NO_SCALAR;
  return longest >= MANY_DIGITS ? LONG_NUMBER : NUMBER;
}

function digits(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] as number) >= 0x30 && (bytes[at] as number) <= 0x39) at++;
  return at - start;
}

function isWord(bytes: Uint8Array, start: number, end: number): boolean {
  const word = WORDS[bytes[start] as number];
  if (word?.length !== end - start) return false;
  for (let i = 0; i < word.length; i++) if (word.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

/** By their first byte. */
const WORDS: (string | undefined)[] = new Array(256).fill(undefined);
for (const word of ['true', 'false', 'null']) WORDS[word.charCodeAt(0)] = word;

/** Bytes of the byte order mark at the beginning; -1 = it cannot be told yet. */
export function markLength(bytes: Uint8Array, end: number, final: boolean): number {
  if (bytes[0] !== 0xef) return 0;
  if (end < 3 && !final) return -1;
  return bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}
