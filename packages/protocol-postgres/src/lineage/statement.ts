import {
  type Ast,
  as,
  child,
  isAst,
  list,
  literal,
  options,
  strings,
  tagged,
  text,
} from '../statement/ast.ts';
import { parseSql } from '../statement/parser.ts';
import { isTemporary, relationName } from '../statement/walk.ts';
import { blockTests, functionResult } from './bodies.ts';
import {
  type Carry,
  CONSTANT,
  computed,
  type Field,
  join,
  NOTHING,
  OPEN,
  UNKNOWN,
  type Value,
} from './carry.ts';
import { parts, test, withCarry } from './expression.ts';
import { relation } from './from.ts';
import { type At, Look, type Stored, start } from './look.ts';
import { type Rows, statementRows } from './rows.ts';
import type { World } from './world.ts';

/** A temporary relation a statement makes. */
export interface Made {
  readonly name: string;
  /** Undefined = its columns cannot be told: any of them can be `any`. */
  readonly columns: readonly Field[] | undefined;
  readonly any: Value;
  /** Some of its columns are computed from others. */
  readonly generates: boolean;
  /** A table on its own: what is written to it stands there and nowhere else. */
  readonly alone: boolean;
}

/** What one statement does with values. */
export interface Lineage {
  /** What each column of its result can carry; undefined = not known, or there is none. */
  readonly columns: readonly Field[] | undefined;
  /** Columns it compares, sorts or groups by. */
  readonly tests: Carry;
  /** What it writes where. */
  readonly stored: readonly Stored[];
  /** The temporary relation it makes. */
  readonly makes?: Made;
  /** Relations whose columns it changes or renames, by bare name. */
  readonly alters: readonly string[];
  /** Calls functions that do more than compute from their arguments. */
  readonly callsFunctions: boolean;
  /** Nothing of this is known. */
  readonly lost: boolean;
}

const LOST: Lineage = {
  columns: undefined,
  tests: OPEN,
  stored: [],
  alters: [],
  callsFunctions: true,
  lost: true,
};

/**
 * Follows the statements of a text, each in the world there is by then; `ran` hears of each. Never throws; what cannot
 * be followed is open.
 */
export function lineageOf(
  sql: string,
  world: () => World,
  ran: (lineage: Lineage) => void = () => undefined,
): readonly Lineage[] {
  try {
    return parseSql(sql).map(({ node }) => {
      const lineage = followed(node, world());
      ran(lineage);
      return lineage;
    });
  } catch {
    return [];
  }
}

/** The answer for a part no lineage is known of. */
export function unknownLineage(): Lineage {
  return LOST;
}

function followed(node: Ast, world: World): Lineage {
  const look = new Look(world);
  try {
    const statement = new Statement(look);
    const columns = statement.follow(node);
    return {
      columns: columns && withCasts(columns, look),
      tests: look.tests.carry,
      stored: look.stored,
      alters: statement.alters,
      callsFunctions: look.usesFunctions,
      lost: false,
      ...(statement.makes ? { makes: statement.makes } : {}),
    };
  } catch {
    // Too deep, too much, or a body that does not parse.
    return LOST;
  }
}

/** Columns of one query, as a view's definition has them, with what reading it tests. */
export function viewColumns(
  definition: string,
  world: World,
):
  | { readonly columns: readonly Field[]; readonly tests: Carry; readonly called: ReadonlySet<string> }
  | undefined {
  try {
    const raws = parseSql(definition);
    const [raw] = raws;
    if (!raw || raws.length !== 1) return undefined;
    const look = new Look(world);
    const { columns } = statementRows(raw.node, start(look, { system: true }));
    if (!columns) return undefined;
    return { columns: withCasts(columns, look), tests: look.tests.carry, called: look.called };
  } catch {
    return undefined;
  }
}

/** What casts may bring into whatever is computed: they are run without being named. */
function withCasts(columns: readonly Field[], look: Look): readonly Field[] {
  const { casts } = look.world;
  if (casts.length === 0) return columns;
  const results = casts.map((info) => functionResult(info, look));
  look.tests.add(join(...results.map(({ tests }) => tests)));
  const more = join(...results.map(({ carry }) => carry));
  return columns.map(({ name, value }) => ({
    name,
    value: value.kind === 'computed' ? withCarry(value, more) : value,
  }));
}

class Statement {
  readonly alters: string[] = [];
  makes: Made | undefined;
  readonly #look: Look;
  readonly #at: At;

  constructor(look: Look) {
    this.#look = look;
    this.#at = start(look);
  }

