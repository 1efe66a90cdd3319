import type { ByteMasker } from '../stream/index.ts';
import { type FieldTextOptions, maskField } from './options.ts';
import { RecordMasker, type RecordReader } from './record-masker.ts';

/**
 * Masks CSV (RFC 4180) and its kind with tabs, semicolons or bars: the first record names the columns, field rules go by
 * these names, and every cell is looked at. A cell that is not masked stays exactly as it was written.
 */
export function createCsvMasker(options: FieldTextOptions): ByteMasker {
  return new RecordMasker(() => new CsvReader(options));
}

const SEPARATORS = [',', '\t', ';', '|'];

class CsvReader implements RecordReader {
  readonly #options: FieldTextOptions;
  #separator: string | undefined;
  #header: readonly string[] | undefined;

  constructor(options: FieldTextOptions) {
    this.#options = options;
  }

  end(text: string, from: number, final: boolean): number {
    let quoted = false;
    for (let at = from; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === 34) quoted = !quoted;
      else if (!quoted && (code === 10 || code === 13)) {
        if (code === 13 && text.charCodeAt(at + 1) === 10) return at + 2;
        if (code === 13 && at + 1 === text.length && !final) return -1;
        return at + 1;
      }
    }
    return final ? text.length : -1;
  }

  mask(record: string): string {
    const line = record.replace(/\r?\n$|\r$/, '');
    if (line === '' || line === '\ufeff') return record;
    this.#separator ??= separatorOf(line);
    const cells = cellsOf(line, this.#separator);
    const header = this.#header;
    if (!header) this.#header = cells.map((cell) => cellValue(cell.replace(/^\ufeff/, '')).trim());
    const shown = cells.map((cell, index) => {
      const value = cellValue(cell);
      const name = header?.[index];
      const masked = header
        ? maskField(this.#options, name === undefined ? [] : [name], value)
        : this.#named(value);
      return masked === value ? cell : written(masked, cell, this.#separator as string);
    });
    return shown.join(this.#separator) + record.slice(line.length);
  }

  /** A name in the first record, which may as well be data. */
  #named(value: string): string {
    return this.#options.leaf ? this.#options.leaf(value, undefined) : value;
  }
}

function separatorOf(line: string): string {
  let best = ',';
  let most = 0;
  for (const separator of SEPARATORS) {
    const count = cellsOf(line, separator).length;
    if (count > most) {
      most = count;
      best = separator;
    }
  }
  return best;
}

function cellsOf(line: string, separator: string): string[] {
  const cells: string[] = [];
  let quoted = false;
  let from = 0;
  for (let at = 0; at < line.length; at++) {
    const char = line[at];
    if (char === '"') quoted = !quoted;
    else if (!quoted && char === separator) {
      cells.push(line.slice(from, at));
      from = at + 1;
    }
  }
  cells.push(line.slice(from));
  return cells;
}

function cellValue(cell: string): string {
  const text = cell.trim();
  return text.length > 1 && text.startsWith('"') && text.endsWith('"')
    ? text.slice(1, -1).replaceAll('""', '"')
    : cell;
}

function written(value: string, cell: string, separator: string): string {
  const needs = cell.trim().startsWith('"') || value.includes(separator) || /["\r\n]/.test(value);
  return needs ? `"${value.replaceAll('"', '""')}"` : value;
}
