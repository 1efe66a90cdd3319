import type { FunctionInfo } from '../statement/contract.ts';
import type { CatalogQuery, RelationKind, TypeInfo } from './contract.ts';
import {
  CASTS,
  COLUMNS,
  FUNCTIONS,
  GENERATED,
  INHERITS,
  OPERATORS,
  RELATIONS,
  STAMP,
  TRIGGERS,
  TYPES,
  VIEW_DEFINITIONS,
  VIEW_DEPENDENCIES,
} from './queries.ts';

type Row = readonly (string | null)[];

export interface RelationRow {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: RelationKind;
  readonly visible: boolean;
  /** Has rules beside the one a view is made of. */
  readonly ruled: boolean;
}

export interface ColumnRow {
  readonly relation: number;
  readonly number: number;
  readonly name: string;
  readonly type: number;
}

export interface Dependency {
  readonly view: number;
  readonly kind: 'relation' | 'function';
  readonly oid: number;
}

export interface FunctionRow {
  readonly oid: number;
  readonly info: FunctionInfo;
}

/** Everything read in one consistent look. */
export interface CatalogRows {
  readonly relations: readonly RelationRow[];
  readonly columns: readonly ColumnRow[];
  readonly generated: readonly { relation: number; number: number; from: number }[];
  readonly triggers: readonly { relation: number; function: number }[];
  readonly inherits: readonly { child: number; parent: number }[];
  readonly dependencies: readonly Dependency[];
  readonly definitions: ReadonlyMap<number, string>;
  readonly types: readonly TypeInfo[];
  readonly functions: readonly FunctionRow[];
  readonly casts: readonly number[];
  readonly operators: readonly { schema: string; symbol: string; function: number }[];
}

/** A value that moves when anything read here has changed. */
export async function readStamp(query: CatalogQuery): Promise<string> {
  const row = (await query(STAMP))[0];
  if (!row) throw new Error('the database gave no catalog stamp');
  return row.join(' ');
}

/** Reads all of it in one read-only transaction. The stamp is taken inside, so that it belongs to what was read. */
export async function readCatalog(query: CatalogQuery): Promise<{ stamp: string; rows: CatalogRows }> {
  await query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    const stamp = await readStamp(query);
    const relations = (await query(RELATIONS)).map(relationRow);
    const functionRows = await query(FUNCTIONS);
    const columns = await query(COLUMNS);
    const generated = await query(GENERATED);
    const operators = await query(OPERATORS);
    const casts = await query(CASTS);
    const inherits = await query(INHERITS);
    const triggers = await query(TRIGGERS);
    const dependencies = await query(VIEW_DEPENDENCIES);
    const types = typeRows(await query(TYPES), columns);
    // From here on nothing is on the path, so that definitions name every relation with its schema.
    await query('SET LOCAL search_path = pg_catalog');
    const definitions = await query(VIEW_DEFINITIONS);
    await query('COMMIT');
    const rows: CatalogRows = {
      relations,
      columns: columns.map(columnRow),
      generated: generated.map((row) => ({ relation: int(row[0]), number: int(row[1]), from: int(row[2]) })),
      triggers: triggers.map((row) => ({ relation: int(row[0]), function: int(row[1]) })),
      inherits: inherits.map((row) => ({ child: int(row[0]), parent: int(row[1]) })),
      dependencies: dependencies.map((row) => ({
        view: int(row[0]),
        kind: row[1] === 'f' ? 'function' : 'relation',
        oid: int(row[2]),
      })),
      definitions: new Map(definitions.map((row) => [int(row[0]), row[1] ?? ''])),
      types,
      functions: functionRows.map(functionRow),
      casts: casts.map((row) => int(row[0])),
      operators: operators.map((row) => ({
        schema: row[0] ?? '',
        symbol: row[1] ?? '',
        function: int(row[2]),
      })),
    };
    // What was locked has no definition yet: the next look must read again.
    const partly =
      relations.some((one) => isUserView(one) && !rows.definitions.has(one.oid)) ||
      functionRows.some((row) => row[4] === null && row[5] === null);
    return { stamp: partly ? `${stamp} partly` : stamp, rows };
  } catch (error) {
    await query('ROLLBACK').catch(() => []);
    throw error;
  }
}

