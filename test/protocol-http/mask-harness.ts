import { type ByteMasker, createJsonMasker, createScanner, createTextMasker } from '@scrim/masking';
import { createFramer, type Dialect, type Framing } from '@scrim/protocol-http/dialect';
import type { Texts } from '@scrim/protocol-kit';

/** The rules the harness masks by: all built-in detectors, and one pattern of the tests' own. */
const scanner = createScanner({
  detectors: ['secrets', 'pii'],
  patterns: [{ name: 'employee-id', regex: 'EMP-[0-9]{6}' }],
});

export const MASK = '***MASKED***';

/** Masks texts channel by channel, as the pipeline does. */
export class ChannelMask {
  readonly #open = new Map<number, ByteMasker>();

  texts(texts: Texts, original: Buffer): Buffer {
    let changed = false;
    const shown = texts.pieces.map((piece) => {
      let masker = this.#open.get(piece.channel);
      if (!masker) {
        masker = piece.form === 'json' ? jsonMasker() : createTextMasker({ scanner, replace: () => MASK });
        this.#open.set(piece.channel, masker);
      }
      const parts = [masker.push(piece.bytes)];
      if (piece.last) {
        parts.push(masker.flush());
        this.#open.delete(piece.channel);
      }
      const text = Buffer.concat(parts);
      if (!text.equals(piece.bytes)) changed = true;
      return text;
    });
    return changed || texts.always ? texts.rewrite(shown) : original;
  }

  /** Channels still open: none when a stream is over. */
  get open(): number {
    return this.#open.size;
  }
}

function jsonMasker(): ByteMasker {
  return createJsonMasker({ fields: [], onHit: () => undefined, leaf: masked });
}

/** A whole text masked by the harness's rules. */
export function masked(text: string, key?: string): string {
  let out = '';
  let from = 0;
  for (const { start, end } of scanner.find(text, key)) {
    out += text.slice(from, start) + MASK;
    from = end;
  }
  return out + text.slice(from);
}

/** A streamed answer through a dialect, message by message. */
export class StreamMask {
  readonly #mask = new ChannelMask();
  readonly #framer;
  readonly #reader;

  constructor(dialect: Dialect, path: string, framing: Framing) {
    this.#framer = createFramer(framing, 1024 * 1024);
    this.#reader = dialect.reader(path, framing);
  }

  push(chunk: Uint8Array): Buffer {
    return Buffer.concat(this.#framer.push(chunk).map((message) => this.#message(message)));
  }

  end(): Buffer {
    const rest = this.#framer.end().map((message) => this.#message(message));
    const tails = this.#reader.end().map((texts) => this.#mask.texts(texts, Buffer.alloc(0)));
    if (this.#mask.open > 0) throw new Error(`${this.#mask.open} channels were never ended`);
    return Buffer.concat([...rest, ...tails]);
  }

  get tokens(): number {
    return this.#reader.tokens;
  }

  #message(message: Buffer): Buffer {
    const all = this.#reader.event(message);
    return Buffer.concat(
      all.map((texts, at) => this.#mask.texts(texts, at === all.length - 1 ? message : Buffer.alloc(0))),
    );
  }
}

export function maskStream(dialect: Dialect, path: string, framing: Framing, chunks: readonly Uint8Array[]) {
  const stream = new StreamMask(dialect, path, framing);
  const parts = chunks.map((chunk) => stream.push(chunk));
  return Buffer.concat([...parts, stream.end()]).toString('utf8');
}
