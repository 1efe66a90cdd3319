import { ALNUM, DIGIT, HEX, UPPER } from './bytes.ts';

/**
 * The one pass over every byte. It reports places that may matter and nothing else; a place reported for nothing
 * costs a few nanoseconds, a place not reported is a leak, so implementations may differ only in the former.
 */
export interface Prefilter {
  /**
   * Looks at candidates that start in bytes[from, to), reading no further than `limit`. Returns how many hits were
   * written to `hits`, in ascending order: `(offset - from) * 2`, plus 1 for a shape, plus 0 for a fingerprint.
   */
  scan(bytes: Uint8Array, from: number, to: number, limit: number): number;
  readonly hits: Uint32Array;
  /** The most bytes one call may look at (`to - from`). */
  readonly blockSize: number;
}

export interface PrefilterTables {
  readonly grams: Uint8Array;
  /** By fingerprint: the folded bytes some literal has before and behind it, a bit each. */
  readonly before: Uint32Array;
  readonly after: Uint32Array;
  /** Also report shapes of IP and MAC addresses, which are common in clean text. */
  readonly octets: boolean;
}

export const BLOCK_SIZE = 32_768;
/** How far past its start the longest shape must be seen to be recognised. */
export const SHAPE_REACH = 16;

/** The prefilter without WebAssembly: the reference the SIMD one is tested against, and its stand-in. */
export function createScalarPrefilter(tables: PrefilterTables): Prefilter {
  const hits = new Uint32Array(BLOCK_SIZE * 2 + 16);
  const { grams, before, after } = tables;
  const scan = (bytes: Uint8Array, from: number, to: number, limit: number): number => {
    let n = 0;
    let previous = 0;
    let gram = ((from < limit ? (bytes[from] as number) : 0) & 31) << 5;
    gram |= (from + 1 < limit ? (bytes[from + 1] as number) : 0) & 31;
    for (let i = from; i < to; i += 1) {
      gram = ((gram << 5) | (i + 2 < limit ? (bytes[i + 2] as number) & 31 : 0)) & 0x7fff;
      // Beyond what is seen the rest of a literal may still come, and before the block one may have begun.
      const fits =
        grams[gram] === 1 &&
        i + 2 < limit &&
        (i + 3 >= limit || has(after[gram] as number, bytes[i + 3] as number)) &&
        (i === from || has(before[gram] as number, previous));
      if (fits) hits[n++] = (i - from) * 2;
      const byte = bytes[i] as number;
      const kind = KIND[byte] as number;
      if (kind !== 0 && shaped(bytes, i, limit, kind, previous, tables.octets))
        hits[n++] = (i - from) * 2 + 1;
      previous = byte;
    }
    return n;
  };
  return { scan, hits, blockSize: BLOCK_SIZE };
}

/** Whether a set of folded bytes has this one. */
function has(set: number, byte: number): boolean {
  return ((set >>> (byte & 31)) & 1) === 1;
}

const KIND_DIGIT = 1;
const KIND_UPPER = 2;
const KIND_AT = 3;
const KIND_PLUS = 4;
const KIND_HEX = 5;

const KIND = new Uint8Array(256);
for (let i = 0; i < 256; i += 1) {
  if (DIGIT[i] === 1) KIND[i] = KIND_DIGIT;
  else if (UPPER[i] === 1) KIND[i] = KIND_UPPER;
  else if (HEX[i] === 1 || i === 0x3a) KIND[i] = KIND_HEX;
}
KIND[0x40] = KIND_AT;
KIND[0x2b] = KIND_PLUS;

const LOCAL_END = new Uint8Array(256);
for (let i = 0; i < 256; i += 1) LOCAL_END[i] = ALNUM[i] === 1 || i >= 0x80 ? 1 : 0;
for (const char of "_-+.'") LOCAL_END[char.charCodeAt(0)] = 1;

function shaped(
  bytes: Uint8Array,
  i: number,
  limit: number,
  kind: number,
  previous: number,
  octets: boolean,
): boolean {
  const next = i + 1 < limit ? (bytes[i + 1] as number) : 0;
  if (kind === KIND_AT) return LOCAL_END[previous] === 1 && ALNUM[next] === 1;
  if (kind === KIND_PLUS) return DIGIT[next] === 1;
  if (kind === KIND_DIGIT) {
    if (DIGIT[previous] === 1) return false;
    return octets || digitsFollow(bytes, i, limit);
  }
  if (kind === KIND_UPPER) return UPPER[next] === 1 && (octets || digitsFollow(bytes, i, limit, 4));
  return octets && HEX[previous] !== 1;
}

/** Whether enough digits stand within the sixteen bytes from `i`: fewer are no number anybody looks for. */
function digitsFollow(bytes: Uint8Array, i: number, limit: number, least = 7): boolean {
  const end = Math.min(limit, i + SHAPE_REACH);
  let count = 0;
  for (let p = i; p < end && count < least; p += 1) if (DIGIT[bytes[p] as number] === 1) count += 1;
  return count >= least;
}
