import type { Conversation } from './conversation.ts';

/** Answers kept for one caller on one connection, and in all. */
const MOST_OF_ONE = 16;
const MOST = 1_000;
/** How long an answer waits to be collected, in ms. */
const KEPT_MS = 15 * 60_000;

interface Parked {
  readonly line: string;
  readonly conversation: Conversation;
  readonly timer: NodeJS.Timeout;
}

/**
 * Requests whose callers were told to come back, because people take longer to decide than clients wait. The same
 * caller's same request collects the answer, once; nobody else's does.
 */
export class ParkedAnswers {
  readonly #byOwner = new Map<string, Map<string, Parked>>();
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** False when too many are kept: the caller then waits on. */
  keep(owner: string, line: string, digest: string, conversation: Conversation): boolean {
    const known = this.#byOwner.get(owner) ?? new Map<string, Parked>();
    if (this.#count >= MOST || known.size >= MOST_OF_ONE || known.has(digest)) return false;
    this.#byOwner.set(owner, known);
    const timer = setTimeout(() => {
      this.#take(owner, digest)?.conversation.refuse({
        code: 'SCRIM_APPROVAL_EXPIRED',
        message: 'nobody collected the answer in time',
      });
    }, KEPT_MS).unref();
    known.set(digest, { line, conversation, timer });
    this.#count++;
    return true;
  }

  /** Collects by digest among what is kept for the line; undefined when nothing is. */
  ofLine(owner: string, line: string): ((digest: string) => Conversation | undefined) | undefined {
    const known = this.#byOwner.get(owner);
    if (!known || ![...known.values()].some((it) => it.line === line)) return undefined;
    return (digest) => this.#take(owner, digest)?.conversation;
  }

  #take(owner: string, digest: string): Parked | undefined {
    const known = this.#byOwner.get(owner);
    const parked = known?.get(digest);
    if (!known || !parked) return undefined;
    known.delete(digest);
    if (known.size === 0) this.#byOwner.delete(owner);
    clearTimeout(parked.timer);
    this.#count--;
    return parked;
  }
}
