import { type Ast, as, child, isAst, list, strings, tagged, text } from '../statement/ast.ts';

/** How sure the server is of a name it made up: `weak` ones give way to a type's. */
interface Label {
  readonly name: string | null;
  readonly weak?: boolean;
}

const NAMELESS: Label = { name: '?column?', weak: true };
/** It has a name that other versions of the server may choose differently. */
const ANY: Label = { name: null };

/** Node tags whose column is always called the same (FigureColname in PostgreSQL's parse_target.c). */
const FIXED: Readonly<Record<string, string>> = {
  GroupingFunc: 'grouping',
  MergeSupportFunc: 'merge_action',
  A_ArrayExpr: 'array',
  RowExpr: 'row',
  CoalesceExpr: 'coalesce',
  XmlSerialize: 'xmlserialize',
};

const UNSURE = new Set([
  'SQLValueFunction',
  'XmlExpr',
  'JsonObjectConstructor',
  'JsonArrayConstructor',
  'JsonArrayQueryConstructor',
  'JsonObjectAgg',
  'JsonArrayAgg',
  'JsonFuncExpr',
  'JsonParseExpr',
  'JsonScalarExpr',
  'JsonSerializeExpr',
]);

/**
 * The name the server gives a column without AS; null where it is not certain, so that whoever looks for a name
 * takes this column into account.
 */
export function labelOf(expression: Ast): string | null {
  return label(expression).name;
}

function label(expression: Ast): Label {
  const [tag, body] = tagged(expression);
  const fixed = FIXED[tag];
  if (fixed !== undefined) return { name: fixed };
  if (UNSURE.has(tag)) return ANY;
  switch (tag) {
    case 'ColumnRef':
      return last(strings(list(body, 'fields')));
    case 'FuncCall': {
      const found = last(strings(list(body, 'funcname')));
      return found.name === 'extract' || found.name === 'date_part' ? ANY : found;
    }
    case 'A_Indirection':
      return strings(list(body, 'indirection')).length > 0
        ? last(strings(list(body, 'indirection')))
        : within(body, 'arg');
    case 'A_Expr':
      return body.kind === 'AEXPR_NULLIF' ? { name: 'nullif' } : NAMELESS;
    case 'A_Const':
      // Servers before version 15 read true as a cast and call it bool.
      return body.boolval === undefined ? NAMELESS : ANY;
    case 'MinMaxExpr':
      return { name: body.op === 'IS_LEAST' ? 'least' : 'greatest' };
    case 'CollateClause':
      return within(body, 'arg');
    case 'TypeCast':
      return castLabel(body);
    case 'CaseExpr': {
      const otherwise = isAst(body.defresult) ? label(body.defresult) : NAMELESS;
      return otherwise.weak ? { name: 'case', weak: true } : otherwise;
    }
    case 'SubLink':
      return sublinkLabel(body);
    case 'BoolExpr':
    case 'NullTest':
    case 'BooleanTest':
    case 'ParamRef':
      return NAMELESS;
    default:
      return ANY;
  }
}

function last(names: readonly string[]): Label {
  return { name: names.at(-1) ?? null };
}

function within(body: Ast, key: string): Label {
  const arg = body[key];
  return isAst(arg) ? label(arg) : ANY;
}

function castLabel(body: Ast): Label {
  const arg = within(body, 'arg');
  if (!arg.weak) return arg;
  const type = child(body, 'typeName');
  return { name: strings(list(type ?? {}, 'names')).at(-1) ?? null, weak: true };
}

function sublinkLabel(body: Ast): Label {
  switch (body.subLinkType) {
    case 'EXISTS_SUBLINK':
      return { name: 'exists' };
    case 'ARRAY_SUBLINK':
      return { name: 'array' };
    case 'EXPR_SUBLINK': {
      const select = as(isAst(body.subselect) ? body.subselect : undefined, 'SelectStmt');
      const target = as(list(select ?? {}, 'targetList')[0], 'ResTarget');
      if (!target) return ANY;
      const name = text(target, 'name');
      return name === undefined ? within(target, 'val') : { name };
    }
    default:
      return NAMELESS;
  }
}
