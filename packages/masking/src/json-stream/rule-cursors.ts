import type { FieldCursor, FieldRule } from '../places/index.ts';

/** Where a walk through a document stands for each field rule. */
export class RuleCursors {
  readonly #rules: readonly FieldRule[];
  readonly #cursors: readonly FieldCursor[];

  constructor(rules: readonly FieldRule[]) {
    this.#rules = rules;
    this.#cursors = rules.map((rule) => rule.matcher.start());
  }

  enter(key: string | number): void {
    for (const cursor of this.#cursors) cursor.push(key);
  }

  leave(): void {
    for (const cursor of this.#cursors) cursor.pop();
  }

  /** The first rule that means the value the walk stands at. */
  here(): FieldRule | undefined {
    const cursors = this.#cursors;
    for (let i = 0; i < cursors.length; i++) if ((cursors[i] as FieldCursor).matched) return this.#rules[i];
    return undefined;
  }
}
