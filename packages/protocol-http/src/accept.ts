/*
 *  socket -> first byte: TLS? -> ALPN: h2 | http/1.1        plain: "PRI * HTTP/2" (prior knowledge) | HTTP/1.1
 *         -> node's parsers -> request -> framing, path, connection, token
 *         -> the door's visitor of (connection, token)  -- new: Knock -> admit() | reject()
 *                                                       -- known: its exchange's next lane
 */
import {
  createServer as createHttp,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttp2, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import type { AcceptContext, Knock } from '@scrim/protocol-kit';
import { type Admit, Door } from './door.ts';

const TLS_HANDSHAKE = 0x16;
/** How an HTTP/2 caller begins (RFC 9113 section 3.4). */
const PREFACE = 'PRI * HTTP/2.0';
/** Bytes of one request's line and headers: ID tokens with many groups reach some kilobytes. */
const MAX_HEADER = 32 * 1024;
/** An idle kept connection is closed after this, in ms. */
const IDLE_MS = 75_000;
const MAX_STREAMS = 128;

/** The parsers of one listener; every socket of it goes through them. */
export class Entrance {
  readonly #http: Server;
  readonly #http2: Http2Server;
  readonly #doors = new WeakMap<object, Door>();
  /** The door whose HTTP/2 session is being made: node tells the session's socket only through a proxy. */
  #opening: Door | undefined;

  constructor(context: AcceptContext) {
    this.#http = this.#createHttp(context);
    this.#http2 = this.#createHttp2(context);
  }

  /** Yields a knock per caller and connection named on the socket; ends with the socket. */
  async *accept(socket: Duplex, context: AcceptContext, admit: Admit): AsyncGenerator<Knock> {
    socket.on('error', () => socket.destroy());
    if (socket instanceof Socket) socket.setNoDelay(true).setKeepAlive(true, 60_000);
    const door = new Door(context, admit, socket);
    const timer = setTimeout(() => {
      context.rejected('the start-up took too long');
      socket.destroy();
    }, context.limits.handshakeTimeout);
    const opened = this.#open(socket, context, door).catch((error: unknown) => {
      context.rejected(
        error instanceof Error && error.message === CLOSED ? CLOSED : 'the TLS handshake failed',
      );
      socket.destroy();
    });
    void opened.finally(() => clearTimeout(timer));
    yield* door.knocks();
  }

  async #open(socket: Duplex, context: AcceptContext, door: Door): Promise<void> {
    socket.once('close', () => door.closed());
    const first = await firstBytes(socket);
    if (first[0] === TLS_HANDSHAKE && context.tls) {
      const secured = secure(socket, context.tls);
      await new Promise<void>((resolve, reject) => {
        secured.once('secure', () => resolve());
        secured.once('close', () => reject(new Error('the TLS handshake failed')));
        secured.once('error', reject);
      });
      door.secure = true;
      this.#hand(secured, door, secured.alpnProtocol === 'h2');
      // Node's HTTP/2 takes a TLS socket that no tls.Server made for one still connecting, and waits for this for ever.
      secured.emit('secureConnect');
      return;
    }
    this.#hand(socket, door, first.toString('latin1', 0, PREFACE.length) === PREFACE);
  }

  #hand(socket: Duplex, door: Door, second: boolean): void {
    if (!second) {
      this.#doors.set(socket, door);
      this.#http.emit('connection', socket);
      return;
    }
    this.#opening = door;
    try {
      this.#http2.emit('connection', socket);
    } finally {
      this.#opening = undefined;
    }
  }

  #createHttp(context: AcceptContext): Server {
    const server = createHttp({
      maxHeaderSize: MAX_HEADER,
      headersTimeout: context.limits.handshakeTimeout,
      requestTimeout: 0,
      keepAliveTimeout: IDLE_MS,
      insecureHTTPParser: false,
      requireHostHeader: true,
      connectionsCheckingInterval: 1_000,
      noDelay: true,
    });
    // Without a listening socket of its own the server would never look for headers that do not end.
    server.emit('listening');
    const take = (request: IncomingMessage, response: ServerResponse): void => {
      this.#doors.get(request.socket)?.take(request, response);
    };
    server.on('request', take);
    server.on('checkContinue', take);
    server.on('checkExpectation', take);
    for (const event of ['connect', 'upgrade']) {
      server.on(event, (_request: IncomingMessage, socket: Duplex) => {
        context.rejected(`the request asks for ${event}`);
        socket.end(REFUSED[event as keyof typeof REFUSED]);
      });
    }
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
      context.rejected(`the request cannot be read (${error.code ?? 'unknown'})`);
      if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
      else
        socket.end(error.code === 'HPE_HEADER_OVERFLOW' ? REFUSED.overflow : REFUSED.unread, () =>
          socket.destroy(),
        );
    });
    return server;
  }

  #createHttp2(context: AcceptContext): Http2Server {
    const server = createHttp2({
      settings: {
        maxConcurrentStreams: MAX_STREAMS,
        maxHeaderListSize: MAX_HEADER,
        enableConnectProtocol: false,
      },
      maxSessionMemory: 32,
    });
    const doors = new WeakMap<ServerHttp2Session, Door>();
    server.on('session', (session) => {
      if (this.#opening) doors.set(session, this.#opening);
      session.setTimeout(IDLE_MS, () => session.close());
      session.on('error', () => session.destroy());
    });
    server.on('sessionError', () => context.rejected('the HTTP/2 session broke'));
    const take = (request: object, response: object): void => {
      const { session } = (request as { stream: { session?: ServerHttp2Session } }).stream;
      // The compatibility classes of node have the shape of HTTP/1.1's.
      if (session) doors.get(session)?.take(request as IncomingMessage, response as ServerResponse);
    };
    server.on('request', take);
    server.on('checkContinue', take);
    return server;
  }
}

