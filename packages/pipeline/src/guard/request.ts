import { type Refusal, refuse, type Statement } from '@scrim/model';
import type { Verdict } from '@scrim/policy';
import type { Run } from '@scrim/protocol-kit';
import type { Enforcement } from './enforcement.ts';

/** Longest mask text a COPY chunk border can cut; carried so that a cut mask is still recognised. */
const CARRY = 128;

/** The guard step towards the target: verdicts into refusals, sizes, and masks on their way back into real data. */
export class RequestGuard {
  #enforcement: Enforcement;
  #writesMask = new WeakMap<Statement, boolean>();
  #inputBytes = 0;
  #carry = '';

  constructor(enforcement: Enforcement) {
    this.#enforcement = enforcement;
  }

  enforce(enforcement: Enforcement): void {
    this.#enforcement = enforcement;
    this.#writesMask = new WeakMap();
  }

  /** Why the operation must not run, or undefined when nothing forbids it (it may still be held). */
  check(run: Run, statement: Statement, verdict: Verdict): Refusal | undefined {
    this.#inputBytes = 0;
    this.#carry = '';
    if (verdict.action === 'block') return this.refusalOf(verdict);
    if (this.#enforcement.mutates(statement) && this.#carriesMask(run, statement)) {
      return refuse('SCRIM_WRITE_BACK', {
        hint: 'leave the masked columns out of the statement; their real values stay as they are',
      }).refusal;
    }
    return undefined;
  }

  /** Why data sent outside statements must not go on (too much of it, masks in it), or undefined. */
  input(bytes: Buffer): Refusal | undefined {
    this.#inputBytes += bytes.length;
    const verdict = this.#enforcement.judgeSize(this.#inputBytes);
    // Data under way cannot wait for people without holding the whole of it: a hold is a block here.
    if (verdict && verdict.action !== 'warn') return this.refusalOf(verdict);
    if (!this.#enforcement.masks) return undefined;
    const text = this.#carry + bytes.toString('latin1');
    if (this.#enforcement.containsMask(text)) {
      return refuse('SCRIM_WRITE_BACK', { hint: 'the data to load holds masked values; load the originals' })
        .refusal;
    }
    this.#carry = text.slice(-CARRY);
    return undefined;
  }

  refusalOf(verdict: Verdict): Refusal {
    return refuse('SCRIM_GUARD_BLOCKED', {
      message: verdict.reason ? `blocked by policy: ${verdict.reason}` : 'a guard blocked the operation',
      hint: 'this will not succeed by rewording; ask for the change instead of retrying',
      ...(verdict.rule === undefined ? {} : { rule: verdict.rule }),
    }).refusal;
  }

  #carriesMask(run: Run, statement: Statement): boolean {
    if (!this.#enforcement.masks) return false;
    let inText = this.#writesMask.get(statement);
    if (inText === undefined) {
      inText = this.#enforcement.containsMask(statement.text);
      this.#writesMask.set(statement, inText);
    }
    if (inText) return true;
    if (run.meaning.kind !== 'operation' || !run.meaning.parameters) return false;
    return run.meaning.parameters().some((value) => value !== null && this.#enforcement.containsMask(value));
  }
}
