import { readToken, TerminalScreen, type TerminalToken } from '@scrim/model';
import { Collector, newContext } from '../scan/engine.ts';
import { coreOf } from '../scan/scanner.ts';
import { View } from '../scan/view.ts';
import { ColouredLines } from './coloured-lines.ts';
import { type ByteMasker, createLineSource, type LineSource, type TextMaskerOptions } from './masker.ts';
import { joinPieces } from './pieces.ts';
import { isEcho, quietLimit } from './quiet.ts';
import { type Piece, ScreenText } from './screen-text.ts';

export interface TerminalMaskerOptions extends Omit<TextMaskerOptions, 'view'> {
  /** The terminal's size; 80 × 24 where it is not known. */
  readonly columns?: number;
  readonly rows?: number;
}

/** Masks what a terminal is sent; {@link createTerminalMasker}. */
export interface TerminalMasker extends ByteMasker {
  /** The terminal has another size now (a window change). */
  resize(columns: number, rows: number): void;
}

/**
 * Masks output of a terminal by what the screen shows, not by the order of the bytes: a value broken by colours, moves
 * of the cursor, redraws, insertions or the wrap at the margin is one value. Lines of plain text go the fast way of the
 * text masker. A mask on a line that is edited is as wide as what it hides, so that every column stays where the
 * program thinks it is. Titles and links are read too; the clipboard, and control strings nobody can read, are dropped.
 */
export function createTerminalMasker(options: TerminalMaskerOptions): TerminalMasker {
  return new ScreenMasker(options);
}

/** What was sent and not shown yet: one token with its bytes. */
interface Sent extends Piece {
  raw: Uint8Array;
  readonly token: TerminalToken;
}

const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();
/** Longest line remembered in plain text, for when it turns out to be edited. */
const LONGEST_LINE = 4096;
const DEFAULT_HOLD = 32_768;
const ESC = 0x1b;
/** Sequences that erase, insert, delete or scroll. */
const ERASES = new Set('JKPX@LMSTbhlr'.split(''));

class ScreenMasker implements TerminalMasker {
  private readonly options: TerminalMaskerOptions;
  private readonly core;
  private readonly plain: LineSource;
  private readonly maxHold: number;
  private columns: number;
  private rows: number;
  /** The line under way in plain text. */
  private line: Uint8Array = NOTHING;
  private readonly coloured = new ColouredLines();
  private screen: TerminalScreen<Sent | null> | null = null;
  /** What stood before the screen. */
  private before: Uint8Array = NOTHING;
  private pending: Sent[] = [];
  private pendingBytes = 0;
  private carry: Uint8Array = NOTHING;
  /** Whether something was written since the screen was judged. */
  private written = false;

  constructor(options: TerminalMaskerOptions) {
    this.options = options;
    this.core = coreOf(options.scanner);
    this.plain = createLineSource(options);
    this.maxHold = options.maxHold ?? DEFAULT_HOLD;
    this.columns = options.columns || 80;
    this.rows = options.rows || 24;
  }

  get held(): number {
    return this.plain.held + this.pendingBytes + this.carry.length;
  }

  resize(columns: number, rows: number): void {
    this.columns = columns || 80;
    this.rows = rows || 24;
    this.screen?.resize(this.columns, this.rows);
  }

  push(chunk: Uint8Array): Uint8Array {
    const out: Uint8Array[] = [];
    const bytes = this.carry.length > 0 ? joinPieces([this.carry, chunk]) : chunk;
    this.carry = NOTHING;
    this.take(bytes, false, out);
    return joinPieces(out);
  }

  flush(): Uint8Array {
    const out: Uint8Array[] = [];
    const { carry } = this;
    this.carry = NOTHING;
    this.take(carry, true, out);
    if (this.screen) {
      this.judge();
      this.show(this.pending.length, out);
      this.leave();
    }
    out.push(this.plain.flush());
    this.line = NOTHING;
    return joinPieces(out);
  }

  release(typed?: Uint8Array): Uint8Array {
    const { screen } = this;
    if (!screen) return this.plain.release(typed);
    this.judge();
    const text = new ScreenText(screen, this.before);
    const to = text.cursor;
    let from = to;
    while (from > text.origin && this.isPending(text.at(from - 1))) from -= 1;
    const limit = quietLimit(this.core, { bytes: text.bytes, from, to, resume: 0, context: newContext() });
    const out: Uint8Array[] = [];
    const echo = isEcho(text.bytes.subarray(limit, to), typed);
    this.show(echo ? this.pending.length : this.firstHeld(text, limit, to), out);
    return joinPieces(out);
  }

