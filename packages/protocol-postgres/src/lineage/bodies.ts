import { type Ast, as, child, isAst, list, qualified, strings, text } from '../statement/ast.ts';
import type { FunctionInfo } from '../statement/contract.ts';
import { parsePlpgsql, parseSql } from '../statement/parser.ts';
import { splitAssignment } from '../statement/source-text.ts';
import { type Carry, computed, type Field, Gathered, join, NOTHING, OPEN } from './carry.ts';
import { type At, type Look, Lost, start } from './look.ts';
import { type Rows, statementRows } from './rows.ts';

/** What calling a user function gives, apart from its arguments. */
export interface FunctionResult {
  readonly carry: Carry;
  readonly tests: Carry;
  /** Columns of its rows when it gives rows of a known shape. */
  readonly names: readonly string[] | undefined;
  readonly fields: readonly Field[] | undefined;
  /** Gives rows whose shape the caller must write. */
  readonly record: boolean;
}

const NOT_FOLLOWED: FunctionResult = {
  carry: OPEN,
  tests: OPEN,
  names: undefined,
  fields: undefined,
  record: false,
};

/** Follows a function's body, each once. One that calls itself or cannot be read gives what cannot be followed. */
export function functionResult(info: FunctionInfo, look: Look): FunctionResult {
  const key = `${info.schema}.${info.name}${info.signature}`;
  const { bodies } = look.world;
  const known = bodies.get(key);
  if (known !== undefined) return known ?? NOT_FOLLOWED;
  bodies.set(key, null);
  try {
    const result = look.nested(() => follow(info, look));
    bodies.set(key, result);
    return result;
  } catch (error) {
    bodies.delete(key);
    throw error;
  }
}

/** What a DO block tests, and may tell by the way it goes on. */
export function blockTests(body: string | undefined, look: Look): Carry {
  if (body === undefined) return OPEN;
  const walk = new PlpgsqlWalk(start(look, { variables: true }));
  for (const item of parsePlpgsql(`DO ${quoted(body)}`)) walk.visit(as(item, 'PLpgSQL_function'));
  return walk.pool.carry;
}

function quoted(body: string): string {
  let tag = '$scrim$';
  for (let i = 0; body.includes(tag); i++) tag = `$scrim${i}$`;
  return `${tag}${body}${tag}`;
}

function follow(info: FunctionInfo, look: Look): FunctionResult {
  const shape = resultShape(info, look);
  if (look.world.computes(info)) return { ...shape, carry: NOTHING, tests: NOTHING, fields: undefined };
  const { result, tests } = look.testing(() => bodyRows(info, look));
  if (!result) return { ...NOT_FOLLOWED, ...shape, fields: undefined };
  const { columns, pool } = result;
  const carry = join(pool, ...(columns ?? []).map(({ value }) => value.carry));
  // The caller names the columns of rows without a declared shape.
  // Which way a PL/pgSQL body goes rests on anything in it.
  const decided = info.language.toLowerCase() === 'plpgsql' ? join(tests, pool) : tests;
  const names = shape.record ? columns?.map(({ name }, i) => name ?? `column${i + 1}`) : shape.names;
  return { ...shape, carry, tests: decided, fields: fieldsOf(names, columns, pool) };
}

/** Columns of the last query under the names the function gives them. */
function fieldsOf(
  names: readonly string[] | undefined,
  columns: readonly Field[] | undefined,
  pool: Carry,
): readonly Field[] | undefined {
  if (!names || !columns) return undefined;
  const [only] = columns;
  const row = columns.length === 1 && names.length !== 1 ? only?.value.row : columns;
  if (row?.length !== names.length) return undefined;
  return names.map((name, i) => ({ name, value: computed((row[i] as Field).value.carry, pool) }));
}

interface Body {
  /** What its last query gives, by column; undefined = not known by column, all is in the pool. */
  readonly columns: readonly Field[] | undefined;
  /** What can end in any of them. */
  readonly pool: Carry;
}

function bodyRows(info: FunctionInfo, look: Look): Body | undefined {
  if (info.parts.length > 0) return aggregate(info, look);
  if (info.body === null) return undefined;
  const language = info.language.toLowerCase();
  if (language === 'plpgsql') return plpgsql(info, look);
  if (language !== 'sql') return undefined;
  const raws = parseSql(info.body);
  const nodes = info.standard
    ? standard(as(raws[0]?.node, 'CreateFunctionStmt')?.sql_body)
    : raws.map(({ node }) => node);
  if (nodes.length === 0) return undefined;
  const at = start(look, { variables: true });
  let last: Rows | undefined;
  for (const node of nodes) last = statementRows(node, at);
  if (!last) return { columns: undefined, pool: NOTHING };
  if (!last.columns) return undefined;
  return { columns: last.columns, pool: NOTHING };
}

/** Statements of a SQL-standard body: lists of them, or one RETURN. */
function standard(value: unknown): readonly Ast[] {
  if (Array.isArray(value)) return value.flatMap(standard);
  if (!isAst(value)) return [];
  if (isAst(value.List)) return standard(value.List.items ?? []);
  if (isAst(value.ReturnStmt)) {
    const target = { ResTarget: { val: value.ReturnStmt.returnval } };
    return [{ SelectStmt: { targetList: [target], op: 'SETOP_NONE' } }];
  }
  return [value];
}

