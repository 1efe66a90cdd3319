import type { TerminalToken } from './tokens.ts';

/** One column of a row; the second column of a wide character has an empty text. */
export interface Cell<Mark> {
  text: string;
  mark: Mark;
}

/** A row of the screen; `wraps` = the terminal went on in the next row because this one was full. */
export interface Row<Mark> {
  cells: (Cell<Mark> | undefined)[];
  wraps: boolean;
}

interface Cursor {
  row: number;
  column: number;
  /** The last column is filled and the next character goes to the next row (DEC autowrap). */
  full: boolean;
}

/**
 * What a terminal shows after what it was sent: enough of xterm for shells, readline, pagers and full-screen programs.
 * Each cell carries the mark it was written with. Characters sets, double-size lines and origin mode are not kept.
 */
export class TerminalScreen<Mark> {
  columns: number;
  height: number;
  rows: Row<Mark>[] = [];
  cursor: Cursor = { row: 0, column: 0, full: false };
  /** Whether the alternate screen is shown, as full-screen programs do. */
  alternate = false;
  /** Rows that left at the top, since somebody last took them. */
  scrolled: Row<Mark>[] = [];
  private main: { rows: Row<Mark>[]; cursor: Cursor } | undefined;
  private saved: Cursor = { row: 0, column: 0, full: false };
  private margins: { top: number; bottom: number };
  private inserting = false;
  private last: { text: string; width: number } | undefined;

  constructor(columns: number, height: number) {
    this.columns = Math.max(1, columns);
    this.height = Math.max(1, height);
    this.margins = { top: 0, bottom: this.height - 1 };
  }

  resize(columns: number, height: number): void {
    this.columns = Math.max(1, columns);
    this.height = Math.max(1, height);
    this.margins = { top: 0, bottom: this.height - 1 };
    this.move(this.cursor.row, this.cursor.column);
  }

  /** Shows a token; `mark` goes to the cells it writes. */
  apply(token: TerminalToken, mark: Mark): void {
    if (token.kind === 'text') this.print(token.text, token.width, mark);
    else if (token.kind === 'control') this.control(token.code);
    else if (token.kind === 'escape') this.escape(token.final);
    else if (token.kind === 'sequence') {
      if (token.prefix === '') this.sequence(token.final, token.params, mark);
      else if (token.prefix === '?') this.mode(token.final, token.params);
    }
  }

  row(index: number): Row<Mark> {
    for (let i = this.rows.length; i <= index; i += 1) this.rows.push({ cells: [], wraps: false });
    return this.rows[index] as Row<Mark>;
  }

  private print(text: string, width: number, mark: Mark): void {
    const { cursor } = this;
    if (width === 0) {
      const before = this.row(cursor.row).cells[cursor.full ? cursor.column : cursor.column - 1];
      if (before) before.text += text;
      return;
    }
    this.last = { text, width };
    if (cursor.full || cursor.column + width > this.columns) {
      this.row(cursor.row).wraps = true;
      cursor.column = 0;
      cursor.full = false;
      this.lineFeed();
    }
    const { cells } = this.row(cursor.row);
    if (this.inserting) this.openCells(cells, cursor.column, width);
    cells[cursor.column] = { text, mark };
    if (width === 2) cells[cursor.column + 1] = { text: '', mark };
    if (cursor.column + width >= this.columns) {
      cursor.column = this.columns - 1;
      cursor.full = true;
    } else cursor.column += width;
  }

  private openCells(cells: (Cell<Mark> | undefined)[], at: number, count: number): void {
    while (cells.length < at) cells.push(undefined);
    cells.splice(at, 0, ...new Array<undefined>(Math.min(count, this.columns)).fill(undefined));
    cells.length = Math.min(cells.length, this.columns);
  }

  private control(code: number): void {
    const { cursor } = this;
    if (code === 0x08) this.move(cursor.row, cursor.column - 1);
    else if (code === 0x09) this.move(cursor.row, (cursor.column | 7) + 1);
    else if (code === 0x0d) this.move(cursor.row, 0);
    else if (code >= 0x0a && code <= 0x0c) {
      cursor.full = false;
      this.row(cursor.row).wraps = false;
      this.lineFeed();
    }
  }

  private lineFeed(): void {
    const { cursor, margins } = this;
    if (cursor.row === margins.bottom) this.scroll(1);
    else if (cursor.row < this.height - 1) cursor.row += 1;
  }

  private scroll(count: number): void {
    const { top, bottom } = this.margins;
    for (let i = 0; i < Math.min(Math.abs(count), this.height); i += 1) {
      this.row(bottom);
      const blank = { cells: [], wraps: false };
      if (count > 0) {
        const [gone] = this.rows.splice(top, 1);
        if (gone && top === 0 && !this.alternate) this.scrolled.push(gone);
        this.rows.splice(bottom, 0, blank);
      } else {
        this.rows.splice(bottom, 1);
        this.rows.splice(top, 0, blank);
      }
    }
  }

  private move(row: number, column: number): void {
    this.cursor.row = Math.min(Math.max(row, 0), this.height - 1);
    this.cursor.column = Math.min(Math.max(column, 0), this.columns - 1);
    this.cursor.full = false;
  }

