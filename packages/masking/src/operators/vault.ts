/**
 * Where a reversible `tokenise` reports what its tokens stand for, before anybody sees the token.
 *
 * The same pair may be put any number of times. Two values of one token are a collision (possible where a type has few
 * stand-ins): both are reported, and the vault opens neither, because answering would show somebody else's value.
 */
export interface TokenVault {
  /**
   * Keeps the canonical value of a token; `value` is plain, so whoever takes it seals it before it goes anywhere.
   * @throws what the masked operation is to end with when the pair cannot be kept: a token nobody can reverse must not
   * be handed out as a reversible one.
   */
  put(token: string, value: string): void;
}
