import type { SqlFacts } from '@scrim/model';

/** A function or relation name as the text spells it; `schema` is null where the search path decides. */
export interface QualifiedName {
  readonly schema: string | null;
  readonly name: string;
}

/** How a COPY moves rows: what a codec needs to read the CopyData that follows. */
export interface CopyAnalysis {
  /** `in` = COPY FROM (the server receives), `out` = COPY TO. */
  readonly direction: 'in' | 'out';
  /** What the rows travel through; only `client` produces CopyData on the wire. */
  readonly through: 'client' | 'file' | 'program';
  readonly relation?: QualifiedName;
  readonly columns?: readonly string[];
  /** Text of the query of `COPY (query) TO`. */
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
  /** PostgreSQL's command tag: `SELECT`, `DROP TABLE`. */
  readonly tag: string;
  /** What this statement alone can cause, apart from what {@link resolve} and {@link withPrepared} add. */
  readonly facts: SqlFacts;
  readonly copy?: CopyAnalysis;
  /** Name of the prepared statement it executes. */
  readonly executes?: string;
  readonly prepares?: { readonly name: string; readonly text: string };
  /** Name of the prepared statement DEALLOCATE drops; `null` = all (also DISCARD ALL). */
  readonly deallocates?: string | null;
  readonly cursor?: { readonly declares?: string; readonly fetches?: string; readonly closes?: string };
  /** User functions it calls: everything that is no PostgreSQL builtin. */
  readonly calls: readonly QualifiedName[];
  /** Builtins it calls without a schema: a user's function of that name with closer argument types would win. */
  readonly builtins: readonly string[];
  /** `x.name` and `(x).name`: a function of one row argument can be called that way. */
  readonly attributes: readonly string[];
  /** Settings it changes; `value` is null when it is computed or reset. */
  readonly sets: readonly { readonly name: string; readonly value: string | null }[];
  /** Relations it creates, drops, renames or redefines: marks of session-made objects hang on these. */
  readonly defines: readonly QualifiedName[];
}

/** What a text of one or more statements can cause. The same object for the same text while it stays cached. */
export interface StatementAnalysis {
  /** Tags of the text for lists: `SELECT`, `BEGIN; UPDATE`. */
  readonly verb: string;
  /**
   * The union over all parts. Until {@link resolve} and {@link withPrepared} have answered them, calls of user
   * functions and EXECUTE make it incomplete, so that forgetting to ask fails closed.
   */
  readonly facts: SqlFacts;
  readonly parts: readonly PartAnalysis[];
}

/** A user function as the catalog knows it; `body` is what the language runs. */
export interface FunctionInfo {
  readonly schema: string;
  readonly name: string;
  readonly language: string;
  /** Source text (`prosrc`), or with `standard` the whole CREATE FUNCTION text; null when it has none. */
  readonly body: string | null;
  /** A SQL-standard body (BEGIN ATOMIC, RETURN), which the server keeps parsed. */
  readonly standard: boolean;
  /** `(x integer) RETURNS text`, as CREATE FUNCTION spells it: PL/pgSQL needs the names to read its body. */
  readonly signature: string;
  readonly volatility: 'immutable' | 'stable' | 'volatile';
  /** Takes one composite argument, so that `row.name` calls it. */
  readonly rowArgument: boolean;
  /** Extension that owns it; what an extension ships cannot be forged without administering the database. */
  readonly extension: string | null;
  /** Functions an aggregate is made of. */
  readonly parts: readonly QualifiedName[];
}

/** Every user function a name can mean, all overloads; empty when there is none. */
export type FunctionLookup = (name: QualifiedName) => readonly FunctionInfo[];
