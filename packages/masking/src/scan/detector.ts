import type { View } from './view.ts';

export type Group = 'secrets' | 'pii';
export type Pack = 'pci' | 'gdpr' | 'hipaa' | 'secrets';

/** Where verifiers put what they found. Offsets are byte offsets in the view. */
export interface Found {
  /** One sensitive value, half-open. */
  add(start: number, end: number): void;
  /** The value goes on beyond `end`: what follows belongs to it for as long as `flow` says. */
  flow(kind: Flow): void;
}

/** How a value that is longer than the look-ahead goes on. */
export type Flow = 'key-block' | 'base64' | 'base64url';

/** Decides at an anchor whether a value stands there. Must be linear in LOOK_AHEAD and read only through the view. */
export type Verifier = (view: View, at: number, found: Found) => void;

/** Judges the value under a key that names it; sees the value without quotes. Returns the span to mask or null. */
export type ValueJudge = (view: View, value: KeyedValue) => readonly [number, number] | null;

/** How a keyed value is written, which decides how much it must look like a value rather than code or prose. */
export type ValueForm = 'quoted' | 'line' | 'inline' | 'prose' | 'cell' | 'loose' | 'pair';

export interface KeyedValue {
  readonly start: number;
  readonly end: number;
  readonly form: ValueForm;
  /** The key's words in lower case: `dbPassword` is `['db', 'password']`. */
  readonly words: readonly string[];
  /** The key is written in capitals, as environment variables are. */
  readonly upper: boolean;
}

export interface KeyRule {
  /** Key phrases in lower case, words separated by one space; a key matches when it ends with one of them. */
  readonly phrases?: readonly string[];
  /** For keys that phrases cannot describe. */
  readonly matches?: (words: readonly string[]) => boolean;
  /** Literals (lower case, 3 bytes or more), one of which every matching key contains. */
  readonly anchors: readonly string[];
  readonly judge: ValueJudge;
}

export interface Examples {
  readonly positive: readonly { readonly text: string; readonly value: string }[];
  readonly negative: readonly string[];
}

/** A detector is data and a verifier. */
export interface Detector {
  readonly id: string;
  readonly group: Group;
  readonly packs: readonly Pack[];
  readonly description: string;
  /** Where the format is documented. */
  readonly source: string;
  /** Built lazily so that no file of this project holds a whole token. */
  readonly examples: () => Examples;
  /** Not part of its group: must be asked for by name (or by a pack that lists it). */
  readonly optIn?: boolean;
  /** Which of two overlapping findings names the result; the more specific detector has the higher rank. */
  readonly rank: number;
  /** Verified at each place where one of the literals stands. */
  readonly literals?: readonly {
    readonly anchors: readonly string[];
    readonly verify: Verifier;
    /** Only in exactly this case. */
    readonly exact?: boolean;
  }[];
  /** Verified at each place that has the shape of a number, an IBAN, an `@` inside a word or a `+` before a digit. */
  readonly shapes?: readonly { readonly at: Shape; readonly verify: Verifier }[];
  readonly keys?: readonly KeyRule[];
}

export type Shape = 'digits' | 'at' | 'plus' | 'capitals' | 'octets';
