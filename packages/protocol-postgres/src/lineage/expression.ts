import {
  type Ast,
  as,
  child,
  constantText,
  isAst,
  isTag,
  list,
  qualified,
  strings,
  tagged,
} from '../statement/ast.ts';
import { isBuiltinOperator } from '../statement/functions.ts';
import { call, userCall } from './call.ts';
import {
  type Carry,
  CONSTANT,
  computed,
  either,
  type Field,
  join,
  NOTHING,
  rowOf,
  UNKNOWN,
  type Value,
} from './carry.ts';
import { type At, Lost } from './look.ts';
import { select } from './query.ts';
import { aliased, bare, columnOf, type Source, systemColumn, wholeRow } from './scope.ts';

type Handler = (body: Ast, at: At) => Value;

const constant: Handler = () => CONSTANT;

const HANDLERS: Readonly<Record<string, Handler>> = {
  A_Const: constant,
  ParamRef: constant,
  SQLValueFunction: constant,
  GroupingFunc: constant,
  SetToDefault: constant,
  CurrentOfExpr: constant,
  TypeName: constant,
  String: constant,
  Integer: constant,
  ColumnRef: columnRef,
  A_Indirection: indirection,
  A_Expr: operatorCall,
  FuncCall: call,
  SubLink: sublink,
  CaseExpr: caseExpression,
  NullTest: nullTest,
  TypeCast: cast,
  RowExpr: row,
  CoalesceExpr: (body, at) => choice(body, at),
  MergeSupportFunc: (_body, at) => computed(at.merging),
  SelectStmt: (body, at) => subselect(body, at),
};

/** What a value of the expression can carry. What it has no rule for is the union of its parts. */
export function evaluate(node: Ast, at: At): Value {
  at.look.step();
  const [tag, body] = tagged(node);
  const handler = HANDLERS[tag];
  return handler ? handler(body, at) : computed(parts(body, at));
}

/** The union of everything inside: an expression's value comes from nothing but its parts. */
export function parts(value: unknown, at: At): Carry {
  if (Array.isArray(value)) return join(...value.map((item) => parts(item, at)));
  if (!isAst(value)) return NOTHING;
  const found: Carry[] = [];
  for (const key in value) {
    const inner = value[key];
    if (typeof inner !== 'object' || inner === null) continue;
    if (key === 'typeName') continue;
    found.push(isTag(key) && isAst(inner) ? evaluate({ [key]: inner }, at).carry : parts(inner, at));
  }
  return join(...found);
}

/** Evaluates what decides about rows or values: it is tested. */
export function test(value: unknown, at: At): Carry {
  const carry = parts(value, at);
  at.look.tests.add(carry);
  return carry;
}

function columnRef(body: Ast, at: At): Value {
  const fields = list(body, 'fields');
  const names = strings(fields);
  if (names.length < fields.length) return starRow(names, at);
  const [name, alias, schema] = [names.at(-1), names.at(-2), names.at(-3)];
  if (name === undefined) return UNKNOWN;
  if (alias === undefined) return bare(at.scope, name) ?? unresolved(at);
  const sources = aliased(at.scope, alias, schema);
  if (!sources) return unresolved(at);
  return sources.map((source) => member(source, name, at)).reduce(either);
}

function unresolved(at: At): Value {
  return at.variables ? CONSTANT : UNKNOWN;
}

/** `alias.name`: a column, or a function called on the row. */
function member(source: Source, name: string, at: At): Value {
  return columnOf(source, name) ?? systemColumn(source, name) ?? attribute(wholeRow(source), name, at);
}

/** `(row).name` where the row has no such field: a function of one argument is called that way, as is a cast. */
function attribute(value: Value, name: string, at: At): Value {
  const called = at.look.world.functions({ schema: null, name }).length > 0;
  // Without such a function it is a field of a composite value, or a cast of the row.
  return called ? userCall({ schema: null, name }, [value], at) : computed(value.carry);
}

/** `alias.*` inside an expression is the whole row. */
function starRow(names: readonly string[], at: At): Value {
  const fields = starFields(names, at);
  if (fields) return rowOf(fields);
  const sources = names.length === 0 ? at.scope.sources : aliased(at.scope, names.at(-1) ?? '', names.at(-2));
  return sources ? computed(...sources.map((source) => wholeRow(source).carry)) : unresolved(at);
}

