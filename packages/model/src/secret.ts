/**
 * A value that must never be printed: passwords, tokens, private keys.
 *
 * Every implicit way out (string coercion, JSON, `util.inspect`, structured logging) yields `[secret]`;
 * only {@link Secret.reveal} gives the value, so each use is a visible, searchable decision (DESIGN rule 4.8).
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call it at the wire, never to build a message. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}
