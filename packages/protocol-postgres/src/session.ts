import type { Refusal } from '@scrim/model';
import type { TextEncoding } from './encoding.ts';
import { type Overlay, Temporaries } from './lineage/temporaries.ts';
import { hidesTemporary } from './session-objects.ts';
import type { PgShape } from './shape.ts';
import type { KnownStatement, StatementCache } from './statements.ts';

/** A prepared statement under its name in this session. */
export interface Prepared {
  readonly name: string;
  readonly statement: KnownStatement;
  /** Types the caller gave in Parse or the target told in ParameterDescription; 0 = not known. */
  parameterTypes: readonly number[];
  /** Between which Syncs its Parse travelled. */
  readonly unit: number;
  /** True once the target said ParseComplete. */
  settled: boolean;
  /** What the name meant before, while this Parse may still fail. */
  previous: Prepared | undefined;
}

/** A portal: a statement bound to parameters. */
export interface Portal {
  readonly name: string;
  readonly statement: KnownStatement;
  readonly prepared: Prepared | undefined;
  /** The Bind message, for whoever asks for its parameters. */
  readonly bind: Buffer | null;
  readonly unit: number;
  settled: boolean;
  previous: Portal | undefined;
  /** True once a Describe of it is under way: the target then tells its columns before its rows. */
  described: boolean;
  /** Columns as the target described them; null = returns no rows. */
  shape: PgShape | null;
}

/** An SQL cursor: what it was opened for, and the domain's epoch at that time. */
export interface OpenCursor {
  readonly statement: KnownStatement;
  readonly epoch: number;
}

/** What the target still has to answer. */
export type Kind =
  | 'login'
  | 'query'
  | 'parse'
  | 'bind'
  | 'describeStatement'
  | 'describePortal'
  | 'execute'
  | 'close'
  | 'sync'
  | 'function'
  | 'copyEnd';

/** One answer due from the target, in the order the target owes them. */
export interface Due {
  readonly kind: Kind;
  readonly unit: number;
  readonly prepared?: Prepared | undefined;
  readonly portal?: Portal | undefined;
  readonly statement?: KnownStatement;
  /** Name a Close takes away, and what it meant. */
  readonly closes?: { readonly portal: boolean; readonly name: string };
  /** Our own Describe: its answer is not the caller's. */
  readonly swallow?: boolean;
  /** Our own question for the columns of the COPY that this answer is due for. */
  readonly columnsFor?: Due;
  /** A COPY's columns, as a RowDescription. */
  columns?: Buffer;
  /** An error the target gave to our own question in the caller's transaction: the caller is told that one. */
  failure?: Buffer;
  /** The message was replaced by one that fails: its error is replaced by this. */
  readonly refusal?: Refusal;
  /** Queries: how many of their statements have ended, and the rows they counted. */
  part: number;
  count: number | null;
  shape: PgShape | null;
  /** True once the relay was told that the operation ended. */
  ended: boolean;
}

export function due(kind: Kind, unit: number, more: Partial<Due> = {}): Due {
  return { kind, unit, part: 0, count: null, shape: null, ended: false, ...more };
}

/** A first-in-first-out list that neither shifts an array nor grows with what has passed. */
export class DueList {
  #items: (Due | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get first(): Due | undefined {
    return this.#items[this.#head];
  }

  push(item: Due): void {
    this.#items.push(item);
  }

  shift(): Due | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Items behind the first, in order. */
  rest(): Due[] {
    return this.#items.slice(this.#head + 1) as Due[];
  }

  replaceFirst(item: Due): void {
    this.#items[this.#head] = item;
  }

  /** Keeps the first and these behind it. */
  replaceRest(items: readonly Due[]): void {
    this.#items = [this.#items[this.#head], ...items];
    this.#head = 0;
  }
}

/** Names, and bytes of texts behind them, one session may hold; a client that needs more leaks them. */
const MAX_NAMES = 10_000;
const MAX_NAMED_TEXT = 64 << 20;

/** Statements of one transaction told apart; beyond it their reach is unknown. */
const MAX_DRAWN = 64;

/** What both directions of a conversation know together: names, answers due, transaction state. */
export class Session {
  readonly dues = new DueList();
  readonly prepared = new Map<string, Prepared>();
  readonly portals = new Map<string, Portal>();
  /** Statements behind SQL cursors, for the reach of what FETCH returns. */
  readonly cursors = new Map<string, OpenCursor>();
  /** Number of Syncs forwarded. */
  unit = 0;
  /** True while the target discards all until Sync. */
  skipping = false;
  /** True while the target takes COPY data. */
  copyIn = false;
  /** Answers due whose statements may give new meaning to names of prepared statements. */
  unsettled = 0;
  /** ReadyForQuery's state byte: I, T or E. */
  state = 0x49;
  encoding: TextEncoding = 'utf8';
  encodingName = 'UTF8';
  /** False while `standard_conforming_strings` is off: a backslash then hides quotes from our parser. */
  plainBackslash = true;
  /** True from a statement that may change how texts are read until ReadyForQuery has told what it changed. */
  rereading = false;
  /** Statements of the transaction under way: what errors and notices may quote. Null = too many to tell. */
  drawn: Set<KnownStatement> | null = new Set();
  /** True while the transaction under way has changed names or columns. */
  defined = false;
  /** True while it may have changed what names of views, functions and tables mean: no catalog knows that before COMMIT. */
  changing = false;
  /** True once something ran that could not be understood: it may have listened to any channel. */
  obscure = false;
  /** True once a temporary object was made: its columns are known to no catalog. */
  temporary = false;

