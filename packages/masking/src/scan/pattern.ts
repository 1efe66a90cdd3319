import { ALNUM, asciiBytes, BASE64, type ByteClass, byteClass } from './bytes.ts';
import type { Found, Verifier } from './detector.ts';
import { LOOK_AHEAD, type View } from './view.ts';

/**
 * Patterns for token formats: a tiny, linear subset of regular expressions. Literals, classes (`[A-Z]`, `\w`, `\d`)
 * with `{n}`, `{n,m}`, `{n,}`, `+`, `?`, and one group for the part to mask. Runs are possessive (never given
 * back), so a pattern reads each byte once. The anchor is the first literal of three bytes or more; what stands
 * before it is matched backwards.
 */
export interface Pattern {
  readonly anchor: string;
  readonly verify: Verifier;
}

interface Item {
  readonly literal: Uint8Array | null;
  readonly table: ByteClass;
  readonly min: number;
  readonly max: number;
}

interface Parsed {
  readonly items: Item[];
  readonly anchorIndex: number;
  readonly groupStart: number;
  readonly groupEnd: number;
}

export interface PatternOptions {
  /** Called with the masked span once the shape fits; false drops it. */
  readonly check?: (view: View, start: number, end: number) => boolean;
  /** Require that the match does not start inside a longer word (default true). */
  readonly boundary?: boolean;
}

/** Compiles one pattern. Throws on a pattern without a literal to anchor on: that would mean scanning everything. */
export function pattern(source: string, options: PatternOptions = {}): Pattern {
  const parsed = parse(source);
  const { items, anchorIndex } = parsed;
  const anchor = items[anchorIndex]?.literal;
  if (!anchor) throw new Error(`pattern ${source}: no literal of three bytes or more to anchor on`);
  const boundary = options.boundary ?? true;
  const verify: Verifier = (view, at, found) => matchAt(view, at, found, parsed, boundary, options.check);
  return { anchor: String.fromCharCode(...anchor), verify };
}

function matchAt(
  view: View,
  at: number,
  found: Found,
  parsed: Parsed,
  boundary: boolean,
  check: PatternOptions['check'],
): void {
  const { items, anchorIndex, groupStart, groupEnd } = parsed;
  let start = at;
  let spanStart = -1;
  if (groupStart === anchorIndex) spanStart = at;
  for (let i = anchorIndex - 1; i >= 0; i -= 1) {
    const item = items[i] as Item;
    const from = view.runBack(item.table, start, item.max);
    if (start - from < item.min) return;
    start = from;
    if (groupStart === i) spanStart = start;
  }
  if (boundary && (!startsWord(view, start) || insideBase64(view, start))) return;
  let p = at;
  let spanEnd = -1;
  let least = at;
  for (let i = anchorIndex; i < items.length; i += 1) {
    const item = items[i] as Item;
    if (groupStart === i) spanStart = p;
    if (item.literal) {
      if (!view.has(item.literal, p)) return;
      p += item.literal.length;
    } else {
      const end = view.run(item.table, p, Math.min(item.max, LOOK_AHEAD));
      if (end - p < item.min) return;
      least = p + item.min;
      p = end;
    }
    if (groupEnd === i) spanEnd = p;
  }
  const last = items[items.length - 1] as Item;
  const flows = !last.literal && last.max === LOOK_AHEAD && view.is(last.table, p);
  if (!flows && view.is(last.literal ? ALNUM : last.table, p) && !endsSentence(view, p)) return;
  // A full stop in the token's own alphabet may also be the one that ends the sentence.
  if (spanEnd === p && !view.is(CLOSING, p))
    while (!last.literal && spanEnd > least && view.at(spanEnd - 1) === 0x2e) spanEnd -= 1;
  if (check && !check(view, spanStart, spanEnd)) return;
  found.add(spanStart, spanEnd);
  if (flows) found.flow('base64url');
}

/** A full stop with nothing of a word after it. */
const endsSentence = (view: View, i: number): boolean => view.at(i) === 0x2e && !view.is(ALNUM, i + 1);

/**
 * Whether a token may start at `i`: not in the middle of a word. A word character that only ends an escape
 * (`\n`, `\u003d`, `%3D`, a terminal colour sequence) is not part of a word.
 */
export function startsWord(view: View, i: number): boolean {
  const before = view.at(i - 1);
  if (before < 0 || ALNUM[before] === 0) return true;
  const two = view.at(i - 2);
  if (two === 0x5c) return before === 0x6e || before === 0x72 || before === 0x74;
  if (view.at(i - 3) === 0x25) return hexPair(two, before);
  if (endsSequence(view, i)) return true;
  return view.at(i - 6) === 0x5c && view.at(i - 5) === 0x75 && hexPair(two, before);
}