  /** Columns of what comes back; undefined = not known. */
  follow(node: Ast): readonly Field[] | undefined {
    const [tag, body] = tagged(node);
    switch (tag) {
      case 'SelectStmt':
        return this.#select(node, body);
      case 'InsertStmt':
      case 'UpdateStmt':
      case 'DeleteStmt':
      case 'MergeStmt':
        return statementRows(node, this.#at).columns;
      case 'DeclareCursorStmt':
      case 'PrepareStmt':
        return isAst(body.query) ? this.follow(body.query) : undefined;
      case 'CopyStmt':
        return this.#copy(body);
      case 'ExplainStmt':
        return this.#explain(body);
      case 'CreateTableAsStmt':
        this.#tableAs(body);
        return [];
      case 'ViewStmt':
        this.#view(body);
        return [];
      case 'CreateStmt':
        this.#table(body);
        return [];
      case 'ExecuteStmt':
      case 'FetchStmt':
        return undefined;
      case 'CallStmt':
        return this.#call(body);
      case 'DoStmt':
        this.#look.tests.add(blockTests(doBody(body), this.#look));
        return [];
      default:
        this.#define(tag, body);
        return tag === 'VariableShowStmt' ? [{ name: null, value: CONSTANT }] : [];
    }
  }

  /** SELECT INTO makes a table of what it would have shown. */
  #select(node: Ast, body: Ast): readonly Field[] | undefined {
    const into = intoClause(body);
    const found = statementRows(node, this.#at);
    if (!into) return found.columns;
    this.#keep(child(into, 'rel'), found, []);
    return [];
  }

  #copy(body: Ast): readonly Field[] | undefined {
    if (body.is_from === true) {
      test(body.whereClause, { ...this.#at, variables: true });
      return [];
    }
    const found = isAst(body.query) ? this.follow(body.query) : this.#table1(body);
    if (body.filename !== undefined || body.is_program === true) {
      const carry = found ? join(...found.map(({ value }) => value.carry)) : OPEN;
      this.#look.stored.push({ relation: { schema: null, name: '' }, column: null, carry });
    }
    return found;
  }

  /** `COPY t (a, b) TO`: the same as selecting them. */
  #table1(body: Ast): readonly Field[] | undefined {
    const names = strings(list(body, 'attlist'));
    const columns = names.length > 0 ? names.map((name) => [{ String: { sval: name } }]) : [[{ A_Star: {} }]];
    const targetList = columns.map((fields) => ({ ResTarget: { val: { ColumnRef: { fields } } } }));
    const fromClause = [{ RangeVar: body.relation }];
    return statementRows({ SelectStmt: { targetList, fromClause, op: 'SETOP_NONE' } }, this.#at).columns;
  }

  /** A plan shows the caller's own text, estimates and counts; a function may be run while it is made. */
  #explain(body: Ast): readonly Field[] {
    if (isAst(body.query)) this.follow(body.query);
    delete (this as { makes?: Made | undefined }).makes;
    return [{ name: 'QUERY PLAN', value: this.#look.usesFunctions ? UNKNOWN : CONSTANT }];
  }

  #tableAs(body: Ast): void {
    const into = child(body, 'into') ?? {};
    const query = isAst(body.query) ? body.query : {};
    const [tag] = tagged(query);
    const found =
      tag === 'ExecuteStmt' ? { columns: undefined, rows: NOTHING } : statementRows(query, this.#at);
    if (body.objtype === 'OBJECT_MATVIEW') return;
    this.#keep(child(into, 'rel'), found, strings(list(into, 'colNames')));
  }

  #keep(named: Ast | undefined, found: Rows, names: readonly string[]): void {
    const name = relationName(named ?? {});
    if (!name) return;
    const columns = found.columns?.map((column, i) => ({
      name: names[i] ?? column.name,
      value: column.value,
    }));
    if (isTemporary(named)) this.#make(name.name, columns);
    else {
      const carry = columns ? join(...columns.map(({ value }) => value.carry)) : OPEN;
      this.#look.stored.push({ relation: name, column: null, carry });
    }
  }

  #make(
    name: string,
    columns: readonly Field[] | undefined,
    { generates = false, alone = true }: { generates?: boolean; alone?: boolean } = {},
  ): void {
    const kept = columns?.map((column) => ({ name: column.name, value: temporary(column.value) }));
    // A column whose name is not certain makes any name one of this table's.
    const certain = kept?.every((column) => column.name !== null);
    this.makes = {
      name,
      columns: certain ? kept : undefined,
      any: certain ? UNKNOWN : loose(kept),
      generates,
      alone,
    };
  }

  #view(body: Ast): void {
    const named = child(body, 'view');
    const name = relationName(named ?? {});
    const query = isAst(body.query) ? body.query : {};
    const apart = this.#look.testing(() => statementRows(query, this.#at)).result;
    const names = strings(list(body, 'aliases'));
    const columns = apart.columns?.map((column, i) => ({
      name: names[i] ?? column.name,
      value: column.value,
    }));
    // A view over a temporary table is a temporary one without the word.
    const drawn = columns === undefined || columns.some(({ value }) => value.temporary === true);
    if (name && (isTemporary(named) || drawn)) this.#make(name.name, columns, { alone: false });
  }