/** Columns of `*` or `alias.*`; undefined = not known. */
function starFields(names: readonly string[], at: At): readonly Field[] | undefined {
  const alias = names.at(-1);
  const sources = alias === undefined ? at.scope.sources : aliased(at.scope, alias, names.at(-2));
  if (!sources || (alias !== undefined && sources.length !== 1)) return undefined;
  const found: Field[] = [];
  for (const source of sources) {
    if (!source.columns) return undefined;
    const { merged, columns } = source;
    found.push(...columns.filter(({ name }) => alias !== undefined || !name || !merged?.has(name)));
  }
  return found;
}

/** Columns of `(value).*`. */
function rowFields(node: Ast, at: At): readonly Field[] | undefined {
  const body = as(node, 'A_Indirection');
  if (!body) return undefined;
  const steps = list(body, 'indirection');
  return indirection({ ...body, indirection: steps.slice(0, -1) }, at).row;
}

function indirection(body: Ast, at: At): Value {
  let value = isAst(body.arg) ? evaluate(body.arg, at) : UNKNOWN;
  for (const step of list(body, 'indirection')) {
    const [name] = strings([step]);
    const index = as(step, 'A_Indices');
    if (name !== undefined) value = field(value, name, at);
    else if (index) value = element(value, index, at);
  }
  return value;
}

function field(value: Value, name: string, at: At): Value {
  return key(value, name) ?? attribute(value, name, at);
}

/** The field of that name, if the fields are known. */
function key(value: Value, name: string): Value | undefined {
  const found = value.row?.filter((one) => one.name === name || one.name === null) ?? [];
  if (!found.some((one) => one.name === name)) return undefined;
  const one = found.map((each) => each.value).reduce(either);
  return { ...one, kind: 'computed' };
}

/** A subscript: an element of an array, or a key of JSON. */
function element(value: Value, index: Ast, at: At): Value {
  const name = constantText(as(isAst(index.uidx) ? index.uidx : undefined, 'A_Const') ?? {});
  const chosen = name === undefined ? undefined : key(value, name);
  const by = parts([index.uidx, index.lidx], at);
  return withCarry(chosen ?? { ...value, kind: 'computed' }, by);
}

/** The value with more behind it, in each of its fields too. */
export function withCarry(value: Value, more: Carry): Value {
  if (more === NOTHING) return value;
  const row = value.row?.map((one) => ({ name: one.name, value: withCarry(one.value, more) }));
  return { carry: join(value.carry, more), kind: 'computed', ...(row ? { row } : {}) };
}

function operatorCall(body: Ast, at: At): Value {
  const names = strings(list(body, 'name'));
  const symbol = names.at(-1) ?? '';
  const sides = [body.lexpr, body.rexpr].map((side) => operand(side, at));
  const user = String(body.kind).includes('BETWEEN')
    ? [...operatorCarries(['<='], at), ...operatorCarries(['>='], at)]
    : operatorCarries(names, at);
  const [left, right] = sides as [Value, Value];
  if (symbol === '->' || symbol === '->>') {
    const name = constantText(as(isAst(body.rexpr) ? body.rexpr : undefined, 'A_Const') ?? {});
    const chosen = name === undefined ? undefined : key(left, name);
    if (chosen) return withCarry(chosen, join(...user));
    if (left.row && name !== undefined && /^-?\d+$/.test(name)) return withCarry(left, join(...user));
  }
  return computed(left.carry, right.carry, ...user);
}

function operand(side: unknown, at: At): Value {
  if (Array.isArray(side)) return computed(parts(side, at));
  return isAst(side) ? evaluate(side, at) : CONSTANT;
}

/** What a user's operator of that name brings in beside its operands. */
function operatorCarries(names: readonly string[], at: At): readonly Carry[] {
  const target = qualified(names);
  if (!target) return [];
  const own = isBuiltinOperator(target.schema, target.name);
  if (own && (at.system || target.schema !== null)) return [];
  const found = at.look.world
    .functions({ schema: target.schema, name: `operator ${target.name}` })
    .filter((info) => !at.look.world.computes(info));
  if (found.length === 0) return own ? [] : unknownOperator(target, at);
  return [userCall({ schema: target.schema, name: `operator ${target.name}` }, [], at).carry];
}

