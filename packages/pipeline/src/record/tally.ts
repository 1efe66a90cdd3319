import type { SessionRecorder } from './recorder.ts';

/** Counts of one session: coverage for its whole life, masks until the next flush. */
export class Tally {
  #inspected = 0;
  #blind = 0;
  readonly #reasons: Record<string, number> = {};
  readonly #masks = new Map<string, Map<string, { rule: string; place: string; count: number }>>();
  #lastMask: { rule: string; place: string; count: number } | undefined;

  /** Bytes every applying rule has looked at. */
  inspected(bytes: number): void {
    this.#inspected += bytes;
  }

  /** Bytes that passed without being looked at, and why (DESIGN rule 4.2). */
  blind(bytes: number, reason: string): void {
    this.#blind += bytes;
    this.#reasons[reason] = (this.#reasons[reason] ?? 0) + bytes;
  }

  masked(rule: string, place: string): void {
    const last = this.#lastMask;
    // One masked column in every row hits the same counter each time; the map is only for changes.
    if (last && last.rule === rule && last.place === place) {
      last.count++;
      return;
    }
    // Two maps instead of one with a joined key: a row with two masked values asks twice, and must not build texts.
    let places = this.#masks.get(rule);
    if (!places) {
      places = new Map();
      this.#masks.set(rule, places);
    }
    let entry = places.get(place);
    if (!entry) {
      entry = { rule, place, count: 0 };
      places.set(place, entry);
    }
    entry.count++;
    this.#lastMask = entry;
  }

  flushMasks(recorder: SessionRecorder): void {
    if (this.#masks.size === 0) return;
    for (const places of this.#masks.values()) {
      for (const { rule, place, count } of places.values()) recorder.masked(rule, place, count);
    }
    this.#masks.clear();
    this.#lastMask = undefined;
  }

  coverage(): { inspected: number; blind: number; reasons: Readonly<Record<string, number>> } {
    return { inspected: this.#inspected, blind: this.#blind, reasons: { ...this.#reasons } };
  }
}
