import { type Refusal, RefusalError, refuse, type Statement } from '@scrim/model';
import { type Verdict, worst } from '@scrim/policy';
import type { Ending, Exchange, Relay, Rows, Run } from '@scrim/protocol-kit';
import { Approval, type ApprovalServices } from './approve/approval.ts';
import type { Authorisation } from './authorise/authorise.ts';
import type { Enforcement } from './guard/enforcement.ts';
import { RequestGuard } from './guard/request.ts';
import { ResponseGuard } from './guard/response.ts';
import { type Masked, Masker } from './mask/masker.ts';
import type { SessionEnding, SessionRecorder } from './record/recorder.ts';
import { Tally } from './record/tally.ts';

export interface SessionServices extends ApprovalServices {
  /** For the edge's own log: what went wrong inside, never shown to the caller. */
  readonly failed: (sessionId: string, error: unknown) => void;
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
  readonly #tally = new Tally();
  readonly #requests: RequestGuard;
  readonly #responses: ResponseGuard;
  readonly #approval: Approval;
  readonly #texts = new WeakMap<Statement, string>();
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
    this.#masker = new Masker(enforcement.mask, (rule, place) => this.#tally.masked(rule, place));
    this.#requests = new RequestGuard(enforcement);
    this.#responses = new ResponseGuard(enforcement);
    this.#approval = new Approval(id, authorisation, services);
    this.closed = new Promise((resolve) => {
      this.#finished = resolve;
    });
  }

  /** Begins delivery. */
  start(): void {
    this.#exchange.start(this);
  }

  /** New rules for everything that follows, also inside an open session. */
  enforce(enforcement: Enforcement): void {
    this.#enforcement = enforcement;
    this.#masker.replaceRules(enforcement.mask);
    this.#requests.enforce(enforcement);
    this.#responses.enforce(enforcement);
  }

  /** Ends the session from outside: the token was revoked or expired, the edge stops. */
  end(ending: SessionEnding, refusal: Refusal): void {
    if (this.#ended) return;
    this.#exchange.close(refusal);
    this.#finish(ending, refusal);
  }

  fromCaller(runs: readonly Run[]): void | Promise<void> {
    return this.#deliver(runs, 0, this.#request);
  }

  fromTarget(runs: readonly Run[]): void | Promise<void> {
    return this.#deliver(runs, 0, this.#response);
  }

  cancel(lane: number): boolean {
    const held = this.#approval.cancel(lane);
    this.#recorder.event('cancelled', { held });
    return held;
  }

  ended(ending: Ending): void {
    this.#approval.withdraw();
    this.#finish(ending);
  }

  #deliver(
    runs: readonly Run[],
    from: number,
    step: (this: Session, run: Run) => void | Promise<void>,
  ): void | Promise<void> {
    try {
      for (let index = from; index < runs.length; index++) {
        if (this.#ended) return;
        const held = step.call(this, runs[index] as Run);
        if (held)
          return held.then(() => this.#deliver(runs, index + 1, step)).catch((error) => this.#fail(error));
      }
    } catch (error) {
      this.#fail(error);
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
        return this.#input(run);
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

  #input(run: Run): void {
    const refusal = this.#requests.input(run.bytes);
    if (refusal) {
      this.#refuse(run, refusal);
      return;
    }
    this.#tally.blind(run.bytes.length, 'input');
    this.#exchange.forward(run);
  }

  #prepare(run: Run, statement: Statement): void {
    const verdict = this.#enforcement.judge(statement);
    if (verdict.action === 'block') {
      this.#recordOperation(statement, null, verdict);
      this.#refuse(run, this.#requests.refusalOf(verdict));
      return;
    }
    this.#exchange.forward(run);
  }

  #operate(run: Run, statement: Statement): void | Promise<void> {
    const sized = this.#enforcement.judgeSize(run.bytes.length);
    const judged = this.#enforcement.judge(statement);
    const verdict = sized ? worst([judged, sized]) : judged;
    const refusal = this.#requests.check(run, statement, verdict);
    this.#recordOperation(statement, run, verdict);
    if (refusal) {
      this.#refuse(run, refusal);
      return;
    }
    if (verdict.action === 'hold') return this.#hold(run, statement, verdict);
    if (verdict.action === 'warn') this.#warn(run, verdict);
    this.#pass(run, statement);
  }

  /** What changes something is on disk before the target sees it; a plain read may ride in the block. */
  #pass(run: Run, statement: Statement): void {
    if (this.#enforcement.mutates(statement)) this.#recorder.flush();
    this.#responses.operationStarted();
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
    const { recorded, refusal } = await this.#approval.ask({
      lane: run.lane,
      verdict,
      text: statement.text,
      parameters,
      maskedText: this.#maskedText(statement),
      maskedParameters: this.#maskedParameters(parameters),
      notify: (text) => this.#exchange.notify(run.lane, text),
      record: (kind, data) => this.#recorder.event(kind, data),
    });
    if (this.#ended) return;
    this.#recorder.event('decided', recorded);
    if (refusal) this.#refuse(run, refusal);
    else this.#pass(run, statement);
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
      case 'fields': {
        const bytes = this.#masker.fields(meaning.fields) ?? run.bytes;
        this.#tally.inspected(run.bytes.length);
        this.#recorder.response(bytes, 0, run.lane);
        this.#exchange.forward(run, bytes);
        return;
      }
      case 'outcome':
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

  #rows(run: Run): void | Promise<void> {
    if (run.meaning.kind !== 'rows') return;
    const { rows } = run.meaning;
    const masked = this.#masker.rows(rows);
    if (this.#masker.rules.inspects) this.#tally.inspected(run.bytes.length);
    else this.#tally.blind(run.bytes.length, 'no masking rule applies');
    const verdict = this.#responses.judge(run.bytes.length, masked);
    if (verdict?.action === 'block') throw responseRefused(verdict);
    if (verdict?.action === 'hold') return this.#holdResponse(run, rows, masked, verdict);
    if (verdict?.action === 'warn') this.#warn(run, verdict);
    this.#recordRows(run, rows, masked.bytes);
    this.#exchange.forward(run, masked.bytes);
  }

  #recordRows(run: Run, rows: Rows, bytes: Uint8Array): void {
    this.#recorder.shape(rows.shape.description, run.lane);
    this.#recorder.response(bytes, rows.count, run.lane);
  }

  async #holdResponse(run: Run, rows: Rows, masked: Masked, verdict: Verdict): Promise<void> {
    const what = masked.found.length > 0 ? masked.found.join(', ') : `${run.bytes.length} bytes`;
    const { recorded, refusal } = await this.#approval.ask({
      lane: run.lane,
      verdict,
      text: `response of ${this.id}`,
      parameters: [],
      maskedText: `release a response: ${what}`,
      maskedParameters: [],
      notify: (text) => this.#exchange.notify(run.lane, text),
      record: (kind, data) => this.#recorder.event(kind, data),
    });
    if (this.#ended) return;
    this.#recorder.event('decided', recorded);
    if (refusal) throw new RefusalError(refusal);
    this.#recordRows(run, rows, masked.bytes);
    this.#exchange.forward(run, masked.bytes);
  }

  #recordOperation(statement: Statement, run: Run | null, verdict: Verdict): void {
    this.#recorder.operation({
      verb: statement.verb,
      text: this.#maskedText(statement),
      parameters: run ? this.#recordedParameters(run) : null,
      verdict: verdict.action,
      rule: verdict.rule,
      lane: run?.lane ?? 0,
    });
  }

  #recordedParameters(run: Run): readonly (string | null)[] | null {
    if (run.meaning.kind !== 'operation' || !run.meaning.parameters) return null;
    return this.#maskedParameters(run.meaning.parameters());
  }

  #maskedParameters(parameters: readonly (string | null)[]): readonly (string | null)[] {
    return parameters.map((value) => (value === null ? null : this.#masker.text(value, 'parameter')));
  }

  #maskedText(statement: Statement): string {
    let text = this.#texts.get(statement);
    if (text === undefined) {
      text = this.#masker.text(statement.text, 'statement');
      this.#texts.set(statement, text);
    }
    return text;
  }

  #refuse(run: Run, refusal: Refusal, why?: string): void {
    this.#recorder.event('refused', {
      code: refusal.code,
      message: refusal.message,
      ...(refusal.rule === undefined ? {} : { rule: refusal.rule }),
      ...(refusal.ticket === undefined ? {} : { ticket: refusal.ticket }),
      ...(why === undefined ? {} : { why }),
    });
    this.#exchange.refuse(run, refusal);
  }

  /** The end of everything unexpected: the caller hears a refusal, both sockets close, the cause goes to the log. */
  #fail(error: unknown): void {
    const refusal = error instanceof RefusalError ? error.refusal : refuse('SCRIM_INTERNAL').refusal;
    this.#services.failed(this.id, error);
    if (this.#ended) return;
    this.#exchange.close(refusal);
    this.#finish('refused', refusal);
  }

  #finish(ending: SessionEnding, refusal?: Refusal): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#approval.withdraw();
    try {
      this.#tally.flushMasks(this.#recorder);
      this.#recorder.coverage(this.#tally.coverage());
      this.#recorder.closed(ending, refusal);
    } catch (error) {
      this.#services.failed(this.id, error);
    }
    this.#finished?.(ending);
  }
}

function parametersOf(run: Run): readonly (string | null)[] {
  return run.meaning.kind === 'operation' && run.meaning.parameters ? run.meaning.parameters() : [];
}

function responseRefused(verdict: Verdict): RefusalError {
  return refuse('SCRIM_GUARD_BLOCKED', {
    message: verdict.reason
      ? `response blocked by policy: ${verdict.reason}`
      : 'a guard blocked the response',
    hint: 'ask for fewer rows, or for less of each value',
    ...(verdict.rule === undefined ? {} : { rule: verdict.rule }),
  });
}
