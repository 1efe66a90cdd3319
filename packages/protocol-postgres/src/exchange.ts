/*
 *   caller socket                                                   target socket
 *      | data                                                          | data
 *      v                                                               v
 *   Framer -> CallerConversation.next -> relay.fromCaller    Framer -> TargetConversation.read -> relay.fromTarget
 *                 forward | refuse | (held)                                forward | (held)
 *                    v                                                          v
 *              outlet to target  <-- Session: answers due, names -->      outlet to caller
 *
 * One chunk in is one write out. A socket that does not drain pauses the socket on the other side; a held lane keeps
 * reading up to `maxHeldInput`, so that a caller who leaves is noticed.
 */
import type { Duplex } from 'node:stream';
import { type Refusal, RefusalError, refuse } from '@scrim/model';
import type { Ending, Exchange, Limits, Relay, Run } from '@scrim/protocol-kit';
import type { CallerRun } from './caller-run.ts';
import { backendKeyData, type CancelKey, type CancelKeys, type Cancellable } from './cancel.ts';
import { Framer } from './codec.ts';
import { CallerConversation, type CallerOptions } from './conversation-caller.ts';
import { TargetConversation } from './conversation-target.ts';
import type { Domain } from './domain.ts';
import { Outlet } from './outlet.ts';
import { errorResponse, noticeResponse } from './refuse.ts';
import { Session } from './session.ts';
import { substitute, withInsert } from './substitute.ts';
import { ValueFault } from './types/codec.ts';
import { AUTHENTICATION_OK, FLUSH, TERMINATE, WireFault } from './wire.ts';

/** Everything an exchange is made of. */
export interface ExchangeParts {
  readonly caller: Duplex;
  readonly callerEarly: Buffer;
  readonly target: Duplex;
  readonly greeting: Buffer;
  readonly targetEarly: Buffer;
  readonly minor: number;
  readonly limits: Limits;
  readonly domain: Domain;
  readonly keys: CancelKeys;
  readonly options: CallerOptions;
  /** Sends a CancelRequest for this session to the target. */
  readonly cancelTarget: () => Promise<void>;
}

/** How long a peer may take to read the last words before its socket is destroyed. */
const FAREWELL = 2000;

/** One side's bytes on their way in: whole messages not yet read, and why nobody reads them now. */
class Inlet {
  readonly framer: Framer;
  readonly regions: Buffer[] = [];
  at = 0;
  /** Something must be waited for before the next message is read. */
  busy = false;
  /** The other side does not drain. */
  blocked = false;
  pumping = false;

  constructor(maxMessage: number) {
    this.framer = new Framer(maxMessage);
  }

  /** The region that `at` points into; what was read to its end is let go. Undefined when nothing is left. */
  unread(): Buffer | undefined {
    for (let region = this.regions[0]; region; region = this.regions[0]) {
      if (this.at < region.length) return region;
      this.regions.shift();
      this.at = 0;
    }
    return undefined;
  }

  get held(): number {
    let total = this.framer.held - this.at;
    for (const region of this.regions) total += region.length;
    return total;
  }
}

