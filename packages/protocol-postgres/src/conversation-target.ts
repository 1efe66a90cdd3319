import type { Meaning, Relation, Run } from '@scrim/protocol-kit';
import { countOf } from './command-tag.ts';
import { CopyOut, copyFormat } from './copy.ts';
import type { Domain } from './domain.ts';
import { textEncoding } from './encoding.ts';
import {
  NotificationFields,
  type Reach,
  ReportFields,
  ResultFields,
  StatusFields,
  withoutPosition,
} from './fields.ts';
import { returnsData } from './function-call.ts';
import { errorResponse } from './refuse.ts';
import { PgRows } from './rows.ts';
import type { Due, Session } from './session.ts';
import { DEFINES, factsOf, makesTemporary, mayMakeTemporary } from './session-objects.ts';
import type { Drawn, PgShape } from './shape.ts';
import { namelessColumns } from './shape.ts';
import { type KnownStatement, UNKNOWN_STATEMENT } from './statements.ts';
import { EMPTY, TYPE, WireFault } from './wire.ts';

const CONTROL: Meaning = { kind: 'control' };

/** Why reading stopped before the end of the region. */
export type Stop =
  /** Bytes of ours go out here, behind the runs read so far. */
  | { readonly kind: 'own'; readonly bytes: Buffer }
  /** The catalog must be asked before the next message can be read. */
  | { readonly kind: 'wait'; readonly until: Promise<void> };

export interface TargetOptions {
  /** Our BackendKeyData, said before the first ReadyForQuery. */
  readonly key: Buffer;
  readonly maxMessage: number;
}

/** Reads the target's messages, matches them with the answers due, and cuts them into runs. */
export class TargetConversation {
  readonly #session: Session;
  readonly #domain: Domain;
  readonly #options: TargetOptions;
  #copy: CopyOut | null = null;
  #runs: Run[] = [];
  /** Set when {@link read} returned early. */
  stop: Stop | null = null;

  constructor(session: Session, domain: Domain, options: TargetOptions) {
    this.#session = session;
    this.#domain = domain;
    this.#options = options;
  }

  /** Appends the runs of `bytes` from `from` on; returns where it stopped. Throws {@link WireFault}. */
  read(bytes: Buffer, from: number, runs: Run[]): number {
    this.#runs = runs;
    this.stop = null;
    let at = from;
    while (at < bytes.length && this.stop === null) at = this.#message(bytes, at);
    return at;
  }

