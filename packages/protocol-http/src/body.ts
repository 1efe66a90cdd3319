import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { refuse } from '@scrim/model';
import { codingsOf, Decoder } from './coding.ts';
import { headerOf, type RawHeaders } from './headers.ts';

/** Silence after which a caller who sends a body counts as gone, in ms. */
const SILENCE_MS = 60_000;

/** The body of a caller's request, with its content codings undone. */
export class RequestBody {
  /** False when the message has none. */
  readonly present: boolean;
  /** As its sender says; undefined = unknown. */
  readonly length: number | undefined;
  readonly #incoming: IncomingMessage;
  readonly #codings: readonly string[];
  readonly #maxMessage: number;
  #outgoing: Readable | undefined;
  #wanted: (() => void) | undefined;

  /** Throws SCRIM_UNSUPPORTED for a coding this edge cannot undo. */
  constructor(incoming: IncomingMessage, headers: RawHeaders, maxMessage: number) {
    this.#incoming = incoming;
    this.#maxMessage = maxMessage;
    const length = headerOf(headers, 'content-length');
    this.length = length === undefined ? undefined : Number(length);
    this.present = isPresent(incoming, headers, this.length);
    const codings = codingsOf(headerOf(headers, 'content-encoding'));
    if (!codings) {
      throw refuse('SCRIM_UNSUPPORTED', {
        message: 'the request is in a content coding that cannot be undone here',
        hint: 'send it with gzip, deflate, br or as it is',
      });
    }
    this.#codings = codings;
  }

  /** What goes to the target piece by piece; made when first asked for, because most requests have no body. */
  get outgoing(): Readable {
    if (!this.#outgoing) {
      this.#outgoing = new Readable({ read: () => this.#wanted?.() });
      // Whoever reads it is told by the conversation.
      this.#outgoing.on('error', () => undefined);
    }
    return this.#outgoing;
  }

  /** Bytes of the body as the target gets it; undefined = not known before its end. */
  get plainLength(): number | undefined {
    return this.#codings.length === 0 ? this.length : undefined;
  }

  /** All of it. Rejects with SCRIM_LIMIT beyond `maxMessage`. */
  async whole(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let total = 0;
    await this.each((chunk) => {
      total += chunk.length;
      if (total > this.#maxMessage) {
        throw refuse('SCRIM_LIMIT', {
          message: 'the request is too long to be inspected',
          hint: `send less than ${this.#maxMessage} bytes`,
        });
      }
      chunks.push(chunk);
    });
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
  }

  /** Gives each piece to `take`, not faster than `outgoing` is read. */
  async each(take: (chunk: Buffer) => void): Promise<void> {
    const incoming = this.#incoming;
    const timer = setTimeout(() => incoming.destroy(new Error('silent')), SILENCE_MS);
    const decoder =
      this.#codings.length > 0 ? new Decoder(this.#codings, (chunk) => this.#take(chunk, take)) : undefined;
    try {
      for await (const chunk of incoming as AsyncIterable<Buffer>) {
        timer.refresh();
        await (decoder ? decoder.push(chunk) : this.#take(chunk, take));
      }
      await decoder?.end();
    } catch (error) {
      decoder?.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #take(chunk: Buffer, take: (chunk: Buffer) => void): void | Promise<void> {
    take(chunk);
    // Read whole, it goes nowhere piece by piece.
    if (!this.#outgoing) return;
    if (this.outgoing.readableLength < this.outgoing.readableHighWaterMark || this.outgoing.destroyed) return;
    return new Promise((resolve) => {
      this.#wanted = resolve;
      this.outgoing.once('close', resolve);
    });
  }
}

function isPresent(incoming: IncomingMessage, headers: RawHeaders, length: number | undefined): boolean {
  if (length !== undefined) return length > 0;
  if (incoming.httpVersionMajor < 2) return headerOf(headers, 'transfer-encoding') !== undefined;
  const { stream } = incoming as IncomingMessage & { stream?: { endAfterHeaders?: boolean } };
  return stream?.endAfterHeaders !== true;
}
