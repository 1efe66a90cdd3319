import type { Meaning } from '@scrim/protocol-kit';
import { bindParameters } from './bind.ts';
import type { CallerRun } from './caller-run.ts';
import type { CopyAnalysis } from './contracts.ts';
import { decodeText } from './encoding.ts';
import { callArguments, calledStatement } from './function-call.ts';
import { type Due, due, type Portal, type Prepared, type Session } from './session.ts';
import {
  FUNCTION_CALL,
  type KnownStatement,
  opaqueStatement,
  type StatementCache,
  UNKNOWN_STATEMENT,
} from './statements.ts';
import { describePortal, describeQuery } from './substitute.ts';
import { stringEnd, TYPE, WireFault } from './wire.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is asked for
const NOT_ASCII = /[^\x00-\x7f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is asked for
const AMBIGUOUS = /[^\x00-\x7f]|\\/;

export interface CallerOptions {
  /** Function-call messages are refused unless this is `allow`, or they call a function of large objects. */
  readonly functionCalls: 'refuse' | 'allow';
}

const CONTROL: Meaning = { kind: 'control' };

/**
 * Reads the caller's messages and cuts them into runs: one per Parse, per Execute (with the Bind and Describe before
 * and the Sync behind it), per Query, per stretch of COPY data. It never looks past one of those, because what comes
 * behind an operation means what it means only when the operation was let through.
 */
export class CallerConversation {
  readonly #session: Session;
  readonly #statements: StatementCache;
  readonly #options: CallerOptions;
  #dues: Due[] = [];
  #portal: Portal | undefined;

  constructor(session: Session, statements: StatementCache, options: CallerOptions) {
    this.#session = session;
    this.#statements = statements;
    this.#options = options;
  }

  /**
   * The run that starts at `from` in a region of whole messages, or null when the meaning of a name must first be
   * settled by answers under way.
   */
  next(bytes: Buffer, from: number): CallerRun | null {
    this.#dues = [];
    this.#portal = undefined;
    let at = from;
    while (at < bytes.length) {
      const type = bytes[at] as number;
      const end = at + 1 + bytes.readInt32BE(at + 1);
      switch (type) {
        case TYPE.bind:
          if (!this.#bind(bytes, at, end)) return at > from ? this.#control(bytes, from, at) : null;
          break;
        case TYPE.describe:
          this.#describe(bytes, at, end);
          break;
        case TYPE.close:
          this.#close(bytes, at, end);
          break;
        case TYPE.flush:
          break;
        case TYPE.sync:
          this.#dues.push(due('sync', this.#session.unit));
          return this.#control(bytes, from, end);
        case TYPE.execute: {
          const portal = this.#executed(bytes, at, end);
          if (portal === null) return at > from ? this.#control(bytes, from, at) : null;
          return this.#execute(bytes, from, at, end, portal);
        }
        default:
          if (at > from) return this.#control(bytes, from, at);
          return this.#single(bytes, type, at, end);
      }
      at = end;
    }
    return this.#control(bytes, from, at);
  }

  #control(bytes: Buffer, from: number, to: number): CallerRun {
    return this.#run(bytes.subarray(from, to), CONTROL, -1, 0, 0, 0);
  }

  #run(
    bytes: Buffer,
    meaning: Meaning,
    coreDue: number,
    coreStart: number,
    coreEnd: number,
    coreType: number,
    more: { prepared?: Prepared; insert?: Buffer; terminates?: boolean } = {},
  ): CallerRun {
    return {
      lane: 0,
      bytes,
      meaning,
      dues: this.#dues,
      coreDue,
      coreStart,
      coreEnd,
      coreType,
      terminates: false,
      ...more,
    };
  }

  /** Messages that make a run of their own. */
  #single(bytes: Buffer, type: number, at: number, end: number): CallerRun | null {
    switch (type) {
      case TYPE.query:
        return this.#query(bytes, at, end);
      case TYPE.parse:
        return this.#parse(bytes, at, end);
      case TYPE.copyData:
        return this.#copyData(bytes, at, end);
      case TYPE.copyDone:
      case TYPE.copyFail:
        this.#dues.push(due('copyEnd', this.#session.unit));
        return this.#run(bytes.subarray(at, end), CONTROL, -1, 0, 0, 0);
      case TYPE.terminate:
        return this.#run(bytes.subarray(at, end), CONTROL, -1, 0, 0, 0, { terminates: true });
      case TYPE.functionCall:
        return this.#functionCall(bytes, at, end);
      default:
        return this.#unknown(bytes, at, end, type, 'a message type that is not in the protocol');
    }
  }

  #unknown(bytes: Buffer, at: number, end: number, type: number, why: string): CallerRun {
    return this.#run(bytes.subarray(at, end), { kind: 'unknown', why }, 0, 0, end - at, type);
  }

  /**
   * The statement of a text; null when it must first be known how the target reads it. In another encoding the second
   * byte of a character may be a backslash or a quote, and with `standard_conforming_strings` off a backslash hides
   * a quote: the target would run another statement than the one judged. Plain ASCII reads the same everywhere.
   */
  #text(bytes: Buffer, start: number, end: number): KnownStatement | null {
    const session = this.#session;
    const text = decodeText(bytes, start, end, session.encoding);
    if (AMBIGUOUS.test(text)) {
      if (session.rereading && session.readyDue) return null;
      if (session.rereading)
        return opaqueStatement('SQL', text, 'text behind a statement that may change its reading');
      if (session.encoding === 'unreadable' && NOT_ASCII.test(text)) {
        return opaqueStatement('SQL', text, `text in the client encoding ${session.encodingName}`);
      }
      if (!session.plainBackslash && text.includes('\\')) {
        return opaqueStatement('SQL', text, 'a backslash while standard_conforming_strings is off');
      }
    }
    return session.view(this.#statements.within(text, (name) => session.prepared.get(name)?.statement));
  }

  #query(bytes: Buffer, at: number, end: number): CallerRun | null {
    const zero = stringEnd(bytes, at + 5, end);
    const statement = this.#text(bytes, at + 5, zero);
    if (!statement) return null;
    const query = due('query', this.#session.unit, { statement });
    const insert = this.#copyColumns(statement, query, true);
    const coreDue = this.#dues.length;
    this.#dues.push(query);
    const meaning: Meaning = { kind: 'operation', statement, parameters: null };
    const more = insert ? { insert } : {};
    return this.#run(bytes.subarray(at, end), meaning, coreDue, 0, end - at, TYPE.query, more);
  }

  #parse(bytes: Buffer, at: number, end: number): CallerRun | null {
    const nameEnd = stringEnd(bytes, at + 5, end);
    const textEnd = stringEnd(bytes, nameEnd + 1, end);
    const name = bytes.toString('utf8', at + 5, nameEnd);
    if (name !== '' && !this.#session.roomForNames) {
      return this.#unknown(bytes, at, end, TYPE.parse, 'too many prepared statements in one session');
    }
    const statement = this.#text(bytes, nameEnd + 1, textEnd);
    if (!statement) return null;
    const prepared: Prepared = {
      name,
      statement,
      parameterTypes: oids(bytes, textEnd + 1, end),
      unit: this.#session.unit,
      settled: false,
      previous: undefined,
    };
    this.#dues.push(due('parse', this.#session.unit, { prepared }));
    const meaning: Meaning = { kind: 'preparation', statement: prepared.statement };
    return this.#run(bytes.subarray(at, end), meaning, 0, 0, end - at, TYPE.parse, { prepared });
  }

  /** False when it cannot yet be said which statement the name means. */
  #bind(bytes: Buffer, at: number, end: number): boolean {
    const session = this.#session;
    const portalEnd = stringEnd(bytes, at + 5, end);
    const nameEnd = stringEnd(bytes, portalEnd + 1, end);
    const name = bytes.toString('utf8', portalEnd + 1, nameEnd);
    // A Parse that failed leaves the name's old statement: judging the new one and running the old would be a way
    // around every guard. Inside one unit the failure discards this Bind too; across a Sync we wait for the answer.
    if (session.unsettled > 0) return false;
    const prepared = session.prepared.get(name);
    if (prepared && !prepared.settled && prepared.unit !== session.unit) return false;
    const portal: Portal = {
      name: bytes.toString('utf8', at + 5, portalEnd),
      statement: prepared?.statement ?? UNKNOWN_STATEMENT,
      prepared,
      bind: bytes.subarray(at, end),
      unit: session.unit,
      settled: false,
      previous: undefined,
      described: false,
      shape: null,
    };
    this.#portal = portal;
    this.#dues.push(due('bind', session.unit, { portal }));
    return true;
  }

  #describe(bytes: Buffer, at: number, end: number): void {
    const zero = stringEnd(bytes, at + 6, end);
    const name = bytes.toString('utf8', at + 6, zero);
    const session = this.#session;
    if (bytes[at + 5] === 0x53) {
      this.#dues.push(due('describeStatement', session.unit, { prepared: session.prepared.get(name) }));
      return;
    }
    const portal = this.#named(name);
    if (portal) portal.described = true;
    this.#dues.push(due('describePortal', session.unit, { portal }));
  }

  #named(name: string): Portal | undefined {
    return this.#portal?.name === name ? this.#portal : this.#session.portals.get(name);
  }

  #close(bytes: Buffer, at: number, end: number): void {
    const zero = stringEnd(bytes, at + 6, end);
    const closes = { portal: bytes[at + 5] === 0x50, name: bytes.toString('utf8', at + 6, zero) };
    this.#dues.push(due('close', this.#session.unit, { closes }));
  }

  /** The portal an Execute runs; null when it cannot yet be said. */
  #executed(bytes: Buffer, at: number, end: number): Portal | null {
    const zero = stringEnd(bytes, at + 5, end);
    if (zero + 5 > end) throw new WireFault('an Execute message is too short');
    const name = bytes.toString('utf8', at + 5, zero);
    const portal = this.#named(name);
    if (!portal) return unknownPortal(name, this.#session);
    if (!portal.settled && portal.unit !== this.#session.unit) return null;
    return portal;
  }

  /** Bind.. Execute [Flush|Sync] is one run, so that a prepared query crosses the relay in one call. */
  #execute(bytes: Buffer, from: number, at: number, end: number, portal: Portal): CallerRun {
    const statement = this.#session.view(this.#statements.current(portal.statement));
    const execute = due('execute', this.#session.unit, { portal, statement });
    let insert = this.#copyColumns(statement, execute, false);
    if (!portal.described) {
      portal.described = true;
      this.#dues.push(due('describePortal', this.#session.unit, { portal, swallow: true }));
      const describe = describePortal(portal.name);
      insert = insert ? Buffer.concat([insert, describe]) : describe;
    }
    const coreDue = this.#dues.length;
    this.#dues.push(execute);
    let runEnd = end;
    const type = bytes[end];
    if (end < bytes.length && (type === TYPE.sync || type === TYPE.flush)) {
      if (type === TYPE.sync) this.#dues.push(due('sync', this.#session.unit));
      if (bytes.readInt32BE(end + 1) !== 4) throw new WireFault('a Sync or Flush message has a body');
      runEnd += 5;
    }
    const meaning: Meaning = { kind: 'operation', statement, parameters: bindParameters(portal) };
    const more = insert ? { insert } : {};
    return this.#run(
      bytes.subarray(from, runEnd),
      meaning,
      coreDue,
      at - from,
      end - from,
      TYPE.execute,
      more,
    );
  }

  /**
   * CopyOutResponse names no columns: the target is asked for them right before. In a failed transaction it would
   * only fail again, and a text of several statements may make what its COPY reads.
   */
  #copyColumns(statement: KnownStatement, of: Due, sync: boolean): Buffer | undefined {
    const copy = statement.parts[0]?.copy;
    if (copy?.direction !== 'out' || statement.parts.length !== 1 || this.#session.state === 0x45)
      return undefined;
    const query = columnsQuery(copy);
    if (query === undefined) return undefined;
    const unit = this.#session.unit;
    this.#dues.push(due('parse', unit, { swallow: true }));
    this.#dues.push(due('describeStatement', unit, { swallow: true, columnsFor: of }));
    this.#dues.push(due('close', unit, { swallow: true }));
    if (sync) this.#dues.push(due('sync', unit, { swallow: true, columnsFor: of }));
    return describeQuery(query, sync);
  }

  #copyData(bytes: Buffer, at: number, end: number): CallerRun {
    let to = end;
    let size = end - at - 5;
    while (to < bytes.length && bytes[to] === TYPE.copyData) {
      const length = bytes.readInt32BE(to + 1);
      size += length - 4;
      to += 1 + length;
    }
    // A value may be cut by a message's end: what is in between is no data.
    const run = bytes.subarray(at, to);
    const meaning: Meaning = { kind: 'input', bytes: size, data: () => payload(run) };
    return this.#run(run, meaning, -1, 0, to - at, TYPE.copyData);
  }

  #functionCall(bytes: Buffer, at: number, end: number): CallerRun {
    const known = calledStatement(bytes, at, end, this.#statements);
    const statement = known ?? FUNCTION_CALL;
    this.#dues.push(due('function', this.#session.unit, { statement }));
    if (!known && this.#options.functionCalls === 'refuse') {
      return this.#unknown(bytes, at, end, TYPE.functionCall, 'function-call messages are not served');
    }
    const call = bytes.subarray(at, end);
    const meaning: Meaning = { kind: 'operation', statement, parameters: () => callArguments(call) };
    return this.#run(call, meaning, 0, 0, end - at, TYPE.functionCall);
  }
}