  private take(bytes: Uint8Array, final: boolean, out: Uint8Array[]): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.screen) {
        const read = readToken(bytes, at, bytes.length, final);
        if (read.length === 0) {
          this.carry = bytes.slice(at);
          break;
        }
        this.write(read.token, bytes.subarray(at, at + read.length), out);
        at += read.length;
        continue;
      }
      const stop = this.plainEnd(bytes, at);
      const start = bytes[stop] === ESC ? this.lineStart(bytes, at, stop) : -1;
      if (start >= 0) {
        if (start > at) this.passPlain(bytes.subarray(at, start), out);
        at = this.passColoured(bytes, start, out);
        if (at > start) continue;
      }
      if (stop > at) this.passPlain(bytes.subarray(at, stop), out);
      at = stop;
      if (at >= bytes.length) break;
      // A carriage return at the very end may be half a line end.
      if (bytes[at] === 0x0d && at + 1 === bytes.length && !final) {
        this.carry = bytes.slice(at);
        break;
      }
      this.enter(out);
    }
    if (this.screen) this.settle(out);
  }

  /** Where plain text ends: at a control character, or at a line so long that the terminal wraps it. */
  private plainEnd(bytes: Uint8Array, from: number): number {
    let column = this.line.length;
    for (let i = from; i < bytes.length; i += 1) {
      const byte = bytes[i] as number;
      if (byte >= 0x20) {
        if (byte === 0x7f || (byte === 0xc2 && ((bytes[i + 1] ?? 0x80) & 0xe0) === 0x80)) return i;
        column += 1;
        continue;
      }
      if (byte === 0x0a) column = 0;
      else if (byte === 0x0d && bytes[i + 1] === 0x0a) {
        // A line that fills its row and ends there may be one the program broke at the margin.
        if (column > 0 && column % this.columns === 0) return i;
      } else if (byte !== 0x09 && byte !== 0x07 && byte !== 0x00) return i;
    }
    return bytes.length;
  }

  /** Where the line begins that `to` stands on, from `from` on; -1 when it began before. */
  private lineStart(bytes: Uint8Array, from: number, to: number): number {
    const feed = to > from ? bytes.lastIndexOf(0x0a, to - 1) : -1;
    if (feed >= from) return feed + 1;
    return this.line.length === 0 ? from : -1;
  }

  /**
   * Lines of text and colours alone, which no value is in, pass as they came without a screen; everything else is left
   * to the screen, which decides the same. Returns where these lines end, `at` for none.
   */
  private passColoured(bytes: Uint8Array, at: number, out: Uint8Array[]): number {
    const { coloured, plain } = this;
    if (plain.held > 0) return at;
    for (let length = coloured.read(bytes, at, this.columns); length > 0; ) {
      const clean = plain.passes(coloured.shown.subarray(0, length));
      coloured.learn(clean === length);
      if (clean === length) {
        out.push(bytes.slice(at, coloured.end));
        return coloured.end;
      }
      length = coloured.cut(clean);
    }
    return at;
  }

  private passPlain(bytes: Uint8Array, out: Uint8Array[]): void {
    const feed = bytes.lastIndexOf(0x0a);
    this.line = feed < 0 ? joinPieces([this.line, bytes]) : bytes.slice(feed + 1);
    if (this.line.length > LONGEST_LINE) this.line = this.line.slice(-LONGEST_LINE);
    out.push(this.plain.push(bytes));
  }

  /** The line under way is edited: from here on it is a screen. */
  private enter(out: Uint8Array[]): void {
    const held = this.plain.takeBack();
    const recent = this.plain.recent();
    const shown =
      held.length < this.line.length ? this.line.subarray(0, this.line.length - held.length) : NOTHING;
    this.before = recent.subarray(0, Math.max(0, recent.length - shown.length));
    this.screen = new TerminalScreen(this.columns, this.rows);
    this.feed(shown, true, out);
    this.feed(held, false, out);
    this.line = NOTHING;
  }

  private feed(bytes: Uint8Array, shown: boolean, out: Uint8Array[]): void {
    for (let at = 0; at < bytes.length; ) {
      const { token, length } = readToken(bytes, at, bytes.length, true);
      if (shown) this.screen?.apply(token, null);
      else this.write(token, bytes.subarray(at, at + length), out);
      at += Math.max(1, length);
    }
  }

  private write(token: TerminalToken, raw: Uint8Array, out: Uint8Array[]): void {
    const { screen } = this;
    if (!screen) return;
    const kept = token.kind === 'string' ? this.controlString(token.intro, token.text, raw) : raw;
    const broken = token.kind === 'escape' && token.final === '' ? NOTHING : kept;
    const sent: Sent = { raw: broken.slice(), token, mask: null, shown: false, judged: false };
    // What is about to be written over or erased before it was shown is judged as it stands on the screen now.
    if (this.written && this.destroys(token)) this.judge();
    if (token.kind === 'text' || (token.kind === 'sequence' && token.final === 'b')) this.written = true;
    screen.apply(token, sent);
    this.pending.push(sent);
    this.pendingBytes += sent.raw.length;
    if (token.kind === 'control' && token.code === 0x0a) this.settle(out);
    else if (this.pendingBytes > this.maxHold) {
      this.judge();
      this.show(this.pending.length, out);
    }
  }

  /** Whether a token takes something off the screen that is not shown yet. */
  private destroys(token: TerminalToken): boolean {
    const { screen } = this;
    if (!screen || this.pending.length === 0) return false;
    if (token.kind === 'sequence') {
      if (token.prefix === '?') return token.params.some((one) => one === 47 || one >= 1047);
      if (token.final !== 'K' || (token.params[0] ?? 0) > 0) return ERASES.has(token.final);
      return this.unjudgedFrom(screen.cursor.row, screen.cursor.column);
    }
    if (token.kind === 'escape') return token.final === 'c' || token.final === 'M';
    if (token.kind !== 'text') return false;
    const { row, column, full } = screen.cursor;
    // Writing over what is judged loses nothing, unless something that is not was written behind it.
    const [at, from] = full ? [row + 1, 0] : [row, column];
    return screen.rows[at]?.cells[from] !== undefined && this.unjudgedFrom(at, from);
  }

  private unjudgedFrom(row: number, column: number): boolean {
    const cells = this.screen?.rows[row]?.cells;
    if (!cells) return false;
    for (let i = column; i < cells.length; i += 1) {
      const mark = cells[i]?.mark;
      if (mark && !mark.shown && !mark.judged && mark.mask === null) return true;
    }
    return false;
  }

  /** Links and titles with a value in them lose it; the clipboard and what nobody can read are dropped. */
  private controlString(intro: string, text: string, raw: Uint8Array): Uint8Array {
    if (intro !== ']' && intro !== 'k') return NOTHING;
    if (/^(?:52|1337|5522|99|777);/.test(text)) return NOTHING;
    const plain = text.replace(/%[0-9a-fA-F]{2}/g, (hex) =>
      String.fromCharCode(Number.parseInt(hex.slice(1), 16)),
    );
    const found = [...this.options.scanner.find(text), ...this.options.scanner.find(plain)];
    const hit = found.find(
      (one) => this.options.replace(one.detector, text.slice(one.start, one.end)) !== null,
    );
    return hit ? NOTHING : raw;
  }

  /** Judges the screen as it stands: marks what is written by values. */
  private judge(): void {
    const { screen } = this;
    if (!screen) return;
    this.written = false;
    const text = new ScreenText(screen, this.before);
    const view = new View();
    view.set(text.bytes, 0, text.bytes.length, true);
    const found = new Collector();
    this.core.scan(view, 0, found, newContext());
    for (const span of this.core.settle(found))
      text.mask(span.start, span.end, (value) =>
        this.options.replace(this.core.ids[span.detector] as string, value),
      );
    text.judged();
  }

  /** Shows what is decided, and goes back to plain text at the end of a line nothing is held of. */
  private settle(out: Uint8Array[]): void {
    const { screen } = this;
    if (!screen || this.pending.length === 0) {
      this.tryLeave();
      return;
    }
    this.judge();
    const text = new ScreenText(screen, this.before);
    const view = new View();
    view.set(text.bytes, 0, text.cursor, false);
    const { hold } = this.core.scan(view, 0, new Collector(), newContext());
    this.show(this.firstHeld(text, hold, text.cursor), out);
    this.before = text.scrollOff();
    this.tryLeave();
  }

  /** Back to plain text where a line begins and nothing is held, above or below. */
  private tryLeave(): void {
    const { screen } = this;
    if (!screen) return;
    const { row, column } = screen.cursor;
    if (this.pending.length > 0 || screen.alternate || column !== 0) return;
    if (screen.rows.length > row && screen.rows.slice(row).some((one) => one.cells.some((cell) => cell)))
      return;
    this.leave();
  }

  private leave(): void {
    if (!this.screen) return;
    const text = new ScreenText(this.screen, NOTHING);
    this.plain.remember(text.bytes);
    this.line = NOTHING;
    this.screen = null;
    this.before = NOTHING;
    this.written = false;
  }

  /** The first thing sent that stands at an undecided place of the screen. */
  private firstHeld(text: ScreenText, from: number, to: number): number {
    const held = new Set<Sent>();
    for (let i = Math.max(from, text.origin); i < to; i += 1) {
      const sent = text.at(i) as Sent | null;
      if (sent && !sent.shown) held.add(sent);
    }
    const first = this.pending.findIndex((one) => held.has(one));
    return first < 0 ? this.pending.length : first;
  }

  private isPending(piece: Piece | null): boolean {
    return piece !== null && this.pending.includes(piece as Sent);
  }

  private show(count: number, out: Uint8Array[]): void {
    for (const sent of this.pending.splice(0, count)) {
      this.pendingBytes -= sent.raw.length;
      out.push(sent.mask === null ? sent.raw : encoder.encode(sent.mask));
      sent.shown = true;
    }
  }
}
