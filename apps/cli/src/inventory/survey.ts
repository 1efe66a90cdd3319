import { createScanner, type Scanner } from '@scrim/masking';
import type pg from 'pg';

/** What is known of one column, from its name and from sampled values as the caller gets them. */
export interface ColumnEvidence {
  readonly place: string;
  readonly type: string;
  /** Values looked at: not null, as text. */
  readonly sampled: number;
  /** Values each detector found something in, by detector. */
  readonly found: Readonly<Record<string, number>>;
  /** Values that came masked already. */
  readonly masked: number;
  /** The name alone says that the values are sensitive. */
  readonly tellingName: boolean;
}

export interface SurveyOptions {
  /** Rows of each table that are looked at. */
  readonly sample: number;
  /** Only tables of this schema. */
  readonly schema?: string;
  readonly progress: (done: number, all: number, table: string) => void;
}

interface TableColumns {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

/** What a redacted value shows, whole or in a part of it. */
const MASK = '***MASKED***';

const COLUMNS = `
  select n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where c.relkind in ('r', 'p', 'f', 'm') and not c.relispartition
    and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'
  order by 1, 2, a.attnum`;

/**
 * Reads the catalog and a sample of each table over the caller's own connection, through the edge: it sees what the
 * caller may see, and nothing of it is kept but counts.
 */
export async function survey(client: pg.Client, options: SurveyOptions): Promise<readonly ColumnEvidence[]> {
  const scanner = createScanner({ detectors: ['secrets', 'pii'] });
  const tables = (await tablesOf(client)).filter(
    ({ schema }) => options.schema === undefined || schema === options.schema,
  );
  const evidence: ColumnEvidence[] = [];
  for (const [index, table] of tables.entries()) {
    options.progress(index + 1, tables.length, `${table.schema}.${table.table}`);
    evidence.push(...(await surveyTable(client, table, scanner, options.sample)));
  }
  return evidence;
}

async function tablesOf(client: pg.Client): Promise<readonly TableColumns[]> {
  const { rows } = await client.query<[string, string, string, string]>({ text: COLUMNS, rowMode: 'array' });
  const tables = new Map<
    string,
    { schema: string; table: string; columns: { name: string; type: string }[] }
  >();
  for (const [schema, table, name, type] of rows) {
    const key = JSON.stringify([schema, table]);
    const known = tables.get(key) ?? { schema, table, columns: [] };
    known.columns.push({ name, type });
    tables.set(key, known);
  }
  return [...tables.values()];
}

async function surveyTable(
  client: pg.Client,
  { schema, table, columns }: TableColumns,
  scanner: Scanner,
  sample: number,
): Promise<readonly ColumnEvidence[]> {
  const quoted = [schema, table].map((name) => `"${name.replaceAll('"', '""')}"`).join('.');
  const { rows } = await client.query<(string | null)[]>({
    text: `select * from ${quoted} limit ${sample}`,
    rowMode: 'array',
    // Every value as the text the wire carries.
    types: { getTypeParser: () => (value: string) => value },
  } as pg.QueryArrayConfig);
  return columns.map(({ name, type }, index) => {
    const values = rows.flatMap((row) => row[index] ?? []);
    return { place: placeOf(schema, table, name), type, ...evidenceOf(values, name, scanner) };
  });
}

/** A name as a column rule takes it: quoted where a dot or a star would mean something else. */
function placeOf(...names: readonly string[]): string {
  return names.map((name) => (/^[\w$-]+$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`)).join('.');
}

function evidenceOf(
  values: readonly string[],
  name: string,
  scanner: Scanner,
): Omit<ColumnEvidence, 'place' | 'type'> {
  const found: Record<string, number> = {};
  let masked = 0;
  for (const value of values) {
    if (value.includes(MASK)) {
      masked++;
      continue;
    }
    const detectors = new Set(scanner.find(value, name).map(({ detector }) => detector));
    for (const detector of detectors) found[detector] = (found[detector] ?? 0) + 1;
  }
  return { sampled: values.length, found, masked, tellingName: scanner.isSensitiveKey(name) };
}
