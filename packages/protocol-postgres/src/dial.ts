import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { RefusalError, refuse, type Secret, type TargetTls } from '@scrim/model';
import { ByteReader } from './byte-reader.ts';
import { endpointBinding, ScramClient } from './scram.ts';
import { SSL_REQUEST, startupPacket } from './startup.ts';
import { cstring, EMPTY, int32, message, TYPE, WireFault } from './wire.ts';

export interface TargetAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: TargetTls;
}

export interface Login {
  readonly username: string;
  readonly password: Secret | undefined;
  readonly database: string;
  readonly settings: ReadonlyMap<string, string>;
}

/** A target logged in to, its socket paused. */
export interface Dialled {
  readonly socket: Duplex;
  /** What the target sent after AuthenticationOk, up to and with its first ReadyForQuery, without BackendKeyData. */
  readonly greeting: Buffer;
  readonly pid: number;
  readonly secret: Buffer;
  /** Bytes behind the ReadyForQuery. */
  readonly early: Buffer;
}

/** Messages of the login are small; the largest are notices of a login trigger. */
const MAX_LOGIN_MESSAGE = 1 << 20;
const MAX_GREETING = 4 << 20;

/**
 * Connects and logs in. Throws a RefusalError that names what failed and nothing of the target: its address, its
 * answer's text and the credential stay in `cause`.
 */
export async function dial(address: TargetAddress, login: Login, timeout: number): Promise<Dialled> {
  return await withSocket(address, timeout, async (socket) => await new LoginTalk(socket, login).run());
}

/** Opens a bare connection, sends `bytes` and waits until the target closes: the way of a CancelRequest. */
export async function dialOnce(address: TargetAddress, bytes: Buffer, timeout: number): Promise<void> {
  await withSocket(address, timeout, async (socket) => {
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.resume();
    socket.end(bytes);
    await closed;
  });
}

async function withSocket<T>(
  address: TargetAddress,
  timeout: number,
  use: (socket: Duplex) => Promise<T>,
): Promise<T> {
  let open: Duplex | undefined;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    open?.destroy();
  }, timeout);
  try {
    const plain = connect({ host: address.host, port: address.port });
    open = plain;
    await connected(plain);
    if (address.tls !== 'disable') {
      const secured = await startTls(plain, address);
      open = secured;
    }
    return await use(open);
  } catch (error) {
    open?.destroy();
    if (late)
      throw refuse('SCRIM_TARGET_UNREACHABLE', {
        message: 'the target did not answer in time',
        cause: error,
      });
    if (error instanceof RefusalError) throw error;
    throw refuse('SCRIM_TARGET_UNREACHABLE', { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function connected(socket: Socket): Promise<void> {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 60_000);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(new WireFault('the target closed')));
  });
  socket.on('error', () => socket.destroy());
}

async function startTls(plain: Socket, address: TargetAddress): Promise<TLSSocket> {
  const reader = new ByteReader(plain, 1024);
  plain.write(SSL_REQUEST);
  const answer = (await reader.take(1))[0];
  const stuffed = reader.release();
  if (answer !== 0x53) throw refuse('SCRIM_TARGET_TLS', { message: 'the target does not offer TLS' });
  // Bytes in clear behind the S are from somebody in between (CVE-2021-23222).
  if (stuffed.length > 0)
    throw refuse('SCRIM_TARGET_TLS', { message: 'the target sent data in clear before TLS' });
  const verify = address.tls !== 'require';
  const ca = typeof address.tls === 'object' ? await pem(address.tls['verify-full'].ca) : undefined;
  const secured = connectTls({
    socket: plain,
    rejectUnauthorized: verify,
    minVersion: 'TLSv1.2',
    ...(isIP(address.host) ? { host: address.host } : { servername: address.host }),
    ...(ca === undefined ? {} : { ca }),
  });
  try {
    await new Promise<void>((resolve, reject) => {
      secured.once('secureConnect', resolve);
      secured.once('error', reject);
      secured.once('close', () => reject(new WireFault('the target closed')));
    });
  } catch (error) {
    throw refuse('SCRIM_TARGET_TLS', {
      hint: "the connection's owner must check the target's certificate",
      cause: error,
    });
  }
  secured.on('error', () => secured.destroy());
  return secured;
}

/** A certificate given as its PEM text or as a file. */
async function pem(source: string): Promise<string> {
  if (source.includes('-----BEGIN')) return source;
  try {
    return await readFile(source, 'utf8');
  } catch (error) {
    throw refuse('SCRIM_TARGET_TLS', { message: "the target's CA file cannot be read", cause: error });
  }
}

class LoginTalk {
  readonly #socket: Duplex;
  readonly #login: Login;
  readonly #reader: ByteReader;
  #scram: ScramClient | null = null;
  #proven = true;

  constructor(socket: Duplex, login: Login) {
    this.#socket = socket;
    this.#login = login;
    this.#reader = new ByteReader(socket, MAX_LOGIN_MESSAGE);
  }

