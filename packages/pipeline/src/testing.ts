import { Duplex } from 'node:stream';
import {
  type Caller,
  type Connection,
  connectionSchema,
  policySchema,
  type Refusal,
  Secret,
  type Snapshot,
  type Statement,
} from '@scrim/model';
import type {
  Cell,
  CellVisitor,
  Column,
  Exchange,
  FieldEntry,
  Fields,
  Grant,
  Knock,
  Meaning,
  Piece,
  Protocol,
  Relation,
  Relay,
  Rows,
  Run,
  Scratch,
  Shape,
} from '@scrim/protocol-kit';
import type { Approvals, Decision, HeldOperation } from './approve/approve.ts';
import { Pipeline, type PipelineServices } from './pipeline.ts';
import type { Recording, SessionRecorder } from './record/recorder.ts';
import type { Vault } from './vault/vault.ts';

/** A toy wire: cells are parted by tabs, rows end with a line feed, `\N` is NULL. */
export class ToyRows implements Rows {
  readonly shape: Shape;
  readonly count: number;
  readonly bytes: Buffer;

  constructor(shape: Shape, bytes: Buffer) {
    this.shape = shape;
    this.bytes = bytes;
    this.count = bytes.toString().split('\n').length - 1;
  }

  gather(selected: Uint8Array, into: Scratch): number {
    const rows = this.bytes.toString().split('\n').slice(0, -1);
    const chosen = rows.flatMap((row) => row.split('\t').filter((_, column) => selected[column] === 1));
    into.bytes = Buffer.from(chosen.map((value) => `${value}\n`).join(''));
    return into.bytes.length;
  }

  rewrite(selected: Uint8Array, visit: CellVisitor): Buffer {
    let changed = false;
    const lines = this.bytes.toString().split('\n').slice(0, -1);
    const out = lines.map((line) =>
      line
        .split('\t')
        .map((value, column) => {
          if (selected[column] !== 1 || value === '\\N') return value;
          const replacement = visit(toyCell(column, value));
          if (replacement === undefined) return value;
          if (replacement?.includes('§')) throw new Error('the toy wire cannot write this');
          changed = true;
          return replacement ?? '\\N';
        })
        .join('\t'),
    );
    return changed ? Buffer.from(`${out.join('\n')}\n`) : this.bytes;
  }
}

function toyCell(column: number, value: string): Cell {
  if (value === 'BROKEN') {
    const fail = (): string => {
      throw new Error('no value of the type');
    };
    return { column, bytes: Buffer.from(value), start: 0, end: value.length, text: fail };
  }
  const bytes = value.startsWith('\\x') ? Buffer.from(value.slice(2), 'hex') : Buffer.from(value);
  return { column, bytes, start: 0, end: bytes.length, text: () => value };
}

const ENTRY = '\u0001';

/** A message of named texts. */
export function toyFields(
  entries: readonly FieldEntry[],
  reach: Fields['reach'],
): { bytes: Buffer; fields: Fields } {
  const encode = (values: readonly string[]) => Buffer.from(values.join(ENTRY));
  const bytes = encode(entries.map((it) => it.value));
  return { bytes, fields: { entries, reach, rewrite: encode } };
}

/** `customers.ssn`, told as an exact column of public.customers. */
export function column(place: string, more: Partial<Column> = {}): Column {
  const [table = '', name = ''] = place.split('.');
  const origins = [{ schema: 'public', table, column: name }];
  return { name, origins, exact: true, type: 'text', textual: true, ...more };
}

/** A computed column. */
export function computed(name: string, more: Partial<Column> = {}): Column {
  return { name, origins: [], exact: false, type: 'text', textual: true, ...more };
}

export function shape(columns: readonly Column[], reach: Shape['reach'] = []): Shape {
  return { columns, reach, description: Buffer.from(columns.map((it) => it.name).join(',')) };
}

export const CUSTOMERS: Relation = { schema: 'public', table: 'customers', columns: ['id', 'name', 'ssn'] };

