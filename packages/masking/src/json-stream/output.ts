const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);
/** Stretches shorter than this are copied byte by byte: a view of them would cost more. */
const SHORT = 96;

/** What is shown of the bytes under way: stretches of them as they are, and other bytes in between. */
export class Output {
  #bytes: Uint8Array = NOTHING;
  /** The stretch that is shown as it is and not copied yet. */
  #from = 0;
  #to = 0;
  /** What was shown before it; unused until something is not shown as it is. */
  #buffer: Uint8Array = NOTHING;
  #length = 0;

  open(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#from = 0;
    this.#to = 0;
  }

  /** Shows everything up to `to` as it is, or leaves it out. */
  show(to: number, hidden: boolean): void {
    if (hidden) this.dropTo(to);
    else if (to > this.#to) this.#to = to;
  }

  /** Leaves everything up to `to` out. */
  dropTo(to: number): void {
    if (to <= this.#to) return;
    this.#copy();
    this.#from = to;
    this.#to = to;
  }

  /** Shows what stands before `start`, and `text` in place of the rest up to `end`. */
  replace(start: number, end: number, text: string): void {
    this.show(start, false);
    this.text(text);
    this.dropTo(end);
  }

  text(text: string): void {
    this.#copy();
    this.#reserve(text.length * 3);
    let at = this.#length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) {
        this.add(encoder.encode(text));
        return;
      }
      this.#buffer[at++] = code;
    }
    this.#length = at;
  }

  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#copy();
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /**
   * Everything shown since the last time: the very bytes that were opened when they are all of it. `volatile` is written
   * over soon.
   */
  take(volatile?: Uint8Array): Uint8Array {
    const bytes = this.#bytes;
    if (this.#length === 0) {
      const [from, to] = [this.#from, this.#to];
      this.#from = to;
      if (to === from) return NOTHING;
      if (bytes.buffer === volatile?.buffer) return bytes.slice(from, to);
      return to - from === bytes.length ? bytes : bytes.subarray(from, to);
    }
    this.#copy();
    const shown = this.#buffer.subarray(0, this.#length);
    // It belongs to whoever took it; the next one will be about as long.
    this.#buffer = NOTHING;
    this.#length = 0;
    return shown;
  }

  #copy(): void {
    const [from, to] = [this.#from, this.#to];
    this.#from = to;
    const length = to - from;
    if (length === 0) return;
    this.#reserve(length);
    const bytes = this.#bytes;
    const buffer = this.#buffer;
    if (length > SHORT) buffer.set(bytes.subarray(from, to), this.#length);
    else for (let at = from, into = this.#length; at < to; ) buffer[into++] = bytes[at++] as number;
    this.#length += length;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2, this.#bytes.length + 256));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
