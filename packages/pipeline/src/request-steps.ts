import { type Refusal, refuse, type Statement } from '@scrim/model';
import { type Verdict, worst } from '@scrim/policy';
import type { Run, Texts } from '@scrim/protocol-kit';
import { outdatedApproval } from './approve/outdated.ts';
import type { Enforcement } from './guard/enforcement.ts';
import { RequestGuard } from './guard/request.ts';
import { UNREAD } from './guard/response.ts';
import { parametersOf } from './record/operation.ts';
import type { SessionContext } from './session-context.ts';

/** The steps from caller to target: guard, approve, mask, record, forward. */
export class RequestSteps {
  readonly #session: SessionContext;
  readonly #requests: RequestGuard;

  constructor(session: SessionContext) {
    this.#session = session;
    this.#requests = new RequestGuard(session.enforcement);
  }

  enforce(enforcement: Enforcement): void {
    this.#requests.enforce(enforcement);
  }

  /** Lets one run of the caller's pass its steps; a promise while people decide. */
  step(run: Run): void | Promise<void> {
    const { meaning } = run;
    switch (meaning.kind) {
      case 'control':
        this.#session.exchange.forward(run);
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
        this.#session.refuse(
          run,
          refuse('SCRIM_UNPARSED', { hint: 'use a feature this edge serves' }).refusal,
          meaning.why,
        );
        return;
      default:
        this.#session.refuse(run, refuse('SCRIM_UNPARSED').refusal, `a caller cannot send ${meaning.kind}`);
    }
  }

  #input(run: Run, data: () => Buffer): void {
    const said = this.#requests.input(run.lane, run.bytes.length, data);
    if (said && 'code' in said) {
      this.#session.refuse(run, said);
      return;
    }
    if (said) this.#session.warn(run, said);
    this.#session.tally.blind(run.bytes.length, 'input');
    this.#session.exchange.forward(run);
  }

  /** Texts the target shall not read in full: masked on their way up, and recorded as the target gets them. */
  #said(run: Run, texts: Texts): void {
    const unread = this.#session.enforcement.refusesUnread(
      texts.uninspected ?? 0,
      UNREAD,
      'SCRIM_UNSUPPORTED',
    );
    const said = unread ?? this.#requests.sent(run.lane, run.bytes.length);
    if (said && 'code' in said) {
      this.#session.refuse(run, said);
      return;
    }
    if (said) this.#session.warn(run, said);
    const { bytes } = this.#session.sent.texts(run.lane, texts, run.bytes);
    this.#session.count(run);
    this.#session.recorder.request(bytes, run.lane);
    this.#session.exchange.forward(run, bytes);
  }

  #prepare(run: Run, statement: Statement): void {
    const verdict = this.#verdict(statement, run.bytes.length);
    if (verdict.action === 'block') {
      this.#session.operations.record(statement, run, verdict);
      this.#session.refuse(run, this.#requests.refusalOf(verdict));
      return;
    }
    this.#session.exchange.forward(run);
  }

  #operate(run: Run, statement: Statement): void | Promise<void> {
    const size = this.#requests.size(run, statement);
    const verdict = this.#verdict(statement, size);
    this.#requests.started(run.lane, size);
    const refusal = this.#requests.check(run, statement, verdict) ?? this.#overBudget();
    this.#session.operations.record(statement, run, verdict);
    if (refusal) {
      this.#session.refuse(run, refusal);
      return;
    }
    if (verdict.action === 'hold') return this.#hold(run, statement, verdict);
    if (verdict.action === 'warn') this.#session.warn(run, verdict);
    this.#pass(run, statement);
  }

  #overBudget(): Refusal | undefined {
    const { limits } = this.#session.enforcement;
    return limits.length === 0 ? undefined : this.#session.budget?.ask(limits);
  }

  #verdict(statement: Statement, bytes: number): Verdict {
    const judged = this.#session.enforcement.judge(statement);
    const sized = this.#session.enforcement.judgeSize(bytes);
    return sized ? worst([judged, sized]) : judged;
  }

  /** What changes something is on disk before the target sees it; a plain read may ride in the block. */
  #pass(run: Run, statement: Statement): void {
    if (this.#session.enforcement.mutates(statement)) this.#session.recorder.flush();
    this.#session.exchange.forward(run);
  }

  async #hold(run: Run, statement: Statement, verdict: Verdict): Promise<void> {
    const parameters = parametersOf(run);
    const held = this.#session.enforcement;
    const { recorded, refusal } = await this.#session.approval.ask({
      lane: run.lane,
      verdict,
      text: statement.text,
      parameters,
      maskedText: this.#session.operations.text(statement),
      maskedParameters: this.#session.operations.parameters(parameters, run),
      notify: (text) => this.#session.notify(run, text),
      record: (kind, data) => this.#session.recorder.event(kind, data),
    });
    if (this.#session.ended) return;
    this.#session.recorder.event('decided', recorded);
    const forbidden =
      refusal ?? (held === this.#session.enforcement ? undefined : this.#outdated(run, statement, verdict));
    if (forbidden) this.#session.refuse(run, forbidden);
    else this.#pass(run, statement);
  }

  /** Why an approval no longer counts: the rules changed while people decided, and it was given under the old ones. */
  #outdated(run: Run, statement: Statement, approved: Verdict): Refusal | undefined {
    const verdict = this.#verdict(statement, this.#requests.size(run, statement));
    return this.#requests.check(run, statement, verdict) ?? outdatedApproval(approved, verdict);
  }
}
