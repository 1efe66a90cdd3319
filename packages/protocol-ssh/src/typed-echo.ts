const NOTHING: Buffer = Buffer.alloc(0);
/** Keys remembered until their echo is shown. */
const MOST_TYPED = 256;

/** What a caller typed and has not been shown yet. */
export class TypedEcho {
  #due: Buffer = NOTHING;

  get due(): Buffer {
    return this.#due;
  }

  /** Letters alone: what a control key does to the line, its echo does not tell. */
  typed(keys: Buffer): void {
    const letters = keys.every((byte) => byte >= 0x20 && byte !== 0x7f);
    const due = letters ? Buffer.concat([this.#due, keys]) : NOTHING;
    this.#due = due.length > MOST_TYPED ? NOTHING : due;
  }

  shown(bytes: Buffer): void {
    if (this.#due.length === 0 || bytes.length === 0) return;
    const echoed = this.#due.subarray(0, bytes.length).equals(bytes);
    this.#due = echoed ? this.#due.subarray(bytes.length) : NOTHING;
  }
}
