/** A piece of a text as it is shown: plain, masked, or something that would deceive the eye if it were shown as it is. */
export interface Piece {
  readonly kind: 'plain' | 'mask' | 'odd';
  readonly text: string;
}

/** What redact puts in the place of a value. */
const MASK = '***MASKED***';

/** Further lines or spaces in one go would push what follows out of sight. */
const MAX_NEWLINES = 4;
const MAX_SPACES = 60;

/**
 * Characters that do not show or that change how others show: controls except tab and newline, soft hyphen, zero-width
 * and bidirectional controls (Trojan Source, CVE-2021-42574), unusual spaces, variation selectors, tags, fillers,
 * private use and lone surrogates.
 */
const ODD =
  '[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u00a0\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f' +
  '\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb' +
  '\\ue000-\\uf8ff\\u{e0000}-\\u{e0fff}\\u{f0000}-\\u{10ffff}\\ud800-\\udfff]';

const PIECES = new RegExp(
  `(?<mask>${MASK.replaceAll('*', '\\*')})|(?<odd>${ODD})|(?<lines>\\n(?:[ \\t]*\\n){${MAX_NEWLINES},})|(?<spaces>[ \\t]{${MAX_SPACES},})`,
  'gu',
);

function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

function nameOf(groups: Readonly<Record<string, string | undefined>>): Piece {
  if (groups.mask !== undefined) return { kind: 'mask', text: groups.mask };
  if (groups.odd !== undefined) return { kind: 'odd', text: codePoint(groups.odd) };
  if (groups.lines !== undefined)
    return { kind: 'odd', text: `${groups.lines.split('\n').length - 1} line breaks` };
  return { kind: 'odd', text: `${groups.spaces?.length ?? 0} spaces` };
}

/**
 * Cuts a text into what can be shown as it is and what must be named instead, so that an approver reads what will run:
 * no character is invisible, none re-orders its neighbours, and no gap hides a second half below the fold.
 */
export function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(PIECES)) {
    if (match.index > from) pieces.push({ kind: 'plain', text: text.slice(from, match.index) });
    pieces.push(nameOf(match.groups ?? {}));
    from = match.index + match[0].length;
  }
  if (from < text.length) pieces.push({ kind: 'plain', text: text.slice(from) });
  return pieces;
}
