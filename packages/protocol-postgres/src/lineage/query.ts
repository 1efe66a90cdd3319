import { type Ast, as, child, constantText, isAst, list, strings, text } from '../statement/ast.ts';
import {
  type Carry,
  computed,
  covers,
  either,
  type Field,
  Gathered,
  join,
  NOTHING,
  UNKNOWN,
  type Value,
} from './carry.ts';
import { evaluate, expanded, parts, starOf, test } from './expression.ts';
import { fromItems } from './from.ts';
import { labelOf } from './label.ts';
import type { At, Ctes } from './look.ts';
import { type Rows, statementRows } from './rows.ts';
import { bare, inner } from './scope.ts';

/** Rounds a recursive query is followed before its columns count as not followed. */
const MAX_ROUNDS = 64;

/** The rows of a SELECT, VALUES or set operation. */
export function select(body: Ast, at: At): Rows {
  at.look.step();
  return at.look.nested(() => {
    const within = withClause(body, at);
    if (isAst(body.larg) && isAst(body.rarg)) return setOperation(body, body.larg, body.rarg, within);
    if (body.valuesLists !== undefined) return values(body, within);
    return plain(body, within);
  });
}

function plain(body: Ast, at: At): Rows {
  const { look } = at;
  const from = fromItems(list(body, 'fromClause'), at);
  const scope = inner(at.scope, from.sources, from.rows);
  const unwindowed = { ...at, scope };
  test(body.whereClause, unwindowed);
  const windows = body.windowClause === undefined ? NOTHING : test(body.windowClause, unwindowed);
  const here = { ...at, scope: { ...scope, windows } };
  const before = look.multiplied;
  look.multiplied = new Gathered();
  const columns = targets(list(body, 'targetList'), here);
  const multiplied = look.multiplied.carry;
  look.multiplied = before;
  look.tests.add(multiplied);
  groups(body, columns, here);
  test(body.havingClause, here);
  const limits = order(body, columns, here);
  return { columns, rows: join(from.rows, multiplied, limits) };
}

/** ORDER BY and DISTINCT compare values; LIMIT counts rows by one. */
function order(body: Ast, columns: readonly Field[] | undefined, at: At): Carry {
  for (const item of list(body, 'sortClause')) sortKey(as(item, 'SortBy')?.node, columns, at);
  if (body.distinctClause !== undefined) distinct(body.distinctClause, columns, at);
  return test([body.limitCount, body.limitOffset], at);
}

/** `SELECT DISTINCT` is a list with nothing in it. */
function distinct(clause: unknown, columns: readonly Field[] | undefined, at: At): void {
  const keys = (Array.isArray(clause) ? clause : []).filter(
    (key) => isAst(key) && Object.keys(key).length > 0,
  );
  for (const key of keys) sortKey(key, columns, at);
  if (keys.length === 0) compared(columns, at);
}

function compared(columns: readonly Field[] | undefined, at: At): void {
  at.look.tests.add(columns ? join(...columns.map(({ value }) => value.carry)) : UNKNOWN.carry);
}

/** A key of ORDER BY: a number or a name of the output, or an expression. */
function sortKey(node: unknown, columns: readonly Field[] | undefined, at: At): void {
  if (!isAst(node)) return;
  const number = constantText(as(node, 'A_Const') ?? {});
  const name = soleName(node);
  if (number !== undefined) {
    const value = columns ? columns[Number(number) - 1]?.value : UNKNOWN;
    at.look.tests.add(value?.carry ?? NOTHING);
  } else if (name !== undefined) at.look.tests.add(keyNamed(name, columns, at));
  else test(node, at);
}

function keyNamed(name: string, columns: readonly Field[] | undefined, at: At): Carry {
  const outputs = (columns ?? []).filter((column) => column.name === name || column.name === null);
  const input = bare(at.scope, name);
  if (!input && !outputs.some((column) => column.name === name))
    return at.variables ? NOTHING : UNKNOWN.carry;
  return join(input?.carry ?? NOTHING, ...outputs.map(({ value }) => value.carry));
}

function soleName(node: Ast): string | undefined {
  const fields = list(as(node, 'ColumnRef') ?? {}, 'fields');
  return fields.length === 1 ? strings(fields)[0] : undefined;
}

function groups(body: Ast, columns: readonly Field[] | undefined, at: At): void {
  for (const item of list(body, 'groupClause')) {
    const set = as(item, 'GroupingSet');
    if (set) groups({ groupClause: set.content }, columns, at);
    else sortKey(item, columns, at);
  }
}

