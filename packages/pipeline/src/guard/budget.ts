import { type Refusal, refuse } from '@scrim/model';
import type { LimitRule } from '@scrim/policy';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** How finely a window slides: what is older than the window by less than a slot may still count. */
const SLOTS = 60;
/** Callers kept in mind; the one unused longest goes first. */
const MOST_CALLERS = 50_000;

/** What was used within a window that ends now. */
class Window {
  readonly #slot: number;
  readonly #used = new Float64Array(SLOTS);
  #newest = 0;
  #total = 0;

  constructor(length: number) {
    this.#slot = length / SLOTS;
  }

  add(amount: number, now: number): void {
    this.#slide(now);
    const at = this.#newest % SLOTS;
    this.#used[at] = (this.#used[at] as number) + amount;
    this.#total += amount;
  }

  total(now: number): number {
    this.#slide(now);
    return this.#total;
  }

  /** Milliseconds until less than `limit` is used, if nothing more is. */
  free(limit: number, now: number): number {
    this.#slide(now);
    let left = this.#total;
    for (let age = SLOTS - 1; age >= 0; age--) {
      if (left < limit) break;
      const number = this.#newest - age;
      left -= this.#used[((number % SLOTS) + SLOTS) % SLOTS] as number;
      if (left < limit) return (number + SLOTS) * this.#slot - now;
    }
    return 0;
  }

  #slide(now: number): void {
    const number = Math.floor(now / this.#slot);
    for (let gone = Math.min(SLOTS, number - this.#newest); gone > 0; gone--) {
      const at = (number - gone + 1) % SLOTS;
      this.#total -= this.#used[at] as number;
      this.#used[at] = 0;
    }
    this.#newest = Math.max(this.#newest, number);
  }
}

/** What one caller may still use on one connection. */
export class Budget {
  readonly #requests = new Window(MINUTE);
  readonly #minute = new Window(MINUTE);
  readonly #day = new Window(DAY);
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Counts a request; the refusal when one of the limits is used up, and then it does not count. */
  ask(limits: readonly LimitRule[]): Refusal | undefined {
    const now = this.#now();
    const windows = {
      requestsPerMinute: this.#requests,
      tokensPerMinute: this.#minute,
      tokensPerDay: this.#day,
    };
    let longest: { readonly wait: number; readonly limit: LimitRule } | undefined;
    for (const limit of limits) {
      const window = windows[limit.kind];
      if (window.total(now) < limit.amount) continue;
      const wait = window.free(limit.amount, now);
      if (!longest || wait > longest.wait) longest = { wait, limit };
    }
    if (!longest) {
      this.#requests.add(1, now);
      return undefined;
    }
    const seconds = Math.max(1, Math.ceil(longest.wait / 1000));
    return refuse('SCRIM_BUDGET', {
      hint: `ask again in ${seconds} s`,
      rule: longest.limit.rule,
      retryAfter: seconds,
    }).refusal;
  }

  /** Tokens an answer took. They are known only afterwards: the request that crosses a limit is still answered. */
  spend(tokens: number): void {
    const now = this.#now();
    this.#minute.add(tokens, now);
    this.#day.add(tokens, now);
  }
}

/** Budgets of all callers of one edge, in its memory: another edge counts for itself, and a restart forgets. */
export class Budgets {
  readonly #now: () => number;
  readonly #byCaller = new Map<string, Budget>();

  constructor(now: () => number) {
    this.#now = now;
  }

  of(issuer: string, subject: string, connection: string): Budget {
    const key = JSON.stringify([issuer, subject, connection]);
    const known = this.#byCaller.get(key);
    const budget = known ?? new Budget(this.#now);
    if (known) this.#byCaller.delete(key);
    this.#byCaller.set(key, budget);
    if (this.#byCaller.size > MOST_CALLERS)
      this.#byCaller.delete(this.#byCaller.keys().next().value as string);
    return budget;
  }
}
