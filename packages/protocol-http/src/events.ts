import { RefusalError, refuse } from '@scrim/model';
import type { Piece, Texts } from '@scrim/protocol-kit';
import type { AnswerReader, Framing } from './dialect/contract.ts';
import { asBuffer, EMPTY } from './runs.ts';

const LF = 0x0a;
const CR = 0x0d;

/** Parts a byte stream into whole events, each exactly as it stood on the wire with its terminator. */
export class EventSplitter {
  readonly #framing: Framing;
  readonly #maxEvent: number;
  #held: Buffer = EMPTY;
  /** Bytes of `#held` already looked at. */
  #seen = 0;
  readonly #array = new ArrayScan();

  constructor(framing: Framing, maxEvent: number) {
    this.#framing = framing;
    this.#maxEvent = maxEvent;
  }

  /** Throws SCRIM_LIMIT for an event longer than allowed. */
  push(chunk: Buffer): Buffer[] {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const events: Buffer[] = [];
    for (let end = this.#next(); end > 0; end = this.#next()) {
      events.push(this.#held.subarray(0, end));
      this.#held = this.#held.subarray(end);
      this.#seen = 0;
    }
    if (this.#held.length > this.#maxEvent) {
      throw refuse('SCRIM_LIMIT', { message: 'an event of the answer is too long to be inspected' });
    }
    return events;
  }

  /** What is left when the stream ends: an event whose terminator never came. */
  end(): Buffer {
    const rest = this.#held;
    this.#held = EMPTY;
    return rest;
  }

  #next(): number {
    if (this.#framing === 'json-array') return this.#element();
    return this.#framing === 'sse' ? this.#blankLine() : this.#line();
  }

  #line(): number {
    const at = this.#held.indexOf(LF, this.#seen);
    this.#seen = this.#held.length;
    return at + 1;
  }

  /** Events end with an empty line; lines end with CR LF, LF or CR (HTML standard, section 9.2.6). */
  #blankLine(): number {
    const bytes = this.#held;
    // One step back: the line end before the blank line may have been the last byte looked at.
    for (let at = Math.max(0, this.#seen - 3); at < bytes.length; at++) {
      if (bytes[at] !== LF && bytes[at] !== CR) continue;
      const end = lineEnd(bytes, at);
      const first = at === 0;
      const second = end < bytes.length && (bytes[end] === LF || bytes[end] === CR);
      if (first && !second && end < bytes.length) return end;
      if (!second) continue;
      const after = lineEnd(bytes, end);
      // A CR at the very end may be half of a CR LF.
      if (after === bytes.length && bytes[after - 1] === CR) break;
      return after;
    }
    this.#seen = bytes.length;
    return 0;
  }

  /** Elements of one array: each event is an element with whatever stands around it. */
  #element(): number {
    const end = this.#array.elementEnd(this.#held, this.#seen);
    this.#seen = this.#held.length;
    return end;
  }
}

function lineEnd(bytes: Buffer, at: number): number {
  return bytes[at] === CR && bytes[at + 1] === LF ? at + 2 : at + 1;
}

/** Finds where elements of a top-level array end, over chunk borders. */
class ArrayScan {
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** Offset behind the element that ends at or after `from`, its comma included; 0 = none ends yet. */
  elementEnd(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === 0x5c) this.#escaped = true;
        else if (byte === 0x22) this.#inString = false;
        continue;
      }
      if (byte === 0x22) this.#inString = true;
      else if (byte === 0x5b || byte === 0x7b) this.#depth++;
      else if (byte === 0x5d || byte === 0x7d) {
        this.#depth--;
        if (this.#depth === 1) return at + 1;
      }
    }
    return 0;
  }
}

/**
 * Events of an API nobody wrote a dialect for: the data of each is one text, JSON where it begins like it, decided when
 * its event ends. A value that such an API cuts over several events is not put together again.
 */
export class PlainEvents implements AnswerReader {
  readonly tokens = 0;

  event(bytes: Buffer): readonly Texts[] {
    const lines = linesOf(bytes);
    const data = lines.filter((line) => line.field === 'data');
    const pieces: Piece[] = [];
    if (data.length > 0) {
      const text = Buffer.from(data.map((line) => line.value).join('\n'));
      const form = /^\s*[[{"]/.test(text.toString('utf8', 0, 64)) ? 'json' : 'text';
      pieces.push({ channel: 0, form, name: 'event.data', bytes: text, last: true });
    }
    for (const line of lines) {
      if (line.field === 'data' || line.value === '') continue;
      const value = Buffer.from(line.value);
      pieces.push({
        channel: pieces.length + 1,
        form: 'text',
        name: `event.${line.field || 'comment'}`,
        bytes: value,
        last: true,
      });
    }
    return [{ pieces, rewrite: (texts) => rewriteEvent(lines, data.length > 0, texts) }];
  }

  end(): readonly Texts[] {
    return [];
  }
}

interface EventLine {
  readonly field: string;
  readonly value: string;
}

function linesOf(bytes: Buffer): EventLine[] {
  const text = bytes.toString('utf8').replace(/^\ufeff/, '');
  return text
    .split(/\r\n|\n|\r/)
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':');
      if (colon < 0) return { field: line, value: '' };
      return { field: line.slice(0, colon), value: line.slice(colon + 1).replace(/^ /, '') };
    });
}

function rewriteEvent(lines: readonly EventLine[], hasData: boolean, texts: readonly Uint8Array[]): Buffer {
  let next = hasData ? 1 : 0;
  let out = '';
  let dataDone = false;
  for (const { field, value } of lines) {
    if (field === 'data') {
      if (dataDone) continue;
      dataDone = true;
      for (const line of asBuffer(texts[0] ?? EMPTY)
        .toString('utf8')
        .split('\n'))
        out += `data: ${line}\n`;
      continue;
    }
    const shown =
      value === ''
        ? ''
        : asBuffer(texts[next++] ?? EMPTY)
            .toString('utf8')
            .replace(/[\r\n]/g, ' ');
    out += `${field}: ${shown}\n`;
  }
  return Buffer.from(`${out}\n`);
}

/** What a reader threw, as a refusal: the answer cannot be read, so it is not shown. */
export function unreadable(error: unknown): RefusalError {
  if (error instanceof RefusalError) return error;
  return refuse('SCRIM_UNMASKABLE', {
    message: "the target's answer is not what its API says",
    hint: "look at the target, or leave the connection's dialect out",
    cause: error,
  });
}
