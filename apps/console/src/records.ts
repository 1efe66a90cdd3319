/** Whoever is signed in (`GET /v1/whoami`). */
export interface Me {
  readonly subject: string;
  readonly groups: readonly string[];
  readonly roles: readonly string[];
  readonly kind: string;
  readonly via: string;
}

/** What every list answers. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

export interface ApprovalDecision {
  readonly subject: string;
  readonly decision: 'approve' | 'deny';
  readonly comment: string | null;
  readonly at: string;
}

/** A held operation; texts are masked, times RFC 3339. */
export interface Approval {
  readonly id: string;
  readonly state: 'pending' | 'approved' | 'denied' | 'expired' | 'withdrawn' | 'redeemed';
  readonly connection: string;
  readonly caller: string;
  readonly callerGroups: readonly string[];
  readonly policy: string;
  readonly policyVersion: number;
  readonly rule: string;
  readonly reason: string;
  readonly statement: string;
  readonly parameters: readonly string[];
  readonly digest: string;
  readonly quorum: number;
  readonly approverGroups: readonly string[];
  readonly sessionId: string;
  readonly edgeId: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly decidedAt: string | null;
  readonly redeemedAt: string | null;
  readonly decisions: readonly ApprovalDecision[];
}

/** One authenticated use of one connection. */
export interface Session {
  readonly id: string;
  readonly connection: string;
  readonly protocol: string;
  readonly caller: string;
  readonly callerKind: string;
  readonly callerGroups: readonly string[];
  readonly claimedName: string | null;
  readonly edgeId: string;
  readonly policyVersions: Readonly<Record<string, number>>;
  readonly openedAt: string;
  readonly closedAt: string | null;
  readonly ending: string | null;
  readonly operations: number;
  readonly rows: number;
  readonly bytes: number;
  readonly maskedValues: number;
  readonly refusals: number;
  readonly events: number;
  readonly coverage: unknown;
  readonly verified: boolean | null;
}

export interface Verification {
  readonly ok: boolean;
  readonly events: number;
  readonly complete: boolean;
  readonly problem?: { readonly seq: number; readonly why: string };
}

/** One line of a replay (docs/recording.md "Replay"); `kind` says what the other fields are. */
export interface ReplayItem {
  readonly seq: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly kind: string;
  readonly lane?: number;
  readonly [field: string]: unknown;
}

export interface Policy {
  readonly name: string;
  readonly policy: Readonly<Record<string, unknown>>;
  readonly version: number;
  readonly author: string;
  readonly createdAt: string;
}

export interface Edge {
  readonly id: string;
  readonly name: string;
  readonly state: 'enrolled' | 'revoked';
  readonly connected: boolean;
  readonly listeners: Readonly<Record<string, string>>;
  readonly openSessions: number;
  readonly spoolBytes: number;
  readonly lastSeenAt: string | null;
  readonly snapshotVersionSent: string | null;
  readonly snapshotVersionAcked: string | null;
  readonly nackReason: string | null;
}

export interface AuditEntry {
  readonly id: string;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly resource: string;
  readonly before?: unknown;
  readonly after?: unknown;
  readonly requestId?: string;
  readonly ip?: string;
}

/** What `POST /v1/detokenise` answers. */
export interface Detokenised {
  readonly tokens: readonly { readonly token: string; readonly state: string; readonly value?: string }[];
  readonly text?: string;
}
