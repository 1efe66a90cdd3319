import type { Refusal, RefusalCode } from '@scrim/model';
import type { Dialect } from './dialect/contract.ts';
import { STATUS } from './dialect/errors.ts';

/** Codes after which asking again later can succeed without anybody changing anything. */
const PASSING: ReadonlySet<RefusalCode> = new Set([
  'SCRIM_POLICY_EXPIRED',
  'SCRIM_SPOOL_FULL',
  'SCRIM_UNRECORDED',
  'SCRIM_TARGET_UNREACHABLE',
  'SCRIM_TARGET_BROKEN',
]);

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
  if (!PASSING.has(refusal.code)) headers['x-should-retry'] = 'false';
  if (refusal.retryAfter !== undefined)
    headers['retry-after'] = String(Math.max(1, Math.ceil(refusal.retryAfter)));
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
