import type { Statement } from '@scrim/model';
import type { Analyse, PartAnalysis, StatementAnalysis } from './contracts.ts';

/** A statement as guards see it, with what the codec needs to know beside. */
export interface KnownStatement extends Statement {
  readonly facts: StatementAnalysis['facts'];
  readonly parts: readonly PartAnalysis[];
}

const MAX_ENTRIES = 4096;
const MAX_TOTAL = 32 << 20;
/** Longer texts are bulk inserts written once: keeping them would only push out what is asked again. */
const MAX_KEPT = 64 << 10;

/**
 * Statements by their text, one object per text for the whole process: verdict caches hang on that identity. Bounded
 * by count and by text size, least recently used first.
 */
export class StatementCache {
  readonly #analyse: Analyse;
  readonly #entries = new Map<string, KnownStatement>();
  #total = 0;

  constructor(analyse: Analyse) {
    this.#analyse = analyse;
  }

  get(text: string): KnownStatement {
    const known = this.#entries.get(text);
    if (known) {
      this.#entries.delete(text);
      this.#entries.set(text, known);
      return known;
    }
    const { verb, facts, parts } = this.#analyse(text);
    const statement: KnownStatement = { verb, text, facts, parts };
    if (text.length <= MAX_KEPT) this.#keep(text, statement);
    return statement;
  }

  #keep(text: string, statement: KnownStatement): void {
    this.#entries.set(text, statement);
    this.#total += text.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_ENTRIES && this.#total <= MAX_TOTAL) break;
      this.#entries.delete(oldest);
      this.#total -= oldest.length;
    }
  }
}

/** A statement nobody could read: judged as the worst there is. */
export function opaqueStatement(verb: string, text: string, why: string): KnownStatement {
  return {
    verb,
    text,
    facts: {
      kind: 'sql',
      statements: [],
      effects: ['unknown'],
      unbounded: [],
      tables: [],
      complete: false,
      opaque: [why],
    },
    parts: [],
  };
}

export const UNKNOWN_STATEMENT: KnownStatement = opaqueStatement(
  'EXECUTE',
  '',
  'a prepared statement or portal this session has not named',
);
export const FUNCTION_CALL: KnownStatement = opaqueStatement('FUNCTION', '', 'a function-call message');