const CLOSED = 'closed before a byte was sent';

function rawRefusal(status: string, code: string, message: string): string {
  const body = `${JSON.stringify({ type: 'error', error: { type: 'scrim_refusal', code, message } })}\n`;
  return `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\nx-should-retry: false\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

const REFUSED = {
  connect: rawRefusal('400 Bad Request', 'SCRIM_UNSUPPORTED', 'CONNECT is not served'),
  upgrade: rawRefusal('400 Bad Request', 'SCRIM_UNSUPPORTED', 'upgrades (WebSocket) are not served'),
  overflow: rawRefusal('431 Request Header Fields Too Large', 'SCRIM_LIMIT', 'the headers are too long'),
  unread: rawRefusal('400 Bad Request', 'SCRIM_UNPARSED', 'the request cannot be read'),
};

/** The first bytes of a socket, left in it for whoever reads it next. */
async function firstBytes(socket: Duplex): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read() as Buffer | null;
    if (bytes) {
      socket.unshift(bytes);
      if (bytes.length >= PREFACE.length || !PREFACE.startsWith(bytes.toString('latin1'))) return bytes;
    }
    if (socket.destroyed || socket.readableEnded) throw new Error(CLOSED);
    const before = bytes?.length ?? 0;
    await new Promise<void>((resolve, reject) => {
      const ended = (): void => reject(new Error(CLOSED));
      socket.once('close', ended);
      socket.once('end', ended);
      const look = (): void => {
        if (socket.readableLength <= before && !socket.readableEnded) return;
        socket.off('readable', look);
        socket.off('close', ended);
        socket.off('end', ended);
        resolve();
      };
      socket.on('readable', look);
    });
  }
}

function secure(socket: Duplex, tls: { key: string; cert: string }): TLSSocket {
  const secured = new TLSSocket(socket as Socket, {
    isServer: true,
    secureContext: secureContext(tls),
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  secured.on('error', () => secured.destroy());
  socket.once('close', () => secured.destroy());
  return secured;
}

const contexts = new WeakMap<object, SecureContext>();

/** Parsing a key takes a millisecond: once per certificate, not per caller. */
function secureContext(tls: { key: string; cert: string }): SecureContext {
  let context = contexts.get(tls);
  if (!context) {
    context = createSecureContext({ key: tls.key, cert: tls.cert, minVersion: 'TLSv1.2' });
    contexts.set(tls, context);
  }
  return context;
}
