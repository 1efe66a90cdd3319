import { type Ast, as, child, isAst, isTag, list, literal, qualified, strings, text } from './ast.ts';
import type { QualifiedName } from './contract.ts';
import { FactsCollector, spelled } from './facts.ts';
import { builtinEffect, isBuiltin, isBuiltinOperator, isKnownEscape, keepsArguments } from './functions.ts';
import { judgeSetting } from './settings.ts';
import { rangeNames, restrictsNothing, type WriteScope } from './truth.ts';

/** CTEs visible at a point of the tree, by name. They shadow relations that are written without a schema. */
export type Scope = ReadonlyMap<string, Ast>;
export const NO_CTES: Scope = new Map();

type Handler = (walk: Walk, body: Ast, scope: Scope) => void;

/**
 * Walks queries and expressions and gathers what running them can cause. What it has no handler for is searched
 * generically, so that a relation or call in a node it does not know is still found.
 */
export class Walk {
  readonly into: FactsCollector;
  /** True inside conditions: what is named there ends in no row. */
  #testing = false;
  /** Depth of WITH clauses. */
  #inside = 0;
  /** True inside what a write takes its values from. */
  #storing: boolean;

  constructor(into: FactsCollector = new FactsCollector(), storing = false) {
    this.into = into;
    this.#storing = storing;
  }

  /** Any value of the tree: a tagged node, a bare body, a list. */
  visit(value: unknown, scope: Scope): void {
    if (Array.isArray(value)) {
      for (const item of value) this.visit(item, scope);
      return;
    }
    if (!isAst(value)) return;
    if (typeof value.relname === 'string') {
      this.read(value, scope);
      this.source(value);
      return;
    }
    if (typeof value.aliasname === 'string') this.alias(value);
    for (const key in value) {
      const handler = isTag(key) ? HANDLERS[key] : undefined;
      const inner = value[key];
      if (handler && isAst(inner)) handler(this, inner, scope);
      else this.visit(inner, scope);
    }
  }

  /** Every field of a body but those named. */
  fields(body: Ast, scope: Scope, except: readonly string[] = []): void {
    for (const key in body) if (!except.includes(key)) this.visit({ [key]: body[key] }, scope);
  }

  /** A name of rows; new names for its columns could be any of them. */
  alias(alias: Ast): void {
    this.into.rows.add(text(alias, 'aliasname') ?? '');
    if (alias.colnames !== undefined) this.use('*');
  }

  source(relation: Ast): void {
    this.into.rows.add(text(relation, 'relname') ?? '');
    const alias = child(relation, 'alias');
    if (alias) this.alias(alias);
  }

