import { z } from 'zod';

/** Claims of a verified token, as parsed JSON. */
export type Claims = Readonly<Record<string, unknown>>;

const pattern = z.string().min(1).max(500);

/**
 * What a token's claims must be: claim (exact name or dotted path) to the value it must have, or to a list of which one
 * is enough; `*` stands for any characters. All claims named must fit, and at least one is named: no condition at all
 * would make every token of a public provider this machine.
 */
export const claimConditionsSchema = z
  .record(z.string().min(1).max(200), z.union([pattern, z.array(pattern).min(1).max(50)]))
  .refine(
    (value) => Object.keys(value).length > 0,
    'name at least one claim: an empty list would fit every token',
  );
export type ClaimConditions = z.infer<typeof claimConditionsSchema>;

/** A machine known by the claims of its provider's tokens, and the groups it is given. */
export const machineIdentitySchema = z.strictObject({
  name: z.string().min(1),
  conditions: claimConditionsSchema,
  groups: z.array(z.string()),
});
export type MachineIdentity = z.infer<typeof machineIdentitySchema>;

function own(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}

/**
 * Finds a claim by its exact name (`https://example.com/groups`), else by a dotted path (`realm_access.roles`).
 * Looks at own properties only, so `__proto__` and `constructor` name nothing.
 */
export function claimAt(claims: Claims, path: string): unknown {
  const exact = own(claims, path);
  if (exact !== undefined) return exact;
  let found: unknown = claims;
  for (const step of path.split('.')) found = own(found, step);
  return found;
}

/** `*` stands for any run of characters, also none. Steps back to the last star only, so no pattern explodes. */
export function fitsPattern(pattern: string, text: string): boolean {
  let [p, t, star, resume] = [0, 0, -1, 0];
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.length && pattern[p] === text[t]) {
      p += 1;
      t += 1;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else return false;
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}

/** True when every named claim is a text (or number or boolean) that fits one of its patterns. */
export function fitsConditions(claims: Claims, conditions: ClaimConditions): boolean {
  const entries = Object.entries(conditions);
  if (entries.length === 0) return false;
  return entries.every(([name, allowed]) => {
    const value = claimAt(claims, name);
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return false;
    const patterns = typeof allowed === 'string' ? [allowed] : allowed;
    return patterns.some((one) => fitsPattern(one, String(value)));
  });
}
