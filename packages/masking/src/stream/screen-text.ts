import type { Row, TerminalScreen } from '@scrim/model';

/** Something written to the screen. */
export interface Piece {
  /** What is sent in its place; null = itself. */
  mask: string | null;
  /** True once it is shown, so that it cannot be masked any more. */
  shown: boolean;
  /** True once the screen was judged with it in place. */
  judged: boolean;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** How much text in front of the screen is kept for detectors to look back at. */
const LOOK_BACK = 2048;

/** The text a screen shows, rows that wrapped joined, with what wrote each byte of it. */
export class ScreenText {
  readonly bytes: Uint8Array;
  /** Where the screen begins, behind the text that stood before it. */
  readonly origin: number;
  /** Where the cursor stands. */
  readonly cursor: number;
  private readonly screen: TerminalScreen<Piece | null>;
  private room: Uint8Array;
  private length: number;
  /** For each byte of the screen's text. */
  private readonly pieces: (Piece | null)[] = [];
  /** Where the rows begin that are still on the screen. */
  private readonly onScreen: number;

  constructor(screen: TerminalScreen<Piece | null>, before: Uint8Array) {
    this.screen = screen;
    this.origin = before.length;
    let cells = screen.cursor.column;
    for (const row of screen.rows) cells += row.cells.length;
    for (const row of screen.scrolled) cells += row.cells.length;
    const rows = screen.rows.length + screen.scrolled.length + screen.height;
    this.room = new Uint8Array(before.length + cells * 4 + rows + screen.columns * 4);
    this.room.set(before);
    this.length = before.length;
    const { cursor } = screen;
    for (const row of screen.scrolled) this.append(row, screen.columns);
    this.onScreen = this.length;
    let at = -1;
    const last = Math.max(screen.rows.length, cursor.row + 1);
    for (let index = 0; index < last; index += 1) {
      const row = screen.rows[index] ?? { cells: [], wraps: false };
      const column = cursor.full ? cursor.column + 1 : cursor.column;
      const found = this.append(row, screen.columns, index === cursor.row ? column : -1, index + 1 < last);
      if (found >= 0) at = found;
    }
    this.bytes = this.room.subarray(0, this.length);
    this.cursor = at < 0 ? this.length : at;
  }

  /** What wrote the byte; null for what was shown before, blanks and line ends. */
  at(index: number): Piece | null {
    return this.pieces[index - this.origin] ?? null;
  }

  /** Masks the value at [start, end), as wide as it is; nothing when all of it is shown or masked already. */
  mask(start: number, end: number, replace: (value: string) => string | null): void {
    const open: Piece[] = [];
    let fresh = false;
    for (let i = Math.max(start, this.origin); i < end; i += 1) {
      const piece = this.at(i);
      if (!piece || open.at(-1) === piece || open.includes(piece)) continue;
      open.push(piece);
      if (!piece.shown && piece.mask === null) fresh = true;
    }
    if (!fresh) return;
    const replacement = replace(decoder.decode(this.bytes.subarray(start, end)));
    if (replacement === null) return;
    const letters = fitted(replacement, open.length);
    for (const [index, piece] of open.entries())
      if (!piece.shown) piece.mask = widthOfPiece(piece, letters[index] as string);
  }

  /** Notes that everything on the screen was judged. */
  judged(): void {
    for (const piece of this.pieces) if (piece) piece.judged = true;
  }

  /** Drops rows that left the screen; returns the text to look back at from now on. */
  scrollOff(): Uint8Array {
    this.screen.scrolled = [];
    return this.bytes.slice(Math.max(0, this.onScreen - LOOK_BACK), this.onScreen);
  }

  private append(row: Row<Piece | null>, columns: number, column = -1, more = true): number {
    let found = -1;
    const { cells } = row;
    const stop = Math.max(cells.length, column);
    for (let i = 0; i < stop; i += 1) {
      if (i === column) found = this.length;
      const cell = cells[i];
      this.add(cell ? cell.text : ' ', cell ? cell.mark : null);
    }
    if (column >= stop) found = this.length;
    // A program that breaks a line at the margin itself sends a line end in the last column.
    const filled = cells.length >= columns && cells[columns - 1] !== undefined;
    if (more && !row.wraps && !filled) this.add('\n', null);
    return found;
  }

  private add(letter: string, mark: Piece | null): void {
    const code = letter.length === 1 ? letter.charCodeAt(0) : 0x80;
    if (code < 0x80) {
      this.byte(code, mark);
      return;
    }
    for (const byte of encoder.encode(letter)) this.byte(byte, mark);
  }

  private byte(byte: number, mark: Piece | null): void {
    if (this.length === this.room.length) {
      const grown = new Uint8Array(this.room.length * 2 + 64);
      grown.set(this.room);
      this.room = grown;
    }
    this.room[this.length] = byte;
    this.length += 1;
    this.pieces.push(mark);
  }
}

function widthOfPiece(piece: Piece, letter: string): string {
  const token = (piece as { token?: { kind: string; width?: number; params?: readonly number[] } }).token;
  if (token?.kind === 'sequence') return letter.repeat(Math.max(1, token.params?.[0] ?? 1));
  return token?.width === 2 ? letter.repeat(2) : letter;
}

/** A replacement for a value of `width` characters: padded, cut down to its word, or asterisks. */
export function fitted(replacement: string, width: number): string {
  const letters = /^[ -~]*$/.test(replacement) ? replacement : '';
  if (letters !== '' && letters.length <= width) return letters.padEnd(width, '*');
  const word = /[A-Za-z]+/.exec(letters)?.[0] ?? '';
  if (/^\*+[A-Za-z]+\*+$/.test(letters) && word.length + 2 <= width) {
    const left = Math.floor((width - word.length) / 2);
    return `${'*'.repeat(left)}${word}`.padEnd(width, '*');
  }
  return '*'.repeat(width);
}
