import type { SqlFacts, SqlKeeps, TouchedTable } from '@scrim/model';
import type { Place, Relation } from '@scrim/protocol-kit';
import type { FunctionInfo, QualifiedName } from '../statement/contract.ts';
import { blindFacts, mergeFacts } from '../statement/facts.ts';
import { functionFacts } from '../statement/resolve.ts';
import type { CatalogRelation, ColumnOrigin, TypeInfo } from './contract.ts';
import { CatalogWorld, originOf } from './known.ts';
import type { CatalogRows } from './rows.ts';

/** System relations whose rows hold users' values or the texts of their statements. */
const REVEALING = new Set([
  'pg_stats',
  'pg_stats_ext',
  'pg_stats_ext_exprs',
  'pg_statistic',
  'pg_statistic_ext_data',
  'pg_stat_activity',
  'pg_stat_statements',
  'pg_prepared_statements',
  'pg_cursors',
  'pg_largeobject',
]);

const SYSTEM_SCHEMAS = new Set(['pg_catalog', 'information_schema', 'pg_toast']);

/** System columns by attribute number (sysattr.h). They carry no user's value. */
const SYSTEM_COLUMNS = new Map([
  [-1, 'ctid'],
  [-2, 'xmin'],
  [-3, 'cmin'],
  [-4, 'xmax'],
  [-5, 'cmax'],
  [-6, 'tableoid'],
]);

/** Stands for a function of PostgreSQL's own behind a user's operator. */
const BUILTIN: FunctionInfo = {
  schema: 'pg_catalog',
  name: '',
  language: 'internal',
  body: '',
  standard: false,
  signature: '()',
  volatility: 'immutable',
  rowArgument: false,
  extension: null,
  parts: [],
};

/** Stands for a function a view calls that was not read: it could do anything. */
const MISSING: FunctionInfo = { ...BUILTIN, name: 'a function of a view', body: null };

interface Entry extends CatalogRelation {
  readonly ruled: boolean;
  readonly parents: number[];
  readonly children: number[];
  /** Relations and functions a view is made of. */
  readonly uses: Set<number>;
  readonly calls: Set<number>;
  readonly generated: Map<number, number[]>;
  /** Functions of triggers that may change a row on its way in. */
  readonly triggers: number[];
}

/** One loaded state of the catalog: indexes, and answers computed when first asked. */
export class Snapshot {
  readonly #byOid = new Map<number, Entry>();
  readonly #byName = new Map<string, Entry[]>();
  readonly #types = new Map<number, TypeInfo>();
  readonly #functions = new Map<string, FunctionInfo[]>();
  readonly #functionsByOid = new Map<number, FunctionInfo>();
  readonly #definitions: ReadonlyMap<number, string>;
  readonly #origins = new Map<string, ColumnOrigin>();
  readonly #casts: readonly number[];
  readonly #composites = new Map<string, TypeInfo[]>();
  readonly #families = new Map<number, readonly Entry[]>();

  /** Names that columns had before they, or their tables, were renamed: a mask stays where its values are. */
  readonly #former = new Map<string, readonly Place[]>();

  /** What lineage asks of this state. */
  readonly world: CatalogWorld = new CatalogWorld({
    relations: (name) => this.relations(name),
    functions: (name) => this.functions(name),
    functionByOid: (oid) => this.#functionsByOid.get(oid),
    definition: ({ oid }) => this.#definitions.get(oid),
    isView: (relation) => isView(relation as Entry) && !isSystem(relation as Entry),
    origin: (relation, attnum) => this.#origin(relation as Entry, attnum),
    composites: (name) => this.#composites.get(name) ?? [],
    casts: () => this.#casts,
  });

