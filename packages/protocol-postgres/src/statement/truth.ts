import { type Ast, as, child, constantText, flag, isAst, list, strings, tagged, text } from './ast.ts';
import { isVolatile } from './functions.ts';

/** Value of an expression that is the same for every row; undefined = it depends on the row, or we cannot tell. */
type Constant = boolean | number | string | null | undefined;

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
    if (body.boolop === 'OR_EXPR' && (args.some((arg) => restrictsAll(arg, scope)) || complementary(args)))
      return true;
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

/** Folds constants: literals, casts of them, boolean logic, comparisons, arithmetic, CASE, COALESCE, EXISTS. */
export function fold(node: Ast): Constant {
  const [tag, body] = tagged(node);
  switch (tag) {
    case 'A_Const':
      return foldConstant(body);
    case 'TypeCast':
      return foldCast(body);
    case 'BoolExpr':
      return foldBool(body);
    case 'A_Expr':
      return foldOperator(body);
    case 'NullTest': {
      const value = isAst(body.arg) ? fold(body.arg) : undefined;
      if (value === undefined) return undefined;
      return (value === null) === (body.nulltesttype === 'IS_NULL');
    }
    case 'BooleanTest':
      return foldBooleanTest(body);
    case 'CoalesceExpr': {
      for (const arg of list(body, 'args')) {
        const value = fold(arg);
        if (value !== null) return value;
      }
      return null;
    }
    case 'CaseExpr':
      return foldCase(body);
    case 'SubLink':
      return foldSubquery(body);
    case 'CollateClause':
      return isAst(body.arg) ? fold(body.arg) : undefined;
    default:
      return undefined;
  }
}

function foldConstant(body: Ast): Constant {
  if (flag(body, 'isnull')) return null;
  if (isAst(body.boolval)) return body.boolval.boolval === true;
  const written = constantText(body);
  if (written === undefined) return undefined;
  return isAst(body.sval) ? written : Number(written);
}

const TRUE_WORDS = /^\s*(?:t|tr|tru|true|y|ye|yes|on|1)\s*$/i;
const FALSE_WORDS = /^\s*(?:f|fa|fal|fals|false|n|no|of|off|0)\s*$/i;

function foldCast(body: Ast): Constant {
  const value = isAst(body.arg) ? fold(body.arg) : undefined;
  if (value === undefined || value === null) return value;
  const type = strings(list(child(body, 'typeName') ?? {}, 'names')).at(-1);
  if (type === 'bool' || type === 'boolean') return truth(value);
  if (type !== undefined && /^(?:int[248]?|integer|bigint|smallint|numeric|float[48])$/.test(type)) {
    const number = Number(value);
    return Number.isNaN(number) ? undefined : number;
  }
  return String(value);
}

function truth(value: Constant): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return value !== 0;
  if (typeof value !== 'string') return undefined;
  if (TRUE_WORDS.test(value)) return true;
  return FALSE_WORDS.test(value) ? false : undefined;
}

function foldBool(body: Ast): Constant {
  const values = list(body, 'args').map((arg) => {
    const value = fold(arg);
    return value === null ? null : truth(value);
  });
  if (body.boolop === 'NOT_EXPR') {
    const value = values[0];
    return typeof value === 'boolean' ? !value : value;
  }
  const decisive = body.boolop === 'OR_EXPR';
  if (values.includes(decisive)) return decisive;
  if (values.includes(undefined)) return undefined;
  return values.includes(null) ? null : !decisive;
}

