/**
 * Patterns of policies: `*` = any run of characters within one part, `**` = across parts, `?` = one character.
 * Matching takes time linear in pattern times text; no regular expression is built from what a policy says.
 */
export class Glob {
  readonly #tokens: readonly string[];
  readonly #separator: string;

  /** `separator` is what a single `*` does not cross; empty = it crosses everything. */
  constructor(pattern: string, separator = '') {
    this.#tokens = pattern.match(/\*\*|[\s\S]/gu) ?? [];
    this.#separator = separator;
  }

  matches(text: string): boolean {
    const letters = [...text];
    let states = this.#closure(new Set([0]));
    for (const letter of letters) {
      const next = new Set<number>();
      for (const state of states) this.#step(state, letter, next);
      if (next.size === 0) return false;
      states = this.#closure(next);
    }
    return states.has(this.#tokens.length);
  }

  #closure(states: Set<number>): Set<number> {
    for (const state of states) {
      const token = this.#tokens[state];
      if (token === '*' || token === '**') states.add(state + 1);
    }
    return states;
  }

  #step(state: number, letter: string, next: Set<number>): void {
    const token = this.#tokens[state];
    if (token === '**' || (token === '*' && letter !== this.#separator)) next.add(state);
    else if (token === '?' || token === letter) next.add(state + 1);
  }
}
