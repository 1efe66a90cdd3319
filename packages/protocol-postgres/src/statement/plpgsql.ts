import { type Ast, as, isAst, text } from './ast.ts';
import type { FactsCollector } from './facts.ts';
import { analyseNode } from './node.ts';
import { parsePlpgsql, parseSql } from './parser.ts';
import { splitAssignment } from './source-text.ts';
import { NO_CTES, Walk } from './walk.ts';

/** How PL/pgSQL hands a text to the SQL grammar (RawParseMode in PostgreSQL's parser.h). */
const EXPRESSION = 2;
const ASSIGNMENT = 3;

/** Statements whose text is computed when they run, by the field that holds the text. */
const DYNAMIC: { readonly [tag: string]: string } = {
  PLpgSQL_stmt_dynexecute: 'query',
  PLpgSQL_stmt_dynfors: 'query',
  PLpgSQL_stmt_return_query: 'dynquery',
  PLpgSQL_stmt_open: 'dynquery',
};

/** Analyses the body of a DO block. What does not parse as PL/pgSQL is opaque. */
export function analyseBlock(into: FactsCollector, body: string, depth: number): void {
  analyseCode(into, `DO ${quoted(body)}`, depth);
}

/** Analyses a PL/pgSQL function body; `signature` = its parameters and result as CREATE FUNCTION spells them. */
export function analyseFunctionBody(
  into: FactsCollector,
  body: string,
  signature: string,
  depth: number,
): void {
  analyseCode(into, `CREATE FUNCTION f${signature} LANGUAGE plpgsql AS ${quoted(body)}`, depth);
}

function quoted(body: string): string {
  let tag = '$scrim$';
  for (let i = 0; body.includes(tag); i++) tag = `$scrim${i}$`;
  return `${tag}${body}${tag}`;
}

function analyseCode(into: FactsCollector, code: string, depth: number): void {
  let functions: readonly Ast[];
  try {
    functions = parsePlpgsql(code);
  } catch {
    into.blind('a PL/pgSQL body that does not parse');
    return;
  }
  const before = into.statements.size;
  for (const item of functions) {
    const body = as(item, 'PLpgSQL_function');
    if (body?.action === undefined) into.blind('a PL/pgSQL body without statements');
    else walkCode(into, body, depth);
  }
  // Reading is what a block does at least, so that its effects are never empty while it has statements.
  if (into.statements.size > before) into.effects.add('read');
}

function walkCode(into: FactsCollector, node: unknown, depth: number): void {
  if (Array.isArray(node)) {
    for (const item of node) walkCode(into, item, depth);
    return;
  }
  if (!isAst(node)) return;
  for (const [key, value] of Object.entries(node)) {
    const field = DYNAMIC[key];
    if (key === 'PLpgSQL_expr' && isAst(value)) expression(into, value, depth);
    else if (field !== undefined && isAst(value) && value[field] !== undefined) {
      dynamic(into, value[field], depth);
      walkCode(into, { ...value, [field]: undefined }, depth);
    } else walkCode(into, value, depth);
  }
}

/** A static statement or expression: parsed like any other text. Variables of the block look like columns. */
function expression(into: FactsCollector, body: Ast, depth: number): void {
  const query = text(body, 'query') ?? '';
  const mode = typeof body.parseMode === 'number' ? body.parseMode : 0;
  if (mode >= ASSIGNMENT) {
    const parts = splitAssignment(query);
    if (!parts) {
      into.blind('a PL/pgSQL assignment');
      return;
    }
    if (parts.target.includes('[')) statements(into, `SELECT ${parts.target}`, depth, true);
    statements(into, `SELECT ${parts.value}`, depth, true);
    return;
  }
  if (mode === EXPRESSION) {
    statements(into, `SELECT ${query}`, depth, true);
    return;
  }
  statements(into, query, depth, false);
}

/** EXECUTE of a literal is as good as static; anything computed could be every statement. */
function dynamic(into: FactsCollector, value: unknown, depth: number): void {
  const query = text(as(isAst(value) ? value : undefined, 'PLpgSQL_expr') ?? {}, 'query');
  const written = query === undefined ? undefined : literalText(query);
  if (written === undefined) {
    into.blind('dynamic SQL (EXECUTE)');
    into.keep('calls');
  } else statements(into, written, depth, false);
}

function literalText(query: string): string | undefined {
  try {
    const walk = parseSql(`SELECT ${query}`);
    const select = as(walk[0]?.node, 'SelectStmt');
    const targets = Array.isArray(select?.targetList) ? select.targetList : [];
    const constant = as(as(targets[0], 'ResTarget')?.val as Ast | undefined, 'A_Const');
    return targets.length === 1 && isAst(constant?.sval) ? (text(constant.sval, 'sval') ?? '') : undefined;
  } catch {
    return undefined;
  }
}

function statements(into: FactsCollector, sql: string, depth: number, expressionOnly: boolean): void {
  try {
    for (const raw of parseSql(sql)) {
      if (expressionOnly) {
        const walk = new Walk();
        walk.visit(raw.node, NO_CTES);
        into.absorb(walk.into);
        continue;
      }
      const part = analyseNode(raw.node, sql, depth + 1);
      into.absorb(part.walk.into);
      if (part.executes !== undefined) into.blind(`prepared statement ${part.executes}`);
    }
  } catch {
    into.blind('a statement of a PL/pgSQL body that does not parse');
  }
}
