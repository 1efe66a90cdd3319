import { createHash } from 'node:crypto';
import { type Refusal, RefusalError, refuse } from '@scrim/model';
import type { Verdict } from '@scrim/policy';
import type { Authorisation } from '../authorise/authorise.ts';
import { type Approvals, type Decision, type HeldOperation, operationDigest } from './approve.ts';

export interface ApprovalServices {
  readonly approvals: Approvals;
  readonly now: () => number;
  readonly newId: () => string;
}

/** One held operation or response, with what may be shown of it. */
export interface Question {
  readonly lane: number;
  readonly verdict: Verdict;
  /** Exact, for the digest only. */
  readonly text: string;
  readonly parameters: readonly (string | null)[];
  readonly maskedText: string;
  readonly maskedParameters: readonly (string | null)[];
  readonly notify: (text: string) => void;
  readonly record: (kind: 'held', data: Record<string, unknown>) => void;
}

export interface Answer {
  /** Present when the operation must not run. */
  readonly refusal?: Refusal;
  /** What the session's record keeps of the decision. */
  readonly recorded: Record<string, unknown>;
}

/** The longest wait a timer takes; longer ones fire at once. */
const MAX_TIMER = 2 ** 31 - 1;

/** The approve step of one session. A lane can hold an operation and, of the one before it, a response. */
export class Approval {
  readonly #sessionId: string;
  readonly #authorisation: Authorisation;
  readonly #services: ApprovalServices;
  readonly #held = new Map<AbortController, number>();

  constructor(sessionId: string, authorisation: Authorisation, services: ApprovalServices) {
    this.#sessionId = sessionId;
    this.#authorisation = authorisation;
    this.#services = services;
  }

  /** Ends the hold on a lane because the caller asked; false when nothing was held there. */
  cancel(lane: number): boolean {
    let held = false;
    for (const [controller, on] of this.#held) {
      if (on !== lane) continue;
      held = true;
      controller.abort('cancelled');
    }
    return held;
  }

  /** The caller left: every open request is taken back, so that nobody approves for the void. */
  withdraw(): void {
    for (const controller of this.#held.keys()) controller.abort('withdrawn');
  }

  /**
   * Asks people and waits for them. What goes wrong with asking becomes a refusal; rejects only when `record` or
   * `notify` throws. Settles at the latest when the wait is over or taken back, whatever the approvals do.
   */
  async ask(question: Question): Promise<Answer> {
    const controller = new AbortController();
    const { verdict } = question;
    const approve = verdict.approve ?? { by: [], quorum: 1, expiresMs: 600_000 };
    const expiresAt = this.#services.now() + approve.expiresMs;
    const digest = this.#digest(question);
    question.record('held', { rule: verdict.rule, reason: verdict.reason, digest: digest.toString('hex') });
    let ticket: string | undefined;
    let waiting = true;
    this.#held.set(controller, question.lane);
    const timer = setTimeout(
      () => controller.abort('expired'),
      Math.min(approve.expiresMs, MAX_TIMER),
    ).unref();
    const over = aborted(controller.signal);
    const pending = (approvalId: string, url: string): void => {
      ticket = approvalId;
      if (!waiting || controller.signal.aborted) return;
      question.notify(pendingText(verdict, approvalId, url, approve, expiresAt - this.#services.now()));
    };
    try {
      const held = this.#heldOperation(question, digest, approve, expiresAt);
      const asked = this.#services.approvals.request(held, controller.signal, pending);
      const decision = await Promise.race([asked, over]);
      // Cancelled while it was being redeemed counts: the caller was told that nothing is sent.
      return await Promise.race([settle(decision, digest, verdict, controller.signal), over]);
    } catch (error) {
      return this.#failed(error, controller.signal, verdict, ticket);
    } finally {
      waiting = false;
      clearTimeout(timer);
      this.#held.delete(controller);
    }
  }

  #heldOperation(
    question: Question,
    digest: Uint8Array,
    approve: NonNullable<Verdict['approve']>,
    expiresAt: number,
  ): HeldOperation {
    const { verdict } = question;
    const { connection, caller, part } = this.#authorisation;
    const where = part === undefined ? '' : ` (database ${part})`;
    return {
      requestId: this.#services.newId(),
      sessionId: this.#sessionId,
      connection: connection.name,
      caller: caller.subject,
      callerGroups: caller.groups,
      policy: verdict.policy ?? '',
      policyVersion: verdict.policyVersion ?? 0,
      rule: verdict.rule ?? '',
      reason: `${verdict.reason ?? ''}${where}`.trim(),
      statement: question.maskedText,
      parameters: question.maskedParameters.map((it) => it ?? 'NULL'),
      digest,
      expiresAt,
      approverGroups: approve.by,
      quorum: approve.quorum,
    };
  }

  #digest(question: Question): Buffer {
    const { connection, part } = this.#authorisation;
    return operationDigest({
      // The same words mean something else in another database. No connection's name has a slash.
      connection: part === undefined ? connection.name : `${connection.name}/${part}`,
      caller: this.#authorisation.caller.subject,
      policy: question.verdict.policy ?? '',
      policyVersion: question.verdict.policyVersion ?? 0,
      text: question.text,
      parameters: question.parameters,
    });
  }

  #failed(error: unknown, signal: AbortSignal, verdict: Verdict, ticket: string | undefined): Answer {
    const named = {
      ...(verdict.rule === undefined ? {} : { rule: verdict.rule }),
      ...(ticket === undefined ? {} : { ticket }),
    };
    if (signal.aborted && signal.reason !== 'expired') {
      const { refusal } = refuse('SCRIM_CANCELLED', named);
      return { refusal, recorded: { state: String(signal.reason), ...named } };
    }
    if (signal.aborted) {
      const { refusal } = refuse('SCRIM_APPROVAL_EXPIRED', {
        ...named,
        hint: 'ask an approver and run it again',
      });
      return { refusal, recorded: { state: 'expired', ...named } };
    }
    const refusal =
      error instanceof RefusalError
        ? { ...named, ...error.refusal }
        : refuse('SCRIM_APPROVAL_UNAVAILABLE', named).refusal;
    return { refusal, recorded: { state: 'unavailable', ...named } };
  }
}

