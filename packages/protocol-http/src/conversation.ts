/*
 *  begin -> (body read whole) -> operation -> relay -> target          held: waits; too long: parked, a retry collects
 *             | or piece by piece as input
 *  target -> Answer -> runs -> (collected) -> relay -> caller
 */
import type { IncomingMessage } from 'node:http';
import { type Refusal, RefusalError, refuse } from '@scrim/model';
import type { Relay } from '@scrim/protocol-kit';
import type { Dispatcher } from 'undici';
import { Answer } from './answer.ts';
import { RequestBody } from './body.ts';
import type { CallerRequest } from './caller-request.ts';
import { ACCEPTED_CODINGS } from './coding.ts';
import { bodyKind, mediaType } from './content-type.ts';
import type { Dialect, ModelRequest } from './dialect/contract.ts';
import { countOf, headerOf, type RawHeaders, towardsCaller, towardsTarget } from './headers.ts';
import type { Reply } from './reply.ts';
import { asBuffer, EMPTY, HeadRun, type HttpRun, operationRun, PlainRun, textRun, textsRun } from './runs.ts';
import type { Statements } from './statement.ts';
import { type Injected, type Target, targetFailure } from './target.ts';

/** One request of a caller with the place its answer goes to. */
export interface Call {
  readonly incoming: IncomingMessage;
  readonly reply: Reply;
  readonly request: CallerRequest;
  readonly headers: RawHeaders;
}

/** What all conversations of one session share. */
export interface Surroundings {
  readonly relay: Relay;
  readonly target: Target;
  readonly dialect: Dialect | undefined;
  readonly injected: Injected;
  readonly statements: Statements;
  readonly maxMessage: number;
  readonly holdTimeout: number;
  /** The conversation is over: nothing more will come of it. */
  readonly over: (conversation: Conversation) => void;
  /** The caller's wait is over while people decide; true = it is kept for a retry. */
  readonly park: (conversation: Conversation) => boolean;
}

/** Bytes of a body that are read before the operation is named, although no rule asks for them: they are recorded. */
const SMALL = 64 * 1024;
/** Seconds after which a request that waits for people is worth repeating. */
const RETRY_AFTER_SECONDS = 15;
/** Bytes of an answer that wait for its end. */
const COLLECTED = 64 * 1024;
/** How long an answer of unknown length may wait for its end, in ms. */
const COLLECT_MS = 10;

/** One request and its answer. */
export class Conversation {
  readonly lane: number;
  readonly call: Call;
  /** All of the request's body, where it was read whole: what a retry is known by. */
  body: Buffer | undefined;
  readonly #around: Surroundings;
  #reply: Reply;
  #requestBody: RequestBody | undefined;
  #model: ModelRequest | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #answer: Answer | undefined;
  #collected: HttpRun[] = [];
  #collectedBytes = 0;
  #collecting = true;
  #collectTimer: NodeJS.Timeout | undefined;
  /** The relay thinks about something; what comes meanwhile waits. */
  #busy = false;
  #holdTimer: NodeJS.Timeout | undefined;
  #asked = false;
  #held = false;
  #ended = false;
  #over = false;
  #tries = 0;

