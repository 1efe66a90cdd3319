import { carriesText, jsonString, wrapText } from './carrier.ts';
import { fitText, MASKED_TEXT, MASKED_UUID, standIn } from './stand-in.ts';
import { type OperatorContext, OperatorError, type PartialOptions } from './types.ts';

/** How much of a value stays readable. */
export interface Keep {
  readonly first: number;
  readonly last: number;
  readonly maskWith: string;
}

/** A secret shorter than this is never shown in part: what is left could be guessed. */
const SHORTEST_SECRET = 16;

/** Longer texts are redacted whole: cutting them into characters takes many times their memory. */
const LONGEST_TEXT = 65_536;

/** Characters that never join with their neighbours, so that covering twice changes nothing. */
const MASK_CHARACTER = /^[!-/:-~•●█×]$/u;

/** @throws OperatorError naming the option that is not usable. */
export function readKeep(options: PartialOptions): Keep {
  const first = options.keepFirst ?? 0;
  const last = options.keepLast ?? (options.keepFirst === undefined ? 4 : 0);
  for (const [field, count] of [
    ['partial.keepFirst', first],
    ['partial.keepLast', last],
  ] as const) {
    if (!Number.isInteger(count) || count < 0 || count > 1000) {
      throw new OperatorError(field, 'is not a whole number from 0 to 1000', 'give one, such as 4');
    }
  }
  const maskWith = options.maskWith ?? '*';
  if (typeof maskWith !== 'string' || !MASK_CHARACTER.test(maskWith)) {
    throw new OperatorError(
      'partial.maskWith',
      'is not one visible character, digits left out',
      'give one, such as "*"',
    );
  }
  return { first, last, maskWith };
}

/**
 * Covers all but the first and last characters. Never more than half stays readable; where that
 * is less than asked for, the end wins. What is covered depends on the value's shape alone, so
 * covering twice changes nothing. Types that cannot be shown in part get their stand-in.
 */
export function coverPartly(value: string, keep: Keep, context: OperatorContext): string {
  const text = carriesText(context.type);
  if (text && value === standIn(value, context.type, context.maxLength)) return value;
  const covered = coverAs(value, keep, context);
  if (covered === undefined) return standIn(value, context.type, context.maxLength);
  return text ? fitText(covered, context.type, context.maxLength) : covered;
}

function coverAs(value: string, keep: Keep, context: OperatorContext): string | undefined {
  switch (context.type) {
    case 'text':
    case 'unknown':
      return coverText(value, keep, context);
    case 'json': {
      const text = jsonString(value);
      return text === undefined ? undefined : wrapText(coverText(text, keep, context), 'json');
    }
    case 'int2':
    case 'int4':
    case 'int8':
    case 'numeric':
    case 'float':
      return coverNumber(value, keep);
    case 'uuid':
      return coverUuid(value, keep);
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return keep.first >= 4 ? yearOnly(value, context.type) : undefined;
    default:
      return undefined;
  }
}

function coverText(value: string, keep: Keep, context: OperatorContext): string {
  if (value.length > LONGEST_TEXT) return MASKED_TEXT;
  const once = coverOnce(value, keep, context);
  // Characters may join differently once their neighbours are covered (a stray accent after a line
  // break); such a text would not be the same when covered again.
  return isPlainAscii(value) || coverOnce(once, keep, context) === once ? once : MASKED_TEXT;
}

function coverOnce(value: string, keep: Keep, context: OperatorContext): string {
  const characters = isPlainAscii(value) ? value.split('') : graphemes(value);
  const secret = context.detector?.startsWith('secrets.') === true;
  if (secret && characters.length < SHORTEST_SECRET) return MASKED_TEXT;
  const grouped = isGrouped(characters, keep.maskWith);
  const isSeparator = (char: string) => grouped && char !== keep.maskWith && SEPARATOR.test(char);
  return cover(characters, keep, () => keep.maskWith, isSeparator);
}

const SEPARATOR = /^[ \-().+/]$/;

/** Digits in groups (card, phone, social security number), covered or not yet. */
function isGrouped(characters: readonly string[], maskWith: string): boolean {
  return characters.every((char) => char === maskWith || /^[\d \-().+/]$/.test(char));
}

/** Covers characters by position; separators stay and do not count. */
function cover(
  characters: readonly string[],
  keep: Keep,
  coverWith: (char: string, position: number) => string,
  isSeparator: (char: string) => boolean,
): string {
  const count = characters.reduce((sum, char) => sum + (isSeparator(char) ? 0 : 1), 0);
  const budget = Math.floor(count / 2);
  const last = Math.min(keep.last, budget);
  const first = Math.min(keep.first, budget - last);
  let position = 0;
  let text = '';
  for (const char of characters) {
    if (isSeparator(char)) {
      text += char;
      continue;
    }
    text += position < first || position >= count - last ? char : coverWith(char, position);
    position++;
  }
  return text;
}

/** Digits become 0, a leading one 1: as long as before, never further from zero, so it fits its type. */
function coverNumber(value: string, keep: Keep): string | undefined {
  if (!/^-?\d+(?:\.\d+)?$/.test(value)) return undefined;
  const lead = (char: string, position: number) => (position === 0 && char !== '0' ? '1' : '0');
  return cover(value.split(''), keep, lead, (char) => char === '-' || char === '.');
}

/** The kept hex digits over the MASKED uuid. */
function coverUuid(value: string, keep: Keep): string | undefined {
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)) return undefined;
  const under = MASKED_UUID.replaceAll('-', '');
  return cover(
    value.split(''),
    keep,
    (_, position) => under[position]!,
    (char) => char === '-',
  );
}

function yearOnly(value: string, type: 'date' | 'timestamp' | 'timestamptz'): string | undefined {
  const year = /^(\d{4})-\d\d-\d\d(?![^ T])/.exec(value)?.[1];
  if (year === undefined || value.endsWith(' BC')) return undefined;
  if (type === 'date') return `${year}-01-01`;
  return `${year}-01-01 00:00:00${type === 'timestamptz' ? '+00' : ''}`;
}

function isPlainAscii(value: string): boolean {
  return /^[ -~]*$/.test(value);
}

function graphemes(value: string): string[] {
  // The locale is fixed: a default one would make results depend on the machine.
  return Array.from(
    new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(value),
    (part) => part.segment,
  );
}
