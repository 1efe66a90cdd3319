import type { Refusal } from '@scrim/model';
import type { Verdict } from '@scrim/policy';
import type { Exchange, Run } from '@scrim/protocol-kit';
import { Approval } from './approve/approval.ts';
import { attempt } from './attempt.ts';
import type { Authorisation } from './authorise/authorise.ts';
import type { Budget } from './guard/budget.ts';
import type { Enforcement } from './guard/enforcement.ts';
import { UNREAD } from './guard/response.ts';
import { Masker } from './mask/masker.ts';
import { Restorer } from './mask/restore.ts';
import { OperationRecord, refusedEvent } from './record/operation.ts';
import type { SessionRecorder } from './record/recorder.ts';
import { Tally } from './record/tally.ts';
import type { SessionServices } from './session.ts';

/** What both directions of one session share: its two ends, its record, the rules of now. */
export class SessionContext {
  readonly id: string;
  readonly exchange: Exchange;
  readonly recorder: SessionRecorder;
  readonly services: SessionServices;
  /** What flows to the caller. */
  readonly masker: Masker;
  /** What the caller sends: its channels are others than the target's. */
  readonly sent: Masker;
  readonly tally = new Tally();
  readonly approval: Approval;
  readonly operations: OperationRecord;
  readonly #authorisation: Authorisation;
  enforcement: Enforcement;
  /** Set before anything that closing can call back. */
  ended = false;

  constructor(
    id: string,
    authorisation: Authorisation,
    enforcement: Enforcement,
    exchange: Exchange,
    recorder: SessionRecorder,
    services: SessionServices,
  ) {
    this.id = id;
    this.enforcement = enforcement;
    this.exchange = exchange;
    this.recorder = recorder;
    this.services = services;
    const onHit = (rule: string, place: string) => this.tally.masked(rule, place);
    const restorer = new Restorer();
    this.masker = new Masker(enforcement.mask, onHit, { restorer, sent: false });
    this.sent = new Masker(enforcement.mask, onHit, { restorer, sent: true });
    this.operations = new OperationRecord(this.masker, recorder);
    this.approval = new Approval(id, authorisation, services);
    this.#authorisation = authorisation;
  }

  /** What the caller may still use of its connection: looked up each time, because it is shared with other sessions. */
  get budget(): Budget | undefined {
    return this.services.budget?.(this.#authorisation);
  }

  enforce(enforcement: Enforcement): void {
    this.enforcement = enforcement;
    this.masker.replaceRules(enforcement.mask);
    this.sent.replaceRules(enforcement.mask);
    this.operations.forget();
  }

  warn(run: Run, verdict: Verdict): void {
    this.recorder.event('warned', { rule: verdict.rule, reason: verdict.reason });
    this.exchange.notify(
      run.lane,
      `scrim: ${verdict.reason ?? 'this operation is watched'} (${verdict.rule})`,
    );
  }

  refuse(run: Run, refusal: Refusal, why?: string): void {
    this.recorder.event('refused', refusedEvent(refusal, why === undefined ? {} : { why }));
    this.exchange.refuse(run, refusal);
  }

  /** Tells the caller something while it waits; what fails there must not end the wait. */
  notify(run: Run, text: string): void {
    if (!this.ended) attempt(this.services.failed, this.id, () => this.exchange.notify(run.lane, text));
  }

  /** Counts what every applying rule has looked at, or nothing has (DESIGN rule 4.2). */
  count(run: Run): void {
    const unread = run.meaning.kind === 'texts' ? (run.meaning.texts.uninspected ?? 0) : 0;
    if (this.masker.rules.inspects) {
      this.tally.inspected(Math.max(0, run.bytes.length - unread));
      if (unread > 0) this.tally.blind(unread, UNREAD);
    } else this.tally.blind(run.bytes.length, 'no masking rule applies');
  }
}
