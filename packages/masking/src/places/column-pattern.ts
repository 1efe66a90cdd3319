import { compileGlob } from './glob.ts';
import { PlaceError, readPattern } from './place-error.ts';

/** Judges columns by the names the catalog gives them. */
export interface ColumnMatcher {
  /** The pattern as written. */
  readonly source: string;
  matches(schema: string, table: string, column: string): boolean;
}

const EXAMPLE = 'customers.ssn or public.customers.*';

const SYSTEM_SCHEMAS: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema']);

/**
 * Compiles `[schema.]table.column`. `*` stands for any run of characters. A name in double quotes
 * is taken letter for letter, `*` included (`"My Table"."c"`, `""` is one quote). A bare name
 * matches whatever its case: SQL would fold it to lower case, and a rule `users.userEmail` would
 * then silently miss the column "userEmail" it was written for. Without a schema every schema is
 * meant except PostgreSQL's own.
 * @throws PlaceError naming the pattern, what is wrong and how to mend it.
 */
export function compileColumnPattern(pattern: string): ColumnMatcher {
  const source = readPattern(pattern, EXAMPLE);
  const names = splitNames(source);
  if (names.length === 1) {
    throw new PlaceError(pattern, 'names no table', `write *.${source} for that column in every table`);
  }
  if (names.length > 3) {
    throw new PlaceError(
      pattern,
      `has ${names.length} parts`,
      `write [schema.]table.column, such as ${EXAMPLE}`,
    );
  }
  const [column, table, schema] = names.toReversed();
  const matchesSchema = schema ?? ((name: string) => !SYSTEM_SCHEMAS.has(name));
  return {
    source: pattern,
    matches: (inSchema, inTable, inColumn) => column!(inColumn) && table!(inTable) && matchesSchema(inSchema),
  };
}

type NameMatcher = (name: string) => boolean;

function splitNames(source: string): NameMatcher[] {
  const names: NameMatcher[] = [];
  let at = 0;
  for (;;) {
    const [name, end] = source[at] === '"' ? quotedName(source, at) : bareName(source, at);
    names.push(name);
    if (end === source.length) return names;
    if (source[end] !== '.') {
      throw new PlaceError(
        source,
        `has ${JSON.stringify(source[end])} after a quoted name`,
        'put a dot between names',
      );
    }
    at = end + 1;
  }
}

function quotedName(source: string, start: number): [NameMatcher, number] {
  let name = '';
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] !== '"') name += source[at];
    else if (source[at + 1] === '"') name += source[at++];
    else if (name === '') throw new PlaceError(source, 'has an empty name', 'put a name between the quotes');
    else return [(text) => text === name, at + 1];
  }
  throw new PlaceError(source, 'has an open quote', 'close it with a double quote');
}

function bareName(source: string, start: number): [NameMatcher, number] {
  const dot = source.indexOf('.', start);
  const end = dot < 0 ? source.length : dot;
  const name = source.slice(start, end);
  if (name === '')
    throw new PlaceError(source, 'has an empty name', `write [schema.]table.column, such as ${EXAMPLE}`);
  const stray = /[^\p{L}\p{M}\p{N}_$*-]/u.exec(name)?.[0];
  if (stray !== undefined) {
    throw new PlaceError(
      source,
      `has ${JSON.stringify(stray)} in a bare name`,
      'write the name in double quotes',
    );
  }
  const matches = compileGlob(name.toLowerCase());
  return [(text) => matches(text.toLowerCase()), end];
}
