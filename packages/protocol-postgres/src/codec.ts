import { WireFault } from './wire.ts';

/** Pieces smaller than this are gathered in a block, so a peer that drips bytes cannot make us keep an object for each. */
const SMALL = 2048;
const BLOCK = 16384;

/**
 * Cuts a byte stream into regions of whole messages (type byte, length, body).
 *
 * Messages that arrived whole stay views of the chunk they arrived in; only one that straddles chunks is copied,
 * once, when its last byte is there. At most `maxMessage` bytes are held.
 */
export class Framer {
  readonly #maxMessage: number;
  #parts: Buffer[] = [];
  #block: Buffer | null = null;
  #blockUsed = 0;
  #have = 0;
  #need = 0;

  constructor(maxMessage: number) {
    this.#maxMessage = maxMessage;
  }

  /** Bytes of an unfinished message. */
  get held(): number {
    return this.#have;
  }

  /** Appends to `regions` what became whole with `chunk`: nothing, one or two buffers. Throws {@link WireFault}. */
  push(chunk: Buffer, regions: Buffer[]): void {
    let rest = chunk;
    if (this.#have > 0) {
      rest = this.#finish(rest, regions);
      if (rest.length === 0) return;
    }
    const whole = this.#whole(rest);
    if (whole > 0) regions.push(whole === rest.length ? rest : rest.subarray(0, whole));
    if (whole < rest.length) this.#keep(rest.subarray(whole));
  }

  #whole(chunk: Buffer): number {
    const end = chunk.length;
    let at = 0;
    while (at + 5 <= end) {
      const next = at + 1 + this.#length(chunk, at);
      if (next > end) break;
      at = next;
    }
    return at;
  }

  #length(bytes: Buffer, at: number): number {
    const length = bytes.readInt32BE(at + 1);
    if (length < 4) throw new WireFault('a message has an impossible length');
    if (length > this.#maxMessage) throw new WireFault('a message is larger than the configured bound', true);
    return length;
  }

  /** Completes the held message from `chunk` and returns what is left of it. */
  #finish(chunk: Buffer, regions: Buffer[]): Buffer {
    let rest = chunk;
    if (this.#need === 0) {
      const take = Math.min(5 - this.#have, rest.length);
      this.#keep(rest.subarray(0, take));
      rest = rest.subarray(take);
      if (this.#have < 5) return rest;
      const head = this.#gather();
      this.#need = 1 + this.#length(head, 0);
      this.#keep(head);
    }
    const missing = this.#need - this.#have;
    if (rest.length < missing) {
      this.#keep(rest);
      return rest.subarray(rest.length);
    }
    if (missing > 0) this.#keep(rest.subarray(0, missing));
    regions.push(this.#gather());
    return rest.subarray(missing);
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#have += piece.length;
    if (this.#need === 0 && this.#have >= 5 && this.#parts.length === 0 && this.#blockUsed === 0) {
      this.#need = 1 + this.#length(piece, 0);
    }
    if (piece.length >= SMALL) {
      this.#closeBlock();
      this.#parts.push(piece);
      return;
    }
    if (!this.#block || this.#blockUsed + piece.length > BLOCK) {
      this.#closeBlock();
      this.#block = Buffer.allocUnsafe(
        Math.max(BLOCK / 16, Math.min(BLOCK, this.#need - this.#have + piece.length)),
      );
    }
    piece.copy(this.#block, this.#blockUsed);
    this.#blockUsed += piece.length;
    if (this.#blockUsed === this.#block.length) this.#closeBlock();
  }

  #closeBlock(): void {
    if (this.#block && this.#blockUsed > 0) this.#parts.push(this.#block.subarray(0, this.#blockUsed));
    this.#block = null;
    this.#blockUsed = 0;
  }

  #gather(): Buffer {
    this.#closeBlock();
    const whole =
      this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts, this.#have);
    this.#parts = [];
    this.#have = 0;
    this.#need = 0;
    return whole;
  }
}
