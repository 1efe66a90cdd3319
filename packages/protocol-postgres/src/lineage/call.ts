import { type Ast, as, child, constantText, list, qualified, strings } from '../statement/ast.ts';
import type { FunctionInfo, QualifiedName } from '../statement/contract.ts';
import { builtinEffect, isBuiltin } from '../statement/functions.ts';
import { functionResult } from './bodies.ts';
import { type Carry, computed, type Field, join, NOTHING, OPEN, rowOf, type Value } from './carry.ts';
import { evaluate, parts, test, withCarry } from './expression.ts';
import type { At } from './look.ts';

/** Builtins that say at most how many values there are, or of which type. */
const COUNTING = new Set(['count', 'num_nulls', 'num_nonnulls', 'pg_typeof']);

/** Builtins that give back their first argument, or a container of such, whole. */
const KEEPING_ROWS = new Set([
  ...['array_agg', 'unnest', 'any_value', 'first_value', 'last_value', 'lag', 'lead', 'nth_value'],
  ...['to_json', 'to_jsonb', 'row_to_json', 'json_agg', 'jsonb_agg', 'json_agg_strict', 'jsonb_agg_strict'],
  ...['json_array_elements', 'jsonb_array_elements', 'array_to_json'],
]);

const BUILDING_OBJECTS = new Set(['json_build_object', 'jsonb_build_object']);

/** Builtins that give rows, by the columns they give; the others' only column goes by the name of the function. */
const ROW_SHAPES: Readonly<Record<string, readonly string[]>> = {
  json_each: ['key', 'value'],
  json_each_text: ['key', 'value'],
  jsonb_each: ['key', 'value'],
  jsonb_each_text: ['key', 'value'],
  json_array_elements: ['value'],
  json_array_elements_text: ['value'],
  jsonb_array_elements: ['value'],
  jsonb_array_elements_text: ['value'],
};

/** Builtins of one column that give any number of rows. */
const MULTIPLYING = new Set([
  ...['generate_series', 'generate_subscripts', 'unnest', 'regexp_matches', 'regexp_split_to_table'],
  ...['string_to_table', 'json_object_keys', 'jsonb_object_keys', 'jsonb_path_query', 'jsonb_path_query_tz'],
  ...['json_populate_recordset', 'jsonb_populate_recordset', 'json_to_recordset', 'jsonb_to_recordset'],
  ...['ts_parse', 'ts_token_type', 'ts_debug', 'ts_stat', 'aclexplode', 'txid_snapshot_xip'],
]);

/** Of those, the ones whose only column is of a plain type. */
const SINGLE = new Set([
  ...['generate_series', 'generate_subscripts', 'regexp_matches', 'regexp_split_to_table', 'string_to_table'],
  ...['json_object_keys', 'jsonb_object_keys', 'jsonb_path_query', 'jsonb_path_query_tz', 'upper', 'lower'],
]);

/** A function call in an expression. */
export function call(body: Ast, at: At): Value {
  const found = calling(body, at);
  const { target, name, args, users } = found;
  const around = surroundings(body, at);
  if (!target) return computed(OPEN);
  const builtin = isBuiltin(target);
  if (multiplies(name, builtin) || users.length > 0)
    at.look.multiplied.add(join(...args.map((arg) => arg.carry)));
  if (users.length > 0 || !builtin) return withCarry(userCall(target, args, at), around);
  const more = join(around, at.scope.rows, builtinCarry(name));
  if (
    COUNTING.has(name) &&
    args.every((arg) => arg.kind !== 'computed' || arg.carry === NOTHING || arg.row)
  ) {
    if (body.agg_distinct === true) at.look.tests.add(join(...args.map((arg) => arg.carry)));
    // A whole row is there or not; a computed argument may be NULL for the very values one looks for.
    if (!args.some((arg) => arg.row?.some((each) => each.value.kind === 'computed'))) return computed(more);
  }
  if (body.agg_distinct === true) at.look.tests.add(join(...args.map((arg) => arg.carry)));
  return builtinValue(name, body, args, more);
}

