export { type Carry, type Field, isNothing, placeKey, type Value } from './carry.ts';
export { type Lineage, lineageOf, type Made, unknownLineage, viewColumns } from './statement.ts';
export type { KnownRelation, World } from './world.ts';
