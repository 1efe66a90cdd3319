import { createScalarPrefilter, type Prefilter, type PrefilterTables } from './prefilter.ts';

export type { Prefilter };

export function createPrefilter(tables: PrefilterTables): Prefilter {
  return createScalarPrefilter(tables);
}
