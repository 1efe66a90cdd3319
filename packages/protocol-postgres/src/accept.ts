/*
 *  caller                         edge
 *    |  (TLS ClientHello)           |  direct TLS (ALPN "postgresql"), PostgreSQL 17+
 *    |  GSSENCRequest ------------> |
 *    | <------------------------- N |
 *    |  SSLRequest ---------------> |
 *    | <--------------------- S / N |  bytes stuffed behind the request in clear: FATAL
 *    |  ... TLS ...                 |
 *    |  CancelRequest ------------> |  own keys only; no answer, closed
 *    |  StartupMessage -----------> |  length bound, version, replication refused
 *    | <-- NegotiateProtocolVersion |  unknown minor version or _pq_ options
 *    | <-- AuthenticationCleartext  |
 *    |  PasswordMessage (token) --> |  -> Knock: admit() opens the target, reject() says no
 *    | <-- AuthenticationOk, ParameterStatus.., BackendKeyData, ReadyForQuery
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { type Refusal, refuse, Secret } from '@scrim/model';
import type { AcceptContext, Exchange, Grant, Knock } from '@scrim/protocol-kit';
import { ByteReader } from './byte-reader.ts';
import type { CancelKeys } from './cancel.ts';
import { errorResponse } from './refuse.ts';
import { MAX_STARTUP, MINOR, negotiateVersion, parseStartup, type StartupPacket } from './startup.ts';
import { AUTHENTICATION_CLEARTEXT, TYPE, WireFault } from './wire.ts';

/** A caller who has presented a token, ready to be connected. */
export interface Door {
  readonly socket: Duplex;
  /** Bytes the caller sent behind its password. */
  readonly early: Buffer;
  readonly minor: number;
  /** Start-up parameters that are settings of the target's session. */
  readonly settings: ReadonlyMap<string, string>;
}

export type Admit = (door: Door, grant: Grant) => Promise<Exchange>;

type Startup = Extract<StartupPacket, { kind: 'startup' }>;

/** Longest password message: a Scrim token has 512 bytes, ID tokens with many groups reach some kilobytes. */
const MAX_PASSWORD = 65_536;
const TLS_HANDSHAKE = 0x16;

