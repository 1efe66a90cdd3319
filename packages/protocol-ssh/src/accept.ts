/*
 *  caller                              edge
 *    |  identification, key exchange     |  strict kex; curve25519, AES-GCM and AES-CTR; no compression
 *    |  none --------------------------> |  what may be tried instead
 *    |  publickey (plain) -------------> |  refused: the certificate comes next
 *    |  publickey (certificate) -------> |  PK_OK, then the signature: -> Knock with a certificate
 *    |  password / keyboard-interactive  |  -> Knock with a token
 *    | <-- failure, banner, or DISCONNECT with the reason | reject()
 *    | <------------------ USERAUTH_SUCCESS |  once the session starts, after admit() has opened the target
 */
import type { Duplex } from 'node:stream';
import { type Refusal, Secret } from '@scrim/model';
import type { AcceptContext, Exchange, Grant, Knock } from '@scrim/protocol-kit';
import ssh2, {
  type AuthContext,
  type Connection,
  type KeyboardAuthContext,
  type PublicKeyAuthContext,
  type Server,
  type ServerConfig,
} from 'ssh2';
import { isCertificateAlgorithm, provesPossession } from './certificate.ts';
import { banner, disconnect, socketOf } from './internals.ts';
import { DISCONNECT, DISCONNECT_REASON, sentence } from './refuse.ts';

/** A caller who has presented a credential, ready to be connected. */
export interface Door {
  readonly client: Connection;
  readonly socket: Duplex;
  /** Says yes on the wire. Call it once everything listens: the caller's first request may be in the same packet. */
  readonly welcome: () => void;
}

export type Admit = (door: Door, grant: Grant) => Promise<Exchange>;

type Method = 'publickey' | 'keyboard-interactive' | 'password';
const METHODS: Method[] = ['publickey', 'keyboard-interactive', 'password'];

/** Credentials one connection may present; OpenSSH's client tries three passwords. */
const MAX_ATTEMPTS = 6;
/** Keys offered without proof: an agent full of keys offers them all. */
const MAX_OFFERS = 32;
/** A person types a token: so many times the handshake's own time until one was right. */
const GRACE = 8;
const MAX_USER = 512;

export const ALGORITHMS: NonNullable<ServerConfig['algorithms']> = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group14-sha256',
  ],
  cipher: [
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'chacha20-poly1305@openssh.com',
    'aes256-ctr',
    'aes128-ctr',
  ],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  // Decompressing what a stranger sends is an amplifier, and lengths of compressed secrets tell about them.
  compress: ['none'],
};

/** The server half of ssh2, without a socket of its own: it is given those the edge accepts. */
export class Reception {
  readonly #server: Server;
  readonly #greeted = new WeakMap<Duplex, (client: Connection) => void>();

  /** @param hostKey private key in OpenSSH's or PEM form */
  constructor(hostKey: string) {
    // CommonJS: Node finds only some of its names.
    this.#server = new ssh2.Server(
      {
        hostKeys: [hostKey],
        algorithms: ALGORITHMS,
        ident: 'Scrim',
        keepaliveInterval: 30_000,
        keepaliveCountMax: 4,
      },
      (client) => this.#greeted.get(socketOf(client))?.(client),
    );
  }

  /** `greeted` is called once the peer has said that it speaks SSH. */
  receive(socket: Duplex, greeted: (client: Connection) => void): void {
    this.#greeted.set(socket, greeted);
    this.#server.injectSocket(socket as never);
  }
}

/** Yields each credential the caller behind `socket` presents; never throws for what it sent. */
export async function* acceptCaller(
  socket: Duplex,
  context: AcceptContext,
  reception: Reception,
  admit: Admit,
): AsyncGenerator<Knock> {
  socket.on('error', () => socket.destroy());
  const entrance = new Entrance(socket, context, admit);
  reception.receive(socket, (client) => entrance.greeted(client));
  for (;;) {
    const knock = await entrance.next();
    if (!knock) return;
    yield knock;
  }
}

class Entrance {
  readonly #socket: Duplex;
  readonly #context: AcceptContext;
  readonly #admit: Admit;
  readonly #knocks: Knock[] = [];
  #wake: () => void = () => undefined;
  #client: Connection | undefined;
  #timer: NodeJS.Timeout;
  #attempts = 0;
  #offers = 0;
  #asked = false;
  #settled = false;
  #gone = false;
  #why = 'the peer did not speak SSH';