/** A long run of base64 in front, of which `+` or `/` was the last: what looks like a token is part of a picture. */
function insideBase64(view: View, i: number): boolean {
  const before = view.at(i - 1);
  if (before !== 0x2b && before !== 0x2f) return false;
  const from = view.runBack(BASE64, i, 64);
  const text = i - from === 64 ? view.text(from, i) : '';
  return /\d/.test(text) && /[a-z]/.test(text) && /[A-Z]/.test(text);
}

const CLOSING = byteClass('"\'`:|<\\t');
const hexDigit = byteClass('0-9a-fA-F');
const hexPair = (a: number, b: number): boolean => a >= 0 && b >= 0 && hexDigit[a] === 1 && hexDigit[b] === 1;
const parameters = byteClass('0-9;?');
const LETTER = byteClass('A-Za-z');

/**
 * Whether a terminal control sequence (ECMA-48 CSI, as in `ESC[31m` and `ESC[K`) ends before `i`, the escape
 * character itself or written out (`\\x1b`, `\\u001b`, `\\033`).
 */
export function endsSequence(view: View, i: number): boolean {
  if (!view.is(LETTER, i - 1)) return false;
  const p = view.runBack(parameters, i - 1, 16);
  if (view.at(p - 1) !== 0x5b) return false;
  const lead = view.at(p - 2);
  return lead === 0x1b || lead === 0x62 || lead === 0x42 || lead === 0x33 || view.at(i - 1) === 0x6d;
}

/** Where a word begins whose first bytes, from `start` on, end a control sequence (`31mPASSWORD`); at most `max`. */
export function afterSequence(view: View, start: number, max: number): number {
  const before = view.at(start - 1);
  if (before !== 0x5b && before !== 0x3b) return start;
  const p = view.run(parameters, start, 8) + 1;
  return p <= max && endsSequence(view, p) ? p : start;
}

/** The end of the terminal control sequence that starts at `i`, or `i` where there is none. */
export function sequenceEnd(view: View, i: number): number {
  if (view.at(i) !== 0x1b || view.at(i + 1) !== 0x5b) return i;
  const p = view.run(parameters, i + 2, 16);
  return view.is(LETTER, p) ? p + 1 : i;
}

function parse(source: string): Parsed {
  const items: Item[] = [];
  let groupStart = -1;
  let groupEnd = -1;
  let literal = '';
  const flush = () => {
    if (literal !== '')
      items.push({ literal: asciiBytes(literal), table: EMPTY, min: literal.length, max: literal.length });
    literal = '';
  };
  let i = 0;
  while (i < source.length) {
    const char = source[i] as string;
    if (char === '(') {
      flush();
      groupStart = items.length;
      i += 1;
      continue;
    }
    if (char === ')') {
      flush();
      groupEnd = items.length - 1;
      i += 1;
      continue;
    }
    const atom = readAtom(source, i);
    const count = readCount(source, atom.end);
    if (atom.table === null && count === null) {
      literal += atom.char;
      i = atom.end;
      continue;
    }
    flush();
    const table = atom.table ?? byteClass(`\\${atom.char}`);
    items.push({ literal: null, table, min: count?.min ?? 1, max: count?.max ?? 1 });
    i = count?.end ?? atom.end;
  }
  flush();
  if (groupStart < 0) {
    groupStart = 0;
    groupEnd = items.length - 1;
  }
  return { items, anchorIndex: items.findIndex((x) => (x.literal?.length ?? 0) >= 3), groupStart, groupEnd };
}

const EMPTY = new Uint8Array(256);

function readAtom(source: string, i: number): { table: ByteClass | null; char: string; end: number } {
  const char = source[i] as string;
  if (char === '[') {
    let end = i + 1;
    while (source[end] !== ']') end += source[end] === '\\' ? 2 : 1;
    return { table: byteClass(source.slice(i + 1, end)), char: '', end: end + 1 };
  }
  if (char === '\\') {
    const next = source[i + 1] as string;
    const shorthand = next === 'w' || next === 'd' || next === 's';
    return { table: shorthand ? byteClass(`\\${next}`) : null, char: next, end: i + 2 };
  }
  return { table: null, char, end: i + 1 };
}

function readCount(source: string, i: number): { min: number; max: number; end: number } | null {
  const char = source[i];
  if (char === '+') return { min: 1, max: LOOK_AHEAD, end: i + 1 };
  if (char === '?') return { min: 0, max: 1, end: i + 1 };
  if (char !== '{') return null;
  const close = source.indexOf('}', i);
  const [low = '', high] = source.slice(i + 1, close).split(',');
  const min = Number(low);
  const max = high === undefined ? min : high === '' ? LOOK_AHEAD : Number(high);
  return { min, max, end: close + 1 };
}
