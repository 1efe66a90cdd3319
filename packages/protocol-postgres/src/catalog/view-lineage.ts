import { type Ast, as, child, isAst, list, strings, tagged, text } from '../statement/ast.ts';
import { harmlessTargets } from '../statement/harmless.ts';
import { parseSql } from '../statement/parser.ts';

/** A column of a relation the definition names, or undefined where it is computed. */
export interface SourceColumn {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

/** What one column of a query is: plain base columns, or undefined = computed in a way that is not followed. */
type Lineage = readonly SourceColumn[] | undefined;

interface Output {
  readonly name: string;
  readonly lineage: Lineage;
}

/** An item of FROM: what its columns are under the name it goes by. */
interface Source {
  readonly alias: string | null;
  readonly columns: readonly Output[];
}

/** Column names of a relation in order; undefined = not in the catalog. */
export type ColumnsOf = (schema: string, table: string) => readonly string[] | undefined;

/**
 * Follows each column of a view definition (as pg_get_viewdef prints it with an empty search path) to base columns:
 * through aliases, joins, subqueries, CTEs and set operations, as far as it stays a plain column. A count and its
 * kin carry nothing: an empty list. Whatever is not understood is undefined, for that column or for all.
 */
export function viewLineage(definition: string, columnsOf: ColumnsOf): readonly Lineage[] | undefined {
  try {
    const statements = parseSql(definition);
    const select = as(statements[0]?.node, 'SelectStmt');
    if (!select || statements.length !== 1) return undefined;
    return new Resolver(columnsOf).select(select, new Map())?.map((output) => output.lineage);
  } catch {
    return undefined;
  }
}

type Ctes = ReadonlyMap<string, readonly Output[] | null>;

class Resolver {
  readonly #columnsOf: ColumnsOf;

  constructor(columnsOf: ColumnsOf) {
    this.#columnsOf = columnsOf;
  }

  select(body: Ast, outer: Ctes): readonly Output[] | undefined {
    const ctes = this.#with(body, outer);
    if (!ctes) return undefined;
    if (body.op !== 'SETOP_NONE') return this.#setOperation(body, ctes);
    if (body.valuesLists !== undefined) return undefined;
    const sources = this.#from(list(body, 'fromClause'), ctes);
    if (!sources) return undefined;
    const harmless = harmlessTargets(body) ?? [];
    const outputs: Output[] = [];
    for (const [index, item] of list(body, 'targetList').entries()) {
      const target = as(item, 'ResTarget');
      if (!target || !isAst(target.val)) return undefined;
      const output = this.#target(target, sources);
      if (!output) return undefined;
      outputs.push(harmless[index] ? { ...output, lineage: [] } : output);
    }
    return outputs;
  }

  #with(body: Ast, outer: Ctes): Ctes | undefined {
    const clause = child(body, 'withClause');
    if (!clause) return outer;
    const ctes = new Map(outer);
    for (const item of list(clause, 'ctes')) {
      const cte = as(item, 'CommonTableExpr');
      const name = cte && text(cte, 'ctename');
      const query = as(isAst(cte?.ctequery) ? cte.ctequery : undefined, 'SelectStmt');
      if (!cte || name === undefined) return undefined;
      // A recursive CTE would need a fixed point: what it gives is not followed.
      const recursive = clause.recursive === true;
      const outputs = query && !recursive ? this.select(query, ctes) : undefined;
      ctes.set(name, outputs ? renamed(outputs, strings(list(cte, 'aliascolnames'))) : null);
    }
    return ctes;
  }

  /** Rows of both sides come out (EXCEPT only the left's, which this covers). */
  #setOperation(body: Ast, ctes: Ctes): readonly Output[] | undefined {
    const left = isAst(body.larg) ? this.select(body.larg, ctes) : undefined;
    const right = isAst(body.rarg) ? this.select(body.rarg, ctes) : undefined;
    if (!left || !right || left.length !== right.length) return undefined;
    return left.map((output, index) => {
      const other = right[index]?.lineage;
      const lineage = output.lineage && other ? [...output.lineage, ...other] : undefined;
      return { name: output.name, lineage };
    });
  }

  #from(items: readonly Ast[], ctes: Ctes): readonly Source[] | undefined {
    const sources: Source[] = [];
    for (const item of items) {
      const found = this.#item(item, ctes);
      if (!found) return undefined;
      sources.push(...found);
    }
    return sources;
  }

  #item(item: Ast, ctes: Ctes): readonly Source[] | undefined {
    const [tag, body] = tagged(item);
    const alias = child(body, 'alias');
    const name = text(alias ?? {}, 'aliasname') ?? null;
    const names = strings(list(alias ?? {}, 'colnames'));
    if (tag === 'RangeVar') {
      const columns = this.#relation(body, ctes);
      return columns && [{ alias: name ?? text(body, 'relname') ?? null, columns: renamed(columns, names) }];
    }
    if (tag === 'RangeSubselect') {
      const select = as(isAst(body.subquery) ? body.subquery : undefined, 'SelectStmt');
      const columns = select && this.select(select, ctes);
      return columns && [{ alias: name, columns: renamed(columns, names) }];
    }
    // A merged USING column or an alias over a join gives columns new owners: not followed.
    if (tag !== 'JoinExpr' || alias || list(body, 'usingClause').length > 0 || body.isNatural === true)
      return undefined;
    const left = isAst(body.larg) ? this.#item(body.larg, ctes) : undefined;
    const right = isAst(body.rarg) ? this.#item(body.rarg, ctes) : undefined;
    return left && right && [...left, ...right];
  }

  #relation(body: Ast, ctes: Ctes): readonly Output[] | undefined {
    const [schema, table] = [text(body, 'schemaname'), text(body, 'relname')];
    if (table === undefined) return undefined;
    if (schema === undefined) return ctes.get(table) ?? this.#plain('pg_catalog', table);
    return this.#plain(schema, table);
  }

  #plain(schema: string, table: string): readonly Output[] | undefined {
    return this.#columnsOf(schema, table)?.map((column) => ({
      name: column,
      lineage: [{ schema, table, column }],
    }));
  }

  #target(target: Ast, sources: readonly Source[]): Output | undefined {
    const value = target.val as Ast;
    const reference = as(value, 'ColumnRef');
    const names = reference ? strings(list(reference, 'fields')) : [];
    const name = text(target, 'name') ?? names.at(-1) ?? '?column?';
    if (!reference) return { name, lineage: undefined };
    if (names.length !== list(reference, 'fields').length) return undefined;
    return { name, lineage: column(names, sources) };
  }
}

function column(names: readonly string[], sources: readonly Source[]): Lineage {
  const last = names.at(-1);
  if (last === undefined || names.length > 2) return undefined;
  const searched = names.length === 2 ? sources.filter((source) => source.alias === names[0]) : sources;
  const found = searched.flatMap((source) => source.columns.filter((output) => output.name === last));
  return found.length === 1 ? found[0]?.lineage : undefined;
}

function renamed(columns: readonly Output[], names: readonly string[]): readonly Output[] {
  return columns.map((output, index) => ({ ...output, name: names[index] ?? output.name }));
}