  #push(bytes: Buffer, meaning: Meaning): void {
    this.#runs.push({ lane: 0, bytes, meaning });
  }

  #message(bytes: Buffer, at: number): number {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    switch (bytes[at]) {
      case TYPE.dataRow:
        return this.#rows(bytes, at, end);
      case TYPE.rowDescription:
        return this.#description(bytes, at, end);
      case TYPE.parseDone:
      case TYPE.bindDone:
      case TYPE.closeDone:
        return this.#settled(bytes, at, end);
      case TYPE.noData:
        return this.#noData(bytes, at, end);
      case TYPE.parameters:
        return this.#parameters(bytes, at, end);
      case TYPE.complete:
      case TYPE.emptyQuery:
      case TYPE.suspended:
        return this.#completed(bytes, at, end);
      case TYPE.ready:
        return this.#ready(bytes, at, end);
      case TYPE.error:
        return this.#error(bytes, at, end);
      default:
        return this.#aside(bytes, at, end);
    }
  }

  /** Messages that may come at any time, and COPY. */
  #aside(bytes: Buffer, at: number, end: number): number {
    const whole = bytes.subarray(at, end);
    switch (bytes[at]) {
      case TYPE.notice:
        this.#push(whole, { kind: 'fields', fields: new ReportFields(whole, this.#drawn()) });
        return end;
      case TYPE.notification:
        this.#push(whole, { kind: 'fields', fields: new NotificationFields(whole, this.#session.obscure) });
        return end;
      case TYPE.parameterStatus:
        return this.#status(whole, end);
      case TYPE.functionResult:
        return this.#functionResult(whole, end);
      case TYPE.copyData:
        return this.#copyData(bytes, at, end);
      case TYPE.copyDone:
        return this.#copyDone(whole, end);
      case TYPE.copyIn:
        this.#session.startCopyIn();
        this.#push(whole, CONTROL);
        return end;
      case TYPE.copyOut:
        return this.#copyOut(whole, at, end);
      case TYPE.copyBoth:
        this.#push(whole, { kind: 'unknown', why: 'COPY in both directions' });
        return end;
      default:
        this.#push(whole, { kind: 'unknown', why: 'a message type that is not in the protocol' });
        return end;
    }
  }

  #rows(bytes: Buffer, at: number, end: number): number {
    let to = end;
    let count = 1;
    while (to < bytes.length && bytes[to] === TYPE.dataRow) {
      to += 1 + bytes.readInt32BE(to + 1);
      count += 1;
    }
    const { first } = this.#session;
    const shape =
      first?.kind === 'execute' ? first.portal?.shape : first?.kind === 'query' ? first.shape : null;
    const run = bytes.subarray(at, to);
    if (shape) this.#push(run, { kind: 'rows', rows: new PgRows(shape, count, run) });
    else this.#push(run, { kind: 'unknown', why: 'rows that were not described' });
    return to;
  }

  /** What computed columns of a statement can draw from; FETCH and EXECUTE draw from what they run. */
  reachOf(statement: KnownStatement, part: number): Drawn {
    const session = this.#session;
    if (session.changing) return 'changing';
    if (statement === UNKNOWN_STATEMENT || session.temporary || !statement.facts.complete) return 'unknown';
    const analysis = statement.parts[part];
    if (!analysis) return 'unknown';
    const { statements } = this.#domain;
    if (analysis.executes !== undefined) {
      const executed = session.prepared.get(analysis.executes)?.statement;
      return executed ? session.view(statements.current(executed)) : 'unknown';
    }
    const fetched = analysis.cursor?.fetches;
    if (fetched !== undefined) {
      return this.#openedAs(fetched);
    }
    return statement;
  }

  /** What a cursor was opened for. It goes on with what names meant then, whatever they mean now. */
  #openedAs(name: string): Drawn {
    const session = this.#session;
    const { statements, epoch } = this.#domain;
    const cursor = session.cursors.get(name);
    if (cursor)
      return cursor.epoch === epoch ? session.view(statements.current(cursor.statement)) : 'changing';
    const bound = session.portals.get(name)?.statement;
    if (bound) return statements.isCurrent(bound) ? session.view(bound) : 'changing';
    return 'unknown';
  }

  /** What texts said now may quote: everything the transaction under way can read. */
  #drawn(): Reach {
    const { drawn } = this.#session;
    if (!drawn) return 'unknown';
    const relations: Relation[] = [];
    for (const statement of drawn) {
      const names = statement.parts.some(
        ({ executes, cursor }) => executes !== undefined || cursor?.fetches !== undefined,
      );
      const reach = names || !statement.facts.complete ? 'unknown' : this.#domain.reach(statement);
      if (reach === 'unknown') return 'unknown';
      relations.push(...reach);
    }
    return relations;
  }

  #shape(judged: KnownStatement, part: number, description: Buffer): PgShape | null {
    // What its temporary tables carry may have changed since the caller sent it.
    const statement = this.#session.view(judged);
    const shape = this.#domain.shape(statement, part, this.reachOf(statement, part), description);
    if (!(shape instanceof Promise)) return shape;
    this.stop = { kind: 'wait', until: shape };
    return null;
  }

  #description(bytes: Buffer, at: number, end: number): number {
    const { first } = this.#session;
    const whole = bytes.subarray(at, end);
    if (first?.kind === 'describeStatement') {
      this.#session.settle();
      if (first.columnsFor) {
        first.columnsFor.columns = Buffer.from(whole);
        return end;
      }
      // Formats are not known yet and no rows follow: the column names pass as what they are.
      this.#push(whole, CONTROL);
      return end;
    }
    if (first?.kind === 'query') {
      const shape = this.#shape(first.statement ?? UNKNOWN_STATEMENT, first.part, whole);
      if (!shape) return at;
      first.shape = shape;
      this.#push(whole, { kind: 'shape', shape });
      return end;
    }
    if (first?.kind !== 'describePortal') throw new WireFault('a RowDescription nobody asked for');
    const { portal } = first;
    const shape = this.#shape(portal?.statement ?? UNKNOWN_STATEMENT, 0, whole);
    if (!shape) return at;
    if (portal) portal.shape = shape;
    this.#session.settle();
    // Relays learn the columns also where the caller did not ask for them: a run without bytes.
    this.#push(first.swallow ? EMPTY : whole, { kind: 'shape', shape });
    return end;
  }

  #noData(bytes: Buffer, at: number, end: number): number {
    const item = this.#session.settle();
    if (item?.kind !== 'describePortal' && item?.kind !== 'describeStatement') throw unexpected();
    if (!item.swallow) this.#push(bytes.subarray(at, end), CONTROL);
    return end;
  }

  #parameters(bytes: Buffer, at: number, end: number): number {
    const { first } = this.#session;
    if (first?.kind !== 'describeStatement') throw unexpected();
    const count = bytes.readUInt16BE(at + 5);
    if (at + 7 + count * 4 > end) throw new WireFault('a ParameterDescription is too short');
    if (first.prepared) {
      first.prepared.parameterTypes = Array.from({ length: count }, (_, i) =>
        bytes.readUInt32BE(at + 7 + i * 4),
      );
    }
    if (!first.swallow) this.#push(bytes.subarray(at, end), CONTROL);
    return end;
  }

  /** ParseComplete, BindComplete, CloseComplete: runs of them pass as one. */
  #settled(bytes: Buffer, at: number, end: number): number {
    let to = at;
    while (to < bytes.length) {
      const type = bytes[to];
      if (type !== TYPE.parseDone && type !== TYPE.bindDone && type !== TYPE.closeDone) break;
      if (to > at && this.#session.first?.swallow) break;
      const item = this.#session.settle();
      const kind = type === TYPE.parseDone ? 'parse' : type === TYPE.bindDone ? 'bind' : 'close';
      if (item?.kind !== kind) throw unexpected();
      if (item.swallow) return end;
      to += end - at;
    }
    this.#push(bytes.subarray(at, to), CONTROL);
    return to;
  }

  #completed(bytes: Buffer, at: number, end: number): number {
    const session = this.#session;
    const { first } = session;
    const whole = bytes.subarray(at, end);
    const complete = bytes[at] === TYPE.complete;
    const tag = complete
      ? whole.toString('latin1', 5, whole.length - 1)
      : bytes[at] === TYPE.suspended
        ? 'SUSPENDED'
        : '';
    if (first?.kind === 'execute') {
      session.settle();
      if (complete) this.#effects(first.statement, 0, tag);
      this.#push(whole, { kind: 'outcome', ok: true, count: countOf(tag), tag });
      return end;
    }
    if (first?.kind !== 'query') throw unexpected();
    if (complete) this.#effects(first.statement, first.part, tag);
    first.part += 1;
    first.shape = null;
    const count = countOf(tag);
    if (count !== null) first.count = (first.count ?? 0) + count;
    // A text of several statements is one operation: it ends with the last of them.
    if (first.part < (first.statement?.parts.length ?? 1) || first.ended) {
      this.#push(whole, CONTROL);
    } else {
      first.ended = true;
      this.#push(whole, { kind: 'outcome', ok: true, count: first.count, tag });
    }
    return end;
  }

  /** What a statement that ran means for names and columns of what comes. */
  #effects(statement: KnownStatement | undefined, part: number, tag: string): void {
    const session = this.#session;
    const analysis = statement?.parts[part];
    if (!statement?.facts.complete) session.obscure = true;
    const facts = statement && factsOf(statement, part);
    if (tag.startsWith('SELECT') || tag.startsWith('INSERT ') || tag.startsWith('UPDATE ')) {
      if (facts?.complete && !facts.effects.includes('ddl')) return;
    }
    if (analysis?.prepares) session.learn(analysis.prepares);
    if (analysis?.cursor?.declares !== undefined && statement)
      session.declare(analysis.cursor.declares, { statement, epoch: this.#domain.epoch });
    if (statement && makesTemporary(session.view(statement), part)) return;
    if (DEFINES.test(tag) || facts?.effects.includes('ddl') || !facts?.complete) {
      // Computed SQL may define anything, under whatever tag it runs.
      const computed = facts?.complete === false && facts.keeps?.by === 'calls';
      if (DEFINES.test(tag) || facts?.effects.includes('ddl') || computed) session.defined = true;
      if (session.defined && !(statement && keepsMeanings(statement, tag))) session.changing = true;
      if (statement === undefined || mayMakeTemporary(statement, part)) session.temporary = true;
    }
  }

  #ready(bytes: Buffer, at: number, end: number): number {
    const session = this.#session;
    const whole = bytes.subarray(at, end);
    const { first } = session;
    if (!first || !['sync', 'query', 'function', 'login'].includes(first.kind)) throw unexpected();
    session.settle();
    session.ready(bytes[at + 5] as number, first.unit);
    // Only what is committed can be read by the catalog's own connection.
    if (session.defined && session.state === 0x49) {
      session.defined = false;
      session.changing = false;
      this.#domain.changed();
    }
    if ((first.kind === 'query' || first.kind === 'function') && !first.ended) this.#ended(first, true);
    if (first.kind === 'login') this.stop = { kind: 'own', bytes: Buffer.concat([this.#options.key, whole]) };
    else if (!first.swallow) this.#push(whole, CONTROL);
    return end;
  }

  /** Tells the relay that an operation is over where no message of the target's says so: a run without bytes. */
  #ended(item: Due, ok: boolean): void {
    item.ended = true;
    this.#push(EMPTY, { kind: 'outcome', ok, count: item.count, tag: ok ? '' : 'ERROR' });
  }

  #error(bytes: Buffer, at: number, end: number): number {
    const session = this.#session;
    const whole = bytes.subarray(at, end);
    const fields = new ReportFields(whole, this.#drawn());
    const severity = fields.get('V') ?? fields.get('S') ?? '';
    const { first } = session;
    this.#copy = null;
    if (!first || severity === 'FATAL' || severity === 'PANIC') {
      this.#push(whole, { kind: 'fields', fields });
      return end;
    }
    const { refusal } = first;
    if (first.swallow && this.#ownFailed(whole)) return end;
    if (first.failure && refusal === undefined) {
      const told = new ReportFields(first.failure, this.#drawn());
      this.#push(first.failure, { kind: 'fields', fields: told });
    } else if (refusal) this.stop = { kind: 'own', bytes: errorResponse(refusal, 'ERROR') };
    else if (first.swallow) this.#push(withoutPosition(whole), { kind: 'fields', fields });
    else this.#push(whole, { kind: 'fields', fields });
    if (first.kind === 'query' || first.kind === 'function') {
      session.copyIn = false;
      if (!first.ended) this.#ended(first, false);
    } else if (first.kind !== 'sync' && first.kind !== 'login') {
      for (const item of session.fail()) if (item.kind === 'execute') this.#ended(item, false);
    }
    return end;
  }

  /**
   * Our own question before a simple Query failed, most likely as the Query will. True = nothing is told now; inside
   * a transaction the Query can only say that the transaction is aborted, so this error is told in its place.
   */
  #ownFailed(whole: Buffer): boolean {
    const session = this.#session;
    const sync = session.dues.rest().find(({ kind }) => kind === 'sync');
    if (!sync?.swallow || !sync.columnsFor) return false;
    if (session.state === 0x54) sync.columnsFor.failure = withoutPosition(whole);
    session.fail();
    return true;
  }

  #status(whole: Buffer, end: number): number {
    const fields = new StatusFields(whole, this.#drawn());
    const [entry] = fields.entries;
    if (entry?.name === 'client_encoding') {
      this.#session.encodingName = entry.value;
      this.#session.encoding = textEncoding(entry.value);
    }
    if (entry?.name === 'standard_conforming_strings') this.#session.plainBackslash = entry.value === 'on';
    this.#push(whole, { kind: 'fields', fields });
    return end;
  }

  #functionResult(whole: Buffer, end: number): number {
    const { first } = this.#session;
    if (first?.kind !== 'function') throw unexpected();
    this.#push(whole, { kind: 'fields', fields: new ResultFields(whole, returnsData(first.statement)) });
    return end;
  }

  #copyOut(whole: Buffer, at: number, end: number): number {
    const { first } = this.#session;
    if (first?.kind !== 'query' && first?.kind !== 'execute') throw unexpected();
    const statement = first.statement ?? UNKNOWN_STATEMENT;
    const copy = statement.parts[first.part]?.copy;
    if (!copy) throw new WireFault('a COPY whose format is not known');
    const shape = this.#shape(statement, first.part, first.columns ?? namelessColumns(whole));
    if (!shape) return at;
    const copyShape = this.#domain.copyShape(shape, whole, copyFormat(copy, this.#session.encodingName));
    this.#copy = new CopyOut(copyShape, this.#options.maxMessage);
    this.#push(whole, { kind: 'shape', shape: copyShape });
    return end;
  }

  #copyData(bytes: Buffer, at: number, end: number): number {
    let to = end;
    while (to < bytes.length && bytes[to] === TYPE.copyData) to += 1 + bytes.readInt32BE(to + 1);
    const region = bytes.subarray(at, to);
    if (this.#copy) this.#copy.read(region, this.#runs);
    else this.#push(region, { kind: 'unknown', why: 'COPY data outside a COPY' });
    return to;
  }

  #copyDone(whole: Buffer, end: number): number {
    this.#copy?.finish();
    this.#copy = null;
    this.#push(whole, CONTROL);
    return end;
  }
}

/** Definitions after which no name that was known means something else. */
const ADDS = /^(CREATE (TABLE|INDEX|SEQUENCE)|DROP (TABLE|INDEX)|COMMENT)$/;
const ADDITIONS =
  /^alter_table(_(add_column|add_constraint|add_index|set_not_null|drop_not_null|column_default))?$/;

function keepsMeanings(statement: KnownStatement, tag: string): boolean {
  if (!statement.facts.complete || statement.parts.length > 1) return false;
  if (tag === 'ALTER TABLE') return statement.facts.statements.every((name) => ADDITIONS.test(name));
  return ADDS.test(tag);
}

function unexpected(): WireFault {
  return new WireFault('the target answered what was not asked');
}
