/** Parts for tests of the real wire: a relay, a small catalog, a gateway on a free port. Not for production. */

import { createServer, type Server, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Connection, Refusal } from '@scrim/model';
import { RefusalError, Secret } from '@scrim/model';
import type { CellVisitor, Ending, Exchange, Knock, Limits, Protocol, Relay, Run } from '@scrim/protocol-kit';
import { mint } from '@scrim/protocol-kit/mint';
import { CancelKeys } from './cancel.ts';
import type { Catalog } from './contracts.ts';
import { Domain } from './domain.ts';
import { PostgresExchange } from './exchange.ts';
import { analyse, withPrepared } from './statement/index.ts';
import { message, TYPE } from './wire.ts';

export const LIMITS: Limits = {
  handshakeTimeout: 30_000,
  maxMessage: 64 << 20,
  maxHeldInput: 1 << 20,
  targetTimeout: 30_000,
};

/** What a {@link TestRelay} does. */
export interface Behaviour {
  /** Columns whose every value is replaced; null = SQL NULL. */
  readonly mask?: Readonly<Record<string, string | null>>;
  /** Shows every cell of these columns to the visitor. */
  readonly visit?: CellVisitor;
  /** Says no to statements that match. */
  readonly refuse?: {
    readonly when: RegExp;
    readonly at?: 'preparation' | 'operation';
    readonly refusal: Refusal;
  };
  /** Keeps rows back until the promise settles. */
  readonly holdRows?: () => Promise<void>;
  /** Says no to COPY data that match. */
  readonly refuseInput?: { readonly when: RegExp; readonly refusal: Refusal };
  /** Keeps operations that match back until the promise settles; true = goes on, else refused. */
  readonly hold?: { readonly when: RegExp; readonly until: () => Promise<boolean | Refusal> };
  /** Replaces texts of fields. */
  readonly fields?: (name: string, value: string) => string;
  readonly onRun?: (side: 'caller' | 'target', run: Run) => void;
}

export const BLOCKED: Refusal = {
  code: 'SCRIM_GUARD_BLOCKED',
  message: 'blocked by the test',
  hint: 'do something else',
  rule: 'test/guard[0]',
  ticket: 'T-1',
};

/** A relay that passes everything but what its behaviour names. */
export class TestRelay implements Relay {
  readonly #exchange: Exchange;
  readonly #behaviour: Behaviour;
  readonly endings: Ending[] = [];
  #cancelHeld: (() => void) | null = null;

  constructor(exchange: Exchange, behaviour: Behaviour) {
    this.#exchange = exchange;
    this.#behaviour = behaviour;
  }

  fromCaller(runs: readonly Run[]): void | Promise<void> {
    for (const run of runs) {
      this.#behaviour.onRun?.('caller', run);
      const { meaning } = run;
      if (meaning.kind === 'unknown') {
        this.#exchange.refuse(run, { code: 'SCRIM_UNPARSED', message: 'not understood' });
        continue;
      }
      const { refuseInput } = this.#behaviour;
      if (meaning.kind === 'input' && refuseInput?.when.test(run.bytes.toString('latin1'))) {
        this.#exchange.refuse(run, refuseInput.refusal);
        continue;
      }
      if (meaning.kind === 'operation' || meaning.kind === 'preparation') {
        const { refuse, hold } = this.#behaviour;
        const { text } = meaning.statement;
        if (refuse?.when.test(text) && (refuse.at === undefined || refuse.at === meaning.kind)) {
          this.#exchange.refuse(run, refuse.refusal);
          continue;
        }
        if (meaning.kind === 'operation' && hold?.when.test(text)) return this.#hold(run, hold.until());
      }
      this.#exchange.forward(run);
    }
  }

