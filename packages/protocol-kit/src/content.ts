import type { ValueType } from '@scrim/model';
import type { Run } from './run.ts';

/** Where a value lives in the target, as the target itself says. */
export interface Place {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

/** A relation with all its columns: what a value may have come from when its exact origin is unknown. */
export interface Relation {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly string[];
}

/** One column of a result. */
export interface Column {
  /** The label the caller sees. It is the caller's choice (an alias), so no rule may trust it to clear a value. */
  readonly name: string;
  /** Base columns this column can carry. A child partition's column names its parents' columns too. */
  readonly origins: readonly Place[];
  /**
   * True when `origins` is all the column can carry. False = computed or unknown: the column is judged by
   * everything the statement can reach ({@link Shape.reach}).
   */
  readonly exact: boolean;
  /**
   * With {@link exact}: its values are not a column's as they stand. `computed` = from `origins`; `mixed` = unchanged,
   * but beside values of other columns or constants of the caller's.
   */
  readonly derived?: 'mixed' | 'computed';
  readonly type: ValueType;
  /** Longest text the type holds (`varchar(n)`), digits before the point of a numeric: so that a mask fits. */
  readonly maxLength?: number;
  /** Whether content detectors look at it: text, JSON, XML, bytes, arrays and everything unknown. */
  readonly textual: boolean;
  /**
   * The column's values are made of others (an array, a row, a range), which are shown one by one, each as
   * {@link Cell.part}. `encoded` = JSON or bytes among them, whose spelling can hide a text from a prefilter;
   * `named` = some go by names of their own.
   */
  readonly parts?: { readonly encoded: boolean; readonly named: boolean };
}

/** One of the values a cell is made of. */
export interface CellPart {
  /** Its name within the cell: a row's field, a key of a map. */
  readonly key: string | null;
  readonly type: ValueType;
  readonly textual: boolean;
  readonly maxLength?: number;
  /** Bytes of the whole cell. */
  readonly whole: number;
}

/**
 * Columns of one result. The same object for every run of the same prepared statement, because the pipeline keeps
 * its compiled plan by this identity.
 */
export interface Shape {
  readonly columns: readonly Column[];
  /** The columns in the protocol's own recorded form (a RowDescription), so that a replay can decode the rows. */
  readonly description: Uint8Array;
  /** Relations the statement can read; `unknown` = any of the target's. */
  readonly reach: readonly Relation[] | 'unknown';
}

/**
 * A cell under the visitor's eyes. One object reused for every cell: read it, do not keep it.
 * For textual columns `bytes[start, end)` is the value's text, with wire escapes already undone.
 */
export interface Cell {
  readonly column: number;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** Absent or null = the cell itself; else one of the values it is made of, which a replacement is for. */
  readonly part?: CellPart | null;
  /** Canonical text of the value in any wire format. Throws when the bytes are no value of the type. */
  text(): string;
}

/** What a visitor wants: the cell as it is, NULL, or this text, which the protocol encodes for type and format. */
export type Replacement = undefined | null | string;

export type CellVisitor = (cell: Cell) => Replacement;

/** Room a prefilter reads texts from; grows when it must, and is used again for every run. */
export interface Scratch {
  bytes: Buffer;
}

/** Complete rows of one result as they arrived, one after the other in one buffer. */
export interface Rows {
  readonly shape: Shape;
  readonly count: number;
  /** The run's own wire bytes: what a prefilter may scan in one pass. */
  readonly bytes: Buffer;
  /**
   * Copies the chosen columns' values as they stand on the wire, a line break behind each, and returns how many bytes
   * of `into.bytes` they fill. So detectors read the texts alone and all at once: the digits of a uuid or a timestamp
   * beside them look like a card or a phone number to a prefilter, and every cell would have to be looked at.
   */
  gather(selected: Uint8Array, into: Scratch): number;
  /**
   * Shows every non-null cell of the chosen columns (`selected[column] = 1`) to `visit`, in wire order, and returns
   * the rows with what it gave back. Returns `bytes` itself when nothing was replaced.
   * Throws when a replacement cannot be encoded for its column, which fails the operation closed.
   */
  rewrite(selected: Uint8Array, visit: CellVisitor): Buffer;
}

export interface FieldEntry {
  readonly name: string;
  readonly value: string;
  /** True when the text may repeat the target's data (the detail of a constraint), false for names and codes. */
  readonly quotesData: boolean;
}

/** Named texts outside rows: the fields of an error, a notice, a notification, a parameter report. */
export interface Fields {
  readonly entries: readonly FieldEntry[];
  /** True for HTTP headers: header rules apply by name. */
  readonly headers?: true;
  /** Relations whose values the texts may quote: what the statement in flight can read. */
  readonly reach: readonly Relation[] | 'unknown';
  /** The same message around the new values, in the order of `entries`. */
  rewrite(values: readonly string[]): Buffer;
}

/**
 * How the bytes of a text channel are read: `json` = one or more JSON documents (field rules apply inside), `form` =
 * `application/x-www-form-urlencoded`, `terminal` = text with control sequences in it, `text` = anything else in UTF-8.
 */
export type TextForm = 'text' | 'json' | 'form' | 'csv' | 'xml' | 'terminal';

/** A piece of a text channel (exec output, a body, the deltas of one SSE block): a value may be cut by its end. */
export interface Piece {
  /** Pieces of one channel, counted within their lane, are one text: the undecided tail is kept by it. */
  readonly channel: number;
  readonly form: TextForm;
  /** Where the text stands (`stdout`, `body`, `choices.delta.content`), for masking events and telling names. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** True on the channel's last piece: the tail is decided now, and the channel's number may be used anew. */
  readonly last: boolean;
  /** For channels somebody watches (a prompt waits for an answer): how a held tail leaves in silence. */
  readonly quiet?: Quiet;
}

/** How a tail that is held back reaches its reader when the channel falls silent; without one it waits. */
export interface Quiet {
  /** Milliseconds of silence. */
  readonly after: number;
  /** A run that carries the text, to be forwarded as it is. */
  readonly run: (text: Uint8Array) => Run;
}

/** Texts that flow, out of one message: an event of a stream may hold pieces of several channels. */
export interface Texts {
  readonly pieces: readonly Piece[];
  /**
   * True when `rewrite` must be asked although no text changed, because the message depends on what became of those
   * before it (events that are numbered). Otherwise the bytes leave as they came.
   */
  readonly always?: true;
  /** Bytes of the message no rule can look into (images, sound, token numbers): policy decides whether it may pass. */
  readonly uninspected?: number;
  /**
   * The same message around what is shown of each piece now, in their order; a text may be empty or hold what an
   * earlier piece of its channel left. An empty result means that nothing is sent.
   * It may be asked a second time with other texts, for the record: what the first time decided stays decided.
   */
  rewrite(texts: readonly Uint8Array[]): Buffer;
}
