import type { Caller, Refusal } from '@scrim/model';

/** What a session is, told once when it opens. */
export interface SessionInfo {
  readonly sessionId: string;
  readonly connection: string;
  readonly protocol: string;
  readonly caller: Caller;
  readonly claimedName: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Versions of the policies that apply, by name. */
  readonly policies: Readonly<Record<string, number>>;
  /** What is kept of response content (the strictest of the applying policies). */
  readonly record: RecordingMode;
}

export interface RecordingMode {
  readonly content: 'masked' | 'none' | { readonly sealed: string };
  /** Bytes of response content kept per operation. */
  readonly maxContent: number;
}

export type SessionEnding =
  | 'caller-left'
  | 'target-left'
  | 'refused'
  | 'broken'
  | 'expired'
  | 'revoked'
  | 'shutdown';

/**
 * The record step's far side. Synchronous: when a call returns, the entry is in the session's block; when
 * {@link SessionRecorder.flush} returns, it is on disk. A call that throws ends the session, because what cannot be
 * recorded is refused (DESIGN rule 4.1).
 */
export interface SessionRecorder {
  opened(info: SessionInfo): void;
  /** `text` and `parameters` are already masked. */
  operation(entry: {
    readonly verb: string;
    readonly text: string;
    readonly parameters: readonly (string | null)[] | null;
    readonly verdict: string;
    readonly rule?: string;
  }): void;
  /** The columns of the rows that follow, in the protocol's recorded form. */
  shape(description: Uint8Array): void;
  /** Wire bytes as the caller receives them. */
  response(bytes: Uint8Array): void;
  outcome(ok: boolean, tag: string, count: number | null): void;
  masked(rule: string, place: string, count: number): void;
  /** A rare, structured event: held, decided, refused, warned, cancelled, error. */
  event(kind: string, data: Readonly<Record<string, unknown>>): void;
  coverage(totals: {
    readonly inspected: number;
    readonly blind: number;
    readonly reasons: Readonly<Record<string, number>>;
  }): void;
  /** Everything so far is on disk when this returns. */
  flush(): void;
  closed(ending: SessionEnding, refusal?: Refusal): void;
}

/** The record step before a session exists: opens recorders and says when it cannot. */
export interface Recording {
  /** False = the spool is full: new sessions are refused (DESIGN section 2). */
  readonly ready: () => boolean;
  open(sessionId: string, connection: string, mode: RecordingMode): SessionRecorder;
  /** Something happened at the door that belongs to no session: garbage, a wrong token. */
  rejected(data: Readonly<Record<string, unknown>>): void;
}