function pendingText(
  verdict: Verdict,
  approvalId: string,
  url: string,
  approve: { readonly by: readonly string[]; readonly quorum: number },
  waitMs: number,
): string {
  const who = approve.by.join(', ');
  const count = approve.quorum > 1 ? `${approve.quorum} approvers of ${who}` : `an approver of ${who}`;
  const why = verdict.reason ? ` (${verdict.reason})` : '';
  return `scrim: held by ${verdict.rule}${why}; waiting up to ${Math.ceil(waitMs / 1000)} s for ${count}; approval ${approvalId} at ${url}`;
}

/** What the approval of a response binds to: these bytes, as the caller would see them. */
export function responseText(bytes: Uint8Array): string {
  return `response sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Rejects once the signal is aborted; handled, because nobody may be waiting any more. */
function aborted(signal: AbortSignal): Promise<never> {
  const over = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  over.catch(() => {});
  return over;
}

/** An approval counts only once it is redeemed, so that a copy of the decision is worth nothing. */
async function settle(
  decision: Decision,
  digest: Uint8Array,
  verdict: Verdict,
  signal: AbortSignal,
): Promise<Answer> {
  signal.throwIfAborted();
  const named = {
    ticket: decision.approvalId,
    ...(verdict.rule === undefined ? {} : { rule: verdict.rule }),
  };
  if (decision.state === 'approved') {
    const redeemed = await decision.redeem(digest);
    signal.throwIfAborted();
    const recorded = { state: redeemed ? 'approved' : 'not redeemed', by: decision.decidedBy, ...named };
    if (redeemed) return { recorded };
    return {
      recorded,
      refusal: refuse('SCRIM_APPROVAL_EXPIRED', {
        ...named,
        message: 'the approval was already used, is too late or was for another operation',
      }).refusal,
    };
  }
  const recorded = { state: decision.state, by: decision.decidedBy, comment: decision.comment, ...named };
  if (decision.state === 'expired') {
    return {
      recorded,
      refusal: refuse('SCRIM_APPROVAL_EXPIRED', { ...named, hint: 'ask an approver and run it again' })
        .refusal,
    };
  }
  const comment = decision.comment ? `: ${decision.comment}` : '';
  return {
    recorded,
    refusal: refuse('SCRIM_APPROVAL_DENIED', {
      ...named,
      message: `an approver denied the operation${comment}`,
    }).refusal,
  };
}
