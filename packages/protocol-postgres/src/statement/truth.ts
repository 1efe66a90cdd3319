import { type Ast, as, child, isAst, list, strings, tagged, text } from './ast.ts';
import { fold, truth } from './fold.ts';
import { isVolatile } from './functions.ts';

/** What a WHERE is judged against: the relation being written and the other items of the statement. */
export interface WriteScope {
  /** Alias or name of the target as conditions call it. */
  readonly target: string;
  /** The target's own name and schema, to recognise a subquery on the same table. */
  readonly relation: { readonly schema: string | null; readonly name: string };
  /** Aliases of the other relations of FROM or USING, with the relation each stands for. */
  readonly others: ReadonlyMap<string, { readonly schema: string | null; readonly name: string } | null>;
  /** CTEs in scope by name. */
  readonly ctes: ReadonlyMap<string, Ast>;
}

/**
 * True when the condition restricts no row of the target: absent, constantly true, a tautology such as `id = id`, or
 * not looking at the target's columns at all, so that it takes all rows or none. Errs towards true only where no
 * column of the target can be meant.
 */
export function restrictsNothing(where: Ast | undefined, scope: WriteScope): boolean {
  if (!where) return true;
  const [tag, body] = tagged(where);
  if (tag === 'CurrentOfExpr') return false;
  if (tag === 'BoolExpr') {
    const args = list(body, 'args');
    if (body.boolop === 'AND_EXPR') {
      return !args.some((arg) => fold(arg) === false) && args.every((arg) => restrictsNothing(arg, scope));
    }
  }
  return restrictsAll(where, scope);
}

function restrictsAll(condition: Ast, scope: WriteScope): boolean {
  const value = fold(condition);
  if (value === false || value === null) return false;
  if (value !== undefined) return true;
  if (tautology(condition, scope)) return true;
  const [tag, body] = tagged(condition);
  if (tag === 'BoolExpr' && body.boolop !== 'NOT_EXPR') return boolTruth(body, scope);
  return !mentionsTarget(condition, scope);
}

function boolTruth(body: Ast, scope: WriteScope): boolean {
  const args = list(body, 'args');
  if (body.boolop === 'OR_EXPR') return args.some((arg) => restrictsAll(arg, scope)) || complementary(args);
  return args.every((arg) => restrictsAll(arg, scope));
}

const REFLEXIVE = new Set(['=', '<=', '>=']);

/** True for every row, at most bar NULLs: `id = id`, `id IN (id)`, `name LIKE '%'`, `ctid IS NOT NULL`, `EXISTS (same)`. */
function tautology(node: Ast, scope: WriteScope): boolean {
  const [tag, body] = tagged(node);
  if (tag === 'NullTest') return body.nulltesttype === 'IS_NOT_NULL' && isSystemColumn(body.arg);
  if (tag === 'SubLink') return wholeTable(body, scope);
  if (tag === 'BooleanTest' && isAst(body.arg)) {
    return body.booltesttype === 'IS_TRUE' && restrictsAll(body.arg, scope);
  }
  if (tag === 'BoolExpr' && body.boolop === 'NOT_EXPR') return neverHolds(list(body, 'args')[0], scope);
  if (tag !== 'A_Expr') return false;
  const operator = strings(list(body, 'name')).at(-1) ?? '';
  const left = body.lexpr;
  const right = body.rexpr;
  if (body.kind === 'AEXPR_IN')
    return operator === '=' && list(body, 'rexpr').some((item) => same(left, item, scope));
  if (body.kind === 'AEXPR_BETWEEN') return list(body, 'rexpr').every((item) => same(left, item, scope));
  if (body.kind === 'AEXPR_NOT_DISTINCT') return same(left, right, scope);
  const pattern = isAst(right) ? fold(right) : undefined;
  if (body.kind === 'AEXPR_LIKE' || body.kind === 'AEXPR_ILIKE') {
    return !operator.startsWith('!') && (/^%+$/.test(String(pattern)) || same(left, right, scope));
  }
  if (body.kind === 'AEXPR_OP_ANY') return operator === '=' && anyOfItself(left, right, scope);
  if (body.kind !== 'AEXPR_OP') return false;
  if (operator === '~' || operator === '~*') return /^(?:\^?(?:\.\*)?\$?)$/.test(String(pattern ?? 'x'));
  return REFLEXIVE.has(operator) && same(left, right, scope);
}

function neverHolds(node: Ast | undefined, scope: WriteScope): boolean {
  const body = as(node, 'A_Expr');
  if (!body) return false;
  if (body.kind !== 'AEXPR_OP' && body.kind !== 'AEXPR_DISTINCT') return false;
  const operator = strings(list(body, 'name')).at(-1) ?? '';
  const strict = body.kind === 'AEXPR_DISTINCT' || operator === '<>' || operator === '<' || operator === '>';
  return strict && same(body.lexpr, body.rexpr, scope);
}

