import { DIGIT, SPACE, UPPER } from '../scan/bytes.ts';
import { Collector, type Context, shiftContext, tailStart } from '../scan/engine.ts';
import type { ScanCore } from '../scan/scanner.ts';
import { LOOK_BACK, View } from '../scan/view.ts';

/** Where a text stands that fell silent: everything before `from` is shown, nothing follows `to` yet. */
export interface QuietText {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
  /** Where scanning goes on, and with what in mind. */
  readonly resume: number;
  readonly context: Context;
}

/** What might come next: the value of a key, the end of a quoted text, more of a number, a new line. */
const PROBES = ['', 'xK9mQ2vT7pL4wZ8\n', 'x"\n', "x'\n", '7\n', '\nxK9mQ2vT7pL4wZ8\n'].map((text) =>
  new TextEncoder().encode(text),
);

/**
 * How far a text that fell silent may be shown although more can follow. Three rules, all needed:
 *
 * 1. Not the last word: what has no end yet may be the beginning of a value. White space ends a word (but not groups
 *    of digits or capitals, which cards, phones and IBANs have), and so does the sign a prompt ends with
 *    (`Password:`, `mysql>`).
 * 2. Where a detector waits for more, nothing behind the colon or equals sign it waits at, nor behind an open quote.
 * 3. Nothing from where a value would start if the text went on in one of the usual ways: so a key is shown before
 *    its value comes, and a quoted value with blanks in it is not.
 */
export function quietLimit(core: ScanCore, text: QuietText): number {
  let limit = Math.min(wordStart(text), openValue(core, text));
  for (const probe of PROBES) {
    if (limit <= text.from) return text.from;
    limit = Math.min(limit, firstValue(core, text, probe));
  }
  while (limit > text.from && limit < text.to && ((text.bytes[limit] as number) & 0xc0) === 0x80) limit -= 1;
  return limit;
}

/** Where the value starts that a detector has seen the key of, when it still waits; else the end. */
function openValue(core: ScanCore, { bytes, from, to, resume, context }: QuietText): number {
  const view = new View();
  view.set(bytes, 0, to, false);
  const { hold } = core.scan(view, resume, new Collector(), cloned(context));
  if (hold >= tail(bytes, to)) return to;
  let quote = -1;
  for (let i = Math.max(hold, 0); i < to; i += 1) {
    const byte = bytes[i] as number;
    if (byte === 0x22) quote = quote < 0 ? i : -1;
    if (byte !== 0x3a && byte !== 0x3d) continue;
    let start = i + 1;
    while (start < to && (SPACE[bytes[start] as number] === 1 || QUOTES.has(bytes[start] as number)))
      start += 1;
    return Math.max(from, start);
  }
  return quote < 0 ? to : Math.max(from, quote);
}

const QUOTES = new Set([0x22, 0x27, 0x60]);

/** A context that may be used up in a trial. */
export function cloned({ flow, rows, covered }: Context): Context {
  return {
    flow: flow && { ...flow },
    rows: rows && { ...rows },
    covered: covered.map((one) => one && { ...one }),
  };
}

function firstValue(
  core: ScanCore,
  { bytes, from, to, resume, context }: QuietText,
  probe: Uint8Array,
): number {
  const base = Math.max(0, Math.min(resume, from) - LOOK_BACK);
  const whole = new Uint8Array(to - base + probe.length);
  whole.set(bytes.subarray(base, to));
  whole.set(probe, to - base);
  const view = new View();
  view.set(whole, 0, whole.length, true);
  const mind = cloned(context);
  shiftContext(mind, base);
  const found = new Collector();
  core.scan(view, Math.max(0, resume - base), found, mind);
  for (const span of core.settle(found)) {
    if (span.end + base <= from || span.start + base >= to) continue;
    return Math.max(from, span.start + base);
  }
  return to;
}

/**
 * How a prompt without a blank at its end ends: a sign behind at most one word of letters, or a colon behind a word
 * that asks for something. A colon behind any other word is part of many tokens.
 */
const PROMPT =
  /^(?:[[(<]*[A-Za-z@.~/_\\-]*[>?\])]+|(?:password|passphrase|pin|otp|token|code|login|username|user|name|answer):)$/i;

function wordStart({ bytes, from, to }: QuietText): number {
  if (to === from) return to;
  let start = to;
  while (start > from && SPACE[bytes[start - 1] as number] !== 1) start -= 1;
  if (start === to) return joins(bytes, to) ? Math.max(from, tail(bytes, to)) : to;
  const word = String.fromCharCode(...bytes.subarray(start, Math.min(to, start + 64)));
  // A word that began before what is shown is not known to be one.
  if (to - start <= 64 && PROMPT.test(word)) return to;
  return joins(bytes, start) ? Math.max(from, tail(bytes, start)) : start;
}

/** Whether the white space before `end` may stand inside a value: between groups of digits or capitals. */
function joins(bytes: Uint8Array, end: number): boolean {
  if (bytes[end - 1] !== 0x20) return false;
  const last = bytes[end - 2] ?? 0;
  if (DIGIT[last] === 1 || UPPER[last] === 1) return true;
  if (last !== 0x29) return false;
  for (let i = end - 2; i >= 0 && i > end - 12; i -= 1) if (DIGIT[bytes[i] as number] === 1) return true;
  return false;
}

function tail(bytes: Uint8Array, end: number): number {
  const view = new View();
  view.set(bytes, 0, end, false);
  return tailStart(view, end);
}

/** Whether the text is the beginning of what its reader typed and has not seen echoed: it shows nothing new. */
export function isEcho(text: Uint8Array, typed: Uint8Array | undefined): boolean {
  return (
    typed !== undefined &&
    text.length > 0 &&
    text.length <= typed.length &&
    text.every((byte, index) => byte === typed[index])
  );
}
