import { asciiBytes, BASE64, BASE64URL, byteClass, SPACE } from './bytes.ts';
import type { Flow } from './detector.ts';
import { LOOK_AHEAD, type View } from './view.ts';

/** Where the part of a long value that starts at `at` ends; exactly `at + LOOK_AHEAD` when it goes on after that. */
export function flowEnd(view: View, kind: Flow, at: number): number {
  if (kind === 'key-block') return keyBlockEnd(view, at);
  return view.run(kind === 'base64' ? BASE64 : BASE64URL, at, LOOK_AHEAD);
}

const BASE64_PADDED = byteClass('A-Za-z0-9+/=');
const DASHES = asciiBytes('-----');
/** A line of key material is rarely shorter; a shorter word must be the last, or it is prose after a cut-off key. */
const SHORTEST_LINE = 20;

/**
 * The end of the body of an armoured key (RFC 7468, RFC 4880 section 6): base64 words between line breaks, which
 * may be real, escaped (`\n` as two characters) or flattened to spaces, with optional `Name: value` header lines.
 * Ends before the END line; without one, at the first thing that is not key material.
 */
export function keyBlockEnd(view: View, at: number): number {
  const limit = at + LOOK_AHEAD;
  let end = at;
  let p = at;
  while (p < limit) {
    const word = skipBreaks(view, p);
    const wordEnd = view.run(BASE64_PADDED, word, Math.max(0, limit - word));
    if (wordEnd >= limit) return limit;
    if (wordEnd === word) return end;
    const header = headerEnd(view, word, wordEnd);
    if (header > 0) {
      p = header;
      end = header;
      continue;
    }
    if (wordEnd - word < SHORTEST_LINE) {
      const after = skipBreaks(view, wordEnd);
      return view.at(after) < 0 || view.has(DASHES, after) || view.at(after) === 0x3d ? wordEnd : end;
    }
    end = wordEnd;
    p = wordEnd;
  }
  return limit;
}

const HEADER_NAME = byteClass('A-Za-z-');
const LINE = byteClass('^\\n\\\\"');

function headerEnd(view: View, start: number, wordEnd: number): number {
  const next = view.at(wordEnd);
  if (next !== 0x3a && next !== 0x2d) return -1;
  const nameEnd = view.run(HEADER_NAME, start, 40);
  if (view.at(nameEnd) !== 0x3a || view.at(nameEnd + 1) !== 0x20) return -1;
  return view.run(LINE, nameEnd, 200);
}

/** How rsyslog writes a line feed. */
const SYSLOG_BREAK = asciiBytes('#012');

/** Skips white space, marks of quoted mail, escaped line breaks, and the seam of a string literal continued on the next line. */
export function skipBreaks(view: View, from: number): number {
  let p = from;
  const limit = from + 256;
  while (p < limit) {
    const byte = view.at(p);
    if (byte < 0) return p;
    if (SPACE[byte] === 1) p += 1;
    else if (byte === 0x3e && view.at(p - 1) === 0x0a) p += 1;
    else if (byte === 0x23 && view.has(SYSLOG_BREAK, p)) p += SYSLOG_BREAK.length;
    else if (byte === 0x5c) {
      let q = p;
      while (view.at(q) === 0x5c && q < p + 8) q += 1;
      const escaped = view.at(q);
      if (escaped === 0x0a || escaped === 0x0d) p = q + 1;
      else if (escaped === 0x6e || escaped === 0x72 || escaped === 0x74) p = q + 1;
      else return p;
    } else {
      const seam = seamEnd(view, p);
      if (seam < 0) return p;
      p = seam;
    }
  }
  return p;
}

const SEAM = byteClass('\\s+.,\\\\');

function seamEnd(view: View, p: number): number {
  const quote = view.at(p);
  if (quote !== 0x22 && quote !== 0x27) return -1;
  const q = view.run(SEAM, p + 1, 64);
  return q > p + 1 && view.at(q) === quote ? q + 1 : -1;
}
