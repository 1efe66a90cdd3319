import { type Refusal, refuse, type Statement } from '@scrim/model';
import type { Verdict } from '@scrim/policy';
import type { Run } from '@scrim/protocol-kit';
import type { Enforcement } from './enforcement.ts';
import { Lanes } from './lanes.ts';

/** What is remembered of the operation under way in one lane. */
interface Sending {
  bytes: number;
  /** End of the last chunk, in which a mask may have begun. */
  carry: string;
  warned: boolean;
}

/** The guard step towards the target: verdicts into refusals, sizes, and masks on their way back into real data. */
export class RequestGuard {
  #enforcement: Enforcement;
  #writesMask = new WeakMap<Statement, boolean>();
  /**
   * By lane: what one lane sends must not hide what another does. It starts anew with the lane's next operation, not
   * with an outcome, which may be that of an earlier one.
   */
  readonly #sending = new Lanes<Sending>(() => ({ bytes: 0, carry: '', warned: false }));

  constructor(enforcement: Enforcement) {
    this.#enforcement = enforcement;
  }

  enforce(enforcement: Enforcement): void {
    this.#enforcement = enforcement;
    this.#writesMask = new WeakMap();
  }

  /** Bytes of an operation however the wire cuts it: a statement named earlier counts with its parameters. */
  size(run: Run, statement: Statement): number {
    if (!this.#enforcement.judgesSize) return 0;
    let bytes = Buffer.byteLength(statement.text);
    if (run.meaning.kind === 'operation') {
      for (const value of run.meaning.parameters?.() ?? []) bytes += value ? Buffer.byteLength(value) : 0;
    }
    return Math.max(bytes, run.bytes.length);
  }

  /** Begins an operation of `bytes`: what its lane sends afterwards counts on top. */
  started(lane: number, bytes: number): void {
    const sending = this.#sending.of(lane);
    sending.bytes = bytes;
    sending.carry = '';
    sending.warned = false;
  }

  /** Why the operation must not run, or undefined when nothing forbids it (it may still be held). */
  check(run: Run, statement: Statement, verdict: Verdict): Refusal | undefined {
    if (verdict.action === 'block') return this.refusalOf(verdict);
    if (this.#enforcement.mutates(statement) && this.#carriesMask(run, statement)) {
      return refuse('SCRIM_WRITE_BACK', {
        hint: 'leave the masked columns out of the statement; their real values stay as they are',
      }).refusal;
    }
    return undefined;
  }

  /** Why data sent outside statements must not go on (too much of it, masks in it); a verdict that only warns. */
  input(lane: number, size: number, data: () => Buffer): Refusal | Verdict | undefined {
    const said = this.sent(lane, size);
    if (said && 'code' in said) return said;
    if (this.#enforcement.masks) {
      const sending = this.#sending.of(lane);
      const text = sending.carry + data().toString('latin1');
      if (this.#enforcement.bytesContainMask(text)) {
        return refuse('SCRIM_WRITE_BACK', {
          hint: 'the data to load holds masked values; load the originals',
        }).refusal;
      }
      sending.carry = text.slice(-this.#enforcement.longestMask);
    }
    return said;
  }

  /** Why no more of what is sent may go on, by its size alone; a verdict that only warns. */
  sent(lane: number, bytes: number): Refusal | Verdict | undefined {
    const sending = this.#sending.of(lane);
    sending.bytes += bytes;
    const verdict = this.#enforcement.judgeSize(sending.bytes);
    // Data under way cannot wait for people without holding the whole of it: a hold is a block here.
    if (verdict && verdict.action !== 'warn') return this.refusalOf(verdict);
    if (!verdict || sending.warned) return undefined;
    sending.warned = true;
    return verdict;
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
