import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { ApprovalRefused } from '../modules/approvals/service.ts';
import { EnrolmentRefused } from '../modules/edges/enrolment.ts';

/** An answer that is an error: gRPC code, one sentence, and for machines a reason in the trailers. */
export class RpcFailure extends Error {
  override readonly name = 'RpcFailure';
  readonly code: status;
  readonly reason: string | undefined;

  constructor(code: status, message: string, reason?: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

/** An edge that hears this forgets what it holds. */
export const EDGE_REVOKED = 'edge-revoked';

export function edgeRevoked(): RpcFailure {
  return new RpcFailure(status.PERMISSION_DENIED, 'this edge was revoked', EDGE_REVOKED);
}

const ENROLMENT: Readonly<Record<EnrolmentRefused['kind'], status>> = {
  token: status.PERMISSION_DENIED,
  request: status.INVALID_ARGUMENT,
  taken: status.ALREADY_EXISTS,
  key: status.FAILED_PRECONDITION,
  unknown: status.UNAUTHENTICATED,
  revoked: status.PERMISSION_DENIED,
};

const APPROVAL: Readonly<Record<ApprovalRefused['kind'], status>> = {
  invalid: status.INVALID_ARGUMENT,
  changed: status.FAILED_PRECONDITION,
  'too-many': status.RESOURCE_EXHAUSTED,
};

/** What of an error a peer may know: what we meant it to know, otherwise that it was our fault. */
export function toFailure(error: unknown): RpcFailure {
  if (error instanceof RpcFailure) return error;
  if (error instanceof EnrolmentRefused && error.kind === 'revoked') return edgeRevoked();
  if (error instanceof EnrolmentRefused) return new RpcFailure(ENROLMENT[error.kind], error.message);
  if (error instanceof ApprovalRefused) return new RpcFailure(APPROVAL[error.kind], error.message);
  // The database away, most of all: UNAVAILABLE makes edges try again.
  return new RpcFailure(status.UNAVAILABLE, 'the control plane cannot serve this now');
}

/** The shape grpc-js sends as status and trailers. */
export function statusOf(failure: RpcFailure): Partial<ServiceError> {
  const metadata = new Metadata();
  if (failure.reason !== undefined) metadata.set('scrim-reason', failure.reason);
  return { code: failure.code, details: failure.message, metadata };
}
