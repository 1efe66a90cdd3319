import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PostgresStore, startPostgres } from '@scrim/embedded-stores';
import type { Connection } from '@scrim/model';
import { Secret } from '@scrim/model';
import { openPostgresProtocol } from '@scrim/protocol-postgres';
import { dial, type Gateway, type GatewayOptions, openGateway } from '@scrim/protocol-postgres/testing';

export const TOKEN = 'caller-token';
const PASSWORD = 'target-secret';

/** A real PostgreSQL with a table of customers, and gateways before it. */
export class Target {
  readonly store: PostgresStore;
  readonly #folder: string;
  readonly #gateways: Gateway[] = [];

  private constructor(store: PostgresStore, folder: string) {
    this.store = store;
    this.#folder = folder;
  }

  static async start(settings: Record<string, string> = {}): Promise<Target> {
    const folder = mkdtempSync(join(tmpdir(), 'scrim-pg-'));
    const store = await startPostgres({
      dataDir: join(folder, 'data'),
      database: 'shop',
      user: 'app',
      password: PASSWORD,
      settings: { fsync: 'off', ...settings },
    });
    const target = new Target(store, folder);
    const raw = await target.direct();
    await raw.query(`create table customers(id serial primary key, name text, ssn text, born date);
      insert into customers(name, ssn, born)
      select 'n' || i, '123-45-' || (1000 + i), date '2000-01-01' + i from generate_series(1, 20) i`);
    raw.end();
    return target;
  }

  connection(over: Record<string, unknown> = {}): Connection {
    const { host, port } = this.store;
    return {
      name: 'shop',
      protocol: 'postgres',
      target: { host, port, database: 'shop', tls: 'disable', ...over },
      credential: { username: 'app', password: { value: PASSWORD } },
      labels: {},
    } as Connection;
  }

  async gateway(options: Partial<GatewayOptions> = {}): Promise<Gateway> {
    const protocol = await openPostgresProtocol();
    const gateway = await openGateway(protocol, {
      connection: this.connection(),
      password: PASSWORD,
      token: TOKEN,
      ...options,
    });
    this.#gateways.push(gateway);
    return gateway;
  }

  /** A raw session without the gateway. */
  async direct(): Promise<RawSession> {
    const { host, port } = this.store;
    const login = { username: 'app', password: new Secret(PASSWORD), database: 'shop', settings: new Map() };
    const { socket } = await dial({ host, port, tls: 'disable' }, login, 5000);
    return new RawSession(socket as Socket);
  }

