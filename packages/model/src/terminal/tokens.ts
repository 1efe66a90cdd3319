/**
 * One thing a terminal is sent: a character, a control character, or a control sequence (ECMA-48 section 5, xterm's
 * ctlseqs). `text` of a `string` is its payload, `intro` says which kind: `]` OSC, `P` DCS, `X` SOS, `^` PM, `_` APC,
 * `k` the title of screen.
 */
export type TerminalToken =
  | { readonly kind: 'text'; readonly text: string; readonly width: number }
  | { readonly kind: 'control'; readonly code: number }
  | { readonly kind: 'escape'; readonly final: string }
  | {
      readonly kind: 'sequence';
      readonly prefix: string;
      readonly params: readonly number[];
      readonly final: string;
    }
  | { readonly kind: 'string'; readonly intro: string; readonly text: string };

/** The token at a place, and how many bytes it takes; 0 = more bytes are needed to tell. */
export interface ReadToken {
  readonly token: TerminalToken;
  readonly length: number;
}

/** The longest control string that is waited for, in bytes. A longer one loses its introducer and becomes text. */
export const LONGEST_STRING = 16_384;
const LONGEST_SEQUENCE = 256;

const NEED_MORE: ReadToken = { token: { kind: 'control', code: 0 }, length: 0 };
const decoder = new TextDecoder();

/** Reads one token. `final` = nothing follows `end`, so that what is cut off is taken as it stands. */
export function readToken(bytes: Uint8Array, at: number, end: number, final: boolean): ReadToken {
  const byte = bytes[at] as number;
  if (byte === 0x1b) return escaped(bytes, at, at + 1, end, final);
  if (byte < 0x20 || byte === 0x7f) return { token: { kind: 'control', code: byte }, length: 1 };
  if (byte < 0x80) return { token: { kind: 'text', text: String.fromCharCode(byte), width: 1 }, length: 1 };
  return wide(bytes, at, end, final);
}

function wide(bytes: Uint8Array, at: number, end: number, final: boolean): ReadToken {
  const byte = bytes[at] as number;
  const want = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
  let length = 1;
  while (length < want && at + length < end && ((bytes[at + length] as number) & 0xc0) === 0x80) length += 1;
  if (length < want && at + length >= end && !final) return NEED_MORE;
  const text = decoder.decode(bytes.subarray(at, at + length));
  const point = text.codePointAt(0) as number;
  // C1 controls in UTF-8 stand for ESC and the letter 0x40 below (ECMA-48 section 5.3).
  if (point >= 0x80 && point <= 0x9f) return c1(bytes, at, end, final, point);
  return { token: { kind: 'text', text, width: widthOf(point) }, length };
}

function c1(bytes: Uint8Array, at: number, end: number, final: boolean, point: number): ReadToken {
  const letter = String.fromCharCode(point - 0x40);
  if (!'[]PX^_'.includes(letter)) return { token: { kind: 'escape', final: letter }, length: 2 };
  return body(bytes, at, at + 2, end, final, letter);
}

function escaped(bytes: Uint8Array, at: number, from: number, end: number, final: boolean): ReadToken {
  let p = from;
  while (p < end && (bytes[p] as number) >= 0x20 && (bytes[p] as number) <= 0x2f) p += 1;
  if (p >= end) return final ? { token: { kind: 'control', code: 0x1b }, length: 1 } : NEED_MORE;
  const letter = String.fromCharCode(bytes[p] as number);
  if ((bytes[p] as number) < 0x30 || (bytes[p] as number) > 0x7e)
    return { token: { kind: 'control', code: 0x1b }, length: 1 };
  if (p === from && '[]PX^_k'.includes(letter)) return body(bytes, at, p + 1, end, final, letter);
  const inner = p > from ? String.fromCharCode(...bytes.subarray(from, p)) : '';
  return { token: { kind: 'escape', final: inner + letter }, length: p + 1 - at };
}

function body(
  bytes: Uint8Array,
  at: number,
  from: number,
  end: number,
  final: boolean,
  letter: string,
): ReadToken {
  return letter === '['
    ? sequence(bytes, at, from, end, final)
    : controlString(bytes, at, from, end, final, letter);
}

function sequence(bytes: Uint8Array, at: number, from: number, end: number, final: boolean): ReadToken {
  let p = from;
  while (
    p < end &&
    p - from < LONGEST_SEQUENCE &&
    (bytes[p] as number) >= 0x20 &&
    (bytes[p] as number) < 0x40
  )
    p += 1;
  if (p >= end && !final && p - from < LONGEST_SEQUENCE) return NEED_MORE;
  const last = p < end ? (bytes[p] as number) : 0;
  // A sequence that is broken off is ignored up to where it breaks (as xterm does with a control character in it).
  if (last < 0x40 || last > 0x7e)
    return { token: { kind: 'escape', final: '' }, length: Math.max(1, p - at) };
  const text = String.fromCharCode(...bytes.subarray(from, p));
  const [, prefix = '', numbers = '', intermediate = ''] = /^([<-?]*)([0-9;:]*)([ -/]*)/.exec(text) ?? [];
  const params =
    numbers === '' ? [] : numbers.split(';').map((one) => Math.min(Number.parseInt(one, 10) || 0, 9999));
  const token = {
    kind: 'sequence',
    prefix,
    params,
    final: intermediate + String.fromCharCode(last),
  } as const;
  return { token, length: p + 1 - at };
}

function controlString(
  bytes: Uint8Array,
  at: number,
  from: number,
  end: number,
  final: boolean,
  intro: string,
): ReadToken {
  const limit = Math.min(end, from + LONGEST_STRING);
  const done = (stop: number, length: number): ReadToken => ({
    token: { kind: 'string', intro, text: decoder.decode(bytes.subarray(from, stop)) },
    length,
  });
  for (let p = from; p < limit; p += 1) {
    const byte = bytes[p] as number;
    if (byte === 0x07 && intro === ']') return done(p, p + 1 - at);
    if (byte === 0x18 || byte === 0x1a) return { token: { kind: 'escape', final: '' }, length: p + 1 - at };
    if (byte === 0xc2 && bytes[p + 1] === 0x9c && p + 1 < end) return done(p, p + 2 - at);
    if (byte !== 0x1b) continue;
    if (p + 1 >= end) break;
    return bytes[p + 1] === 0x5c
      ? done(p, p + 2 - at)
      : { token: { kind: 'escape', final: '' }, length: p - at };
  }
  if (!final && end - from < LONGEST_STRING) return NEED_MORE;
  return { token: { kind: 'escape', final: '' }, length: from - at };
}

/** Columns a character takes: 0 for marks that join the one before, 2 for East Asian wide ones and emoji. */
export function widthOf(point: number): number {
  if (point < 0x300) return point === 0xad ? 0 : 1;
  if (/\p{Mn}|\p{Me}|\p{Cf}/u.test(String.fromCodePoint(point))) return 0;
  const isWide =
    (point >= 0x1100 && point <= 0x115f) ||
    (point >= 0x2e80 && point <= 0xa4cf) ||
    (point >= 0xac00 && point <= 0xd7a3) ||
    (point >= 0xf900 && point <= 0xfaff) ||
    (point >= 0xfe30 && point <= 0xfe6f) ||
    (point >= 0xff00 && point <= 0xff60) ||
    (point >= 0xffe0 && point <= 0xffe6) ||
    (point >= 0x1f300 && point <= 0x1faff) ||
    (point >= 0x20000 && point <= 0x3fffd);
  return isWide ? 2 : 1;
}
