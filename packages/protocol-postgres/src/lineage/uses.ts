import type { ColumnPlace, SqlFacts, SqlKeeps, SqlUses } from '@scrim/model';
import type { Relation } from '@scrim/protocol-kit';
import type { PartAnalysis } from '../statement/contract.ts';
import { type Carry, isNothing, join, NOTHING, OPEN } from './carry.ts';
import type { Lineage } from './statement.ts';
import type { Overlay } from './temporaries.ts';

/** Which columns the parts of a statement test and compute from; `reach` = what open ones may be. */
export function usesOf(
  facts: SqlFacts,
  parts: readonly PartAnalysis[],
  lineages: readonly Lineage[],
  reach: () => readonly Relation[] | 'unknown',
): SqlUses {
  if (!facts.complete || lineages.length !== parts.length) return { tests: 'unknown', derives: 'unknown' };
  return {
    tests: places(join(...lineages.map(({ tests }) => tests)), reach),
    derives: places(join(...lineages.map((lineage, i) => derived(lineage, parts[i]))), reach),
  };
}

/** What a part's result is computed from. EXECUTE and FETCH show what was judged when it was prepared or declared. */
function derived(lineage: Lineage, part: PartAnalysis | undefined): Carry {
  if (part?.executes !== undefined || part?.cursor?.fetches !== undefined) return NOTHING;
  if (!lineage.columns) return OPEN;
  return join(...lineage.columns.map(({ value }) => (value.kind === 'computed' ? value.carry : NOTHING)));
}

function places(
  carry: Carry,
  reach: () => readonly Relation[] | 'unknown',
): readonly ColumnPlace[] | 'unknown' {
  const found = [...carry.places.values()];
  if (!carry.open) return found;
  const relations = reach();
  if (relations === 'unknown') return 'unknown';
  const behind = relations.flatMap(({ schema, table, columns }) =>
    columns.map((column) => ({ schema, table, column })),
  );
  return [...found, ...behind];
}

/** Statements whose writes the resolver follows, by command tag. */
const FOLLOWED = new Set([
  ...['SELECT', 'SELECT INTO', 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'CREATE TABLE AS'],
  ...['EXPLAIN', 'PREPARE', 'DECLARE CURSOR'],
]);

/**
 * The columns a statement really puts elsewhere, where its names alone say it might: what is counted or only tested is
 * not stored. With `overlay` also those that come out of temporary tables, and without what goes into them.
 */
export function keptColumns(
  keeps: SqlKeeps,
  parts: readonly PartAnalysis[],
  lineages: () => readonly Lineage[],
  overlay?: Overlay,
): SqlKeeps['columns'] {
  const named = keeps.columns ?? [];
  const asked = named === 'unknown' || named.length > 0 || overlay !== undefined;
  if (!keeps.by || !asked) return keeps.columns;
  const followed =
    keeps.by === 'rows' && parts.every((part) => !part.facts.keeps?.by || FOLLOWED.has(part.tag));
  const found = lineages();
  const surely = typeof overlay === 'object' ? overlay : undefined;
  const stored = found
    .flatMap((lineage) => lineage.stored)
    .filter(({ relation }) => !surely?.surely(relation))
    .map(({ carry }) => carry);
  const lost = found.length !== parts.length || found.some((lineage) => lineage.lost);
  const carry = join(...stored, lost ? OPEN : NOTHING);
  // What comes out of a temporary table is known by no name of the database.
  if (carry.open && overlay) return 'unknown';
  if (followed && !carry.open) return isNothing(carry) ? [] : [...carry.places.values()];
  return named === 'unknown' ? named : [...named, ...carry.places.values()];
}
