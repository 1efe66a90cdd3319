import { type Ast, as, child, isAst, list, qualified, strings, tagged, text } from '../statement/ast.ts';
import { type Given, rowsOf } from './call.ts';
import { type Carry, computed, either, type Field, join, NOTHING, UNKNOWN, type Value } from './carry.ts';
import { parts, test } from './expression.ts';
import type { At } from './look.ts';
import { select } from './query.ts';
import { inner, type Source, sourceOf } from './scope.ts';
import { united } from './world.ts';

/** What a FROM clause brings into a query. */
export interface From {
  readonly sources: readonly Source[];
  readonly rows: Carry;
}

/** The items of FROM in order: each LATERAL one sees those before it. */
export function fromItems(items: readonly Ast[], at: At, before: readonly Source[] = []): From {
  const sources: Source[] = [];
  const rows: Carry[] = [];
  for (const item of items) {
    const found = fromItem(item, at, [...before, ...sources]);
    sources.push(...found.sources);
    rows.push(found.rows);
  }
  return { sources, rows: join(...rows) };
}

function fromItem(item: Ast, at: At, before: readonly Source[]): From {
  at.look.step();
  const [tag, body] = tagged(item);
  switch (tag) {
    case 'RangeVar':
      return one(relation(body, at));
    case 'RangeSubselect':
      return subquery(body, at, before);
    case 'RangeFunction':
      return functions(body, at, before);
    case 'RangeTableSample': {
      const rows = test([body.args, body.repeatable], lateral(at, before));
      const found = isAst(body.relation) ? fromItem(body.relation, at, before) : one(unknownSource(body));
      return { sources: found.sources, rows: join(found.rows, rows) };
    }
    case 'JoinExpr':
      return joined(body, at, before);
    case 'RangeTableFunc':
    case 'JsonTable':
      return documentTable(body, at, before);
    default:
      return { sources: [unknownSource(body)], rows: UNKNOWN.carry };
  }
}

function one(source: Source, rows: Carry = NOTHING): From {
  return { sources: [source], rows };
}

function lateral(at: At, before: readonly Source[]): At {
  return before.length === 0 ? at : { ...at, scope: inner(at.scope, before) };
}

function aliasName(body: Ast): string | null {
  return text(child(body, 'alias') ?? {}, 'aliasname') ?? null;
}

function aliasColumns(body: Ast): readonly string[] {
  return strings(list(child(body, 'alias') ?? {}, 'colnames'));
}

function renamed(columns: readonly Field[], names: readonly string[]): readonly Field[] {
  return columns.map((column, i) => ({ name: names[i] ?? column.name, value: column.value }));
}

/** A source nothing is known of: any of its columns can carry anything. */
function unknownSource(body: Ast): Source {
  return sourceOf(aliasName(body) ?? text(body, 'relname') ?? null, undefined, UNKNOWN);
}

/** A table, view or CTE by name. */
export function relation(body: Ast, at: At): Source {
  const written = text(body, 'relname');
  const schema = text(body, 'schemaname') ?? null;
  if (written === undefined) return unknownSource(body);
  const alias = aliasName(body) ?? written;
  const names = aliasColumns(body);
  if (schema === null && at.ctes.has(written)) {
    const columns = at.ctes.get(written);
    return columns ? sourceOf(alias, renamed(columns, names)) : sourceOf(alias, undefined, UNKNOWN);
  }
  const found = united(
    at.look.world.relations({ schema: schema ?? (at.system ? 'pg_catalog' : null), name: written }),
  );
  if (!found) return sourceOf(alias, undefined, UNKNOWN);
  at.look.tests.add(found.tests);
  // New names for columns whose order is not known could be any of them.
  const any = names.length > 0 && !found.columns ? whole(found.listed, found.any) : found.any;
  return {
    alias,
    schema: aliasName(body) === null ? schema : null,
    columns: found.columns && renamed(found.columns, names),
    listed: found.columns ? renamed(found.columns, names) : found.listed,
    any,
    stored: true,
    relation: found,
  };
}

