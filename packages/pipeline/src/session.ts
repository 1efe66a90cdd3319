import { type Refusal, RefusalError, refuse, type Statement } from '@scrim/model';
import { type Verdict, worst } from '@scrim/policy';
import type { Ending, Exchange, Quiet, Relay, Rows, Run, Texts } from '@scrim/protocol-kit';
import { Approval, type ApprovalServices, responseText } from './approve/approval.ts';
import { outdatedApproval, policyChanged } from './approve/outdated.ts';
import { attempt } from './attempt.ts';
import type { Authorisation } from './authorise/authorise.ts';
import type { Budget } from './guard/budget.ts';
import type { Enforcement } from './guard/enforcement.ts';
import { RequestGuard } from './guard/request.ts';
import { ResponseGuard, responseRefused, UNREAD } from './guard/response.ts';
import { type Masked, Masker } from './mask/masker.ts';
import { QuietChannels } from './mask/quiet.ts';
import { Restorer } from './mask/restore.ts';
import { OperationRecord, parametersOf, refusedEvent } from './record/operation.ts';
import type { SessionEnding, SessionRecorder } from './record/recorder.ts';
import { Tally } from './record/tally.ts';

export interface SessionServices extends ApprovalServices {
  /** For the edge's own log: what went wrong inside, never shown to the caller. */
  readonly failed: (sessionId: string, error: unknown) => void;
  /** What the caller may still use of its connection; absent = no limits are counted. */
  readonly budget?: (authorisation: Authorisation) => Budget;
}

/**
 * The one path of DESIGN section 3, over one exchange, in its fixed order:
 *
 *   caller -> guard -> approve -> mask -> record -> target
 *   target -> guard -> approve -> mask -> record -> caller
 *
 * Recording comes after masking both ways, so a replay never holds more than the caller saw. The order is code, not
 * configuration, because it is a security property. Whatever throws ends the session: nothing passes by accident.
 */
export class Session implements Relay {
  readonly id: string;
  readonly authorisation: Authorisation;
  readonly #exchange: Exchange;
  readonly #recorder: SessionRecorder;
  readonly #services: SessionServices;
  readonly #masker: Masker;
  /** For what the caller sends: its channels are others than the target's. */
  readonly #sent: Masker;
  readonly #quiet: QuietChannels;
  /** Lanes whose response waits for people: nothing of it leaves meanwhile. */
  readonly #heldLanes = new Set<number>();
  readonly #tally = new Tally();
  readonly #requests: RequestGuard;
  readonly #responses: ResponseGuard;
  readonly #approval: Approval;
  readonly #operations: OperationRecord;
  #enforcement: Enforcement;
  #finished: ((ending: SessionEnding) => void) | undefined;
  /** Settles once, with how the session ended, after its last event is on disk. */
  readonly closed: Promise<SessionEnding>;
  #ended = false;

  constructor(
    id: string,
    authorisation: Authorisation,
    enforcement: Enforcement,
    exchange: Exchange,
    recorder: SessionRecorder,
    services: SessionServices,
  ) {
    this.id = id;
    this.authorisation = authorisation;
    this.#enforcement = enforcement;
    this.#exchange = exchange;
    this.#recorder = recorder;
    this.#services = services;
    const onHit = (rule: string, place: string) => this.#tally.masked(rule, place);
    const restorer = new Restorer();
    this.#masker = new Masker(enforcement.mask, onHit, { restorer, sent: false });
    this.#sent = new Masker(enforcement.mask, onHit, { restorer, sent: true });
    this.#operations = new OperationRecord(this.#masker, recorder);
    this.#quiet = new QuietChannels((lane, channel, quiet) => this.#fellSilent(lane, channel, quiet));
    this.#requests = new RequestGuard(enforcement);
    this.#responses = new ResponseGuard(enforcement);
    this.#approval = new Approval(id, authorisation, services);
    this.closed = new Promise((resolve) => {
      this.#finished = resolve;
    });
  }

  get wholeOperations(): boolean {
    return this.#enforcement.wholeOperations;
  }

  get judgesLines(): boolean {
    return this.#enforcement.judgesLines(this.authorisation.caller.kind);
  }

