import { Collector, newContext, shiftContext } from '../scan/engine.ts';
import { coreOf, type Scanner } from '../scan/scanner.ts';
import { LOOK_BACK, View } from '../scan/view.ts';
import { joinPieces } from './pieces.ts';
import { cloned, isEcho, quietLimit } from './quiet.ts';
import type { TextView } from './text-view.ts';
import { StreamWindow } from './window.ts';

export interface TextMaskerOptions {
  readonly scanner: Scanner;
  /**
   * What to put in place of a value found by the detector, or null to leave it. A value longer than the masker holds
   * (a private key of many kilobytes) is given as its first part; the rest is dropped with it.
   */
  readonly replace: (detector: string, value: string) => string | null;
  /**
   * The most bytes of text held back while undecided (default 32 KiB, at least 1 KiB). Built-in detectors and custom
   * patterns need less than the default; a lower bound decides what is held as if the text ended there.
   */
  readonly maxHold?: number;
  /** How raw bytes map to text; without it they are UTF-8 text. */
  readonly view?: TextView;
}

/** Masks bytes as they flow; what it gives out, put together, is the masked whole. */
export interface ByteMasker {
  /** Takes more and returns the part that is decided, masked. */
  push(chunk: Uint8Array): Uint8Array;
  /** Says that it is over: returns the rest, masked. The masker can then take another text. */
  flush(): Uint8Array;
  /**
   * What of the held tail may be shown although more can follow, because the text fell silent: never the beginning of
   * what may still turn out to be a value. `typed` is what the reader typed and has not seen echoed yet: a tail that
   * is nothing but its beginning is shown, because it tells its reader nothing.
   */
  release(typed?: Uint8Array): Uint8Array;
  /** How many bytes are held back now. */
  readonly held: number;
}

export interface TextMasker extends ByteMasker {
  /** Bytes for bytes, a string for a string. */
  push(chunk: Uint8Array): Uint8Array;
  push(chunk: string): string;
  /** {@link ByteMasker.flush} as a string. */
  flushText(): string;
}

const NOTHING = new Uint8Array(0);
const DEFAULT_HOLD = 32_768;
const LEAST_HOLD = 1024;

/**
 * Masks a text as it flows. Whatever the splits, the output is the same as masking the whole text at once; only the
 * tail that cannot be decided yet is held back. Masking a masked text changes nothing.
 */
export function createTextMasker(options: TextMaskerOptions): TextMasker {
  return new StreamMasker(options);
}

/** A stream whose last line a screen may take over, and give back as something already shown. */
export interface LineSource extends ByteMasker {
  /** Takes back what is held, as it came. */
  takeBack(): Uint8Array;
  /** Adds text that is shown already: what follows is judged with it in mind. */
  remember(text: Uint8Array): void;
  /** What was shown last, as it came, at most as much as detectors look back. */
  recent(): Uint8Array;
  /**
   * {@link remember}s the text when no value can be or begin in it; else it leaves everything as it was. Returns how
   * many of its bytes are known to be clean: all of them when it is remembered. Only while nothing is held.
   */
  passes(text: Uint8Array): number;
}

/** For the terminal masker; without a view. */
export function createLineSource(options: TextMaskerOptions): LineSource {
  return new StreamMasker(options);
}

const encoder = new TextEncoder();

class StreamMasker implements TextMasker, LineSource {
  private readonly options: TextMaskerOptions;
  private readonly core;
  private readonly maxHold: number;
  private readonly view = new View();
  private readonly encode: (text: string) => Uint8Array;
  private window: StreamWindow;
  private context = newContext();
  private found = new Collector();
  private resume = 0;
  private emitted = 0;
  /** Where the value masked last ended, and by which detector: a value that goes on there is not masked twice. */
  private maskedTo = -1;
  private maskedBy = -1;
  private surrogate = '';
  private decoder = new TextDecoder();

  constructor(options: TextMaskerOptions) {
    this.options = options;
    this.core = coreOf(options.scanner);
    this.maxHold = Math.max(LEAST_HOLD, options.maxHold ?? DEFAULT_HOLD);
    this.encode = options.view ? options.view.encode : (text) => encoder.encode(text);
    this.window = new StreamWindow(options.view);
  }

  get held(): number {
    return this.window.length - this.emitted;
  }

  push(chunk: Uint8Array): Uint8Array;
  push(chunk: string): string;
  push(chunk: Uint8Array | string): Uint8Array | string {
    if (typeof chunk !== 'string') return joinPieces(this.take(chunk, false));
    let text = this.surrogate + chunk;
    const last = text.charCodeAt(text.length - 1);
    this.surrogate = last >= 0xd800 && last <= 0xdbff ? (text[text.length - 1] as string) : '';
    if (this.surrogate !== '') text = text.slice(0, -1);
    return this.decoder.decode(joinPieces(this.take(encoder.encode(text), false)), { stream: true });
  }

