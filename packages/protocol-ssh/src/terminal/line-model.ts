import { type Row, readToken, TerminalScreen, type TerminalToken } from '@scrim/model';
import { TypedLine } from './typed-line.ts';

/** What becomes of keys a caller pressed. */
export interface KeysTaken {
  /** Goes to the target now. */
  readonly pass: Uint8Array;
  /**
   * The key at which the target may run the line. It stays here until the line is judged: wait until the target has
   * echoed what was passed (some 50 ms of silence), ask {@link LineModel.line}, then {@link LineModel.entered}.
   */
  readonly enter?: Uint8Array;
  /**
   * Keys behind it, or behind a Ctrl-C, to be given to {@link LineModel.keys} again once the target has answered and
   * fallen silent: where a line starts is known only then.
   */
  readonly rest: Uint8Array;
}

/** The line the target would run, or why nobody can say; what is unknown is judged as the worst. */
export type LineAtEnter = { readonly text: string } | { readonly unknown: string };

export interface LineModelOptions {
  readonly columns: number;
  readonly rows: number;
  /**
   * Whether a line the keys do not tell (recalled, completed) is read from the screen. A job in the background could
   * paint another one there; false makes such lines unknown. Default true.
   */
  readonly trustScreen?: boolean;
}

const NOTHING = new Uint8Array(0);
const LONGEST_LINE = 8192;
/** Ctrl-E and Ctrl-U: to the end of the line, and erase it; the terminal driver's own line too. */
const ERASE = Uint8Array.of(0x05, 0x15);
const decoder = new TextDecoder();

/** Control sequences by which a shell redraws its line without leaving it. */
const REDRAWS = new Set('CDGKPX@mhln'.split(''));

/**
 * The line an interactive shell is about to run, from the keys of the caller and what the target shows for them. The
 * two must agree: the keys could mean something else to the target (vi mode, other bindings, no shell at all), and the
 * screen could be painted. Pure: bytes in, bytes out; time belongs to the caller.
 */
export class LineModel {
  private readonly typed = new TypedLine();
  private readonly view: TerminalScreen<null>;
  private readonly trustScreen: boolean;
  private keyCarry: Uint8Array = NOTHING;
  private screenCarry: Uint8Array = NOTHING;
  /** Where the line starts: cell of the cursor when its first key came. */
  private start: { row: number; column: number } | null = null;
  /** What the screen shows in front of the line. */
  private prompt: string | null = null;
  /** Why the screen no longer tells the line. */
  private broken: string | null = null;
  private unechoed: number[] = [];

  constructor({ columns, rows, trustScreen }: LineModelOptions) {
    this.view = new TerminalScreen(columns || 80, rows || 24);
    this.trustScreen = trustScreen ?? true;
  }

  /** The caller's window has another size: the target redraws, so the line under way is known no more. */
  resize(columns: number, rows: number): void {
    this.view.resize(columns || 80, rows || 24);
    if (this.start) this.broken = 'the window changed while it was typed';
  }

  /** Whether a full-screen program has taken over: keys are not lines there. */
  get fullScreen(): boolean {
    return this.view.alternate;
  }

  /** What was typed and not shown yet, for the masker's `release(typed)`. */
  get echo(): Uint8Array {
    return Uint8Array.from(this.unechoed);
  }

  /**
   * The half of a key that waits for its other half. A lone ESC is a key too: pass it on when the caller falls silent
   * by {@link LineModel.settleKeys}.
   */
  settleKeys(): Uint8Array {
    const half = this.keyCarry;
    this.keyCarry = NOTHING;
    if (half.length > 0) this.typed.lost();
    return half;
  }

