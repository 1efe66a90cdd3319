import type { SqlFacts, Statement } from '@scrim/model';
import type { StatementAnalysis } from './contracts.ts';

/** A statement as guards see it, with what the codec needs to know beside. */
export interface KnownStatement extends Statement {
  readonly facts: SqlFacts;
  readonly parts: StatementAnalysis['parts'];
  readonly analysis: StatementAnalysis;
  /**
   * True when running it may change how the target reads the texts that come behind it: `client_encoding`,
   * `standard_conforming_strings`, and whatever brings old values of those back.
   */
  readonly rereads: boolean;
  /** Catalog generation its facts were judged with. */
  readonly generation: number;
}

/** How texts are understood; see `createPostgresProtocol`. */
export interface Understanding {
  /** Reads a text. Never throws: what it cannot read it calls incomplete. */
  analyse(sql: string): StatementAnalysis;
  /** Adds what the functions a statement calls can cause, as the target's catalog knows them. */
  resolve?(analysis: StatementAnalysis): StatementAnalysis;
  /** Adds the tables behind views and inheritance, for guards on tables. */
  widen?(facts: SqlFacts): SqlFacts;
  /** Adds what the prepared statements can cause that SQL EXECUTE names. */
  withPrepared?(
    analysis: StatementAnalysis,
    lookup: (name: string) => StatementAnalysis | undefined,
  ): StatementAnalysis;
}

const MAX_ENTRIES = 4096;
const MAX_TOTAL = 32 << 20;
/** Longer texts are bulk inserts written once: keeping them would only push out what is asked again. */
const MAX_KEPT = 64 << 10;

/**
 * Statements of one target database by their text, one object per text for all its sessions: verdict caches hang on
 * that identity. Bounded by count and by text size, least recently used first.
 */
export class StatementCache {
  readonly #understanding: Understanding;
  readonly #entries = new Map<string, KnownStatement>();
  #total = 0;
  #generation = 0;

  constructor(understanding: Understanding) {
    this.#understanding = understanding;
  }

  /** The catalog changed: functions may do something else now, so everything is judged anew. */
  renew(): void {
    this.#generation += 1;
    this.#entries.clear();
    this.#total = 0;
  }

  get(text: string): KnownStatement {
    return this.#recall(text) ?? this.#keep(text, this.#judged(this.#understanding.analyse(text)));
  }

  /** The statement as it is judged today. */
  current(statement: KnownStatement): KnownStatement {
    if (statement.generation === this.#generation || statement.generation < 0) return statement;
    return this.get(statement.text);
  }

  /**
   * The statement of a text that runs prepared statements of the session by SQL EXECUTE: it can cause what they can,
   * and an approver reads them too.
   */
  within(text: string, prepared: (name: string) => KnownStatement | undefined): KnownStatement {
    const plain = this.get(text);
    const names = plain.parts.flatMap(({ executes }) => executes ?? []);
    if (names.length === 0) return plain;
    const definitions = names.map((name) => `-- ${name}: ${prepared(name)?.text ?? 'not known'}`);
    const full = [text, ...definitions].join('\n');
    const known = this.#recall(full);
    if (known) return known;
    const lookup = (name: string): StatementAnalysis | undefined => {
      const found = prepared(name);
      return found && this.current(found).analysis;
    };
    const analysis = this.#understanding.withPrepared?.(plain.analysis, lookup) ?? incomplete(plain.analysis);
    // The parts are those of the text: they still say which statement a result comes from.
    return this.#keep(full, { ...analysis, parts: plain.parts });
  }

  #judged(analysis: StatementAnalysis): StatementAnalysis {
    return this.#understanding.resolve?.(analysis) ?? analysis;
  }

  #recall(text: string): KnownStatement | undefined {
    const known = this.#entries.get(text);
    if (known) {
      this.#entries.delete(text);
      this.#entries.set(text, known);
    }
    return known;
  }

  #keep(text: string, analysis: StatementAnalysis): KnownStatement {
    const { verb, parts } = analysis;
    const facts = this.#understanding.widen?.(analysis.facts) ?? analysis.facts;
    const rereads = mayReread(analysis);
    const statement: KnownStatement = {
      verb,
      text,
      facts,
      parts,
      analysis,
      rereads,
      generation: this.#generation,
    };
    if (text.length > MAX_KEPT) return statement;
    this.#entries.set(text, statement);
    this.#total += text.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_ENTRIES && this.#total <= MAX_TOTAL) break;
      this.#entries.delete(oldest);
      this.#total -= oldest.length;
    }
    return statement;
  }
}

function incomplete(analysis: StatementAnalysis): StatementAnalysis {
  const { facts } = analysis;
  return {
    ...analysis,
    facts: { ...facts, complete: false, opaque: [...facts.opaque, 'a prepared statement'] },
  };
}

/** Commands that leave settings alone, as long as nothing they call changes one. */
const STEADY: ReadonlySet<string> = new Set([
  ...[
    'SELECT',
    'INSERT',
    'UPDATE',
    'DELETE',
    'MERGE',
    'BEGIN',
    'START TRANSACTION',
    'SAVEPOINT',
    'FETCH',
    'MOVE',
  ],
  ...['DECLARE CURSOR', 'CLOSE CURSOR', 'COPY', 'SHOW', 'LISTEN', 'NOTIFY'],
]);

function mayReread({ facts, parts }: StatementAnalysis): boolean {
  if (!facts.complete || facts.effects.includes('session') || facts.effects.includes('unknown')) return true;
  return parts.some((part) => !STEADY.has(part.tag) || part.sets.length > 0);
}

/** A statement nobody could read: judged as the worst there is. */
export function opaqueStatement(verb: string, text: string, why: string): KnownStatement {
  const facts: SqlFacts = {
    kind: 'sql',
    statements: [],
    effects: ['unknown'],
    unbounded: [],
    tables: [],
    complete: false,
    opaque: [why],
  };
  return {
    verb,
    text,
    facts,
    parts: [],
    analysis: { verb, facts, parts: [] },
    rereads: true,
    generation: -1,
  };
}

export const UNKNOWN_STATEMENT: KnownStatement = opaqueStatement(
  'EXECUTE',
  '',
  'a prepared statement or portal this session has not named',
);
export const FUNCTION_CALL: KnownStatement = opaqueStatement('FUNCTION', '', 'a function-call message');