function foldOperator(body: Ast): Constant {
  const operator = strings(list(body, 'name')).at(-1) ?? '';
  if (body.kind === 'AEXPR_IN') return foldMembership(body, operator);
  if (body.kind === 'AEXPR_BETWEEN' || body.kind === 'AEXPR_BETWEEN_SYM') return foldBetween(body);
  const left = isAst(body.lexpr) ? fold(body.lexpr) : undefined;
  const right = isAst(body.rexpr) ? fold(body.rexpr) : undefined;
  if (!isAst(body.lexpr)) return typeof right === 'number' ? (operator === '-' ? -right : right) : undefined;
  if (left === undefined || right === undefined) return undefined;
  if (body.kind === 'AEXPR_NOT_DISTINCT') return compare('=', left, right) ?? left === right;
  if (body.kind === 'AEXPR_DISTINCT') return !(compare('=', left, right) ?? left === right);
  if (left === null || right === null) return null;
  if (body.kind === 'AEXPR_LIKE' || body.kind === 'AEXPR_ILIKE') return foldLike(operator, left, right);
  if (body.kind !== 'AEXPR_OP') return undefined;
  return compare(operator, left, right) ?? arithmetic(operator, left, right);
}

function compare(operator: string, left: Constant, right: Constant): boolean | undefined {
  if (left === null || right === null || left === undefined || right === undefined) return undefined;
  const [a, b] = alike(left, right);
  if (operator === '=') return a === b;
  if (operator === '<>' || operator === '!=') return a !== b;
  if (typeof a !== 'number' && typeof a !== 'boolean') return undefined;
  if (operator === '<') return a < b;
  if (operator === '<=') return a <= b;
  if (operator === '>') return a > b;
  if (operator === '>=') return a >= b;
  return undefined;
}

/** An unquoted number against a quoted one compares as numbers, a boolean word as booleans: as PostgreSQL types them. */
function alike(
  left: string | number | boolean,
  right: string | number | boolean,
): [string | number | boolean, string | number | boolean] {
  if (typeof left === typeof right) return [left, right];
  if (typeof left === 'boolean' || typeof right === 'boolean') {
    return [truth(left) ?? left, truth(right) ?? right];
  }
  return [Number(left), Number(right)];
}

function arithmetic(operator: string, left: Constant, right: Constant): Constant {
  if (operator === '||') return `${left}${right}`;
  if (typeof left !== 'number' || typeof right !== 'number') return undefined;
  if (operator === '+') return left + right;
  if (operator === '-') return left - right;
  if (operator === '*') return left * right;
  return undefined;
}

function foldLike(operator: string, left: Constant, right: Constant): Constant {
  if (right !== left && !/^%+$/.test(String(right))) return undefined;
  return operator === '~~' || operator === '~~*';
}

function foldMembership(body: Ast, operator: string): Constant {
  const left = isAst(body.lexpr) ? fold(body.lexpr) : undefined;
  if (left === undefined || left === null) return undefined;
  const values = list(body, 'rexpr').map(fold);
  if (values.some((value) => value !== undefined && compare('=', left, value) === true))
    return operator === '=';
  return values.some((value) => value === undefined || value === null) ? undefined : operator !== '=';
}

function foldBetween(body: Ast): Constant {
  const value = isAst(body.lexpr) ? fold(body.lexpr) : undefined;
  const [low, high] = list(body, 'rexpr').map(fold);
  const above = compare('>=', value, low);
  const below = compare('<=', value, high);
  return above === undefined || below === undefined ? undefined : above && below;
}

function foldBooleanTest(body: Ast): Constant {
  const value = isAst(body.arg) ? fold(body.arg) : undefined;
  if (value === undefined) return undefined;
  const is = value === null ? null : truth(value);
  if (is === undefined) return undefined;
  const wanted = String(body.booltesttype);
  const state = is === null ? 'UNKNOWN' : is ? 'TRUE' : 'FALSE';
  return wanted.startsWith('IS_NOT_') ? !wanted.endsWith(state) : wanted.endsWith(state);
}

function foldCase(body: Ast): Constant {
  if (body.arg !== undefined) return undefined;
  for (const item of list(body, 'args')) {
    const when = as(item, 'CaseWhen');
    if (!when || !isAst(when.expr) || !isAst(when.result)) return undefined;
    const value = fold(when.expr);
    if (value === undefined) return undefined;
    if (truth(value) === true) return fold(when.result);
  }
  return isAst(body.defresult) ? fold(body.defresult) : null;
}

