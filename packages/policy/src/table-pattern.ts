import type { TouchedTable } from '@scrim/model';
import { Glob } from './glob.ts';

/** `[schema.]table` with globs, as guards name tables. */
export class TablePattern {
  readonly #schema: Glob | null;
  readonly #table: Glob;
  readonly #exactSchema: Glob | null;
  readonly #exactTable: Glob;

  constructor(pattern: string) {
    const dot = pattern.indexOf('.');
    const schema = dot < 0 ? null : pattern.slice(0, dot);
    const table = dot < 0 ? pattern : pattern.slice(dot + 1);
    this.#schema = schema === null ? null : new Glob(schema.toLowerCase());
    this.#table = new Glob(table.toLowerCase());
    this.#exactSchema = schema === null ? null : new Glob(schema);
    this.#exactTable = new Glob(table);
  }

  /**
   * Whether the table may be one the pattern means: letter case is ignored, and a table whose schema the text leaves
   * open may be of any schema. For rules that restrict.
   */
  mayMean(table: TouchedTable): boolean {
    if (!this.#table.matches(table.name.toLowerCase())) return false;
    return this.#schema === null || table.schema === null || this.#schema.matches(table.schema.toLowerCase());
  }

  /** Whether the table surely is one the pattern means. For rules that allow. */
  surelyMeans(table: TouchedTable): boolean {
    if (!this.#exactTable.matches(table.name)) return false;
    return this.#exactSchema === null || (table.schema !== null && this.#exactSchema.matches(table.schema));
  }
}