  /** @param before the state read before this one by the same edge */
  constructor(rows: CatalogRows, before?: Snapshot) {
    this.#definitions = rows.definitions;
    this.#casts = rows.casts;
    for (const row of rows.relations) {
      const entry: Entry = {
        ...row,
        columns: new Map(),
        parents: [],
        children: [],
        uses: new Set(),
        calls: new Set(),
        generated: new Map(),
        triggers: [],
      };
      this.#byOid.set(row.oid, entry);
      push(this.#byName, row.name, entry);
    }
    for (const { relation, number, name } of rows.columns) {
      (this.#byOid.get(relation)?.columns as Map<number, string> | undefined)?.set(number, name);
    }
    for (const { relation, number, from } of rows.generated) {
      const generated = this.#byOid.get(relation)?.generated;
      if (generated) push(generated, number, from);
    }
    for (const { relation, function: oid } of rows.triggers) this.#byOid.get(relation)?.triggers.push(oid);
    for (const { child, parent } of rows.inherits) {
      this.#byOid.get(child)?.parents.push(parent);
      this.#byOid.get(parent)?.children.push(child);
    }
    for (const { view, kind, oid } of rows.dependencies) {
      const entry = this.#byOid.get(view);
      (kind === 'function' ? entry?.calls : entry?.uses)?.add(oid);
    }
    for (const type of rows.types) {
      this.#types.set(type.oid, type);
      if (type.kind === 'composite') push(this.#composites, type.name, type);
    }
    for (const { oid, info } of rows.functions) {
      this.#functionsByOid.set(oid, info);
      push(this.#functions, info.name, info);
    }
    for (const { schema, symbol, function: oid } of rows.operators) {
      const name = `operator ${symbol}`;
      const info = this.#functionsByOid.get(oid);
      // Operators an extension ships compare and compute; one written in the database is followed.
      push(this.#functions, name, { ...(info?.extension === null ? info : BUILTIN), schema, name });
    }
    if (before) this.#remember(before);
  }

  #remember(before: Snapshot): void {
    for (const [oid, entry] of this.#byOid) {
      const old = before.#byOid.get(oid);
      if (!old || isView(entry)) continue;
      const moved = old.name !== entry.name || old.schema !== entry.schema;
      for (const [number, name] of entry.columns) {
        const was = old.columns.get(number);
        const known = before.#former.get(`${oid} ${number}`) ?? [];
        const renamed = was !== undefined && (moved || was !== name);
        const all = renamed ? [...known, place(old, was)] : known;
        if (all.length > 0) this.#former.set(`${oid} ${number}`, all);
      }
    }
  }

  type(oid: number): TypeInfo | undefined {
    return this.#types.get(oid);
  }

  relations(name: QualifiedName): readonly Entry[] {
    const found = this.#byName.get(name.name) ?? [];
    return name.schema === null ? found : found.filter((entry) => entry.schema === name.schema);
  }

  functions(name: QualifiedName): readonly FunctionInfo[] {
    const found = this.#functions.get(name.name) ?? [];
    return name.schema === null ? found : found.filter((info) => info.schema === name.schema);
  }

  column(oid: number, attnum: number): ColumnOrigin | undefined {
    const key = `${oid} ${attnum}`;
    const known = this.#origins.get(key);
    if (known) return known;
    const entry = this.#byOid.get(oid);
    const origin = entry && this.#origin(entry, attnum);
    if (origin) this.#origins.set(key, origin);
    return origin;
  }

  #origin(entry: Entry, attnum: number): ColumnOrigin | undefined {
    const name = entry.columns.get(attnum) ?? SYSTEM_COLUMNS.get(attnum);
    if (attnum === 0)
      return { origins: [...entry.columns.values()].map((one) => place(entry, one)), exact: false };
    if (name === undefined) return undefined;
    if (isRevealing(entry)) return { origins: [place(entry, name)], exact: false };
    if (isView(entry) && !isSystem(entry) && attnum > 0) {
      const value = this.world.relation(entry).listed.find((field) => field.name === name)?.value;
      return value && originOf(value);
    }
    const origins = new Map<string, Place>();
    for (const relative of this.#family(entry)) {
      const number = columnNumber(relative, name);
      if (relative !== entry && number === undefined) continue;
      add(origins, place(relative, name));
      for (const former of this.#former.get(`${relative.oid} ${number ?? attnum}`) ?? [])
        add(origins, former);
      for (const from of relative.generated.get(number ?? attnum) ?? []) {
        const source = relative.columns.get(from);
        if (source !== undefined) add(origins, place(relative, source));
      }
    }
    const derived = entry.generated.has(attnum) ? ({ derived: 'computed' } as const) : {};
    return { origins: [...origins.values()], exact: true, stored: true, ...derived };
  }

  /** The relation with every parent and child in its inheritance tree. */
  #family(entry: Entry): readonly Entry[] {
    const known = this.#families.get(entry.oid);
    if (known) return known;
    const family = new Set([entry]);
    this.#climb(entry, 'parents', family);
    this.#climb(entry, 'children', family);
    const found = [...family];
    this.#families.set(entry.oid, found);
    return found;
  }

  #climb(entry: Entry, direction: 'parents' | 'children', into: Set<Entry>): void {
    const queue = [entry];
    for (const one of queue) {
      for (const oid of one[direction]) {
        const next = this.#byOid.get(oid);
        if (!next || into.has(next)) continue;
        into.add(next);
        queue.push(next);
      }
    }
  }

  reach(facts: SqlFacts, sessionMade?: ReadonlySet<string>): readonly Relation[] | 'unknown' {
    if (!facts.complete) return 'unknown';
    const found = new Set<Entry>();
    for (const table of facts.tables) {
      const named = this.relations(table);
      if (named.length === 0 || sessionMade?.has(table.name)) return 'unknown';
      for (const entry of named) if (!this.#spread(entry, found)) return 'unknown';
    }
    return [...found].flatMap((entry) => [
      { schema: entry.schema, table: entry.name, columns: [...entry.columns.values()] },
      ...this.#formerly(entry),
    ]);
  }

  #formerly(entry: Entry): Relation[] {
    if (this.#former.size === 0) return [];
    const places = [...entry.columns.keys()].flatMap(
      (number) => this.#former.get(`${entry.oid} ${number}`) ?? [],
    );
    return places.map(({ schema, table, column }) => ({ schema, table, columns: [column] }));
  }

  /** Adds all the relation's rows can come from; false = something among it cannot be told. */
  #spread(entry: Entry, into: Set<Entry>): boolean {
    if (into.has(entry)) return true;
    if (isRevealing(entry)) return false;
    into.add(entry);
    if (isSystem(entry)) return true;
    const next = [...entry.uses].map((oid) => this.#byOid.get(oid));
    const calls = [...entry.calls].map((oid) => this.#functionsByOid.get(oid));
    if (next.includes(undefined) || calls.includes(undefined)) return false;
    const relatives = this.#family(entry).filter((relative) => relative !== entry);
    const behind = calls.length > 0 ? this.#functionRelations(calls as FunctionInfo[]) : [];
    if (!behind) return false;
    return [...(next as Entry[]), ...relatives, ...behind].every((one) => this.#spread(one, into));
  }

  #functionRelations(infos: readonly FunctionInfo[]): readonly Entry[] | undefined {
    const facts = functionFacts(infos, (name) => this.functions(name));
    if (!facts.complete) return undefined;
    const named = facts.tables.map((table) => this.relations(table));
    return named.some((entries) => entries.length === 0) ? undefined : named.flat();
  }

  widen(facts: SqlFacts): SqlFacts {
    const tables = new Map<string, TouchedTable>();
    const called = new Set<FunctionInfo>();
    const ruled = new Set<string>();
    for (const table of facts.tables) {
      tables.set(`${table.access} ${table.schema}.${table.name}`, table);
      for (const entry of this.relations(table)) {
        for (const { schema, name, calls, ruled: hasRules } of this.#behind(entry)) {
          tables.set(`${table.access} ${schema}.${name}`, { schema, name, access: table.access });
          for (const oid of calls) called.add(this.#functionsByOid.get(oid) ?? MISSING);
          if (hasRules && table.access === 'write' && !SYSTEM_SCHEMAS.has(schema))
            ruled.add(`${schema}.${name}`);
        }
      }
    }
    const widened = { ...facts, tables: [...tables.values()] };
    const more = called.size > 0 ? [functionFacts([...called], (name) => this.functions(name))] : [];
    const rules = [...ruled].map((name) => blindFacts(`rules of ${name}`));
    const all = mergeFacts([widened, ...more, ...rules]);
    const { keeps } = all;
    return keeps?.by ? { ...all, keeps: { ...keeps, columns: this.#kept(facts.tables, keeps) } } : all;
  }

  /** Base columns behind the names whose values a statement keeps, in all the relations it reads. */
  #kept(tables: readonly TouchedTable[], keeps: SqlKeeps): readonly Place[] {
    const names = new Set([...keeps.values, ...(keeps.by === 'calls' ? keeps.tests : [])]);
    const found = new Map<string, Place>();
    const sources: readonly TouchedTable[] = [
      ...tables.filter(({ access }) => access === 'read'),
      ...keeps.targets,
    ];
    for (const entry of sources.flatMap((table) => this.relations(table))) {
      if (isSystem(entry)) continue;
      // By name too: somebody else may have renamed a column since the catalog was read.
      for (const name of names) add(found, place(entry, name));
      for (const [number, name] of entry.columns) {
        if (!names.has('*') && !names.has(name)) continue;
        for (const origin of this.column(entry.oid, number)?.origins ?? []) add(found, origin);
      }
    }
    return [...found.values()];
  }

  /** The relation, its inheritance tree, and for a view what it is made of, in turn. */
  #behind(entry: Entry): ReadonlySet<Entry> {
    const found = new Set([entry]);
    for (const one of found) {
      if (isSystem(one)) continue;
      for (const relative of this.#family(one)) found.add(relative);
      for (const oid of one.uses) {
        const next = this.#byOid.get(oid);
        if (next) found.add(next);
      }
    }
    return found;
  }
}

function push<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}

function add(places: Map<string, Place>, one: Place): void {
  places.set(`${one.schema}.${one.table}.${one.column}`, one);
}

function place(entry: Entry, column: string): Place {
  return { schema: entry.schema, table: entry.name, column };
}

function columnNumber(entry: Entry, name: string): number | undefined {
  for (const [number, column] of entry.columns) if (column === name) return number;
  for (const [number, column] of SYSTEM_COLUMNS) if (column === name) return number;
  return undefined;
}

function isView(entry: Entry): boolean {
  return entry.kind === 'view' || entry.kind === 'materialized-view';
}

function isSystem(entry: Entry): boolean {
  return SYSTEM_SCHEMAS.has(entry.schema);
}

function isRevealing(entry: Entry): boolean {
  return REVEALING.has(entry.name) && (isSystem(entry) || entry.name === 'pg_stat_statements');
}
