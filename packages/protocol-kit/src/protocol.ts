import type { Duplex } from 'node:stream';
import type { Connection, Refusal, Secret } from '@scrim/model';
import type { Grant } from './grant.ts';
import type { Run } from './run.ts';

/** Which rules can fire on a protocol. A policy that needs more is refused when it is written (DESIGN rule 4.2). */
export interface Capabilities {
  readonly masks: readonly ('column' | 'field' | 'header' | 'detect' | 'pattern')[];
  readonly guards: readonly ('sql' | 'shell' | 'sftp' | 'http' | 'request' | 'response')[];
  /** Parts of a `response` condition that can fire. */
  readonly response: readonly ('largerThan' | 'blobLargerThan' | 'detect')[];
  readonly hold: boolean;
  readonly predicates: boolean;
  /** Whether targets can be models: their tokens are counted, and what their prompts hid is given back. */
  readonly models?: true;
  /** Whether content can pass that no rule looks into, so that `uninspected` means something. */
  readonly opaque?: true;
  /**
   * Whether a target is sent the connection's credential with what the caller asks, so that its answer can repeat it. It
   * is then masked in every answer, whatever the policies say (DESIGN rule 4.3).
   */
  readonly echoesCredential?: true;
}

/** Bounds of one listener, all in bytes or milliseconds; docs/configuration.md lists them. */
export interface Limits {
  /** From accept to the presented credential; ends slow-loris start-ups. */
  readonly handshakeTimeout: number;
  /** Largest single message held in memory. */
  readonly maxMessage: number;
  /** Caller bytes kept while an operation is held. */
  readonly maxHeldInput: number;
  /** To reach the target and log in. */
  readonly targetTimeout: number;
  /** How long a caller is kept waiting for people, on wires whose clients give up: then it hears how to come back. */
  readonly holdTimeout?: number;
}

export interface AcceptContext {
  readonly limits: Limits;
  /** Certificate of the listener; absent = TLS is answered "no". */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly requireTls: boolean;
  /** The connection every caller of this listener means, where it serves one alone. */
  readonly connection?: string;
  /** Something worth an event happened before a caller was known (garbage, time-out): `why` holds no caller bytes. */
  readonly rejected: (why: string) => void;
}

/**
 * A caller at the door: the handshake up to the credential, no target byte exchanged yet. PostgreSQL and SSH yield
 * one per socket, HTTP one per request.
 */
export interface Knock {
  /** The token; empty when a certificate is presented instead. */
  readonly credential: Secret;
  /**
   * An OpenSSH user certificate whose key the caller has just proven to hold. A protocol sets it after that proof alone,
   * never from anything a caller can merely send.
   */
  readonly certificate?: Uint8Array;
  /** The connection as this wire spells it: database, user, path prefix, cluster. */
  readonly wants: string;
  /** A part of the target the caller asks for (`name/otherdb`), where the connection allows it. */
  readonly part?: string;
  /** The name the caller gave itself: recorded, never trusted. */
  readonly claimedName: string;
  /** `application_name`, client address and the like. */
  readonly attributes: Readonly<Record<string, string>>;
  /**
   * Opens the target with the injected credential and says yes to the caller.
   * On failure it has already told the caller, and throws a RefusalError.
   */
  admit(grant: Grant): Promise<Exchange>;
  /** Says no in the wire's own words and closes. */
  reject(refusal: Refusal): Promise<void>;
}

/** Why an exchange ended. */
export type Ending = 'caller-left' | 'target-left' | 'refused' | 'broken';

/**
 * What the pipeline does with traffic. A protocol calls it and never forwards anything by itself, so its author
 * cannot forget to mask. The calls are synchronous unless something must be waited for.
 */
export interface Relay {
  /**
   * True when a rule looks at more of an operation than its line, or may hold it: an exchange that could name operations
   * before all they carry has arrived then waits for the whole of it.
   */
  readonly wholeOperations?: boolean;
  /** True when lines typed into an interactive shell are operations to be judged before the target gets their Enter. */
  readonly judgesLines?: boolean;
  /**
   * Runs of one chunk, in order. A promise means one of them is held: the exchange delivers nothing more of that
   * lane until it settles, keeps a bounded read-ahead, and still notices that the caller left or cancelled.
   */
  fromCaller(runs: readonly Run[]): void | Promise<void>;
  fromTarget(runs: readonly Run[]): void | Promise<void>;
  /** The caller asks to cancel. True = it was a held operation, nothing is to be sent to the target. */
  cancel(lane: number): boolean;
  /** What was to come of the lane's texts never will: what is held of them is dropped. */
  drop?(lane: number): void;
  ended(ending: Ending): void;
}

/** One authenticated use of one target, both ends open. */
export interface Exchange {
  /** Starts delivery. Called once. */
  start(relay: Relay): void;
  /** Lets a run pass to the other side: its own bytes, or `bytes` in their place. Order is the order of calls. */
  forward(run: Run, bytes?: Uint8Array): void;
  /**
   * Answers a caller's run in the wire's own words instead of passing it, behind replies still due, leaving target
   * and caller in the state the wire prescribes. The rest of the run's unit (up to Sync, the request) is dropped.
   */
  refuse(run: Run, refusal: Refusal): void;
  /** Tells the caller something in passing (`waiting for approval`); a wire without such a message does nothing. */
  notify(lane: number, text: string): void;
  /**
   * Ends the operation of one lane in the wire's own words, because its answer must not go on; the other lanes live.
   * False, or no such method = the wire has no such word, and the whole exchange must be closed.
   */
  abandon?(lane: number, refusal: Refusal): boolean;
  /** Ends both sides; with a refusal the caller is told first. */
  close(refusal?: Refusal): void;
}

/** One wire protocol. The edge names it in `protocols.ts` and nowhere else. */
export interface Protocol {
  readonly name: Connection['protocol'];
  readonly capabilities: Capabilities;
  /** What callers know this listener by, to be published: the host key of an SSH edge. */
  readonly identity?: string;
  /** Yields each caller that presents a credential; ends when the socket does. Never throws for what a peer sent. */
  accept(socket: Duplex, context: AcceptContext): AsyncIterable<Knock>;
}