  /** Begins delivery, unless the session was ended before it began. */
  start(): void {
    if (this.#ended) return;
    try {
      this.#exchange.start(this);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** New rules for everything that follows, also inside an open session. */
  enforce(enforcement: Enforcement): void {
    this.#enforcement = enforcement;
    this.#masker.replaceRules(enforcement.mask);
    this.#sent.replaceRules(enforcement.mask);
    this.#operations.forget();
    this.#requests.enforce(enforcement);
    this.#responses.enforce(enforcement);
  }

  /** Ends the session from outside: the token was revoked or expired, the edge stops. Never throws. */
  end(ending: SessionEnding, refusal: Refusal): void {
    if (this.#ended) return;
    this.#ended = true;
    attempt(this.#services.failed, this.id, () => this.#exchange.close(refusal));
    this.#finish(ending, refusal);
  }

  fromCaller(runs: readonly Run[]): void | Promise<void> {
    return this.#deliver(runs, 0, this.#request);
  }
  fromTarget(runs: readonly Run[]): void | Promise<void> {
    return this.#deliver(runs, 0, this.#response);
  }
  cancel(lane: number): boolean {
    if (this.#ended) return true;
    const held = this.#approval.cancel(lane);
    try {
      this.#recorder.event('cancelled', { held });
    } catch (error) {
      this.#fail(error);
      return true;
    }
    return held;
  }

  drop(lane: number): void {
    this.#masker.forget(lane);
    this.#sent.forget(lane);
  }

  ended(ending: Ending): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#finish(ending);
  }

  #deliver(
    runs: readonly Run[],
    from: number,
    step: (this: Session, run: Run) => void | Promise<void>,
  ): void | Promise<void> {
    let at = from;
    try {
      for (let index = from; index < runs.length; index++) {
        if (this.#ended) return;
        at = index;
        const held = step.call(this, runs[index] as Run);
        if (held)
          return held
            .then(() => this.#deliver(runs, index + 1, step))
            .catch((error) => this.#failed(error, runs[index] as Run));
      }
    } catch (error) {
      this.#failed(error, runs[at] as Run);
    }
  }

  #request(run: Run): void | Promise<void> {
    const { meaning } = run;
    switch (meaning.kind) {
      case 'control':
        this.#exchange.forward(run);
        return;
      case 'preparation':
        return this.#prepare(run, meaning.statement);
      case 'operation':
        return this.#operate(run, meaning.statement);
      case 'input':
        return this.#input(run, meaning.data ?? (() => run.bytes));
      case 'texts':
        return this.#said(run, meaning.texts);
      case 'unknown':
        this.#refuse(
          run,
          refuse('SCRIM_UNPARSED', { hint: 'use a feature this edge serves' }).refusal,
          meaning.why,
        );
        return;
      default:
        this.#refuse(run, refuse('SCRIM_UNPARSED').refusal, `a caller cannot send ${meaning.kind}`);
    }
  }

  #input(run: Run, data: () => Buffer): void {
    const said = this.#requests.input(run.lane, run.bytes.length, data);
    if (said && 'code' in said) {
      this.#refuse(run, said);
      return;
    }
    if (said) this.#warn(run, said);
    this.#tally.blind(run.bytes.length, 'input');
    this.#exchange.forward(run);
  }

  /** Texts the target shall not read in full: masked on their way up, and recorded as the target gets them. */
  #said(run: Run, texts: Texts): void {
    const unread = this.#responses.refusesUnread(texts.uninspected ?? 0, UNREAD, 'SCRIM_UNSUPPORTED');
    const said = unread ?? this.#requests.sent(run.lane, run.bytes.length);
    if (said && 'code' in said) {
      this.#refuse(run, said);
      return;
    }
    if (said) this.#warn(run, said);
    const { bytes } = this.#sent.texts(run.lane, texts, run.bytes);
    this.#count(run);
    this.#recorder.request(bytes, run.lane);
    this.#exchange.forward(run, bytes);
  }

  #prepare(run: Run, statement: Statement): void {
    const verdict = this.#verdict(statement, run.bytes.length);
    if (verdict.action === 'block') {
      this.#operations.record(statement, run, verdict);
      this.#refuse(run, this.#requests.refusalOf(verdict));
      return;
    }
    this.#exchange.forward(run);
  }

  #operate(run: Run, statement: Statement): void | Promise<void> {
    const size = this.#requests.size(run, statement);
    const verdict = this.#verdict(statement, size);
    this.#requests.started(run.lane, size);
    const refusal = this.#requests.check(run, statement, verdict) ?? this.#overBudget();
    this.#operations.record(statement, run, verdict);
    if (refusal) {
      this.#refuse(run, refusal);
      return;
    }
    if (verdict.action === 'hold') return this.#hold(run, statement, verdict);
    if (verdict.action === 'warn') this.#warn(run, verdict);
    this.#pass(run, statement);
  }

  #overBudget(): Refusal | undefined {
    const { limits } = this.#enforcement;
    return limits.length === 0 ? undefined : this.#services.budget?.(this.authorisation).ask(limits);
  }

