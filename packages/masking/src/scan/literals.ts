import type { Detector, Verifier } from './detector.ts';

/** Texts that are known, as opposed to kinds of text: the credential a target was sent. Findings carry the id. */
export interface KnownTexts {
  readonly id: string;
  /** Each of {@link SHORTEST_KNOWN} bytes or more, without white space; found in any case, also inside a word. */
  readonly texts: readonly string[];
}

/** The shortest text that is looked for: a shorter one stands by chance in too much that has nothing to do with it. */
export const SHORTEST_KNOWN = 8;

/** Above every other: what is known to be secret must not get the mask, or the name, of what it merely looks like. */
const RANK = 1000;
/** A text is first found by so much of it; a stream holds back the last 96 bytes of a word, and this must lie in them. */
const LONGEST_ANCHOR = 32;
const ANCHOR = /^[\x21-\x7e]{3,32}/;

const encoder = new TextEncoder();

/**
 * A detector of these very texts. Throws a RangeError, which never holds the text, for one that is too short, has white
 * space in it, or does not begin with three ASCII characters: it could not be found in a stream.
 */
export function knownTextDetector({ id, texts }: KnownTexts): Detector {
  return {
    id,
    group: 'secrets',
    packs: [],
    description: 'texts known beforehand',
    source: 'the edge itself',
    examples: () => ({ positive: [], negative: [] }),
    rank: RANK,
    literals: texts.map((text) => ({ anchors: [anchorOf(text)], verify: verifier(text) })),
  };
}

function anchorOf(text: string): string {
  const anchor = ANCHOR.exec(text)?.[0];
  if (!anchor || text.length < SHORTEST_KNOWN || /\s/.test(text)) {
    throw new RangeError('a known text cannot be looked for: it is short, has blanks or begins beyond ASCII');
  }
  return anchor.slice(0, LONGEST_ANCHOR);
}

function verifier(text: string): Verifier {
  const folded = encoder.encode(text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()));
  return (view, at, found) => {
    if (view.hasFolded(folded, at)) found.add(at, at + folded.length);
  };
}
