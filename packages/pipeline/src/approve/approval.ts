import { type Refusal, RefusalError, refuse } from '@scrim/model';
import type { Verdict } from '@scrim/policy';
import type { Authorisation } from '../authorise/authorise.ts';
import { type Approvals, type Decision, operationDigest } from './approve.ts';

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

/** The approve step of one session: at most one operation is held per lane. */
export class Approval {
  readonly #sessionId: string;
  readonly #authorisation: Authorisation;
  readonly #services: ApprovalServices;
  readonly #held = new Map<number, AbortController>();

  constructor(sessionId: string, authorisation: Authorisation, services: ApprovalServices) {
    this.#sessionId = sessionId;
    this.#authorisation = authorisation;
    this.#services = services;
  }

  /** Ends the hold on a lane because the caller asked; false when nothing was held there. */
  cancel(lane: number): boolean {
    const controller = this.#held.get(lane);
    controller?.abort('cancelled');
    return controller !== undefined;
  }

  /** The caller left: every open request is taken back, so that nobody approves for the void. */
  withdraw(): void {
    for (const controller of this.#held.values()) controller.abort('withdrawn');
  }

  /** Asks people and waits for them. Never rejects: whatever goes wrong becomes a refusal. */
  async ask(question: Question): Promise<Answer> {
    const controller = new AbortController();
    this.#held.set(question.lane, controller);
    const { verdict } = question;
    const approve = verdict.approve ?? { by: [], quorum: 1, expiresMs: 600_000 };
    const expiresAt = this.#services.now() + approve.expiresMs;
    const digest = this.#digest(question);
    question.record('held', { rule: verdict.rule, reason: verdict.reason, digest: digest.toString('hex') });
    let ticket: string | undefined;
    const timer = setTimeout(() => controller.abort('expired'), approve.expiresMs);
    try {
      const decision = await this.#services.approvals.request(
        {
          requestId: this.#services.newId(),
          sessionId: this.#sessionId,
          connection: this.#authorisation.connection.name,
          caller: this.#authorisation.caller.subject,
          callerGroups: this.#authorisation.caller.groups,
          policy: verdict.policy ?? '',
          policyVersion: verdict.policyVersion ?? 0,
          rule: verdict.rule ?? '',
          reason: verdict.reason ?? '',
          statement: question.maskedText,
          parameters: question.maskedParameters.map((it) => it ?? 'NULL'),
          digest,
          expiresAt,
          approverGroups: approve.by,
          quorum: approve.quorum,
        },
        controller.signal,
        (approvalId, url) => {
          ticket = approvalId;
          question.notify(pendingText(verdict, approvalId, url, approve, expiresAt - this.#services.now()));
        },
      );
      return await settle(decision, digest, verdict);
    } catch (error) {
      return this.#failed(error, controller.signal, verdict, ticket);
    } finally {
      clearTimeout(timer);
      this.#held.delete(question.lane);
    }
  }

  #digest(question: Question): Buffer {
    return operationDigest({
      connection: this.#authorisation.connection.name,
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

/** An approval counts only once it is redeemed, so that a copy of the decision is worth nothing. */
async function settle(decision: Decision, digest: Uint8Array, verdict: Verdict): Promise<Answer> {
  const named = {
    ticket: decision.approvalId,
    ...(verdict.rule === undefined ? {} : { rule: verdict.rule }),
  };
  if (decision.state === 'approved') {
    const redeemed = await decision.redeem(digest);
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
