import { type Ast, as, child, isAst, list, strings, tagged } from './ast.ts';

/** Functions without a row's value in them: presence, cardinality, clocks, the session's own identity. */
const NILADIC = new Set([
  'now',
  'version',
  'current_database',
  'current_schema',
  'pg_backend_pid',
  'clock_timestamp',
]);
const COUNTING = new Set(['count', 'num_nulls', 'num_nonnulls', 'pg_typeof']);
const RANKING = new Set(['row_number']);

/**
 * For each target of a plain SELECT, whether it reveals at most presence or cardinality of what it is computed from:
 * constants, `count`, `IS NULL`, clocks. Undefined for set operations and VALUES. A `*` shifts every later position,
 * so the answer ends before the first one: a column without an answer is not harmless.
 */
export function harmlessTargets(select: Ast): readonly boolean[] | undefined {
  if (select.op !== 'SETOP_NONE' || select.valuesLists !== undefined) return undefined;
  const found: boolean[] = [];
  for (const item of list(select, 'targetList')) {
    const value = as(item, 'ResTarget')?.val;
    if (!isAst(value)) return found;
    if (isStar(value)) return found;
    found.push(isHarmless(value));
  }
  return found;
}

function isStar(value: Ast): boolean {
  const [tag, body] = tagged(value);
  const parts =
    tag === 'ColumnRef' ? list(body, 'fields') : tag === 'A_Indirection' ? list(body, 'indirection') : [];
  return parts.some((part) => part.A_Star !== undefined);
}

function isHarmless(value: Ast): boolean {
  const [tag, body] = tagged(value);
  switch (tag) {
    case 'A_Const':
    case 'SQLValueFunction':
    case 'GroupingFunc':
      return true;
    case 'NullTest':
      return isAst(body.arg) && !hasSubquery(body.arg);
    case 'TypeCast':
      return isAst(body.arg) && isHarmless(body.arg);
    case 'FuncCall':
      return harmlessCall(body);
    case 'SubLink':
      return body.subLinkType === 'EXISTS_SUBLINK' && isUnfiltered(body.subselect);
    default:
      return false;
  }
}

function harmlessCall(call: Ast): boolean {
  const names = strings(list(call, 'funcname'));
  if (names.length > 2 || (names.length === 2 && names[0] !== 'pg_catalog')) return false;
  const name = names.at(-1) ?? '';
  // FILTER and WITHIN GROUP turn a count into a probe of single values; DISTINCT shows cardinality alone.
  const probing = ['agg_filter', 'agg_order', 'agg_within_group'];
  if (probing.some((key) => call[key] !== undefined)) return false;
  const args = list(call, 'args');
  const window = child(call, 'over');
  if (window && (window.name !== undefined || window.partitionClause !== undefined)) return false;
  if (window?.orderClause !== undefined) return false;
  if (RANKING.has(name)) return window !== undefined && args.length === 0;
  if (NILADIC.has(name)) return args.length === 0 && !window;
  return COUNTING.has(name) && args.every((arg) => isPlain(arg));
}

/** A column, a constant or `*`: counting an expression with CASE or NULLIF inside would test single values. */
function isPlain(arg: Ast): boolean {
  const [tag] = tagged(arg);
  return tag === 'ColumnRef' || tag === 'A_Const';
}

function isUnfiltered(subselect: unknown): boolean {
  const select = as(isAst(subselect) ? subselect : undefined, 'SelectStmt');
  if (select?.op !== 'SETOP_NONE') return false;
  const from = list(select, 'fromClause');
  const narrowing = ['whereClause', 'havingClause', 'groupClause', 'limitOffset', 'withClause'];
  return (
    narrowing.every((key) => select[key] === undefined) && from.every((item) => item.RangeVar !== undefined)
  );
}

function hasSubquery(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(hasSubquery);
  if (!isAst(node)) return false;
  const computed = ['SubLink', 'FuncCall', 'CaseExpr', 'A_Expr', 'BoolExpr', 'A_Indirection', 'TypeCast'];
  return computed.some((tag) => node[tag] !== undefined) || Object.values(node).some(hasSubquery);
}
