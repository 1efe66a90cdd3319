import type { Framing } from './contract.ts';

export type { Framing };

/** Cuts a stream into whole messages, each with the bytes that part it from its neighbours. */
export interface Framer {
  /** @throws RangeError when a message is longer than allowed: nothing unread may pass. */
  push(chunk: Uint8Array): Buffer[];
  /** What stands behind the last message: a message without its terminator, which readers take all the same. */
  end(): Buffer[];
}

/**
 * @param longest bytes of one message held at most
 */
export function createFramer(framing: Framing, longest: number): Framer {
  const ends = framing === 'sse' ? new SseEnds() : framing === 'ndjson' ? new LineEnds() : new ElementEnds();
  return new BufferedFramer(ends, longest);
}

/** Where messages end; asked for each byte once. */
interface Ends {
  /** True when the message is over before this byte (`before`) or with it (`after`). */
  take(byte: number): 'before' | 'after' | undefined;
}

class BufferedFramer implements Framer {
  readonly #ends: Ends;
  readonly #longest: number;
  #held: Buffer[] = [];
  #length = 0;

  constructor(ends: Ends, longest: number) {
    this.#ends = ends;
    this.#longest = longest;
  }

  push(chunk: Uint8Array): Buffer[] {
    const messages: Buffer[] = [];
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const end = this.#ends.take(chunk[at] as number);
      if (!end) continue;
      const to = end === 'after' ? at + 1 : at;
      this.#hold(chunk.subarray(from, to));
      messages.push(...this.#cut());
      from = to;
    }
    this.#hold(chunk.subarray(from));
    return messages;
  }

  end(): Buffer[] {
    return this.#cut();
  }

  #hold(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#length += bytes.length;
    if (this.#length > this.#longest) throw new RangeError(`a message longer than ${this.#longest} bytes`);
    this.#held.push(Buffer.from(bytes));
  }

  #cut(): Buffer[] {
    const message = Buffer.concat(this.#held);
    this.#held = [];
    this.#length = 0;
    return message.length === 0 ? [] : [message];
  }
}

const LF = 0x0a;
const CR = 0x0d;

class LineEnds implements Ends {
  take(byte: number): 'after' | undefined {
    return byte === LF ? 'after' : undefined;
  }
}

/** An empty line ends an event; a line ends with LF, CR or both. */
class SseEnds implements Ends {
  #empty = true;
  #cr = false;
  /** An empty line ended with CR: an LF may still belong to it. */
  #over = false;

  take(byte: number): 'before' | 'after' | undefined {
    if (this.#over) {
      this.#over = false;
      if (byte === LF) {
        this.#cr = false;
        return 'after';
      }
      this.#line(byte);
      return 'before';
    }
    if (byte === LF && this.#cr) {
      this.#cr = false;
      return undefined;
    }
    const empty = this.#empty;
    this.#line(byte);
    if (!empty) return undefined;
    if (byte === LF) return 'after';
    if (byte === CR) this.#over = true;
    return undefined;
  }

  #line(byte: number): void {
    this.#cr = byte === CR;
    this.#empty = byte === LF || byte === CR;
  }
}

/** Elements of one JSON array: the bracket or comma before an element comes with it, the last bracket by itself. */
class ElementEnds implements Ends {
  #depth = 0;
  #string = false;
  #escape = false;

  take(byte: number): 'before' | 'after' | undefined {
    if (this.#string) {
      if (this.#escape) this.#escape = false;
      else if (byte === 0x5c) this.#escape = true;
      else if (byte === 0x22) this.#string = false;
      return undefined;
    }
    if (byte === 0x22) this.#string = true;
    else if (byte === 0x7b || byte === 0x5b) this.#depth++;
    else if (byte === 0x7d || byte === 0x5d) {
      this.#depth--;
      if (this.#depth === 1) return 'after';
    }
    return undefined;
  }
}