function unknownOperator(target: { schema: string | null; name: string }, at: At): readonly Carry[] {
  const known = at.look.world.functions({ schema: target.schema, name: `operator ${target.name}` });
  return known.length > 0 ? [] : [UNKNOWN.carry];
}

/** A subquery's value; what it tests inside decides whether there is one, so that counts as carried. */
function sublink(body: Ast, at: At): Value {
  const operators = operatorCarries(strings(list(body, 'operName')), at);
  const outer = isAst(body.testexpr) ? evaluate(body.testexpr, at).carry : NOTHING;
  const query = isAst(body.subselect) ? as(body.subselect, 'SelectStmt') : undefined;
  if (!query) return UNKNOWN;
  if (body.subLinkType === 'EXISTS_SUBLINK') {
    const { tests } = at.look.testing(() => select(query, at));
    return computed(tests);
  }
  const value = subselect(query, at);
  if (outer === NOTHING && operators.length === 0 && !isComparing(body)) return value;
  if (isComparing(body)) at.look.tests.add(join(outer, value.carry));
  return computed(outer, value.carry, ...operators);
}

function isComparing(body: Ast): boolean {
  return body.subLinkType !== 'EXPR_SUBLINK' && body.subLinkType !== 'ARRAY_SUBLINK';
}

function subselect(query: Ast, at: At): Value {
  const { result, tests } = at.look.testing(() => select(query, at));
  const { columns, rows } = result;
  if (!columns) return UNKNOWN;
  const [only] = columns;
  const more = join(tests, rows);
  if (only && columns.length === 1) return withCarry({ ...only.value, kind: 'computed' }, more);
  return withCarry(rowOf(columns), more);
}

function caseExpression(body: Ast, at: At): Value {
  const whens = list(body, 'args').map((item) => as(item, 'CaseWhen') ?? {});
  const tests = test([body.arg, whens.map((when) => when.expr)], at);
  return computed(tests, parts([whens.map((when) => when.result), body.defresult], at));
}

/** Whether a stored value is NULL is no more than its presence; of a computed one it can be the answer to a test. */
function nullTest(body: Ast, at: At): Value {
  const value = isAst(body.arg) ? evaluate(body.arg, at) : UNKNOWN;
  if (value.kind !== 'computed') return CONSTANT;
  const stored = value.row?.every((one) => one.value.kind !== 'computed') && as(body.arg as Ast, 'ColumnRef');
  return stored ? CONSTANT : computed(value.carry);
}

function cast(body: Ast, at: At): Value {
  const value = isAst(body.arg) ? evaluate(body.arg, at) : UNKNOWN;
  const type = child(body, 'typeName') ?? {};
  const name = qualified(strings(list(type, 'names')));
  const { row: given } = value;
  const fields = given && name && !type.arrayBounds ? at.look.world.composite(name) : undefined;
  if (given && fields?.length === given.length) {
    return rowOf(given.map((one, i) => ({ name: fields[i] ?? null, value: one.value })));
  }
  return computed(value.carry);
}

function row(body: Ast, at: At): Value {
  return rowOf(expanded(list(body, 'args'), at).map((value, i) => ({ name: `f${i + 1}`, value })));
}

/** Values of a list in which `t.*` and `(row).*` stand for their columns. */
export function expanded(items: readonly Ast[], at: At): readonly Value[] {
  return items.flatMap((item) => {
    const star = starOf(item, at);
    if (star === null) throw new Lost('a row whose columns are not known');
    return star?.map(({ value }) => value) ?? [evaluate(item, at)];
  });
}

/** Columns of `*`, `t.*` and `(row).*`; null = not known; undefined = it is no star. */
export function starOf(value: Ast, at: At): readonly Field[] | null | undefined {
  const reference = as(value, 'ColumnRef');
  const written = list(reference ?? as(value, 'A_Indirection') ?? {}, reference ? 'fields' : 'indirection');
  if (written.at(-1)?.A_Star === undefined) return undefined;
  return (reference ? starFields(strings(written), at) : rowFields(value, at)) ?? null;
}

/** COALESCE: one of them, and which one says whether the others are NULL. */
function choice(body: Ast, at: At): Value {
  const values = list(body, 'args').map((arg) => evaluate(arg, at));
  const [only] = values;
  return values.length === 1 && only
    ? { ...only, kind: 'computed' }
    : computed(...values.map(({ carry }) => carry));
}
