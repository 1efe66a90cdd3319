import { type Carry, CONSTANT, either, type Field, join, NOTHING, rowOf, type Value } from './carry.ts';
import type { KnownRelation } from './world.ts';

/** An item of FROM under the name it goes by. */
export interface Source {
  /** Null where only its bare columns can be named (the merged columns of a join). */
  readonly alias: string | null;
  /** The schema it was written with. */
  readonly schema: string | null;
  /** What `*` gives; undefined = not known. */
  readonly columns: readonly Field[] | undefined;
  readonly listed: readonly Field[];
  /** What a name that is not listed can be; undefined = no column. */
  readonly any: Value | undefined;
  /** Has PostgreSQL's own columns (ctid, xmin, …), which carry nothing of a user's. */
  readonly stored: boolean;
  /** Names that reach it only behind its alias: a join has merged them. */
  readonly merged?: ReadonlySet<string>;
  readonly relation?: KnownRelation;
}

/** What names mean at a point of a query, from the inside out. */
export interface Scope {
  readonly sources: readonly Source[];
  readonly parent: Scope | undefined;
  /** What decides how many rows there are beside conditions: arguments of functions in FROM. */
  readonly rows: Carry;
  /** Keys of the windows defined by name. */
  readonly windows: Carry;
}

export const EMPTY_SCOPE: Scope = { sources: [], parent: undefined, rows: NOTHING, windows: NOTHING };

export function inner(parent: Scope | undefined, sources: readonly Source[], rows: Carry = NOTHING): Scope {
  return { sources, parent, rows, windows: NOTHING };
}

export function sourceOf(alias: string | null, columns: readonly Field[] | undefined, any?: Value): Source {
  return { alias, schema: null, columns, listed: columns ?? [], any, stored: false };
}

const SYSTEM = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']);

/** What a source's column of that name is; undefined = it has none. */
export function columnOf(source: Source, name: string): Value | undefined {
  const found = source.listed.filter((field) => field.name === name);
  if (found.length > 0) return oneOf(found.map(({ value }) => value));
  // A column whose name is not known here may be this one.
  const nameless = source.listed.filter((field) => field.name === null).map(({ value }) => value);
  if (source.any) nameless.push(source.any);
  return nameless.length > 0 ? oneOf(nameless) : undefined;
}

/** Whether `columnOf` rests on a name that is certain. */
function names(source: Source, name: string): boolean {
  return source.listed.some((field) => field.name === name);
}

function oneOf(values: readonly Value[]): Value {
  return values.reduce(either);
}

/** A bare name: the innermost query that has such a column, then a row by its alias. */
export function bare(scope: Scope | undefined, name: string): Value | undefined {
  const maybe: Value[] = [];
  for (let at = scope; at; at = at.parent) {
    const seen = at.sources.filter((source) => !source.merged?.has(name));
    const sure = seen.filter((source) => names(source, name));
    const rest = seen.filter((source) => !names(source, name));
    if (sure.length > 0) {
      const found = sure.map((source) => columnOf(source, name) as Value);
      return oneOf([...found, ...maybe]);
    }
    for (const source of rest) {
      const value = columnOf(source, name);
      if (value) maybe.push(value);
    }
    if (SYSTEM.has(name) && seen.some(({ stored }) => stored)) return oneOf([CONSTANT, ...maybe]);
  }
  const row = aliased(scope, name)?.[0];
  if (row) return oneOf([wholeRow(row), ...maybe]);
  return maybe.length > 0 ? oneOf(maybe) : undefined;
}

/** Sources of an alias in the innermost query that has it. */
export function aliased(
  scope: Scope | undefined,
  alias: string,
  schema?: string,
): readonly Source[] | undefined {
  for (let at = scope; at; at = at.parent) {
    const found = at.sources.filter(
      (source) =>
        source.alias === alias &&
        (schema === undefined || source.schema === null || source.schema === schema),
    );
    if (found.length > 0) return found;
  }
  return undefined;
}

/** A source as one value. A function's only column stands for itself. */
export function wholeRow(source: Source): Value {
  const row = rowOf(source.columns ?? source.listed);
  if (!source.columns || source.any) {
    const { any } = source;
    return { carry: join(row.carry, any?.carry ?? NOTHING), kind: 'computed' };
  }
  return row;
}

export function systemColumn(source: Source, name: string): Value | undefined {
  return source.stored && SYSTEM.has(name) ? CONSTANT : undefined;
}
