import { type AnchorTable, buildAnchors, type Literal } from './anchors.ts';
import { DIGIT, LETTER, SPACE, UPPER } from './bytes.ts';
import { type CompiledPattern, runAnchored, runLines } from './custom.ts';
import type { Detector, Flow, Found, Shape, Verifier } from './detector.ts';
import { flowEnd } from './flow.ts';
import { createPrefilter, type Prefilter } from './prefilter-choice.ts';
import { LOOK_AHEAD, type View } from './view.ts';

/** Something to run where a literal stands, with the detector its findings belong to (or none: it names its own). */
export interface Rule {
  readonly detector: number;
  readonly verify: ContextVerifier;
  /** For a literal that must be the whole word, or at least start or end one; `exact` when its case matters. */
  readonly edge?: 'whole' | 'left' | 'right' | 'exact';
}

export type ContextVerifier = (view: View, at: number, found: Collector, context: Context) => void;

/** A table whose header named sensitive columns: its rows are looked at cell by cell. */
export interface Rows {
  /** Where the next row starts. */
  next: number;
  /** Adds the row's sensitive cells and returns where the following row starts, or -1 when the table is over. */
  readonly row: (view: View, at: number, found: Collector) => number;
}

/** What earlier text means for later text. Carried along a stream, fresh for each whole text. */
export interface Context {
  flow: { kind: Flow; at: number; detector: number } | null;
  rows: Rows | null;
  /** Where each custom pattern has looked last, by pattern. */
  covered: ({ start: number; end: number } | undefined)[];
}

export const newContext = (): Context => ({ flow: null, rows: null, covered: [] });

/** Moves every offset in the context, when a stream drops bytes from the front of its window. */
export function shiftContext(context: Context, by: number): void {
  if (context.flow) context.flow.at -= by;
  if (context.rows) context.rows.next -= by;
  for (const covered of context.covered) {
    if (!covered) continue;
    covered.start -= by;
    covered.end -= by;
  }
}

/** Spans as found, before overlaps are settled. */
export class Collector implements Found {
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  readonly detectors: number[] = [];
  /** The candidate each span came from: a span is final only when the scan has moved past its candidate. */
  readonly origins: number[] = [];
  /** The detector that is being asked. */
  current = -1;
  origin = 0;
  flowing: Flow | null = null;

  add(start: number, end: number): void {
    this.push(start, end, this.current);
  }

  push(start: number, end: number, detector: number): void {
    if (end <= start || detector < 0) return;
    this.starts.push(start);
    this.ends.push(end);
    this.detectors.push(detector);
    this.origins.push(this.origin);
  }

  flow(kind: Flow): void {
    this.flowing = kind;
  }

  get length(): number {
    return this.starts.length;
  }

  truncate(length: number): void {
    if (length === this.starts.length) return;
    this.starts.length = length;
    this.ends.length = length;
    this.detectors.length = length;
    this.origins.length = length;
  }

  /**
   * Drops what came from candidates at or after `resume`: they will be asked again. Returns the first byte of what
   * was dropped, which may stand before its candidate and must be held back all the same.
   */
  dropFrom(resume: number): number {
    let length = this.starts.length;
    let first = Number.POSITIVE_INFINITY;
    while (length > 0 && (this.origins[length - 1] as number) >= resume) {
      length -= 1;
      first = Math.min(first, this.starts[length] as number);
    }
    this.truncate(length);
    return first;
  }
}

/** Where a scan of an open window had to stop. */
export interface Progress {
  /** Candidates from here on are to be looked at again. */
  resume: number;
  /** No undecided value starts before this. */
  hold: number;
}

/** Everything that may follow the last decided byte without a break, at most. */
const TAIL = 96;

/** The prefilter, the verifiers behind it, and the order in which they are asked. */
export class Engine {
  readonly anchors: AnchorTable;
  readonly prefilter: Prefilter;
  private readonly rules: readonly Rule[];
  private readonly shapes: Readonly<Record<Shape, readonly { detector: number; verify: Verifier }[]>>;