/** An SQL statement as a protocol would describe it. */
export function statement(text: string, facts: Partial<Statement['facts']> = {}): Statement {
  const verb = text.split(' ')[0] as string;
  const reads = verb === 'SELECT';
  return {
    verb,
    text,
    facts: {
      kind: 'sql',
      statements: [verb.toLowerCase()],
      effects: [reads ? 'read' : 'write'],
      unbounded: [],
      tables: [],
      complete: true,
      opaque: [],
      ...facts,
    } as Statement['facts'],
  };
}

export function run(meaning: Meaning, bytes: string | Buffer = meaning.kind, lane = 0): Run {
  return { lane, meaning, bytes: Buffer.from(bytes as string) };
}

export function operation(of: Statement, parameters?: readonly (string | null)[], lane = 0): Run {
  const meaning: Meaning = {
    kind: 'operation',
    statement: of,
    parameters: parameters ? () => parameters : null,
  };
  return run(meaning, of.text, lane);
}

export function input(bytes: string | Buffer, lane = 0): Run {
  return run({ kind: 'input', bytes: bytes.length }, bytes, lane);
}

export function rows(of: Shape, text: string, lane = 0): Run {
  const bytes = Buffer.from(text);
  return { lane, bytes, meaning: { kind: 'rows', rows: new ToyRows(of, bytes) } };
}

export function fields(entries: readonly FieldEntry[], reach: Fields['reach'] = [], lane = 0): Run {
  const toy = toyFields(entries, reach);
  return { lane, bytes: toy.bytes, meaning: { kind: 'fields', fields: toy.fields } };
}

/** Pieces of text channels in one message, parted by a line feed. */
export function texts(pieces: readonly (Partial<Piece> & { readonly text: string })[], lane = 0): Run {
  const bytes = Buffer.from(pieces.map((it) => it.text).join('\n'));
  const meaning: Meaning = {
    kind: 'texts',
    texts: {
      pieces: pieces.map(({ text, ...more }) => ({
        channel: 0,
        form: 'text',
        name: 'body',
        last: false,
        bytes: Buffer.from(text),
        ...more,
      })),
      rewrite: (shown) => Buffer.from(shown.map((it) => Buffer.from(it).toString()).join('\n')),
    },
  };
  return { lane, bytes, meaning };
}

export function outcome(lane = 0): Run {
  return run({ kind: 'outcome', ok: true, count: 1, tag: 'OK' }, 'OK', lane);
}

/** What happened at both ends and in the record, in order. */
export interface Happening {
  readonly what: string;
  readonly run?: Run;
  readonly bytes?: Buffer;
  readonly refusal?: Refusal | undefined;
  readonly data?: unknown;
}

export class ToyExchange implements Exchange {
  readonly log: Happening[];
  relay: Relay | undefined;
  /** Runs that wait at the wire when delivery begins. */
  waiting: Run[] = [];
  /** Closing tells the relay at once, as real sockets may. */
  echoes = true;
  breaks: string | undefined;

  constructor(log: Happening[]) {
    this.log = log;
  }

  start(relay: Relay): void {
    this.#note({ what: 'start' });
    this.relay = relay;
    if (this.waiting.length > 0) void relay.fromCaller(this.waiting);
  }

  forward(of: Run, bytes?: Uint8Array): void {
    this.#note({ what: 'forward', run: of, bytes: (bytes ?? of.bytes) as Buffer });
  }

  refuse(of: Run, refusal: Refusal): void {
    this.#note({ what: 'refuse', run: of, refusal });
  }

  notify(_lane: number, text: string): void {
    this.#note({ what: 'notify', data: text });
  }

  close(refusal?: Refusal): void {
    this.#note({ what: 'close', refusal });
    if (this.echoes) this.relay?.ended('refused');
  }

  #note(happening: Happening): void {
    this.log.push(happening);
    if (this.breaks === happening.what) throw new Error(`the wire cannot ${happening.what}`);
  }
}

/** Keeps entries in the same log as the wire, so that order can be asserted. */
export class MemoryRecorder implements SessionRecorder {
  readonly log: Happening[];
  breaks: string | undefined;

  constructor(log: Happening[]) {
    this.log = log;
  }

