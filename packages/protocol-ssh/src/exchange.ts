import type { Duplex } from 'node:stream';
import { type Refusal, RefusalError, refuse, type ShellFacts, type Statement } from '@scrim/model';
import type { Ending, Exchange, Limits, Relay, Run } from '@scrim/protocol-kit';
import type { Client, Connection, ServerChannel, Session, TcpipRequestInfo } from 'ssh2';
import { type Door, farewell } from './accept.ts';
import type { Governed, Host } from './contracts.ts';
import { ForwardChannel } from './forward.ts';
import { disconnect, intercept, protocolOf, sessionIds, socketOf } from './internals.ts';
import { DISCONNECT_REASON, sentence } from './refuse.ts';
import { NOTHING, run, type SshRun } from './run.ts';
import { SessionChannel } from './session-channel.ts';

/** Everything an exchange is made of. */
export interface ExchangeParts {
  readonly door: Door;
  readonly target: Client;
  readonly limits: Limits;
  readonly understand: (line: string, terminal: boolean) => ShellFacts;
}

/** Channels open at once on one connection; OpenSSH's own MaxSessions is 10. */
const MAX_CHANNELS = 64;
/** Requests to forward, which are all refused: more of them is no honest client. */
const MAX_REFUSED = 200;
/** A channel's window is 2 MiB, and may be granted twice before we stop: a peer that sends more ignores it. */
const MAX_BACKLOG = 8 << 20;
/** Smallest packet a peer may ask for: below it every byte sent costs a packet. */
const MIN_PACKET = 256;

