import { type Key, keyWords } from '../detectors/keyed/key.ts';
import { byteClass } from './bytes.ts';
import type { ValueForm } from './detector.ts';
import type { Collector, Rows } from './engine.ts';
import type { KeyedRules } from './keyed.ts';
import type { View } from './view.ts';

/** A column whose header names something sensitive. */
export interface Column {
  readonly index: number;
  readonly words: readonly string[];
}

const LONGEST_HEADER = 800;
const LONGEST_ROW = 8000;
const LINE = byteClass('^\\n');
const HEADER_CELL = /^\s*"?[A-Za-z_][\w .#/()-]{0,48}"?\s*$/;

/**
 * Recognises the header line of a table (CSV, TSV, psql, Markdown, COPY) around a key, and returns a reader for the
 * rows below it, or null. Cells of the named columns are then judged as if each had its key in front.
 */
export function tableAt(view: View, key: Key, rules: KeyedRules): Rows | null {
  if (!cellEdge(view, key)) return null;
  const start = view.runBack(LINE, key.start, LONGEST_HEADER);
  if (start > view.start && view.at(start - 1) !== 0x0a) return null;
  const end = view.run(LINE, key.end, LONGEST_HEADER);
  if (view.at(end) !== 0x0a) return null;
  const header = view.text(start, view.at(end - 1) === 0x0d ? end - 1 : end);
  const delimiter = delimiterOf(header);
  if (delimiter === '') return null;
  const names = header.split(delimiter);
  if (delimiter !== '|' || !header.trimStart().startsWith('|')) {
    if (!names.every((name) => HEADER_CELL.test(name))) return null;
  } else if (!isFramed(names)) return null;
  const columns = sensitiveColumns(names, rules);
  if (columns.length === 0) return null;
  return { next: end + 1, row: rowReader(delimiter, names.length, columns, rules) };
}

/** `| id | password |`: bars around. A bar in front alone is one case of a union type or of a grammar. */
const isFramed = (names: readonly string[]): boolean =>
  names.length > 2 &&
  names[names.length - 1]?.trim() === '' &&
  names.slice(1, -1).every((name) => HEADER_CELL.test(name));

/** The columns, by position, whose names some rule knows. */
export function sensitiveColumns(names: readonly string[], rules: KeyedRules): readonly Column[] {
  const columns: Column[] = [];
  names.forEach((name, index) => {
    const words = keyWords(name);
    if (words.length > 0 && rules.rulesFor(words).length > 0) columns.push({ index, words });
  });
  return columns;
}

/** A reader for lines of `count` cells, of which the given ones are judged. */
export function rowReader(
  delimiter: string,
  count: number,
  columns: readonly Column[],
  rules: KeyedRules,
): Rows['row'] {
  const slot = { start: 0, end: 0, form: 'cell' as ValueForm };
  const layout = { delimiter: delimiter.charCodeAt(0), count, columns, rules, slot };
  return (window, at, found) => readRow(window, at, found, layout);
}

/** Cheap first look: the key must fill its cell. */
function cellEdge(view: View, key: Key): boolean {
  let p = key.end;
  while (view.at(p) === 0x20 || view.at(p) === 0x22) p += 1;
  const after = view.at(p);
  const ends =
    after === 0x2c || after === 0x09 || after === 0x7c || after === 0x3b || after === 0x0a || after === 0x0d;
  if (!ends) return false;
  p = key.start - 1;
  while (p >= view.start && (view.at(p) === 0x20 || view.at(p) === 0x22)) p -= 1;
  const before = view.at(p);
  return (
    before < 0 || before === 0x2c || before === 0x09 || before === 0x7c || before === 0x3b || before === 0x0a
  );
}

function delimiterOf(header: string): string {
  for (const delimiter of ['\t', '|', ',', ';']) if (header.includes(delimiter)) return delimiter;
  return '';
}

interface Layout {
  readonly delimiter: number;
  readonly count: number;
  readonly columns: readonly Column[];
  readonly rules: KeyedRules;
  readonly slot: { start: number; end: number; form: ValueForm };
}

const RULE_LINE = byteClass('-+=|: \\r\\t');

/** Judges one row; returns where the next starts, or -1 when this line is not a row of the table any more. */
function readRow(view: View, at: number, found: Collector, layout: Layout): number {
  const end = view.run(LINE, at, LONGEST_ROW);
  if (view.at(end) >= 0 && view.at(end) !== 0x0a) return -1;
  if (end === at) return -1;
  if (view.run(RULE_LINE, at, LONGEST_ROW) >= end) return end + 1;
  const cells: number[] = [];
  splitCells(view, at, end, layout.delimiter, cells);
  if (cells.length !== layout.count * 2) return -1;
  for (const { index, words } of layout.columns) {
    layout.slot.start = cells[index * 2] as number;
    layout.slot.end = cells[index * 2 + 1] as number;
    trimCell(view, layout.slot);
    if (layout.slot.end > layout.slot.start) layout.rules.judge(view, layout.slot, words, false, found);
  }
  return end + 1;
}

/** Cell bounds of a line, quotes respected (RFC 4180), as start, end, start, end. */
function splitCells(view: View, at: number, end: number, delimiter: number, cells: number[]): void {
  let start = at;
  let quoted = false;
  for (let i = at; i < end; i += 1) {
    const byte = view.bytes[i] as number;
    if (byte === 0x22) quoted = !quoted;
    else if (byte === delimiter && !quoted) {
      cells.push(start, i);
      start = i + 1;
    }
  }
  cells.push(start, end);
}

function trimCell(view: View, slot: { start: number; end: number }): void {
  const blank = (i: number) => {
    const byte = view.bytes[i] as number;
    return byte === 0x20 || byte === 0x0d || byte === 0x09;
  };
  while (slot.start < slot.end && blank(slot.start)) slot.start += 1;
  while (slot.end > slot.start && blank(slot.end - 1)) slot.end -= 1;
  const quote = view.bytes[slot.start];
  if ((quote === 0x22 || quote === 0x27) && slot.end - slot.start > 1 && view.bytes[slot.end - 1] === quote) {
    slot.start += 1;
    slot.end -= 1;
  }
}
