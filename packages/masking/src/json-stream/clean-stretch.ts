import type { Scanner } from '../scan/scanner.ts';

/** Bytes looked at in one go ahead of a string. */
const STRETCH = 16_384;

/**
 * Remembers where in the bytes ahead something stands that a detector could begin with, so that one look serves many
 * short strings.
 */
export class CleanStretch {
  readonly #scanner: Scanner;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  /** What was looked at. */
  #from = 0;
  #to = 0;
  /** Nothing can be told of it. */
  #blind = false;
  #hits: number[] = [];
  #next = 0;

  constructor(scanner: Scanner) {
    this.#scanner = scanner;
  }

  /** Begins with other bytes. */
  open(bytes: Uint8Array, end: number): void {
    this.#bytes = bytes;
    this.#end = end;
    this.#from = 0;
    this.#to = 0;
  }

  /**
   * Whether nothing between the offsets can be found by any detector, whatever stands around it. Asked in the order of
   * the bytes.
   */
  covers(start: number, end: number): boolean {
    if (start < this.#from || end > this.#to) this.#look(start, end);
    if (this.#blind) return !this.#scanner.mayContain(this.#bytes, start, end);
    const hits = this.#hits;
    let next = this.#next;
    // One byte more: what announces a shape may be seen in the byte in front of it.
    while (next < hits.length && (hits[next] as number) < start - 1) next++;
    this.#next = next;
    return next === hits.length || (hits[next] as number) >= end;
  }

  #look(start: number, end: number): void {
    this.#from = start;
    this.#to = Math.max(end, Math.min(start + STRETCH, this.#end));
    this.#next = 0;
    if (this.#hits.length > 0) this.#hits = [];
    this.#blind = !this.#scanner.candidates(this.#bytes, start, this.#to, this.#hits);
  }
}