  async stop(): Promise<void> {
    for (const gateway of this.#gateways) await gateway.close();
    await this.store.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A session whose bytes the test writes and reads itself. */
export class RawSession {
  readonly socket: Socket;
  #held: Buffer = Buffer.alloc(0);
  #wake: () => void = () => undefined;
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#held = Buffer.concat([this.#held, chunk]);
      this.#wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
    socket.resume();
  }

  /** Logs in through a gateway; reads up to the first ReadyForQuery. */
  static async login(port: number, parameters: Record<string, string> = {}): Promise<RawSession> {
    const session = await RawSession.open(port);
    session.send(startup({ user: 'alice', database: 'shop', ...parameters }));
    await session.until('R');
    session.send(typed('p', cstr(TOKEN)));
    await session.until('Z');
    return session;
  }

  static async open(port: number): Promise<RawSession> {
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    socket.setNoDelay(true);
    return new RawSession(socket);
  }

  send(...bytes: Buffer[]): void {
    this.socket.write(Buffer.concat(bytes));
  }

  /** Everything up to and with the `count`th message of this type. Ends early when the peer closes. */
  async until(type: string, count = 1): Promise<Buffer> {
    for (;;) {
      let seen = 0;
      for (const message of split(this.#held)) {
        if (message.type === type) seen += 1;
        if (seen < count) continue;
        const taken = this.#held.subarray(0, message.end);
        this.#held = this.#held.subarray(message.end);
        return taken;
      }
      if (this.closed) {
        const rest = this.#held;
        this.#held = Buffer.alloc(0);
        return rest;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** What arrived and was not taken. */
  get pending(): Buffer {
    return this.#held;
  }

  async query(sql: string): Promise<Buffer> {
    this.send(typed('Q', cstr(sql)));
    return await this.until('Z');
  }

  async whenClosed(): Promise<Buffer> {
    while (!this.closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#held;
  }

  end(): void {
    this.socket.destroy();
  }
}

export interface WireMessage {
  readonly type: string;
  readonly body: Buffer;
  readonly end: number;
}

/** Whole messages at the front of `bytes`. */
export function split(bytes: Buffer): WireMessage[] {
  const messages: WireMessage[] = [];
  let at = 0;
  while (at + 5 <= bytes.length) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    if (end > bytes.length) break;
    messages.push({ type: String.fromCharCode(bytes[at] as number), body: bytes.subarray(at + 5, end), end });
    at = end;
  }
  return messages;
}

export function types(bytes: Buffer): string {
  return split(bytes)
    .map(({ type }) => type)
    .join('');
}

/** Fields of the first ErrorResponse in `bytes` by their letters. */
export function errorOf(bytes: Buffer): Record<string, string> {
  const message = split(bytes).find(({ type }) => type === 'E');
  const fields: Record<string, string> = {};
  for (const part of message?.body.toString('utf8').split('\0') ?? [])
    if (part) fields[part[0] as string] = part.slice(1);
  return fields;
}

/** Text values of all rows. */
export function rowsOf(bytes: Buffer): (string | null)[][] {
  return split(bytes)
    .filter(({ type }) => type === 'D')
    .map(({ body }) => {
      const values: (string | null)[] = [];
      let at = 2;
      for (let i = body.readUInt16BE(0); i > 0; i--) {
        const length = body.readInt32BE(at);
        at += 4;
        values.push(length < 0 ? null : body.toString('utf8', at, at + length));
        at += Math.max(0, length);
      }
      return values;
    });
}

export function stateOf(bytes: Buffer): string {
  return (
    split(bytes)
      .findLast(({ type }) => type === 'Z')
      ?.body.toString() ?? ''
  );
}

export function cstr(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

export function i16(...values: number[]): Buffer {
  const out = Buffer.alloc(values.length * 2);
  for (const [i, value] of values.entries()) out.writeInt16BE(value, i * 2);
  return out;
}

export function i32(...values: number[]): Buffer {
  const out = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) out.writeInt32BE(value | 0, i * 4);
  return out;
}

export function typed(type: string, ...body: Buffer[]): Buffer {
  const whole = Buffer.concat(body);
  return Buffer.concat([Buffer.from(type), i32(whole.length + 4), whole]);
}

export function startup(parameters: Record<string, string>, version = 196_608): Buffer {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [cstr(name), cstr(value)]);
  const body = Buffer.concat([i32(version), ...pairs, Buffer.from([0])]);
  return Buffer.concat([i32(body.length + 4), body]);
}

export const parse = (name: string, sql: string): Buffer => typed('P', cstr(name), cstr(sql), i16(0));
/** Bind with text parameters; `formats` are those of the results. */
export function bind(
  portal: string,
  name: string,
  values: (string | null)[] = [],
  formats: number[] = [],
): Buffer {
  const parameters = values.flatMap((value) =>
    value === null ? [i32(-1)] : [i32(Buffer.byteLength(value)), Buffer.from(value)],
  );
  return typed(
    'B',
    cstr(portal),
    cstr(name),
    i16(0),
    i16(values.length),
    ...parameters,
    i16(formats.length, ...formats),
  );
}
export const describePortal = (name: string): Buffer => typed('D', Buffer.from('P'), cstr(name));
export const describeStatement = (name: string): Buffer => typed('D', Buffer.from('S'), cstr(name));
export const execute = (portal: string, limit = 0): Buffer => typed('E', cstr(portal), i32(limit));
export const closeStatement = (name: string): Buffer => typed('C', Buffer.from('S'), cstr(name));
export const sync: Buffer = typed('S');
export const flush: Buffer = typed('H');
