const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);

/** What is shown of the bytes under way: stretches of them as they are, and other bytes in between. */
export class Output {
  #bytes: Uint8Array = NOTHING;
  /** Bytes before it have been shown or left out. */
  #done = 0;
  #parts: Uint8Array[] = [];

  open(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#done = 0;
  }

  /** Shows everything up to `to` as it is, or leaves it out. */
  show(to: number, hidden: boolean): void {
    if (!hidden && to > this.#done) this.#parts.push(this.#bytes.subarray(this.#done, to));
    if (to > this.#done) this.#done = to;
  }

  /** Leaves everything up to `to` out. */
  dropTo(to: number): void {
    if (to > this.#done) this.#done = to;
  }

  /** Shows what stands before `start`, and `text` in place of the rest up to `end`. */
  replace(start: number, end: number, text: string): void {
    this.show(start, false);
    this.text(text);
    this.dropTo(end);
  }

  text(text: string): void {
    this.#parts.push(encoder.encode(text));
  }

  add(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#parts.push(bytes);
  }

  #isWhole(part: Uint8Array): boolean {
    return part.buffer === this.#bytes.buffer && part.length === this.#bytes.length;
  }

  /** Everything shown since the last time: the very bytes that were opened when they are all of it. `volatile` is written over soon. */
  take(volatile?: Uint8Array): Uint8Array {
    const parts = this.#parts;
    this.#parts = [];
    const [first] = parts;
    if (first === undefined) return NOTHING;
    if (parts.length === 1) {
      if (first.buffer === volatile?.buffer) return first.slice();
      return this.#isWhole(first) ? this.#bytes : first;
    }
    let length = 0;
    for (const part of parts) length += part.length;
    const whole = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}
