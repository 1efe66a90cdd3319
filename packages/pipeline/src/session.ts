import { type Refusal, RefusalError, refuse } from '@scrim/model';
import type { Ending, Exchange, Relay, Run } from '@scrim/protocol-kit';
import type { ApprovalServices } from './approve/approval.ts';
import { attempt } from './attempt.ts';
import type { Authorisation } from './authorise/authorise.ts';
import type { Budget } from './guard/budget.ts';
import type { Enforcement } from './guard/enforcement.ts';
import { refusedEvent } from './record/operation.ts';
import type { SessionEnding, SessionRecorder } from './record/recorder.ts';
import { RequestSteps } from './request-steps.ts';
import { ResponseSteps } from './response-steps.ts';
import { SessionContext } from './session-context.ts';

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
  readonly #context: SessionContext;
  readonly #requests: RequestSteps;
  readonly #responses: ResponseSteps;
  #finished: ((ending: SessionEnding) => void) | undefined;
  /** Settles once, with how the session ended, after its last event is on disk. */
  readonly closed: Promise<SessionEnding>;

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
    this.#context = new SessionContext(id, authorisation, enforcement, exchange, recorder, services);
    this.#requests = new RequestSteps(this.#context);
    this.#responses = new ResponseSteps(this.#context, (error) => this.#fail(error));
    this.closed = new Promise((resolve) => {
      this.#finished = resolve;
    });
  }

  get wholeOperations(): boolean {
    return this.#context.enforcement.wholeOperations;
  }

  get judgesLines(): boolean {
    return this.#context.enforcement.judgesLines(this.authorisation.caller.kind);
  }

  /** Begins delivery, unless the session was ended before it began. */
  start(): void {
    if (this.#context.ended) return;
    try {
      this.#context.exchange.start(this);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** New rules for everything that follows, also inside an open session. */
  enforce(enforcement: Enforcement): void {
    this.#context.enforce(enforcement);
    this.#requests.enforce(enforcement);
    this.#responses.enforce(enforcement);
  }

  /** Ends the session from outside: the token was revoked or expired, the edge stops. Never throws. */
  end(ending: SessionEnding, refusal: Refusal): void {
    if (this.#context.ended) return;
    this.#context.ended = true;
    attempt(this.#context.services.failed, this.id, () => this.#context.exchange.close(refusal));
    this.#finish(ending, refusal);
  }

  fromCaller(runs: readonly Run[]): void | Promise<void> {
    return this.#deliver(runs, 0, this.#requests);
  }

  fromTarget(runs: readonly Run[]): void | Promise<void> {
    return this.#deliver(runs, 0, this.#responses);
  }

  cancel(lane: number): boolean {
    if (this.#context.ended) return true;
    const held = this.#context.approval.cancel(lane);
    try {
      this.#context.recorder.event('cancelled', { held });
    } catch (error) {
      this.#fail(error);
      return true;
    }
    return held;
  }

  drop(lane: number): void {
    this.#context.masker.forget(lane);
    this.#context.sent.forget(lane);
  }

  ended(ending: Ending): void {
    if (this.#context.ended) return;
    this.#context.ended = true;
    this.#finish(ending);
  }

  #deliver(runs: readonly Run[], from: number, steps: RequestSteps | ResponseSteps): void | Promise<void> {
    let at = from;
    try {
      for (let index = from; index < runs.length; index++) {
        if (this.#context.ended) return;
        at = index;
        const held = steps.step(runs[index] as Run);
        if (held)
          return held
            .then(() => this.#deliver(runs, index + 1, steps))
            .catch((error) => this.#failed(error, runs[index] as Run));
      }
    } catch (error) {
      this.#failed(error, runs[at] as Run);
    }
  }

  /** A refusal ends the operation it is about where the wire can say so, and everything else the session. */
  #failed(error: unknown, run: Run): void {
    if (!this.#context.ended && error instanceof RefusalError && this.#abandon(run.lane, error.refusal)) {
      this.#context.services.failed(this.id, error);
    } else this.#fail(error);
  }

  #abandon(lane: number, refusal: Refusal): boolean {
    if (!this.#context.exchange.abandon?.(lane, refusal)) return false;
    this.#responses.over(lane);
    this.drop(lane);
    this.#context.tally.flushMasks(this.#context.recorder);
    this.#context.recorder.event('refused', refusedEvent(refusal, { lane }));
    this.#context.recorder.outcome(false, refusal.code, null, lane);
    return true;
  }

  /** The end of everything unexpected: the caller hears a refusal, both sockets close, the cause goes to the log. */
  #fail(error: unknown): void {
    const refusal = error instanceof RefusalError ? error.refusal : refuse('SCRIM_INTERNAL').refusal;
    this.#context.services.failed(this.id, error);
    this.end('refused', refusal);
  }

  /**
   * The last events. `ended` is set by now, before anything that can call back: closing makes an exchange say that it
   * ended, and the first ending is the true one.
   */
  #finish(ending: SessionEnding, refusal?: Refusal): void {
    this.#context.approval.withdraw();
    this.#responses.stop();
    attempt(this.#context.services.failed, this.id, () => {
      this.#context.tally.flushMasks(this.#context.recorder);
      this.#context.recorder.coverage(this.#context.tally.coverage());
      this.#context.recorder.closed(ending, refusal);
    });
    this.#finished?.(ending);
  }
}
