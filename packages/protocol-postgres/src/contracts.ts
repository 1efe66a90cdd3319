import type { SqlFacts } from '@scrim/model';
import type { Place, Relation } from '@scrim/protocol-kit';

/** A COPY between the caller and the target, as its statement says. */
export interface CopyAnalysis {
  readonly direction: 'in' | 'out';
  readonly relation?: { readonly schema: string | null; readonly name: string };
  readonly columns?: readonly string[];
  readonly query?: string;
  readonly format: 'text' | 'csv' | 'binary';
  readonly delimiter: string;
  readonly nullText: string;
  readonly quote: string;
  readonly escape: string;
  readonly header: boolean;
  readonly encoding?: string;
}

/** One statement of a text. */
export interface PartAnalysis {
  readonly tag: string;
  readonly copy?: CopyAnalysis;
  /** Per result column: true = provably reveals nothing of any table, so it may stay clear without an origin. */
  readonly harmless?: readonly boolean[];
  /** Name of the prepared statement an SQL EXECUTE runs. */
  readonly executes?: string;
  readonly prepares?: { readonly name: string; readonly text: string };
  readonly cursor?: { readonly declares?: string; readonly fetches?: string; readonly closes?: string };
}

/** What is known of an SQL text without running it. */
export interface StatementAnalysis {
  readonly verb: string;
  readonly facts: SqlFacts;
  readonly parts: readonly PartAnalysis[];
}

export type Analyse = (sql: string) => StatementAnalysis;

/** A type of the target beyond the built-in ones. */
export interface TypeInfo {
  readonly name: string;
  readonly kind: 'base' | 'domain' | 'enum' | 'composite' | 'range' | 'multirange' | 'array' | 'pseudo';
  /** Base type of a domain, element of an array. */
  readonly of: number | null;
}

/** Names behind the numbers in a RowDescription, kept by a side connection to the same database. */
export interface Catalog {
  /** Where a column's values come from; undefined for what the catalog does not know. */
  column(
    oid: number,
    attnum: number,
  ): { readonly origins: readonly Place[]; readonly exact: boolean } | undefined;
  type(oid: number): TypeInfo | undefined;
  /** Relations whose values a statement can show. */
  reach(facts: SqlFacts): readonly Relation[] | 'unknown';
  /** The facts with what views and inheritance bring in. */
  widen?(facts: SqlFacts): SqlFacts;
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

export type OpenCatalog = (dial: () => Promise<CatalogConnection>) => Promise<Catalog>;
