import { Buffer } from 'node:buffer';
import type { PartAnalysis, StatementAnalysis } from './contract.ts';
import { blindFacts, mergeFacts, openEnds } from './facts.ts';
import { analyseNode } from './node.ts';
import { parseSql, type RawStatement } from './parser.ts';

/** Texts longer than this many characters are not parsed: they are judged as unknown. */
export const MAX_TEXT = 256 * 1024;
/** Statements of one text beyond this many are not analysed: the text is judged as unknown. */
const MAX_STATEMENTS = 10_000;
/** Analyses kept, by text. */
const CACHE_ENTRIES = 2_000;
/** Characters of text kept as cache keys: 16 MiB at two bytes each. */
const CACHE_CHARACTERS = 8 * 1024 * 1024;

const cache = new Map<string, StatementAnalysis>();
let cached = 0;

/**
 * What the text of one or more SQL statements can cause. Never throws for what a caller wrote: what PostgreSQL's
 * grammar does not accept, is too long or nests too deeply comes back incomplete with effect `unknown`.
 * The same text gives the same object while it stays in the bounded cache, so verdicts can be kept by identity.
 *
 * @throws Error when the parser was not loaded ({@link loadParser}).
 */
export function analyse(sql: string): StatementAnalysis {
  const known = cache.get(sql);
  if (known) {
    cache.delete(sql);
    cache.set(sql, known);
    return known;
  }
  const analysis = analyseUncached(sql);
  if (sql.length <= MAX_TEXT) remember(sql, analysis);
  return analysis;
}

function remember(sql: string, analysis: StatementAnalysis): void {
  cache.set(sql, analysis);
  cached += sql.length;
  for (const text of cache.keys()) {
    if (cache.size <= CACHE_ENTRIES && cached <= CACHE_CHARACTERS) return;
    cache.delete(text);
    cached -= text.length;
  }
}

function analyseUncached(sql: string): StatementAnalysis {
  if (sql.length > MAX_TEXT) return unknown(`a text of more than ${MAX_TEXT / 1024} kB`);
  if (sql.includes('\0')) return unknown('a text with a NUL character');
  let raws: readonly RawStatement[];
  try {
    raws = parseSql(sql);
  } catch (error) {
    if (error instanceof Error && error.message.includes('not loaded')) throw error;
    return unknown('text that does not parse as PostgreSQL');
  }
  if (raws.length > MAX_STATEMENTS) return unknown('too many statements in one text');
  try {
    const bytes = raws.length > 1 ? Buffer.from(sql, 'utf8') : undefined;
    return assemble(raws.map((raw) => analyseNode(raw.node, bytes ? sourceOf(bytes, raw) : sql).finish()));
  } catch {
    // A tree too deep to walk ends here as a RangeError; anything else unforeseen fails closed the same way.
    return unknown('text that is nested too deeply');
  }
}

/** The statement's own text: positions are bytes of UTF-8, which equal characters only in ASCII. */
function sourceOf(bytes: Buffer, raw: RawStatement): string {
  const end = raw.length === undefined ? bytes.length : raw.offset + raw.length;
  return bytes.toString('utf8', raw.offset, end);
}

function unknown(why: string): StatementAnalysis {
  return { verb: 'UNKNOWN', facts: blindFacts(why), parts: [] };
}

/** Puts parts together: the union of their facts and of what they leave open. */
export function assemble(parts: readonly PartAnalysis[], verb = verbOf(parts)): StatementAnalysis {
  if (parts.length === 0) return { verb: 'EMPTY', facts: EMPTY, parts };
  return { verb, facts: mergeFacts(parts.flatMap((part) => [part.facts, ...openEnds(part)])), parts };
}

const EMPTY = {
  kind: 'sql',
  statements: [],
  effects: [],
  unbounded: [],
  tables: [],
  complete: true,
  opaque: [],
} as const;

function verbOf(parts: readonly PartAnalysis[]): string {
  const tags = [...new Set(parts.map((part) => part.tag))];
  return tags.length > 3 ? `${tags.slice(0, 3).join('; ')}; …` : tags.join('; ');
}
