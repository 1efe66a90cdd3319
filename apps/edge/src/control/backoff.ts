import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits between attempts, doubling up to a bound, with full jitter: a thousand edges that lost one control plane must
 * not come back in one wave.
 */
export class Backoff {
  readonly #firstMs: number;
  readonly #mostMs: number;
  #attempts = 0;

  constructor(firstMs: number, mostMs: number) {
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
  }

  /** Something worked: the next wait is short again. */
  reset(): void {
    this.#attempts = 0;
  }

  /** Milliseconds of the next wait, between half and all of the current bound. */
  next(): number {
    const bound = Math.min(this.#mostMs, this.#firstMs * 2 ** Math.min(this.#attempts, 20));
    this.#attempts += 1;
    return bound * (0.5 + Math.random() / 2);
  }

  /** Resolves after the next wait, or at once when the signal aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    await sleep(this.next(), undefined, { signal, ref: false }).catch(() => {});
  }
}
