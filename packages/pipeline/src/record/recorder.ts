import type { Caller, RefusalError } from '@scrim/model';

/** What a session is, told once when it opens. */
export interface SessionInfo {
  readonly sessionId: string;
  readonly connection: string;
  readonly protocol: string;
  readonly part?: string;
  readonly caller: Caller;
  readonly claimedName: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Policies that apply, by name and version. */
  readonly policies: readonly { readonly name: string; readonly version: number }[];
}

/** What is kept of a session (the strictest of the applying policies). */
export interface RecordingChoice {
  readonly content: 'masked' | 'none' | { readonly sealed: string };
  /** Bytes of response content kept per operation. */
  readonly maxContent: number;
  /** The session can no longer be recorded and must end now (DESIGN rule 4.1). */
  readonly onFailure: (error: RefusalError) => void;
}

export type SessionEnding =
  | 'caller-left'
  | 'target-left'
  | 'refused'
  | 'broken'
  | 'expired'
  | 'revoked'
  | 'shutdown';

/** Structured events besides traffic. */
export type RecordedKind = 'held' | 'decided' | 'refused' | 'warned' | 'cancelled' | 'error';

/**
 * The record step's far side. Synchronous: when a call returns, the entry is in the session's block; when
 * {@link SessionRecorder.flush} or {@link SessionRecorder.event} returns, it is with the operating system. A call that
 * throws ends the session, because what cannot be recorded is refused.
 */
export interface SessionRecorder {
  /** `text` and `parameters` are already masked. */
  operation(entry: {
    readonly verb: string;
    readonly text: string;
    readonly parameters: readonly (string | null)[] | null;
    readonly verdict: 'allow' | 'warn' | 'hold' | 'block';
    readonly rule?: string | undefined;
    readonly lane?: number | undefined;
  }): void;
  /** The columns of rows that follow, in the protocol's recorded form; `id` is above 0. */
  shape(id: number, description: Uint8Array, lane: number): void;
  /** Wire bytes as the caller receives them; `shapeId` 0 = no rows. */
  response(bytes: Uint8Array, shapeId: number, rows: number, lane: number): void;
  outcome(outcome: {
    readonly ok: boolean;
    readonly tag: string;
    readonly count: number | null;
    readonly lane: number;
  }): void;
  masked(rule: string, place: string, count: number): void;
  event(kind: RecordedKind, data: Record<string, unknown>): void;
  coverage(totals: { readonly inspected: number; readonly blind: number; readonly why: readonly string[] }): void;
  flush(): void;
  closed(ending: SessionEnding, details: Record<string, unknown>): void;
}

/** The record step before a session exists: opens recorders and says when it cannot. */
export interface Recording {
  /** False = the spool is full: new sessions are refused (DESIGN section 2). */
  readonly ready: () => boolean;
  /** The `opened` event is on disk when it returns. Throws SCRIM_SPOOL_FULL or SCRIM_UNRECORDED. */
  open(info: SessionInfo, choice: RecordingChoice): SessionRecorder;
  /** Something happened at the door that belongs to no session: garbage, a wrong token. */
  rejected(data: Readonly<Record<string, unknown>>): void;
}
