import { createHash } from 'node:crypto';

/** One held operation, as people and the control plane see it. */
export interface HeldOperation {
  readonly requestId: string;
  readonly sessionId: string;
  readonly connection: string;
  readonly caller: string;
  readonly callerGroups: readonly string[];
  readonly policy: string;
  readonly policyVersion: number;
  readonly rule: string;
  readonly reason: string;
  /** Already masked: what approvers read must not hold what the caller may not see. */
  readonly statement: string;
  readonly parameters: readonly string[];
  readonly digest: Uint8Array;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  readonly approverGroups: readonly string[];
  readonly quorum: number;
}

export type Decision =
  | {
      readonly state: 'approved';
      readonly approvalId: string;
      readonly decidedBy: string;
      /** Uses the approval up; false = it was used, changed or too late. */
      redeem(digest: Uint8Array): Promise<boolean>;
    }
  | {
      readonly state: 'denied' | 'expired';
      readonly approvalId: string;
      readonly decidedBy?: string;
      readonly comment?: string;
    };

/** Asks people. Rejects with SCRIM_APPROVAL_UNAVAILABLE when nobody can be asked; aborting withdraws the request. */
export interface Approvals {
  request(
    held: HeldOperation,
    signal: AbortSignal,
    pending: (approvalId: string, url: string) => void,
  ): Promise<Decision>;
}

function lengthPrefixed(hash: ReturnType<typeof createHash>, text: string | null): void {
  const length = Buffer.alloc(4);
  const bytes = text === null ? null : Buffer.from(text, 'utf8');
  length.writeInt32BE(bytes === null ? -1 : bytes.length);
  hash.update(length);
  if (bytes) hash.update(bytes);
}

/**
 * What an approval binds to (DESIGN rule 4.5): SHA-256 over connection, caller, policy version, exact text and exact
 * parameters, each length-prefixed so that no two operations share an encoding. NULL is told from an empty text.
 */
export function operationDigest(operation: {
  readonly connection: string;
  readonly caller: string;
  readonly policy: string;
  readonly policyVersion: number;
  readonly text: string;
  readonly parameters: readonly (string | null)[];
}): Buffer {
  const hash = createHash('sha256');
  lengthPrefixed(hash, 'scrim-operation-v1');
  lengthPrefixed(hash, operation.connection);
  lengthPrefixed(hash, operation.caller);
  lengthPrefixed(hash, `${operation.policy}@${operation.policyVersion}`);
  lengthPrefixed(hash, operation.text);
  for (const parameter of operation.parameters) lengthPrefixed(hash, parameter);
  return hash.digest();
}
