import type { SqlFacts } from '@scrim/model';
import type { Place, Relation } from '@scrim/protocol-kit';

export type { CopyAnalysis, PartAnalysis, StatementAnalysis } from './statement/index.ts';

/** A type of the target beyond the built-in ones. */
export interface TypeInfo {
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

/** Where a column's values come from; see the catalog's own contract. */
export interface ColumnOrigin {
  readonly origins: readonly Place[];
  readonly exact: boolean;
  readonly derived?: 'mixed' | 'computed';
  readonly stored?: boolean;
}

/** Names behind the numbers in a RowDescription, kept by a side connection to the same database. */
export interface Catalog {
  /** Changes when its answers may have. */
  readonly version: string;
  /** Where a column's values come from; undefined for what the catalog does not know. `stored` = in a table's rows. */
  column(oid: number, attnum: number): ColumnOrigin | undefined;
  type(oid: number): TypeInfo | undefined;
  /** Relations of a name in any schema. */
  relations(name: { readonly schema: string | null; readonly name: string }): readonly unknown[];
  /** Relations whose values a statement can show. */
  reach(facts: SqlFacts): readonly Relation[] | 'unknown';
  /** Looks whether the database changed and reloads if so; bounded wait. */
  refresh(): Promise<void>;
  /** Says that something may have changed. */
  stale(): void;
}

/** A side connection that only runs queries of our own. */
export interface CatalogConnection {
  /** Rows of one statement without parameters, every value as text. */
  query(sql: string): Promise<readonly (readonly (string | null)[])[]>;
  close(): Promise<void>;
}
