/**
 * Every reason Scrim says no, in one table. A protocol words a refusal in its own terms (an SQLSTATE, an HTTP
 * status) from an exhaustive map over these codes; docs/errors.md has a row for each.
 */
export const REFUSALS = {
  SCRIM_AUTH_MISSING: 'no token was presented',
  SCRIM_AUTH_INVALID: 'the token is not one this edge can trust',
  SCRIM_AUTH_EXPIRED: 'the token has expired',
  SCRIM_AUTH_REVOKED: 'the token was revoked',
  SCRIM_AUTH_AUDIENCE: 'the token was issued for something else',
  SCRIM_CONNECTION_UNKNOWN: 'no such connection is served here',
  SCRIM_CONNECTION_FORBIDDEN: 'the connection does not open that database',
  SCRIM_TLS_REQUIRED: 'this edge takes only TLS connections',
  SCRIM_POLICY_EXPIRED: "the edge's policy snapshot has outlived its lifetime",
  SCRIM_SPOOL_FULL: 'the edge cannot record a new session',
  SCRIM_LIMIT: 'a configured bound was reached',
  SCRIM_BUDGET: "the caller's budget for this connection is used up",
  SCRIM_GUARD_BLOCKED: 'a guard blocked the operation',
  SCRIM_APPROVAL_DENIED: 'an approver denied the operation',
  SCRIM_APPROVAL_PENDING: 'the operation waits for an approval',
  SCRIM_APPROVAL_EXPIRED: 'nobody approved the operation in time',
  SCRIM_APPROVAL_UNAVAILABLE: 'the operation needs an approval and the control plane is away',
  SCRIM_CANCELLED: 'the caller cancelled the operation',
  SCRIM_UNSUPPORTED: 'the protocol feature is not served',
  SCRIM_UNPARSED: 'the traffic could not be understood',
  SCRIM_UNMASKABLE: 'a value that must be masked could not be',
  SCRIM_TOKEN_UNKEPT: 'a reversible token could not be kept',
  SCRIM_WRITE_BACK: 'the operation would write a mask over real data',
  SCRIM_UNRECORDED: 'the session could not be recorded',
  SCRIM_TARGET_UNREACHABLE: 'the target could not be reached',
  SCRIM_TARGET_TLS: 'the target did not prove itself by TLS',
  SCRIM_TARGET_CREDENTIAL: "the target refused the connection's credential",
  SCRIM_TARGET_BROKEN: 'the target ended or broke the conversation',
  SCRIM_INTERNAL: 'the edge failed and closed the operation',
} as const;

export type RefusalCode = keyof typeof REFUSALS;

/**
 * Why an operation, a response or a caller was turned away. `message` and `hint` go to the caller as they are, so
 * they never hold a target's address, credential or an unmasked value.
 */
export interface Refusal {
  readonly code: RefusalCode;
  /** One sentence, no trailing full stop. */
  readonly message: string;
  /** What the caller can do about it. */
  readonly hint?: string;
  /** The rule that decided, as `policy/guard[2]`. */
  readonly rule?: string;
  /** The approval or incident the caller can quote. */
  readonly ticket?: string;
  /** Seconds after which asking again can succeed. */
  readonly retryAfter?: number;
}

/** A refusal on its way up; `cause` is for the edge's own log and never reaches the caller. */
export class RefusalError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, cause?: unknown) {
    super(`${refusal.code}: ${refusal.message}`, cause === undefined ? undefined : { cause });
    this.name = 'RefusalError';
    this.refusal = refusal;
  }
}

/** Builds a {@link RefusalError}; the message defaults to the code's own sentence. */
export function refuse(
  code: RefusalCode,
  details: Partial<Omit<Refusal, 'code'>> & { cause?: unknown } = {},
): RefusalError {
  const { cause, ...rest } = details;
  return new RefusalError({ message: REFUSALS[code], ...rest, code }, cause);
}