  /** What its temporary tables carry, as far as the statements that made them were understood. */
  readonly temporaries: Temporaries;

  readonly #statements: StatementCache;
  #namedText = 0;
  /** Statements as they read with the temporary tables of now. */
  #views = new WeakMap<KnownStatement, KnownStatement>();
  /** Behind each of those, the statement as every session reads it. */
  readonly #plain = new WeakMap<KnownStatement, KnownStatement>();
  #viewed = 0;

  /** @param permanent whether the database has a relation of that name */
  constructor(statements: StatementCache, permanent: (name: string) => boolean) {
    this.#statements = statements;
    this.temporaries = new Temporaries(permanent);
  }

  /** The statement as it reads in this session now: its temporary tables have a meaning only here. */
  view(statement: KnownStatement): KnownStatement {
    const { temporaries } = this;
    const overlay: Overlay = this.temporary ? 'blind' : temporaries;
    if (temporaries.version === 0 && overlay !== 'blind') return statement;
    const state = overlay === 'blind' ? -1 : temporaries.version;
    if (this.#viewed !== state) {
      this.#viewed = state;
      this.#views = new WeakMap();
    }
    const plain = this.#plain.get(statement) ?? statement;
    let view = this.#views.get(plain);
    if (!view) {
      view = this.#statements.over(plain, overlay);
      this.#views.set(plain, view);
      if (view !== plain) this.#plain.set(view, plain);
    }
    return view;
  }

  /** SQL PREPARE ran: its name can be bound by message too. */
  learn(prepares: { readonly name: string; readonly text: string }): void {
    if (!this.roomForNames) return;
    this.prepared.set(prepares.name, {
      name: prepares.name,
      statement: this.#statements.get(prepares.text),
      parameterTypes: [],
      unit: this.unit,
      settled: true,
      previous: undefined,
    });
  }

  /** DECLARE CURSOR ran. */
  declare(name: string, cursor: OpenCursor): void {
    if (this.cursors.size < MAX_NAMES) this.cursors.set(name, cursor);
    else this.cursors.delete(name);
  }

  /** True when a ReadyForQuery is on its way. */
  get readyDue(): boolean {
    const { first } = this;
    if (!first) return false;
    return [first, ...this.dues.rest()].some(
      ({ kind }) => kind === 'sync' || kind === 'query' || kind === 'function',
    );
  }

  /** False when the session holds as many names as it may. */
  get roomForNames(): boolean {
    return (
      this.prepared.size < MAX_NAMES && this.portals.size < MAX_NAMES && this.#namedText < MAX_NAMED_TEXT
    );
  }

  /** The answer due first. The end of COPY data that was never asked for causes none. */
  get first(): Due | undefined {
    let first = this.dues.first;
    while (first?.kind === 'copyEnd') {
      this.dues.shift();
      first = this.dues.first;
    }
    return first;
  }

  /** Notes that a message went to the target. */
  sent(item: Due): void {
    if (item.kind === 'copyEnd') {
      if (this.copyIn) {
        this.copyIn = false;
        return;
      }
      if (!this.skipping) this.dues.push(item);
      return;
    }
    if (item.kind === 'sync') {
      // COPY FROM STDIN ignores Sync: no answer is due (PostgreSQL, CopyGetData).
      if (this.copyIn) return;
      this.skipping = false;
      this.unit += 1;
      this.dues.push(item);
      return;
    }
    if (this.skipping) return;
    if (item.statement && !item.refusal) {
      this.#draw(item.statement);
      if (item.kind === 'query' || item.kind === 'execute') this.#foresee(item.statement);
      if (item.statement.rereads) this.rereading = true;
    }
    this.#rename(item);
    if (renames(item)) this.unsettled += 1;
    this.dues.push(item);
  }

