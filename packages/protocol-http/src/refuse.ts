import type { Refusal, RefusalCode } from '@scrim/model';
import type { Dialect } from './dialect/contract.ts';

/**
 * The status each refusal is worded with (RFC 9110 section 15).
 *
 * Nothing inside a session but a budget that is used up for now is 408, 409 or 429: the vendors' SDKs repeat those by
 * themselves, and a blocked call that is repeated is blocked again. `x-should-retry: false` says the same where they
 * repeat 5xx.
 */
export const STATUS: Record<RefusalCode, number> = {
  SCRIM_AUTH_MISSING: 401,
  SCRIM_AUTH_INVALID: 401,
  SCRIM_AUTH_EXPIRED: 401,
  SCRIM_AUTH_REVOKED: 401,
  SCRIM_AUTH_AUDIENCE: 403,
  SCRIM_CONNECTION_UNKNOWN: 404,
  SCRIM_CONNECTION_FORBIDDEN: 403,
  SCRIM_TLS_REQUIRED: 403,
  SCRIM_POLICY_EXPIRED: 503,
  SCRIM_SPOOL_FULL: 503,
  SCRIM_TOKEN_UNKEPT: 503,
  SCRIM_LIMIT: 413,
  SCRIM_BUDGET: 429,
  SCRIM_GUARD_BLOCKED: 403,
  SCRIM_APPROVAL_DENIED: 403,
  SCRIM_APPROVAL_PENDING: 403,
  SCRIM_APPROVAL_EXPIRED: 403,
  SCRIM_APPROVAL_UNAVAILABLE: 403,
  SCRIM_CANCELLED: 403,
  SCRIM_UNSUPPORTED: 400,
  SCRIM_UNPARSED: 400,
  SCRIM_UNMASKABLE: 502,
  SCRIM_WRITE_BACK: 403,
  SCRIM_UNRECORDED: 503,
  SCRIM_TARGET_UNREACHABLE: 502,
  SCRIM_TARGET_TLS: 502,
  SCRIM_TARGET_CREDENTIAL: 502,
  SCRIM_TARGET_BROKEN: 502,
  SCRIM_INTERNAL: 500,
};

/** Codes after which asking again later can succeed without anybody changing anything. */
const PASSING: ReadonlySet<RefusalCode> = new Set([
  'SCRIM_POLICY_EXPIRED',
  'SCRIM_SPOOL_FULL',
  'SCRIM_UNRECORDED',
  'SCRIM_TARGET_UNREACHABLE',
  'SCRIM_TARGET_BROKEN',
]);

/** SDKs wait no longer than this by themselves; a budget that is used up for longer is the caller's own matter. */
const LONGEST_WAIT_SECONDS = 60;

/** Whether the same request, repeated by itself, has a chance. */
export function isWorthRetrying({ code, retryAfter }: Refusal): boolean {
  return retryAfter === undefined ? PASSING.has(code) : retryAfter <= LONGEST_WAIT_SECONDS;
}

/** A refusal as an answer. */
export interface RefusalAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/**
 * Words a refusal: in the vendor's error shape where the connection has a dialect, so that its SDK raises the class its
 * users catch; else as JSON whose `error` has `type`, `code`, `message`, `hint`, `rule` and `ticket`.
 */
export function refusalAnswer(refusal: Refusal, dialect?: Dialect): RefusalAnswer {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-scrim-code': refusal.code,
  };
  if (!isWorthRetrying(refusal)) headers['x-should-retry'] = 'false';
  if (refusal.retryAfter !== undefined) headers['retry-after'] = String(Math.ceil(refusal.retryAfter));
  if (STATUS[refusal.code] === 401) headers['www-authenticate'] = 'Bearer';
  const worded = dialect?.error(refusal);
  if (worded) {
    return { status: worded.status, headers: { ...headers, ...worded.headers }, body: worded.body };
  }
  return {
    status: STATUS[refusal.code],
    headers,
    body: Buffer.from(`${JSON.stringify(errorBody(refusal))}\n`),
  };
}

/** Fits what the clients of several vendors look for: a top-level `type`, and `error.message`. */
function errorBody({ code, message, hint, rule, ticket }: Refusal): object {
  return {
    type: 'error',
    error: {
      type: 'scrim_refusal',
      code,
      message: hint === undefined ? message : `${message} (${hint})`,
      ...(hint === undefined ? {} : { hint }),
      ...(rule === undefined ? {} : { rule }),
      ...(ticket === undefined ? {} : { ticket }),
    },
  };
}
