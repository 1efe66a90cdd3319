import { create } from '@bufbuild/protobuf';
import { type ServiceError, status } from '@grpc/grpc-js';
import { type RefusalError, refuse } from '@scrim/model';
import type { Decision, HeldOperation } from '@scrim/pipeline';
import {
  RedeemApprovalRequestSchema,
  type RequestApprovalRequest,
  RequestApprovalRequestSchema,
  type RequestApprovalResponse,
  RequestApprovalResponse_State as State,
} from '@scrim/rpc';
import { Backoff } from './backoff.ts';
import type { EdgeClient } from './channel.ts';

/** Called once people can see the request, with its id and the address where they decide. */
export type OnPending = (approvalId: string, url: string) => void;

/** A control plane that is merely between two replicas answers within this; longer is away. */
const FIRST_CONTACT_MS = 2_000;
const RESUME_CONTACT_MS = 5_000;
const REDEEM_MS = 5_000;

/** Asking the same again gets the same answer. */
const FINAL: ReadonlySet<number> = new Set([
  status.INVALID_ARGUMENT,
  status.FAILED_PRECONDITION,
  status.PERMISSION_DENIED,
  status.RESOURCE_EXHAUSTED,
  status.ALREADY_EXISTS,
  status.UNIMPLEMENTED,
]);

function unavailable(cause: unknown): RefusalError {
  return refuse('SCRIM_APPROVAL_UNAVAILABLE', {
    hint: 'try again when the control plane is back; operations that need no approval still work',
    cause,
  });
}

function wire(request: HeldOperation): RequestApprovalRequest {
  const { expiresAt, parameters, approverGroups, callerGroups, ...rest } = request;
  return create(RequestApprovalRequestSchema, {
    ...rest,
    digest: Uint8Array.from(request.digest),
    parameters: [...parameters],
    approverGroups: [...approverGroups],
    callerGroups: [...callerGroups],
    expiresAtMs: BigInt(expiresAt),
  });
}

type Heard = { readonly answer: RequestApprovalResponse } | { readonly error: unknown };

/** One stream: resolves with the decision, or with what broke it. `first` ms are given to the first message. */
function listen(
  client: EdgeClient,
  request: RequestApprovalRequest,
  signal: AbortSignal,
  first: number,
  pending: (answer: RequestApprovalResponse) => void,
): Promise<Heard> {
  return new Promise((resolve) => {
    const call = client.requestApproval(request);
    const cancel = () => call.cancel();
    const timer = setTimeout(cancel, first);
    const expiry = setTimeout(
      cancel,
      Math.max(0, Math.min(Number(request.expiresAtMs) - Date.now(), 2 ** 31 - 1)),
    );
    const finish = (heard: Heard) => {
      clearTimeout(timer);
      clearTimeout(expiry);
      signal.removeEventListener('abort', cancel);
      resolve(heard);
    };
    signal.addEventListener('abort', cancel);
    call.on('data', (answer: RequestApprovalResponse) => {
      clearTimeout(timer);
      if (answer.state === State.PENDING) pending(answer);
      else finish({ answer });
    });
    call.once('error', (error) => finish({ error }));
    call.once('end', () => finish({ error: new Error('the stream ended without a decision') }));
    call.on('error', () => {});
    if (signal.aborted) cancel();
  });
}

/** Asks people through the control plane; a stream that breaks is taken up again under the same request id. */
export class ApprovalClient {
  readonly #client: () => EdgeClient;
  readonly #now: () => number;

  constructor(client: () => EdgeClient, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  /**
   * Resolves with the decision, or as expired at `request.expiresAt` at the latest. Aborting withdraws the request.
   *
   * @throws RefusalError SCRIM_APPROVAL_UNAVAILABLE when the control plane cannot be asked, SCRIM_CANCELLED on abort
   */
  async ask(request: HeldOperation, signal: AbortSignal, onPending?: OnPending): Promise<Decision> {
    const message = wire(request);
    const backoff = new Backoff(100, 1_500);
    const started = this.#now();
    let known: string | undefined;
    const pending = ({ approvalId, url }: RequestApprovalResponse) => {
      if (known === undefined) onPending?.(approvalId, url);
      known = approvalId;
    };
    while (this.#now() < request.expiresAt) {
      const patience = known === undefined ? FIRST_CONTACT_MS : RESUME_CONTACT_MS;
      const heard = await listen(this.#client(), message, signal, patience, pending);
      if ('answer' in heard) return this.#outcome(heard.answer);
      if (signal.aborted) throw refuse('SCRIM_CANCELLED');
      const code = (heard.error as Partial<ServiceError>).code;
      if (code !== undefined && FINAL.has(code)) throw unavailable(heard.error);
      if (known === undefined && this.#now() - started >= FIRST_CONTACT_MS) throw unavailable(heard.error);
      await backoff.wait(signal);
      if (signal.aborted) throw refuse('SCRIM_CANCELLED');
    }
    return { state: 'expired', approvalId: known ?? '' };
  }

  #outcome(answer: RequestApprovalResponse): Decision {
    const { approvalId, decidedBy, comment } = answer;
    if (answer.state === State.APPROVED) {
      const redeem = (digest: Uint8Array) => this.#redeem(approvalId, digest);
      return { state: 'approved', approvalId, decidedBy, redeem };
    }
    if (answer.state === State.DENIED) return { state: 'denied', approvalId, decidedBy, comment };
    // Withdrawn, and states this edge does not know: nobody said yes.
    return { state: 'expired', approvalId };
  }

  async #redeem(approvalId: string, digest: Uint8Array): Promise<boolean> {
    const request = create(RedeemApprovalRequestSchema, { approvalId, digest: Uint8Array.from(digest) });
    try {
      // Never asked twice: an answer lost on the way leaves the approval used, and the operation not run.
      return (await this.#client().redeem(request, REDEEM_MS)).redeemed;
    } catch (error) {
      throw unavailable(error);
    }
  }
}