function whole(listed: readonly Field[], any: Value | undefined): Value {
  const all = [...listed.map(({ value }) => value), ...(any ? [any] : [])];
  return { ...all.reduce(either, all[0] ?? UNKNOWN), ambiguous: true };
}

function subquery(body: Ast, at: At, before: readonly Source[]): From {
  const query = as(isAst(body.subquery) ? body.subquery : undefined, 'SelectStmt');
  if (!query) return one(unknownSource(body));
  const { columns, rows } = select(query, body.lateral === true ? lateral(at, before) : at);
  const source = columns
    ? sourceOf(aliasName(body), renamed(columns, aliasColumns(body)))
    : sourceOf(aliasName(body), undefined, UNKNOWN);
  return one(source, rows);
}

function functions(body: Ast, at: At, before: readonly Source[]): From {
  const here = lateral(at, before);
  const items = list(body, 'functions').map((item) => list(as(item, 'List') ?? {}, 'items'));
  const alias = aliasName(body);
  const given: Given[] = items.map((item) => {
    const written = columnNames(list(body, 'coldeflist'));
    const own = columnNames(list({ own: item[1] }, 'own'));
    const node = item[0] ?? {};
    return rowsOf(node, here, items.length === 1 ? alias : null, written.length > 0 ? written : own);
  });
  const known = given.every(({ columns }) => columns !== undefined);
  const all = given.flatMap(({ columns, listed }) => columns ?? listed ?? []);
  const any = given.flatMap((each) => (each.any ? [each.any] : []));
  if (body.ordinality === true) all.push({ name: 'ordinality', value: computed() });
  const rest = any.length > 0 ? any.reduce(either) : undefined;
  const names = aliasColumns(body);
  // More names than columns: one of the functions gives rows of several.
  for (let i = all.length; i < names.length && rest; i++) all.push({ name: null, value: rest });
  const columns = renamed(all, names);
  const name = alias ?? functionName(items[0]?.[0]);
  const source: Source = {
    alias: name,
    schema: null,
    columns: known ? columns : undefined,
    listed: columns,
    any: rest,
    stored: false,
  };
  return one(source, join(...given.map(({ rows }) => rows)));
}

function columnNames(definitions: readonly Ast[]): readonly string[] {
  return definitions.flatMap((item) => text(as(item, 'ColumnDef') ?? {}, 'colname') ?? []);
}

function functionName(node: Ast | undefined): string | null {
  const names = list(as(node, 'FuncCall') ?? {}, 'funcname');
  return qualified(strings(names))?.name ?? null;
}

/** XMLTABLE and JSON_TABLE: every column is cut out of one document. */
function documentTable(body: Ast, at: At, before: readonly Source[]): From {
  const here = lateral(at, before);
  const value = computed(parts({ ...body, alias: undefined }, here));
  at.look.tests.add(value.carry);
  const names = tableColumns(list(body, 'columns'));
  const columns = renamed(
    names.map((name) => ({ name, value })),
    aliasColumns(body),
  );
  return one(sourceOf(aliasName(body), columns), value.carry);
}

function tableColumns(items: readonly Ast[]): readonly string[] {
  return items.flatMap((item) => {
    const [tag, column] = tagged(item);
    if (tag === 'RangeTableFuncCol') return text(column, 'colname') ?? '';
    if (column.coltype === 'JTC_NESTED') return tableColumns(list(column, 'columns'));
    return text(column, 'name') ?? '';
  });
}

