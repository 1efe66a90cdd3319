/** Who connects, as proven by a token. */
export interface Caller {
  /** Stable subject, usually an e-mail address: `alice@example.com`. */
  readonly subject: string;
  readonly groups: readonly string[];
  readonly kind: 'person' | 'machine';
  /** Issuer URL, or `scrim` for a token of the control plane. */
  readonly issuer: string;
  /** The token's own id, by which it is revoked. */
  readonly tokenId: string;
  /** Epoch milliseconds after which the session ends. */
  readonly expiresAt: number;
  /** Connections the token is bound to; `undefined` = any that a policy opens to the caller. */
  readonly connections?: readonly string[];
  /** Claims kept as session attributes (repository, run id, commit of a CI token). */
  readonly attributes: Readonly<Record<string, string>>;
}