/** See {@link Exchange}; one per SSH connection, each of its channels a lane. */
export class SshExchange implements Exchange, Host {
  readonly caller: Connection;
  readonly target: Client;
  readonly limits: Limits;
  readonly understand: (line: string, terminal: boolean) => ShellFacts;
  readonly #parts: ExchangeParts;
  readonly #lanes = new Map<number, Governed>();
  /** By the number ssh2 gave the caller's channel. */
  readonly #channels = new Map<number, Governed>();
  #relay: Relay | undefined;
  #lane = 0;
  #refusals = 0;
  #closed = false;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
    this.caller = parts.door.client;
    this.target = parts.target;
    this.limits = parts.limits;
    this.understand = parts.understand;
    this.target.on('error', () => undefined);
  }

  get relay(): Relay {
    return this.#relay as Relay;
  }

  start(relay: Relay): void {
    this.#relay = relay;
    const { caller, target } = this;
    const { door } = this.#parts;
    caller.on('session', (accept, reject) => this.#session(accept, reject));
    caller.on('tcpip', (accept, reject, info) => this.#forward(accept, reject, info));
    caller.on('request', (_accept, reject, name) => this.#global(name ?? '', reject));
    this.#hook();
    this.#watch(door.socket, 'caller-left');
    this.#watch(socketOf(target), 'target-left');
    if (door.socket.destroyed) this.#end('caller-left');
    else if (socketOf(target).destroyed) this.#end('target-left');
    else door.welcome();
  }

  #watch(socket: Duplex, ending: Ending): void {
    // ssh2 listens first: at this point it has read the chunk and said what it means.
    socket.on('data', () => this.#bounded());
    // Channels tell their last words when the connection goes; what follows from them comes first.
    socket.once('close', () => setImmediate(() => this.#end(ending)));
    socket.once('end', () => socket.end());
  }

  #bounded(): void {
    for (const channel of this.#lanes.values()) {
      if (channel.backlog <= MAX_BACKLOG) continue;
      this.close(refuse('SCRIM_LIMIT', { message: 'a peer sent more than its window allows' }).refusal);
      return;
    }
  }

  /** What ssh2 keeps to itself: windows that grow, and requests for channels that have seen EOF. */
  #hook(): void {
    intercept(this.caller, 'CHANNEL_WINDOW_ADJUST', {
      after: (recipient) => this.#channels.get(recipient)?.windowGrew(),
    });
    intercept(this.caller, 'CHANNEL_REQUEST', {
      before: (recipient, [type, wantReply, data]) => {
        if (type !== 'break' && type !== 'signal' && type !== 'window-change') return false;
        const channel = this.#channels.get(recipient);
        if (!channel?.request(type, data)) return false;
        const id = this.#remote.get(recipient);
        if (wantReply === true && id !== undefined) protocolOf(this.caller).channelSuccess(id);
        return true;
      },
    });
  }

  /** The caller's own numbers of its channels, by ours. */
  readonly #remote = new Map<number, number>();

  #session(accept: () => Session, reject: () => unknown): void {
    if (this.#closed || this.#lanes.size >= MAX_CHANNELS) {
      reject();
      return;
    }
    const session = accept();
    const { local, remote, packetSize } = sessionIds(session);
    const lane = ++this.#lane;
    const channel = new SessionChannel(this, session, lane);
    this.#lanes.set(lane, channel);
    this.#channels.set(local, channel);
    this.#remote.set(local, remote);
    session.on('close', () => {
      this.#channels.delete(local);
      this.#remote.delete(local);
    });
    if (packetSize < MIN_PACKET) {
      this.close(refuse('SCRIM_UNPARSED', { message: 'the packets asked for are too small' }).refusal);
    }
  }

  #forward(accept: () => ServerChannel, reject: () => unknown, info: TcpipRequestInfo): void {
    if (this.#closed || this.#lanes.size >= MAX_CHANNELS) {
      reject();
      return;
    }
    const channel = new ForwardChannel(this, info, ++this.#lane);
    this.#lanes.set(channel.lane, channel);
    channel.open(accept, reject);
  }

  /** Listening at the target for the caller is never opened; that it was asked for is recorded. */
  #global(name: string, reject: (() => void) | undefined): void {
    this.#refusals += 1;
    if (this.#refusals > MAX_REFUSED) {
      this.close(refuse('SCRIM_LIMIT', { message: 'too many requests that are refused' }).refusal);
      return;
    }
    const statement: Statement = {
      verb: 'forward',
      text: `forward ${name}`,
      facts: { kind: 'forward', destination: name },
    };
    const answer = (): void => reject?.();
    try {
      this.relay.fromCaller([
        run(0, NOTHING, { kind: 'operation', statement, parameters: null }, answer, answer),
      ]);
    } catch (error) {
      this.failed(error);
    }
  }

  failed(error: unknown): void {
    this.close(error instanceof RefusalError ? error.refusal : refuse('SCRIM_INTERNAL').refusal);
  }

  closed(lane: number): void {
    this.#lanes.delete(lane);
  }

  forward(run: Run, bytes?: Uint8Array): void {
    if (this.#closed) return;
    if (run.meaning.kind === 'unknown') {
      this.close(refuse('SCRIM_UNPARSED').refusal);
      return;
    }
    (run as SshRun).pass(bytes ?? run.bytes);
  }

  refuse(run: Run, refusal: Refusal): void {
    if (this.#closed) return;
    const { deny } = run as SshRun;
    if (deny) deny(refusal);
    else this.close(refusal);
  }

  abandon(lane: number, refusal: Refusal): boolean {
    return this.#closed || (this.#lanes.get(lane)?.abandon(refusal) ?? false);
  }

  notify(lane: number, text: string): void {
    if (!this.#closed) this.#lanes.get(lane)?.tell(text);
  }

  close(refusal?: Refusal): void {
    if (this.#closed) return;
    const text = refusal && sentence(refusal);
    for (const channel of this.#lanes.values()) channel.end(text);
    if (refusal) {
      try {
        disconnect(this.caller, DISCONNECT_REASON[refusal.code], sentence(refusal));
      } catch {
        // The connection is gone already.
      }
    }
    this.#end(refusal ? 'refused' : 'broken');
  }

  #end(ending: Ending): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#lanes.clear();
    this.#channels.clear();
    farewell(this.#parts.door.socket);
    this.target.end();
    farewell(socketOf(this.target));
    this.#relay?.ended(ending);
  }
}
