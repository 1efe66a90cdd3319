import type { Refusal, ShellFacts } from '@scrim/model';
import type { Limits, Relay } from '@scrim/protocol-kit';
import type { Client, Connection } from 'ssh2';

/** What channels need of the connection they are part of. */
export interface Host {
  readonly relay: Relay;
  readonly caller: Connection;
  readonly target: Client;
  readonly limits: Limits;
  /** What a command line can cause, by a shell's grammar. */
  readonly understand: (line: string, terminal: boolean) => ShellFacts;
  /** Something broke that must end the session. */
  failed(error: unknown): void;
  /** The channel is gone on both sides. */
  closed(lane: number): void;
}

/** One channel of a caller, whatever runs on it. */
export interface Governed {
  readonly lane: number;
  /** Something in passing for the caller. */
  tell(text: string): void;
  /** The caller's window grew. */
  windowGrew(): void;
  /** Bytes received from either peer and not passed on. */
  readonly backlog: number;
  /** Ends it with these words. */
  end(text: string | undefined): void;
  /** Ends what its lane has under way because an answer must not go on; false = the session must end. */
  abandon(refusal: Refusal): boolean;
  /** A request ssh2 does not hand out; true when it is dealt with. */
  request(type: string, data: unknown): boolean;
}
