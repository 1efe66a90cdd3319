import { type Ast, as, child, isAst, list, tagged, text } from '../statement/ast.ts';
import type { QualifiedName } from '../statement/contract.ts';
import { functionResult } from './bodies.ts';
import { type Carry, computed, either, type Field, join, NOTHING, UNKNOWN, type Value } from './carry.ts';
import { evaluate, expanded, parts, test, withCarry } from './expression.ts';
import { fromItems, relation } from './from.ts';
import type { At } from './look.ts';
import { select, targets, withClause } from './query.ts';
import { NO_ROWS, type Rows } from './rows.ts';
import { inner, type Source } from './scope.ts';

/** Values written, by column; `''` = to any column. */
type Assigned = Map<string, Carry>;

const ANY_COLUMN = '';

function assign(into: Assigned, column: string, carry: Carry): void {
  into.set(column, join(into.get(column) ?? NOTHING, carry));
}

export function insertion(body: Ast, outer: At): Rows {
  const at = withClause(body, outer);
  const target = targetOf(body, at);
  const assigned: Assigned = new Map();
  const names = columnNames(list(body, 'cols'), target);
  const query = as(isAst(body.selectStmt) ? body.selectStmt : undefined, 'SelectStmt');
  if (query) inserted(select(query, at), names, assigned);
  const conflict = child(body, 'onConflictClause');
  if (conflict) {
    const excluded: Source = { ...withAssigned(target, assigned), alias: 'excluded' };
    const here = { ...at, scope: inner(at.scope, [target, excluded]) };
    settings(list(conflict, 'targetList'), assigned, here);
    test([conflict.whereClause, child(conflict, 'infer')?.whereClause], here);
  }
  return written(body, target, [], assigned, at);
}

/** The table written to: a CTE of its name is never meant. */
function targetOf(body: Ast, at: At): Source {
  return relation(child(body, 'relation') ?? {}, { ...at, ctes: new Map() });
}

function columnNames(cols: readonly Ast[], target: Source): readonly string[] | undefined {
  if (cols.length > 0) return cols.map((item) => text(as(item, 'ResTarget') ?? {}, 'name') ?? ANY_COLUMN);
  return target.columns?.map(({ name }) => name ?? ANY_COLUMN);
}

function inserted(rows: Rows, names: readonly string[] | undefined, assigned: Assigned): void {
  if (!rows.columns) {
    assign(assigned, ANY_COLUMN, UNKNOWN.carry);
    return;
  }
  rows.columns.forEach(({ value }, i) => {
    assign(assigned, names?.[i] ?? ANY_COLUMN, value.carry);
  });
}

/** SET clauses. */
function settings(items: readonly Ast[], assigned: Assigned, at: At): void {
  for (const item of items) {
    const target = as(item, 'ResTarget') ?? {};
    const value = isAst(target.val) ? settingValue(target.val, at) : UNKNOWN;
    const index = parts(target.indirection, at);
    assign(assigned, text(target, 'name') ?? ANY_COLUMN, join(value.carry, index));
  }
}

/** One of `SET (a, b) = (SELECT …)` or `= ROW(…)` takes its own column of the source. */
function settingValue(node: Ast, at: At): Value {
  const multiple = as(node, 'MultiAssignRef');
  if (!multiple || !isAst(multiple.source)) return evaluate(node, at);
  const value = evaluate(multiple.source, at);
  const chosen =
    value.row?.length === multiple.ncolumns ? value.row?.[Number(multiple.colno) - 1] : undefined;
  return chosen ? chosen.value : value;
}

export function updating(body: Ast, outer: At): Rows {
  const at = withClause(body, outer);
  const target = targetOf(body, at);
  const from = fromItems(list(body, 'fromClause'), at, [target]);
  const here = { ...at, scope: inner(at.scope, [target, ...from.sources], from.rows) };
  const assigned: Assigned = new Map();
  settings(list(body, 'targetList'), assigned, here);
  test(body.whereClause, here);
  return written(body, target, from.sources, assigned, at);
}

