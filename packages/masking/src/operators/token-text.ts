/** A token inside a longer text; offsets in UTF-16 code units. */
export interface FoundToken {
  readonly start: number;
  readonly end: number;
  readonly token: string;
}

/**
 * Tokens that cannot be taken for anything else: text tokens (also cut short for a narrow column), stand-ins of uuid, and
 * of int8 and numeric with their scale. Each part is bounded, so the search is linear.
 */
const TOKENS =
  /(?<![A-Za-z0-9_])tok_7[a-z2-7]{10,47}(?![A-Za-z0-9_])(?:@masked\.invalid(?![A-Za-z0-9_-]))?|(?<![0-9a-fA-F-])4d41534b-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?![0-9a-fA-F-])|(?<![\w.-])-8\d{15}(?:\.0{1,40})?(?![\w.])/g;

/**
 * Where tokens of `tokenise` stand in a text, as far as their shape tells without keys: whether one was ever written is
 * for the vault to say. Stand-ins of narrow types (int4, date, …) look like real values and are not looked for.
 */
export function findTokens(text: string): FoundToken[] {
  return Array.from(text.matchAll(TOKENS), ({ index, 0: token }) => ({
    start: index,
    end: index + token.length,
    token,
  }));
}