  #verdict(statement: Statement, bytes: number): Verdict {
    const judged = this.#enforcement.judge(statement);
    const sized = this.#enforcement.judgeSize(bytes);
    return sized ? worst([judged, sized]) : judged;
  }

  /** What changes something is on disk before the target sees it; a plain read may ride in the block. */
  #pass(run: Run, statement: Statement): void {
    if (this.#enforcement.mutates(statement)) this.#recorder.flush();
    this.#exchange.forward(run);
  }

  #warn(run: Run, verdict: Verdict): void {
    this.#recorder.event('warned', { rule: verdict.rule, reason: verdict.reason });
    this.#exchange.notify(
      run.lane,
      `scrim: ${verdict.reason ?? 'this operation is watched'} (${verdict.rule})`,
    );
  }

  async #hold(run: Run, statement: Statement, verdict: Verdict): Promise<void> {
    const parameters = parametersOf(run);
    const held = this.#enforcement;
    const { recorded, refusal } = await this.#approval.ask({
      lane: run.lane,
      verdict,
      text: statement.text,
      parameters,
      maskedText: this.#operations.text(statement),
      maskedParameters: this.#operations.parameters(parameters, run),
      notify: (text) => this.#notify(run, text),
      record: (kind, data) => this.#recorder.event(kind, data),
    });
    if (this.#ended) return;
    this.#recorder.event('decided', recorded);
    const forbidden =
      refusal ?? (held === this.#enforcement ? undefined : this.#outdated(run, statement, verdict));
    if (forbidden) this.#refuse(run, forbidden);
    else this.#pass(run, statement);
  }

  /** Why an approval no longer counts: the rules changed while people decided, and it was given under the old ones. */
  #outdated(run: Run, statement: Statement, approved: Verdict): Refusal | undefined {
    const verdict = this.#verdict(statement, this.#requests.size(run, statement));
    return this.#requests.check(run, statement, verdict) ?? outdatedApproval(approved, verdict);
  }

  #notify(run: Run, text: string): void {
    if (!this.#ended) attempt(this.#services.failed, this.id, () => this.#exchange.notify(run.lane, text));
  }

  #response(run: Run): void | Promise<void> {
    const { meaning } = run;
    switch (meaning.kind) {
      case 'control':
      case 'shape':
        this.#exchange.forward(run);
        return;
      case 'rows':
        return this.#rows(run);
      case 'fields':
        return this.#release(run, () => this.#masker.fields(meaning.fields, run.bytes), undefined);
      case 'texts':
        return this.#streamed(run, meaning.texts);
      case 'opaque':
        this.#opaque(run, meaning.why);
        return;
      case 'outcome':
        this.#responses.ended(run.lane);
        if (meaning.tokens) this.#services.budget?.(this.authorisation).spend(meaning.tokens);
        this.#tally.flushMasks(this.#recorder);
        this.#recorder.outcome(meaning.ok, meaning.tag, meaning.count, run.lane);
        this.#exchange.forward(run);
        return;
      case 'unknown':
        throw refuse('SCRIM_UNPARSED', { cause: meaning.why });
      default:
        throw refuse('SCRIM_UNPARSED', { cause: `a target cannot send ${meaning.kind}` });
    }
  }

  #streamed(run: Run, texts: Texts): void | Promise<void> {
    const unread = this.#responses.refusesUnread(texts.uninspected ?? 0, UNREAD);
    if (unread) throw new RefusalError(unread);
    let masked: Masked | undefined;
    const mask = (): Masked => {
      // A stream is masked once: its channels have moved on, so new rules cannot be asked about what is held.
      if (masked) throw new RefusalError(policyChanged());
      masked = this.#masker.texts(run.lane, texts, run.bytes);
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
      if (!this.#ended) this.#quiet.spoke(run.lane, texts.pieces);
    });
  }

  /** Content nothing can look into passes only where a policy lets it, or where no rule would have looked. */
  #opaque(run: Run, why: string): void {
    const verdict = this.#responses.judgeOpaque(run.lane, run.bytes, why);
    // It cannot be shown to approvers, so that a hold is a block here.
    if (verdict && verdict.action !== 'warn') throw responseRefused(verdict);
    if (verdict) this.#warn(run, verdict);
    this.#tally.blind(run.bytes.length, why);
    this.#exchange.forward(run);
  }

  #rows(run: Run): void | Promise<void> {
    if (run.meaning.kind !== 'rows') return;
    const { rows } = run.meaning;
    return this.#release(run, () => this.#masker.rows(rows), rows);
  }

  /** Masks, judges what is left, records it and lets it go. */
  #release(run: Run, mask: () => Masked, rows: Rows | undefined): void | Promise<void> {
    const masked = mask();
    this.#count(run);
    const verdict = this.#responses.judge(run.lane, run.bytes.length, masked);
    if (verdict?.action === 'block') throw responseRefused(verdict);
    if (verdict?.action === 'hold') return this.#holdResponse(run, mask, masked, rows, verdict);
    if (verdict?.action === 'warn') this.#warn(run, verdict);
    this.#recordResponse(run, rows, masked.bytes);
    this.#exchange.forward(run, masked.restored ?? masked.bytes);
  }

  /** What every applying rule has looked at, or nothing has (DESIGN rule 4.2). */
  #count(run: Run): void {
    const unread = run.meaning.kind === 'texts' ? (run.meaning.texts.uninspected ?? 0) : 0;
    if (this.#masker.rules.inspects) {
      this.#tally.inspected(Math.max(0, run.bytes.length - unread));
      if (unread > 0) this.#tally.blind(unread, UNREAD);
    } else this.#tally.blind(run.bytes.length, 'no masking rule applies');
  }

  /** A watched channel fell silent: what cannot be the beginning of a value leaves now. */
  #fellSilent(lane: number, channel: number, quiet: Quiet): void {
    if (this.#ended || this.#heldLanes.has(lane)) return;
    try {
      const masked = this.#masker.release(lane, channel, quiet.typed?.());
      if (!masked) return;
      const run = quiet.run(masked.bytes);
      this.#recorder.response(run.bytes, 0, lane);
      this.#exchange.forward(run);
    } catch (error) {
      this.#fail(error);
    }
  }

  #recordResponse(run: Run, rows: Rows | undefined, bytes: Uint8Array): void {
    if (rows) this.#recorder.shape(rows.shape.description, run.lane);
    if (bytes.length > 0) this.#recorder.response(bytes, rows?.count ?? 0, run.lane);
  }

  async #holdResponse(
    run: Run,
    mask: () => Masked,
    masked: Masked,
    rows: Rows | undefined,
    verdict: Verdict,
  ): Promise<void> {
    const what = masked.found.length > 0 ? masked.found.join(', ') : `${run.bytes.length} bytes`;
    const held = this.#enforcement;
    const { recorded, refusal } = await this.#approval.ask({
      lane: run.lane,
      verdict,
      text: responseText(masked.bytes),
      parameters: [],
      maskedText: `release a response: ${what}`,
      maskedParameters: [],
      notify: (text) => this.#notify(run, text),
      record: (kind, data) => this.#recorder.event(kind, data),
    });
    if (this.#ended) return;
    this.#recorder.event('decided', recorded);
    if (refusal) throw new RefusalError(refusal);
    const released = held === this.#enforcement ? masked : this.#maskAgain(run, mask, verdict);
    this.#recordResponse(run, rows, released.bytes);
    this.#exchange.forward(run, released.restored ?? released.bytes);
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

  #refuse(run: Run, refusal: Refusal, why?: string): void {
    this.#recorder.event('refused', refusedEvent(refusal, why === undefined ? {} : { why }));
    this.#exchange.refuse(run, refusal);
  }

  /** A refusal ends the operation it is about where the wire can say so, and everything else the session. */
  #failed(error: unknown, run: Run): void {
    if (!this.#ended && error instanceof RefusalError && this.#abandon(run.lane, error.refusal)) {
      this.#services.failed(this.id, error);
    } else this.#fail(error);
  }

  #abandon(lane: number, refusal: Refusal): boolean {
    if (!this.#exchange.abandon?.(lane, refusal)) return false;
    this.#responses.ended(lane);
    this.drop(lane);
    this.#tally.flushMasks(this.#recorder);
    this.#recorder.event('refused', refusedEvent(refusal, { lane }));
    this.#recorder.outcome(false, refusal.code, null, lane);
    return true;
  }

  /** The end of everything unexpected: the caller hears a refusal, both sockets close, the cause goes to the log. */
  #fail(error: unknown): void {
    const refusal = error instanceof RefusalError ? error.refusal : refuse('SCRIM_INTERNAL').refusal;
    this.#services.failed(this.id, error);
    this.end('refused', refusal);
  }

  /**
   * The last events. `#ended` is set by now, before anything that can call back: closing makes an exchange say that it
   * ended, and the first ending is the true one.
   */
  #finish(ending: SessionEnding, refusal?: Refusal): void {
    this.#approval.withdraw();
    this.#quiet.stop();
    attempt(this.#services.failed, this.id, () => {
      this.#tally.flushMasks(this.#recorder);
      this.#recorder.coverage(this.#tally.coverage());
      this.#recorder.closed(ending, refusal);
    });
    this.#finished?.(ending);
  }
}