  opened = (info: unknown): void => this.#note('opened', info);
  operation = (entry: unknown): void => this.#note('operation', entry);
  shape = (): void => this.#note('shape', undefined);
  response = (bytes: Uint8Array, count: number): void => {
    this.#note('response', { text: Buffer.from(bytes).toString(), count });
  };
  request = (bytes: Uint8Array): void => this.#note('request', Buffer.from(bytes).toString());
  outcome = (_ok: boolean, tag: string): void => this.#note('outcome', tag);
  masked = (rule: string, place: string, count: number): void => this.#note('masked', { rule, place, count });
  event = (kind: string, data: unknown): void => this.#note(kind, data);
  coverage = (totals: unknown): void => this.#note('coverage', totals);
  flush = (): void => this.#note('flush', undefined);
  closed = (ending: string, refusal?: Refusal): void => this.#note('closed', { ending, code: refusal?.code });

  #note(what: string, data: unknown): void {
    if (this.breaks === what) throw new Error(`cannot record ${what}`);
    this.log.push({ what: `record:${what}`, data });
  }
}

/** A question put to people, answered by the test. */
export interface Asked {
  readonly held: HeldOperation;
  readonly signal: AbortSignal;
  answer(decision: Decision): void;
  fail(error: unknown): void;
}

export function approved(redeem: (digest: Uint8Array) => Promise<boolean> = async () => true): Decision {
  return { state: 'approved', approvalId: 'ap-1', decidedBy: 'bob', redeem };
}

export class ToyKnock implements Knock {
  readonly credential = new Secret('token');
  readonly claimedName = 'app';
  readonly attributes = {};
  readonly wants: string;
  readonly exchange: ToyExchange;
  readonly part?: string;
  rejected: Refusal | undefined;
  rejections = 0;
  rejectBreaks = false;
  grant: Grant | undefined;
  dial: () => Promise<void> = async () => {};
  readonly settled: Promise<void>;
  #settle: (() => void) | undefined;

