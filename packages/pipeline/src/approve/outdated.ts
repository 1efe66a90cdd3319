import { type Refusal, refuse } from '@scrim/model';
import type { Verdict } from '@scrim/policy';

/** An approval stands for the rule and the version of it that asked for it. */
export function outdatedApproval(approved: Verdict, now: Verdict): Refusal | undefined {
  if (now.action !== 'hold') return undefined;
  if (now.rule === approved.rule && now.policyVersion === approved.policyVersion) return undefined;
  return policyChanged(now.rule);
}

/** The rules are others than those people were asked under. */
export function policyChanged(rule?: string): Refusal {
  return refuse('SCRIM_APPROVAL_EXPIRED', {
    message: 'the policy changed while the operation was held',
    hint: 'run it again; it is held by the new rule',
    ...(rule === undefined ? {} : { rule }),
  }).refusal;
}