  /** Custom patterns that no literal announces: they read every line. */
  private readonly lines: {
    readonly pattern: CompiledPattern;
    readonly index: number;
    readonly detector: number;
  }[] = [];

  /** `patterns` report as detectors numbered from `detectors.length` on. */
  constructor(
    detectors: readonly Detector[],
    extra: readonly { anchors: readonly string[]; rule: Rule }[],
    patterns: readonly CompiledPattern[],
  ) {
    const wanted = new Map<string, number[]>();
    const rules: Rule[] = [];
    const want = (anchors: readonly string[], rule: Rule) => {
      const index = rules.push(rule) - 1;
      for (const anchor of new Set(anchors.map((a) => a.toLowerCase())))
        wanted.set(anchor, [...(wanted.get(anchor) ?? []), index]);
      for (const anchor of anchors)
        spellings.set(anchor.toLowerCase(), [...(spellings.get(anchor.toLowerCase()) ?? []), anchor]);
    };
    const spellings = new Map<string, string[]>();
    const shapes: Record<Shape, { detector: number; verify: Verifier }[]> = {
      digits: [],
      at: [],
      plus: [],
      capitals: [],
      octets: [],
    };
    detectors.forEach((detector, index) => {
      for (const { anchors, verify, exact } of detector.literals ?? [])
        want(anchors, { detector: index, verify, ...(exact ? { edge: 'exact' } : {}) });
      for (const { at, verify } of detector.shapes ?? []) shapes[at].push({ detector: index, verify });
    });
    for (const { anchors, rule } of extra) want(anchors, rule);
    patterns.forEach((pattern, index) => {
      const detector = detectors.length + index;
      if (pattern.anchors.length === 0) this.lines.push({ pattern, index, detector });
      else
        want(pattern.anchors, {
          detector,
          verify: (view, at, found, context) => runAnchored(pattern, index, view, at, found, context),
        });
    });
    this.rules = rules;
    this.shapes = shapes;
    this.anchors = buildAnchors(wanted, spellings);
    this.prefilter = createPrefilter({ ...this.anchors, octets: shapes.octets.length > 0 });
  }

  /** Looks at every candidate from `from` on, in order, and stops at the first that the open end leaves undecided. */
  scan(view: View, from: number, found: Collector, context: Context): Progress {
    const progress = this.scanCandidates(view, from, found, context);
    progress.hold = Math.min(progress.hold, found.dropFrom(progress.resume));
    found.origin = -1;
    for (const { pattern, index, detector } of this.lines) {
      found.current = detector;
      progress.hold = Math.min(progress.hold, runLines(pattern, index, view, from, found, context));
    }
    return progress;
  }

  private scanCandidates(view: View, from: number, found: Collector, context: Context): Progress {
    let position = this.followFlow(view, from, found, context);
    if (position < 0) return stopInFlow(context);
    const { prefilter } = this;
    while (position < view.end) {
      const from = this.blockStart(view, position);
      const to = Math.min(view.end, from + prefilter.blockSize);
      const count = prefilter.scan(view.bytes, from, to, view.end);
      let next = to;
      for (let h = 0; h < count; h += 1) {
        const hit = prefilter.hits[h] as number;
        const at = from + (hit >> 1);
        if (at < position) continue;
        if (context.rows && at >= context.rows.next) {
          const stopped = this.readRows(view, at, found, context);
          if (stopped >= 0) return { resume: stopped, hold: stopped };
        }
        const before = found.length;
        found.origin = at;
        view.starved = false;
        if ((hit & 1) === 1) this.askShapes(view, at, found);
        else this.askLiterals(view, at, found, context);
        if (view.starved) {
          found.truncate(before);
          found.flowing = null;
          return this.stopAt(view, at);
        }
        if (found.flowing) {
          context.flow = {
            kind: found.flowing,
            at: found.ends[found.length - 1] as number,
            detector: found.detectors[found.length - 1] as number,
          };
          found.flowing = null;
          next = this.followFlow(view, at, found, context);
          if (next < 0) return stopInFlow(context);
          break;
        }
      }
      position = next;
    }
    if (context.rows) {
      const stopped = this.readRows(view, view.end, found, context);
      if (stopped >= 0) return { resume: stopped, hold: stopped };
    }
    if (view.final) return { resume: view.end, hold: view.end };
    const tail = this.openTail(view);
    return { resume: tail, hold: tail };
  }

