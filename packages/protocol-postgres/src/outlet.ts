import type { Duplex } from 'node:stream';

/** Below this the pieces of one flush are copied together: one small write is cheaper than a vectored one. */
const GATHER = 16384;

/**
 * The way out to one peer. Views that lie one behind the other in the same memory leave as one slice, and all that
 * was added since the last flush leaves in one write.
 */
export class Outlet {
  readonly #socket: Duplex;
  #pieces: Buffer[] = [];
  #total = 0;
  #memory: ArrayBufferLike | null = null;
  #from = 0;
  #to = 0;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  /** True when something waits for {@link flush}. */
  get dirty(): boolean {
    return this.#memory !== null;
  }

  add(bytes: Uint8Array): void {
    const length = bytes.length;
    if (length === 0) return;
    if (this.#memory === bytes.buffer && this.#to === bytes.byteOffset) {
      this.#to += length;
      return;
    }
    this.#seal();
    this.#memory = bytes.buffer;
    this.#from = bytes.byteOffset;
    this.#to = this.#from + length;
  }

  #seal(): void {
    if (!this.#memory) return;
    this.#total += this.#to - this.#from;
    this.#pieces.push(Buffer.from(this.#memory as ArrayBuffer, this.#from, this.#to - this.#from));
    this.#memory = null;
  }

  /** Writes what was added. False = the peer reads slower than we write: stop reading the other side until `drain`. */
  flush(): boolean {
    if (!this.#memory) return !this.#socket.writableNeedDrain;
    this.#seal();
    const pieces = this.#pieces;
    const total = this.#total;
    this.#pieces = [];
    this.#total = 0;
    if (this.#socket.destroyed || this.#socket.writableEnded) return true;
    if (pieces.length === 1) return this.#socket.write(pieces[0] as Buffer);
    if (total <= GATHER) return this.#socket.write(Buffer.concat(pieces, total));
    this.#socket.cork();
    let open = true;
    for (const piece of pieces) open = this.#socket.write(piece);
    this.#socket.uncork();
    return open;
  }
}
