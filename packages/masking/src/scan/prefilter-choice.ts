import { createScalarPrefilter, type Prefilter, type PrefilterTables } from './prefilter.ts';
import { createSimdPrefilter } from './prefilter-simd.ts';

export type { Prefilter };

/** SIMD where there is WebAssembly SIMD (Node 16.4 and newer), the scalar loop elsewhere: same findings. */
export function createPrefilter(tables: PrefilterTables): Prefilter {
  return createSimdPrefilter(tables) ?? createScalarPrefilter(tables);
}
