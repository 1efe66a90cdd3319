import { parseFieldPattern, type Step } from './field-syntax.ts';

/** Follows a walk through a document and says at each value whether the pattern means it. */
export interface FieldCursor {
  /** Steps into a member (by key) or an element (by index from 0). */
  push(key: string | number): void;
  /** Steps back out. */
  pop(): void;
  /** Whether the value the walk stands at is meant. */
  readonly matched: boolean;
  /** Whether anything below it can still be; a walk may skip asking where not. */
  readonly alive: boolean;
}

/** A compiled pattern; cursors are independent of each other. */
export interface FieldMatcher {
  /** The pattern as written. */
  readonly source: string;
  /** A cursor at the document's root. */
  start(): FieldCursor;
  matchesPath(path: readonly (string | number)[]): boolean;
}

/**
 * Compiles a JSON path (RFC 9535: names, indexes, `*`, `..`) or a bare key name. A bare key means
 * that key at any depth, in any case, and with `-`, `_` and spaces left out: `api_key` also means
 * `apiKey` and `API-KEY`; `*` stands for any run (`*_token`). Names in a JSON path are exact.
 * @throws PlaceError naming the pattern, what is wrong and how to mend it.
 */
export function compileFieldPattern(pattern: string): FieldMatcher {
  const steps = parseFieldPattern(pattern);
  return {
    source: pattern,
    start: () => new StepCursor(steps),
    matchesPath(path) {
      const cursor = new StepCursor(steps);
      for (const key of path) cursor.push(key);
      return cursor.matched;
    },
  };
}

/**
 * The set of steps taken so far as a bit set (bit i: the next step is i), one per level. The
 * syntax allows at most 30 steps, so a level is one small integer.
 */
class StepCursor implements FieldCursor {
  readonly #steps: readonly Step[];
  readonly #outer: number[] = [];
  #here = 1;

  constructor(steps: readonly Step[]) {
    this.#steps = steps;
  }

  push(key: string | number): void {
    const here = this.#here;
    this.#outer.push(here);
    if (here === 0) return;
    const first = this.#steps[0];
    if (here === 1 && first !== undefined) {
      // By far the most usual state: nothing taken yet.
      this.#here = (first.anyDepth ? 1 : 0) | (first.takes(key) ? 2 : 0);
      return;
    }
    let next = 0;
    for (let i = 0; i < this.#steps.length; i++) {
      if ((here & (1 << i)) === 0) continue;
      const step = this.#steps[i]!;
      if (step.anyDepth) next |= 1 << i;
      if (step.takes(key)) next |= 1 << (i + 1);
    }
    this.#here = next;
  }

  pop(): void {
    this.#here = this.#outer.pop() ?? 1;
  }

  get matched(): boolean {
    return (this.#here & (1 << this.#steps.length)) !== 0;
  }

  get alive(): boolean {
    return (this.#here & ((1 << this.#steps.length) - 1)) !== 0;
  }
}
