import { checkPattern, listDetectors, resolveDetectors } from '@scrim/masking';
import { type Connection, formatPath, type Policy } from '@scrim/model';
import { checkPolicies, type ProtocolCapabilities } from '@scrim/policy';
import { capabilities as http } from '@scrim/protocol-http/capabilities';
import { capabilities as postgres } from '@scrim/protocol-postgres/capabilities';
import { STATEMENT_NAMES } from '@scrim/protocol-postgres/statement';
import { capabilities as ssh } from '@scrim/protocol-ssh/capabilities';
import { ApiError, type FieldProblem } from '../../http/problem.ts';

/**
 * What keeps policies from being enforced on these connections: rules that cannot fire, unknown detectors, regexes that
 * could run away. Empty = all can be. Paths start at `policies[<position>]`.
 */
export type PolicyChecker = (
  policies: readonly Policy[],
  connections: readonly Connection[],
) => readonly FieldProblem[];

/** What each protocol of this release can enforce. */
const CAPABILITIES: Readonly<Record<string, ProtocolCapabilities>> = { postgres, http, ssh };

/** @param vault whether reversible tokens can be kept */
export function createPolicyChecker(vault: boolean): PolicyChecker {
  const detectors = listDetectors().map((detector) => detector.id);
  return (policies, connections) =>
    checkPolicies(policies, {
      connections,
      capabilities: CAPABILITIES,
      statements: [...STATEMENT_NAMES],
      detectors,
      resolveDetectors,
      checkPattern,
      vault,
    })
      .filter((finding) => finding.severity !== 'warning')
      .map(({ path, message, mend }) => ({ path: formatPath(path), message, mend }));
}

/** Refuses a configuration whose policies could silently not be enforced (DESIGN rule 4.2). */
export function requireEnforceable(problems: readonly FieldProblem[]): void {
  const [first] = problems;
  if (!first) return;
  throw new ApiError('SCRIM_API_UNENFORCEABLE', {
    detail: `${first.path}: ${first.message}`,
    field: first.path,
    problems,
    ...(first.mend !== undefined && { mend: first.mend }),
  });
}
