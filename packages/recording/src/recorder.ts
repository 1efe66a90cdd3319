import { randomUUID } from 'node:crypto';
import { type Caller, type RecordingMode, type RefusalError, refuse } from '@scrim/model';
import { BlockPool } from './block.ts';
import { type EncodedEvent, encodeEvent } from './event.ts';
import { readRecipient } from './recipient.ts';
import { type ContentMode, type RecordingContext, SessionRecorder } from './session-recorder.ts';

/** The last event of a session's chain, as the spool remembers it over restarts. */
export interface ChainHead {
  readonly sessionId: string;
  readonly seq: number;
  readonly hash: Buffer;
}

/** What the recorder writes to; {@link Spool} is the one of the edge. */
export interface EventSink {
  /** Keeps the event in order. `last` = it ends its session and may use the spool's reserve. Throws when it cannot. */
  append(event: EncodedEvent, last: boolean): void;
  /** Everything appended is with the operating system when it returns. */
  drain(): void;
  /** True = no new session may start. */
  readonly full: boolean;
  /** Sessions without a `closed` event. */
  openHeads(): ChainHead[];
}

export interface RecorderOptions {
  readonly sink: EventSink;
  readonly edgeId: string;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** How old traffic may grow before it becomes an event, in milliseconds. */
  readonly blockInterval?: number;
}

const BLOCK_INTERVAL = 100;
/** Sessions whose blocks become events in one turn of the event loop. */
const PORTION = 32;
/** Rejected callers recorded singly in a second. */
const DOOR_RATE = 10;
/** Connection and protocol of the chain for what belongs to no session. No connection can have this name. */
export const DOOR = '(door)';
const NOBODY: Caller = {
  subject: DOOR,
  groups: [],
  kind: 'machine',
  issuer: DOOR,
  tokenId: '',
  expiresAt: 0,
  attributes: {},
};

/** All recordings of one edge: opens sessions, turns their traffic into events in time, ends those a crash left open. */
export class Recorder {
  readonly #sink: EventSink;
  readonly #edgeId: string;
  readonly #now: () => number;
  readonly #interval: number;
  readonly #context: RecordingContext;
  readonly #dirty = new Set<SessionRecorder>();
  readonly #failures = new WeakMap<SessionRecorder, (error: RefusalError) => void>();
  #timer: NodeJS.Timeout | undefined;
  #door: SessionRecorder | undefined;
  #doorSecond = 0;
  #doorEvents = 0;
  #doorSuppressed = 0;

