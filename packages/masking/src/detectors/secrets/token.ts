import type { Detector, Examples, Pack } from '../../scan/detector.ts';
import { pattern } from '../../scan/pattern.ts';
import type { View } from '../../scan/view.ts';
import { looksRandom } from '../../validators/entropy.ts';

export interface TokenFormat {
  /** Without the group. */
  readonly id: string;
  readonly description: string;
  readonly source: string;
  /** In the notation of `pattern`. */
  readonly patterns: readonly string[];
  /** Replaces the test for randomness. */
  readonly check?: (view: View, start: number, end: number) => boolean;
  readonly negative?: readonly string[];
  readonly packs?: readonly Pack[];
  readonly rank?: number;
  /** False for formats so telling that they count even inside a longer word. */
  readonly boundary?: boolean;
}

/** A detector for a token that is recognisable by itself. */
export function token(format: TokenFormat): Detector {
  const check = format.check ?? looksRandom;
  const compiled = format.patterns.map((source) =>
    pattern(source, { check, boundary: format.boundary ?? true }),
  );
  return {
    id: `secrets.${format.id}`,
    group: 'secrets',
    packs: format.packs ?? ['secrets'],
    description: format.description,
    source: format.source,
    rank: format.rank ?? 90,
    examples: () => tokenExamples(format),
    literals: compiled.map(({ anchor, verify }) => ({ anchors: [anchor], verify, exact: true })),
  };
}

function tokenExamples(format: TokenFormat): Examples {
  const positive = format.patterns.map((source, i) => {
    const [, before = '', group = '', after = ''] = /^([^(]*)\(([^)]*)\)(.*)$/.exec(source) ?? [
      '',
      '',
      source,
      '',
    ];
    const value = sample(group, i + 1);
    return { text: `deploy with ${sample(before, 1)}${value}${sample(after, 1)} today`, value };
  });
  return {
    positive,
    negative: format.negative ?? format.patterns.map((source) => `use ${filler(source)} here`),
  };
}

/** A made-up token of the format, the same for the same seed: no file needs to hold one. */
export function sample(source: string, seed: number): string {
  let state = seed * 2654435761 + 12345;
  const random = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * n);
  };
  return expand(source, (chars) => chars[random(chars.length)] as string);
}

/** The same format filled the way manuals do, with one letter over and over. */
function filler(source: string): string {
  return expand(source, (chars) =>
    chars.includes('x') ? 'x' : chars.includes('0') ? '0' : (chars[0] as string),
  );
}

function expand(source: string, choose: (chars: string) => string): string {
  let out = '';
  const atoms =
    /\[((?:\\.|[^\]])*)\](?:\{(\d+)(,)?(\d+)?\}|([+?]))?|\\([wds])(?:\{(\d+)(,)?(\d+)?\}|([+?]))?|\\(.)|([()])|(.)/g;
  for (const m of source.matchAll(atoms)) {
    if (m[12] !== undefined) continue;
    if (m[11] !== undefined || m[13] !== undefined) {
      out += m[11] ?? m[13];
      continue;
    }
    const chars = charsOf(m[1] ?? `\\${m[6]}`);
    const least = Number(m[2] ?? m[7] ?? 1);
    const count =
      m[3] || m[8] ? Math.max(least, Math.min(least + 4, Number(m[4] ?? m[9] ?? least + 4))) : least;
    for (let i = 0; i < count; i += 1) out += choose(chars);
  }
  return out;
}

function charsOf(body: string): string {
  let out = '';
  for (let c = 33; c < 127; c += 1) {
    const char = String.fromCharCode(c);
    if (new RegExp(`[${body}]`).test(char)) out += char;
  }
  return out;
}
