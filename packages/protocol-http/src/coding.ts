import { once } from 'node:events';
import { Transform, type TransformCallback } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { refuse } from '@scrim/model';

/** Codings this edge can undo (RFC 9110 section 8.4.1). Node 20 has no zstd. */
const CODINGS: Readonly<Record<string, () => Transform>> = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  deflate: () => new AnyInflate(),
  br: () => createBrotliDecompress(),
};

/** What targets are asked for: what can be read, in the order it is liked. */
export const ACCEPTED_CODINGS = 'gzip, br, deflate';

/** Codings laid over each other; more is nobody's honest answer. */
const MAX_LAYERS = 2;
/** A decoded body may be this many times as long as the coded one, once it is longer than `GENEROUS`. */
const MAX_RATIO = 200;
const GENEROUS = 4 << 20;

/** The codings of a Content-Encoding value, outermost last, `identity` left out; undefined = one is not known. */
export function codingsOf(value: string | undefined): readonly string[] | undefined {
  if (!value) return NONE;
  const names = value
    .split(',')
    .map((it) => it.trim().toLowerCase())
    .filter((it) => it !== '' && it !== 'identity');
  if (names.length > MAX_LAYERS || names.some((it) => !CODINGS[it])) return undefined;
  return names;
}

const NONE: readonly string[] = [];

/**
 * Undoes the codings of one body as it flows. Push pieces one after the other, each when the one before has resolved:
 * that is the back-pressure. Rejects when the bytes are not what they say, or swell beyond all measure.
 */
export class Decoder {
  readonly #stages: readonly Transform[];
  readonly #emit: (chunk: Buffer) => void | Promise<void>;
  #taken = 0;
  #given = 0;
  #failed: unknown;
  readonly #done: Promise<void>;

  constructor(codings: readonly string[], emit: (chunk: Buffer) => void | Promise<void>) {
    this.#emit = emit;
    this.#stages = [...codings].reverse().map((name) => (CODINGS[name] as () => Transform)());
    this.#done = this.#run();
    this.#done.catch((error: unknown) => {
      this.#failed = error;
      for (const stage of this.#stages) stage.destroy();
    });
  }

  async push(chunk: Buffer): Promise<void> {
    if (this.#failed) throw this.#failed;
    this.#taken += chunk.length;
    const first = this.#stages[0] as Transform;
    if (!first.write(chunk)) await Promise.race([once(first, 'drain'), this.#done]);
    if (this.#failed) throw this.#failed;
  }

  /** The body is over: resolves when all of it has been given out. */
  async end(): Promise<void> {
    if (this.#failed) throw this.#failed;
    this.#stages[0]?.end();
    await this.#done;
  }

  destroy(): void {
    for (const stage of this.#stages) stage.destroy();
  }

  async #run(): Promise<void> {
    const stages = this.#stages;
    for (let index = 1; index < stages.length; index++) {
      const before = stages[index - 1] as Transform;
      const after = stages[index] as Transform;
      before.on('error', (error) => after.destroy(error));
      before.pipe(after);
    }
    try {
      for await (const chunk of stages.at(-1) as AsyncIterable<Buffer>) {
        this.#given += chunk.length;
        if (this.#given > GENEROUS && this.#given > this.#taken * MAX_RATIO) {
          throw refuse('SCRIM_LIMIT', { message: 'a compressed body swells beyond all measure' });
        }
        await this.#emit(chunk);
      }
    } catch (error) {
      if (error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')) {
        throw refuse('SCRIM_UNPARSED', { message: 'a compressed body cannot be read', cause: error });
      }
      throw error;
    }
  }
}

/** `deflate` is zlib by the RFC and bare deflate by the habit of some servers: the first byte tells. */
class AnyInflate extends Transform {
  #inner: Transform | undefined;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (!this.#inner) {
      const first = chunk[0];
      if (first === undefined) {
        done();
        return;
      }
      this.#inner = (first & 0x0f) === 8 ? createInflate() : createInflateRaw();
      this.#inner.on('data', (piece: Buffer) => this.push(piece));
      this.#inner.on('error', (error) => this.destroy(error));
    }
    this.#inner.write(chunk, (error) => done(error));
  }

  override _flush(done: TransformCallback): void {
    if (!this.#inner) {
      done();
      return;
    }
    this.#inner.once('end', () => done());
    this.#inner.end();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inner?.destroy();
    done(error);
  }
}