  /** Whether any literal or shape stands in bytes[start, end). */
  mayContain(view: View): boolean {
    for (const { pattern } of this.lines)
      if (pattern.witness?.(view.bytes, view.start, view.end) ?? view.end > view.start) return true;
    const { prefilter } = this;
    for (let position = view.start; position < view.end; ) {
      const from = this.blockStart(view, position);
      const to = Math.min(view.end, from + prefilter.blockSize);
      const count = prefilter.scan(view.bytes, from, to, view.end);
      for (let h = 0; h < count; h += 1) {
        const hit = prefilter.hits[h] as number;
        if ((hit & 1) === 1 || this.literalAt(view, from + (hit >> 1))) return true;
      }
      position = to;
    }
    return false;
  }

  /**
   * Adds to `into` where a literal or shape stands in the view, ascending; false = a pattern that no literal announces
   * may match anywhere, and nothing was added.
   */
  candidates(view: View, into: number[]): boolean {
    for (const { pattern } of this.lines)
      if (pattern.witness?.(view.bytes, view.start, view.end) ?? view.end > view.start) return false;
    const { prefilter } = this;
    for (let position = view.start; position < view.end; ) {
      const from = this.blockStart(view, position);
      const to = Math.min(view.end, from + prefilter.blockSize);
      const count = prefilter.scan(view.bytes, from, to, view.end);
      for (let h = 0; h < count; h += 1) {
        const hit = prefilter.hits[h] as number;
        const at = from + (hit >> 1);
        if ((hit & 1) === 1 || this.literalAt(view, at)) into.push(at);
      }
      position = to;
    }
    return true;
  }

  /** One byte before: whether `@` or a digit starts something shows in the byte in front of it. */
  private blockStart(view: View, position: number): number {
    return Math.max(view.start, position - 1);
  }

  private literalAt(view: View, at: number): boolean {
    for (const literal of this.bucketAt(view, at))
      if (view.hasFolded(literal.bytes, at - literal.offset)) return true;
    return false;
  }

  private bucketAt(view: View, at: number) {
    const { bytes } = view;
    const gram =
      (((bytes[at] as number) & 31) << 10) |
      (((bytes[at + 1] as number) & 31) << 5) |
      ((bytes[at + 2] as number) & 31);
    return this.anchors.buckets[this.anchors.bucketOf[gram] as number] ?? [];
  }

  private askLiterals(view: View, at: number, found: Collector, context: Context): void {
    const bucket = this.bucketAt(view, at);
    for (let i = 0; i < bucket.length; i += 1) {
      const literal = bucket[i] as (typeof bucket)[number];
      const start = at - literal.offset;
      if (!view.hasFolded(literal.bytes, start)) continue;
      for (let v = 0; v < literal.verifiers.length; v += 1) {
        const rule = this.rules[literal.verifiers[v] as number] as Rule;
        if (rule.edge !== undefined && !fits(view, start, literal, rule.edge)) continue;
        found.current = rule.detector;
        rule.verify(view, start, found, context);
      }
    }
  }

  private askShapes(view: View, at: number, found: Collector): void {
    const byte = view.bytes[at] as number;
    const list =
      byte === 0x40
        ? this.shapes.at
        : byte === 0x2b
          ? this.shapes.plus
          : DIGIT[byte] === 1
            ? this.shapes.digits
            : UPPER[byte] === 1
              ? this.shapes.capitals
              : null;
    if (list) for (const { detector, verify } of list) this.ask(view, at, found, detector, verify);
    for (const { detector, verify } of this.shapes.octets) this.ask(view, at, found, detector, verify);
  }