  /**
   * Keeps what a statement will put into temporary tables before its answer is there: what is sent right behind it is
   * judged by it. When it fails, a little too much is masked.
   */
  #foresee(sent: KnownStatement): void {
    const { temporaries } = this;
    const { effects, complete } = sent.facts;
    if (complete && effects.every((effect) => effect === 'read' || effect === 'session')) return;
    const statement = this.view(sent);
    statement.parts.forEach((_, part) => {
      if (hidesTemporary(statement, part)) this.temporary = true;
      const lineage = statement.lineage(part);
      const lost = lineage.lost && temporaries.size > 0;
      if (lost || !temporaries.ran(lineage)) this.temporary = true;
    });
  }

  #draw(statement: KnownStatement): void {
    const { drawn } = this;
    if (!drawn || drawn.has(statement)) return;
    if (drawn.size < MAX_DRAWN) drawn.add(statement);
    else this.drawn = null;
  }

  #rename(item: Due): void {
    if (item.refusal) return;
    if (item.kind === 'parse' && item.prepared) {
      item.prepared.previous = this.prepared.get(item.prepared.name);
      this.prepared.set(item.prepared.name, item.prepared);
      if (item.prepared.name !== '') this.#namedText += item.prepared.statement.text.length;
    } else if (item.kind === 'bind' && item.portal) {
      item.portal.previous = this.portals.get(item.portal.name);
      this.portals.set(item.portal.name, item.portal);
    }
  }

  /** The answer due first came: takes it off the list. */
  settle(): Due | undefined {
    const item = this.first;
    if (!item) return undefined;
    this.dues.shift();
    if (renames(item)) this.unsettled -= 1;
    if (item.kind === 'parse' && item.prepared) {
      item.prepared.settled = true;
      item.prepared.previous = undefined;
    } else if (item.kind === 'bind' && item.portal) {
      item.portal.settled = true;
      item.portal.previous = undefined;
    } else if (item.kind === 'close' && item.closes) {
      if (item.closes.portal) this.portals.delete(item.closes.name);
      else this.#drop(item.closes.name);
    }
    return item;
  }

  #drop(name: string): void {
    const prepared = this.prepared.get(name);
    if (prepared && name !== '') this.#namedText -= prepared.statement.text.length;
    this.prepared.delete(name);
  }

  /**
   * The answer due first was an error in the extended protocol: everything up to the next Sync is discarded by the
   * target. Returns what was dropped, the failed one first.
   */
  fail(): Due[] {
    const dropped: Due[] = [];
    while (this.dues.first && this.dues.first.kind !== 'sync') dropped.push(this.dues.shift() as Due);
    if (!this.dues.first) this.skipping = true;
    this.copyIn = false;
    // Last first, so that of several meanings of one name the oldest comes back.
    for (let i = dropped.length - 1; i >= 0; i--) this.#undo(dropped[i] as Due);
    return dropped;
  }

  #undo(item: Due): void {
    if (renames(item)) this.unsettled -= 1;
    if (item.kind === 'describePortal' && item.portal) item.portal.described = false;
    if (item.kind === 'parse' && item.prepared && this.prepared.get(item.prepared.name) === item.prepared) {
      // A failed Parse of the unnamed statement has dropped the old one; a named one keeps it (exec_parse_message).
      if (item.prepared.name !== '') this.#namedText -= item.prepared.statement.text.length;
      restore(this.prepared, item.prepared);
    } else if (item.kind === 'bind' && item.portal && this.portals.get(item.portal.name) === item.portal) {
      restore(this.portals, item.portal);
    }
  }

  /** We fail the COPY under way: the error it ends with is replaced by this. */
  failCopy(refusal: Refusal): void {
    const { first } = this;
    if (first) this.dues.replaceFirst({ ...first, refusal });
    this.copyIn = false;
  }

  /** The target is in COPY FROM STDIN: it ignores Syncs already on their way and reads up to the end of the data. */
  startCopyIn(): void {
    if (!this.first) return;
    const kept: Due[] = [];
    let open = true;
    for (const item of this.dues.rest()) {
      if (open && item.kind === 'sync') continue;
      if (open && item.kind === 'copyEnd') open = false;
      else kept.push(item);
    }
    this.dues.replaceRest(kept);
    this.copyIn = open;
  }

  /** ReadyForQuery: portals of ended transactions are gone. */
  ready(state: number, unit: number): void {
    this.state = state;
    if (this.dues.length === 0) this.rereading = false;
    // Errors at COMMIT quote what earlier statements wrote, so these count until the transaction is over.
    if (state === 0x49 && this.dues.length === 0 && this.drawn?.size !== 0) this.drawn = new Set();
    if (state !== 0x49 || this.portals.size === 0) return;
    for (const [name, portal] of this.portals) if (portal.unit <= unit) this.portals.delete(name);
  }
}

function restore<T extends { name: string; previous: T | undefined }>(names: Map<string, T>, item: T): void {
  if (item.previous && item.name !== '') names.set(item.name, item.previous);
  else names.delete(item.name);
  item.previous = undefined;
}

/** True for an operation after which names of prepared statements may mean something else. */
function renames(item: Due): boolean {
  if (item.kind !== 'query' && item.kind !== 'execute') return false;
  if (item.refusal || !item.statement) return false;
  return item.statement.parts.some(
    (part) => part.prepares !== undefined || part.deallocates !== undefined || part.tag.startsWith('DISCARD'),
  );
}