export function deletion(body: Ast, outer: At): Rows {
  const at = withClause(body, outer);
  const target = targetOf(body, at);
  const from = fromItems(list(body, 'usingClause'), at, [target]);
  test(body.whereClause, { ...at, scope: inner(at.scope, [target, ...from.sources], from.rows) });
  return written(body, target, from.sources, new Map(), at);
}

export function merging(body: Ast, outer: At): Rows {
  const at = withClause(body, outer);
  const target = targetOf(body, at);
  const from = fromItems(isAst(body.sourceRelation) ? [body.sourceRelation] : [], at);
  const here = { ...at, scope: inner(at.scope, [target, ...from.sources], from.rows) };
  const assigned: Assigned = new Map();
  let merged = test(body.joinCondition, here);
  for (const item of list(body, 'mergeWhenClauses')) {
    const clause = as(item, 'MergeWhenClause') ?? {};
    merged = join(merged, test(clause.condition, here));
    const items = list(clause, 'targetList');
    if (clause.commandType !== 'CMD_INSERT') settings(items, assigned, here);
    else {
      const names = columnNames(items, target);
      const values = expanded(list(clause, 'values'), here).map((value) => ({ name: null, value }));
      inserted({ columns: values, rows: NOTHING }, names, assigned);
    }
  }
  return written(body, target, from.sources, assigned, { ...at, merging: merged });
}

/** Notes what is stored, and gives what RETURNING shows. */
function written(body: Ast, target: Source, others: readonly Source[], assigned: Assigned, at: At): Rows {
  const name: QualifiedName = {
    schema: text(child(body, 'relation') ?? {}, 'schemaname') ?? null,
    name: text(child(body, 'relation') ?? {}, 'relname') ?? '',
  };
  for (const [column, carry] of assigned) {
    at.look.stored.push({ relation: name, column: column === ANY_COLUMN ? null : column, carry });
  }
  const clause = child(body, 'returningClause');
  const items = clause ? list(clause, 'exprs') : list(body, 'returningList');
  if (items.length === 0) return NO_ROWS;
  const changed = withAssigned(target, assigned, triggered(target, at));
  const sources = [changed, ...others, ...oldAndNew(clause, changed, others)];
  return { columns: targets(items, { ...at, scope: inner(at.scope, sources) }), rows: NOTHING };
}

/** The target's row as it is after the write: what was there, what was written, and what triggers made of it. */
function withAssigned(target: Source, assigned: Assigned, more: Carry = NOTHING): Source {
  const loose = join(more, assigned.get(ANY_COLUMN) ?? NOTHING);
  const spread = target.relation?.generates === false ? loose : join(loose, ...assigned.values());
  const change = (field: Field): Field => {
    const own = field.name === null ? join(...assigned.values()) : assigned.get(field.name);
    const carry = join(spread, own ?? NOTHING);
    if (carry === NOTHING) return field;
    const changed = either(field.value, { carry, kind: 'mixed' });
    return { name: field.name, value: { ...withCarry(changed, NOTHING), kind: 'computed' } };
  };
  return {
    ...target,
    columns: target.columns?.map(change),
    listed: target.listed.map(change),
    any: target.any && computed(target.any.carry, spread, ...assigned.values()),
  };
}

function triggered(target: Source, at: At): Carry {
  const results = (target.relation?.triggers ?? []).map((info) => functionResult(info, at.look));
  for (const { tests } of results) at.look.tests.add(tests);
  return join(...results.map(({ carry }) => carry));
}

/** `old` and `new` of RETURNING, under the names the clause gives them; they are not part of `*`. */
function oldAndNew(clause: Ast | undefined, changed: Source, others: readonly Source[]): readonly Source[] {
  const named = new Map([
    ['RETURNING_OPTION_OLD', 'old'],
    ['RETURNING_OPTION_NEW', 'new'],
  ]);
  for (const item of list(clause ?? {}, 'options')) {
    const [, option] = tagged(item);
    named.set(String(option.option), text(option, 'value') ?? '');
  }
  const taken = new Set([changed, ...others].map(({ alias }) => alias));
  return [...named.values()]
    .filter((alias) => !taken.has(alias))
    .map((alias) => ({
      ...changed,
      alias,
      merged: new Set(changed.listed.flatMap(({ name }) => name ?? [])),
    }));
}
