export const ROLES = ['admin', 'approver', 'auditor', 'user'] as const;
/** What one may do at the REST API. Nobody implies another: an administrator is no approver unless made one. */
export type Role = (typeof ROLES)[number];

/** Who sends a request, as proven by its bearer text. */
export interface Principal {
  readonly subject: string;
  readonly groups: readonly string[];
  /** Always holds `user`. */
  readonly roles: readonly Role[];
  readonly kind: 'person' | 'machine';
  readonly via: 'admin-token' | 'api-key' | 'scrim-token' | 'oidc';
  /** A token that opens connections, and proves nothing else. */
  readonly bound?: boolean;
  /** Id of the API key or token. */
  readonly credentialId: string;
}

/** Who a change is written down for. */
export interface Actor {
  readonly subject: string;
  readonly requestId?: string;
  readonly ip?: string;
}

/** The actor of changes nobody asked for: rotations of keys, clean-up. */
export const SYSTEM: Actor = { subject: 'system' };
