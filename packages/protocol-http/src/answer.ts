/*
 *  target's bytes -> undo codings -> read by content type -> runs -> (collected) -> relay -> caller
 *
 * An answer is collected until it is whole or longer than a little, so that a refusal about any of it can still be an
 * answer of its own; streams go on at once.
 */
import { TextDecoder } from 'node:util';
import { refuse } from '@scrim/model';
import type { Texts } from '@scrim/protocol-kit';
import { codingsOf, Decoder } from './coding.ts';
import { type BodyKind, bodyKind } from './content-type.ts';
import type { Dialect, ModelRequest } from './dialect/contract.ts';
import { createFramer, type Framer, type Framing } from './dialect/framing.ts';
import { PlainEvents, unreadable } from './events.ts';
import { countOf, headerOf, type RawHeaders } from './headers.ts';
import { MultipartReader } from './multipart.ts';
import { EMPTY, type HttpRun, PlainRun, textRun, textsRun } from './runs.ts';

/** What an answer is asked of. */
export interface AnswerContext {
  readonly lane: number;
  readonly method: string;
  readonly path: string;
  readonly dialect: Dialect | undefined;
  /** What the request said to a model; undefined on plain HTTP. */
  readonly model: ModelRequest | undefined;
  readonly maxMessage: number;
  /** Takes bytes the caller may see. */
  readonly show: (bytes: Uint8Array) => void;
}

/** How a body is cut into runs. */
interface BodyReader {
  /** What a vendor says the operation cost so far. */
  readonly tokens?: number;
  push(chunk: Buffer): HttpRun[];
  end(): HttpRun[];
}

/** Statuses without a body (RFC 9110 section 6.4.1). */
function isBodyless(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 205 || status === 304;
}

/** One answer's body on its way to the relay. */
export class Answer {
  /** Whether each piece should go on at once, because somebody reads it as it comes. */
  readonly streams: boolean;
  /** How a streamed answer's messages are parted, where it is one of a dialect. */
  readonly framing: Framing | undefined;
  /** Whether other bytes than the target's may be shown. */
  readonly changesBody: boolean;
  /** Charset to name in the content type, where the body is decoded from another one. */
  readonly transcoded: boolean;
  readonly #reader: BodyReader;
  readonly #decoder: Decoder | undefined;
  readonly #deliver: (runs: HttpRun[]) => void | Promise<void>;

  constructor(
    context: AnswerContext,
    status: number,
    headers: RawHeaders,
    deliver: (runs: HttpRun[]) => void | Promise<void>,
  ) {
    this.#deliver = deliver;
    const coding = headerOf(headers, 'content-encoding');
    const codings = codingsOf(coding);
    const kind = isBodyless(context.method, status)
      ? BODYLESS
      : judged(bodyKind(headerOf(headers, 'content-type')), status, codings, coding);
    this.changesBody = kind.kind !== 'opaque';
    this.transcoded = kind.kind === 'text' && kind.charset !== undefined;
    const { dialect, path } = context;
    const contentType = headerOf(headers, 'content-type') ?? '';
    // What the caller asked for does not count: a stored answer is streamed by a GET that carries no prompt.
    const reads = kind === BODYLESS || kind.kind === 'opaque' ? undefined : dialect;
    this.framing = reads && status < 300 ? reads.framing(contentType, path) : undefined;
    this.streams = kind.kind === 'events' || this.framing !== undefined;
    const plain = codings?.length === 0;
    this.#reader = readerOf(context, kind, reads, this.framing, plain ? lengthOf(headers) : undefined);
    if (this.changesBody && codings && codings.length > 0 && kind !== BODYLESS) {
      this.#decoder = new Decoder(codings, (chunk) => this.#give(() => this.#reader.push(chunk)));
    }
  }