/** An aggregate gives whatever the functions it is made of do. */
function aggregate(info: FunctionInfo, look: Look): Body {
  const pool = new Gathered();
  for (const part of info.parts) {
    for (const one of look.world.functions(part)) {
      if (look.world.computes(one)) continue;
      const result = functionResult(one, look);
      look.tests.add(result.tests);
      pool.add(result.carry);
    }
  }
  return { columns: undefined, pool: pool.carry };
}

const QUERY = 0;
const EXPRESSION = 2;
const ASSIGNMENT = 3;

/** Fields that hold a text which is computed when it runs. */
const DYNAMIC: Readonly<Record<string, string>> = {
  PLpgSQL_stmt_dynexecute: 'query',
  PLpgSQL_stmt_dynfors: 'query',
  PLpgSQL_stmt_return_query: 'dynquery',
  PLpgSQL_stmt_open: 'dynquery',
};

/**
 * A PL/pgSQL body: variables take values from anywhere in it, so everything its statements give or test is in one
 * pool; only the columns of RETURN QUERY stay apart.
 */
function plpgsql(info: FunctionInfo, look: Look): Body | undefined {
  const code = `CREATE FUNCTION f${info.signature} LANGUAGE plpgsql AS ${quoted(info.body ?? '')}`;
  const walk = new PlpgsqlWalk(start(look, { variables: true }));
  for (const item of parsePlpgsql(code)) walk.visit(as(item, 'PLpgSQL_function'));
  return { columns: walk.columns ?? undefined, pool: walk.pool.carry };
}

class PlpgsqlWalk {
  readonly pool = new Gathered();
  /** Columns of RETURN QUERY; null = rows of unlike shapes, which are in the pool. */
  columns: readonly Field[] | undefined | null;
  readonly #at: At;

  constructor(at: At) {
    this.#at = at;
  }

  visit(value: unknown): void {
    if (Array.isArray(value)) {
      for (const item of value) this.visit(item);
      return;
    }
    if (!isAst(value)) return;
    for (const [key, inner] of Object.entries(value)) {
      const field = DYNAMIC[key];
      if (key === 'PLpgSQL_expr' && isAst(inner)) this.#expression(inner);
      else if (field !== undefined && isAst(inner) && inner[field] !== undefined) {
        this.pool.add(OPEN);
        this.visit({ ...inner, [field]: undefined });
      } else if (key === 'PLpgSQL_stmt_return_query' && isAst(inner)) this.#returns(inner);
      else this.visit(inner);
    }
  }

  #returns(body: Ast): void {
    const query = text(child(body, 'query') ?? {}, 'query');
    if (query === undefined) {
      this.pool.add(OPEN);
      return;
    }
    const { columns } = this.#run(query);
    if (!columns) this.pool.add(OPEN);
    else if (this.columns === undefined) this.columns = columns;
    else if (this.columns?.length === columns.length) {
      this.columns = columns.map((one, i) => {
        const other = this.columns?.[i] as Field;
        return { name: one.name, value: computed(one.value.carry, other.value.carry) };
      });
    } else {
      for (const { value } of [...columns, ...(this.columns ?? [])]) this.pool.add(value.carry);
      this.columns = null;
    }
  }

  #expression(body: Ast): void {
    const query = text(body, 'query') ?? '';
    const mode = typeof body.parseMode === 'number' ? body.parseMode : QUERY;
    const { look } = this.#at;
    const { result, tests } = look.testing(() => this.#texts(query, mode).map((sql) => this.#run(sql)));
    this.pool.add(tests);
    for (const { columns, rows } of result) {
      this.pool.add(rows);
      if (!columns) this.pool.add(OPEN);
      for (const { value } of columns ?? []) this.pool.add(value.carry);
    }
  }

  #texts(query: string, mode: number): readonly string[] {
    if (mode === EXPRESSION) return [`SELECT ${query}`];
    if (mode < ASSIGNMENT) return [query];
    const parts = splitAssignment(query);
    if (!parts) throw new Lost('an assignment');
    return parts.target.includes('[')
      ? [`SELECT ${parts.target}`, `SELECT ${parts.value}`]
      : [`SELECT ${parts.value}`];
  }

  #run(sql: string): Rows {
    const found = parseSql(sql).map(({ node }) => statementRows(node, this.#at));
    const [only] = found;
    if (found.length !== 1) throw new Lost('a PL/pgSQL statement');
    // A statement without rows gives nothing.
    return only ?? { columns: [], rows: NOTHING };
  }
}

/** The columns a function's declaration promises. */
function resultShape(info: FunctionInfo, look: Look): Pick<FunctionResult, 'names' | 'record'> {
  const [raw] = parseSql(`CREATE FUNCTION f${info.signature} LANGUAGE sql AS ''`);
  const body = as(raw?.node, 'CreateFunctionStmt') ?? {};
  const given = list(body, 'parameters')
    .map((item) => as(item, 'FunctionParameter') ?? {})
    .filter(({ mode }) => /TABLE|OUT/.test(String(mode)));
  const type = child(body, 'returnType') ?? {};
  const name = qualified(strings(list(type, 'names')));
  if (given.length > 1 || given.some(({ mode }) => mode === 'FUNC_PARAM_TABLE')) {
    return { names: given.map((one, i) => text(one, 'name') ?? `column${i + 1}`), record: false };
  }
  if (given.length === 1) return { names: [text(given[0] ?? {}, 'name') ?? 'column1'], record: false };
  const names = name && !type.arrayBounds ? look.world.composite(name) : undefined;
  return { names, record: name?.name === 'record' };
}
