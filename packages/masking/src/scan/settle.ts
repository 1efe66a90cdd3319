import type { Collector } from './engine.ts';

/** One sensitive value; offsets half-open, in bytes or UTF-16 code units as the call says. */
export interface Finding {
  readonly start: number;
  readonly end: number;
  readonly detector: string;
}

/** A finding in the making, with the rank that decides its name. */
export interface Span {
  start: number;
  end: number;
  detector: number;
}

/**
 * Settles overlaps: spans that overlap (or go on from each other as one flowing value) become one that covers them
 * all, named by the most specific. Covering all is the safe reading; the rank keeps the name useful.
 */
export function settle(found: Collector, ranks: readonly number[], min = 0): Span[] {
  const order = found.starts.map((_, i) => i);
  order.sort((a, b) => (found.starts[a] as number) - (found.starts[b] as number));
  const out: Span[] = [];
  let last: Span | null = null;
  for (const i of order) {
    const start = Math.max(min, found.starts[i] as number);
    const end = found.ends[i] as number;
    const detector = found.detectors[i] as number;
    if (end <= start) continue;
    if (last && (start < last.end || (start === last.end && detector === last.detector))) {
      last.end = Math.max(last.end, end);
      if ((ranks[detector] as number) > (ranks[last.detector] as number)) last.detector = detector;
    } else {
      last = { start, end, detector };
      out.push(last);
    }
  }
  return out;
}