/** A subquery without FROM yields one row: EXISTS of it is true, its value that of its only target. */
function foldSubquery(body: Ast): Constant {
  const select = as(isAst(body.subselect) ? body.subselect : undefined, 'SelectStmt');
  const tests = body.subLinkType === 'EXISTS_SUBLINK' || body.subLinkType === 'ANY_SUBLINK';
  if (select && tests && isEmpty(select)) return false;
  if (!select || !isBare(select)) return undefined;
  if (body.subLinkType === 'EXISTS_SUBLINK') return true;
  const targets = list(select, 'targetList');
  const value = as(targets[0], 'ResTarget')?.val;
  if (targets.length !== 1 || !isAst(value)) return undefined;
  if (body.subLinkType === 'EXPR_SUBLINK') return fold(value);
  if (body.subLinkType !== 'ANY_SUBLINK' || !isAst(body.testexpr)) return undefined;
  return compare('=', fold(body.testexpr), fold(value));
}

/** A filter that is constantly false leaves no row (an ungrouped aggregate would still give one). */
function isEmpty(select: Ast): boolean {
  if (!isAst(select.whereClause) || select.op !== 'SETOP_NONE') return false;
  return (
    fold(select.whereClause) === false && !hasCall(select.targetList) && select.havingClause === undefined
  );
}

function hasCall(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(hasCall);
  return isAst(node) && (isAst(node.FuncCall) || Object.values(node).some(hasCall));
}

function isBare(select: Ast): boolean {
  const plain = [
    'fromClause',
    'havingClause',
    'groupClause',
    'limitCount',
    'limitOffset',
    'withClause',
    'valuesLists',
  ];
  if (plain.some((key) => select[key] !== undefined) || select.op !== 'SETOP_NONE') return false;
  return !isAst(select.whereClause) || truth(fold(select.whereClause)) === true;
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
  return shape(left) === shape(right) && !hasVolatile(left);
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

/** The tree without positions, as text to compare. */
function shape(node: unknown): string {
  return JSON.stringify(node, (key, value) =>
    key === 'location' || key === 'stmt_location' ? undefined : value,
  );
}

function hasVolatile(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(hasVolatile);
  if (!isAst(node)) return false;
  const call = as(node, 'FuncCall');
  if (call && isVolatile(strings(list(call, 'funcname')).at(-1) ?? '')) return true;
  return Object.values(node).some(hasVolatile);
}

const OPPOSITE = new Map([
  ['=', '<>'],
  ['<', '>='],
  ['>', '<='],
]);

/** Whether two arms of an OR cover everything between them: `x IS NULL OR x IS NOT NULL`, `a < 1 OR a >= 1`, `p OR NOT p`. */
function complementary(args: readonly Ast[]): boolean {
  return args.some((one, index) =>
    args.slice(index + 1).some((other) => opposite(one, other) || opposite(other, one)),
  );
}

function opposite(one: Ast, other: Ast): boolean {
  const [tagA, a] = tagged(one);
  const [tagB, b] = tagged(other);
  if (tagB === 'BoolExpr' && b.boolop === 'NOT_EXPR') return shape(list(b, 'args')[0]) === shape(one);
  if (tagA !== tagB) return false;
  if (tagA === 'NullTest') return a.nulltesttype !== b.nulltesttype && shape(a.arg) === shape(b.arg);
  if (tagA !== 'A_Expr' || a.kind !== 'AEXPR_OP' || b.kind !== 'AEXPR_OP') return false;
  const operator = strings(list(a, 'name')).at(-1) ?? '';
  const against = strings(list(b, 'name')).at(-1) ?? '';
  return (
    OPPOSITE.get(operator) === against &&
    shape(a.lexpr) === shape(b.lexpr) &&
    shape(a.rexpr) === shape(b.rexpr)
  );
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