  async #hold(run: Run, until: Promise<boolean | Refusal>): Promise<void> {
    this.#exchange.notify(0, 'waiting for approval');
    const cancelled = new Promise<Refusal>((resolve) => {
      this.#cancelHeld = () => resolve({ code: 'SCRIM_CANCELLED', message: 'cancelled while held' });
    });
    const answer = await Promise.race([until, cancelled]);
    this.#cancelHeld = null;
    if (answer === true) this.#exchange.forward(run);
    else this.#exchange.refuse(run, answer === false ? BLOCKED : answer);
  }

  fromTarget(runs: readonly Run[]): void | Promise<void> {
    const { holdRows } = this.#behaviour;
    const rows = runs.findIndex(({ meaning }) => meaning.kind === 'rows');
    if (!holdRows || rows < 0) return this.#pass(runs);
    this.#pass(runs.slice(0, rows));
    return holdRows().then(() => this.#pass(runs.slice(rows)));
  }

  #pass(runs: readonly Run[]): void {
    for (const run of runs) {
      this.#behaviour.onRun?.('target', run);
      const { meaning } = run;
      if (meaning.kind === 'rows') this.#exchange.forward(run, this.#masked(meaning));
      else if (meaning.kind === 'fields' && this.#behaviour.fields) {
        const rewrite = this.#behaviour.fields;
        const { entries } = meaning.fields;
        this.#exchange.forward(
          run,
          meaning.fields.rewrite(entries.map(({ name, value }) => rewrite(name, value))),
        );
      } else this.#exchange.forward(run);
    }
  }

  #masked(meaning: Extract<Run['meaning'], { kind: 'rows' }>): Buffer {
    const { mask, visit } = this.#behaviour;
    const { rows } = meaning;
    if (!mask && !visit) return rows.bytes;
    const { columns } = rows.shape;
    const replacements = columns.map((column) => {
      for (const place of column.origins) {
        const found = mask?.[`${place.table}.${place.column}`];
        if (found !== undefined) return found;
      }
      return undefined;
    });
    const selected = Uint8Array.from(replacements, (replacement) =>
      visit || replacement !== undefined ? 1 : 0,
    );
    return rows.rewrite(selected, (cell) => {
      const shown = visit?.(cell);
      return shown === undefined ? replacements[cell.column] : shown;
    });
  }

  cancel(): boolean {
    const cancel = this.#cancelHeld;
    cancel?.();
    return cancel !== null;
  }

  ended(ending: Ending): void {
    this.endings.push(ending);
  }
}

/** A running gateway. */
export interface Gateway {
  readonly port: number;
  readonly rejected: string[];
  readonly knocks: Knock[];
  readonly relays: TestRelay[];
  readonly failures: unknown[];
  close(): Promise<void>;
}

export interface GatewayOptions {
  readonly connection: Connection;
  readonly password?: string;
  readonly token?: string;
  readonly behaviour?: Behaviour;
  readonly limits?: Partial<Limits>;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly requireTls?: boolean;
}

/** Listens on a free port and serves one connection through a {@link TestRelay}. */
export async function openGateway(protocol: Protocol, options: GatewayOptions): Promise<Gateway> {
  const limits = { ...LIMITS, ...options.limits };
  const rejected: string[] = [];
  const knocks: Knock[] = [];
  const relays: TestRelay[] = [];
  const failures: unknown[] = [];
  const context = {
    limits,
    requireTls: options.requireTls ?? false,
    rejected: (why: string) => void rejected.push(why),
    ...(options.tls ? { tls: options.tls } : {}),
  };
  const greet = async (knock: Knock): Promise<void> => {
    knocks.push(knock);
    if (options.token !== undefined && knock.credential.reveal() !== options.token) {
      await knock.reject({
        code: 'SCRIM_AUTH_INVALID',
        message: 'the token is not valid',
        hint: 'get a new one',
      });
      return;
    }
    const exchange = await knock.admit(
      mint({
        connection: options.connection,
        caller: {
          subject: 'alice@example.com',
          groups: [],
          kind: 'person',
          issuer: 'test',
          tokenId: 't',
          expiresAt: Number.MAX_SAFE_INTEGER,
          attributes: {},
        },
        ...(knock.part === undefined ? {} : { part: knock.part }),
        secrets: options.password === undefined ? {} : { password: new Secret(options.password) },
        limits,
        sessionId: 'test',
      }),
    );
    const relay = new TestRelay(exchange, options.behaviour ?? {});
    relays.push(relay);
    exchange.start(relay);
  };
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    void (async () => {
      for await (const knock of protocol.accept(socket, context)) {
        greet(knock).catch((error: unknown) =>
          failures.push(error instanceof RefusalError ? error.refusal : error),
        );
      }
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { port, rejected, knocks, relays, failures, close };
}

export type { Catalog } from './contracts.ts';
export { dial } from './dial.ts';
export { loadParser } from './statement/index.ts';

/** Two ends of one stream in memory: what is written to one is read from the other, chunk by chunk as written. */
export function duplexPair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const end = (other: number): Duplex =>
    new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        ends[other]?.push(chunk);
        done();
      },
      final(done) {
        ends[other]?.push(null);
        done();
      },
    });
  ends.push(end(1), end(0));
  return ends as [Duplex, Duplex];
}

/**
 * An exchange between two streams of the test's own, with a target that needs no login. Await `loadParser` before.
 */
export function exchangeBetween(
  caller: Duplex,
  target: Duplex,
  catalog: Catalog,
  behaviour: Behaviour,
  limits: Partial<Limits> = {},
): TestRelay {
  const exchange = new PostgresExchange({
    caller,
    callerEarly: Buffer.alloc(0),
    target,
    greeting: message(TYPE.ready, Buffer.from('I')),
    targetEarly: Buffer.alloc(0),
    minor: 0,
    limits: { ...LIMITS, ...limits },
    domain: new Domain(catalog, { analyse, withPrepared }),
    keys: new CancelKeys(),
    options: { functionCalls: 'refuse' },
    cancelTarget: async () => undefined,
  });
  const relay = new TestRelay(exchange, behaviour);
  exchange.start(relay);
  return relay;
}
