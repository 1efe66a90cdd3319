import type { Caller, Connection, Secret } from '@scrim/model';
import type { Limits } from './protocol.ts';

const MINT: unique symbol = Symbol('mint');

/** What {@link Grant} carries to the protocol that opens the target. */
export interface GrantDetails {
  readonly connection: Connection;
  readonly caller: Caller;
  /** Part of the target asked for and allowed (another database). */
  readonly part?: string;
  /** Secrets of the connection's credential by field (`password`, `value`, `privateKey`), resolved at the edge. */
  readonly secrets: Readonly<Record<string, Secret>>;
  readonly limits: Limits;
  readonly sessionId: string;
}

/**
 * Proof that a caller was identified and authorised. Only the pipeline's authorise step mints one
 * (`@scrim/protocol-kit/mint`), so a protocol that dials without authorisation does not compile.
 */
export class Grant {
  readonly details: GrantDetails;

  private constructor(details: GrantDetails) {
    this.details = details;
  }

  static [MINT](details: GrantDetails): Grant {
    return new Grant(details);
  }
}

/** For the pipeline's authorise step alone; exported through the `mint` subpath. */
export function mint(details: GrantDetails): Grant {
  return Grant[MINT](details);
}
