import type { SqlFacts } from '@scrim/model';
import { assemble } from './analyse.ts';
import { as, isAst } from './ast.ts';
import type {
  FunctionInfo,
  FunctionLookup,
  PartAnalysis,
  QualifiedName,
  StatementAnalysis,
} from './contract.ts';
import { asCalled, FactsCollector, mergeFacts, spelled } from './facts.ts';
import { isKnownEscape } from './functions.ts';
import { analyseNode } from './node.ts';
import { parseSql } from './parser.ts';
import { analyseFunctionBody } from './plpgsql.ts';

/** Extensions whose functions compute values and nothing else, whatever volatility they declare. */
const COMPUTING_EXTENSIONS = new Set([
  'btree_gin',
  'btree_gist',
  'citext',
  'cube',
  'earthdistance',
  'fuzzystrmatch',
  'hstore',
  'intarray',
  'ltree',
  'pg_trgm',
  'pgcrypto',
  'seg',
  'unaccent',
  'uuid-ossp',
  'vector',
]);

/** Functions followed for one statement; beyond it the statement stays incomplete. */
const MAX_FUNCTIONS = 500;

/**
 * Answers the calls of user functions: merges what their SQL and PL/pgSQL bodies can cause, and theirs in turn.
 * All overloads of a name count, since argument types are not known here. A function that is not in the catalog, is
 * written in another language, or runs computed SQL leaves the statement incomplete and is named in `opaque`.
 * A declared volatility proves nothing: a STABLE function may call a VOLATILE one that writes.
 * Gives back `analysis` itself when there was nothing to answer.
 */
export function resolve(analysis: StatementAnalysis, lookup: FunctionLookup): StatementAnalysis {
  let changed = false;
  const parts = analysis.parts.map((part) => {
    const targets = callTargets(part, lookup);
    if (targets.known.length === 0) return part;
    changed = true;
    const following = new Following(lookup);
    for (const info of targets.known) following.follow(info);
    return {
      ...part,
      calls: targets.missing,
      facts: mergeFacts([part.facts, asCalled(following.facts())]),
    };
  });
  return changed ? assemble(parts, analysis.verb) : analysis;
}

function callTargets(part: Pick<PartAnalysis, 'calls' | 'builtins' | 'attributes'>, lookup: FunctionLookup) {
  const known: FunctionInfo[] = [];
  const missing: QualifiedName[] = [];
  for (const call of part.calls) {
    const found = lookup(call);
    if (found.length === 0) missing.push(call);
    known.push(...found);
  }
  // What an extension adds to a builtin's name is for its own types and computes like the builtin.
  for (const name of part.builtins) {
    const found = lookup({ schema: null, name }).filter((info) => info.extension === null);
    known.push(...found);
  }
  for (const name of part.attributes) {
    known.push(...lookup({ schema: null, name }).filter((info) => info.rowArgument));
  }
  return { known, missing };
}

/** What running these functions can cause, all they call included. */
export function functionFacts(infos: readonly FunctionInfo[], lookup: FunctionLookup): SqlFacts {
  const following = new Following(lookup);
  for (const info of infos) following.follow(info);
  return following.facts();
}

/** Follows bodies of functions, each once, so that recursion ends. */
class Following {
  readonly #lookup: FunctionLookup;
  readonly #into = new FactsCollector();
  readonly #seen = new Set<string>();

  constructor(lookup: FunctionLookup) {
    this.#lookup = lookup;
  }

  facts(): SqlFacts {
    return this.#into.facts();
  }

