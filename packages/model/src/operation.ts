import type { FILE_OPERATIONS } from './policy.ts';

/** What an operation can cause. `unknown` is judged as every effect at once. */
export type Effect = 'read' | 'write' | 'ddl' | 'admin' | 'session' | 'unknown';

/** A relation an SQL statement touches; `schema` is null where the text leaves it to the search path. */
export interface TouchedTable {
  readonly schema: string | null;
  readonly name: string;
  readonly access: 'read' | 'write';
}

/** What guards need to know of an SQL text; a text of several statements is judged by their union. */
export interface SqlFacts {
  readonly kind: 'sql';
  /** PostgreSQL command tags in lower case with underscores, plus the finer names of DESIGN section 11. */
  readonly statements: readonly string[];
  readonly effects: readonly Effect[];
  /** Whole-table writes: no WHERE, or one that is constantly true. */
  readonly unbounded: readonly ('update' | 'delete')[];
  readonly tables: readonly TouchedTable[];
  /** False when some part could not be understood (unparsed text, dynamic SQL, opaque function): judged as the worst. */
  readonly complete: boolean;
  /** What made it incomplete, for the refusal's message. */
  readonly opaque: readonly string[];
  /** Absent when the statement only shows what it reads. */
  readonly keeps?: SqlKeeps;
  /**
   * Which columns its conditions and its computed values rest on. A function, because only some policies ask and
   * finding out takes a second look at the statement. Absent = unknown.
   */
  readonly uses?: () => SqlUses;
}

/** A column of the target's database. */
export interface ColumnPlace {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

/** Columns by what a statement does with their values; `unknown` = it can be any. */
export interface SqlUses {
  /** Compared, sorted, grouped or counted by: how the result looks tells something of their values. */
  readonly tests: readonly ColumnPlace[] | 'unknown';
  /** Base columns of what it shows computed, not as it stands. */
  readonly derives: readonly ColumnPlace[] | 'unknown';
}

/**
 * What a statement that writes, or calls a function that stores, can put where masks do not follow: rows of other
 * columns, settings, sequences, files, notifications.
 */
export interface SqlKeeps {
  /** Names of columns its values are computed from; `*` = every column of what it reads. */
  readonly values: readonly string[];
  /** Names it only tests, in WHERE and ON, or shows, in RETURNING; they are kept only by functions that store. */
  readonly tests: readonly string[];
  /** `rows` = the values end in rows; `calls` = a function may keep anything it is given; false = nothing is kept. */
  readonly by: 'rows' | 'calls' | false;
  /** Relations whose own columns the values may come from although they are only written. */
  readonly targets: readonly TouchedTable[];
  /** Columns that are kept, by where they stand in the database; filled once the catalog is asked. */
  readonly columns?: readonly ColumnPlace[] | 'unknown';
}

/**
 * What a shell line can cause. `unknown` is a program nobody has listed: judged as every effect at once, like a line
 * that is not {@link ShellFacts.complete}.
 */
export type ShellEffect = 'read' | 'write' | 'privileged' | 'network' | 'unknown';

/** Facts of one shell line, filled by the SSH protocol. */
export interface ShellFacts {
  readonly kind: 'shell';
  /** Names of every program and builtin the line can run, as the shell sees them once quotes are gone (`/bin/rm`). */
  readonly commands: readonly string[];
  /** Names a program that is not known may run because they stand among its arguments: they forbid, never allow. */
  readonly mayRun?: readonly string[];
  /** Absent = unknown. */
  readonly effects?: readonly ShellEffect[];
  /** Files written by redirection, as written in the line; `*` = a name that is known only when it runs. */
  readonly writes?: readonly string[];
  /** Full-screen programs: what is typed into them is not a shell line. */
  readonly screens?: readonly string[];
  /** False when some part could not be understood: judged as the worst. */
  readonly complete: boolean;
  /** What made it incomplete, for the refusal's message. */
  readonly opaque?: readonly string[];
  /** An interactive shell is opened, or a line of one is run. */
  readonly interactive?: 'open' | 'line';
  /** Its streams hold what no rule can look into: the protocol spoken over them. */
  readonly uninspected?: string;
}

/** Facts of one request about files (SFTP, scp), filled by the SSH protocol. */
export interface FileFacts {
  readonly kind: 'sftp';
  readonly operation: (typeof FILE_OPERATIONS)[number];
  /** Every path it touches, as the target resolves it. */
  readonly paths: readonly string[];
  /** False when a path could not be resolved: judged as any path. */
  readonly complete: boolean;
  /** Why no rule can look into the content. */
  readonly uninspected?: string;
}

/** Facts of a way out through a target: a connection to somewhere else, or what cannot be opened (`agent`, `x11`). */
export interface ForwardFacts {
  readonly kind: 'forward';
  /** `host:port` as the caller wrote it, or the name of what was asked for. */
  readonly destination: string;
}

/** A value inside a request's body, by the keys and indexes that lead to it. */
export interface BodyEntry {
  readonly path: readonly (string | number)[];
  readonly value: string;
}

/** Facts of one HTTP request, filled by the HTTP protocol. */
export interface HttpFacts {
  readonly kind: 'http';
  readonly method: string;
  /** Decoded, without dot segments and doubled slashes, below the connection's base. */
  readonly path: string;
  /** Other ways a server may read the same path (encoded slashes, parameters); a rule that fits one of them fits. */
  readonly otherPaths?: readonly string[];
  /** By name in lower case, values of repeated ones joined by `, `; absent = not told, judged as the worst. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Every value of a JSON or form body, also those of repeated keys; absent = not read, judged as the worst. */
  readonly body?: readonly BodyEntry[];
  readonly model?: string;
  readonly tools?: readonly string[];
  /** Tool calls the request carries, with their arguments as JSON text. */
  readonly calls?: readonly { readonly name: string; readonly arguments: string }[];
  /** The request stores nothing: what it says (a prompt) may repeat masks the caller was given before. */
  readonly transient?: true;
}

export type Facts = SqlFacts | ShellFacts | FileFacts | ForwardFacts | HttpFacts;

/**
 * What a caller asks, apart from its parameters. One object per prepared statement, shell line or request, and the
 * very same object every time it is executed again: verdicts are cached by its identity.
 */
export interface Statement {
  /** Short verb for lists: `SELECT`, `exec`, `POST`. */
  readonly verb: string;
  /** Exact text an approver reads and the digest is taken over. */
  readonly text: string;
  readonly facts: Facts;
}
