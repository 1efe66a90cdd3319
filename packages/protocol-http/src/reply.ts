import type { ServerResponse } from 'node:http';
import type { Refusal } from '@scrim/model';
import type { Dialect } from './dialect/contract.ts';
import type { Framing } from './dialect/framing.ts';
import { refusalAnswer } from './refuse.ts';
import { asBuffer } from './runs.ts';

/** Bytes kept of an answer nobody collects yet. */
const PARKED_BYTES = 1 << 20;

/** Bytes of a body worth turning into a text for that. */
const ONE_WRITE = 16 * 1024;

/** Where an answer goes: a response of node's HTTP/1.1 or HTTP/2 server, or nowhere for now. */
export class Reply {
  #response: ServerResponse | undefined;
  #head: { readonly status: number; readonly headers: readonly string[] } | undefined;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #ended = false;
  #headSent = false;
  readonly #method: string;

  constructor(response: ServerResponse | undefined, method: string) {
    this.#response = response;
    this.#method = method;
  }

  /** Called when the caller goes away before the answer is whole. */
  onGone(gone: () => void): void {
    const response = this.#response;
    response?.once('close', () => {
      if (!response.writableFinished) gone();
    });
  }

  onDrain(drained: () => void): void {
    this.#response?.on('drain', drained);
  }

  /** Lets a caller who asked first (Expect: 100-continue) send its body. */
  continue(): void {
    const response = this.#response;
    if (response?.req.headers.expect !== undefined && !response.headersSent) response.writeContinue();
  }

  /** A place for what comes while nobody waits for it. */
  parked(): Reply {
    return new Reply(undefined, this.#method);
  }

  /** Gives what was kept meanwhile to whoever came back for it. */
  handOver(to: Reply): void {
    if (this.#head) to.head(this.#head.status, this.#head.headers);
    for (const chunk of this.#waiting) to.add(chunk);
    if (this.#ended) to.end();
    this.#waiting = [];
    to.flush();
  }

  head(status: number, headers: readonly string[]): void {
    this.#head = { status, headers };
  }

  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  end(): void {
    this.#ended = true;
  }

  get isFull(): boolean {
    if (!this.#response) return this.#waitingBytes > PARKED_BYTES;
    return this.#response.writableNeedDrain;
  }

  /** Sends what there is; false = wait for `drain` before more. */
  flush(): boolean {
    const response = this.#response;
    if (!response || response.destroyed) return !this.isFull;
    if (!this.#head) return true;
    const whole = this.#ended && !this.#headSent;
    if (!this.#headSent) {
      if (!whole && this.#waiting.length === 0 && !this.#head) return true;
      this.#sendHead(response, whole ? this.#waitingBytes : undefined);
    }
    let ready = true;
    const chunks = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (whole && chunks.length > 0) {
      endWith(response, chunks.length === 1 ? asBuffer(chunks[0] as Uint8Array) : Buffer.concat(chunks));
      return true;
    }
    for (const chunk of chunks) ready = response.write(chunk);
    if (this.#ended) response.end();
    return ready;
  }

  #sendHead(response: ServerResponse, length: number | undefined): void {
    const { status, headers } = this.#head as { status: number; headers: readonly string[] };
    this.#headSent = true;
    const bodyless = this.#method === 'HEAD' || status === 204 || status === 304;
    const known = headers.includes('content-length') || length === undefined || bodyless;
    const all = known ? headers : [...headers, 'content-length', String(length)];
    if (response.req.httpVersionMajor >= 2) response.writeHead(status, asObject(all));
    else response.writeHead(status, all as string[]);
    if (length === undefined) response.flushHeaders();
  }

  /** Answers with a refusal; an answer that has begun is cut, so that nobody takes it for whole. */
  refuse(refusal: Refusal, dialect: Dialect | undefined, framing?: Framing): void {
    const response = this.#response;
    this.#waiting = [];
    if (!response) {
      const { status, headers, body } = refusalAnswer(refusal, dialect);
      this.#head = { status, headers: Object.entries(headers).flat() };
      this.#waiting = [body];
      this.#waitingBytes = body.length;
      this.#ended = true;
      return;
    }
    if (response.destroyed || response.writableEnded) return;
    if (this.#headSent || response.headersSent) {
      if (dialect && framing) response.write(dialect.error(refusal, framing).body);
      // Destroyed at once, the error event would not leave; ended well, a cut body would look whole.
      setImmediate(() => cut(response));
      return;
    }
    this.#headSent = true;
    answer(response, refusal, dialect);
  }
}

/** As one write with the head where it is short: node writes a text behind a head in one go, but not bytes. */
function endWith(response: ServerResponse, body: Buffer): void {
  if (response.req.httpVersionMajor < 2 && body.length <= ONE_WRITE)
    response.end(body.toString('latin1'), 'latin1');
  else response.end(body);
}

function cut(response: ServerResponse): void {
  const { stream } = response as ServerResponse & { stream?: { close(code: number): void } };
  if (stream) stream.close(2);
  else response.destroy();
}

/** Answers with a refusal where nothing else is known of the caller. */
export function answer(response: ServerResponse, refusal: Refusal, dialect?: Dialect): void {
  const { status, headers, body } = refusalAnswer(refusal, dialect);
  const request = response.req;
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  const sends = coding !== undefined || (length !== undefined && length !== '0');
  const unread = sends && !request.complete && request.httpVersionMajor < 2;
  response.writeHead(status, {
    ...headers,
    'content-length': String(body.length),
    // What is left of a body nobody reads would be taken for the next request's beginning.
    ...(unread ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
  if (unread) request.resume();
}

function asObject(headers: readonly string[]): Record<string, string | string[]> {
  const object: Record<string, string | string[]> = {};
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    const known = object[name];
    if (known === undefined) object[name] = value;
    else if (Array.isArray(known)) known.push(value);
    else object[name] = [known, value];
  }
  return object;
}
