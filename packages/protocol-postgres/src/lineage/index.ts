export { type Carry, type Field, isNothing, placeKey, type Value } from './carry.ts';
export { type Lineage, type Made, unknownLineage, viewColumns } from './statement.ts';
export { lineageWith, type Overlay, Temporaries } from './temporaries.ts';
export type { KnownRelation, World } from './world.ts';