/** See {@link Exchange}; one per session. */
export class PostgresExchange implements Exchange, Cancellable {
  readonly #parts: ExchangeParts;
  readonly #session: Session;
  readonly #callerTalk: CallerConversation;
  readonly #targetTalk: TargetConversation;
  readonly #toCaller: Outlet;
  readonly #toTarget: Outlet;
  readonly #fromCaller: Inlet;
  readonly #fromTarget: Inlet;
  readonly #key: CancelKey;
  #relay: Relay | null = null;
  #closed = false;
  #terminated = false;
  /** The target ended while its last words were held back. */
  #targetGone = false;
  #flushDue = false;
  /** Once is enough while the caller's next message waits. */
  #flushSent = false;
  /** The caller's next message waits for answers that settle what a name means. */
  #awaitingNames = false;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
    this.#session = new Session(
      parts.domain.statements,
      (name) => parts.domain.catalog.relations({ schema: null, name }).length > 0,
    );
    this.#session.sent({ kind: 'login', unit: -1, part: 0, count: null, shape: null, ended: false });
    this.#key = parts.keys.issue(this, parts.minor);
    this.#callerTalk = new CallerConversation(this.#session, parts.domain.statements, parts.options);
    this.#targetTalk = new TargetConversation(this.#session, parts.domain, {
      key: backendKeyData(this.#key),
      maxMessage: parts.limits.maxMessage,
    });
    this.#toCaller = new Outlet(parts.caller);
    this.#toTarget = new Outlet(parts.target);
    this.#fromCaller = new Inlet(parts.limits.maxMessage);
    this.#fromTarget = new Inlet(parts.limits.maxMessage);
  }

  start(relay: Relay): void {
    const { caller, target } = this.#parts;
    this.#relay = relay;
    this.#toCaller.add(AUTHENTICATION_OK);
    this.#watch(caller, 'caller-left', (chunk) => this.#onCaller(chunk));
    this.#watch(target, 'target-left', (chunk) => this.#onTarget(chunk));
    this.#onTarget(this.#parts.greeting);
    if (this.#parts.targetEarly.length > 0) this.#onTarget(this.#parts.targetEarly);
    if (this.#parts.callerEarly.length > 0) this.#onCaller(this.#parts.callerEarly);
    if (caller.destroyed) this.#end('caller-left');
    else if (target.destroyed) this.#end('target-left');
  }

  #watch(socket: Duplex, ending: Ending, onData: (chunk: Buffer) => void): void {
    socket.on('data', onData);
    socket.once('end', () => this.#gone(ending));
    socket.once('close', () => this.#gone(ending));
    socket.on('drain', () => this.#drained(ending === 'caller-left'));
    socket.resume();
  }

  /** A peer is gone. What the target said last is still told to the caller before the end. */
  #gone(ending: Ending): void {
    if (ending === 'target-left' && this.#fromTarget.busy) {
      this.#targetGone = true;
      return;
    }
    this.#end(this.#terminated ? 'caller-left' : ending);
  }

  #onCaller(chunk: Buffer): void {
    this.#receive(this.#fromCaller, chunk, () => this.#pumpCaller());
    const { caller, limits } = this.#parts;
    if (this.#fromCaller.busy && this.#fromCaller.held > limits.maxHeldInput) caller.pause();
  }

  #onTarget(chunk: Buffer): void {
    this.#receive(this.#fromTarget, chunk, () => this.#pumpTarget());
    if (this.#fromTarget.busy) this.#parts.target.pause();
  }

  #receive(inlet: Inlet, chunk: Buffer, pump: () => void): void {
    if (this.#closed) return;
    try {
      inlet.framer.push(chunk, inlet.regions);
      if (!inlet.busy) pump();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Something threw: a relay's refusal, a broken wire, or a bug. Each ends the session, none passes a byte. */
  #fail(error: unknown): void {
    this.close(refusalOf(error));
  }

  #pumpCaller(): void {
    const inlet = this.#fromCaller;
    if (inlet.pumping) return;
    inlet.pumping = true;
    try {
      while (!inlet.busy && !this.#closed) {
        const region = inlet.unread();
        if (!region) break;
        const run = this.#callerTalk.next(region, inlet.at);
        if (run === null) {
          this.#awaitNames();
          break;
        }
        this.#flushSent = false;
        inlet.at += run.bytes.length;
        const held = (this.#relay as Relay).fromCaller([run]);
        if (held) this.#hold(inlet, this.#parts.caller, held, () => this.#pumpCaller());
      }
    } finally {
      inlet.pumping = false;
    }
    this.#flush();
  }

  /** Nothing more of this side is read until `held` settles. */
  #hold(inlet: Inlet, socket: Duplex, held: Promise<unknown>, pump: () => void): void {
    inlet.busy = true;
    held.then(
      () => {
        inlet.busy = false;
        if (this.#closed) return;
        if (!inlet.blocked) socket.resume();
        try {
          pump();
        } catch (error) {
          this.#fail(error);
        }
        if (inlet === this.#fromTarget && this.#targetGone && !inlet.busy) this.#gone('target-left');
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #awaitNames(): void {
    this.#awaitingNames = true;
    this.#fromCaller.busy = true;
    if (this.#flushSent) return;
    this.#flushSent = true;
    // Without a Sync on its way the target may sit on its answers.
    this.#toTarget.add(FLUSH);
  }

  #namesSettled(): void {
    if (!this.#awaitingNames) return;
    this.#awaitingNames = false;
    this.#fromCaller.busy = false;
    if (!this.#fromCaller.blocked) this.#parts.caller.resume();
    this.#pumpCaller();
  }

  #pumpTarget(): void {
    const inlet = this.#fromTarget;
    if (inlet.pumping) return;
    inlet.pumping = true;
    try {
      while (!inlet.busy && !this.#closed) {
        const region = inlet.unread();
        if (!region) break;
        this.#readTarget(region);
      }
    } finally {
      inlet.pumping = false;
    }
    this.#namesSettled();
    this.#flush();
  }

  #readTarget(region: Buffer): void {
    const inlet = this.#fromTarget;
    const runs: Run[] = [];
    inlet.at = this.#targetTalk.read(region, inlet.at, runs);
    const { stop } = this.#targetTalk;
    const held = runs.length > 0 ? (this.#relay as Relay).fromTarget(runs) : undefined;
    if (held) {
      const done = stop ? held.then(() => this.#stopped(stop)) : held;
      this.#hold(inlet, this.#parts.target, done, () => this.#pumpTarget());
      return;
    }
    const wait = stop ? this.#stopped(stop) : undefined;
    if (wait) this.#hold(inlet, this.#parts.target, wait, () => this.#pumpTarget());
  }

  #stopped(stop: NonNullable<TargetConversation['stop']>): Promise<void> | undefined {
    if (stop.kind === 'wait') return stop.until;
    this.#toCaller.add(stop.bytes);
    return undefined;
  }

  /** Outside a pump (a held operation was released) what was added leaves at the end of this turn. */
  #touched(): void {
    if (this.#fromCaller.pumping || this.#fromTarget.pumping || this.#flushDue) return;
    this.#flushDue = true;
    queueMicrotask(this.#flushLater);
  }

  readonly #flushLater = (): void => {
    this.#flushDue = false;
    this.#flush();
  };

  #flush(): void {
    if (this.#closed || this.#fromCaller.pumping || this.#fromTarget.pumping) return;
    if (this.#toTarget.dirty && !this.#toTarget.flush()) this.#block(this.#fromCaller, this.#parts.caller);
    if (this.#toCaller.dirty && !this.#toCaller.flush()) this.#block(this.#fromTarget, this.#parts.target);
  }

  #block(inlet: Inlet, socket: Duplex): void {
    inlet.blocked = true;
    socket.pause();
  }

  #drained(callerDrained: boolean): void {
    const inlet = callerDrained ? this.#fromTarget : this.#fromCaller;
    const socket = callerDrained ? this.#parts.target : this.#parts.caller;
    inlet.blocked = false;
    if (!inlet.busy) socket.resume();
  }

  forward(run: Run, bytes?: Uint8Array): void {
    if (this.#closed) return;
    if (run.meaning.kind === 'unknown') {
      this.close(refuse('SCRIM_UNPARSED').refusal);
      return;
    }
    if (isCallerRun(run)) this.#forwardCaller(run, bytes ?? run.bytes);
    else this.#toCaller.add(bytes ?? run.bytes);
    this.#touched();
  }

  #forwardCaller(run: CallerRun, bytes: Uint8Array): void {
    const session = this.#session;
    for (const item of run.dues) session.sent(item);
    if (run.insert === undefined || bytes !== run.bytes) {
      this.#toTarget.add(bytes);
    } else {
      for (const piece of withInsert(run, run.insert)) this.#toTarget.add(piece);
    }
    if (run.terminates) this.#terminated = true;
  }

  refuse(run: Run, refusal: Refusal): void {
    if (this.#closed) return;
    if (!isCallerRun(run) || run.coreDue < 0 || run.coreEnd === run.coreStart) {
      this.#refuseData(run, refusal);
      return;
    }
    const pieces = substitute(run);
    if (!pieces) {
      this.close(refusal);
      return;
    }
    const core = run.dues[run.coreDue];
    for (const item of run.dues) {
      if (item.swallow) {
        if (item.portal) item.portal.described = false;
      } else this.#session.sent(item === core ? { ...item, refusal } : item);
    }
    for (const piece of pieces) this.#toTarget.add(piece);
    this.#touched();
  }

  /** COPY data that may not go in fails the COPY; anything else that cannot be answered in place ends the session. */
  #refuseData(run: Run, refusal: Refusal): void {
    const { first, copyIn } = this.#session;
    // Data behind a COPY that has failed: the target would drop them too.
    if (isCallerRun(run) && run.meaning.kind === 'input' && !copyIn && (!first || first.refusal)) return;
    if (!isCallerRun(run) || run.meaning.kind !== 'input' || !copyIn) {
      this.close(refusal);
      return;
    }
    this.#session.failCopy(refusal);
    for (const piece of substitute(run) ?? []) this.#toTarget.add(piece);
    this.#touched();
  }

  notify(_lane: number, text: string): void {
    if (this.#closed) return;
    this.#toCaller.add(noticeResponse(text));
    this.#touched();
  }

  async cancel(): Promise<void> {
    if (this.#closed || this.#relay?.cancel(0)) return;
    try {
      await this.#parts.cancelTarget();
    } catch {
      // The caller of a CancelRequest is told nothing, whatever becomes of it (documentation, "Canceling Requests").
    }
  }

  close(refusal?: Refusal): void {
    if (this.#closed) return;
    this.#fromCaller.pumping = false;
    this.#fromTarget.pumping = false;
    if (refusal) this.#toCaller.add(errorResponse(refusal, 'FATAL'));
    this.#end(refusal ? 'refused' : 'broken');
  }

  #end(ending: Ending): void {
    if (this.#closed) return;
    this.#fromCaller.pumping = false;
    this.#fromTarget.pumping = false;
    this.#flush();
    this.#closed = true;
    this.#parts.keys.drop(this.#key);
    const { caller, target } = this.#parts;
    if (!this.#terminated && !target.destroyed && !target.writableEnded) target.write(TERMINATE);
    farewell(target);
    farewell(caller);
    this.#relay?.ended(ending);
  }
}

/** Ends a socket, and destroys it when the peer does not take the end. */
function farewell(socket: Duplex): void {
  if (socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), FAREWELL);
  socket.once('close', () => clearTimeout(timer));
  socket.removeAllListeners('data');
  socket.resume();
  socket.end(() => socket.destroy());
}

function isCallerRun(run: Run): run is CallerRun {
  return 'coreDue' in run;
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof RefusalError) return error.refusal;
  if (error instanceof WireFault) {
    return refuse(error.tooLarge ? 'SCRIM_LIMIT' : 'SCRIM_UNPARSED', { message: error.reason }).refusal;
  }
  return refuse(error instanceof ValueFault ? 'SCRIM_UNMASKABLE' : 'SCRIM_INTERNAL').refusal;
}