function joined(body: Ast, at: At, before: readonly Source[]): From {
  const left = isAst(body.larg) ? fromItem(body.larg, at, before) : one(unknownSource(body));
  const right = isAst(body.rarg)
    ? fromItem(body.rarg, at, [...before, ...left.sources])
    : one(unknownSource(body));
  const names =
    body.isNatural === true ? common(left.sources, right.sources) : strings(list(body, 'usingClause'));
  const rows = join(left.rows, right.rows);
  test(body.quals, { ...at, scope: inner(at.scope, [...left.sources, ...right.sources]) });
  const merged = names && mergedColumns(names, left.sources, right.sources);
  for (const { value } of merged ?? []) at.look.tests.add(value.carry);
  const sources = merged
    ? mergedSources(merged, left.sources, right.sources)
    : [...left.sources, ...right.sources];
  const using = child(body, 'join_using_alias');
  if (using && merged) sources.push(bareless(sourceOf(text(using, 'aliasname') ?? null, merged)));
  if (!merged) return doubtful(body, sources, rows);
  if (child(body, 'alias')) return one(aliasedJoin(body, sources), rows);
  return { sources, rows };
}

/** A NATURAL join of columns that are not known: which are merged cannot be said. */
function doubtful(body: Ast, sources: readonly Source[], rows: Carry): From {
  const open = sources.map((source) => ({ ...source, columns: undefined, any: UNKNOWN }));
  if (!child(body, 'alias')) return { sources: open, rows: join(rows, UNKNOWN.carry) };
  return one(sourceOf(aliasName(body), undefined, UNKNOWN), rows);
}

/** Bare names that both sides have; undefined when a side's columns are not known. */
function common(left: readonly Source[], right: readonly Source[]): readonly string[] | undefined {
  const [lefts, rights] = [visible(left), visible(right)];
  if (!lefts || !rights || [...lefts, ...rights].some(({ name }) => name === null)) return undefined;
  const names = new Set(rights.map(({ name }) => name));
  return lefts.flatMap(({ name }) => (name !== null && names.has(name) ? [name] : []));
}

/** Columns a bare `*` over these gives. */
function visible(sources: readonly Source[]): readonly Field[] | undefined {
  const found: Field[] = [];
  for (const { columns, merged } of sources) {
    if (!columns) return undefined;
    found.push(...columns.filter(({ name }) => name === null || !merged?.has(name)));
  }
  return found;
}

function mergedColumns(names: readonly string[], left: readonly Source[], right: readonly Source[]): Field[] {
  return names.map((name) => ({ name, value: either(sided(left, name), sided(right, name)) }));
}

function sided(sources: readonly Source[], name: string): Value {
  const seen = sources.filter((source) => !source.merged?.has(name));
  const found = seen.flatMap((source) =>
    source.listed.filter((each) => each.name === name).map(({ value }) => value),
  );
  if (found.length > 0) return found.reduce(either);
  const any = seen.flatMap(({ any: each, listed }) => [
    ...(each ? [each] : []),
    ...listed.filter((field) => field.name === null).map(({ value }) => value),
  ]);
  return any.length > 0 ? any.reduce(either) : UNKNOWN;
}

/** Merged columns come first, and bare names mean them. */
function mergedSources(
  merged: readonly Field[],
  left: readonly Source[],
  right: readonly Source[],
): Source[] {
  const sides = [...left, ...right];
  if (merged.length === 0) return sides;
  const names = merged.map(({ name }) => name as string);
  const hidden = sides.map((source) => ({
    ...source,
    merged: new Set([...(source.merged ?? []), ...names]),
  }));
  return [sourceOf(null, merged), ...hidden];
}

/** Reached by its alias alone, and not part of `*`. */
function bareless(source: Source): Source {
  return { ...source, merged: new Set(source.listed.map(({ name }) => name as string)) };
}

/** A join with a name of its own hides the names inside it. */
function aliasedJoin(body: Ast, sources: readonly Source[]): Source {
  const columns = visible(sources);
  if (!columns) return sourceOf(aliasName(body), undefined, UNKNOWN);
  return sourceOf(aliasName(body), renamed(columns, aliasColumns(body)));
}
