import type { Duplex } from 'node:stream';
import { WireFault } from './wire.ts';

/** Reads a handshake piece by piece from a socket, and hands the socket over with nothing lost. */
export class ByteReader {
  readonly #socket: Duplex;
  readonly #bound: number;
  #held: Buffer = Buffer.alloc(0);
  #ended: Error | null = null;
  #wake: (() => void) | null = null;

  /** @param bound bytes kept unread before the socket is paused */
  constructor(socket: Duplex, bound: number) {
    this.#socket = socket;
    this.#bound = bound;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onEnd);
    socket.on('error', this.#onEnd);
    socket.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    if (this.#held.length > this.#bound) this.#socket.pause();
    this.#wake?.();
  };

  readonly #onEnd = (error?: unknown): void => {
    this.#ended ??= new WireFault(error instanceof Error ? 'the connection failed' : 'the peer closed early');
    this.#wake?.();
  };

  get buffered(): number {
    return this.#held.length;
  }

  /** The next `count` bytes, consumed. Throws {@link WireFault} when the peer goes first. */
  async take(count: number): Promise<Buffer> {
    await this.#atLeast(count);
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  /** The next byte, left where it is. */
  async peek(): Promise<number> {
    await this.#atLeast(1);
    return this.#held[0] as number;
  }

  async #atLeast(count: number): Promise<void> {
    while (this.#held.length < count) {
      if (this.#ended) throw this.#ended;
      this.#socket.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }

  /** One typed message of at most `max` bytes: its type and its body. `only` = no other type may come here. */
  async message(max: number, only?: number): Promise<{ type: number; body: Buffer }> {
    const head = await this.take(5);
    if (only !== undefined && head[0] !== only) throw new WireFault('another message came than was due');
    const length = head.readInt32BE(1);
    if (length < 4 || length > max) throw new WireFault('a message has an impossible length', length > max);
    const body = await this.take(length - 4);
    return { type: head[0] as number, body };
  }

  /** Lets go of the socket, paused; returns what was read and not taken. */
  release(): Buffer {
    this.#socket.pause();
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onEnd);
    this.#socket.off('error', this.#onEnd);
    return this.#held;
  }
}
