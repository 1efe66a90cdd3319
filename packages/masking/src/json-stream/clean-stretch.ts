import type { Scanner } from '../scan/scanner.ts';

/** Bytes looked at in one go ahead of a string. */
const STRETCH = 2_048;

/**
 * Remembers how far the bytes ahead hold nothing any detector could begin with, so that one look serves many short
 * strings.
 */
export class CleanStretch {
  readonly #scanner: Scanner;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  #from = 0;
  #to = 0;
  #dirtyTo = 0;

  constructor(scanner: Scanner) {
    this.#scanner = scanner;
  }

  /** Begins with other bytes. */
  open(bytes: Uint8Array, end: number): void {
    this.#bytes = bytes;
    this.#end = end;
    this.#from = 0;
    this.#to = 0;
    this.#dirtyTo = 0;
  }

  /** Whether nothing between the offsets can be found by any detector, whatever stands around it. */
  covers(start: number, end: number): boolean {
    if (start >= this.#from && end <= this.#to) return true;
    const ahead = Math.min(start + STRETCH, this.#end);
    // A stretch known to hold something is not looked at as a whole again, only string by string.
    if (start >= this.#dirtyTo && ahead >= end) {
      if (!this.#scanner.mayContain(this.#bytes, start, ahead)) {
        this.#from = start;
        this.#to = ahead;
        return true;
      }
      this.#dirtyTo = ahead;
    }
    return !this.#scanner.mayContain(this.#bytes, start, end);
  }
}
