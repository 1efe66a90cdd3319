import type { SqlFacts, Statement } from '@scrim/model';
import type { Relation } from '@scrim/protocol-kit';
import type { StatementAnalysis } from './contracts.ts';
import { type Lineage, unknownLineage } from './lineage/index.ts';
import type { Overlay } from './lineage/temporaries.ts';
import { keptColumns, usesOf } from './lineage/uses.ts';

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
  /** What a part of it does with values. Worked out when first asked; the same object from then on. */
  lineage(part: number): Lineage;
}

/** How texts are understood; see `createPostgresProtocol`. */
export interface Understanding {
  /** Reads a text. Never throws: what it cannot read it calls incomplete. */
  analyse(sql: string): StatementAnalysis;
  /** Adds what the functions a statement calls can cause, as the target's catalog knows them. */
  resolve?(analysis: StatementAnalysis): StatementAnalysis;
  /** Adds the tables behind views and inheritance, for guards on tables. */
  widen?(facts: SqlFacts): SqlFacts;
  /** Follows the values of each statement of a text; `over` = the session's temporary tables. */
  lineage?(sql: string, over?: Overlay): readonly Lineage[];
  /** Relations whose values a statement can show. */
  reach?(facts: SqlFacts): readonly Relation[] | 'unknown';
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

  /** Whether the catalog is still the one it was judged with. */
  isCurrent(statement: KnownStatement): boolean {
    return statement.generation === this.#generation;
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
    const found = (name: string): KnownStatement | undefined => {
      const statement = prepared(name);
      return statement && this.current(statement);
    };
    const lookup = (name: string): StatementAnalysis | undefined => found(name)?.analysis;
    const analysis = this.#understanding.withPrepared?.(plain.analysis, lookup) ?? incomplete(plain.analysis);
    const own = plain.parts.map((_, i) => () => plain.lineage(i));
    const lineages = plain.parts.map(({ executes }, i) =>
      executes === undefined ? own[i] : () => found(executes)?.lineage(0) ?? unknownLineage(),
    );
    // The parts are those of the text: they still say which statement a result comes from.
    return this.#keep(full, { ...analysis, parts: plain.parts }, () =>
      lineages.map((follow) => follow?.() ?? unknownLineage()),
    );
  }

  /** The statement as one session means it that has made temporary tables: values are followed through them. */
  over(statement: KnownStatement, overlay: Overlay): KnownStatement {
    const { text, analysis, parts } = statement;
    const { tables } = analysis.facts;
    if (overlay === 'blind' ? tables.length === 0 : !overlay.concerns(tables)) return statement;
    const follow = once(() => {
      const found = this.#understanding.lineage?.(text, overlay) ?? [];
      // What it executes was judged before the tables had what they have now.
      return found.map((lineage, i) => (parts[i]?.executes === undefined ? lineage : unknownLineage()));
    });
    return { ...statement, ...this.#following(statement.facts, analysis.facts, parts, follow, overlay) };
  }

  /** Facts and lineage that rest on following values. */
  #following(
    facts: SqlFacts,
    analysed: SqlFacts,
    parts: StatementAnalysis['parts'],
    follow: () => readonly Lineage[],
    overlay?: Overlay,
  ): Pick<KnownStatement, 'facts' | 'lineage'> {
    const reach = (): readonly Relation[] | 'unknown' => this.#understanding.reach?.(analysed) ?? 'unknown';
    const columns = facts.keeps && keptColumns(facts.keeps, parts, follow, overlay);
    return {
      facts: {
        ...facts,
        ...(facts.keeps ? { keeps: { ...facts.keeps, ...(columns ? { columns } : {}) } } : {}),
        uses: once(() => usesOf(facts, parts, follow(), reach)),
      },
      lineage: (part) => follow()[part] ?? unknownLineage(),
    };
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

  #keep(text: string, analysis: StatementAnalysis, lineages?: () => readonly Lineage[]): KnownStatement {
    const { verb, parts } = analysis;
    const facts = this.#understanding.widen?.(analysis.facts) ?? analysis.facts;
    const rereads = mayReread(analysis);
    const follow = once(lineages ?? (() => this.#understanding.lineage?.(text) ?? []));
    const statement: KnownStatement = {
      verb,
      text,
      parts,
      analysis,
      rereads,
      generation: this.#generation,
      ...this.#following(facts, analysis.facts, parts, follow),
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
    lineage: unknownLineage,
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Whether it may change rows; what is not understood may. */
export function mayWrite({ facts }: KnownStatement): boolean {
  return !facts.complete || facts.effects.some((effect) => effect !== 'read' && effect !== 'session');
}

export const UNKNOWN_STATEMENT: KnownStatement = opaqueStatement(
  'EXECUTE',
  '',
  'a prepared statement or portal this session has not named',
);
export const FUNCTION_CALL: KnownStatement = opaqueStatement('FUNCTION', '', 'a function-call message');
