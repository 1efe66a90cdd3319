/** Claims of a verified token, as parsed JSON. */
export type Claims = Readonly<Record<string, unknown>>;

const MAX_GROUPS = 1000;

function own(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}

/** A claim by its exact name, else by a dotted path; own properties only, so `__proto__` names nothing. */
export function claimAt(claims: Claims, path: string): unknown {
  const exact = own(claims, path);
  if (exact !== undefined) return exact;
  let found: unknown = claims;
  for (const step of path.split('.')) found = own(found, step);
  return found;
}

/** Group names from a list or a single name; a missing claim is none; undefined when the claim has another shape. */
export function groupsOf(claim: unknown): readonly string[] | undefined {
  if (claim === undefined || claim === null) return [];
  if (typeof claim === 'string') return claim === '' ? [] : [claim];
  if (!Array.isArray(claim) || claim.length > MAX_GROUPS) return undefined;
  return claim.every((name) => typeof name === 'string') ? claim : undefined;
}

/** `*` stands for any run of characters. Linear in both lengths: no backtracking beyond the last star. */
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

/** True when every named claim is a text (or number or boolean) that fits its pattern. */
export function fitsConditions(claims: Claims, conditions: Readonly<Record<string, string>>): boolean {
  const entries = Object.entries(conditions);
  // No condition at all would make every token of the issuer this machine.
  if (entries.length === 0) return false;
  return entries.every(([name, pattern]) => {
    const value = claimAt(claims, name);
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return false;
    return fitsPattern(pattern, String(value));
  });
}
