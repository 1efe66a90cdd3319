import { refuse } from '@scrim/model';
import type { Relation } from '@scrim/protocol-kit';
import type { Catalog } from './contracts.ts';
import type { CopyFormat, CopyShape } from './copy.ts';
import type { Lineage } from './lineage/index.ts';
import {
  buildShape,
  type Drawn,
  missing,
  namelessColumns,
  type PgShape,
  parseRowDescription,
  Shapes,
} from './shape.ts';
import { type KnownStatement, mayWrite, StatementCache, type Understanding } from './statements.ts';

/** Things asked of the catalog in vain, remembered so that a temporary table does not reload it with every query. */
const MAX_MISSES = 10_000;

/** Milliseconds after which the catalog is looked at again beside the traffic, and before any more of it. */
const LOOK_AGAIN = 2_000;
const LOOK_FIRST = 10_000;

/** What all sessions of one target database know together: its catalog, its statements, the shapes of its results. */
export class Domain {
  readonly catalog: Catalog;
  readonly statements: StatementCache;
  readonly #shapes = new Shapes();
  readonly #copies = new WeakMap<PgShape, CopyShape>();
  readonly #misses = new Set<string>();
  #generation = 0;
  #version: string;
  #stale = false;
  #lookedAt = Date.now();
  #looking: Promise<void> | null = null;

  constructor(catalog: Catalog, understanding: Understanding) {
    this.catalog = catalog;
    this.#version = catalog.version;
    this.statements = new StatementCache(understanding);
  }

  /** Counts changes of names, whoever made them: what was opened at another count may mean something else. */
  epoch = 0;

  /** Says that something ran which may have changed names: the catalog is read anew before the next rows. */
  changed(): void {
    this.epoch += 1;
    this.catalog.stale();
    this.#misses.clear();
    this.#stale = true;
  }

  /**
   * The shape of a described result. A promise = the catalog must be asked first: keep the rows back until it
   * settles, then call again.
   * @param reach the statement whose tables computed columns can draw from, or `unknown`
   */
  shape(statement: KnownStatement, part: number, reach: Drawn, description: Buffer): PgShape | Promise<void> {
    const age = Date.now() - this.#lookedAt;
    if (this.#stale || age > LOOK_FIRST) return this.#refresh([]);
    if (age > LOOK_AGAIN) this.#look().catch(() => undefined);
    const known = this.#shapes.find(statement, part, reach, description, this.#generation);
    if (known) return known;
    const fields = parseRowDescription(description);
    const asked = missing(fields, this.catalog).filter((key) => !this.#misses.has(key));
    if (asked.length > 0) return this.#refresh(asked);
    const shape = buildShape(Buffer.from(description), fields, this.catalog, {
      reach: this.reach(reach),
      columns: producer(statement, part, reach)?.columns,
      writes: mayWrite(statement) || (typeof reach !== 'string' && mayWrite(reach)),
      changing: reach === 'changing',
    });
    this.#shapes.keep(statement, part, reach, this.#generation, shape);
    return shape;
  }

  /** Relations a statement can draw from. */
  reach(statement: Drawn): readonly Relation[] | 'unknown' {
    return typeof statement === 'string' ? 'unknown' : this.catalog.reach(statement.analysis.facts);
  }

  /** The shape of a COPY: columns as described, spelled as its options say. The same object for the same COPY. */
  copyShape(columns: PgShape, copyOut: Buffer, copy: CopyFormat): CopyShape {
    const known = this.#copies.get(columns);
    // The options are the statement's, the characters the session's.
    if (known?.copy.characters === copy.characters) return known;
    const count = copyOut.readUInt16BE(6);
    // COPY leaves generated columns out, SELECT * does not: then nobody can say which field is which column.
    const matched = columns.columns.length === count ? columns : this.#nameless(columns, copyOut);
    const wires = matched.wires.map(({ codec }) => ({ codec, binary: copy.format === 'binary' }));
    const options = Buffer.from(JSON.stringify(copy));
    const description = Buffer.concat([copyOut, matched.description, options]);
    const shape: CopyShape = { ...matched, wires, description, copy };
    this.#copies.set(columns, shape);
    return shape;
  }

  #nameless(columns: PgShape, copyOut: Buffer): PgShape {
    const description = namelessColumns(copyOut);
    return buildShape(description, parseRowDescription(description), this.catalog, { reach: columns.reach });
  }

  async #refresh(asked: readonly string[]): Promise<void> {
    const changed = this.#stale;
    try {
      await this.#look();
    } catch (error) {
      // Known to be out of date and not to be read: where values come from cannot be said any more.
      if (changed)
        throw refuse('SCRIM_TARGET_BROKEN', { message: "the target's catalog cannot be read", cause: error });
    }
    if (this.#misses.size + asked.length > MAX_MISSES) this.#misses.clear();
    // Found or not: asked once. What is still missing now has no exact origin and is judged by the statement's reach.
    for (const key of asked) this.#misses.add(key);
  }

  #look(): Promise<void> {
    this.#looking ??= this.#read().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #read(): Promise<void> {
    const changed = this.#stale;
    this.#stale = false;
    this.#lookedAt = Date.now();
    try {
      await this.catalog.refresh();
    } catch (error) {
      this.#stale ||= changed;
      throw error;
    }
    if (this.catalog.version === this.#version) return;
    // Changes of sessions of ours were counted when they were made.
    if (!changed) this.epoch += 1;
    this.#version = this.catalog.version;
    this.#generation += 1;
    this.statements.renew();
  }
}

/** The lineage of what gives the rows: of the statement itself, of what it executes, of the cursor it fetches from. */
function producer(statement: KnownStatement, part: number, drawn: Drawn): Lineage | undefined {
  if (drawn === 'changing') return undefined;
  const analysis = statement.parts[part];
  const fetched = analysis?.cursor?.fetches;
  if (analysis?.executes === undefined && fetched === undefined) return statement.lineage(part);
  if (drawn === 'unknown') return undefined;
  const declaring = drawn.parts.flatMap(({ cursor }, i) =>
    cursor?.declares !== undefined && cursor.declares === fetched ? [i] : [],
  );
  // A text that opens two cursors of one name: which of them is open now is not kept.
  if (declaring.length > 1) return undefined;
  if (declaring[0] !== undefined) return drawn.lineage(declaring[0]);
  return drawn !== statement && drawn.parts.length === 1 ? drawn.lineage(0) : undefined;
}
