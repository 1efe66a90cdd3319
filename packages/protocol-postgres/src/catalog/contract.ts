import type { SqlFacts } from '@scrim/model';
import type { Place, Relation } from '@scrim/protocol-kit';
import type { World } from '../lineage/world.ts';
import type { FunctionInfo, QualifiedName } from '../statement/contract.ts';

/** Where a column's values come from. `exact` = `origins` is all it can carry. */
export interface ColumnOrigin {
  readonly origins: readonly Place[];
  readonly exact: boolean;
  /** Its value is computed from them, or several columns' values stand in it. */
  readonly derived?: 'mixed' | 'computed';
  /** It stands in a table's own rows, so no definition can turn it into another value. */
  readonly stored?: boolean;
}

/** A type by OID, with what it is made of. */
export interface TypeInfo {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'base' | 'domain' | 'enum' | 'composite' | 'range' | 'multirange' | 'array' | 'pseudo';
  /** Base type of a domain, element of an array, subtype of a range, range of a multirange. */
  readonly of: number | null;
  /** Fields of a composite type in order; `modifier` as in pg_attribute, -1 for none. */
  readonly fields: readonly { readonly name: string; readonly type: number; readonly modifier: number }[];
  /** A domain's modifier of its base type, -1 for none. */
  readonly modifier: number;
  /** First label of an enum. */
  readonly label?: string;
}

export type RelationKind = 'table' | 'view' | 'materialized-view' | 'foreign-table' | 'sequence';

/** A relation of the database as last loaded. */
export interface CatalogRelation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: RelationKind;
  /** Columns by attribute number; dropped ones are gaps. */
  readonly columns: ReadonlyMap<number, string>;
  /** Whether its bare name means it on the default search path. */
  readonly visible: boolean;
}

/** What one database holds, kept in memory: answers are synchronous and as fresh as the last {@link refresh}. */
export interface Catalog {
  /** Changes with every reload: a key for caches built on answers. */
  readonly version: string;
  /** True from {@link stale} until a refresh has succeeded. */
  readonly isStale: boolean;
  /**
   * Where the column of a RowDescription comes from: its own place, that of every parent and child in an inheritance
   * tree, and for a view the base columns behind it. Undefined for an OID or attribute number not in the catalog
   * (a temporary table, a column added since): unknown.
   */
  column(oid: number, attnum: number): ColumnOrigin | undefined;
  type(oid: number): TypeInfo | undefined;
  /** Relations a name can mean. Without a schema: all of that name in any schema, since a session may move its path. */
  relations(name: QualifiedName): readonly CatalogRelation[];
  /**
   * Every relation the statement can show values of: those it names, the tables behind views, parents and children,
   * and what functions inside views touch. `unknown` when the facts are incomplete, a name is not in the catalog, or
   * a system relation that carries users' values (pg_stats, pg_stat_activity, …) is among them.
   * Call it with facts that `resolve` has answered.
   *
   * `sessionMade` = bare names of relations this session has created or renamed (`PartAnalysis.defines`): a temporary
   * table shadows a catalogued one of its name, so naming one of them is `unknown`.
   */
  reach(facts: SqlFacts, sessionMade?: ReadonlySet<string>): readonly Relation[] | 'unknown';
  /**
   * The facts for guards on tables: with the tables behind views and those up and down inheritance trees, and with what
   * functions inside views can cause. Writing to a relation with rules of its own makes them incomplete.
   */
  widen(facts: SqlFacts): SqlFacts;
  /** What the lineage of statements asks, as of {@link version}. */
  readonly world: World;
  /** User functions a name can mean, for `resolve`. */
  functions(name: QualifiedName): readonly FunctionInfo[];
  /**
   * Looks whether the database changed and reloads if so, or if {@link stale} was called. Calls at the same time share
   * one look, and one that began before a later {@link stale} is followed by another.
   * @throws Error when the database does not answer within the bound; the old answers stay, marked stale.
   */
  refresh(): Promise<void>;
  /** Something may have changed it (DDL, DO, CALL, a user function, ROLLBACK): the next refresh reloads. */
  stale(): void;
}

export interface CatalogOptions {
  /** Milliseconds one refresh may take. */
  readonly timeoutMs?: number;
}

/**
 * Runs one SQL text and gives its rows as text, NULL as null. All texts must run on one connection in the order of
 * calls, with that connection's default search path.
 */
export type CatalogQuery = (sql: string) => Promise<readonly (readonly (string | null)[])[]>;
