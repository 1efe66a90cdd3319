/** What postgres and the network say when the database is away, overloaded or asks to try again. */
const AWAY =
  /^(ECONN\w+|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|08\w{3}|53\w{3}|57\w{3}|58\w{3}|40\w{3}|55P03|25006)$/;
const AWAY_TEXT =
  /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/;
/** A unique violation of the session's own row: another worker stores its first events just now. */
const SAME_SESSION = 'session_pkey';

/** True when trying again, as often as it takes, is the right answer to an error. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  if (typeof code === 'string' && AWAY.test(code)) return true;
  if (code === '23505' && constraint === SAME_SESSION) return true;
  if (error instanceof AggregateError) return error.errors.some(isPassing);
  return AWAY_TEXT.test(error.message);
}