  follow(info: FunctionInfo): void {
    const key = `${info.schema}.${info.name}${info.signature}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    if (this.#seen.size > MAX_FUNCTIONS) {
      this.#into.blind('too many functions');
      return;
    }
    if (info.extension !== null && COMPUTING_EXTENSIONS.has(info.extension)) return;
    const body = new FactsCollector();
    bodyFacts(body, info);
    body.passOn();
    // Whatever hides it, the message names the function the caller wrote.
    if (body.opaque.size > 0) this.#into.blind(`function ${spelled(info)}: ${[...body.opaque].join(', ')}`);
    body.opaque.clear();
    this.#into.absorb(body);
    const named = {
      calls: [...body.calls.values()],
      builtins: [...body.builtins],
      attributes: [...body.attributes],
    };
    const targets = callTargets(named, this.#lookup);
    for (const missing of targets.missing) this.#into.blind(`function ${spelled(missing)}`);
    for (const next of targets.known) this.follow(next);
    for (const part of info.parts) for (const next of this.#lookup(part)) this.follow(next);
  }
}

const RANGE_CONSTRUCTOR = /^(?:multi)?range_constructor[0-3]$/;

function bodyFacts(into: FactsCollector, info: FunctionInfo): void {
  if (info.parts.length > 0) return;
  const language = info.language.toLowerCase();
  // Written by the catalog for an operator whose function is PostgreSQL's own.
  if (language === 'internal' && info.body === '') return;
  // The server makes these itself for every range type.
  if (language === 'internal' && RANGE_CONSTRUCTOR.test(info.body ?? '')) return;
  // Only a superuser makes C functions, and a server trusts what they declare; the few that run SQL are known by name.
  if (language === 'c' && info.volatility !== 'volatile' && !isKnownEscape(info.name)) return;
  if (info.body === null) {
    into.blind(`written in ${language}`);
    return;
  }
  if (language === 'plpgsql') {
    analyseFunctionBody(into, info.body, info.signature, 0);
    return;
  }
  if (language === 'sql') {
    sqlBody(into, info, info.body);
    return;
  }
  into.blind(`written in ${language}`);
}

function sqlBody(into: FactsCollector, info: FunctionInfo, body: string): void {
  try {
    const raws = parseSql(body);
    if (info.standard) standardBody(into, as(raws[0]?.node, 'CreateFunctionStmt')?.sql_body);
    else for (const raw of raws) statement(into, raw.node);
  } catch {
    into.blind('a body that does not parse');
  }
}

/** The parsed body of a SQL-standard function: lists of statements, or one RETURN. */
function standardBody(into: FactsCollector, value: unknown): void {
  if (Array.isArray(value)) {
    for (const item of value) standardBody(into, item);
    return;
  }
  if (!isAst(value)) {
    into.blind('a body without statements');
    return;
  }
  if (isAst(value.List)) {
    standardBody(into, value.List.items ?? []);
    return;
  }
  if (isAst(value.ReturnStmt)) {
    statement(into, { SelectStmt: { targetList: [value.ReturnStmt.returnval] } });
    return;
  }
  statement(into, value);
}

function statement(into: FactsCollector, node: unknown): void {
  if (!isAst(node)) {
    into.blind('a body without statements');
    return;
  }
  if (isAst(node.SelectStmt) && node.SelectStmt.op === undefined) {
    // A RETURN expression: walked as one, named as nothing.
    const part = analyseNode({ SelectStmt: { ...node.SelectStmt, op: 'SETOP_NONE' } }, '');
    into.absorb(part.walk.into);
    return;
  }
  const part = analyseNode(node, '');
  into.absorb(part.walk.into);
  if (part.executes !== undefined) into.blind(`prepared statement ${part.executes}`);
}

/**
 * Answers EXECUTE: merges the facts of the prepared statement `lookup` gives for its name, or leaves the analysis
 * incomplete when there is none.
 */
export function withPrepared(
  analysis: StatementAnalysis,
  lookup: (name: string) => StatementAnalysis | undefined,
): StatementAnalysis {
  if (analysis.parts.every((part) => part.executes === undefined)) return analysis;
  const local = new Map<string, SqlFacts>();
  const parts = analysis.parts.map((part) => {
    if (part.prepares) local.set(part.prepares.name, part.facts);
    if (part.executes === undefined) return part;
    const facts = local.get(part.executes) ?? lookup(part.executes)?.facts;
    if (!facts) return part;
    const { executes: _answered, ...rest } = part;
    return { ...rest, facts: mergeFacts([part.facts, facts]) };
  });
  return assemble(parts, analysis.verb);
}