  async run(): Promise<Dialled> {
    const { username, database, settings } = this.#login;
    this.#socket.write(startupPacket(new Map([['user', username], ['database', database], ...settings])));
    while (!(await this.#authenticated())) {
      // one authentication message after the other
    }
    return await this.#greeting();
  }

  async #authenticated(): Promise<boolean> {
    const { type, body } = await this.#reader.message(MAX_LOGIN_MESSAGE);
    if (type === TYPE.error) throw loginRefused(body);
    if (type === TYPE.notice || type === TYPE.negotiate) return false;
    if (type !== TYPE.authentication || body.length < 4) throw new WireFault('the target broke the login');
    const kind = body.readInt32BE(0);
    if (kind === 0) {
      // A false server could skip its proof and say OK: that is the attack SCRAM is there against.
      if (!this.#proven)
        throw refuse('SCRIM_TARGET_CREDENTIAL', { message: 'the target did not prove its identity' });
      return true;
    }
    await this.#answer(kind, body.subarray(4));
    return false;
  }

  async #answer(kind: number, data: Buffer): Promise<void> {
    if (kind === 3) return this.#send(cstring(this.#password()));
    if (kind === 5) {
      const inner = md5(this.#password() + this.#login.username);
      return this.#send(cstring(`md5${md5(Buffer.concat([Buffer.from(inner), data.subarray(0, 4)]))}`));
    }
    if (kind === 10) return this.#startScram(data);
    if (kind === 11 && this.#scram) return this.#send(Buffer.from(await this.#scramFinal(data)));
    if (kind === 12 && this.#scram) {
      this.#proven = this.#scram.verify(data.toString('utf8'));
      return;
    }
    throw refuse('SCRIM_TARGET_CREDENTIAL', {
      message: 'the target asks for a way to log in that is not supported',
    });
  }

  async #scramFinal(data: Buffer): Promise<string> {
    try {
      return await (this.#scram as ScramClient).final(data.toString('utf8'));
    } catch (error) {
      throw refuse('SCRIM_TARGET_CREDENTIAL', { message: 'the target broke the login', cause: error });
    }
  }

  #startScram(data: Buffer): void {
    const offered = data.toString('utf8').split('\0');
    const certificate = (this.#socket as Partial<TLSSocket>).getPeerX509Certificate?.()?.raw;
    const binding =
      certificate && offered.includes('SCRAM-SHA-256-PLUS') ? endpointBinding(certificate) : null;
    if (!binding && !offered.includes('SCRAM-SHA-256')) {
      throw refuse('SCRIM_TARGET_CREDENTIAL', { message: 'the target offers no known SASL mechanism' });
    }
    const unused = certificate && !offered.includes('SCRAM-SHA-256-PLUS') ? 'unused' : null;
    this.#scram = new ScramClient(this.#password(), binding ?? unused);
    this.#proven = false;
    const first = Buffer.from(this.#scram.first());
    this.#send(cstring(binding ? 'SCRAM-SHA-256-PLUS' : 'SCRAM-SHA-256'), int32(first.length), first);
  }

  #send(...body: Buffer[]): void {
    this.#socket.write(message(TYPE.password, ...body));
  }

  #password(): string {
    const { password } = this.#login;
    if (!password) throw refuse('SCRIM_TARGET_CREDENTIAL', { message: 'the connection has no password' });
    return password.reveal();
  }

  async #greeting(): Promise<Dialled> {
    const parts: Buffer[] = [];
    let total = 0;
    let pid = 0;
    let secret = EMPTY;
    for (;;) {
      const { type, body } = await this.#reader.message(MAX_LOGIN_MESSAGE);
      if (type === TYPE.error) throw loginRefused(body);
      if (type === TYPE.backendKey) {
        pid = body.readInt32BE(0);
        secret = Buffer.from(body.subarray(4));
        continue;
      }
      total += body.length;
      if (total > MAX_GREETING) throw new WireFault('the target greets without end');
      parts.push(message(type, body));
      if (type === TYPE.ready) break;
    }
    const early = this.#reader.release();
    return { socket: this.#socket, greeting: Buffer.concat(parts), pid, secret, early };
  }
}

function md5(data: string | Buffer): string {
  return createHash('md5').update(data).digest('hex');
}

/** Words for a login the target refused, by SQLSTATE alone: its message may name users, hosts and databases. */
function loginRefused(body: Buffer): RefusalError {
  const state = sqlState(body);
  const cause = new Error(`target login failed with SQLSTATE ${state}`);
  if (state.startsWith('28')) return refuse('SCRIM_TARGET_CREDENTIAL', { cause });
  if (state === '3D000') {
    return refuse('SCRIM_TARGET_UNREACHABLE', { message: 'the target has no such database', cause });
  }
  if (state.startsWith('53')) {
    return refuse('SCRIM_TARGET_UNREACHABLE', {
      message: 'the target takes no more connections',
      hint: 'try again later',
      cause,
    });
  }
  if (state.startsWith('57')) {
    return refuse('SCRIM_TARGET_UNREACHABLE', {
      message: 'the target is starting or stopping',
      hint: 'try again later',
      cause,
    });
  }
  if (state.startsWith('22') || state.startsWith('42')) {
    return refuse('SCRIM_UNSUPPORTED', {
      message: `the target refused a start-up parameter (SQLSTATE ${state})`,
      hint: "check the client's options and settings",
      cause,
    });
  }
  return refuse('SCRIM_TARGET_UNREACHABLE', {
    message: `the target refused the session (SQLSTATE ${state})`,
    cause,
  });
}

/** SQLSTATE of an ErrorResponse body. */
export function sqlState(body: Buffer): string {
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    const end = body.indexOf(0, at + 1);
    if (end < 0) break;
    if (body[at] === 0x43) return body.toString('latin1', at + 1, end);
    at = end + 1;
  }
  return 'XX000';
}