/** What CopyData messages hold. */
function payload(messages: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < messages.length; ) {
    const end = at + 1 + messages.readInt32BE(at + 1);
    parts.push(messages.subarray(at + 5, end));
    at = end;
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

/** A query with the columns of a COPY; undefined when the statement does not tell. */
function columnsQuery(copy: CopyAnalysis): string | undefined {
  if (copy.query !== undefined) return copy.query;
  if (!copy.relation) return undefined;
  const { schema, name } = copy.relation;
  const columns = copy.columns?.map(quoted).join(', ') ?? '*';
  return `SELECT ${columns} FROM ONLY ${schema === null ? '' : `${quoted(schema)}.`}${quoted(name)}`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A portal the session has not bound by message: an SQL cursor, or one whose Bind failed. */
function unknownPortal(name: string, session: Session): Portal {
  return {
    name,
    statement: session.cursors.get(name)?.statement ?? UNKNOWN_STATEMENT,
    prepared: undefined,
    bind: null,
    unit: session.unit,
    settled: true,
    previous: undefined,
    described: false,
    shape: null,
  };
}

function oids(bytes: Buffer, at: number, end: number): readonly number[] {
  if (at + 2 > end) throw new WireFault('a Parse message is too short');
  const count = bytes.readUInt16BE(at);
  if (at + 2 + count * 4 > end) throw new WireFault('a Parse message is too short');
  if (count === 0) return NO_TYPES;
  return Array.from({ length: count }, (_, i) => bytes.readUInt32BE(at + 2 + i * 4));
}

const NO_TYPES: readonly number[] = [];
