import { refuse } from '@scrim/model';
import type { Piece, TextForm, Texts } from '@scrim/protocol-kit';
import type { AnswerContext } from './answer.ts';
import { bodyKind } from './content-type.ts';
import { asBuffer, EMPTY, type HttpRun, PlainRun, textsRun } from './runs.ts';

/** A part of a multipart body (RFC 2046 section 5.1): its head as it stood, and its content. */
interface Part {
  readonly head: Buffer;
  readonly body: Buffer;
}

/** Parts looked at; more is an attack. */
const MOST_PARTS = 1_000;
const HEAD_END = Buffer.from('\r\n\r\n');

/** Reads a whole multipart body, each part by its own type; a part nothing can look into makes all of it opaque. */
export class MultipartReader {
  readonly #context: AnswerContext;
  readonly #boundary: string;
  readonly #chunks: Buffer[] = [];
  #length = 0;

  constructor(context: AnswerContext, boundary: string) {
    this.#context = context;
    this.#boundary = boundary;
  }

  push(chunk: Buffer): HttpRun[] {
    this.#length += chunk.length;
    if (this.#length > this.#context.maxMessage) {
      throw refuse('SCRIM_LIMIT', { message: 'a multipart answer is too long to be inspected' });
    }
    this.#chunks.push(chunk);
    return [];
  }

  end(): HttpRun[] {
    const { lane, show } = this.#context;
    const body = Buffer.concat(this.#chunks);
    if (body.length === 0) return [];
    const read = multipartTexts(body, this.#boundary);
    if (typeof read !== 'string') return [textsRun(lane, read, body, show)];
    return [new PlainRun(lane, { kind: 'opaque', why: read }, body, show)];
  }
}

/** The texts of a multipart body, or why it cannot be looked into. */
export function multipartTexts(body: Buffer, boundary: string): Texts | string {
  const parts = partsOf(body, boundary);
  if (!parts) return 'multipart that cannot be read';
  const pieces: Piece[] = [];
  for (const [index, part] of parts.entries()) {
    const form = formOfPart(part);
    if (form === undefined) return 'multipart with a part that is no text';
    pieces.push({ channel: index * 2, form: 'text', name: 'part.head', bytes: part.head, last: true });
    pieces.push({ channel: index * 2 + 1, form, name: 'part', bytes: part.body, last: true });
  }
  return { pieces, rewrite: (texts) => written(texts, boundary) };
}

function written(texts: readonly Uint8Array[], boundary: string): Buffer {
  const out: Buffer[] = [];
  for (let index = 0; index < texts.length; index += 2) {
    out.push(Buffer.from(`--${boundary}\r\n`), asBuffer(texts[index] ?? EMPTY), HEAD_END);
    out.push(asBuffer(texts[index + 1] ?? EMPTY), Buffer.from('\r\n'));
  }
  out.push(Buffer.from(`--${boundary}--\r\n`));
  return Buffer.concat(out);
}

/** What stands outside the parts (preamble, epilogue) is not read, and makes the body unreadable when it is there. */
function partsOf(body: Buffer, boundary: string): Part[] | undefined {
  const delimiter = Buffer.from(`--${boundary}`);
  if (!body.subarray(0, delimiter.length).equals(delimiter)) return undefined;
  const parts: Part[] = [];
  let at = delimiter.length;
  while (parts.length < MOST_PARTS) {
    if (body.toString('latin1', at, at + 2) === '--') {
      return body.toString('latin1', at + 2).trim() === '' ? parts : undefined;
    }
    if (body.toString('latin1', at, at + 2) !== '\r\n') return undefined;
    const next = body.indexOf(Buffer.from(`\r\n--${boundary}`), at);
    if (next < 0) return undefined;
    const part = body.subarray(at + 2, next);
    const head = part.indexOf(HEAD_END);
    if (head < 0) return undefined;
    parts.push({ head: part.subarray(0, head), body: part.subarray(head + 4) });
    at = next + 2 + delimiter.length;
  }
  return undefined;
}

/**
 * How a part is read; undefined = nothing can. A file is often named `application/octet-stream` whatever is in it, so
 * there the bytes tell.
 */
function formOfPart({ head, body }: Part): TextForm | undefined {
  const headers = head.toString('latin1');
  if (/^content-transfer-encoding:\s*(?!7bit|8bit|binary)/im.test(headers)) return undefined;
  const type = /^content-type:\s*(.*?)\s*$/im.exec(headers)?.[1];
  const kind = bodyKind(type);
  if (kind.kind === 'text') return kind.charset === undefined && !body.includes(0) ? kind.form : undefined;
  if (kind.kind === 'multipart' || kind.kind === 'events') return undefined;
  if (kind.kind === 'opaque' && !/octet-stream/i.test(type ?? '')) return undefined;
  return isText(body) ? (/^\s*[[{]/.test(body.toString('latin1', 0, 256)) ? 'json' : 'text') : undefined;
}

function isText(body: Buffer): boolean {
  if (body.includes(0)) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(body);
    return true;
  } catch {
    return false;
  }
}
