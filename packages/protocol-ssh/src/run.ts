import type { Refusal } from '@scrim/model';
import type { Meaning, Run } from '@scrim/protocol-kit';

/** A run with what becomes of it once the relay has decided. */
export interface SshRun extends Run {
  /** Lets it go on, as these bytes. */
  readonly pass: (bytes: Uint8Array) => void;
  /** Answers it with a refusal; absent where nothing can be refused alone, which ends the session. */
  readonly deny?: (refusal: Refusal) => void;
}

export const NOTHING: Buffer = Buffer.alloc(0);

/** Something that must keep its place among what flows. */
export function control(lane: number, pass: () => void): SshRun {
  return { lane, bytes: NOTHING, meaning: { kind: 'control' }, pass };
}

export function run(
  lane: number,
  bytes: Buffer,
  meaning: Meaning,
  pass: SshRun['pass'],
  deny?: SshRun['deny'],
): SshRun {
  return { lane, bytes, meaning, pass, ...(deny ? { deny } : {}) };
}

/**
 * One direction of a lane: runs go to the relay one after the other, and wait while it holds one or while something
 * else must happen first.
 */
export class Lane {
  readonly #deliver: (runs: readonly SshRun[]) => void | Promise<void>;
  readonly #failed: (error: unknown) => void;
  #queue: SshRun[] = [];
  #waiting = 0;
  #blocks = 0;
  #pumping = false;
  /** Called when nothing waits any more. */
  onIdle: () => void = () => undefined;

  constructor(deliver: (runs: readonly SshRun[]) => void | Promise<void>, failed: (error: unknown) => void) {
    this.#deliver = deliver;
    this.#failed = failed;
  }

  /** True while a run waits for a decision or for {@link block}. */
  get busy(): boolean {
    return this.#blocks > 0;
  }

  /** Bytes queued behind what is waited for. */
  get waiting(): number {
    return this.#waiting;
  }

  push(run: SshRun): void {
    this.#queue.push(run);
    this.#waiting += run.bytes.length;
    this.#pump();
  }

  /** Nothing more is delivered until the promise settles. */
  block(until: Promise<unknown>): void {
    this.#blocks += 1;
    until.then(
      () => {
        this.#blocks -= 1;
        this.#pump();
      },
      (error: unknown) => this.#failed(error),
    );
  }

  /** Forgets what waits. */
  clear(): void {
    this.#queue = [];
    this.#waiting = 0;
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#blocks === 0) {
        const next = this.#queue.shift();
        if (!next) break;
        this.#waiting -= next.bytes.length;
        const held = this.#deliver([next]);
        if (held) this.block(held);
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#pumping = false;
    }
    if (this.#blocks === 0 && this.#queue.length === 0) this.onIdle();
  }
}
