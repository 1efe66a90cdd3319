import type { Statement } from '@scrim/model';
import type { Fields, Meaning, Piece, Run, TextForm, Texts } from '@scrim/protocol-kit';
import { HeadEntries } from './headers.ts';

/** A run that knows what to do once the pipeline lets it go. */
export interface HttpRun extends Run {
  /** Called by the exchange: the bytes to show, the run's own or others. */
  pass(bytes: Uint8Array): void;
}

export const EMPTY = Buffer.alloc(0);

/** One of a request's or answer's runs. */
export class PlainRun implements HttpRun {
  readonly lane: number;
  readonly meaning: Meaning;
  readonly bytes: Buffer;
  readonly #pass: (bytes: Uint8Array) => void;

  constructor(lane: number, meaning: Meaning, bytes: Buffer, pass: (bytes: Uint8Array) => void) {
    this.lane = lane;
    this.meaning = meaning;
    this.bytes = bytes;
    this.#pass = pass;
  }

  pass(bytes: Uint8Array): void {
    this.#pass(bytes);
  }
}

/** The operation a request is. `parameters` gives its body, where all of it is there. */
export function operationRun(
  lane: number,
  statement: Statement,
  body: { readonly bytes: Buffer; readonly form: TextForm } | undefined,
  pass: () => void,
): PlainRun {
  const parameters = body && body.bytes.length > 0 ? () => [body.bytes.toString('utf8')] : null;
  const form: TextForm = body?.form ?? 'text';
  const meaning: Meaning = { kind: 'operation', statement, parameters, parameterForm: form };
  return new PlainRun(lane, meaning, body?.bytes ?? EMPTY, pass);
}

/** A piece of a body that is one text; the channel of a lane's only body is 0. */
export function textRun(
  lane: number,
  form: TextForm,
  bytes: Buffer,
  last: boolean,
  pass: (bytes: Uint8Array) => void,
): PlainRun {
  const piece: Piece = { channel: 0, form, name: 'body', bytes, last };
  const texts: Texts = { pieces: [piece], rewrite: ([text]) => asBuffer(text ?? EMPTY) };
  return new PlainRun(lane, { kind: 'texts', texts }, bytes, pass);
}

/** `bytes` = what passes when nothing of the texts changes. */
export function textsRun(
  lane: number,
  texts: Texts,
  bytes: Buffer,
  show: (bytes: Uint8Array) => void,
): HttpRun {
  return new PlainRun(lane, { kind: 'texts', texts }, bytes, show);
}

/** The status line and headers of an answer, shown as HTTP/1.1 writes them, whatever the caller speaks. */
export class HeadRun implements HttpRun {
  readonly lane: number;
  readonly meaning: Meaning;
  readonly #pass: (headers: readonly string[]) => void;
  readonly #status: number;
  #shown: string[];
  #bytes: Buffer | undefined;

  constructor(lane: number, status: number, headers: string[], pass: (headers: readonly string[]) => void) {
    this.lane = lane;
    this.#status = status;
    this.#shown = headers;
    this.#pass = pass;
    const entries = new HeadEntries(headers);
    const fields: Fields = {
      entries: entries.entries,
      headers: true,
      reach: [],
      rewrite: (values) => {
        this.#shown = entries.with(values);
        return headBytes(status, this.#shown);
      },
    };
    this.meaning = { kind: 'fields', fields };
  }

  get bytes(): Buffer {
    this.#bytes ??= headBytes(this.#status, this.#shown);
    return this.#bytes;
  }

  pass(): void {
    this.#pass(this.#shown);
  }
}

function headBytes(status: number, headers: readonly string[]): Buffer {
  let text = `HTTP/1.1 ${status}\r\n`;
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return Buffer.from(`${text}\r\n`, 'latin1');
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
