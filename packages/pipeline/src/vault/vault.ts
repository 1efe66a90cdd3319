/** Where one policy's reversible tokens are kept; structurally the masking engine's `TokenVault`. */
export interface PolicyVault {
  /** Throws a RefusalError (SCRIM_TOKEN_UNKEPT) when the pair cannot be kept; the token must then reach nobody. */
  put(token: string, value: string): void;
}

/** The edge's side of the token vault: it takes in, it never gives back. */
export interface Vault {
  /** Undefined while the snapshot names no vault key; rules with reversible tokens then do not compile. */
  of(policy: string): PolicyVault | undefined;
}
