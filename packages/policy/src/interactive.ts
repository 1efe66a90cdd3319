import type { Caller, Policy } from '@scrim/model';
import type { VersionedPolicy } from './compile.ts';
import { type Action, ALLOW, type Verdict, worst } from './verdict.ts';

/** What a shell somebody types into is: whether it opens, and whether its lines are judged one by one. */
export interface InteractiveRule {
  /** Allowed, held for one approval before it opens, or blocked. */
  readonly verdict: Verdict;
  /** Every line is judged before the target gets its Enter; a line that cannot be reconstructed is unknown. */
  readonly lines: boolean;
}

const ACTIONS: Readonly<Record<NonNullable<Policy['interactive']>, Action>> = {
  refuse: 'block',
  hold: 'hold',
  record: 'allow',
  lines: 'allow',
};

export type VerdictOf = (policy: VersionedPolicy, part: string, action: Action, reason?: string) => Verdict;

/**
 * The strictest of what the policies say: refused over held over open, and judged by lines when any of them says so.
 * When none says anything a machine identity gets no shell. A person gets one, recorded, unless a policy guards shell
 * lines, which a recorded shell would pass by: then it is held for the approvers of that policy, or refused where it
 * names none.
 */
export function interactiveRule(
  policies: readonly VersionedPolicy[],
  kind: Caller['kind'],
  verdictOf: VerdictOf,
): InteractiveRule {
  const said = policies.filter((policy) => policy.interactive !== undefined);
  if (said.length > 0) {
    const verdicts = said.map((policy) =>
      verdictOf(policy, 'interactive', ACTIONS[policy.interactive ?? 'refuse'], REASON),
    );
    return { verdict: worst(verdicts), lines: said.some((policy) => policy.interactive === 'lines') };
  }
  if (kind === 'machine') {
    const verdict: Verdict = {
      action: 'block',
      rule: 'default/interactive',
      reason:
        'a machine identity runs commands (ssh host command); a policy with interactive: may open a shell to it',
    };
    return { verdict, lines: false };
  }
  const guarding = policies.filter((policy) => policy.guard.some(({ when }) => 'shell' in when));
  const verdict = worst(guarding.map((policy) => verdictOf(policy, 'interactive', 'hold', REASON)));
  return { verdict: guarding.length > 0 ? verdict : ALLOW, lines: false };
}

const REASON = 'an interactive shell; commands (ssh host command) are judged one by one';