/** Yields the caller behind `socket` once it has presented a token; never throws for what it sent. */
export async function* acceptCaller(
  socket: Duplex,
  context: AcceptContext,
  keys: CancelKeys,
  admit: Admit,
): AsyncGenerator<Knock> {
  socket.on('error', () => socket.destroy());
  if (socket instanceof Socket) socket.setNoDelay(true).setKeepAlive(true, 60_000);
  const handshake = new Handshake(socket, context, keys, admit);
  const knock = await handshake.run();
  if (!knock) return;
  yield knock;
  if (!socket.destroyed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}

class Handshake {
  #socket: Duplex;
  #reader: ByteReader;
  #secure = false;
  #serverName: string | undefined;
  readonly #context: AcceptContext;
  readonly #keys: CancelKeys;
  readonly #admit: Admit;

  constructor(socket: Duplex, context: AcceptContext, keys: CancelKeys, admit: Admit) {
    this.#socket = socket;
    this.#context = context;
    this.#keys = keys;
    this.#admit = admit;
    this.#reader = new ByteReader(socket, MAX_PASSWORD);
  }

  async run(): Promise<Knock | undefined> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#socket.destroy();
    }, this.#context.limits.handshakeTimeout);
    try {
      return await this.#open();
    } catch (error) {
      this.#socket.destroy();
      const why = error instanceof WireFault ? error.reason : 'the TLS handshake failed';
      // A connection that closes without a byte is a health check or a port scan, still worth its event.
      this.#context.rejected(late ? 'the start-up took too long' : why);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  async #open(): Promise<Knock | undefined> {
    if (this.#context.tls && (await this.#reader.peek()) === TLS_HANDSHAKE) await this.#startTls(true);
    const packet = await this.#firstPacket();
    if (packet.kind === 'cancel') return this.#cancel(packet);
    if (packet.kind === 'startup') return this.#startup(packet);
    return this.#deny(
      refuse('SCRIM_UNSUPPORTED', {
        message: `PostgreSQL protocol ${packet.major}.${packet.minor} is not served`,
        hint: 'use a client that speaks protocol 3.0 or 3.2',
      }).refusal,
    );
  }

  /** Answers encryption requests until the caller says what it came for. */
  async #firstPacket(): Promise<Exclude<StartupPacket, { kind: 'ssl' | 'gss' }>> {
    let sslAsked = this.#secure;
    let gssAsked = this.#secure;
    for (;;) {
      const length = (await this.#reader.take(4)).readInt32BE(0);
      if (length < 8 || length > MAX_STARTUP)
        throw new WireFault('the start-up packet has an impossible length');
      const packet = parseStartup(await this.#reader.take(length - 4));
      if (packet.kind !== 'ssl' && packet.kind !== 'gss') return packet;
      // What follows an encryption request in clear would be taken for session data behind TLS (CVE-2021-23214).
      if (this.#reader.buffered > 0) {
        this.#socket.write(
          errorResponse(
            {
              code: 'SCRIM_UNPARSED',
              message: 'received unencrypted data after an encryption request',
              hint: 'this could be a software bug or an attack by somebody between client and server',
            },
            'FATAL',
            '08P01',
          ),
        );
        throw new WireFault('bytes in clear behind an encryption request');
      }
      const again = packet.kind === 'ssl' ? sslAsked : gssAsked;
      if (again) throw new WireFault('an encryption request was repeated');
      if (packet.kind === 'ssl') {
        sslAsked = true;
        if (this.#context.tls) {
          this.#socket.write('S');
          await this.#startTls(false);
          gssAsked = true;
        } else this.#socket.write('N');
      } else {
        gssAsked = true;
        this.#socket.write('N');
      }
    }
  }

  async #startTls(direct: boolean): Promise<void> {
    const plain = this.#socket;
    const rest = this.#reader.release();
    if (rest.length > 0) plain.unshift(rest);
    const secured = new TLSSocket(plain as Socket, {
      isServer: true,
      secureContext: secureContext(this.#context.tls as { key: string; cert: string }),
      ...(direct ? { ALPNProtocols: ['postgresql'] } : {}),
    });
    secured.on('error', () => secured.destroy());
    this.#socket = secured;
    plain.once('close', () => secured.destroy());
    await new Promise<void>((resolve, reject) => {
      secured.once('secure', () => resolve());
      secured.once('close', () => reject(new WireFault('the TLS handshake failed')));
    });
    // Without the name an HTTPS client could be tricked into talking here (ALPACA): PostgreSQL 17 insists as well.
    if (direct && secured.alpnProtocol !== 'postgresql')
      throw new WireFault('direct TLS without ALPN "postgresql"');
    const name = (secured as TLSSocket & { servername?: string | false }).servername;
    if (typeof name === 'string') this.#serverName = name;
    this.#secure = true;
    this.#reader = new ByteReader(secured, MAX_PASSWORD);
  }

  async #cancel(packet: { pid: number; secret: Buffer }): Promise<undefined> {
    const socket = this.#socket;
    this.#reader.release();
    await this.#keys.find(packet.pid, packet.secret)?.cancel();
    socket.end();
    socket.destroy();
    return undefined;
  }

  async #startup(packet: Startup): Promise<Knock | undefined> {
    const { parameters } = packet;
    if (!this.#secure && this.#context.requireTls) {
      return this.#deny(refuse('SCRIM_TLS_REQUIRED', { hint: 'connect with sslmode=require' }).refusal);
    }
    const user = parameters.get('user');
    if (!user) {
      return this.#deny(refuse('SCRIM_AUTH_INVALID', { message: 'no user name was given' }).refusal);
    }
    const replication = parameters.get('replication')?.toLowerCase();
    if (replication !== undefined && !['false', 'off', 'no', '0', 'f', 'n'].includes(replication)) {
      return this.#deny(
        refuse('SCRIM_UNSUPPORTED', { message: 'replication connections are not served' }).refusal,
      );
    }
    if (packet.minor > MINOR || packet.extensions.length > 0) {
      this.#socket.write(negotiateVersion(packet.extensions));
    }
    this.#socket.write(AUTHENTICATION_CLEARTEXT);
    const token = await this.#password();
    const early = this.#reader.release();
    return this.#knock(packet, user, token, early);
  }

  async #password(): Promise<string> {
    const { body } = await this.#reader.message(MAX_PASSWORD, TYPE.password);
    const zero = body.indexOf(0);
    if (zero !== body.length - 1) throw new WireFault('the password message is malformed');
    return body.toString('utf8', 0, zero);
  }

  #knock(packet: Startup, user: string, token: string, early: Buffer): Knock {
    const { parameters } = packet;
    const database = parameters.get('database') || user;
    const slash = database.indexOf('/');
    const settings = new Map(parameters);
    for (const own of ['user', 'database', 'replication']) settings.delete(own);
    const socket = this.#socket;
    const minor = Math.min(packet.minor, MINOR);
    return {
      credential: new Secret(token),
      wants: slash < 0 ? database : database.slice(0, slash),
      ...(slash < 0 ? {} : { part: database.slice(slash + 1) }),
      claimedName: user,
      attributes: this.#attributes(parameters, minor),
      admit: (grant) => this.#admit({ socket, early, minor, settings }, grant),
      reject: (refusal) => sayNo(socket, refusal),
    };
  }

  #attributes(parameters: ReadonlyMap<string, string>, minor: number): Record<string, string> {
    const attributes: Record<string, string> = { protocol_version: `3.${minor}`, tls: String(this.#secure) };
    const application = parameters.get('application_name');
    if (application !== undefined) attributes.application_name = application;
    if (this.#serverName !== undefined) attributes.server_name = this.#serverName;
    const address = (this.#socket as Partial<Socket>).remoteAddress;
    if (address !== undefined) attributes.client_address = address;
    return attributes;
  }

  async #deny(refusal: Refusal): Promise<undefined> {
    this.#context.rejected(refusal.message);
    this.#reader.release();
    await sayNo(this.#socket, refusal);
    return undefined;
  }
}

/** How long a refused caller may take to read its answer. */
const FAREWELL = 2000;

/** FATAL error, then the end; resolves when the socket is closed. */
export function sayNo(socket: Duplex, refusal: Refusal): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    const timer = setTimeout(() => socket.destroy(), FAREWELL);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.resume();
    socket.end(errorResponse(refusal, 'FATAL'), () => socket.destroy());
  });
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
