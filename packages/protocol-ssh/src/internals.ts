/**
 * What this package takes from inside ssh2, in one place. Its public API neither orders stdout, stderr, EOF and exit
 * status among each other, nor bounds what a peer sends beyond its window, nor passes BREAK; all of it is one packet
 * on the wire (RFC 4254). The version of ssh2 is pinned exactly, and `internals.test.ts` fails when these move.
 */
import type { Duplex } from 'node:stream';
import type { Channel, Client, ClientChannel, Connection, ServerChannel } from 'ssh2';

/** One end's view of a channel (RFC 4254 section 5.1). */
interface ChannelSide {
  readonly id: number;
  window: number;
  readonly packetSize: number;
  state: 'open' | 'eof' | 'closing' | 'closed';
}

export interface Wire {
  readonly outgoing: ChannelSide;
  readonly incoming: ChannelSide;
}

type Handler = (protocol: unknown, recipient: number, ...rest: unknown[]) => void;

interface ProtocolInside {
  channelData(id: number, data: Buffer): void;
  channelExtData(id: number, data: Buffer, type: number): void;
  channelEOF(id: number): void;
  channelClose(id: number): void;
  channelSuccess(id: number): void;
  channelFailure(id: number): void;
  exitStatus(id: number, code: number): void;
  exitSignal(id: number, name: string, coreDumped: boolean, message: string): void;
  windowChange(id: number, rows: number, cols: number, height: number, width: number): void;
  signal(id: number, name: string): void;
  readonly _handlers: Record<string, Handler>;
  readonly _packetRW: {
    readonly write: {
      readonly allocStart: number;
      readonly allocStartKEX: number;
      alloc(size: number, force?: boolean): Buffer;
    };
  };
  readonly _cipher: { encrypt(packet: Buffer): void };
  readonly _kexinit: unknown;
  _queue: Buffer[] | undefined;
}

interface ClientInside {
  readonly _protocol: ProtocolInside;
  readonly _sock: Duplex;
}

/** Types of packets made here (RFC 4250 section 4.1.2). */
const DISCONNECT = 1;
const USERAUTH_BANNER = 53;
const CHANNEL_REQUEST = 98;

export function protocolOf(client: Client | Connection): ProtocolInside {
  return (client as unknown as ClientInside)._protocol;
}

export function socketOf(client: Client | Connection): Duplex {
  return (client as unknown as ClientInside)._sock;
}

export function wireOf(channel: Channel | ServerChannel | ClientChannel): Wire {
  return channel as unknown as Wire;
}

/** Runs `before` ahead of ssh2's own handler; true from it means that the message is dealt with. */
export function intercept(
  client: Client | Connection,
  message: 'CHANNEL_REQUEST' | 'CHANNEL_WINDOW_ADJUST',
  hooks: {
    before?: (recipient: number, rest: readonly unknown[]) => boolean;
    after?: (recipient: number) => void;
  },
): void {
  const handlers = protocolOf(client)._handlers;
  const own = handlers[message] as Handler;
  handlers[message] = (protocol, recipient, ...rest) => {
    if (hooks.before?.(recipient, rest)) return;
    own(protocol, recipient, ...rest);
    hooks.after?.(recipient);
  };
}

/** Sends a packet ssh2 has no call for; during a key exchange it waits, as RFC 4253 section 7.1 wants. */
function send(protocol: ProtocolInside, payload: Buffer, evenInExchange = false): void {
  const { write } = protocol._packetRW;
  const packet = write.alloc(payload.length, evenInExchange);
  const waits = protocol._kexinit !== undefined && !evenInExchange;
  payload.copy(packet, waits ? 0 : evenInExchange ? write.allocStartKEX : write.allocStart);
  if (!waits) {
    protocol._cipher.encrypt(packet);
    return;
  }
  protocol._queue ??= [];
  protocol._queue.push(packet);
}

function string(text: string | Buffer): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Ends the connection with words the client prints (RFC 4253 section 11.1). */
export function disconnect(client: Client | Connection, reason: number, text: string): void {
  send(
    protocolOf(client),
    Buffer.concat([Buffer.from([DISCONNECT]), uint32(reason), string(text), string('')]),
    true,
  );
}

/** A text the client shows before it is logged in (RFC 4252 section 5.4). */
export function banner(client: Connection, text: string): void {
  send(protocolOf(client), Buffer.concat([Buffer.from([USERAUTH_BANNER]), string(text), string('')]));
}

/** BREAK of `length` milliseconds (RFC 4335). */
export function sendBreak(client: Client, channel: ClientChannel, length: number): void {
  const head = Buffer.concat([Buffer.from([CHANNEL_REQUEST]), uint32(wireOf(channel).outgoing.id)]);
  send(protocolOf(client), Buffer.concat([head, string('break'), Buffer.from([0]), uint32(length)]));
}

/** A session's numbers before anything runs on it, and how large a packet its peer takes. */
export function sessionIds(session: unknown): { local: number; remote: number; packetSize: number } {
  const { incoming, outgoing } = (session as { _chanInfo: Wire })._chanInfo;
  return { local: incoming.id, remote: outgoing.id, packetSize: outgoing.packetSize };
}
