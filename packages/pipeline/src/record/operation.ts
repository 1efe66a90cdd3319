import type { Refusal, Statement } from '@scrim/model';
import type { Verdict } from '@scrim/policy';
import type { Run } from '@scrim/protocol-kit';
import type { Masker } from '../mask/masker.ts';
import type { SessionRecorder } from './recorder.ts';

/** Operations as they are recorded and shown to approvers: texts and parameters masked, the caller's own never kept. */
export class OperationRecord {
  readonly #masker: Masker;
  readonly #recorder: SessionRecorder;
  #texts = new WeakMap<Statement, string>();

  constructor(masker: Masker, recorder: SessionRecorder) {
    this.#masker = masker;
    this.#recorder = recorder;
  }

  /** Other rules apply: texts masked by the old ones are not used again. */
  forget(): void {
    this.#texts = new WeakMap();
  }

  record(statement: Statement, run: Run, verdict: Verdict): void {
    this.#recorder.operation({
      verb: statement.verb,
      text: this.text(statement),
      parameters: this.#given(run),
      verdict: verdict.action,
      rule: verdict.rule,
      lane: run.lane,
    });
  }

  text(statement: Statement): string {
    let text = this.#texts.get(statement);
    if (text === undefined) {
      text = this.#masker.text(statement.text, 'statement');
      this.#texts.set(statement, text);
    }
    return text;
  }

  parameters(parameters: readonly (string | null)[], { meaning }: Run): readonly (string | null)[] {
    const form = (meaning.kind === 'operation' && meaning.parameterForm) || 'text';
    return parameters.map((value) => (value === null ? null : this.#masker.whole(value, 'parameter', form)));
  }

  #given(run: Run): readonly (string | null)[] | null {
    if (run.meaning.kind !== 'operation' || !run.meaning.parameters) return null;
    return this.parameters(run.meaning.parameters(), run);
  }
}

/** What an operation is given; empty where it takes nothing. */
export function parametersOf({ meaning }: Run): readonly (string | null)[] {
  return meaning.kind === 'operation' && meaning.parameters ? meaning.parameters() : [];
}

/** A refusal as its event says it, with what is known besides. */
export function refusedEvent(
  { code, message, rule, ticket }: Refusal,
  more: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return {
    code,
    message,
    ...(rule === undefined ? {} : { rule }),
    ...(ticket === undefined ? {} : { ticket }),
    ...more,
  };
}
