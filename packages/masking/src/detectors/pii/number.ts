import { ALNUM, type ByteClass, byteClass, DIGIT } from '../../scan/bytes.ts';
import type { KeyedValue, ValueJudge, Verifier } from '../../scan/detector.ts';
import { startsWord } from '../../scan/pattern.ts';
import type { View } from '../../scan/view.ts';

/** Whether a number may start at `i`: not inside a word, a decimal, a path, an amount or a longer number. */
export function startsNumber(view: View, i: number): boolean {
  const before = view.at(i - 1);
  if (before < 0) return true;
  if (!startsWord(view, i) || before === 0x5f) return false;
  if (before === 0x2e || before === 0x2c || before === 0x2d || before === 0x2f || before === 0x3a)
    return (
      !view.is(ALNUM, i - 2) ||
      (before === 0x3a && !view.is(DIGIT, i - 2)) ||
      (before === 0x2c && !view.is(DIGIT, i - 2)) ||
      (before === 0x2c && plainComma(view, i))
    );
  return before !== 0x24 && before !== 0x23 && before !== 0x25 && before !== 0x2b && before !== 0x2a;
}

/** A comma between CSV cells, not inside a decimal vector: the cell before it is no decimal. */
function plainComma(view: View, i: number): boolean {
  const start = view.runBack(NUMERAL, i - 1, 24);
  for (let p = start; p < i - 1; p += 1) if (view.at(p) === 0x2e) return false;
  return i - 1 - start > 3 || start === i - 1 || view.at(start - 1) === 0x2c || view.at(start - 1) === 0x0a;
}

const NUMERAL = byteClass('0-9.');

/** Whether a number that ends before `i` is not the front of something longer. */
export function endsNumber(view: View, i: number): boolean {
  const next = view.at(i);
  if (next < 0) return true;
  if (ALNUM[next] === 1 || next === 0x5f || next === 0x25) return false;
  if (next === 0x2e || next === 0x2d || next === 0x2f) return !view.is(ALNUM, i + 1);
  return true;
}

/**
 * A shape of digits and separators written like `3-2-4`: groups of that many digits with one of `separators`
 * between, the same each time. Returns the end, or -1.
 */
export function groupsEnd(view: View, at: number, groups: readonly number[], separators: string): number {
  let p = at;
  let separator = -1;
  for (let g = 0; g < groups.length; g += 1) {
    if (g > 0) {
      const byte = view.at(p);
      if (byte < 0 || !separators.includes(String.fromCharCode(byte))) return -1;
      if (separator >= 0 && byte !== separator) return -1;
      separator = byte;
      p += 1;
    }
    const length = groups[g] as number;
    for (let k = 0; k < length; k += 1) if (!view.is(DIGIT, p + k)) return -1;
    p += length;
  }
  return p;
}

/** The digits and letters of a span, letters in capitals, separators left out. */
export function compact(view: View, start: number, end: number): string {
  let out = '';
  for (let i = start; i < end; i += 1) {
    const byte = view.at(i);
    if (ALNUM[byte] === 1) out += String.fromCharCode(byte >= 97 ? byte - 32 : byte);
  }
  return out;
}

/** Names before a number that say it counts or identifies goods and events, not people. */
const OTHER_NUMBERS =
  /(?:order|part|sku|invoice|ticket|tracking|gtin|ean|upc|isbn|issn|batch|serial|version|build|seq|sequence|epoch|timestamp|time|ts|trace|span|request|req|transaction|txn|tx|ref|reference|item|product|case|lot|po|rma|shipment|parcel|asset|model|size|offset|bytes|duration|count|total|amount|hash|event|message|msg|commit|revision|row|line|job|run|user|uid|pid|tid|session|node|device|imei|barcode|catalog|article|doc|document|id|nonce|snowflake|seed|port|key|correlation|bug|issue|pr|zip|quote|claim|booking|pnr|confirmation|flight|receipt|voucher|coupon|promo)(?:[\s_.-]?(?:id|no|nr|num|number|code|key|ref|ns|ms|us|at|#))?["'\]\\]*\s*[:=#>|]*\s*["'\\]*$/i;

/** Whether the text right before `at` names the number as something else. */
export const isOtherNumber = (view: View, at: number): boolean => OTHER_NUMBERS.test(view.text(at - 40, at));

/** A verifier for numbers written in groups, checked once the separators are gone. */
export function grouped(
  groups: readonly number[],
  separators: string,
  valid: (compacted: string) => boolean,
): Verifier {
  return (view, at, found) => {
    const end = groupsEnd(view, at, groups, separators);
    if (end < 0 || !startsNumber(view, at) || !endsNumber(view, end)) return;
    if (!valid(compact(view, at, end)) || isOtherNumber(view, at)) return;
    found.add(at, end);
  };
}

/**
 * The part of a keyed value written in the given alphabet: all of a quoted value or a cell, else as far as the
 * alphabet goes, without separators at its end.
 */
export function keyedText(
  view: View,
  value: KeyedValue,
  alphabet: ByteClass,
  max = 40,
): readonly [number, number] {
  let { end } = value;
  if (value.form !== 'quoted' && value.form !== 'cell') end = view.run(alphabet, value.start, max);
  while (end > value.start && ALNUM[view.at(end - 1)] !== 1) end -= 1;
  return [value.start, end];
}

const NUMBER_TEXT = byteClass('0-9A-Za-z ./-');

/** A judge that masks a keyed value when, separators left out, it is a valid identifier; words after it are left. */
export function judgeIdentifier(valid: (compacted: string) => boolean, longest = 24): ValueJudge {
  return (view, value) => {
    if (value.form !== 'loose' && value.end - value.start <= longest + 8) {
      const text = view.text(value.start, value.end);
      if (/^[\w./-]+$/.test(text) && /\w$/.test(text) && valid(compact(view, value.start, value.end)))
        return [value.start, value.end];
    }
    const [start, end] = keyedText(view, value, NUMBER_TEXT, longest + 12);
    if (valid(compact(view, start, end)) && end - start <= longest + 8) return [start, end];
    let p = end;
    while (p > start) {
      p -= 1;
      const byte = view.at(p);
      if (byte !== 0x20 && byte !== 0x2e && byte !== 0x2d && byte !== 0x2f) continue;
      if (valid(compact(view, start, p))) return [start, p];
    }
    return null;
  };
}
