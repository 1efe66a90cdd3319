import type { RecordingMode, Refusal, RefusalError, SessionInfo } from '@scrim/model';

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
  /** The first event. */
  opened(info: SessionInfo): void;
  /** `text` and `parameters` are already masked. */
  operation(entry: {
    readonly verb: string;
    readonly text: string;
    readonly parameters: readonly (string | null)[] | null;
    readonly verdict: 'allow' | 'warn' | 'hold' | 'block';
    readonly rule?: string | undefined;
    readonly lane?: number | undefined;
  }): void;
  /** The columns of rows that follow in the lane, in the protocol's recorded form; known again by identity. */
  shape(description: Uint8Array, lane: number): void;
  /** Wire bytes as the caller receives them. */
  response(bytes: Uint8Array, rows: number, lane: number): void;
  /** Texts the caller sent, masked, as the target receives them. */
  request(bytes: Uint8Array, lane: number): void;
  outcome(ok: boolean, tag: string, count: number | null, lane: number): void;
  masked(rule: string, place: string, count: number): void;
  event(kind: RecordedKind, data: Record<string, unknown>): void;
  coverage(totals: {
    readonly inspected: number;
    readonly blind: number;
    readonly reasons: Readonly<Record<string, number>>;
  }): void;
  flush(): void;
  closed(ending: SessionEnding, refusal?: Refusal): void;
}

/** The record step before a session exists: opens recorders and says when it cannot. */
export interface Recording {
  /** False = the spool is full: new sessions are refused (DESIGN section 2). */
  readonly ready: () => boolean;
  /**
   * Throws SCRIM_SPOOL_FULL when no new session can be recorded. `onFailure` is told when waiting traffic could not be
   * kept: the session must end now (DESIGN rule 4.1).
   */
  open(
    sessionId: string,
    connection: string,
    mode: RecordingMode,
    onFailure: (error: RefusalError) => void,
  ): SessionRecorder;
  /** Something happened at the door that belongs to no session: garbage, a wrong token. */
  rejected(data: Readonly<Record<string, unknown>>): void;
}