interface Calling {
  readonly target: QualifiedName | undefined;
  readonly name: string;
  readonly args: readonly Value[];
  /** A user's functions that may be meant. */
  readonly users: readonly FunctionInfo[];
}

function calling(body: Ast, at: At): Calling {
  const target = qualified(strings(list(body, 'funcname')));
  const args = list(body, 'args').map((arg) => evaluate(arg, at));
  if (!target) return { target, name: '', args, users: [] };
  return { target, name: target.name, args, users: usersOf(target, at) };
}

/** User functions a call may mean; what extensions add to a builtin's name is for their own types and computes alike. */
function usersOf(target: QualifiedName, at: At): readonly FunctionInfo[] {
  const builtin = isBuiltin(target);
  if (builtin && (at.system || target.schema !== null)) return [];
  const found = at.look.world.functions(target);
  return builtin ? found.filter(({ extension }) => extension === null) : found;
}

/** FILTER, ORDER BY and OVER decide what an aggregate sees. */
function surroundings(body: Ast, at: At): Carry {
  const window = child(body, 'over');
  if (body.agg_filter === undefined && body.agg_order === undefined && !window) return NOTHING;
  const keys = test([body.agg_filter, body.agg_order], at);
  if (!window) return keys;
  const own = test([window.partitionClause, window.orderClause, window.startOffset, window.endOffset], at);
  const named = window.name !== undefined || window.refname !== undefined;
  return join(keys, own, named ? at.scope.windows : NOTHING);
}

function multiplies(name: string, builtin: boolean): boolean {
  return builtin && (MULTIPLYING.has(name) || name in ROW_SHAPES);
}

/** What a builtin can show beside its arguments. */
function builtinCarry(name: string): Carry {
  const { opaque, reads } = builtinEffect(name);
  return opaque || reads ? OPEN : NOTHING;
}

function builtinValue(name: string, body: Ast, args: readonly Value[], more: Carry): Value {
  const [first, ...others] = args;
  if (first?.row && KEEPING_ROWS.has(name)) {
    return withCarry({ ...first, kind: 'computed' }, join(more, ...others.map((arg) => arg.carry)));
  }
  if (BUILDING_OBJECTS.has(name)) {
    const object = builtObject(body, args);
    if (object) return withCarry(object, more);
  }
  return computed(more, ...args.map((arg) => arg.carry));
}

/** `jsonb_build_object('a', x, 'b', y)`: its keys are known when they are constants. */
function builtObject(body: Ast, args: readonly Value[]): Value | undefined {
  const written = list(body, 'args');
  const fields: Field[] = [];
  for (let i = 0; i + 1 < args.length; i += 2) {
    const name = constantText(as(written[i], 'A_Const') ?? {});
    if (name === undefined) return undefined;
    fields.push({ name, value: args[i + 1] as Value });
  }
  return args.length % 2 === 0 ? rowOf(fields) : undefined;
}

/** A call of whatever users have made under that name; `args` are what it is given. */
export function userCall(target: QualifiedName, args: readonly Value[], at: At): Value {
  const { look } = at;
  const given = join(...args.map((arg) => arg.carry));
  const infos = look.world.functions(target);
  if (infos.length === 0) {
    // `row.text` and the like are casts; a name nobody knows is somebody's function that was made just now.
    look.usesFunctions = true;
    return computed(given, isBuiltin(target) ? NOTHING : OPEN);
  }
  look.called.add(target.name);
  const reading = infos.filter((info) => !look.world.computes(info));
  if (reading.length === 0) return computed(given, at.scope.rows);
  look.usesFunctions = true;
  const results = reading.map((info) => functionResult(info, at.look));
  look.tests.add(join(given, ...results.map((result) => result.tests)));
  const [only] = results;
  const more = join(given, at.scope.rows);
  if (only?.fields && infos.length === 1) return withCarry(rowOf(only.fields), more);
  return computed(more, ...results.map((result) => result.carry));
}

/** What a function in FROM gives. */
export interface Given {
  /** Undefined = their number is not known. */
  readonly columns: readonly Field[] | undefined;
  /** Columns by name where there may be more. */
  readonly listed?: readonly Field[];
  readonly any: Value | undefined;
  /** What decides how many rows there are. */
  readonly rows: Carry;
}

