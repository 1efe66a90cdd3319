import { ALNUM, asciiBytes, BLANK, DIGIT, KEY_CHAR, LOWER_LETTER, UPPER } from '../../scan/bytes.ts';
import { afterSequence, sequenceEnd } from '../../scan/pattern.ts';
import type { View } from '../../scan/view.ts';

/** The text that names a value: `dbPassword`, `"api_key"`, `Social Security Number`. */
export interface Key {
  readonly start: number;
  /** Where the identifier itself starts, without the words before it. */
  readonly own: number;
  readonly end: number;
}

const LONGEST_KEY = 64;

/** Splits a key into lower-case words at case changes, digits' ends and every other character. */
export function keyWords(key: string): string[] {
  const spaced = key.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/([A-Z]{2,})([A-Z][a-z])/g, '$1 $2');
  return spaced
    .toLowerCase()
    .split(/[^a-z0-9\u0080-\uffff]+/)
    .filter((word) => word !== '');
}

/** The identifier around `at`, with up to two words before it when only single blanks lie between. */
export function keyAround(view: View, at: number): Key {
  const end = view.run(KEY_CHAR, at, LONGEST_KEY);
  let start = view.runBack(KEY_CHAR, at, LONGEST_KEY);
  if (view.at(start - 1) === 0x5c && start < at) start += 1;
  start = afterSequence(view, start, at);
  const own = start;
  for (let words = 0; words < 2 && view.at(own) !== 0x2d; words += 1) {
    const gap = view.at(start - 1);
    if (gap !== 0x20 || !view.is(ALNUM, start - 2)) break;
    start = view.runBack(ALNUM, start - 1, 24);
  }
  return { start, own, end };
}

/** Words that go on after the identifier, as in "social security number:"; returns the end of the last. */
export function keyTail(view: View, end: number): number {
  let p = end;
  if (view.at(p) === 0x27 && view.at(p + 1) === 0x73) p += 2;
  for (let words = 0; words < 4; words += 1) {
    if (view.at(p) !== 0x20 && view.at(p) !== 0x2f) return p;
    if (view.at(p + 1) === 0x23 && endsName(view, p + 2)) return p + 2;
    const wordEnd = view.run(ALNUM, p + 1, 24);
    if (wordEnd === p + 1) return p;
    if (hasDigit(view, p + 1, wordEnd) && !endsName(view, wordEnd)) return p;
    const word = view.text(p + 1, Math.min(wordEnd, p + 6));
    if (VERBS.has(word) || isCode(view, end, p, wordEnd)) return p;
    p = wordEnd;
    if (view.at(p) === 0x2e && ABBREVIATIONS.has(word.toLowerCase())) return p + 1;
  }
  return p;
}

/** "SWIFT code NDEANOKK": a long word in capitals after a word that is not in capitals is what was named. */
function isCode(view: View, keyEnd: number, gap: number, end: number): boolean {
  return (
    end - gap > 8 &&
    gap > keyEnd &&
    view.run(UPPER, gap + 1, 24) === end &&
    LOWER_LETTER[view.at(gap - 1)] === 1
  );
}

const VERBS = new Set(['is', 'was', 'are']);
const IS_WAS_ARE = ['is ', 'was ', 'are '].map(asciiBytes);
/** "NHS No. …", "Ausweis-Nr. …": the full stop is the word's. */
const ABBREVIATIONS = new Set(['no', 'nr', 'num', 'nbr', 'tel', 'acct', 'ref']);

/** "Unseal Key 1: …", "the password on db1 is …": what says that the name is over and the value follows. */
function endsName(view: View, at: number): boolean {
  const next = view.at(at);
  if (next === 0x3a || next === 0x3d) return true;
  return next === 0x20 && IS_WAS_ARE.some((verb) => view.has(verb, at + 1));
}

/** Where a key ends whose tail says whose it is: "password for bob", "token of the build". */
export function nameEnd(view: View, keyEnd: number, tail: number): number {
  const text = view.text(keyEnd, tail);
  const owner = /^(?: (?:for|of|on|to|at) |'s$)/.exec(text);
  return owner ? keyEnd : tail;
}

function hasDigit(view: View, start: number, end: number): boolean {
  for (let i = start; i < end; i += 1) if (DIGIT[view.at(i)] === 1) return true;
  return false;
}

/** Whether the key is written all in capitals, as environment variables are. */
export function isUpper(view: View, start: number, end: number): boolean {
  let upper = 0;
  for (let i = start; i < end; i += 1) {
    const byte = view.bytes[i] as number;
    if (LOWER_LETTER[byte] === 1) return false;
    if (UPPER[byte] === 1) upper += 1;
  }
  return upper > 2;
}

/** Where blanks end, and with them the control sequences a terminal shows nothing for. */
export function blanks(view: View, at: number): number {
  let p = view.run(BLANK, at, 64);
  for (let n = 0; n < 8 && view.at(p) === 0x1b; n += 1) {
    const end = sequenceEnd(view, p);
    if (end === p) break;
    p = view.run(BLANK, end, 64);
  }
  return p;
}
