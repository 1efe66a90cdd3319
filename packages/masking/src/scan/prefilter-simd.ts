import { BLOCK_SIZE, type Prefilter, type PrefilterTables } from './prefilter.ts';
import { PREFILTER_MODULE } from './prefilter-module.ts';

/** The parts of the WebAssembly interface used here; the compiler's libraries for Node leave it out. */
interface WasmExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  grams(length: number): number;
  shapes(length: number, octets: number): number;
}
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
};

const TEXT = 65_536;
const GRAM_HITS = 262_144 / 4;
const SHAPE_HITS = 524_288 / 4;
/** Read past a block so that a candidate at its end is seen whole; zeros after that. */
const OVERLAP = 64;
const PADDING = 80;
/** Below this many bytes a copy loop beats making a view for `set`. */
const SMALL = 192;

let compiled: object | null | undefined;

/** The prefilter in SIMD, or null where the engine has no WebAssembly SIMD. */
export function createSimdPrefilter(tables: PrefilterTables): Prefilter | null {
  if (compiled === undefined) compiled = compileModule();
  if (compiled === null) return null;
  const wasm = new WebAssembly.Instance(compiled).exports as WasmExports;
  const memory = new Uint8Array(wasm.memory.buffer);
  const words = new Uint32Array(wasm.memory.buffer);
  memory.set(tables.grams, 0);
  const hits = new Uint32Array(BLOCK_SIZE * 2 + 16);
  const octets = tables.octets ? 1 : 0;

  const scan = (bytes: Uint8Array, from: number, to: number, limit: number): number => {
    const length = to - from;
    const copied = Math.min(limit, to + OVERLAP) - from;
    if (copied <= SMALL) for (let i = 0; i < copied; i += 1) memory[TEXT + i] = bytes[from + i] as number;
    else if (from === 0 && copied === bytes.length) memory.set(bytes, TEXT);
    else memory.set(bytes.subarray(from, from + copied), TEXT);
    memory.fill(0, TEXT + copied, TEXT + copied + PADDING);
    const gramCount = wasm.grams(length);
    const shapeCount = wasm.shapes(length, octets);
    const kept = keepLiterals(memory, words, gramCount, copied, tables);
    return merge(words, kept, shapeCount, length, hits);
  };
  return { scan, hits, blockSize: BLOCK_SIZE };
}

/**
 * Drops fingerprints whose neighbours no literal has; most of clean text's end here. Returns how many are left. Beyond
 * what is seen (`known`) the rest of a literal may still come, and before the block one may have begun.
 */
function keepLiterals(
  memory: Uint8Array,
  words: Uint32Array,
  count: number,
  known: number,
  { before, after }: PrefilterTables,
): number {
  let kept = GRAM_HITS;
  for (let h = GRAM_HITS; h < GRAM_HITS + count; h += 1) {
    const offset = words[h] as number;
    const at = TEXT + offset;
    const gram =
      (((memory[at] as number) & 31) << 10) |
      (((memory[at + 1] as number) & 31) << 5) |
      ((memory[at + 2] as number) & 31);
    if (offset + 3 < known && (((after[gram] as number) >>> ((memory[at + 3] as number) & 31)) & 1) === 0)
      continue;
    if (offset > 0 && (((before[gram] as number) >>> ((memory[at - 1] as number) & 31)) & 1) === 0) continue;
    words[kept++] = offset;
  }
  return kept - GRAM_HITS;
}

/** Both lists are in ascending order; the result is too. Candidates past the block belong to the next one. */
function merge(words: Uint32Array, grams: number, shapes: number, length: number, hits: Uint32Array): number {
  let g = GRAM_HITS;
  let s = SHAPE_HITS;
  const gramEnd = g + grams;
  const shapeEnd = s + shapes;
  let n = 0;
  let last = -1;
  while (g < gramEnd || s < shapeEnd) {
    const gram = g < gramEnd ? (words[g] as number) : 0x7fffffff;
    const shape = s < shapeEnd ? (words[s] as number) : 0x7fffffff;
    if (gram <= shape) {
      g += 1;
      if (gram >= length) continue;
      hits[n++] = gram * 2;
    } else {
      s += 1;
      if (shape >= length || shape === last) continue;
      last = shape;
      hits[n++] = shape * 2 + 1;
    }
  }
  return n;
}

function compileModule(): object | null {
  try {
    const binary = atob(PREFILTER_MODULE);
    return new WebAssembly.Module(Uint8Array.from(binary, (c) => c.charCodeAt(0)));
  } catch {
    return null;
  }
}
