import type { Connection, ServerChannel } from 'ssh2';
import { protocolOf, socketOf, type Wire, wireOf } from './internals.ts';

/** What leaves on a channel, in the order it was given. */
type Item =
  | { readonly kind: 'data' | 'error'; readonly bytes: Buffer }
  | { readonly kind: 'eof' | 'close' }
  | { readonly kind: 'status'; readonly code: number }
  | { readonly kind: 'signal'; readonly name: string; readonly core: boolean; readonly message: string };

/** Bytes that wait before the source is told to stop. */
const FULL = 1024 * 1024;
/** Bytes the socket itself may hold: a peer can grant a window of 4 GiB and read nothing. */
const SOCKET_FULL = 4 * 1024 * 1024;
const STDERR = 1;
/** Sent items kept before the list is cut. */
const COMPACT = 256;
/** Largest packet written, whatever the peer says it takes. */
const MAX_PACKET = 32 * 1024;

/**
 * The way out to a caller on one channel: standard output, standard error, EOF and exit status in one order, at most
 * what the peer's window and the socket take. ssh2's own streams write the two texts independently, which loses and
 * repeats bytes when both wait for window.
 */
export class CallerOutlet {
  readonly #client: Connection;
  readonly #wire: Wire;
  readonly #onDrain: () => void;
  #items: Item[] = [];
  #head = 0;
  #waiting = 0;
  #ended = false;
  #closed = false;
  #blocked = false;
  #socketWait = false;
  #gathers = false;

  constructor(client: Connection, channel: ServerChannel, onDrain: () => void) {
    this.#client = client;
    this.#wire = wireOf(channel);
    this.#onDrain = onDrain;
  }

  /** True when the source shall be read no further until `onDrain`. */
  get full(): boolean {
    return this.#waiting > FULL || this.#socketWait;
  }

  data(bytes: Buffer): void {
    if (bytes.length > 0) this.#add({ kind: 'data', bytes });
  }

  error(bytes: Buffer): void {
    if (bytes.length > 0) this.#add({ kind: 'error', bytes });
  }

  eof(): void {
    this.#add({ kind: 'eof' });
  }

  status(code: number): void {
    this.#add({ kind: 'status', code });
  }

  signal(name: string, core: boolean, message: string): void {
    this.#add({ kind: 'signal', name, core, message });
  }

  close(): void {
    this.#add({ kind: 'close' });
  }

  /** The peer closed the channel: nothing more can be sent. */
  gone(): void {
    this.#closed = true;
    this.#items = [];
    this.#head = 0;
    this.#waiting = 0;
  }

  #add(item: Item): void {
    if (this.#closed) return;
    if ('bytes' in item) {
      if (this.#ended) return;
      this.#waiting += item.bytes.length;
    }
    if (item.kind === 'eof') {
      if (this.#ended) return;
      this.#ended = true;
    }
    this.#items.push(item);
    this.flush();
  }

  /** Sends what may be sent now; called again when the window grows or the socket drains. */
  flush(): void {
    while (!this.#closed && this.#head < this.#items.length) {
      if (!this.#socketTakes() || !this.#send(this.#items[this.#head] as Item)) break;
    }
    if (this.#head === this.#items.length || this.#head > COMPACT) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    if (this.full) this.#blocked = true;
    else if (this.#blocked) {
      this.#blocked = false;
      this.#onDrain();
    }
  }

  #socketTakes(): boolean {
    const socket = socketOf(this.#client);
    if (socket.writableLength < SOCKET_FULL || socket.destroyed) return true;
    if (!this.#socketWait) {
      this.#socketWait = true;
      socket.once('drain', () => {
        this.#socketWait = false;
        this.flush();
      });
    }
    return false;
  }

  /** What one read of the target's socket brought leaves in one write. */
  #gather(): void {
    if (this.#gathers) return;
    this.#gathers = true;
    const socket = socketOf(this.#client);
    socket.cork();
    process.nextTick(() => {
      this.#gathers = false;
      socket.uncork();
    });
  }

  /** False when the item, or a rest of it, must wait. */
  #send(item: Item): boolean {
    const protocol = protocolOf(this.#client);
    const { outgoing } = this.#wire;
    const { id } = outgoing;
    switch (item.kind) {
      case 'data':
      case 'error':
        return this.#sendText(item.kind, item.bytes);
      case 'eof':
        if (outgoing.state === 'open') {
          outgoing.state = 'eof';
          protocol.channelEOF(id);
        }
        break;
      case 'status':
        if (outgoing.state === 'open' || outgoing.state === 'eof') protocol.exitStatus(id, item.code);
        break;
      case 'signal':
        if (outgoing.state === 'open' || outgoing.state === 'eof') {
          protocol.exitSignal(id, item.name, item.core, item.message);
        }
        break;
      case 'close':
        if (outgoing.state === 'open' || outgoing.state === 'eof') {
          outgoing.state = 'closing';
          protocol.channelClose(id);
        }
        this.gone();
        return true;
    }
    this.#head += 1;
    return true;
  }

  #sendText(kind: 'data' | 'error', bytes: Buffer): boolean {
    const protocol = protocolOf(this.#client);
    const { outgoing } = this.#wire;
    if (outgoing.state !== 'open') {
      this.#head += 1;
      this.#waiting -= bytes.length;
      return true;
    }
    this.#gather();
    let rest = bytes;
    while (rest.length > 0 && outgoing.window > 0) {
      const part = rest.subarray(0, Math.min(rest.length, outgoing.window, outgoing.packetSize, MAX_PACKET));
      if (kind === 'data') protocol.channelData(outgoing.id, part);
      else protocol.channelExtData(outgoing.id, part, STDERR);
      outgoing.window -= part.length;
      this.#waiting -= part.length;
      rest = rest.subarray(part.length);
    }
    if (rest.length === 0) {
      this.#head += 1;
      return true;
    }
    this.#items[this.#head] = { kind, bytes: rest };
    return false;
  }
}
