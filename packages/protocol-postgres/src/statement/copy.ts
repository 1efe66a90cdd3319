import { type Ast, child, list, literal, options, strings } from './ast.ts';
import type { CopyAnalysis } from './contract.ts';
import { firstParenthesised } from './source-text.ts';
import { relationName } from './walk.ts';

type Mutable = { -readonly [Key in keyof CopyAnalysis]: CopyAnalysis[Key] };

/**
 * What a COPY statement moves and how, with PostgreSQL's defaults filled in
 * (https://www.postgresql.org/docs/18/sql-copy.html). `source` is the statement's own text.
 */
export function copyAnalysis(body: Ast, source: string): CopyAnalysis {
  const given = new Map(options(body, 'options').map((option) => [option.name, literal(option.arg)]));
  const written = given.get('format');
  const format = written === 'csv' || written === 'binary' ? written : 'text';
  const quote = given.get('quote') ?? '"';
  const copy: Mutable = {
    direction: body.is_from === true ? 'in' : 'out',
    through: body.is_program === true ? 'program' : body.filename === undefined ? 'client' : 'file',
    format,
    delimiter: given.get('delimiter') ?? (format === 'csv' ? ',' : '\t'),
    nullText: given.get('null') ?? (format === 'csv' ? '' : '\\N'),
    quote,
    escape: given.get('escape') ?? quote,
    header: hasHeader(given),
  };
  const relation = child(body, 'relation');
  const name = relation && relationName(relation);
  if (name) copy.relation = name;
  const columns = strings(list(body, 'attlist'));
  if (columns.length > 0) copy.columns = columns;
  const query = body.query === undefined ? undefined : firstParenthesised(source);
  if (query !== undefined) copy.query = query;
  const encoding = given.get('encoding');
  if (encoding !== undefined) copy.encoding = encoding;
  return copy;
}

/** `HEADER` alone, a true value and `match` announce a header line; `false`, `off` and `0` do not. */
function hasHeader(given: ReadonlyMap<string, string | undefined>): boolean {
  if (!given.has('header')) return false;
  return !/^(?:false|off|0|no)$/i.test(given.get('header') ?? 'true');
}