  release(typed?: Uint8Array): Uint8Array {
    const { window, emitted } = this;
    if (emitted === window.length) return NOTHING;
    let limit = quietLimit(this.core, {
      bytes: window.bytes,
      from: emitted,
      to: window.length,
      resume: this.resume,
      context: this.context,
    });
    for (const span of this.core.settle(this.found, emitted)) limit = Math.min(limit, span.start);
    if (isEcho(window.bytes.subarray(limit, window.length), typed)) limit = window.length;
    if (limit <= emitted) return NOTHING;
    const out: Uint8Array[] = [];
    // Only what is shown moves on, not where the text is read from: what follows is judged with this in mind.
    window.copy(emitted, limit, out);
    this.emitted = limit;
    return joinPieces(out);
  }

  flush(): Uint8Array {
    const rest = encoder.encode(this.surrogate);
    const out = joinPieces(this.take(rest, true));
    this.reset();
    return out;
  }

  flushText(): string {
    return this.decoder.decode(this.flush(), { stream: false });
  }

  takeBack(): Uint8Array {
    const held = this.window.takeBack(this.emitted);
    this.resume = Math.min(this.resume, this.emitted);
    this.found = new Collector();
    this.context.flow = null;
    return held;
  }

  remember(text: Uint8Array): void {
    this.window.push(text, false);
    this.emitted = this.window.length;
    this.decide(false, []);
  }

  recent(): Uint8Array {
    return this.window.bytes.slice(Math.max(0, this.emitted - LOOK_BACK), this.emitted);
  }

  passes(text: Uint8Array): number {
    const { window, view, emitted } = this;
    const context = cloned(this.context);
    window.push(text, false);
    view.set(window.bytes, 0, window.length, false);
    const found = new Collector();
    const { resume, hold } = this.core.scan(view, this.resume, found, this.context);
    let clean = hold;
    for (const span of this.core.settle(found, emitted)) clean = Math.min(clean, span.start);
    if (clean < window.length) {
      window.takeBack(emitted);
      this.context = context;
      return Math.max(0, clean - emitted);
    }
    this.resume = resume;
    this.emitted = window.length;
    this.forget();
    return text.length;
  }

  private reset(): void {
    this.window = new StreamWindow(this.options.view);
    this.context = newContext();
    this.found = new Collector();
    this.resume = 0;
    this.emitted = 0;
    this.maskedTo = -1;
    this.maskedBy = -1;
    this.surrogate = '';
  }

  private take(chunk: Uint8Array, final: boolean): Uint8Array[] {
    const out: Uint8Array[] = [];
    this.window.push(chunk, final);
    this.decide(final, out);
    if (!final && this.held > this.maxHold) this.decide(true, out);
    return out;
  }

  private decide(final: boolean, out: Uint8Array[]): void {
    const { window, view, found } = this;
    view.set(window.bytes, 0, window.length, final);
    const progress = this.core.scan(view, this.resume, found, this.context);
    this.resume = progress.resume;
    let boundary = Math.max(this.emitted, progress.hold);
    const spans = this.core.settle(found, this.emitted);
    for (const span of spans) if (span.end > boundary && span.start < boundary) boundary = span.start;
    while (
      boundary > this.emitted &&
      boundary < window.length &&
      ((window.bytes[boundary] as number) & 0xc0) === 0x80
    )
      boundary -= 1;
    for (const span of spans) {
      if (span.end > boundary) break;
      this.mask(span.start, span.end, span.detector, out);
    }
    window.copy(this.emitted, boundary, out);
    this.emitted = boundary;
    this.forget();
  }

  private mask(start: number, end: number, detector: number, out: Uint8Array[]): void {
    const { window } = this;
    window.copy(this.emitted, start, out);
    const goesOn = start === this.maskedTo && detector === this.maskedBy;
    const value = goesOn ? '' : new TextDecoder().decode(window.bytes.subarray(start, end));
    const replacement = goesOn ? '' : this.options.replace(this.core.ids[detector] as string, value);
    if (replacement === null) window.copy(start, end, out);
    else {
      if (replacement !== '') out.push(this.encode(replacement));
      window.skip(start, end, out);
      this.maskedTo = end;
      this.maskedBy = detector;
    }
    this.emitted = end;
  }

  /** Drops what no detector can look back at any more. */
  private forget(): void {
    const old = this.found;
    const kept = new Collector();
    for (let i = 0; i < old.length; i += 1) {
      if ((old.ends[i] as number) <= this.emitted) continue;
      kept.origin = old.origins[i] as number;
      kept.push(old.starts[i] as number, old.ends[i] as number, old.detectors[i] as number);
    }
    this.found = kept;
    const drop = Math.min(this.resume, this.emitted) - LOOK_BACK;
    if (drop < LOOK_BACK || !this.window.crowded) return;
    this.window.drop(drop);
    this.resume -= drop;
    this.emitted -= drop;
    this.maskedTo -= drop;
    shiftContext(this.context, drop);
    for (let i = 0; i < kept.length; i += 1) {
      kept.starts[i] = (kept.starts[i] as number) - drop;
      kept.ends[i] = (kept.ends[i] as number) - drop;
      kept.origins[i] = (kept.origins[i] as number) - drop;
    }
  }
}