  private escape(final: string): void {
    if (final === '7') this.saved = { ...this.cursor };
    else if (final === '8') this.cursor = { ...this.saved };
    else if (final === 'D') this.lineFeed();
    else if (final === 'E') {
      this.cursor.column = 0;
      this.lineFeed();
    } else if (final === 'M') {
      if (this.cursor.row === this.margins.top) this.scroll(-1);
      else this.move(this.cursor.row - 1, this.cursor.column);
    } else if (final === 'c') {
      this.rows = [];
      this.move(0, 0);
      this.margins = { top: 0, bottom: this.height - 1 };
    }
  }

  private mode(final: string, params: readonly number[]): void {
    if (final !== 'h' && final !== 'l') return;
    if (!params.some((one) => one === 47 || one === 1047 || one === 1049)) return;
    if (final === 'h' && !this.alternate) {
      this.main = { rows: this.rows, cursor: { ...this.cursor } };
      this.rows = [];
      this.alternate = true;
    } else if (final === 'l' && this.alternate) {
      this.rows = this.main?.rows ?? [];
      this.cursor = this.main?.cursor ?? this.cursor;
      this.alternate = false;
    }
  }

  private sequence(final: string, params: readonly number[], mark: Mark): void {
    const { cursor } = this;
    const count = Math.max(1, params[0] ?? 1);
    if (this.moveBy(final, params, count)) return;
    switch (final) {
      case 'J':
        this.eraseScreen(params[0] ?? 0);
        return;
      case 'K':
        this.eraseLine(params[0] ?? 0);
        return;
      case 'P':
        this.row(cursor.row).cells.splice(cursor.column, count);
        return;
      case '@':
        this.openCells(this.row(cursor.row).cells, cursor.column, count);
        return;
      case 'X':
        this.blank(this.row(cursor.row), cursor.column, cursor.column + count);
        return;
      case 'L':
        this.shiftRows(count);
        return;
      case 'M':
        this.shiftRows(-count);
        return;
      case 'S':
        this.scroll(count);
        return;
      case 'T':
        this.scroll(-count);
        return;
      case 's':
        this.saved = { ...cursor };
        return;
      case 'u':
        this.cursor = { ...this.saved };
        return;
      case 'h':
      case 'l':
        if (params.includes(4)) this.inserting = final === 'h';
        return;
      case 'r':
        this.setMargins(count, params[1] || this.height);
        return;
      case 'b':
        this.repeat(count, mark);
        return;
      default:
    }
  }

  private setMargins(first: number, last: number): void {
    const top = Math.min(first, this.height) - 1;
    const bottom = Math.min(last, this.height) - 1;
    this.margins = top < bottom ? { top, bottom } : { top: 0, bottom: this.height - 1 };
    this.move(0, 0);
  }

  private repeat(count: number, mark: Mark): void {
    const { last } = this;
    for (let i = 0; last && i < Math.min(count, this.columns * this.height); i += 1)
      this.print(last.text, last.width, mark);
  }

  /** Sequences that only move the cursor. */
  private moveBy(final: string, params: readonly number[], count: number): boolean {
    const { row, column } = this.cursor;
    switch (final) {
      case 'A':
        this.move(row - count, column);
        return true;
      case 'B':
      case 'e':
        this.move(row + count, column);
        return true;
      case 'C':
      case 'a':
        this.move(row, column + count);
        return true;
      case 'D':
        this.move(row, column - count);
        return true;
      case 'E':
        this.move(row + count, 0);
        return true;
      case 'F':
        this.move(row - count, 0);
        return true;
      case 'G':
      case '`':
        this.move(row, count - 1);
        return true;
      case 'd':
        this.move(count - 1, column);
        return true;
      case 'H':
      case 'f':
        this.move(count - 1, (params[1] || 1) - 1);
        return true;
      case 'I':
        this.move(row, ((column >> 3) + count) * 8);
        return true;
      case 'Z':
        this.move(row, (((column + 7) >> 3) - count) * 8);
        return true;
      default:
        return false;
    }
  }

  private shiftRows(count: number): void {
    const { top, bottom } = this.margins;
    const { row } = this.cursor;
    if (row < top || row > bottom) return;
    this.margins = { top: row, bottom };
    // Rows pushed out here are not scrolled off the top: they are gone.
    const kept = this.scrolled;
    this.scrolled = [];
    this.scroll(-count);
    this.scrolled = kept;
    this.margins = { top, bottom };
  }

  private eraseLine(how: number): void {
    const row = this.row(this.cursor.row);
    const { column } = this.cursor;
    if (how === 0) {
      row.cells.length = Math.min(row.cells.length, column);
      row.wraps = false;
    } else this.blank(row, 0, how === 1 ? column + 1 : this.columns);
  }

  private eraseScreen(how: number): void {
    const { row } = this.cursor;
    if (how === 0) {
      this.eraseLine(0);
      this.rows.length = Math.min(this.rows.length, row + 1);
    } else if (how === 1) {
      for (let i = 0; i < row; i += 1) this.row(i).cells = [];
      this.eraseLine(1);
    } else this.rows = [];
  }

  private blank(row: Row<Mark>, from: number, to: number): void {
    for (let i = from; i < Math.min(to, row.cells.length); i += 1) row.cells[i] = undefined;
  }
}
