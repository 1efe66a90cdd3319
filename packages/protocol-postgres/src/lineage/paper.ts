import type { SqlFacts } from '@scrim/model';
import { analyse } from '../statement/analyse.ts';
import { carryOf, UNKNOWN, type Value } from './carry.ts';
import { lineageWith } from './temporaries.ts';
import { usesOf } from './uses.ts';
import type { KnownRelation, World } from './world.ts';

/** A database of which nothing is known but what a statement says: every name is a column of a table in `public`. */
const PAPER: World = {
  relations: ({ schema, name }) => [paperRelation(schema ?? 'public', name)],
  functions: () => [],
  composite: () => undefined,
  computes: () => false,
  casts: [],
  bodies: new Map(),
};

function paperRelation(schema: string, table: string): KnownRelation {
  const named = (column: string): Value => ({
    carry: carryOf([{ schema, table, column }]),
    kind: 'plain',
  });
  return {
    schema,
    name: table,
    columns: undefined,
    listed: [],
    any: UNKNOWN,
    named,
    triggers: [],
    generates: false,
    tests: carryOf([]),
  };
}

/** A result column as a text alone lets one say it. */
export interface PaperColumn {
  readonly name: string | null;
  /** Base columns it can carry. */
  readonly places: readonly { readonly schema: string; readonly table: string; readonly column: string }[];
  /** Something of it cannot be followed without a database. */
  readonly open: boolean;
}

/**
 * The columns the last statement of a text gives, without a target's catalog; undefined when only the catalog can tell
 * them (`*`). A name that two tables of the statement may have counts as both of them. The parser must be loaded.
 */
export function columnsOnPaper(sql: string): readonly PaperColumn[] | undefined {
  return lineageWith(sql, PAPER)
    .at(-1)
    ?.columns?.map(({ name, value: { carry } }) => ({
      name,
      places: [...carry.places.values()],
      open: carry.open,
    }));
}

/**
 * Facts of a text without a target's catalog, for trying policies: tables are what they are called, and views and
 * functions are not looked behind. The parser must be loaded.
 */
export function factsOnPaper(sql: string): SqlFacts {
  const { facts, parts } = analyse(sql);
  const uses: NonNullable<SqlFacts['uses']> = () => {
    // What a star gives is not computed.
    const lineages = lineageWith(sql, PAPER).map((lineage) =>
      lineage.lost ? lineage : { ...lineage, columns: lineage.columns ?? [] },
    );
    return usesOf(facts, parts, lineages, () => 'unknown');
  };
  return { ...facts, uses };
}
