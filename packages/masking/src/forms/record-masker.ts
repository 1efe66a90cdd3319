import type { ByteMasker } from '../stream/index.ts';
import { FieldTextError, LONGEST_RECORD, TextFeed } from './options.ts';

const encoder = new TextEncoder();
/** Characters of a record that is not whole yet that are looked through with every piece. */
const LOOKED_AT_ONCE = 4_096;
const NOTHING = new Uint8Array(0);

/** One form's reading of text, record by record. */
export interface RecordReader {
  /** Offset behind the first whole record of the text at or after `from`; -1 = none is whole yet. */
  end(text: string, from: number, final: boolean): number;
  /** The record masked; itself when nothing changes. */
  mask(record: string): string;
}

/**
 * Masks a text record by record; holds one record at most.
 * `push` and `flush` throw FieldTextError for a record longer than can be held, and for bytes that are no UTF-8.
 */
export class RecordMasker implements ByteMasker {
  readonly #create: () => RecordReader;
  #reader: RecordReader;
  #feed = new TextFeed();
  #held = '';
  #nextLook = 0;

  constructor(create: () => RecordReader) {
    this.#create = create;
    this.#reader = create();
  }

  get held(): number {
    return this.#held.length;
  }

  push(chunk: Uint8Array): Uint8Array {
    const shown = this.#take(this.#feed.take(chunk, false), false);
    if (this.#held.length > LONGEST_RECORD) throw new FieldTextError('a record is longer than can be held');
    return shown;
  }

  flush(): Uint8Array {
    const shown = this.#take(this.#feed.take(NOTHING, true), true);
    this.#feed = new TextFeed();
    this.#reader = this.#create();
    this.#held = '';
    this.#nextLook = 0;
    return shown;
  }

  release(): Uint8Array {
    return NOTHING;
  }

  #take(more: string, final: boolean): Uint8Array {
    const text = this.#held + more;
    if (!final && text.length < this.#nextLook) {
      this.#held = text;
      return NOTHING;
    }
    let out = '';
    let from = 0;
    while (from < text.length) {
      const end = this.#reader.end(text, from, final);
      if (end < 0) break;
      out += this.#reader.mask(text.slice(from, end));
      from = end;
    }
    this.#held = text.slice(from);
    // A long record that comes in crumbs is not looked through again for each of them.
    this.#nextLook = this.#held.length > LOOKED_AT_ONCE ? this.#held.length * 1.25 : 0;
    return out === '' ? NOTHING : encoder.encode(out);
  }
}
