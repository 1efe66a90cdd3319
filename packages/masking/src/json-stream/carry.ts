const NOTHING = new Uint8Array(0);
/** Bytes of its first buffer; most bodies come whole and need none. */
const FIRST = 256;

/** Unread bytes of earlier pieces, at the beginning of a buffer that grows. */
export class Carry {
  bytes: Uint8Array = NOTHING;
  length = 0;

  append(chunk: Uint8Array): void {
    const length = this.length + chunk.length;
    if (length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.bytes.length * 2, FIRST));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    this.bytes.set(chunk, this.length);
    this.length = length;
  }

  /** Forgets the first bytes. */
  drop(count: number): void {
    if (count === 0) return;
    this.bytes.copyWithin(0, count, this.length);
    this.length -= count;
  }
}
