import type { Key } from '../detectors/keyed/key.ts';
import { asciiBytes, BLANK, byteClass, SPACE } from './bytes.ts';
import type { ValueForm } from './detector.ts';
import type { Collector, Rows } from './engine.ts';
import type { KeyedRules } from './keyed.ts';
import { type Column, rowReader, sensitiveColumns } from './rows.ts';
import type { View } from './view.ts';

const LIST = byteClass('\\w\\s,."`[\\]');
const VALUES = asciiBytes('values');
const FROM_STDIN = asciiBytes('from stdin');
const LINE = byteClass('^\\n');
const LONGEST_LIST = 800;
const LONGEST_TUPLE = 8000;

/**
 * Recognises `(id, email, password) VALUES` around a key and returns a reader for the tuples after it: a column list
 * names its values as a table's header does.
 */
export function tuplesAt(view: View, key: Key, rules: KeyedRules): Rows | null {
  const after = view.at(key.end);
  if (after !== 0x2c && after !== 0x29 && after !== 0x22 && after !== 0x60 && after !== 0x20) return null;
  const start = view.runBack(LIST, key.own, LONGEST_LIST);
  if (view.at(start - 1) !== 0x28) return null;
  const end = view.run(LIST, key.end, LONGEST_LIST);
  if (view.at(end) !== 0x29) return null;
  const word = view.run(SPACE, end + 1, 64);
  const names = view.text(start, end).split(',');
  if (view.hasFolded(FROM_STDIN, word)) return copiedRows(view, word + FROM_STDIN.length, names, rules);
  if (!view.hasFolded(VALUES, word)) return null;
  const next = view.run(SPACE, word + VALUES.length, 64);
  if (view.at(next) !== 0x28) return null;
  const columns = sensitiveColumns(names, rules);
  if (columns.length === 0) return null;
  const row = (window: View, at: number, found: Collector) => readTuple(window, at, found, columns, rules);
  return { next, row };
}

/** `COPY users (id, token) FROM stdin;` and the rows below it, as pg_dump writes them. */
function copiedRows(view: View, at: number, names: readonly string[], rules: KeyedRules): Rows | null {
  const end = view.run(LINE, at, 200);
  if (view.at(end) !== 0x0a) return null;
  const columns = sensitiveColumns(names, rules);
  if (columns.length === 0) return null;
  const delimiter = /csv/i.test(view.text(at, end)) ? ',' : '\t';
  return { next: end + 1, row: rowReader(delimiter, names.length, columns, rules) };
}

/** Judges one tuple; returns where the next starts, or -1 when the list is over. */
function readTuple(
  view: View,
  at: number,
  found: Collector,
  columns: readonly Column[],
  rules: KeyedRules,
): number {
  let p = at + 1;
  for (let index = 0; p < at + LONGEST_TUPLE; index += 1) {
    const start = view.run(SPACE, p, 64);
    const end = valueEnd(view, start, at + LONGEST_TUPLE);
    const byte = view.at(end);
    if (byte !== 0x2c && byte !== 0x29) return -1;
    const column = columns.find((c) => c.index === index);
    if (column) judge(view, start, end, column.words, rules, found);
    if (byte === 0x29) {
      const comma = view.run(SPACE, end + 1, 64);
      if (view.at(comma) !== 0x2c) return -1;
      const next = view.run(SPACE, comma + 1, 64);
      return view.at(next) === 0x28 ? next : -1;
    }
    p = end + 1;
  }
  return -1;
}

/** The end of one SQL value: quotes are doubled or escaped inside a string, parentheses nest in a call. */
function valueEnd(view: View, start: number, limit: number): number {
  let depth = 0;
  let quote = 0;
  for (let p = start; p < limit; p += 1) {
    const byte = view.at(p);
    if (byte < 0) return p;
    if (quote !== 0) {
      if (byte === 0x5c && view.at(p + 1) === quote) p += 1;
      else if (byte === quote) quote = 0;
    } else if (byte === 0x27 || byte === 0x22) quote = byte;
    else if (byte === 0x28) depth += 1;
    else if (byte === 0x29 && depth > 0) depth -= 1;
    else if (byte === 0x29 || (byte === 0x2c && depth === 0)) return p;
  }
  return limit;
}

function judge(
  view: View,
  from: number,
  to: number,
  words: readonly string[],
  rules: KeyedRules,
  found: Collector,
): void {
  let start = from;
  let end = view.runBack(BLANK, to, to - from);
  const prefix = view.at(start);
  if ((prefix === 0x4e || prefix === 0x45) && view.at(start + 1) === 0x27) start += 1;
  const quote = view.at(start);
  const form: ValueForm = 'cell';
  if (quote === 0x27 || quote === 0x22) {
    start += 1;
    end -= 1;
  } else if (!/^\d/.test(view.text(start, start + 1))) return;
  rules.judge(view, { start, end, form }, words, false, found);
}
