import { RefusalError, refuse } from '@scrim/model';
import type { Verdict } from '@scrim/policy';
import type { Quiet, Rows, Run, Texts } from '@scrim/protocol-kit';
import { responseText } from './approve/approval.ts';
import { outdatedApproval, policyChanged } from './approve/outdated.ts';
import type { Enforcement } from './guard/enforcement.ts';
import { ResponseGuard, responseRefused, UNREAD } from './guard/response.ts';
import type { Masked } from './mask/masker.ts';
import { QuietChannels } from './mask/quiet.ts';
import type { SessionContext } from './session-context.ts';

/** The steps from target to caller: mask, guard what is left, approve, record, forward. */
export class ResponseSteps {
  readonly #session: SessionContext;
  readonly #responses: ResponseGuard;
  readonly #quiet: QuietChannels;
  /** Lanes whose response waits for people: nothing of it leaves meanwhile. */
  readonly #heldLanes = new Set<number>();
  readonly #failed: (error: unknown) => void;

  /** `failed` ends the session: something went wrong outside any step, in a channel that fell silent. */
  constructor(session: SessionContext, failed: (error: unknown) => void) {
    this.#session = session;
    this.#failed = failed;
    this.#responses = new ResponseGuard(session.enforcement);
    this.#quiet = new QuietChannels((lane, channel, quiet) => this.#fellSilent(lane, channel, quiet));
  }

  enforce(enforcement: Enforcement): void {
    this.#responses.enforce(enforcement);
  }

  /** The lane's operation is over, without an outcome of the target's. */
  over(lane: number): void {
    this.#responses.ended(lane);
  }

  /** Nothing leaves any more. */
  stop(): void {
    this.#quiet.stop();
  }

  /** Lets one run of the target's pass its steps; a promise while people decide. */
  step(run: Run): void | Promise<void> {
    const { meaning } = run;
    switch (meaning.kind) {
      case 'control':
      case 'shape':
        this.#session.exchange.forward(run);
        return;
      case 'rows':
        return this.#rows(run);
      case 'fields':
        return this.#release(run, () => this.#session.masker.fields(meaning.fields, run.bytes), undefined);
      case 'texts':
        return this.#streamed(run, meaning.texts);
      case 'opaque':
        this.#opaque(run, meaning.why);
        return;
      case 'outcome':
        this.#responses.ended(run.lane);
        if (meaning.tokens) this.#session.budget?.spend(meaning.tokens);
        this.#session.tally.flushMasks(this.#session.recorder);
        this.#session.recorder.outcome(meaning.ok, meaning.tag, meaning.count, run.lane);
        this.#session.exchange.forward(run);
        return;
      case 'unknown':
        throw refuse('SCRIM_UNPARSED', { cause: meaning.why });
      default:
        throw refuse('SCRIM_UNPARSED', { cause: `a target cannot send ${meaning.kind}` });
    }
  }

  #streamed(run: Run, texts: Texts): void | Promise<void> {
    const unread = this.#session.enforcement.refusesUnread(texts.uninspected ?? 0, UNREAD);
    if (unread) throw new RefusalError(unread);
    let masked: Masked | undefined;
    const mask = (): Masked => {
      // A stream is masked once: its channels have moved on, so new rules cannot be asked about what is held.
      if (masked) throw new RefusalError(policyChanged());
      masked = this.#session.masker.texts(run.lane, texts, run.bytes);
      return masked;
    };
    const held = this.#release(run, mask, undefined);
    if (!held) {
      this.#quiet.spoke(run.lane, texts.pieces);
      return;
    }
    this.#heldLanes.add(run.lane);
    return held.finally(() => {
      this.#heldLanes.delete(run.lane);
      if (!this.#session.ended) this.#quiet.spoke(run.lane, texts.pieces);
    });
  }

  /** Content nothing can look into passes only where a policy lets it, or where no rule would have looked. */
  #opaque(run: Run, why: string): void {
    const verdict = this.#responses.judgeOpaque(run.lane, run.bytes, why);
    // It cannot be shown to approvers, so that a hold is a block here.
    if (verdict && verdict.action !== 'warn') throw responseRefused(verdict);
    if (verdict) this.#session.warn(run, verdict);
    this.#session.tally.blind(run.bytes.length, why);
    this.#session.exchange.forward(run);
  }

  #rows(run: Run): void | Promise<void> {
    if (run.meaning.kind !== 'rows') return;
    const { rows } = run.meaning;
    return this.#release(run, () => this.#session.masker.rows(rows), rows);
  }

  /** Masks, judges what is left, records it and lets it go. */
  #release(run: Run, mask: () => Masked, rows: Rows | undefined): void | Promise<void> {
    const masked = mask();
    this.#session.count(run);
    const verdict = this.#responses.judge(run.lane, run.bytes.length, masked);
    if (verdict?.action === 'block') throw responseRefused(verdict);
    if (verdict?.action === 'hold') return this.#holdResponse(run, mask, masked, rows, verdict);
    if (verdict?.action === 'warn') this.#session.warn(run, verdict);
    this.#recordResponse(run, rows, masked.bytes);
    this.#session.exchange.forward(run, masked.restored ?? masked.bytes);
  }

  /** A watched channel fell silent: what cannot be the beginning of a value leaves now. */
  #fellSilent(lane: number, channel: number, quiet: Quiet): void {
    if (this.#session.ended || this.#heldLanes.has(lane)) return;
    try {
      const masked = this.#session.masker.release(lane, channel, quiet.typed?.());
      if (!masked) return;
      const run = quiet.run(masked.bytes);
      this.#session.recorder.response(run.bytes, 0, lane);
      this.#session.exchange.forward(run);
    } catch (error) {
      this.#failed(error);
    }
  }

  #recordResponse(run: Run, rows: Rows | undefined, bytes: Uint8Array): void {
    if (rows) this.#session.recorder.shape(rows.shape.description, run.lane);
    if (bytes.length > 0) this.#session.recorder.response(bytes, rows?.count ?? 0, run.lane);
  }

  async #holdResponse(
    run: Run,
    mask: () => Masked,
    masked: Masked,
    rows: Rows | undefined,
    verdict: Verdict,
  ): Promise<void> {
    const what = masked.found.length > 0 ? masked.found.join(', ') : `${run.bytes.length} bytes`;
    const held = this.#session.enforcement;
    const { recorded, refusal } = await this.#session.approval.ask({
      lane: run.lane,
      verdict,
      text: responseText(masked.bytes),
      parameters: [],
      maskedText: `release a response: ${what}`,
      maskedParameters: [],
      notify: (text) => this.#session.notify(run, text),
      record: (kind, data) => this.#session.recorder.event(kind, data),
    });
    if (this.#session.ended) return;
    this.#session.recorder.event('decided', recorded);
    if (refusal) throw new RefusalError(refusal);
    const released = held === this.#session.enforcement ? masked : this.#maskAgain(run, mask, verdict);
    this.#recordResponse(run, rows, released.bytes);
    this.#session.exchange.forward(run, released.restored ?? released.bytes);
  }

  /** The rules changed while people decided: what leaves is masked and judged by the new ones. */
  #maskAgain(run: Run, mask: () => Masked, approved: Verdict): Masked {
    const masked = mask();
    const verdict = this.#responses.judge(run.lane, 0, masked);
    if (verdict?.action === 'block') throw responseRefused(verdict);
    const refusal = verdict && outdatedApproval(approved, verdict);
    if (refusal) throw new RefusalError(refusal);
    return masked;
  }
}