  /** A column is named; `*` = all. */
  use(name: string): void {
    const { into } = this;
    if (this.#testing) into.tests.add(name);
    else if (this.#storing) into.values.add(name);
    else (this.#inside > 0 ? into.carried : into.shown).add(name);
  }

  /** Visits what a write takes its values from. */
  store(value: unknown, scope: Scope): void {
    const before = this.#storing;
    this.#storing = true;
    this.visit(value, scope);
    this.#storing = before;
  }

  /** Visits what decides about rows and does not become one. */
  test(value: unknown, scope: Scope): void {
    const before = this.#testing;
    this.#testing = true;
    this.visit(value, scope);
    this.#testing = before;
  }

  /** RETURNING shows rows, whatever stores what the statement writes. */
  returned(body: Ast, scope: Scope): void {
    const before = this.#storing;
    this.#storing = false;
    this.visit([body.returningList, body.returningClause], scope);
    this.#storing = before;
  }

  /** The scope inside a statement with a WITH clause; data-modifying CTEs count as run. */
  enter(body: Ast, scope: Scope): Scope {
    const clause = child(body, 'withClause');
    if (!clause) return scope;
    const ctes = list(clause, 'ctes').flatMap((item) => {
      const cte = as(item, 'CommonTableExpr');
      return cte ? [cte] : [];
    });
    const inner = new Map(scope);
    if (clause.recursive === true) for (const cte of ctes) inner.set(text(cte, 'ctename') ?? '', cte);
    for (const cte of ctes) {
      const query = isAst(cte.ctequery) ? cte.ctequery : {};
      const before = new Map(inner);
      this.nameWrite(query);
      const storing = this.#storing;
      this.#storing = false;
      this.#inside += 1;
      this.visit(query, before);
      this.#inside -= 1;
      this.#storing = storing;
      inner.set(text(cte, 'ctename') ?? '', cte);
    }
    return inner;
  }

  /** A data-modifying statement inside WITH is named like one of its own. */
  nameWrite(query: Ast): void {
    for (const [tag, name] of WRITES) if (query[tag] !== undefined) this.into.statements.add(name);
  }

  read(relation: Ast, scope: Scope): void {
    const name = relationName(relation);
    if (!name) return;
    if (name.schema === null && scope.has(name.name)) {
      if (this.#storing) this.into.fed = true;
      return;
    }
    this.into.touch(name, 'read');
    this.into.effects.add('read');
  }

  write(relation: Ast | undefined): QualifiedName | undefined {
    const name = relation ? relationName(relation) : undefined;
    if (name) this.into.touch(name, 'write');
    else this.into.blind('a write without a relation');
    this.into.effects.add('write');
    return name;
  }

  call(target: QualifiedName, args: readonly Ast[]): void {
    if (!isBuiltin(target)) {
      if (isKnownEscape(target.name)) {
        this.into.keep('calls');
        for (const effect of ['read', 'write', 'admin'] as const) this.into.effects.add(effect);
        this.into.blind(`function ${spelled(target)}`);
      } else this.into.call(target);
      return;
    }
    if (target.schema === null) this.into.builtins.add(target.name);
    const effect = builtinEffect(target.name);
    for (const one of effect.effects) this.into.effects.add(one);
    for (const name of effect.reads ?? []) this.into.touch({ schema: 'pg_catalog', name }, 'read');
    if (effect.opaque) this.into.blind(`function ${target.name}`);
    if (keepsArguments(target.name)) this.into.keep('calls');
    if (target.name === 'set_config') judgeSetting(this.into, literal(args[0]), literal(args[1]));
    if (target.name === 'nextval' || target.name === 'setval') this.sequence(args[0]);
  }

  /** An operator is a call of the function behind it; a user's goes by the name `operator <symbol>`. */
  operator(names: readonly string[]): void {
    const target = qualified(names);
    if (!target) return;
    const name = `operator ${target.name}`;
    if (!isBuiltinOperator(target.schema, target.name)) this.into.call({ schema: target.schema, name });
    else if (target.schema === null) this.into.builtins.add(name);
  }

  private sequence(arg: Ast | undefined): void {
    const cast = as(arg, 'TypeCast')?.arg;
    const written = literal(isAst(cast) ? cast : arg);
    const match = written === undefined ? null : /^(?:([a-z_]\w*)\.)?([a-z_]\w*)$/.exec(written);
    if (match?.[2] !== undefined) this.into.touch({ schema: match[1] ?? null, name: match[2] }, 'write');
  }
}

const WRITES = [
  ['InsertStmt', 'insert'],
  ['UpdateStmt', 'update'],
  ['DeleteStmt', 'delete'],
  ['MergeStmt', 'merge'],
] as const;

export function relationName(relation: Ast): QualifiedName | undefined {
  const name = text(relation, 'relname');
  return name === undefined ? undefined : { schema: text(relation, 'schemaname') ?? null, name };
}

/** Clauses that choose and order rows. */
const SELECT_TESTS = new Set([
  'whereClause',
  'havingClause',
  'groupClause',
  'sortClause',
  'distinctClause',
  'limitCount',
  'limitOffset',
]);
const SELECT_OWN = new Set(['withClause', 'intoClause', 'larg', 'rarg']);

function select(walk: Walk, body: Ast, scope: Scope): void {
  const inner = walk.enter(body, scope);
  const into = child(body, 'intoClause');
  if (into) createdBySelect(walk, into);
  // The arms of a set operation come without their tag.
  for (const arm of [body.larg, body.rarg]) if (isAst(arm)) select(walk, arm, inner);
  for (const key in body) {
    if (SELECT_TESTS.has(key)) walk.test(body[key], inner);
    else if (!SELECT_OWN.has(key)) walk.visit({ [key]: body[key] }, inner);
  }
  // What it shows is what it stores.
  if (into) walk.into.passOn();
}

const HANDLERS: { readonly [tag: string]: Handler } = {
  SelectStmt: select,
  InsertStmt(walk, body, scope) {
    const inner = walk.enter(body, scope);
    written(walk, body);
    if (body.onConflictClause !== undefined) {
      const clause = child(body, 'onConflictClause');
      if (clause?.action === 'ONCONFLICT_UPDATE') {
        walk.into.statements.add('update');
        changed(walk, body);
      }
      assignments(walk, clause ?? {}, false, inner);
    }
    walk.into.keep('rows');
    walk.store([body.cols, body.selectStmt], inner);
    walk.returned(body, inner);
  },
  UpdateStmt(walk, body, scope) {
    rowWrite(walk, body, scope, 'update', 'fromClause');
  },
  DeleteStmt(walk, body, scope) {
    rowWrite(walk, body, scope, 'delete', 'usingClause');
  },
  MergeStmt: merge,
  FuncCall(walk, body, scope) {
    const target = qualified(strings(list(body, 'funcname')));
    if (target) walk.call(target, list(body, 'args'));
    else walk.into.blind('a function call without a name');
    walk.fields(body, scope, ['funcname']);
  },
  RangeVar(walk, body, scope) {
    walk.read(body, scope);
    walk.source(body);
  },
  JoinExpr(walk, body, scope) {
    walk.fields(body, scope, ['quals']);
    walk.test(body.quals, scope);
  },
  ColumnRef(walk, body) {
    const fields = list(body, 'fields');
    const names = strings(fields);
    const last = names.at(-1);
    // `excluded` is the row the caller wrote into the statement.
    if (fields.some((field) => field.A_Star !== undefined)) walk.use('*');
    else if (last !== undefined && !(names.length === 2 && names[0] === 'excluded')) walk.use(last);
    if (names.length > 1 && last !== undefined) walk.into.attributes.add(last);
  },
  A_Indirection(walk, body, scope) {
    for (const name of strings(list(body, 'indirection'))) {
      walk.into.attributes.add(name);
      walk.use(name);
    }
    walk.fields(body, scope);
  },
  A_Expr(walk, body, scope) {
    // BETWEEN stands for two comparisons that are not spelled out.
    const between = String(body.kind).includes('BETWEEN');
    for (const names of between ? [['<='], ['>=']] : [strings(list(body, 'name'))]) walk.operator(names);
    walk.fields(body, scope, ['name']);
  },
  SubLink(walk, body, scope) {
    walk.operator(strings(list(body, 'operName')));
    walk.fields(body, scope, ['operName']);
  },
  SortBy(walk, body, scope) {
    walk.operator(strings(list(body, 'useOp')));
    walk.fields(body, scope, ['useOp']);
  },
  // Names of types hold no relation that is read: `t%ROWTYPE` and casts name it only.
  TypeName() {},
};

function createdBySelect(walk: Walk, into: Ast): void {
  const relation = child(into, 'rel');
  const name = walk.write(relation);
  if (!isTemporary(relation)) walk.into.keep('rows');
  if (name) walk.into.define(name);
  walk.into.effects.add('ddl');
}

/** A temporary table is known to its session alone, which masks what it reads from it. */
export function isTemporary(relation: Ast | undefined): boolean {
  return relation?.relpersistence === 't' || relation?.schemaname === 'pg_temp';
}

/** The target's own columns can be among the values. */
function changed(walk: Walk, body: Ast): void {
  const name = relationName(child(body, 'relation') ?? {});
  walk.source(child(body, 'relation') ?? {});
  if (name) walk.into.targets.set(`${name.schema}.${name.name}`, { ...name, access: 'write' });
}

/** SET clauses; a column computed from itself alone stays under its mask. */
function assignments(walk: Walk, body: Ast, alone: boolean, scope: Scope): void {
  for (const item of list(body, 'targetList')) {
    const target = as(item, 'ResTarget') ?? {};
    const aside = new Walk(undefined, true);
    aside.visit(target.val, scope);
    const own = text(target, 'name') ?? '';
    if (alone && target.indirection === undefined && !aside.into.rows.size) aside.into.values.delete(own);
    walk.into.absorb(aside.into);
  }
  walk.test([body.whereClause, body.infer], scope);
}

/** Marks the target as written, and as read when its rows come back. */
function written(walk: Walk, body: Ast): QualifiedName | undefined {
  const name = walk.write(child(body, 'relation'));
  if (name && (body.returningClause !== undefined || body.returningList !== undefined)) {
    walk.into.touch(name, 'read');
    walk.into.effects.add('read');
  }
  return name;
}

function rowWrite(walk: Walk, body: Ast, scope: Scope, kind: 'update' | 'delete', others: string): void {
  const inner = walk.enter(body, scope);
  const name = written(walk, body);
  const where = isAst(body.whereClause) ? body.whereClause : undefined;
  const sources = list(body, others);
  const target = writeScope(child(body, 'relation') ?? {}, sources, inner);
  if (!name || restrictsNothing(where, target)) walk.into.unbounded.add(kind);
  if (kind === 'update') {
    walk.into.keep('rows');
    changed(walk, body);
  }
  assignments(walk, body, sources.length === 0, inner);
  if (kind === 'update') walk.store(body[others], inner);
  else walk.visit(body[others], inner);
  walk.returned(body, inner);
}

function writeScope(relation: Ast, others: readonly Ast[], ctes: Scope): WriteScope {
  const name = relationName(relation) ?? { schema: null, name: '' };
  const alias = text(child(relation, 'alias') ?? {}, 'aliasname') ?? name.name;
  const found = new Map<string, QualifiedName | null>();
  for (const item of others) {
    const source = as(item, 'RangeVar');
    for (const called of rangeNames(item)) found.set(called, (source && relationName(source)) ?? null);
  }
  return { target: alias, relation: name, others: found, ctes };
}

/** MERGE runs whichever of its actions match; it is named after each, and unbounded when its join restricts nothing. */
function merge(walk: Walk, body: Ast, scope: Scope): void {
  const inner = walk.enter(body, scope);
  written(walk, body);
  const source = isAst(body.sourceRelation) ? [body.sourceRelation] : [];
  const target = writeScope(child(body, 'relation') ?? {}, source, inner);
  const everything = restrictsNothing(isAst(body.joinCondition) ? body.joinCondition : undefined, target);
  for (const item of list(body, 'mergeWhenClauses')) {
    const clause = as(item, 'MergeWhenClause') ?? {};
    const kind = MERGE_ACTIONS[String(clause.commandType)];
    if (kind === undefined) continue;
    walk.into.statements.add(kind);
    const free = !isAst(clause.condition) || restrictsNothing(clause.condition, target);
    // WHEN NOT MATCHED BY SOURCE takes every row the join left out, so its own condition alone bounds it.
    const all = everything || clause.matchKind === 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE';
    if (kind !== 'insert' && free && all) walk.into.unbounded.add(kind);
  }
  walk.into.keep('rows');
  changed(walk, body);
  walk.store([body.sourceRelation, body.mergeWhenClauses], inner);
  walk.test(body.joinCondition, inner);
  walk.returned(body, inner);
}

const MERGE_ACTIONS: { readonly [command: string]: 'insert' | 'update' | 'delete' | undefined } = {
  CMD_INSERT: 'insert',
  CMD_UPDATE: 'update',
  CMD_DELETE: 'delete',
};