  /** Takes the next bytes; a promise asks to wait before more. Throws or rejects with a RefusalError. */
  push(chunk: Buffer): void | Promise<void> {
    return this.#decoder ? this.#decoder.push(chunk) : this.#give(() => this.#reader.push(chunk));
  }

  end(): void | Promise<void> {
    if (this.#decoder) return this.#decoder.end().then(() => this.#give(() => this.#reader.end()));
    return this.#give(() => this.#reader.end());
  }

  /** Tokens the vendor says the operation took. */
  get tokens(): number {
    return this.#reader.tokens ?? 0;
  }

  /** The answer goes no further. */
  destroy(): void {
    this.#decoder?.destroy();
  }

  #give(read: () => HttpRun[]): void | Promise<void> {
    let runs: HttpRun[];
    try {
      runs = read();
    } catch (error) {
      throw unreadable(error);
    }
    if (runs.length > 0) return this.#deliver(runs);
  }
}

/** Bytes of the body as its sender says; undefined = it does not, or in no way that can be relied on. */
function lengthOf(headers: RawHeaders): number | undefined {
  const length = countOf(headers, 'content-length') === 1 ? headerOf(headers, 'content-length') : undefined;
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

const BODYLESS: BodyKind = { kind: 'text', form: 'text', charset: undefined };

function judged(
  kind: BodyKind,
  status: number,
  codings: readonly string[] | undefined,
  coding: string | undefined,
): BodyKind {
  if (!codings) return { kind: 'opaque', why: `content coding ${coding}` };
  if (status === 206) return { kind: 'opaque', why: 'a part of a body (206)' };
  return kind;
}

function readerOf(
  context: AnswerContext,
  kind: BodyKind,
  dialect: Dialect | undefined,
  framing: Framing | undefined,
  length: number | undefined,
): BodyReader {
  if (kind.kind === 'opaque') return new OpaqueReader(context, kind.why);
  if (dialect && framing) {
    return new EventReader(
      context,
      dialect.reader(context.path, framing),
      createFramer(framing, context.maxMessage),
    );
  }
  if (
    dialect &&
    context.model &&
    (kind.kind === 'unnamed' || (kind.kind === 'text' && kind.form === 'json'))
  ) {
    return new WholeReader(context, dialect);
  }
  if (kind.kind === 'events') {
    return new EventReader(context, new PlainEvents(), createFramer('sse', context.maxMessage));
  }
  if (kind.kind === 'multipart') return new MultipartReader(context, kind.boundary);
  return new TextReader(context, kind, length);
}

/** Content nothing can look into. */
class OpaqueReader implements BodyReader {
  readonly #context: AnswerContext;
  readonly #why: string;

  constructor(context: AnswerContext, why: string) {
    this.#context = context;
    this.#why = why;
  }

  push(chunk: Buffer): HttpRun[] {
    const { lane, show } = this.#context;
    return [new PlainRun(lane, { kind: 'opaque', why: this.#why }, chunk, show)];
  }

  end(): HttpRun[] {
    return [];
  }
}

/** A body that is one text. */
export class TextReader implements BodyReader {
  readonly #context: AnswerContext;
  #kind: BodyKind;
  #decoder: TextDecoder | undefined;
  #begun = false;
  readonly #length: number | undefined;
  #read = 0;

  /** @param length bytes of the whole body, where they are known: the piece that completes it is the last one */
  constructor(context: AnswerContext, kind: BodyKind, length?: number) {
    this.#context = context;
    this.#length = length;
    this.#kind = kind;
    if (kind.kind === 'text' && kind.charset !== undefined) this.#decoder = new TextDecoder(kind.charset);
  }

  push(chunk: Buffer): HttpRun[] {
    if (!this.#begun) this.#begin(chunk);
    const text = this.#decoder ? Buffer.from(this.#decoder.decode(chunk, { stream: true })) : chunk;
    this.#read += chunk.length;
    if (text.length === 0) return [];
    // Letters of two bytes each are invisible to detectors; no text of one byte a letter has a NUL in it.
    if (this.#form() !== 'json' && text.includes(0)) {
      return new OpaqueReader(this.#context, 'a text with NUL bytes').push(text);
    }
    return [textRun(this.#context.lane, this.#form(), text, this.#isLast, this.#context.show)];
  }

  end(): HttpRun[] {
    const rest = this.#decoder ? Buffer.from(this.#decoder.decode()) : EMPTY;
    if ((!this.#begun || this.#isLast) && rest.length === 0) return [];
    return [textRun(this.#context.lane, this.#form(), rest, true, this.#context.show)];
  }

  /** A body in another charset may have a letter left at its end. */
  get #isLast(): boolean {
    return this.#read === this.#length && !this.#decoder;
  }

  #form() {
    return this.#kind.kind === 'text' ? this.#kind.form : 'text';
  }

  /** A byte order mark says the encoding whatever the headers do (the Encoding standard, section 6). */
  #begin(chunk: Buffer): void {
    this.#begun = true;
    const mark = chunk.length > 1 ? chunk.readUInt16BE(0) : 0;
    if (mark === 0xfffe || mark === 0xfeff)
      this.#decoder = new TextDecoder(mark === 0xfffe ? 'utf-16le' : 'utf-16be');
    if (this.#kind.kind === 'unnamed') {
      const json = /^\s*[[{]/.test(chunk.toString('latin1', 0, 256));
      this.#kind = { kind: 'text', form: json ? 'json' : 'text', charset: undefined };
    }
  }
}

/** Reads the messages of a stream as texts. */
interface MessageReader {
  readonly tokens?: number;
  event(bytes: Buffer): readonly Texts[];
  end(): readonly Texts[];
}

/** Messages of a stream, each read by whoever knows the API. */
class EventReader implements BodyReader {
  readonly #context: AnswerContext;
  readonly #reader: MessageReader;
  readonly #framer: Framer;

  constructor(context: AnswerContext, reader: MessageReader, framer: Framer) {
    this.#context = context;
    this.#reader = reader;
    this.#framer = framer;
  }

  push(chunk: Buffer): HttpRun[] {
    return this.#framer.push(chunk).flatMap((message) => this.#runs(message));
  }

  end(): HttpRun[] {
    const { lane, show } = this.#context;
    const rest = this.#framer.end().flatMap((message) => this.#runs(message));
    return [...rest, ...this.#reader.end().map((texts) => textsRun(lane, texts, EMPTY, show))];
  }

  get tokens(): number {
    return this.#reader.tokens ?? 0;
  }

  /** The last one is the message itself; those before it are ours, and stand for no bytes of the target. */
  #runs(message: Buffer): HttpRun[] {
    const { lane, show } = this.#context;
    const all = this.#reader.event(message);
    return all.map((texts, at) => textsRun(lane, texts, at === all.length - 1 ? message : EMPTY, show));
  }
}

/** A whole answer of a model. */
class WholeReader implements BodyReader {
  readonly #context: AnswerContext;
  readonly #dialect: Dialect;
  tokens = 0;
  readonly #chunks: Buffer[] = [];
  #length = 0;

  constructor(context: AnswerContext, dialect: Dialect) {
    this.#context = context;
    this.#dialect = dialect;
  }

  push(chunk: Buffer): HttpRun[] {
    this.#length += chunk.length;
    if (this.#length > this.#context.maxMessage) {
      throw refuse('SCRIM_LIMIT', { message: 'the answer is too long to be inspected' });
    }
    this.#chunks.push(chunk);
    return [];
  }

  end(): HttpRun[] {
    if (this.#length === 0) return [];
    const body = Buffer.concat(this.#chunks);
    const { lane, path, show } = this.#context;
    const answer = this.#dialect.answer(path, body);
    this.tokens = answer.tokens;
    return [textsRun(lane, answer, body, show)];
  }
}