  /** Takes keys up to the first at which the target may run something. */
  keys(bytes: Uint8Array): KeysTaken {
    const all = join(this.keyCarry, bytes);
    this.keyCarry = NOTHING;
    let pass: Uint8Array = NOTHING;
    let from = 0;
    for (let at = 0; at < all.length; ) {
      const length = keyLength(all, at);
      if (length === 0) {
        // Half a key waits for its other half: alone it might be a key at which something runs.
        this.keyCarry = all.slice(at);
        return { pass: join(pass, all.slice(from, at)), rest: NOTHING };
      }
      this.begin();
      const { empty } = this.typed;
      const effect = this.press(all.subarray(at, at + length));
      if (effect === 'runs')
        return {
          pass: join(pass, all.slice(from, at)),
          enter: all.slice(at, at + length),
          rest: all.slice(at + length),
        };
      if (effect === 'dropped') {
        // Where Ctrl-C is ignored the line would still be there, unseen by the next one: it is erased first.
        if (!empty) pass = join(join(pass, all.slice(from, at)), ERASE);
        if (!empty) from = at;
        this.forget();
        return { pass: join(pass, all.slice(from, at + length)), rest: all.slice(at + length) };
      }
      at += length;
    }
    return { pass: join(pass, all.slice(from)), rest: NOTHING };
  }

  /** Takes what the target shows. */
  screen(bytes: Uint8Array): void {
    const all = join(this.screenCarry, bytes);
    this.screenCarry = NOTHING;
    for (let at = 0; at < all.length; ) {
      const { token, length } = readToken(all, at, all.length, false);
      if (length === 0) {
        this.screenCarry = all.slice(at);
        return;
      }
      this.show(token);
      at += length;
    }
  }

  /** The line the held key would run, once the echo of what was passed has arrived. */
  line(): LineAtEnter {
    if (this.view.alternate) return { unknown: 'a full-screen program reads the keys' };
    if (this.broken !== null) return { unknown: this.broken };
    const { text } = this.typed;
    const row = this.rowText();
    if (row === null) return { unknown: 'it is longer than what is followed' };
    const shown = this.shownLine();
    if (!this.typed.foreign) {
      const wanted = text.trimEnd();
      if (shown !== null && shown.text.trimEnd() === wanted) return { text };
      // Keys typed ahead are echoed before the prompt is; then the row must be that prompt and the line.
      if (this.prompt !== null && wanted !== '' && row.trimEnd() === `${this.prompt}${wanted}`)
        return { text };
      if (wanted !== '' && this.unechoed.length > 0) return { unknown: 'what was typed is not shown' };
      return { unknown: 'the screen shows another line than was typed' };
    }
    if (this.typed.untold) return { unknown: 'it was searched for, or kept when it was given up' };
    if (!this.trustScreen) return { unknown: 'it was recalled or completed by the target' };
    if (shown === null) return { unknown: 'the screen does not show where it starts' };
    // Behind the cursor a shell may suggest what is not part of the line.
    if (!shown.cursorAtEnd) return { unknown: 'text stands behind the cursor' };
    if (!/^[ -~]*$/.test(shown.text)) return { unknown: 'it holds characters that are shown as others' };
    return { text: shown.text };
  }

  /** The held key was passed to the target, or (false) the line was refused; a new line begins. */
  entered(passed: boolean): void {
    if (passed && this.start && this.broken === null && !this.view.alternate) {
      const row = this.textBefore();
      if (row !== null) this.prompt = row;
    }
    this.forget();
  }

  private forget(): void {
    this.typed.reset();
    this.start = null;
    this.broken = null;
    this.unechoed = [];
  }

  private begin(): void {
    if (this.start) return;
    const { row, column, full } = this.view.cursor;
    this.start = { row, column: full ? column + 1 : column };
  }

  private press(key: Uint8Array): ReturnType<TypedLine['control']> {
    const first = key[0] as number;
    if (first === 0x1b) return this.typed.escape(String.fromCharCode(...key.subarray(1)));
    if (first < 0x20 || first === 0x7f) {
      if (first === 0x7f || first === 0x08) this.unechoed.pop();
      return this.typed.control(first);
    }
    const letter = decoder.decode(key);
    if (letter.includes('\ufffd')) return this.typed.lost();
    this.typed.insert(letter);
    if (this.unechoed.length < LONGEST_LINE) this.unechoed.push(...key);
    if (this.typed.text.length > LONGEST_LINE) this.broken = 'it is longer than what is followed';
    return 'edited';
  }

