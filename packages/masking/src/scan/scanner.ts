import { keyWords } from '../detectors/keyed/key.ts';
import { DETECTORS, resolveDetectors } from './catalogue.ts';
import { type CustomPattern, compileCustom } from './custom.ts';
import { Collector, type Context, Engine, newContext, type Progress } from './engine.ts';
import { KeyedRules } from './keyed.ts';
import { type KnownTexts, knownTextDetector } from './literals.ts';
import { type Finding, type Span, settle } from './settle.ts';
import { View } from './view.ts';

export interface Scanner {
  /**
   * False only when no detector can match anything wholly inside bytes[start, end), whatever surrounds it. One pass,
   * no allocation; needs neither word boundaries nor valid text, so raw protocol buffers will do.
   */
  mayContain(bytes: Uint8Array, start: number, end: number): boolean;
  /**
   * Adds to `into` the offsets where something a detector looks for may stand, ascending: what is found wholly inside a
   * part of bytes[start, end) has one of them in that part. False = they cannot be told, and nothing was added.
   */
  candidates(bytes: Uint8Array, start: number, end: number, into: number[]): boolean;
  /**
   * Findings in one complete value given as UTF-8, byte offsets, sorted, non-overlapping. `key` is the column, JSON
   * key or header name the value sits under: under a telling key the whole value may be the finding.
   */
  findInBytes(bytes: Uint8Array, start: number, end: number, key?: string): readonly Finding[];
  /** The same on a string, offsets in UTF-16 code units. */
  find(text: string, key?: string): readonly Finding[];
  /** Whether the key alone makes its values suspect, so that they must be looked at even if mayContain is false. */
  isSensitiveKey(key: string): boolean;
}

export interface ScannerOptions {
  /** Detector ids, groups or packs, as `resolveDetectors` takes them. */
  readonly detectors: readonly string[];
  readonly patterns?: readonly CustomPattern[];
  /** Texts known to be secret. They name every finding they are part of, whatever else it looks like. */
  readonly known?: KnownTexts;
}

/** The parts of a scanner a stream needs. */
export interface ScanCore {
  readonly ids: readonly string[];
  scan(view: View, from: number, found: Collector, context: Context): Progress;
  settle(found: Collector, min?: number): Span[];
}

const cores = new WeakMap<Scanner, ScanCore>();

/** The core of a scanner made by `createScanner`. Throws on any other object. */
export function coreOf(scanner: Scanner): ScanCore {
  const core = cores.get(scanner);
  if (!core) throw new TypeError('not a scanner made by createScanner');
  return core;
}

/**
 * Compiles a scanner: build it once per policy and keep it. Throws UnknownDetectorError,
 * UnsafePatternError, and a RangeError for a known text that cannot be looked for.
 */
export function createScanner(options: ScannerOptions): Scanner {
  const wanted = new Set(resolveDetectors(options.detectors));
  const catalogued = DETECTORS.filter((d) => wanted.has(d.id));
  const detectors = options.known ? [...catalogued, knownTextDetector(options.known)] : catalogued;
  const patterns = compileCustom(options.patterns ?? []);
  const ids = [...detectors.map((d) => d.id), ...patterns.map((p) => `custom.${p.name}`)];
  const ranks = [...detectors.map((d) => d.rank), ...patterns.map(() => CUSTOM_RANK)];
  const keyed = new KeyedRules(detectors);
  const engine = new Engine(detectors, keyed.anchors, patterns);
  const sensitiveKeys = new Map<string, readonly string[] | null>();

  const wordsOfKey = (key: string): readonly string[] | null => {
    const known = sensitiveKeys.get(key);
    if (known !== undefined) return known;
    const words = keyWords(key);
    const result = keyed.rulesFor(words).length > 0 ? words : null;
    if (sensitiveKeys.size > 4096) sensitiveKeys.clear();
    sensitiveKeys.set(key, result);
    return result;
  };
  const core: ScanCore = {
    ids,
    scan: (view, from, found, context) => engine.scan(view, from, found, context),
    settle: (found, min) => settle(found, ranks, min),
  };
  const view = new View();
  const findSpans = (bytes: Uint8Array, start: number, end: number, key?: string): Span[] => {
    view.set(bytes, start, end, true);
    const found = new Collector();
    const words = key === undefined ? null : wordsOfKey(key);
    if (words) judgeWhole(keyed, view, words, key as string, found);
    engine.scan(view, start, found, newContext());
    return found.length === 0 ? NOTHING : settle(found, ranks);
  };
  const name = (span: Span): Finding => ({
    start: span.start,
    end: span.end,
    detector: ids[span.detector] as string,
  });
  const scanner: Scanner = {
    mayContain(bytes, start, end) {
      view.set(bytes, start, end, true);
      return engine.mayContain(view);
    },
    candidates(bytes, start, end, into) {
      view.set(bytes, start, end, true);
      return engine.candidates(view, into);
    },
    findInBytes: (bytes, start, end, key) => findSpans(bytes, start, end, key).map(name),
    find(text, key) {
      const bytes = encode(text);
      const length = encodedLength;
      const spans = findSpans(bytes, 0, length, key);
      if (length !== text.length) toCodeUnits(text, spans);
      return spans.map(name);
    },
    isSensitiveKey: (key) => wordsOfKey(key) !== null,
  };
  cores.set(scanner, core);
  return scanner;
}

const CUSTOM_RANK = 95;
const NOTHING: Span[] = [];

/** The whole value stands under the key: judged as a cell, without blanks and quotes around it. */
function judgeWhole(
  rules: KeyedRules,
  view: View,
  words: readonly string[],
  key: string,
  found: Collector,
): void {
  let { start, end } = view;
  const blank = (byte: number) => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
  while (start < end && blank(view.bytes[start] as number)) start += 1;
  while (end > start && blank(view.bytes[end - 1] as number)) end -= 1;
  const quote = view.bytes[start];
  if ((quote === 0x22 || quote === 0x27) && end - start > 1 && view.bytes[end - 1] === quote) {
    start += 1;
    end -= 1;
  }
  if (end - start > 4096 || end === start) return;
  const upper = key === key.toUpperCase();
  rules.judge(view, { start, end, form: 'cell' }, words, upper, found);
}

const encoder = new TextEncoder();
let scratch = new Uint8Array(65_536);
let encodedLength = 0;

/** UTF-8 of the text in a buffer that is reused; its length is left in `encodedLength`. */
function encode(text: string): Uint8Array {
  if (scratch.length < text.length * 3) scratch = new Uint8Array(Math.min(text.length * 3, 2 ** 31));
  encodedLength = encoder.encodeInto(text, scratch).written;
  return scratch;
}

/** Turns byte offsets into code-unit offsets in one walk over the text. */
function toCodeUnits(text: string, spans: Span[]): void {
  let bytes = 0;
  let units = 0;
  const advance = (to: number): number => {
    while (bytes < to && units < text.length) {
      const point = text.codePointAt(units) as number;
      bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      units += point >= 0x10000 ? 2 : 1;
    }
    return units;
  };
  for (const span of spans) {
    span.start = advance(span.start);
    span.end = advance(span.end);
  }
}
