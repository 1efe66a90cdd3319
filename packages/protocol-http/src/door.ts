import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Refusal, RefusalError, refuse, Secret } from '@scrim/model';
import type { AcceptContext, Grant, Knock } from '@scrim/protocol-kit';
import { type CallerRequest, framingFault, readRequest } from './caller-request.ts';
import type { Call } from './conversation.ts';
import type { HttpExchange } from './exchange.ts';
import { headerOf, type RawHeaders } from './headers.ts';
import { PathFault } from './path.ts';
import { answer, Reply } from './reply.ts';

/** Opens the exchange of a visitor who is let in; `over` is called when its session has ended. */
export type Admit = (grant: Grant, over: () => void) => HttpExchange;

/** Callers and connections named on one socket at once; a socket with more is an attack. */
const MOST_VISITORS = 64;
/** Requests that wait while their caller is being identified. */
const MOST_WAITING = 256;

/** One (connection, token) on a socket: waiting to be let in, or with its exchange. */
class Visitor {
  readonly waiting: Call[] = [];
  exchange: HttpExchange | undefined;
}

/** One socket's requests, parted by who sends them and whom they are for. */
export class Door {
  /** The socket is TLS. */
  secure = false;
  readonly #context: AcceptContext;
  readonly #admit: Admit;
  readonly #visitors = new Map<string, Visitor>();
  readonly #knocks: Knock[] = [];
  readonly #address: string | undefined;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(context: AcceptContext, admit: Admit, socket: Duplex) {
    this.#context = context;
    this.#admit = admit;
    this.#address = (socket as Partial<Socket>).remoteAddress;
  }

  /** Each caller's first request on the socket. */
  async *knocks(): AsyncGenerator<Knock> {
    for (;;) {
      const next = this.#knocks.shift();
      if (next) {
        yield next;
        continue;
      }
      if (this.#closed) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { exchange } of this.#visitors.values()) exchange?.callerLeft();
    this.#wake?.();
  }

  /** A request node has parsed. */
  take(incoming: IncomingMessage, response: ServerResponse): void {
    const headers: RawHeaders = incoming.rawHeaders;
    incoming.on('error', () => undefined);
    response.on('error', () => undefined);
    const request = this.#read(incoming, response, headers);
    if (!request) return;
    const { connection, token } = request;
    if (!token) {
      this.#deny(response, 'SCRIM_AUTH_MISSING', 'set the API key or Authorization: Bearer to a Scrim token');
      return;
    }
    if (connection === undefined) {
      const hint = 'begin the path with /c/<connection>/, or use the host name of a connection';
      this.#deny(response, 'SCRIM_CONNECTION_UNKNOWN', hint);
      return;
    }
    const call: Call = { incoming, reply: new Reply(response, request.method), request, headers };
    const key = `${connection}\0${token}`;
    const known = this.#visitors.get(key);
    if (known?.exchange) known.exchange.take(call);
    else if (known && known.waiting.length < MOST_WAITING) known.waiting.push(call);
    else if (known || this.#visitors.size >= MOST_VISITORS) {
      this.#deny(response, 'SCRIM_LIMIT', 'use more connections, or fewer tokens on each');
    } else this.#newVisitor(key, call, connection, token);
  }

  #read(incoming: IncomingMessage, response: ServerResponse, headers: RawHeaders): CallerRequest | undefined {
    const context = this.#context;
    if (context.requireTls && !this.secure) {
      this.#deny(response, 'SCRIM_TLS_REQUIRED', 'write https:// in the base URL');
      return undefined;
    }
    const fault = framingFault(headers);
    if (fault) {
      this.#malformed(response, fault);
      return undefined;
    }
    try {
      return readRequest(incoming.method ?? '', incoming.url ?? '', headers, context.connection);
    } catch (error) {
      if (!(error instanceof PathFault)) throw error;
      this.#malformed(response, error.message);
      return undefined;
    }
  }

  #malformed(response: ServerResponse, why: string): void {
    this.#context.rejected(why);
    response.shouldKeepAlive = false;
    answer(response, refuse('SCRIM_UNPARSED', { message: `the request is refused: ${why}` }).refusal);
  }

  #deny(response: ServerResponse, code: Refusal['code'], hint: string): void {
    const { refusal } = refuse(code, { hint });
    this.#context.rejected(refusal.message);
    answer(response, refusal);
  }

  #newVisitor(key: string, call: Call, connection: string, token: string): void {
    const visitor = new Visitor();
    visitor.waiting.push(call);
    this.#visitors.set(key, visitor);
    const forget = (): void => {
      if (this.#visitors.get(key) === visitor) this.#visitors.delete(key);
    };
    this.#knocks.push({
      credential: new Secret(token),
      wants: connection,
      claimedName: (headerOf(call.headers, 'user-agent') ?? '').slice(0, 200),
      attributes: this.#attributes(call),
      admit: async (grant) => this.#letIn(visitor, grant, forget),
      reject: async (refusal) => {
        forget();
        for (const { reply } of visitor.waiting.splice(0)) reply.refuse(refusal, undefined);
      },
    });
    this.#wake?.();
  }

  async #letIn(visitor: Visitor, grant: Grant, forget: () => void): Promise<HttpExchange> {
    try {
      const exchange = this.#admit(grant, forget);
      visitor.exchange = exchange;
      for (const call of visitor.waiting.splice(0)) exchange.take(call);
      if (this.#closed) queueMicrotask(() => exchange.callerLeft());
      return exchange;
    } catch (error) {
      forget();
      const known = error instanceof RefusalError ? error : refuse('SCRIM_INTERNAL', { cause: error });
      for (const { reply } of visitor.waiting.splice(0)) reply.refuse(known.refusal, undefined);
      throw known;
    }
  }

  #attributes({ incoming, headers }: Call): Record<string, string> {
    const agent = headerOf(headers, 'user-agent');
    return {
      http_version: incoming.httpVersion,
      ...(this.#address === undefined ? {} : { client_address: this.#address }),
      ...(agent === undefined ? {} : { user_agent: agent.slice(0, 200) }),
    };
  }
}
