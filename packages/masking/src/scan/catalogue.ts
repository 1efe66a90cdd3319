import { PII_DETECTORS } from '../detectors/pii/index.ts';
import { SECRET_DETECTORS } from '../detectors/secrets/index.ts';
import type { Detector, Examples, Group, Pack } from './detector.ts';

/** What a detector is, for people and for `scrim detectors`. */
export interface DetectorInfo {
  readonly id: string;
  readonly group: Group;
  /** The packs that list it. */
  readonly packs: readonly Pack[];
  readonly description: string;
  readonly source: string;
  readonly examples: Examples;
  /** Not part of its group: must be asked for by its own name or by a pack. */
  readonly optIn: boolean;
}

/** A name in a policy that no detector, group or pack has. The message offers the nearest ones. */
export class UnknownDetectorError extends Error {
  override readonly name = 'UnknownDetectorError';
}

/** Every built-in detector, secrets first, each group in a fixed order. */
export const DETECTORS: readonly Detector[] = [...SECRET_DETECTORS, ...PII_DETECTORS];

/** Every built-in detector, described. */
export function listDetectors(): readonly DetectorInfo[] {
  return DETECTORS.map((d) => ({
    id: d.id,
    group: d.group,
    packs: d.packs,
    description: d.description,
    source: d.source,
    examples: d.examples(),
    optIn: d.optIn ?? false,
  }));
}

const GROUPS: readonly Group[] = ['secrets', 'pii'];
const PACKS: readonly Pack[] = ['pci', 'gdpr', 'hipaa', 'secrets'];

/**
 * Turns detector ids, groups (`secrets`, `pii`) and packs (`pci`, `gdpr`, `hipaa`) into ids, without doubles, in the
 * order of the catalogue. A group leaves out opt-in detectors; a pack takes every one its regulation names. Throws
 * UnknownDetectorError.
 */
export function resolveDetectors(names: readonly string[]): readonly string[] {
  const ids = new Set<string>();
  for (const name of names) {
    const chosen = DETECTORS.filter((d) => isNamed(d, name));
    if (chosen.length === 0) throw new UnknownDetectorError(unknown(name));
    for (const detector of chosen) ids.add(detector.id);
  }
  return DETECTORS.filter((d) => ids.has(d.id)).map((d) => d.id);
}

function isNamed(detector: Detector, name: string): boolean {
  if (detector.id === name) return true;
  if (name === detector.group) return detector.optIn !== true;
  return name !== 'secrets' && detector.packs.includes(name as Pack);
}

function unknown(name: string): string {
  const names = [...GROUPS, ...PACKS.filter((p) => p !== 'secrets'), ...DETECTORS.map((d) => d.id)];
  const bare = (text: string) => text.slice(text.indexOf('.') + 1);
  const ranked = names
    .map((candidate) => ({
      candidate,
      distance: Math.min(distance(name, candidate), distance(bare(name), bare(candidate)) + 1),
    }))
    .sort((a, b) => a.distance - b.distance);
  const near = ranked.slice(0, 3).map((entry) => entry.candidate);
  return `unknown detector "${name}"; did you mean ${near.join(', ')}? "scrim detectors" lists all of them`;
}

/** Levenshtein distance, lower case. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1]?.toLowerCase() === b[j - 1]?.toLowerCase() ? 0 : 1;
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + cost));
    }
    row = next;
  }
  return row[b.length] as number;
}
