import { type Claims, claimAt } from '@scrim/model';

/** Bounds on what one token may put into a session: more is cut off the attributes, and refused for groups. */
const MAX_GROUPS = 1000;
const MAX_ATTRIBUTES = 32;
const MAX_ATTRIBUTE = 1024;

/**
 * Group names from a list or a single name; a missing claim is no groups.
 * @returns undefined when the claim has another shape: then nobody knows what the caller may do.
 */
export function groupsOf(claim: unknown): readonly string[] | undefined {
  if (claim === undefined || claim === null) return [];
  if (typeof claim === 'string') return claim === '' ? [] : [claim];
  if (!Array.isArray(claim) || claim.length > MAX_GROUPS) return undefined;
  return claim.every((name) => typeof name === 'string') ? claim : undefined;
}

/** The chosen claims as text, for the session's attributes; objects and lists are not attributes. */
export function attributesOf(claims: Claims, names: readonly string[]): Readonly<Record<string, string>> {
  const kept: [string, string][] = [];
  for (const name of names.slice(0, MAX_ATTRIBUTES)) {
    const value = claimAt(claims, name);
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      kept.push([name, String(value).slice(0, MAX_ATTRIBUTE)]);
    }
  }
  return Object.fromEntries(kept);
}
