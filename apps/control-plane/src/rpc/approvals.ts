import { create } from '@bufbuild/protobuf';
import type { ServerWritableStream } from '@grpc/grpc-js';
import {
  type RedeemApprovalRequest,
  type RedeemApprovalResponse,
  RedeemApprovalResponseSchema,
  type RequestApprovalRequest,
  type RequestApprovalResponse,
  RequestApprovalResponseSchema,
  RequestApprovalResponse_State as State,
} from '@scrim/rpc';
import type { Pool } from 'pg';
import type { Approvals, Waiting } from '../modules/approvals/service.ts';
import type { ApprovalState } from '../modules/approvals/states.ts';
import type { ApprovalRecord } from '../modules/approvals/store.ts';
import type { Distribution } from '../modules/edges/distribution.ts';
import { statusOf, toFailure } from './failure.ts';
import { type Peer, peerOf } from './peer.ts';

export interface ApprovalParts {
  readonly pool: Pool;
  readonly approvals: Approvals;
  readonly distribution: Distribution;
  /** Where people decide, without a trailing slash. */
  readonly publicUrl: string;
  readonly problem: (what: string, error: unknown) => void;
}

type Call = ServerWritableStream<RequestApprovalRequest, RequestApprovalResponse>;

const STATE: Readonly<Record<ApprovalState, State>> = {
  pending: State.PENDING,
  approved: State.APPROVED,
  denied: State.DENIED,
  expired: State.EXPIRED,
  withdrawn: State.WITHDRAWN,
  // Asked for again after its use: whoever asks must not run it a second time.
  redeemed: State.EXPIRED,
};

function answer(record: ApprovalRecord, publicUrl: string): RequestApprovalResponse {
  const last = record.decisions.at(-1);
  return create(RequestApprovalResponseSchema, {
    approvalId: record.id,
    state: STATE[record.state],
    url: `${publicUrl}/approvals/${record.id}`,
    decidedBy: record.state === 'pending' ? '' : record.decisions.map(({ subject }) => subject).join(', '),
    comment: last?.comment ?? '',
  });
}

/** PostgreSQL's text holds no NUL; it is shown by its symbol, and the digest still binds the exact operation. */
function readable(text: string): string {
  return text.replaceAll('\0', '\u2400');
}

function put(parts: ApprovalParts, peer: Peer, request: RequestApprovalRequest): Promise<Waiting> {
  // Beyond what a date can hold is beyond the day an approval may wait: the service says so.
  const expiresAt = Number(BigInt.asIntN(53, request.expiresAtMs));
  return parts.approvals.request({
    requestId: request.requestId,
    edgeId: peer.edgeId,
    sessionId: request.sessionId,
    connection: request.connection,
    caller: request.caller,
    callerGroups: request.callerGroups,
    policy: request.policy,
    policyVersion: request.policyVersion,
    rule: request.rule,
    reason: readable(request.reason),
    statement: readable(request.statement),
    parameters: request.parameters.map(readable),
    digest: Buffer.from(request.digest),
    quorum: request.quorum,
    approverGroups: request.approverGroups,
    expiresAt: new Date(expiresAt),
  });
}

async function serve(parts: ApprovalParts, call: Call, gone: AbortSignal): Promise<void> {
  const peer = await peerOf(call, parts.pool);
  const waiting = await put(parts, peer, call.request);
  const leave = () => {
    // A broken connection takes the edge's Watch stream with it, a stream closed on purpose does not.
    setTimeout(() => void waiting.leave(parts.distribution.has(peer.edgeId)), 50);
  };
  if (gone.aborted) return leave();
  gone.addEventListener('abort', leave);
  if (waiting.record.state === 'pending') call.write(answer(waiting.record, parts.publicUrl));
  const decided = await waiting.decided;
  gone.removeEventListener('abort', leave);
  call.write(answer(decided, parts.publicUrl));
  call.end();
}

/** EdgeService.RequestApproval: pending with the address where people decide, then the decision. */
export function requestApproval(parts: ApprovalParts, call: Call): void {
  const gone = new AbortController();
  call.on('cancelled', () => gone.abort());
  call.on('error', () => gone.abort());
  serve(parts, call, gone.signal).catch((error: unknown) => {
    const failure = toFailure(error);
    if (failure.message === 'the control plane cannot serve this now')
      parts.problem('an approval failed', error);
    if (!gone.signal.aborted) call.emit('error', statusOf(failure));
  });
}

/** EdgeService.RedeemApproval. */
export async function redeemApproval(
  parts: ApprovalParts,
  peer: Peer,
  request: RedeemApprovalRequest,
): Promise<RedeemApprovalResponse> {
  const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  if (!UUID.test(request.approvalId)) {
    return create(RedeemApprovalResponseSchema, { redeemed: false, whyNot: 'there is no such approval' });
  }
  const result = await parts.approvals.redeem(request.approvalId, peer.edgeId, request.digest);
  return create(RedeemApprovalResponseSchema, {
    redeemed: result.redeemed,
    whyNot: result.redeemed ? '' : result.whyNot,
  });
}