  private show(token: TerminalToken): void {
    this.consumeEcho(token);
    const { row } = this.view.cursor;
    const { height } = this.view;
    const before = this.view.scrolled.length;
    this.view.apply(token, null);
    const scrolled = this.view.scrolled.length - before;
    if (this.view.scrolled.length > height) this.view.scrolled = [];
    if (!this.start) return;
    // The line moves up with the screen when its end reaches the last row.
    if (scrolled > 0) this.start = { ...this.start, row: this.start.row - scrolled };
    if (this.start.row < 0) this.broken = 'it has left the screen';
    const left = token.kind === 'control' && token.code === 0x0a && row === this.view.cursor.row - 1;
    if (left && this.typed.foreign) this.broken = 'the target wrote over it';
    if (token.kind === 'sequence' && this.typed.foreign && !REDRAWS.has(token.final) && token.final !== 'A')
      this.broken = 'the target moved over it';
  }

  /** Characters shown in the order they were typed are their echo. */
  private consumeEcho(token: TerminalToken): void {
    if (token.kind !== 'text' || this.unechoed.length === 0) return;
    const bytes = new TextEncoder().encode(token.text);
    if (bytes.every((byte, index) => this.unechoed[index] === byte)) this.unechoed.splice(0, bytes.length);
  }

  /** The text from where the line starts to where it ends. */
  private shownLine(): { text: string; cursorAtEnd: boolean } | null {
    const { start, view } = this;
    if (!start) return { text: '', cursorAtEnd: true };
    const { cursor } = view;
    if (cursor.row < start.row) return null;
    let text = '';
    let cursorAt = -1;
    for (let index = start.row; ; index += 1) {
      const row = view.rows[index] ?? { cells: [], wraps: false };
      const from = index === start.row ? start.column : 0;
      if (index === cursor.row)
        cursorAt = text.length + Math.max(0, (cursor.full ? cursor.column + 1 : cursor.column) - from);
      const piece = rowText(row, view.columns).slice(from);
      text += piece;
      const goesOn = row.wraps || (piece.length + from >= view.columns && index < cursor.row);
      if (goesOn && index < view.rows.length - 1) continue;
      if (cursor.row > index) return null;
      const rest = text.slice(cursorAt).trim();
      // Blanks up to the cursor were typed.
      return { text: text.trimEnd().padEnd(Math.min(cursorAt, LONGEST_LINE)), cursorAtEnd: rest === '' };
    }
  }

  private rowText(): string | null {
    const { view } = this;
    let first = view.cursor.row;
    while (first > 0 && view.rows[first - 1]?.wraps) first -= 1;
    let text = '';
    for (let index = first; index <= view.cursor.row; index += 1) {
      const row = view.rows[index];
      if (row) text += rowText(row, view.columns);
    }
    return text.length > LONGEST_LINE ? null : text;
  }

  private textBefore(): string | null {
    const { start, view } = this;
    if (!start || start.row < 0) return null;
    const row = view.rows[start.row];
    return row ? rowText(row, view.columns).slice(0, start.column).padEnd(start.column) : '';
  }
}

function rowText(row: Row<null>, columns: number): string {
  let text = '';
  for (let i = 0; i < row.cells.length; i += 1) text += row.cells[i] ? row.cells[i]?.text : ' ';
  return row.wraps ? text.padEnd(columns) : text;
}

/** Bytes of the key at `at`; 0 when more are needed to tell. */
function keyLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  if (first >= 0xc2) {
    const want = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    return at + want <= bytes.length ? want : 0;
  }
  if (first !== 0x1b) return 1;
  const second = bytes[at + 1];
  if (second === undefined) return 0;
  if (second === 0x1b) return 1;
  if (second === 0x4f) return at + 2 < bytes.length ? 3 : 0;
  if (second !== 0x5b) return 2;
  for (let i = at + 2; i < bytes.length; i += 1) {
    const byte = bytes[i] as number;
    if (byte >= 0x40 && byte <= 0x7e) return i + 1 - at;
    if (byte < 0x20 || i - at > 32) return 2;
  }
  return 0;
}

function join(one: Uint8Array, other: Uint8Array): Uint8Array {
  if (one.length === 0) return other;
  if (other.length === 0) return one;
  const all = new Uint8Array(one.length + other.length);
  all.set(one);
  all.set(other, one.length);
  return all;
}
