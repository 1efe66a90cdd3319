import type { Refusal, RefusalCode } from '@scrim/model';
import { report, TYPE } from './wire.ts';

/**
 * The SQLSTATE each refusal is worded with (PostgreSQL documentation, appendix "Error Codes").
 *
 * Whatever goes wrong with the caller's token is class 28, so drivers report a failed login. A failing target is
 * 08006 and never 28: the caller's own credential was right, and a driver must not ask for it again. Refusals inside
 * a session are 42501, which no driver or pool takes for a broken connection.
 */
export const SQLSTATE: Record<RefusalCode, string> = {
  SCRIM_AUTH_MISSING: '28000',
  SCRIM_AUTH_INVALID: '28P01',
  SCRIM_AUTH_EXPIRED: '28P01',
  SCRIM_AUTH_REVOKED: '28P01',
  SCRIM_AUTH_AUDIENCE: '28000',
  SCRIM_CONNECTION_UNKNOWN: '28000',
  SCRIM_CONNECTION_FORBIDDEN: '28000',
  SCRIM_TLS_REQUIRED: '28000',
  SCRIM_POLICY_EXPIRED: '57P03',
  SCRIM_SPOOL_FULL: '57P03',
  SCRIM_LIMIT: '54000',
  SCRIM_BUDGET: '53400',
  SCRIM_GUARD_BLOCKED: '42501',
  SCRIM_APPROVAL_DENIED: '42501',
  SCRIM_APPROVAL_PENDING: '42501',
  SCRIM_APPROVAL_EXPIRED: '42501',
  SCRIM_APPROVAL_UNAVAILABLE: '42501',
  SCRIM_CANCELLED: '57014',
  SCRIM_UNSUPPORTED: '0A000',
  SCRIM_UNPARSED: '42501',
  SCRIM_UNMASKABLE: '42501',
  SCRIM_TOKEN_UNKEPT: '58030',
  SCRIM_WRITE_BACK: '42501',
  SCRIM_UNRECORDED: '58030',
  SCRIM_TARGET_UNREACHABLE: '08006',
  SCRIM_TARGET_TLS: '08006',
  SCRIM_TARGET_CREDENTIAL: '08006',
  SCRIM_TARGET_BROKEN: '08006',
  SCRIM_INTERNAL: 'XX000',
};

/** The refusal as an ErrorResponse; FATAL tells the driver that the connection ends with it. */
export function errorResponse(refusal: Refusal, severity: 'ERROR' | 'FATAL', sqlstate?: string): Buffer {
  const fields: [string, string][] = [
    ['S', severity],
    ['V', severity],
    ['C', sqlstate ?? SQLSTATE[refusal.code]],
    ['M', refusal.message],
  ];
  const detail: string[] = [refusal.code];
  if (refusal.rule !== undefined) detail.push(`rule: ${refusal.rule}`);
  if (refusal.ticket !== undefined) detail.push(`ticket: ${refusal.ticket}`);
  fields.push(['D', detail.join('; ')]);
  if (refusal.hint !== undefined) fields.push(['H', refusal.hint]);
  return report(TYPE.error, fields);
}

/** A NoticeResponse in passing. */
export function noticeResponse(text: string): Buffer {
  return report(TYPE.notice, [
    ['S', 'NOTICE'],
    ['V', 'NOTICE'],
    ['C', '00000'],
    ['M', text],
  ]);
}