/** Columns of a select or RETURNING list; undefined when a `*` in it is not known. */
export function targets(items: readonly Ast[], at: At): readonly Field[] | undefined {
  const columns: Field[] = [];
  let known = true;
  for (const item of items) {
    const target = as(item, 'ResTarget');
    const value = target?.val;
    if (!target || !isAst(value)) return undefined;
    const star = starOf(value, at);
    if (star === undefined)
      columns.push({ name: text(target, 'name') ?? labelOf(value), value: evaluate(value, at) });
    else if (star === null) {
      known = false;
      parts(value, at);
    } else columns.push(...star);
  }
  return known ? columns : undefined;
}

function values(body: Ast, at: At): Rows {
  const lists = list(body, 'valuesLists').map((item) => list(as(item, 'List') ?? {}, 'items'));
  let columns: readonly Value[] | undefined;
  for (const row of lists) {
    const found = expanded(row, at);
    if (columns && columns.length !== found.length) return { columns: undefined, rows: NOTHING };
    columns = columns?.map((value, i) => either(value, found[i] as Value)) ?? found;
  }
  const named = columns?.map((value, i) => ({ name: `column${i + 1}`, value }));
  const limits = order(body, named, at);
  return { columns: named, rows: limits };
}

/** Rows of both sides come out, EXCEPT only the left's; all but UNION ALL compare them. */
function setOperation(body: Ast, larg: Ast, rarg: Ast, at: At): Rows {
  const [left, right] = [select(larg, at), select(rarg, at)];
  const columns = side(body.op === 'SETOP_EXCEPT' ? [left, left] : [left, right]);
  if (body.op !== 'SETOP_UNION' || body.all !== true) {
    for (const arm of [left, right]) compared(arm.columns, at);
  }
  const limits = order(body, columns, { ...at, scope: inner(at.scope, []) });
  return { columns, rows: join(left.rows, right.rows, limits) };
}

function side([left, right]: readonly Rows[]): readonly Field[] | undefined {
  const [lefts, rights] = [left?.columns, right?.columns];
  if (!lefts || !rights || lefts.length !== rights.length) return undefined;
  return lefts.map(({ name, value }, i) => ({ name, value: either(value, rights[i]?.value ?? UNKNOWN) }));
}

/** The point inside a statement's WITH clause. */
export function withClause(body: Ast, at: At): At {
  const clause = child(body, 'withClause');
  if (!clause) return at;
  const ctes = new Map(at.ctes);
  const items = list(clause, 'ctes').map((item) => as(item, 'CommonTableExpr') ?? {});
  // Until it has been followed, what a recursive clause may name is not known.
  if (clause.recursive === true) for (const cte of items) ctes.set(text(cte, 'ctename') ?? '', undefined);
  for (const cte of items) {
    const name = text(cte, 'ctename') ?? '';
    const found = cteRows(cte, name, { ...at, ctes }, clause.recursive === true);
    ctes.set(name, found && extended(cte, renamed(found, cte)));
  }
  return { ...at, ctes };
}

function cteRows(cte: Ast, name: string, at: At, recursive: boolean): readonly Field[] | undefined {
  const query = isAst(cte.ctequery) ? cte.ctequery : {};
  const body = as(query, 'SelectStmt');
  if (!recursive || !isAst(body?.larg)) return statementRows(query, at).columns;
  return recursion(cte, name, body, at);
}

/** A recursive query: its rows feed it again, until nothing new can come of it. */
function recursion(cte: Ast, name: string, body: Ast, at: At): readonly Field[] | undefined {
  let columns = select(body.larg as Ast, withClause(body, at)).columns;
  for (let round = 0; columns && round < MAX_ROUNDS; round++) {
    const ctes: Ctes = new Map(at.ctes).set(name, extended(cte, renamed(columns, cte)));
    const next: readonly Field[] | undefined = select(body, { ...at, ctes }).columns;
    if (next?.length !== columns.length) return undefined;
    const before = columns;
    if (next.every((column, i) => covers((before[i] as Field).value.carry, column.value.carry))) return next;
    columns = next.map((column, i) => ({
      name: column.name,
      value: either(column.value, (before[i] as Field).value),
    }));
  }
  return undefined;
}

export function renamed(columns: readonly Field[], cte: Ast): readonly Field[] {
  const names = strings(list(cte, 'aliascolnames'));
  return columns.map((column, i) => ({ name: names[i] ?? column.name, value: column.value }));
}

/** SEARCH and CYCLE add columns made of the others. */
function extended(cte: Ast, columns: readonly Field[]): readonly Field[] {
  const value = computed(...columns.map((column) => column.value.carry));
  const search = text(child(cte, 'search_clause') ?? {}, 'search_seq_column');
  const cycle = child(cte, 'cycle_clause') ?? {};
  const more = [search, text(cycle, 'cycle_mark_column'), text(cycle, 'cycle_path_column')];
  return [...columns, ...more.flatMap((name) => (name === undefined ? [] : [{ name, value }]))];
}
