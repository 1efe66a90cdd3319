import { DIGIT, UPPER } from '../../scan/bytes.ts';
import type { Pack, Shape, Verifier } from '../../scan/detector.ts';
import type { View } from '../../scan/view.ts';
import * as valid from '../../validators/national.ts';
import { compact, endsNumber, isOtherNumber, startsNumber } from './number.ts';

/** What tells a country's identifier from other numbers. */
export interface NationalId {
  readonly id: string;
  readonly description: string;
  readonly source: string;
  readonly valid: (id: string) => boolean;
  /** Accepted under the key though the check fails to apply (masks in part, older issues). */
  readonly loose?: (id: string) => boolean;
  readonly phrases: readonly string[];
  readonly anchors: readonly string[];
  /** Ways of writing it that are telling enough without a key. */
  readonly shapes?: readonly { readonly at: Shape; readonly verify: Verifier }[];
  readonly positive: readonly (readonly [text: string, value: string])[];
  readonly negative: readonly string[];
  readonly packs?: readonly Pack[];
}

/** A verifier for a fixed-length run of digits and capitals that starts `back` bytes before the candidate. */
export function run(length: number, back: number, check: (id: string) => boolean): Verifier {
  return (view, at, found) => {
    const start = at - back;
    if (back > 0 && !view.is(UPPER, start)) return;
    for (let i = start; i < start + length; i += 1) {
      const byte = view.at(i);
      if (byte < 0 || (DIGIT[byte] !== 1 && UPPER[byte] !== 1)) return;
    }
    if (!startsNumber(view, start) || !endsNumber(view, start + length)) return;
    if (!check(view.text(start, start + length)) || isOtherNumber(view, start)) return;
    found.add(start, start + length);
  };
}

/** `AB 12 34 56 C`. */
export const spacedNino: Verifier = (view, at, found) => {
  const text = view.text(at, at + 13);
  if (!/^[A-Z]{2} \d{2} \d{2} \d{2} [A-D]$/.test(text) || view.at(at + 12) < 0) return;
  if (!startsNumber(view, at) || !endsNumber(view, at + 13) || !valid.isUkNino(compact(view, at, at + 13)))
    return;
  found.add(at, at + 13);
};

/** `yymmdd-nnnn`, `yymmdd-nnnnnnn`, `ddmmyy-nnnX`: six digits, a sign, then `tail` more. */
export function dated(tail: number, check: (id: string) => boolean, signs = '-', century = false): Verifier {
  return (view: View, at, found) => {
    const head = century && [6, 7].every((k) => view.is(DIGIT, at + k)) ? 8 : 6;
    for (let k = 0; k < head; k += 1) if (!view.is(DIGIT, at + k)) return;
    const sign = view.at(at + head);
    if (sign < 0 || !signs.includes(String.fromCharCode(sign))) return;
    const end = at + head + 1 + tail;
    for (let k = at + head + 1; k < end - 1; k += 1) if (!view.is(DIGIT, k)) return;
    const last = view.at(end - 1);
    if (last < 0 || (DIGIT[last] !== 1 && UPPER[last] !== 1)) return;
    if (!startsNumber(view, at) || !endsNumber(view, end) || isOtherNumber(view, at)) return;
    if (check(view.text(at, end))) found.add(at, end);
  };
}

export const plain = (check: (id: string) => boolean) => (text: string) => check(text.replace('-', ''));

/** A fixed layout of digits (`d`) and separators. */
export function punctuated(layout: string, check: (id: string) => boolean): Verifier {
  return (view, at, found) => {
    for (let k = 0; k < layout.length; k += 1) {
      const byte = view.at(at + k);
      if (layout[k] === 'd' ? byte < 0 || DIGIT[byte] !== 1 : byte !== layout.charCodeAt(k)) return;
    }
    const end = at + layout.length;
    if (!startsNumber(view, at) || !endsNumber(view, end) || !check(compact(view, at, end))) return;
    found.add(at, end);
  };
}
