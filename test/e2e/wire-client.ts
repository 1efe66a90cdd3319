import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { createConnection, type Socket } from 'node:net';

/** One message of the server: its type letter and its body without type and length. */
export interface Answer {
  readonly type: string;
  readonly body: Buffer;
}

export interface WireOptions {
  readonly host: string;
  readonly port: number;
  readonly user?: string;
  readonly database: string;
  readonly password: string;
  /** More start-up parameters. */
  readonly settings?: Readonly<Record<string, string>>;
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

/** A message of type `type`; the documentation's "Message Formats". */
export function message(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

export function query(sql: string | Buffer): Buffer {
  return message('Q', typeof sql === 'string' ? text(sql) : Buffer.concat([sql, Buffer.from([0])]));
}

export function parse(name: string, sql: string | Buffer, types: readonly number[] = []): Buffer {
  const body = typeof sql === 'string' ? text(sql) : Buffer.concat([sql, Buffer.from([0])]);
  return message('P', text(name), body, int16(types.length), ...types.map(int32));
}

export interface BindOptions {
  readonly portal?: string;
  readonly statement?: string;
  /** Text parameters; a Buffer goes in binary format, null as NULL. */
  readonly values?: readonly (string | Buffer | null)[];
  /** Result formats: none, one for all, or one each. */
  readonly results?: readonly (0 | 1)[];
}

export function bind({ portal = '', statement = '', values = [], results = [] }: BindOptions = {}): Buffer {
  const formats = values.map((value) => int16(Buffer.isBuffer(value) ? 1 : 0));
  const parameters = values.flatMap((value) => {
    if (value === null) return [int32(-1)];
    const bytes = Buffer.from(value as string);
    return [int32(bytes.length), bytes];
  });
  return message(
    'B',
    text(portal),
    text(statement),
    int16(formats.length),
    ...formats,
    int16(values.length),
    ...parameters,
    int16(results.length),
    ...results.map(int16),
  );
}

export function describe(kind: 'S' | 'P', name = ''): Buffer {
  return message('D', Buffer.from(kind), text(name));
}

export function execute(portal = '', rows = 0): Buffer {
  return message('E', text(portal), int32(rows));
}

export function close(kind: 'S' | 'P', name = ''): Buffer {
  return message('C', Buffer.from(kind), text(name));
}

export const SYNC = message('S');
export const FLUSH = message('H');

/** Cells of a DataRow. */
export function cells(row: Answer): (Buffer | null)[] {
  const found: (Buffer | null)[] = [];
  let at = 2;
  for (let left = row.body.readUInt16BE(0); left > 0; left--) {
    const length = row.body.readInt32BE(at);
    at += 4;
    found.push(length < 0 ? null : row.body.subarray(at, at + length));
    at += Math.max(0, length);
  }
  return found;
}

/** Texts of every row among the answers. */
export function rowsOf(answers: readonly Answer[]): (string | null)[][] {
  return answers
    .filter(({ type }) => type === 'D')
    .map((row) => cells(row).map((cell) => cell?.toString() ?? null));
}

/** A field of an ErrorResponse or NoticeResponse by its letter. */
export function field(answer: Answer | undefined, letter: string): string | undefined {
  const fields = answer?.body.toString().split('\0') ?? [];
  return fields.find((one) => one.startsWith(letter))?.slice(1);
}

/** SQLSTATE of the first error among the answers. */
export function sqlState(answers: readonly Answer[]): string | undefined {
  return field(
    answers.find(({ type }) => type === 'E'),
    'C',
  );
}

/** Transaction status of the last ReadyForQuery. */
export function status(answers: readonly Answer[]): string | undefined {
  return answers.findLast(({ type }) => type === 'Z')?.body.toString();
}

export function types(answers: readonly Answer[]): string {
  return answers.map(({ type }) => type).join('');
}

/**
 * A PostgreSQL client that sends what it is told to and nothing else, so that tests can do what well-behaved drivers
 * do not. It keeps every byte it ever received.
 */
export class WireClient {
  readonly #socket: Socket;
  readonly #received: Buffer[] = [];
  #pending: Buffer = Buffer.alloc(0);
  #answers: Answer[] = [];
  #wake: (() => void) | undefined;
  #closed = false;
  /** Process id and secret of BackendKeyData. */
  key: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  /** Logs in (cleartext or SCRAM-SHA-256). Rejects with the server's message. */
  static async connect(options: WireOptions): Promise<WireClient> {
    const socket = await new Promise<Socket>((resolve, reject) => {
      const made = createConnection({ host: options.host, port: options.port }, () => resolve(made));
      made.once('error', reject);
    });
    const client = new WireClient(socket);
    const settings = { user: options.user ?? 'alice', database: options.database, ...options.settings };
    const pairs = Object.entries(settings).flatMap(([name, value]) => [text(name), text(value)]);
    const body = Buffer.concat([int32(196608), ...pairs, Buffer.from([0])]);
    client.send(int32(body.length + 4), body);
    await client.#login(options.password);
    return client;
  }

  async #login(password: string): Promise<void> {
    let proof: ((challenge: string) => string) | undefined;
    for (;;) {
      const answer = await this.next();
      if (answer.type === 'E') throw new Error(field(answer, 'M') ?? 'refused');
      if (answer.type === 'K') this.key = Buffer.from(answer.body);
      if (answer.type === 'Z') return;
      if (answer.type !== 'R') continue;
      const kind = answer.body.readInt32BE(0);
      if (kind === 3) this.send(message('p', text(password)));
      if (kind === 10) {
        const { first, respond } = scram(password);
        proof = respond;
        const bytes = Buffer.from(first);
        this.send(message('p', text('SCRAM-SHA-256'), int32(bytes.length), bytes));
      }
      if (kind === 11) this.send(message('p', Buffer.from(proof?.(answer.body.toString('utf8', 4)) ?? '')));
    }
  }

  #take(chunk: Buffer): void {
    this.#received.push(chunk);
    let bytes = Buffer.concat([this.#pending, chunk]);
    while (bytes.length >= 5) {
      const end = 1 + bytes.readInt32BE(1);
      if (bytes.length < end) break;
      this.#answers.push({ type: String.fromCharCode(bytes[0] as number), body: bytes.subarray(5, end) });
      bytes = bytes.subarray(end);
    }
    this.#pending = bytes;
    this.#wake?.();
  }

  /** Everything the server ever sent, as it came. */
  received(): Buffer {
    return Buffer.concat(this.#received);
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(...parts: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(parts));
  }

  /** The next message; rejects when the connection ends or nothing comes for `ms`. */
  async next(ms = 10_000): Promise<Answer> {
    const deadline = Date.now() + ms;
    for (;;) {
      const answer = this.#answers.shift();
      if (answer) return answer;
      if (this.#closed) throw new Error('the connection was closed');
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`nothing came for ${ms} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Messages up to and including the `count`th of type `type`. A closed connection ends the list. */
  async until(type: string, count = 1, ms = 10_000): Promise<Answer[]> {
    const found: Answer[] = [];
    let left = count;
    while (left > 0) {
      let answer: Answer;
      try {
        answer = await this.next(ms);
      } catch (error) {
        if (this.#closed) return found;
        throw new Error(`waited for ${type} after ${types(found)}`, { cause: error });
      }
      found.push(answer);
      if (answer.type === type) left -= 1;
    }
    return found;
  }

  /** Sends messages that cause `count` ReadyForQuery and gives all answers. */
  async exchange(parts: readonly Buffer[], count = 1): Promise<Answer[]> {
    this.send(...parts);
    return await this.until('Z', count);
  }

  async query(sql: string | Buffer): Promise<Answer[]> {
    return await this.exchange([query(sql)]);
  }

  /** Parse, Bind, Describe, Execute, Sync of the unnamed statement. */
  async prepared(
    sql: string | Buffer,
    values: readonly (string | Buffer | null)[] = [],
    results: readonly (0 | 1)[] = [],
  ): Promise<Answer[]> {
    return await this.exchange([parse('', sql), bind({ values, results }), describe('P'), execute(), SYNC]);
  }

  end(): void {
    if (!this.#closed) this.#socket.end(message('X'));
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding. */
function scram(password: string): { first: string; respond: (challenge: string) => string } {
  const bare = `n=,r=${randomBytes(18).toString('base64')}`;
  return {
    first: `n,,${bare}`,
    respond: (challenge) => {
      const part = (name: string): string =>
        challenge
          .split(',')
          .find((it) => it.startsWith(`${name}=`))
          ?.slice(2) ?? '';
      const salted = pbkdf2Sync(password, Buffer.from(part('s'), 'base64'), Number(part('i')), 32, 'sha256');
      const clientKey = createHmac('sha256', salted).update('Client Key').digest();
      const stored = createHash('sha256').update(clientKey).digest();
      const unproven = `c=biws,r=${part('r')}`;
      const signature = createHmac('sha256', stored).update(`${bare},${challenge},${unproven}`).digest();
      const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] as number)));
      return `${unproven},p=${proof.toString('base64')}`;
    },
  };
}
