import { asciiBytes, SPACE } from './bytes.ts';

/**
 * The literals a scanner looks for, reduced to one three-byte fingerprint each. A byte is folded to its low five
 * bits, which makes ASCII letters case-insensitive for free and a fingerprint a 15-bit number: one table load says
 * whether any literal may be here. False candidates are sorted out by comparing the literal itself.
 */
export interface Literal {
  /** Lower case. */
  readonly bytes: Uint8Array;
  /** Where the fingerprint starts inside the literal. */
  readonly offset: number;
  /** As the rules write it, for those that mind the case. */
  readonly spellings: readonly Uint8Array[];
  /** Indexes of the verifiers to ask. */
  readonly verifiers: readonly number[];
}

export interface AnchorTable {
  /** 32,768 entries, 1 where a fingerprint is in use. */
  readonly grams: Uint8Array;
  /** For each fingerprint an index into `buckets`. */
  readonly bucketOf: Uint16Array;
  readonly buckets: readonly (readonly Literal[])[];
  /**
   * For each fingerprint the folded bytes that may stand before and behind it, a bit each: most candidates in clean text
   * end here, before any literal is compared.
   */
  readonly before: Uint32Array;
  readonly after: Uint32Array;
  readonly longest: number;
  /** What a literal with a blank in it starts with when its fingerprint stands before the blank: held back in a stream. */
  readonly openings: readonly Uint8Array[];
}

export const GRAM_COUNT = 32_768;

export const gramOf = (a: number, b: number, c: number): number =>
  ((a & 31) << 10) | ((b & 31) << 5) | (c & 31);

/** How often each folded letter turns up in logs, code and JSON, in per mille; rarer fingerprints cost less. */
const FREQUENCY = [
  150, 55, 15, 28, 30, 85, 16, 14, 20, 55, 4, 8, 35, 45, 52, 50, 42, 22, 45, 48, 65, 30, 16, 14, 12, 14, 22,
  10, 20, 14, 12, 14,
];

/** Builds the table for literals (any case, three bytes or more) mapped to the verifiers that want them. */
export function buildAnchors(
  wanted: ReadonlyMap<string, readonly number[]>,
  spellings: ReadonlyMap<string, readonly string[]>,
): AnchorTable {
  const byGram = new Map<number, Literal[]>();
  const openings: Uint8Array[] = [];
  let longest = 0;
  for (const [text, verifiers] of wanted) {
    if (text.length < 3) throw new Error(`anchor ${JSON.stringify(text)} is shorter than three bytes`);
    const bytes = asciiBytes(text.toLowerCase());
    const last = lastWord(bytes);
    const fits = last + 3 <= bytes.length;
    const offset = rarestGram(bytes, fits ? last : 0);
    if (!fits) openings.push(bytes.subarray(0, last));
    const gram = gramOf(bytes[offset] as number, bytes[offset + 1] as number, bytes[offset + 2] as number);
    const bucket = byGram.get(gram) ?? [];
    bucket.push({ bytes, offset, verifiers, spellings: (spellings.get(text) ?? []).map(asciiBytes) });
    byGram.set(gram, bucket);
    longest = Math.max(longest, bytes.length);
  }
  const grams = new Uint8Array(GRAM_COUNT);
  const bucketOf = new Uint16Array(GRAM_COUNT);
  const buckets: Literal[][] = [[]];
  const before = new Uint32Array(GRAM_COUNT);
  const after = new Uint32Array(GRAM_COUNT);
  for (const [gram, bucket] of byGram) {
    grams[gram] = 1;
    for (const { bytes, offset } of bucket) {
      before[gram] = (before[gram] as number) | neighbour(bytes[offset - 1]);
      after[gram] = (after[gram] as number) | neighbour(bytes[offset + 3]);
    }
    bucketOf[gram] = buckets.length;
    buckets.push(bucket);
  }
  return { grams, bucketOf, buckets, before, after, longest, openings };
}

/** The bit of a folded byte; outside the literal anything may stand. */
function neighbour(byte: number | undefined): number {
  return byte === undefined ? -1 : 1 << (byte & 31);
}

/**
 * Where the last word starts. A stream lets go of what stands before a blank, so a fingerprint before the last blank
 * would be gone when the rest of its literal arrives.
 */
function lastWord(bytes: Uint8Array): number {
  for (let i = bytes.length - 2; i >= 0; i -= 1) if (SPACE[bytes[i] as number] === 1) return i + 1;
  return 0;
}

function rarestGram(bytes: Uint8Array, from: number): number {
  let best = from;
  let bestScore = Number.POSITIVE_INFINITY;
  for (let i = from; i + 2 < bytes.length; i += 1) {
    let score = 1;
    for (let k = 0; k < 3; k += 1) score *= FREQUENCY[(bytes[i + k] as number) & 31] as number;
    if (score < bestScore) {
      bestScore = score;
      best = i;
    }
  }
  return best;
}
