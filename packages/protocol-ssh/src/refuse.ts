import type { Refusal, RefusalCode } from '@scrim/model';

/** Reason codes of SSH_MSG_DISCONNECT (RFC 4253 section 11.1). */
export const DISCONNECT = {
  notAllowed: 1,
  protocolError: 2,
  unavailable: 7,
  connectionLost: 10,
  byApplication: 11,
  tooMany: 12,
  noMethods: 14,
} as const;

type Reason = (typeof DISCONNECT)[keyof typeof DISCONNECT];

/** The reason each refusal ends a connection with; clients print the text beside it. */
export const DISCONNECT_REASON: Record<RefusalCode, Reason> = {
  SCRIM_AUTH_MISSING: DISCONNECT.noMethods,
  SCRIM_AUTH_INVALID: DISCONNECT.noMethods,
  SCRIM_AUTH_EXPIRED: DISCONNECT.noMethods,
  SCRIM_AUTH_REVOKED: DISCONNECT.noMethods,
  SCRIM_AUTH_AUDIENCE: DISCONNECT.noMethods,
  SCRIM_CONNECTION_UNKNOWN: DISCONNECT.noMethods,
  SCRIM_CONNECTION_FORBIDDEN: DISCONNECT.notAllowed,
  SCRIM_TLS_REQUIRED: DISCONNECT.notAllowed,
  SCRIM_POLICY_EXPIRED: DISCONNECT.unavailable,
  SCRIM_SPOOL_FULL: DISCONNECT.unavailable,
  SCRIM_LIMIT: DISCONNECT.tooMany,
  SCRIM_BUDGET: DISCONNECT.tooMany,
  SCRIM_GUARD_BLOCKED: DISCONNECT.notAllowed,
  SCRIM_APPROVAL_DENIED: DISCONNECT.notAllowed,
  SCRIM_APPROVAL_PENDING: DISCONNECT.notAllowed,
  SCRIM_APPROVAL_EXPIRED: DISCONNECT.notAllowed,
  SCRIM_APPROVAL_UNAVAILABLE: DISCONNECT.notAllowed,
  SCRIM_CANCELLED: DISCONNECT.byApplication,
  SCRIM_UNSUPPORTED: DISCONNECT.unavailable,
  SCRIM_UNPARSED: DISCONNECT.protocolError,
  SCRIM_UNMASKABLE: DISCONNECT.notAllowed,
  SCRIM_WRITE_BACK: DISCONNECT.notAllowed,
  SCRIM_UNRECORDED: DISCONNECT.unavailable,
  SCRIM_TOKEN_UNKEPT: DISCONNECT.unavailable,
  SCRIM_TARGET_UNREACHABLE: DISCONNECT.unavailable,
  SCRIM_TARGET_TLS: DISCONNECT.unavailable,
  SCRIM_TARGET_CREDENTIAL: DISCONNECT.unavailable,
  SCRIM_TARGET_BROKEN: DISCONNECT.connectionLost,
  SCRIM_INTERNAL: DISCONNECT.byApplication,
};

/** Exit status of a command that was refused: what shells give to a command that may not be run (POSIX 2.8.2). */
export const REFUSED_STATUS = 126;

/** A refusal in one line for standard error: code, message, mend, rule and ticket. */
export function sentence(refusal: Refusal): string {
  const parts = [`scrim: ${refusal.code}: ${refusal.message}`];
  if (refusal.hint !== undefined) parts.push(refusal.hint);
  const names = [
    ...(refusal.rule === undefined ? [] : [`rule: ${refusal.rule}`]),
    ...(refusal.ticket === undefined ? [] : [`ticket: ${refusal.ticket}`]),
  ];
  return `${parts.join('; ')}${names.length > 0 ? ` (${names.join('; ')})` : ''}`;
}

/** The same on a terminal: on a line of its own, whatever stood there. */
export function terminalLine(text: string): Buffer {
  return Buffer.from(`\r\n${printable(text)}\r\n`);
}

/** Lines for standard error. */
export function plainLine(text: string): Buffer {
  return Buffer.from(`${printable(text)}\n`);
}

/** Reasons are written by people; none shall move the reader's cursor. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ');
}
