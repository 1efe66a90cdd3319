import type { ByteClass } from './bytes.ts';

/** How far back from an anchor a detector may look; a stream keeps this much of what it has already let go. */
export const LOOK_BACK = 1024;
/** How far forward a value may reach before it is cut or flows on as a continuation. */
export const LOOK_AHEAD = 8192;

/** Arguments of a call go on the stack. */
const MOST_ARGUMENTS = 4096;

/**
 * A window on the text being scanned. Detectors read through it so that "the text ends here" and "no more has
 * arrived yet" are told apart: touching the end of an open window sets `starved`, and whatever was concluded is
 * thrown away and concluded again when more has arrived. That is what makes a stream equal to the whole.
 */
export class View {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  /** True when nothing follows `end`. */
  final = true;
  starved = false;

  set(bytes: Uint8Array, start: number, end: number, final: boolean): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.final = final;
    this.starved = false;
  }

  /** The byte at `i`, or -1 outside the text. */
  at(i: number): number {
    if (i >= this.end) {
      if (!this.final) this.starved = true;
      return -1;
    }
    return i < this.start ? -1 : (this.bytes[i] as number);
  }

  is(table: ByteClass, i: number): boolean {
    const byte = this.at(i);
    return byte >= 0 && table[byte] === 1;
  }

  /** The end of the run of `table` bytes that starts at `i`, at most `max` long. */
  run(table: ByteClass, i: number, max: number = LOOK_AHEAD): number {
    const limit = Math.min(this.end, i + max);
    const bytes = this.bytes;
    let p = i;
    while (p < limit && table[bytes[p] as number] === 1) p += 1;
    if (p === this.end && p < i + max && !this.final) this.starved = true;
    return p;
  }

  /** The start of the run of `table` bytes that ends before `i`, at most `max` long. */
  runBack(table: ByteClass, i: number, max: number): number {
    const limit = Math.max(this.start, i - max);
    let p = i;
    while (p > limit && table[this.bytes[p - 1] as number] === 1) p -= 1;
    return p;
  }

  /** Whether the literal stands at `i`, byte for byte. */
  has(literal: Uint8Array, i: number): boolean {
    const { length } = literal;
    // All of it inside: no byte has to be asked whether the window ends there.
    if (i >= this.start && i + length <= this.end) {
      const { bytes } = this;
      for (let k = 0; k < length; k += 1) if (bytes[i + k] !== literal[k]) return false;
      return true;
    }
    for (let k = 0; k < literal.length; k += 1) if (this.at(i + k) !== literal[k]) return false;
    return true;
  }

  /** Whether the lower-case literal stands at `i`, in any ASCII case. */
  hasFolded(literal: Uint8Array, i: number): boolean {
    const { length } = literal;
    if (i >= this.start && i + length <= this.end) {
      const { bytes } = this;
      for (let k = 0; k < length; k += 1) {
        const byte = bytes[i + k] as number;
        if ((byte >= 65 && byte <= 90 ? byte | 32 : byte) !== literal[k]) return false;
      }
      return true;
    }
    for (let k = 0; k < literal.length; k += 1) {
      const byte = this.at(i + k);
      const folded = byte >= 65 && byte <= 90 ? byte | 32 : byte;
      if (folded !== literal[k]) return false;
    }
    return true;
  }

  /** The bytes as a latin1 string. Only for short windows where a finding is already likely. */
  text(start: number, end: number): string {
    if (end > this.end && !this.final) this.starved = true;
    const from = Math.max(start, this.start);
    const to = Math.min(end, this.end);
    let out = '';
    // One call for many characters: joining them one by one costs more than all that is done with the text.
    for (let p = from; p < to; p += MOST_ARGUMENTS)
      out += String.fromCharCode.apply(
        null,
        this.bytes.subarray(p, Math.min(to, p + MOST_ARGUMENTS)) as never,
      );
    return out;
  }
}