  private ask(view: View, at: number, found: Collector, detector: number, verify: Verifier): void {
    found.current = detector;
    verify(view, at, found);
  }

  /** Goes on with a value longer than the look-ahead; returns where it ends, or -1 while that is open. */
  private followFlow(view: View, from: number, found: Collector, context: Context): number {
    const flow = context.flow;
    if (!flow) return from;
    for (;;) {
      view.starved = false;
      const end = flowEnd(view, flow.kind, flow.at);
      if (view.starved) return -1;
      found.origin = flow.at;
      found.push(flow.at, end, flow.detector);
      const more = end - flow.at >= LOOK_AHEAD;
      flow.at = end;
      if (!more) {
        context.flow = null;
        return end;
      }
    }
  }

  /** Reads table rows up to the one that holds `to`; returns where an unfinished row starts, else -1. */
  private readRows(view: View, to: number, found: Collector, context: Context): number {
    while (context.rows && context.rows.next <= to) {
      const at = context.rows.next;
      if (at >= view.end) {
        if (!view.final) return at;
        context.rows = null;
        return -1;
      }
      const before = found.length;
      found.origin = at;
      view.starved = false;
      const next = context.rows.row(view, at, found);
      if (view.starved) {
        found.truncate(before);
        return at;
      }
      if (next < 0) context.rows = null;
      else context.rows.next = next;
    }
    return -1;
  }

  private stopAt(view: View, at: number): Progress {
    const tail = Math.min(at, this.openTail(view));
    return { resume: tail, hold: tailStart(view, tail) };
  }

  /** The tail, and in front of it what may be the first words of a literal. */
  private openTail(view: View): number {
    const tail = tailStart(view, view.end);
    let start = tail;
    for (const opening of this.anchors.openings) {
      const from = tail - opening.length;
      if (from >= view.start && from < start && view.hasFolded(opening, from)) start = from;
    }
    return start;
  }
}

/** Inside a value that flows, everything up to where it was followed is decided. */
function stopInFlow(context: Context): Progress {
  const at = context.flow?.at ?? 0;
  return { resume: at, hold: at };
}

/** Whether the literal at `start` stands where its rule wants it. */
function fits(view: View, start: number, literal: Literal, edge: NonNullable<Rule['edge']>): boolean {
  const end = start + literal.bytes.length;
  if (edge === 'exact') {
    // Asked for every word that begins like a token: no closure.
    for (let i = 0; i < literal.spellings.length; i += 1)
      if (view.has(literal.spellings[i] as Uint8Array, start)) return true;
    return false;
  }
  if (edge !== 'right') {
    const before = view.at(start - 1);
    const first = view.at(start);
    if (before >= 0 && LETTER[before] === 1 && !(UPPER[first] === 1 && UPPER[before] !== 1)) {
      if (before !== 0x6e || view.at(start - 2) !== 0x5c) return false;
    }
  }
  if (edge === 'left') return true;
  const after = view.at(end);
  if (after < 0 || LETTER[after] !== 1) return true;
  return (UPPER[after] === 1 && UPPER[view.at(end - 1)] !== 1) || (edge === 'right' && (after | 32) === 0x73);
}

/** The earliest place where a value may start that is still open at `end`. */
export function tailStart(view: View, end: number): number {
  const limit = Math.max(view.start, end - TAIL);
  const { bytes } = view;
  let i = end;
  while (i > limit) {
    const byte = bytes[i - 1] as number;
    if (SPACE[byte] === 1) {
      const before = i - 2 >= view.start ? (bytes[i - 2] as number) : 0;
      const joins = byte === 0x20 && (DIGIT[before] === 1 || UPPER[before] === 1 || before === 0x29);
      if (!joins) break;
    }
    i -= 1;
  }
  return i;
}
