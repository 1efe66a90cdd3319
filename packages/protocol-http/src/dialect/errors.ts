import type { Refusal, RefusalCode } from '@scrim/model';
import type { VendorError } from './contract.ts';
import type { Framing } from './framing.ts';

/** The HTTP status of each refusal: what SDKs choose their error class by. */
export const STATUS: Readonly<Record<RefusalCode, number>> = {
  SCRIM_AUTH_MISSING: 401,
  SCRIM_AUTH_INVALID: 401,
  SCRIM_AUTH_EXPIRED: 401,
  SCRIM_AUTH_REVOKED: 401,
  SCRIM_AUTH_AUDIENCE: 401,
  SCRIM_CONNECTION_UNKNOWN: 404,
  SCRIM_CONNECTION_FORBIDDEN: 403,
  SCRIM_TLS_REQUIRED: 403,
  SCRIM_POLICY_EXPIRED: 503,
  SCRIM_SPOOL_FULL: 503,
  SCRIM_LIMIT: 413,
  SCRIM_BUDGET: 429,
  SCRIM_GUARD_BLOCKED: 403,
  SCRIM_APPROVAL_DENIED: 403,
  SCRIM_APPROVAL_PENDING: 403,
  SCRIM_APPROVAL_EXPIRED: 403,
  SCRIM_APPROVAL_UNAVAILABLE: 503,
  SCRIM_CANCELLED: 403,
  SCRIM_UNSUPPORTED: 400,
  SCRIM_UNPARSED: 400,
  SCRIM_UNMASKABLE: 403,
  SCRIM_WRITE_BACK: 403,
  SCRIM_UNRECORDED: 503,
  SCRIM_TARGET_UNREACHABLE: 502,
  SCRIM_TARGET_TLS: 502,
  SCRIM_TARGET_CREDENTIAL: 502,
  SCRIM_TARGET_BROKEN: 502,
  SCRIM_INTERNAL: 500,
};

/** Waiting can help; everything else is decided, and asking again only repeats it. */
const WORTH_RETRYING: ReadonlySet<RefusalCode> = new Set([
  'SCRIM_SPOOL_FULL',
  'SCRIM_TARGET_UNREACHABLE',
  'SCRIM_TARGET_BROKEN',
]);
/** SDKs wait no longer than this by themselves; a later end of a budget is the caller's own decision. */
const LONGEST_WAIT = 60;

/** The vendor's error object, and how it looks as an event of a stream. */
export interface ErrorShape {
  readonly body: unknown;
  readonly event: { readonly name?: string; readonly data: unknown };
}

/** One sentence a person or an agent can act on. */
export function messageOf({ code, message, hint, rule, ticket }: Refusal): string {
  const about = [code, rule && `rule ${rule}`, ticket && `ticket ${ticket}`].filter(Boolean).join(', ');
  return `scrim: ${message}${hint ? `; ${hint}` : ''} (${about})`;
}

export function vendorError(
  refusal: Refusal,
  shape: ErrorShape,
  streaming: Framing | undefined,
): VendorError {
  const status = STATUS[refusal.code];
  const wait = refusal.retryAfter;
  const retry = wait === undefined ? WORTH_RETRYING.has(refusal.code) : wait <= LONGEST_WAIT;
  const headers = {
    'content-type': 'application/json',
    'x-should-retry': String(retry),
    ...(wait === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(wait))) }),
  };
  if (!streaming) return { status, headers, body: Buffer.from(JSON.stringify(shape.body)) };
  const data = JSON.stringify(shape.event.data);
  const name = shape.event.name === undefined ? '' : `event: ${shape.event.name}\n`;
  const body =
    streaming === 'sse' ? `${name}data: ${data}\n\n` : streaming === 'ndjson' ? `${data}\n` : `,\n${data}\n]`;
  return { status, headers, body: Buffer.from(body) };
}
