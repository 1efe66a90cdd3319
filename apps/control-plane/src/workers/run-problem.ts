/**
 * Why one session's events cannot be stored now. `gap`: an earlier event has not arrived yet, so it is worth waiting.
 * Everything else stays wrong however often it is tried: `malformed`, `signature`, `tampered` (a stored event would be
 * contradicted, or the chain does not continue).
 */
export interface RunProblem {
  readonly kind: 'gap' | 'malformed' | 'signature' | 'tampered';
  readonly sessionId: string;
  readonly why: string;
}
