/** How results are printed: a table for people, JSON for programs (`--json`, or whenever asked for). */
export interface OutputOptions {
  readonly json?: boolean;
}

export type Row = Readonly<Record<string, unknown>>;

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value.replace(/[\r\n\t]+/g, ' ');
  if (Array.isArray(value)) return value.map(cell).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(1, width - 1))}…`;
}

const MAX_COLUMN = 60;

/** Columns in the given order, headed by their names; one line a row. */
export function table(rows: readonly Row[], columns: readonly string[]): string {
  const texts = rows.map((row) => columns.map((name) => clip(cell(row[name]), MAX_COLUMN)));
  const widths = columns.map((name, index) =>
    Math.max(name.length, ...texts.map((line) => (line[index] as string).length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((text, index) => text.padEnd(widths[index] as number))
      .join('  ')
      .trimEnd();
  return [line(columns), line(widths.map((width) => '-'.repeat(width))), ...texts.map(line)].join('\n');
}

/** Prints a list: JSON array with `--json`, else a table, else `empty` when there is nothing. */
export function printList(
  rows: readonly Row[],
  columns: readonly string[],
  empty: string,
  options: OutputOptions,
): void {
  if (options.json) print(JSON.stringify(rows, null, 2));
  else print(rows.length === 0 ? empty : table(rows, columns));
}

/** Prints one thing: JSON with `--json`, else `name  value` lines. */
export function printOne(row: Row, options: OutputOptions): void {
  if (options.json) {
    print(JSON.stringify(row, null, 2));
    return;
  }
  const names = Object.keys(row);
  const width = Math.max(...names.map((name) => name.length));
  for (const name of names) print(`${name.padEnd(width)}  ${cell(row[name])}`);
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** For people watching a long run; never mixed into results. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