function anyOfItself(left: unknown, right: unknown, scope: WriteScope): boolean {
  if (!isAst(right)) return false;
  const [tag, body] = tagged(right);
  if (tag === 'A_ArrayExpr') return list(body, 'elements').some((item) => same(left, item, scope));
  if (tag === 'SubLink' && body.subLinkType === 'ARRAY_SUBLINK' && isAst(left)) {
    return wholeTable({ ...body, subLinkType: 'ANY_SUBLINK', testexpr: left }, scope);
  }
  return false;
}

const SYSTEM_COLUMNS = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']);

function isSystemColumn(node: unknown): boolean {
  const column = isAst(node) ? columnName(node) : undefined;
  return column !== undefined && SYSTEM_COLUMNS.has(column.at(-1) ?? '');
}

function columnName(node: Ast): readonly string[] | undefined {
  const body = as(node, 'ColumnRef');
  return body ? strings(list(body, 'fields')) : undefined;
}

/** Two spellings of one value: equal trees without volatile calls, or one column of the target through a self-join. */
function same(left: unknown, right: unknown, scope: WriteScope): boolean {
  if (!isAst(left) || !isAst(right)) return false;
  const a = columnName(stripCasts(left));
  const b = columnName(stripCasts(right));
  if (a && b) {
    if (a.at(-1) !== b.at(-1)) return false;
    return standsForTarget(a, scope) && standsForTarget(b, scope);
  }
  if (tagged(left)[0] !== tagged(right)[0]) return false;
  const told = shape(left);
  return told !== undefined && told === shape(right) && !hasVolatile(left);
}

function stripCasts(node: Ast): Ast {
  const [tag, body] = tagged(node);
  if (tag === 'TypeCast' && isAst(body.arg)) return stripCasts(body.arg);
  if (tag === 'CollateClause' && isAst(body.arg)) return stripCasts(body.arg);
  const sign = tag === 'A_Expr' && body.kind === 'AEXPR_OP' && !isAst(body.lexpr);
  if (sign && strings(list(body, 'name'))[0] === '+' && isAst(body.rexpr)) return stripCasts(body.rexpr);
  return node;
}

function standsForTarget(column: readonly string[], scope: WriteScope): boolean {
  const qualifier = column.at(-2);
  if (qualifier === undefined || qualifier === scope.target) return true;
  const other = scope.others.get(qualifier);
  return other?.name === scope.relation.name;
}

/** Nodes of an expression that is compared with another; a larger one equals nothing, so that comparing stays linear. */
const MAX_COMPARED = 400;

/** The tree without positions, as text to compare; undefined when it is too large. */
function shape(node: unknown): string | undefined {
  let nodes = 0;
  const told = (key: string, value: unknown): unknown => {
    if (++nodes > MAX_COMPARED) throw TOO_LARGE;
    return key === 'location' || key === 'stmt_location' ? undefined : value;
  };
  try {
    return JSON.stringify(node, told);
  } catch (error) {
    if (error === TOO_LARGE) return undefined;
    throw error;
  }
}

const TOO_LARGE = new Error('too large to compare');

function hasVolatile(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(hasVolatile);
  if (!isAst(node)) return false;
  const call = as(node, 'FuncCall');
  if (call && isVolatile(strings(list(call, 'funcname')).at(-1) ?? '')) return true;
  return Object.values(node).some(hasVolatile);
}

const OPPOSITE = new Map([
  ['=', '<>'],
  ['<>', '='],
  ['<', '>='],
  ['>=', '<'],
  ['>', '<='],
  ['<=', '>'],
]);

/** Whether two arms of an OR cover everything between them: `x IS NULL OR x IS NOT NULL`, `a < 1 OR a >= 1`, `p OR NOT p`. */
function complementary(args: readonly Ast[]): boolean {
  const seen = new Set<string>();
  for (const arg of args) {
    const said = shape(arg);
    if (said !== undefined) seen.add(said);
  }
  return args.some((arg) => {
    const other = opposite(arg);
    return other !== undefined && seen.has(other);
  });
}

/** The shape of what holds exactly when `node` does not (NULLs apart). */
function opposite(node: Ast): string | undefined {
  const [tag, body] = tagged(node);
  if (tag === 'BoolExpr' && body.boolop === 'NOT_EXPR') return shape(list(body, 'args')[0]);
  if (tag === 'NullTest') {
    const other = body.nulltesttype === 'IS_NULL' ? 'IS_NOT_NULL' : 'IS_NULL';
    return shape({ NullTest: { ...body, nulltesttype: other } });
  }
  if (tag !== 'A_Expr' || body.kind !== 'AEXPR_OP') return undefined;
  const names = strings(list(body, 'name'));
  const other = OPPOSITE.get(names.at(-1) ?? '');
  if (names.length !== 1 || other === undefined) return undefined;
  return shape({ A_Expr: { ...body, name: [{ String: { sval: other } }] } });
}