function isUserView({ oid, kind }: RelationRow): boolean {
  return oid >= 16_384 && (kind === 'view' || kind === 'materialized-view');
}

function int(value: string | null | undefined): number {
  return value === null || value === undefined ? 0 : Number(value);
}

function yes(value: string | null | undefined): boolean {
  return value === 't' || value === 'true';
}

const KINDS: Readonly<Record<string, RelationKind>> = {
  r: 'table',
  p: 'table',
  v: 'view',
  m: 'materialized-view',
  f: 'foreign-table',
  S: 'sequence',
};

function relationRow(row: Row): RelationRow {
  return {
    oid: int(row[0]),
    schema: row[1] ?? '',
    name: row[2] ?? '',
    kind: KINDS[row[3] ?? ''] ?? 'table',
    visible: yes(row[4]),
    ruled: yes(row[5]),
  };
}

function columnRow(row: Row): ColumnRow {
  return { relation: int(row[0]), number: int(row[1]), name: row[2] ?? '', type: int(row[3]) };
}

function functionRow(row: Row): FunctionRow {
  const aggregate = row[8] === 'a';
  const definition = row[5] ?? null;
  const parts = JSON.parse(row[11] ?? '[]') as [string, string][] | null;
  const result = row[7] ?? null;
  return {
    oid: int(row[0]),
    info: {
      schema: row[1] ?? '',
      name: row[2] ?? '',
      language: row[3] ?? '',
      body: definition ?? (aggregate ? null : (row[4] ?? null)),
      standard: definition !== null,
      signature: `(${row[6] ?? ''})${result === null ? '' : ` RETURNS ${result}`}`,
      volatility: VOLATILITIES[row[12] ?? ''] ?? 'volatile',
      rowArgument: yes(row[9]),
      extension: row[10] ?? null,
      parts: aggregate ? (parts ?? []).map(([schema, name]) => ({ schema, name })) : [],
    },
  };
}

const VOLATILITIES: Readonly<Record<string, FunctionInfo['volatility']>> = {
  i: 'immutable',
  s: 'stable',
  v: 'volatile',
};

const TYPE_KINDS: Readonly<Record<string, TypeInfo['kind']>> = {
  b: 'base',
  c: 'composite',
  d: 'domain',
  e: 'enum',
  m: 'multirange',
  p: 'pseudo',
  r: 'range',
};

function typeRows(rows: readonly Row[], columns: readonly Row[]): TypeInfo[] {
  const fields = new Map<number, { name: string; type: number; modifier: number }[]>();
  for (const row of columns) {
    const list = fields.get(int(row[0])) ?? [];
    list.push({ name: row[2] ?? '', type: int(row[3]), modifier: Number(row[5] ?? -1) });
    fields.set(int(row[0]), list);
  }
  return rows.map((row) => {
    // A true array has category A and variable length; point, box and name have elements too, but are no arrays.
    const array = row[4] === 'A' && row[6] !== '0' && row[7] === '-1';
    const kind = array ? 'array' : (TYPE_KINDS[row[3] ?? ''] ?? 'pseudo');
    return {
      oid: int(row[0]),
      schema: row[1] ?? '',
      name: row[2] ?? '',
      kind,
      of: madeOf(kind, row),
      fields: kind === 'composite' ? (fields.get(int(row[8])) ?? []) : [],
      modifier: Number(row[11] ?? -1),
      ...(row[12] === null || row[12] === undefined ? {} : { label: row[12] }),
    };
  });
}

function madeOf(kind: TypeInfo['kind'], row: Row): number | null {
  const source = { array: row[6], domain: row[5], range: row[9], multirange: row[10] } as const;
  return kind in source ? int(source[kind as keyof typeof source]) || null : null;
}
