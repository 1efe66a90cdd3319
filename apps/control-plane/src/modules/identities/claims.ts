export { type Claims, claimAt, fitsConditions, fitsPattern } from '@scrim/model';

const MAX_GROUPS = 1000;

/** Group names from a list or a single name; a missing claim is none; undefined when the claim has another shape. */
export function groupsOf(claim: unknown): readonly string[] | undefined {
  if (claim === undefined || claim === null) return [];
  if (typeof claim === 'string') return claim === '' ? [] : [claim];
  if (!Array.isArray(claim) || claim.length > MAX_GROUPS) return undefined;
  return claim.every((name) => typeof name === 'string') ? claim : undefined;
}