  constructor(options: RecorderOptions) {
    this.#sink = options.sink;
    this.#edgeId = options.edgeId;
    this.#now = options.now ?? Date.now;
    this.#interval = options.blockInterval ?? BLOCK_INTERVAL;
    this.#context = {
      pool: new BlockPool(),
      now: this.#now,
      append: (event, last) => this.#sink.append(event, last),
      drain: () => this.#sink.drain(),
      dirty: (session) => this.#markDirty(session),
      clean: (session) => this.#dirty.delete(session),
    };
  }

  /** False = the spool is full or cannot be written: new sessions are refused. */
  readonly ready = (): boolean => !this.#sink.full;

  /**
   * Starts a recording; its first event is due at once by `opened`. `onFailure` is told when waiting traffic could not
   * be kept although nothing is being called: the session must be ended now.
   * Throws `SCRIM_SPOOL_FULL` when the spool takes no new session, a FormatError for an unusable `sealed` key.
   */
  open(
    sessionId: string,
    connection: string,
    mode: RecordingMode,
    onFailure?: (error: RefusalError) => void,
  ): SessionRecorder {
    if (this.#sink.full) throw refuse('SCRIM_SPOOL_FULL', { hint: 'try again later or use another edge' });
    const origin = { sessionId, edgeId: this.#edgeId, connection };
    const content = resolveContent(mode.content);
    const session = new SessionRecorder(this.#context, origin, content, mode.maxContent);
    if (onFailure !== undefined) this.#failures.set(session, onFailure);
    return session;
  }

  /**
   * Something happened at the door that belongs to no session: garbage, a wrong token. It goes to a chain of the edge's
   * own, a few a second; the rest is counted, so that a flood cannot fill the spool. Never throws: the caller at the
   * door is turned away in any case.
   */
  rejected(data: Readonly<Record<string, unknown>>): void {
    const second = Math.floor(this.#now() / 1_000);
    if (second !== this.#doorSecond) {
      this.#doorSecond = second;
      this.#doorEvents = 0;
    }
    if (++this.#doorEvents > DOOR_RATE || this.#sink.full) {
      this.#doorSuppressed++;
      return;
    }
    try {
      if (this.#door === undefined || this.#door.failed) this.#door = this.#openDoor();
      this.#door.event('rejected', {
        ...data,
        ...(this.#doorSuppressed > 0 && { suppressed: this.#doorSuppressed }),
      });
      this.#doorSuppressed = 0;
    } catch {
      this.#doorSuppressed++;
    }
  }

  /**
   * Ends the sessions a killed edge left open: each gets `closed {ending: 'edge-lost'}` on its own chain. Call it once,
   * before the first {@link open}. Returns how many there were.
   */
  closeLost(): number {
    const heads = this.#sink.openHeads();
    const data = JSON.stringify({ ending: 'edge-lost' });
    for (const head of heads) {
      const link = { sessionId: head.sessionId, seq: head.seq + 1, prevHash: head.hash };
      this.#sink.append(encodeEvent({ ...link, at: this.#now(), kind: 'closed', data, body: null }), true);
    }
    this.#sink.drain();
    return heads.length;
  }

  /** Turns all waiting traffic into events now. Sessions that cannot be written are failed and told. */
  flush(): void {
    while (this.#dirty.size > 0) this.#flushSome(this.#dirty.size);
  }

  #flushSome(limit: number): void {
    const sessions: SessionRecorder[] = [];
    for (const session of this.#dirty) {
      if (sessions.length === limit) break;
      sessions.push(session);
    }
    for (const session of sessions) this.#try(session, () => session.settle());
    try {
      this.#sink.drain();
    } catch (error) {
      // Which of them were lost is not known: none may go on as if it were recorded.
      for (const session of sessions) this.#tell(session, session.fail(error));
    }
  }

  /** A thousand sessions at once would hold up the data path: they go in portions, traffic runs in between. */
  #tick(): void {
    this.#flushSome(PORTION);
    if (this.#dirty.size > 0) this.#timer = setTimeout(() => this.#tick(), 1);
    else this.#timer = undefined;
  }

  /** Flushes, ends the door's chain and stops the clock. Sessions still open stay open in the spool. */
  stop(): void {
    this.flush();
    if (this.#door?.failed === false) this.#door.closed('shutdown');
    this.#door = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #openDoor(): SessionRecorder {
    const record = { content: 'none', maxContent: 0 } as const;
    const sessionId = randomUUID();
    const door = this.open(sessionId, DOOR, record);
    door.opened({
      sessionId,
      connection: DOOR,
      protocol: DOOR,
      caller: NOBODY,
      claimedName: '',
      attributes: {},
      policies: {},
      record,
    });
    return door;
  }

  #markDirty(session: SessionRecorder): void {
    this.#dirty.add(session);
    this.#timer ??= setTimeout(() => this.#tick(), this.#interval);
  }

  #try(session: SessionRecorder, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#tell(session, error as RefusalError);
    }
  }

  #tell(session: SessionRecorder, error: RefusalError): void {
    const onFailure = this.#failures.get(session);
    this.#failures.delete(session);
    onFailure?.(error);
  }
}

function resolveContent(content: RecordingMode['content']): ContentMode {
  return typeof content === 'object' ? { sealed: readRecipient(content.sealed) } : content;
}
