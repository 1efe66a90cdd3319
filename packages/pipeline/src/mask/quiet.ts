import type { Piece, Quiet } from '@scrim/protocol-kit';

interface Waiting {
  readonly lane: number;
  readonly channel: number;
  quiet: Quiet;
  /** When it counts as silent, by the monotonic clock, in ms. */
  due: number;
}

/**
 * Watches channels somebody reads as they are written, and says which fell silent. One timer for all of a session's,
 * set anew only when it fires: a busy channel costs a look-up per piece.
 */
export class QuietChannels {
  readonly #silent: (lane: number, channel: number, quiet: Quiet) => void;
  readonly #waiting = new Map<string, Waiting>();
  #timer: NodeJS.Timeout | undefined;

  constructor(silent: (lane: number, channel: number, quiet: Quiet) => void) {
    this.#silent = silent;
  }

  /** The channels of these pieces were heard now. */
  spoke(lane: number, pieces: readonly Piece[]): void {
    for (const { channel, quiet, last } of pieces) {
      if (!quiet) continue;
      const key = `${lane}/${channel}`;
      if (last) {
        this.#waiting.delete(key);
        continue;
      }
      const due = performance.now() + quiet.after;
      const known = this.#waiting.get(key);
      if (known) {
        known.quiet = quiet;
        known.due = due;
      } else this.#waiting.set(key, { lane, channel, quiet, due });
      this.#timer ??= setTimeout(() => this.#look(), quiet.after);
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  #look(): void {
    this.#timer = undefined;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [key, { lane, channel, quiet, due }] of this.#waiting) {
      // Timers may fire a little early by this clock.
      if (due > now + 1) {
        next = Math.min(next, due);
        continue;
      }
      this.#waiting.delete(key);
      this.#silent(lane, channel, quiet);
    }
    if (next !== Number.POSITIVE_INFINITY) this.#timer ??= setTimeout(() => this.#look(), next - now);
  }
}