/** `id IN (SELECT id FROM same)` and `EXISTS (SELECT … FROM t2 WHERE t2.id = t.id)` on the same table, unfiltered. */
function wholeTable(body: Ast, scope: WriteScope): boolean {
  const select = as(isAst(body.subselect) ? body.subselect : undefined, 'SelectStmt');
  if (!select) return false;
  const source = unfilteredSource(select, scope, body.subLinkType === 'EXISTS_SUBLINK');
  if (!source) return false;
  if (body.subLinkType === 'EXISTS_SUBLINK') {
    const inner: WriteScope = { ...scope, others: new Map([...scope.others, [source, scope.relation]]) };
    return isAst(select.whereClause) && restrictsNothing(select.whereClause, inner);
  }
  if (body.subLinkType !== 'ANY_SUBLINK' || !isAst(body.testexpr) || body.operName !== undefined)
    return false;
  const wanted = columnsOf(body.testexpr);
  const given = list(select, 'targetList').flatMap((target) => {
    const value = as(target, 'ResTarget')?.val;
    return isAst(value) ? [columnName(stripCasts(value))?.at(-1)] : [undefined];
  });
  return (
    wanted.length === given.length &&
    wanted.every((name, index) => name !== undefined && name === given[index])
  );
}

function columnsOf(node: Ast): readonly (string | undefined)[] {
  const row = as(node, 'RowExpr');
  if (row) return list(row, 'args').map((arg) => columnName(stripCasts(arg))?.at(-1));
  return [columnName(stripCasts(node))?.at(-1)];
}

/** Alias of the target's own table when the SELECT reads all of it: no filter, limit, join or grouping. */
function unfilteredSource(select: Ast, scope: WriteScope, filterAllowed: boolean): string | undefined {
  const narrowing = [
    'havingClause',
    'groupClause',
    'limitCount',
    'limitOffset',
    'withClause',
    'distinctClause',
  ];
  if (narrowing.some((key) => select[key] !== undefined) || select.op !== 'SETOP_NONE') return undefined;
  if (!filterAllowed && isAst(select.whereClause) && truth(fold(select.whereClause)) !== true)
    return undefined;
  const from = list(select, 'fromClause');
  const relation = as(from[0], 'RangeVar');
  if (from.length !== 1 || !relation) return undefined;
  const name = text(relation, 'relname');
  const alias = text(child(relation, 'alias') ?? {}, 'aliasname') ?? name;
  if (name === undefined || alias === undefined) return undefined;
  const cte = text(relation, 'schemaname') === undefined ? scope.ctes.get(name) : undefined;
  if (cte) {
    const query = as(isAst(cte.ctequery) ? cte.ctequery : undefined, 'SelectStmt');
    return query && unfilteredSource(query, { ...scope, ctes: new Map() }, false) !== undefined
      ? alias
      : undefined;
  }
  return name === scope.relation.name ? alias : undefined;
}

/**
 * Whether the condition can look at a row of the target: an unqualified column, one qualified by the target, or
 * anything in a subquery that could refer outwards.
 */
function mentionsTarget(node: unknown, scope: WriteScope, inner: ReadonlySet<string> = new Set()): boolean {
  if (Array.isArray(node)) return node.some((item) => mentionsTarget(item, scope, inner));
  if (!isAst(node)) return false;
  const column = as(node, 'ColumnRef');
  if (column) {
    const names = strings(list(column, 'fields'));
    const star = list(column, 'fields').length !== names.length;
    const qualifier = star ? names.at(-1) : names.at(-2);
    if (qualifier === undefined) return true;
    return !inner.has(qualifier) && !scope.others.has(qualifier);
  }
  const select = as(node, 'SelectStmt');
  if (select) {
    const names = new Set([...inner, ...list(select, 'fromClause').flatMap(rangeNames)]);
    return Object.values(select).some((value) => mentionsTarget(value, scope, names));
  }
  return Object.values(node).some((value) => mentionsTarget(value, scope, inner));
}

/** Names by which conditions may call the items of one FROM entry. */
export function rangeNames(item: Ast): readonly string[] {
  const [tag, body] = tagged(item);
  const alias = text(child(body, 'alias') ?? {}, 'aliasname');
  if (tag === 'JoinExpr') {
    const sides = [body.larg, body.rarg].flatMap((side) => (isAst(side) ? rangeNames(side) : []));
    return alias === undefined ? sides : [...sides, alias];
  }
  if (alias !== undefined) return [alias];
  const name = text(body, 'relname');
  return name === undefined ? [] : [name];
}
