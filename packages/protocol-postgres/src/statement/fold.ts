import { type Ast, as, child, constantText, flag, isAst, list, strings, tagged } from './ast.ts';

/** Value of an expression that is the same for every row; undefined = it depends on the row, or we cannot tell. */
export type Constant = boolean | number | string | null | undefined;

/** Folds constants: literals, casts of them, boolean logic, comparisons, arithmetic, CASE, COALESCE, EXISTS. */
export function fold(node: Ast): Constant {
  if (folded.has(node)) return folded.get(node);
  const value = foldNode(node);
  folded.set(node, value);
  return value;
}

/** Judging a condition asks for its parts again at every level; remembering keeps that linear. */
const folded = new WeakMap<Ast, Constant>();

function foldNode(node: Ast): Constant {
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

/** How PostgreSQL reads a value as boolean; undefined when it does not. */
export function truth(value: Constant): boolean | undefined {
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
