import type { Caller } from './caller.ts';

/** What is kept of a session's content (the strictest of the applying policies' `record`). */
export interface RecordingMode {
  /** `sealed` names an auditor's X25519 public key (`age1…`, or 32 bytes in base64). */
  readonly content: 'masked' | 'none' | { readonly sealed: string };
  /** Response bytes kept per operation. */
  readonly maxContent: number;
}

/** What the `opened` event says of a session. */
export interface SessionInfo {
  /** A UUID. */
  readonly sessionId: string;
  readonly connection: string;
  readonly protocol: string;
  readonly caller: Caller;
  /** The name the client gave itself: recorded, never trusted. */
  readonly claimedName: string;
  /** Client address, application name and the like. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Versions of the policies that rule the session, by name. */
  readonly policies: Readonly<Record<string, number>>;
  readonly record: RecordingMode;
}