/** A function in FROM; `alias` names the column of one that gives plain values. */
export function rowsOf(node: Ast, at: At, alias: string | null, defined: readonly string[]): Given {
  const body = as(node, 'FuncCall');
  if (!body) return single(evaluate(node, at), null, parts(node, at));
  const { target, name, args, users } = calling(body, at);
  const given = join(...args.map((arg) => arg.carry), surroundings(body, at));
  at.look.tests.add(given);
  if (!target) return { columns: undefined, any: computed(OPEN), rows: OPEN };
  if (users.length > 0 || !isBuiltin(target)) return userRows(target, users, args, at, alias, defined);
  const carry = join(given, builtinCarry(name));
  const value = computed(carry);
  if (defined.length > 0)
    return { columns: defined.map((each) => ({ name: each, value })), any: undefined, rows: carry };
  if (name === 'unnest') return unnested(list(body, 'args'), args, value, alias);
  const shape = ROW_SHAPES[name];
  if (shape) {
    const [first] = args;
    const whole = first?.row && KEEPING_ROWS.has(name) ? withCarry(first, NOTHING) : value;
    return {
      columns: shape.map((each) => ({ name: each, value: each === 'value' ? whole : value })),
      any: undefined,
      rows: carry,
    };
  }
  if (SINGLE.has(name)) return single(value, alias ?? name, carry);
  // Whether a builtin gives one column or a row of several is not known by its name alone.
  return { columns: [{ name: alias ?? name, value }], any: value, rows: carry };
}

function single(value: Value, name: string | null, rows: Carry): Given {
  return { columns: [{ name, value }], any: undefined, rows };
}

/** Rows of an array are spread over columns, several arrays stand side by side. */
function unnested(
  written: readonly Ast[],
  args: readonly Value[],
  value: Value,
  alias: string | null,
): Given {
  const columns: Field[] = [];
  let certain = true;
  args.forEach((arg, i) => {
    if (arg.row) columns.push(...arg.row);
    else {
      columns.push({
        name: args.length === 1 ? (alias ?? 'unnest') : null,
        value: { ...arg, kind: 'computed' },
      });
      certain &&= isPlainArray(written[i] ?? {});
    }
  });
  // An array of composites or a tsvector gives more columns than one.
  if (!certain) return { columns: undefined, listed: columns, any: value, rows: value.carry };
  return { columns, any: undefined, rows: value.carry };
}

/** An array made of constants, or by a builtin that makes one of text. */
function isPlainArray(node: Ast): boolean {
  const made = as(node, 'A_ArrayExpr');
  if (made) return list(made, 'elements').every((item) => as(item, 'A_Const') !== undefined);
  const name = qualified(strings(list(as(node, 'FuncCall') ?? {}, 'funcname')))?.name;
  return name === 'string_to_array' || name === 'regexp_split_to_array';
}

function userRows(
  target: QualifiedName,
  users: readonly FunctionInfo[],
  args: readonly Value[],
  at: At,
  alias: string | null,
  defined: readonly string[],
): Given {
  const value = userCall(target, args, at);
  // How many rows a function gives can be anything it knows.
  const rows = value.carry;
  if (defined.length > 0) {
    const fields = value.row?.length === defined.length ? value.row : undefined;
    const columns = defined.map((name, i) => ({ name, value: fields?.[i]?.value ?? computed(value.carry) }));
    return { columns, any: undefined, rows };
  }
  const [info] = users;
  const known = info && users.length === 1 ? functionResult(info, at.look) : undefined;
  if (!known) return { columns: undefined, any: value, rows };
  if (known.names) {
    const fields = value.row?.length === known.names.length ? value.row : undefined;
    const columns = known.names.map((name, i) => ({
      name,
      value: fields?.[i]?.value ?? computed(value.carry),
    }));
    return { columns, any: undefined, rows };
  }
  if (known.record) return { columns: undefined, any: value, rows };
  return single(value, alias ?? target.name, rows);
}