  constructor(exchange: ToyExchange, wants = 'shop', part?: string) {
    this.exchange = exchange;
    this.wants = wants;
    if (part !== undefined) this.part = part;
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  async admit(grant: Grant): Promise<Exchange> {
    this.grant = grant;
    await this.dial();
    // The session is built in the same turn; whoever waits comes after it.
    setImmediate(() => this.#settle?.());
    return this.exchange;
  }

  async reject(refusal: Refusal): Promise<void> {
    this.rejected = refusal;
    this.rejections++;
    setImmediate(() => this.#settle?.());
    if (this.rejectBreaks) throw new Error('the caller is gone');
  }
}

export function toyProtocol(knocks: readonly Knock[]): Protocol {
  return {
    name: 'postgres',
    capabilities: {
      masks: ['column', 'field', 'detect', 'pattern'],
      guards: ['sql', 'request', 'response'],
      response: ['largerThan', 'blobLargerThan', 'detect'],
      hold: true,
      predicates: true,
    },
    async *accept() {
      yield* knocks;
    },
  };
}

export const ALICE: Caller = {
  subject: 'alice@example.com',
  groups: ['agents'],
  kind: 'machine',
  issuer: 'scrim',
  tokenId: 'token-1',
  expiresAt: Number.MAX_SAFE_INTEGER,
  connections: ['shop'],
  attributes: {},
};

export const SHOP: Connection = connectionSchema.parse({
  name: 'shop',
  protocol: 'postgres',
  target: { host: '127.0.0.1', port: 1, database: 'shop', databases: ['archive'], tls: 'disable' },
  credential: { username: 'app', password: { value: 'x' } },
  labels: { env: 'prod' },
});

/** A policy as a file would write it. */
export type Rules = Record<string, unknown>;

export function snapshotOf(policies: readonly Rules[], more: Partial<Snapshot> = {}): Snapshot {
  return {
    version: '1',
    edgeId: 'edge',
    issuedAt: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
    connections: [SHOP],
    policies: policies.map((rules, index) => {
      const { version = 1, ...rest } = rules as { version?: number };
      return { ...policySchema.parse({ name: `p${index}`, ...rest }), version };
    }),
    tokens: { scrim: [], issuers: [], revoked: [] },
    maskingKey: Buffer.alloc(32, 7).toString('base64'),
    queue: { url: 'redis://127.0.0.1', prefix: 'x' },
    ...more,
  };
}

/** A pipeline with everything around it in memory. */
export class Bed {
  readonly log: Happening[] = [];
  readonly exchange = new ToyExchange(this.log);
  readonly recorder = new MemoryRecorder(this.log);
  readonly asked: Asked[] = [];
  readonly failures: unknown[] = [];
  readonly rejections: Readonly<Record<string, unknown>>[] = [];
  caller: Caller = ALICE;
  snapshot: Snapshot | undefined;
  now = 1_000;
  ready = true;
  ids = 0;
  onRecordFailure: ((error: never) => void) | undefined;
  identify: () => Promise<Caller> = async () => this.caller;
  secrets: PipelineServices['secrets'] = async () => ({});
  readonly pipeline: Pipeline;

  constructor(policies: readonly Rules[], recording?: Recording, vault?: Vault) {
    this.snapshot = snapshotOf(policies);
    this.pipeline = new Pipeline({
      identify: () => this.identify(),
      snapshot: () => this.snapshot,
      secrets: (connection) => this.secrets(connection),
      approvals: this.#approvals(),
      recording: recording ?? this.#recording(),
      ...(vault && { vault }),
      now: () => this.now,
      newId: () => `id-${++this.ids}`,
      failed: (_session, error) => this.failures.push(error),
      accept: {
        limits: { handshakeTimeout: 1, maxMessage: 1, maxHeldInput: 1, targetTimeout: 1 },
        requireTls: false,
        rejected: () => {},
      },
    });
  }

  /** Opens a session and returns its relay's two doors. */
  static async open(policies: readonly Rules[], recording?: Recording, vault?: Vault): Promise<Bed> {
    const bed = new Bed(policies, recording, vault);
    await bed.knock();
    bed.log.length = 0;
    return bed;
  }

  async knock(knock = new ToyKnock(this.exchange)): Promise<ToyKnock> {
    await this.pipeline.serve(toyProtocol([knock]), socket());
    await knock.settled;
    await tick();
    return knock;
  }

  say(...runs: Run[]): void | Promise<void> {
    return this.exchange.relay?.fromCaller(runs);
  }

  target(...runs: Run[]): void | Promise<void> {
    return this.exchange.relay?.fromTarget(runs);
  }

  apply(policies: readonly Rules[], more: Partial<Snapshot> = {}): void {
    this.snapshot = snapshotOf(policies, more);
    this.pipeline.applySnapshot(this.snapshot);
  }

  whats(): string[] {
    return this.log.map((it) => it.what);
  }

  forwarded(): string[] {
    return this.log.filter((it) => it.what === 'forward').map((it) => (it.bytes as Buffer).toString());
  }

  refusals(): (string | undefined)[] {
    return this.log.filter((it) => it.what === 'refuse').map((it) => it.refusal?.code);
  }

  /** The code the session was closed with, undefined while it is open. */
  closedWith(): string | undefined {
    return this.log.find((it) => it.what === 'close')?.refusal?.code;
  }

  recorded(what: string): unknown[] {
    return this.log.filter((it) => it.what === `record:${what}`).map((it) => it.data);
  }

  /** Everything recorded and everything approvers were shown, as one text. */
  kept(): string {
    const recorded = this.log.filter((it) => it.what.startsWith('record:')).map((it) => it.data);
    const shown = this.asked.map(({ held }) => ({ ...held, digest: undefined }));
    return JSON.stringify([recorded, shown]);
  }

  #approvals(): Approvals {
    return {
      request: (held, signal, pending) =>
        new Promise<Decision>((resolve, reject) => {
          this.asked.push({ held, signal, answer: resolve, fail: reject });
          pending('ap-1', 'https://console/ap-1');
        }),
    };
  }

  #recording(): Recording {
    return {
      ready: () => this.ready,
      open: (_id, _connection, _mode, onFailure) => {
        this.onRecordFailure = onFailure as (error: never) => void;
        return this.recorder;
      },
      rejected: (data) => this.rejections.push(data),
    };
  }
}

/** A socket nobody reads. */
export function socket(): Duplex {
  return new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
}

/** Long enough for every promise under way to settle. */
export function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
