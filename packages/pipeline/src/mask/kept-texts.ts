import type { Statement } from '@scrim/model';
import type { Run } from '@scrim/protocol-kit';
import type { Masker } from './masker.ts';

/** Statements and parameters as they may be kept and shown to approvers. */
export class KeptTexts {
  readonly #masker: Masker;
  #texts = new WeakMap<Statement, string>();

  constructor(masker: Masker) {
    this.#masker = masker;
  }

  /** Forgets what was masked by other rules. */
  forget(): void {
    this.#texts = new WeakMap();
  }

  text(statement: Statement): string {
    let text = this.#texts.get(statement);
    if (text === undefined) {
      text = this.#masker.text(statement.text, 'statement');
      this.#texts.set(statement, text);
    }
    return text;
  }

  /** Those of an operation; null where it has none. */
  parametersOf(run: Run): readonly (string | null)[] | null {
    if (run.meaning.kind !== 'operation' || !run.meaning.parameters) return null;
    return this.parameters(run.meaning.parameters(), run);
  }

  parameters(parameters: readonly (string | null)[], { meaning }: Run): readonly (string | null)[] {
    const form = (meaning.kind === 'operation' && meaning.parameterForm) || 'text';
    return parameters.map((value) => (value === null ? null : this.#masker.whole(value, 'parameter', form)));
  }
}