  /** CREATE TABLE: what is inserted later decides. Defaults and generated columns may carry more. */
  #table(body: Ast): void {
    const named = child(body, 'relation');
    const name = relationName(named ?? {});
    if (!name || !isTemporary(named)) return;
    const elements = list(body, 'tableElts');
    const plain = elements.every((item) => as(item, 'ColumnDef') ?? as(item, 'Constraint'));
    const like = ['inhRelations', 'ofTypename', 'partbound'].some((key) => body[key] !== undefined);
    if (!plain || like) {
      this.#make(name.name, undefined, { alone: false });
      return;
    }
    const computing = elements.some((item) => /CONSTR_(DEFAULT|GENERATED)/.test(JSON.stringify(item)));
    const carry = computing
      ? parts(
          elements.map((item) => item.ColumnDef),
          { ...this.#at, variables: true },
        )
      : NOTHING;
    const columns = elements.flatMap((item) => {
      const column = text(as(item, 'ColumnDef') ?? {}, 'colname');
      return column === undefined ? [] : [{ name: column, value: computed(carry) }];
    });
    this.#make(name.name, columns, { generates: computing });
  }

  /** A procedure's parameters come back as one row. */
  #call(body: Ast): readonly Field[] | undefined {
    const call = child(body, 'funccall');
    this.#look.tests.add(call ? parts({ FuncCall: call }, this.#at) : OPEN);
    return undefined;
  }

  /** A table that becomes a child shows its rows in its parent, whose columns say nothing of where they come from. */
  #join(body: Ast): void {
    for (const item of list(body, 'cmds')) {
      const command = as(item, 'AlterTableCmd') ?? {};
      if (!JOINING.has(String(command.subtype))) continue;
      const own = child(body, 'relation') ?? {};
      const other = child(child(command, 'def') ?? {}, 'name') ?? child(command, 'def') ?? {};
      const [from, to] = command.subtype === 'AT_AddInherit' ? [own, other] : [other, own];
      const source = relation(from, this.#at);
      const all = [...source.listed.map(({ value }) => value.carry), source.any?.carry ?? NOTHING];
      const name = relationName(to) ?? { schema: null, name: '' };
      const temporaries = source.relation?.temporary === true || source.any !== undefined;
      if (temporaries) this.#look.stored.push({ relation: name, column: null, carry: join(...all) });
    }
  }

  /** Other statements: what they rename or redefine, and what they compare while they run. */
  #define(tag: string, body: Ast): void {
    for (const key of ['relation', 'view', 'rel']) {
      const name = relationName(child(body, key) ?? {});
      if (name && /^(Alter|Rename|Rule|CreateTrig)/.test(tag)) this.alters.push(name.name);
    }
    if (tag === 'AlterTableStmt') this.#join(body);
    const renamed = text(body, 'newname');
    if (tag === 'RenameStmt' && renamed !== undefined) this.alters.push(renamed);
  }
}

/** Commands by which the rows of one table become rows of another. */
const JOINING = new Set(['AT_AddInherit', 'AT_AttachPartition']);

function intoClause(select: Ast): Ast | undefined {
  const left = select.larg;
  return child(select, 'intoClause') ?? (isAst(left) ? intoClause(left) : undefined);
}

/** A value as it stands in a temporary table: plain again only where it came in unchanged. */
export function temporary(value: Value): Value {
  return { ...value, temporary: true };
}

function loose(columns: readonly Field[] | undefined): Value {
  if (!columns) return temporary(UNKNOWN);
  return temporary(computed(...columns.map(({ value }) => value.carry)));
}

/** Text of a DO block; undefined = in a language that is not read. */
function doBody(body: Ast): string | undefined {
  const given = new Map(options(body, 'args').map((option) => [option.name, literal(option.arg)]));
  return (given.get('language')?.toLowerCase() ?? 'plpgsql') === 'plpgsql' ? given.get('as') : undefined;
}