  constructor(socket: Duplex, context: AcceptContext, admit: Admit) {
    this.#socket = socket;
    this.#context = context;
    this.#admit = admit;
    this.#timer = this.#late(context.limits.handshakeTimeout, 'the handshake took too long');
    socket.once('close', () => this.#closed());
  }

  /** The next credential; undefined when the socket is gone. */
  async next(): Promise<Knock | undefined> {
    while (this.#knocks.length === 0 && !this.#gone) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#knocks.shift();
  }

  greeted(client: Connection): void {
    this.#client = client;
    this.#why = 'the key exchange failed';
    client.on('error', () => undefined);
    client.on('authentication', (attempt) => {
      try {
        this.#attempt(attempt);
      } catch {
        this.#turnAway('the login could not be read', DISCONNECT.protocolError);
      }
    });
  }

  #late(ms: number, why: string): NodeJS.Timeout {
    return setTimeout(() => {
      this.#why = why;
      this.#socket.destroy();
    }, ms);
  }

  #closed(): void {
    clearTimeout(this.#timer);
    this.#gone = true;
    // A connection that closes without a credential is a scan or a broken client, still worth its event.
    if (this.#attempts === 0) this.#context.rejected(this.#why);
    this.#wake();
  }

  #attempt(attempt: AuthContext): void {
    if (this.#settled) return;
    this.#why = 'no token and no certificate was presented';
    if (!this.#asked) {
      this.#asked = true;
      clearTimeout(this.#timer);
      this.#timer = this.#late(GRACE * this.#context.limits.handshakeTimeout, 'the login took too long');
    }
    if (attempt.username.length > MAX_USER) {
      this.#turnAway('the user name is too long', DISCONNECT.protocolError);
      return;
    }
    switch (attempt.method) {
      case 'password':
        this.#knock(attempt, attempt.password);
        return;
      case 'keyboard-interactive':
        this.#ask(attempt);
        return;
      case 'publickey':
        this.#certificate(attempt);
        return;
      default:
        this.#offered(attempt);
    }
  }

  #ask(attempt: KeyboardAuthContext): void {
    attempt.prompt([{ prompt: 'Scrim token: ', echo: false }], 'Scrim', '', (answers: unknown) => {
      // An Error here means that the client went on to another method.
      if (!Array.isArray(answers)) return;
      if (answers.length === 1 && typeof answers[0] === 'string') this.#knock(attempt, answers[0]);
      else this.#fail(attempt);
    });
  }

  #certificate(attempt: PublicKeyAuthContext): void {
    const { key, signature, blob } = attempt;
    // A plain key proves nothing here; clients offer it first and the certificate when it is turned down.
    if (!isCertificateAlgorithm(key.algo)) {
      this.#offered(attempt);
    } else if (!signature || !blob) {
      this.#offers += 1;
      if (this.#offers > MAX_OFFERS) this.#offered(attempt);
      else attempt.accept();
    } else if (provesPossession(key.data, blob, signature)) {
      this.#knock(attempt, '', key.data);
    } else this.#fail(attempt);
  }

  #offered(attempt: AuthContext): void {
    this.#offers += 1;
    if (this.#offers > MAX_OFFERS) this.#turnAway('too many keys were offered', DISCONNECT.noMethods);
    else attempt.reject(METHODS);
  }

  #fail(attempt: AuthContext): void {
    this.#attempts += 1;
    if (this.#attempts >= MAX_ATTEMPTS) this.#turnAway('too many wrong credentials', DISCONNECT.noMethods);
    else attempt.reject(METHODS);
  }

  #knock(attempt: AuthContext, token: string, certificate?: Buffer): void {
    const at = attempt.username.lastIndexOf('@');
    const attributes: Record<string, string> = { auth_method: certificate ? 'certificate' : attempt.method };
    const address = (this.#socket as { remoteAddress?: string }).remoteAddress;
    if (address !== undefined) attributes.client_address = address;
    let answered = false;
    const once = (): boolean => {
      const first = !answered;
      answered = true;
      return first && !this.#gone;
    };
    this.#knocks.push({
      credential: new Secret(token),
      ...(certificate ? { certificate: Buffer.from(certificate) } : {}),
      wants: attempt.username.slice(at + 1),
      claimedName: at < 0 ? '' : attempt.username.slice(0, at),
      attributes,
      admit: (grant) => this.#open(attempt, grant, once),
      reject: async (refusal) => {
        if (once()) await this.#reject(attempt, refusal);
      },
    });
    this.#wake();
  }

  async #open(attempt: AuthContext, grant: Grant, once: () => boolean): Promise<Exchange> {
    // From here the target's time limit counts.
    clearTimeout(this.#timer);
    this.#attempts += 1;
    const welcome = (): void => {
      if (!once()) return;
      this.#settled = true;
      attempt.accept();
    };
    return await this.#admit({ client: this.#client as Connection, socket: this.#socket, welcome }, grant);
  }

  /** Wrong credentials may be tried again; who is known and still turned away is told why. */
  async #reject(attempt: AuthContext, refusal: Refusal): Promise<void> {
    const { code } = refusal;
    if (code === 'SCRIM_AUTH_MISSING' || code === 'SCRIM_AUTH_INVALID') {
      this.#fail(attempt);
      return;
    }
    if (DISCONNECT_REASON[code] === DISCONNECT.noMethods) {
      banner(this.#client as Connection, `${sentence(refusal)}\r\n`);
      this.#fail(attempt);
      return;
    }
    await sayNo(this.#client as Connection, this.#socket, refusal);
  }

  #turnAway(text: string, reason: number): void {
    this.#settled = true;
    this.#why = text;
    if (this.#client) disconnect(this.#client, reason, `scrim: ${text}`);
    farewell(this.#socket);
  }
}

/** How long a peer may take to read the last words before its socket is destroyed. */
const FAREWELL = 2000;

/** DISCONNECT with the refusal's words, then the end; resolves when the socket is closed. */
export function sayNo(client: Connection, socket: Duplex, refusal: Refusal): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    socket.once('close', () => resolve());
    try {
      disconnect(client, DISCONNECT_REASON[refusal.code], sentence(refusal));
    } catch {
      // Without a key exchange there is no packet to say it in.
    }
    farewell(socket);
  });
}

/** Ends a socket, and destroys it when the peer does not take the end. */
export function farewell(socket: Duplex): void {
  if (socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), FAREWELL);
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
  socket.end(() => socket.destroy());
}
