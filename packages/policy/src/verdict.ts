export type Action = 'allow' | 'warn' | 'hold' | 'block';

/** Who may release a held operation. */
export interface Approval {
  readonly by: readonly string[];
  readonly quorum: number;
  readonly expiresMs: number;
}

/** What the policies say to one operation, request or response. */
export interface Verdict {
  readonly action: Action;
  /** The rule that decided, as `production/guard[2]`; absent when no rule matched. */
  readonly rule?: string;
  readonly policy?: string;
  readonly policyVersion?: number;
  readonly reason?: string;
  /** Present exactly when the action is `hold`. */
  readonly approve?: Approval;
}

export const ALLOW: Verdict = { action: 'allow' };

const SEVERITY: Readonly<Record<Action, number>> = { allow: 0, warn: 1, hold: 2, block: 3 };

export function isWorse(one: Action, other: Action): boolean {
  return SEVERITY[one] > SEVERITY[other];
}

/**
 * The worst of several verdicts: block over hold over warn over allow, the first among equals. When several policies
 * hold, the one with the highest quorum says who approves, and the shortest expiry counts.
 */
export function worst(verdicts: Iterable<Verdict>): Verdict {
  let result = ALLOW;
  for (const verdict of verdicts) {
    if (isWorse(verdict.action, result.action)) result = verdict;
    else if (verdict.action === 'hold' && result.action === 'hold') result = stricterHold(result, verdict);
    else if (verdict.action === 'allow' && result.action === 'allow' && result.rule === undefined)
      result = verdict;
  }
  return result;
}

function stricterHold(one: Verdict, other: Verdict): Verdict {
  const [a, b] = [one.approve, other.approve];
  if (!a || !b) return one;
  const leading = b.quorum > a.quorum ? other : one;
  const approve = { ...(leading.approve ?? a), expiresMs: Math.min(a.expiresMs, b.expiresMs) };
  return { ...leading, approve };
}
