import { type ByteClass, byteClass } from './bytes.ts';

/**
 * Says whether bytes[start, end) can hold a match at all. True may be wrong, false never is: what the regex needs one
 * after another, whatever else it allows, does not stand there.
 */
export type Witness = (bytes: Uint8Array, start: number, end: number) => boolean;

/** Bytes that must stand side by side in every match, each out of its class. */
type Sequence = readonly ByteClass[];

const LONGEST = 12;

/**
 * What every match of the regex must contain: for each branch the most telling row of literals and small classes, such
 * as eight digits of `\b[0-9]{8}\b` or `-zz` of `[a-z]+-zz.*`. Null when nothing can be told cheaply, with flags or
 * escapes that are not read here: then every line has to be shown to the regex.
 */
export function witnessOf(regex: string, branches: readonly string[]): Witness | null {
  if (/\(\?[a-zA-Z-]+[):]|\\[QEACxk]/.test(regex)) return null;
  const searches: Witness[] = [];
  for (const branch of branches) {
    const best = mostTelling(sequencesOf(branch));
    if (best === null) return null;
    searches.push(search(best));
  }
  return (bytes, start, end) => searches.some((find) => find(bytes, start, end));
}

const weight = (table: ByteClass): number =>
  Math.log2(
    256 /
      Math.max(
        1,
        table.reduce((n, bit) => n + bit, 0),
      ),
  );

/** The sequence least likely to stand anywhere by chance, if it is unlikely enough to be worth the look. */
function mostTelling(sequences: readonly Sequence[]): Sequence | null {
  let best: Sequence | null = null;
  let most = 6;
  for (const sequence of sequences) {
    const bits = sequence.reduce((total, table) => total + weight(table), 0);
    if (bits > most) {
      most = bits;
      best = sequence;
    }
  }
  return best;
}

/**
 * Horspool's search (Software: Practice and Experience 10, 1980) for classes instead of letters: a byte that may not
 * stand at any place of the sequence lets the whole of it be skipped.
 */
function search(sequence: Sequence): Witness {
  const last = sequence.length - 1;
  const shift = new Uint8Array(256).fill(sequence.length);
  for (let i = 0; i < last; i += 1)
    for (let byte = 0; byte < 256; byte += 1) if (sequence[i]?.[byte] === 1) shift[byte] = last - i;
  return (bytes, start, end) => {
    for (let p = start + last; p < end; p += shift[bytes[p] as number] as number) {
      let i = last;
      while (i >= 0 && (sequence[i] as ByteClass)[bytes[p - last + i] as number] === 1) i -= 1;
      if (i < 0) return true;
    }
    return false;
  };
}

/** The rows of bytes that one branch cannot do without. */
function sequencesOf(branch: string): Sequence[] {
  const out: Sequence[] = [];
  let row: ByteClass[] = [];
  const close = () => {
    if (row.length > 0) out.push(row);
    row = [];
  };
  let at = 0;
  while (at < branch.length) {
    const atom = readAtom(branch, at);
    const count = readCount(branch, atom.end);
    at = count.end;
    if (atom.empty) continue;
    if (atom.table === null || count.min === 0) {
      close();
      continue;
    }
    const copies = Array<ByteClass>(Math.min(count.min, LONGEST)).fill(atom.table);
    row = [...row, ...copies].slice(0, LONGEST);
    if (count.max === count.min && count.min <= LONGEST && row.length < LONGEST) continue;
    close();
    // The end of a run of any length still stands beside what follows.
    row = copies;
  }
  close();
  return out;
}

interface Atom {
  /** Null for what may be anything. */
  readonly table: ByteClass | null;
  /** Takes no room: an anchor or a word boundary. */
  readonly empty: boolean;
  readonly end: number;
}

const PLAIN = /^[A-Za-z0-9 _\-/:@#=%&;,~"'<>!`]$/;

function readAtom(branch: string, at: number): Atom {
  const char = branch[at] as string;
  if (char === '^' || char === '$') return { table: null, empty: true, end: at + 1 };
  if (char === '(') return { table: null, empty: false, end: groupEnd(branch, at) };
  if (char === '[') return readClass(branch, at);
  if (char === '\\') return readEscape(branch, at);
  return { table: PLAIN.test(char) ? single(char) : null, empty: false, end: at + 1 };
}

/** The class of one character; a letter behind a backslash would be a shorthand. */
const single = (char: string): ByteClass => byteClass(/\w/.test(char) ? char : `\\${char}`);

function readEscape(branch: string, at: number): Atom {
  const char = branch[at + 1] ?? '';
  if (char === 'b' || char === 'B' || char === 'z') return { table: null, empty: true, end: at + 2 };
  if (char === 'p' || char === 'P') {
    const end = branch[at + 2] === '{' ? branch.indexOf('}', at) + 1 : at + 3;
    return { table: null, empty: false, end };
  }
  const known = /[dws]/.test(char) || /^[^A-Za-z0-9\s]$/.test(char);
  return {
    table: known && char.charCodeAt(0) < 127 ? byteClass(`\\${char}`) : null,
    empty: false,
    end: at + 2,
  };
}

/** A bracket of ASCII characters and ranges; anything finer may be anything. */
function readClass(branch: string, at: number): Atom {
  const match = /^\[([A-Za-z0-9_ .:@#=%&;,~!/+*?$|(){}"'<>-]+)\]/.exec(branch.slice(at));
  const body = match?.[1];
  if (body !== undefined && !/\[|^-|-$|-[^A-Za-z0-9]/.test(body))
    return { table: byteClass(body), empty: false, end: at + body.length + 2 };
  return { table: null, empty: false, end: bracketEnd(branch, at) };
}

/** Where a bracket ends, whatever is in it; the end of the branch when that cannot be told. */
function bracketEnd(branch: string, open: number): number {
  let i = open + 1;
  if (branch[i] === '^') i += 1;
  if (branch[i] === ']') i += 1;
  for (; i < branch.length; i += 1) {
    if (branch[i] === '\\') i += 1;
    else if (branch.startsWith('[:', i)) i = Math.max(i, branch.indexOf(':]', i) + 1);
    else if (branch[i] === ']') return i + 1;
  }
  return branch.length;
}

function groupEnd(branch: string, open: number): number {
  let depth = 0;
  for (let i = open; i < branch.length; i += 1) {
    const char = branch[i];
    if (char === '\\') i += 1;
    else if (char === '[') i = bracketEnd(branch, i) - 1;
    else if (char === '(') depth += 1;
    else if (char === ')') {
      depth -= 1;
      if (depth === 0) return i + 1;
    }
  }
  return branch.length;
}

function readCount(branch: string, at: number): { min: number; max: number; end: number } {
  const char = branch[at];
  const lazy = (end: number) => (branch[end] === '?' ? end + 1 : end);
  if (char === '*') return { min: 0, max: Number.POSITIVE_INFINITY, end: lazy(at + 1) };
  if (char === '+') return { min: 1, max: Number.POSITIVE_INFINITY, end: lazy(at + 1) };
  if (char === '?') return { min: 0, max: 1, end: lazy(at + 1) };
  const match = /^\{(\d+)(,?)(\d*)\}/.exec(branch.slice(at, at + 16));
  if (!match) return { min: 1, max: 1, end: at };
  const min = Number(match[1]);
  const max = match[2] === '' ? min : match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3]);
  return { min, max, end: lazy(at + match[0].length) };
}