  constructor(lane: number, call: Call, around: Surroundings) {
    this.lane = lane;
    this.call = call;
    this.#around = around;
    this.#reply = call.reply;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Whether people are being asked about it now. */
  get isHeld(): boolean {
    return this.#held;
  }

  /** `read` = the body, where somebody has read it already. */
  begin(already?: Buffer): void {
    const { incoming } = this.call;
    this.#follow(this.#reply);
    if (already) {
      this.#try(() => this.#operate(already));
      return;
    }
    try {
      const body = new RequestBody(incoming, this.call.headers, this.#around.maxMessage);
      if (!body.present) {
        this.#operate(EMPTY);
        return;
      }
      this.#requestBody = body;
      this.#reply.continue();
      const length = body.length;
      const small = length !== undefined && length <= SMALL;
      if (!small && !this.#readsWhole()) {
        this.#streamIn(body);
        return;
      }
      body.whole().then(
        (bytes) => this.#try(() => this.#operate(bytes)),
        (error: unknown) => this.#fail(error),
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Says no; the target is not asked, or not listened to any longer. */
  refuse(refusal: Refusal): void {
    if (this.#over) return;
    this.#reply.refuse(refusal, this.#around.dialect, this.#answer?.framing);
    this.#finish();
  }

  /** Another request of the same caller takes over: what was held is answered to it. */
  collect(reply: Reply): void {
    const kept = this.#reply;
    this.#reply = reply;
    kept.handOver(reply);
    if (this.#over) return;
    this.#follow(reply);
    if (this.#held) this.#watchHold();
    else this.#controller?.resume();
  }

  #follow(reply: Reply): void {
    reply.onGone(() => {
      if (this.#reply === reply) this.#callerGone();
    });
    reply.onDrain(() => this.#controller?.resume());
  }

  #readsWhole(): boolean {
    const { relay, dialect, target } = this.#around;
    if (relay.wholeOperations || dialect) return true;
    const kind = bodyKind(headerOf(this.call.headers, 'content-type'));
    return target.maskRequests && kind.kind === 'text' && kind.form === 'json';
  }

  /** The path as the vendor documents it, however it was written. */
  get #modelPath(): string {
    const { path, query } = this.call.request;
    return `${this.#around.target.base}${path.read}${query}`;
  }

  #try(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    const known = error instanceof RefusalError ? error : refuse('SCRIM_INTERNAL', { cause: error });
    // The pipeline hears of it as the end of an operation that went wrong.
    this.refuse(known.refusal);
    if (this.#asked) this.#tellEnd(known.refusal.code);
  }

  /** The request is known: the pipeline is asked. `body` undefined = it follows piece by piece. */
  #operate(body: Buffer | undefined): void {
    if (this.#over) return;
    this.body = body;
    const { relay, statements, dialect, target } = this.#around;
    const { request, headers } = this.call;
    const kind = bodyKind(headerOf(headers, 'content-type'));
    if (dialect && body !== undefined) {
      this.#model = read(() => dialect.request(request.method, this.#modelPath, body));
    }
    const bare = !relay.wholeOperations && !this.#model;
    const statement = bare
      ? statements.line(request)
      : statements.whole(request, headers, body, kind, this.#model);
    const form = kind.kind === 'text' ? kind.form : 'text';
    // A prompt is recorded as the text it is, and only bound to an approval where one may be asked for.
    const told = body && (!this.#model || relay.wholeOperations) ? { bytes: body, form } : undefined;
    const texts = this.#upwardTexts(body, target.maskRequests && form === 'json');
    const run = operationRun(this.lane, statement, told, () => {
      this.#held = false;
      if (!texts) this.#send(body);
    });
    this.#asked = true;
    this.#await(relay.fromCaller(texts ? [run, texts] : [run]));
  }

  #upwardTexts(body: Buffer | undefined, masksJson: boolean): HttpRun | undefined {
    if (!body) return undefined;
    const send = (bytes: Uint8Array): void => this.#send(asBuffer(bytes));
    if (this.#model) return textsRun(this.lane, this.#model.texts, body, send);
    return masksJson && body.length > 0 ? textRun(this.lane, 'json', body, true, send) : undefined;
  }

  /** Waits for people, but not longer than a caller does. */
  #await(held: void | Promise<void>): void {
    if (!held) return;
    this.#held = true;
    this.#watchHold();
    void held.finally(() => {
      clearTimeout(this.#holdTimer);
      this.#held = false;
    });
  }

  #watchHold(): void {
    clearTimeout(this.#holdTimer);
    this.#holdTimer = setTimeout(() => this.#waitOver(), this.#around.holdTimeout);
  }

  #waitOver(): void {
    if (this.#over || !this.#held || !this.#around.park(this)) return;
    const { refusal } = refuse('SCRIM_APPROVAL_PENDING', {
      retryAfter: RETRY_AFTER_SECONDS,
      hint: 'repeat the very same request to collect its answer once an approver has released it',
    });
    this.#reply.refuse(refusal, this.#around.dialect);
    this.#reply = this.#reply.parked();
  }

  /** The body goes on as it comes, each piece past the guard. */
  #streamIn(body: RequestBody): void {
    this.#operate(undefined);
    if (this.#over) return;
    void body
      .each((chunk) => {
        if (this.#over) return;
        const run = new PlainRun(this.lane, { kind: 'input', bytes: chunk.length }, chunk, (bytes) =>
          body.outgoing.push(bytes),
        );
        void this.#around.relay.fromCaller([run]);
      })
      .then(
        () => body.outgoing.push(null),
        (error: unknown) => {
          body.outgoing.destroy(error as Error);
          this.#fail(error);
        },
      );
  }

  #send(body: Buffer | undefined): void {
    if (this.#over) return;
    const { target, injected } = this.#around;
    const { request, headers } = this.call;
    const out = towardsTarget(headers, request.token ?? '', false);
    if (injected) {
      for (let i = out.length - 2; i >= 0; i -= 2) if (out[i] === injected[0]) out.splice(i, 2);
      out.push(...injected);
    }
    const asked = headerOf(headers, 'accept-encoding');
    out.push('accept-encoding', asked === undefined ? 'identity' : ACCEPTED_CODINGS);
    const length = body === undefined ? this.#requestBody?.plainLength : undefined;
    if (length !== undefined) out.push('content-length', String(length));
    const sent = body === undefined ? this.#requestBody?.outgoing : body.length > 0 ? body : undefined;
    this.#tries++;
    target.pool.dispatch(
      {
        path: `${target.base}${request.path.sent}${request.query}`,
        method: request.method as Dispatcher.HttpMethod,
        headers: out,
        body: sent ?? null,
      },
      this.#handler(body),
    );
  }

  #handler(body: Buffer | undefined): Dispatcher.DispatchHandler {
    return {
      onRequestStart: (controller) => {
        this.#controller = controller;
        if (this.#over) controller.abort(new Error('the caller left'));
      },
      onResponseStart: (controller, status) => {
        if (status >= 200) this.#try(() => this.#head(status, controller.rawHeaders as Buffer[]));
      },
      onResponseData: (_controller, chunk) => this.#step(() => this.#answer?.push(chunk)),
      onResponseEnd: () => this.#step(() => this.#end()),
      onResponseError: (_controller, error) => this.#targetFailed(error, body),
    };
  }

  /** A kept connection may have been closed by the target just as the request was written: safe ones are sent again. */
  #targetFailed(error: Error, body: Buffer | undefined): void {
    if (this.#over) return;
    const { method } = this.call.request;
    const code = 'code' in error ? error.code : '';
    const stale = code === 'UND_ERR_SOCKET' || code === 'ECONNRESET';
    if (
      stale &&
      !this.#answer &&
      this.#tries === 1 &&
      body?.length === 0 &&
      (method === 'GET' || method === 'HEAD')
    ) {
      this.#try(() => this.#send(body));
      return;
    }
    this.#fail(targetFailure(error));
  }

  #head(status: number, raw: Buffer[]): void {
    const { target, dialect, maxMessage } = this.#around;
    const { request } = this.call;
    const headers = raw.map((it) => it.toString('latin1'));
    const context = {
      lane: this.lane,
      method: request.method,
      path: this.#modelPath,
      dialect,
      model: this.#model,
      maxMessage,
      show: (bytes: Uint8Array) => this.#reply.add(bytes),
    };
    const answer = new Answer(context, status, headers, (runs) => this.#deliver(runs));
    this.#answer = answer;
    const addresses = { origin: target.origin, base: target.base, prefix: request.prefix };
    const shown = towardsCaller(headers, addresses, answer.changesBody);
    if (answer.transcoded) inUtf8(shown);
    if (!answer.changesBody) keepLength(shown, headers);
    if (answer.streams) this.#collecting = false;
    else if (countOf(headers, 'content-length') === 0) this.#collectLater();
    void this.#deliver([new HeadRun(this.lane, status, shown, (it) => this.#reply.head(status, it))]);
    this.#status = status;
  }

  #status = 0;

  #end(): void | Promise<void> {
    const last = (): void | Promise<void> => {
      this.#ended = true;
      this.#collecting = false;
      const tag = String(this.#status);
      const tokens = this.#answer?.tokens ?? 0;
      const meaning = { kind: 'outcome', ok: this.#status < 400, count: null, tag, tokens } as const;
      return this.#deliver([new PlainRun(this.lane, meaning, EMPTY, () => this.#reply.end())]);
    };
    const ended = this.#answer?.end();
    return ended ? ended.then(last) : last();
  }

  /** Answers without a length may trickle: after a moment what has come goes on. */
  #collectLater(): void {
    this.#collectTimer = setTimeout(() => {
      this.#collecting = false;
      this.#step(() => this.#deliver([]));
    }, COLLECT_MS);
  }

  /** Runs one step of the answer; while it waits for something, the target waits. */
  #step(work: () => void | Promise<void>): void {
    if (this.#over) return;
    if (this.#busy) {
      this.#queue.push(work);
      return;
    }
    try {
      const waiting = work();
      if (waiting) this.#wait(waiting);
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #queue: (() => void | Promise<void>)[] = [];

  #wait(waiting: Promise<void>): void {
    this.#busy = true;
    this.#controller?.pause();
    waiting.then(
      () => {
        this.#busy = false;
        for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
          this.#step(next);
          if (this.#busy) return;
        }
        if (!this.#reply.isFull) this.#controller?.resume();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #deliver(runs: HttpRun[]): void | Promise<void> {
    if (this.#over) return;
    for (const run of runs) {
      this.#collected.push(run);
      this.#collectedBytes += run.bytes.length;
    }
    if (this.#collecting && this.#collectedBytes <= COLLECTED) return;
    this.#collecting = false;
    clearTimeout(this.#collectTimer);
    const ready = this.#collected;
    if (ready.length === 0) return;
    this.#collected = [];
    const held = this.#around.relay.fromTarget(ready);
    if (!held) return this.#flush();
    this.#await(held);
    return held.then(() => this.#flush());
  }

  #flush(): void {
    if (this.#over) return;
    if (!this.#reply.flush()) this.#controller?.pause();
    if (this.#ended && this.#collected.length === 0) this.#finish();
  }

  /** The caller left before its answer was whole. */
  #callerGone(): void {
    if (this.#over) return;
    const held = this.#held;
    this.#finish();
    if (held) this.#around.relay.cancel(this.lane);
    else if (this.#asked && !this.#ended) this.#tellEnd('aborted');
  }

  /** What the pipeline holds of an answer that goes no further is dropped, and its operation ends. */
  #tellEnd(tag: string): void {
    this.#answer?.destroy();
    const { relay } = this.#around;
    relay.drop?.(this.lane);
    const meaning = { kind: 'outcome', ok: false, count: null, tag } as const;
    void relay.fromTarget([new PlainRun(this.lane, meaning, EMPTY, () => undefined)]);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#collectTimer);
    clearTimeout(this.#holdTimer);
    if (!this.#ended) {
      this.#controller?.abort(new Error('the exchange is over'));
      this.#requestBody?.outgoing.destroy();
    }
    this.#around.over(this);
  }
}

function read<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RefusalError) throw error;
    throw refuse('SCRIM_UNPARSED', {
      message: "the request is not what the connection's API takes",
      hint: 'send what the vendor documents for this path',
      cause: error,
    });
  }
}

function inUtf8(headers: string[]): void {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === 'content-type')
      headers[i + 1] = `${mediaType(headers[i + 1] as string)}; charset=utf-8`;
  }
}

/** A body that passes as it is keeps its length. */
function keepLength(shown: string[], headers: RawHeaders): void {
  const length = headerOf(headers, 'content-length');
  if (length !== undefined) shown.push('content-length', length);
}
