import { unwrapText } from './carrier.ts';
import { isInBand } from './keyed-stand-in.ts';
import { MASKED_TEXT } from './stand-in.ts';
import type { Operator, OperatorContext, ValueType } from './types.ts';

/**
 * Unmistakable in any text: keyed tokens, the uuid that spells MASK, a keyed number, and tokens
 * in the hex of bytes. One expression each: an engine looks for a fixed start much faster than
 * for one of many.
 */
const MARKS: readonly RegExp[] = [
  /_7[a-z2-7]{10}(?<=(?<![A-Za-z0-9_])(?:hash|tok)_7[a-z2-7]{10})[a-z2-7]{0,37}(?![A-Za-z0-9_])/,
  /4[dD]41534[bB]-[0-9a-fA-F]{4}-8/,
  /-8\d{15}(?!\d)(?<![\d.-]-8\d{15})/,
  /5[fF]37(?:[67][0-9a-fA-F]|3[2-7]){10}(?<=(?:686173685[fF]|746[fF]6[bB]5[fF])37.{20})/,
];

/** The default mask, and what its bytes look like in hex. */
const MARK_TEXTS: readonly string[] = [MASKED_TEXT, '2a2a2a4d41534b45442a2a2a', '2A2A2A4D41534B45442A2A2A'];

/** The same as a whole value. */
const WHOLE =
  /^(?:\*\*\*MASKED\*\*\*|(?:hash|tok)_7[a-z2-7]{10,47}(?:@masked\.invalid)?|4d41534b-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|-8\d{15}(?:\.0+)?)$/i;

/** Partial masks inside other text: a long run of asterisks, or groups of them, before or after what was kept. */
const PARTIAL_INSIDE =
  /\*{8}(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])\*{8}|\*{3,4}[ -]\*{2,4}[ -]\*{0,4}[0-9]|\*{3}-\*{2}-\d{4}/;

/**
 * Whether a value as a whole is one an operator wrote, as far as that shows without keys. With a
 * type it also knows the bands of keyed numbers, dates and addresses; constants that real data
 * shares (0, false, 1970-01-01) and custom templates only {@link createMaskRecogniser} can know.
 */
export function isMasked(value: string, type: ValueType = 'unknown'): boolean {
  const text = unwrapText(value, type).trim();
  if (/^\*{3,}$/.test(text) || WHOLE.test(text) || isPartial(text) || isInBand(value, type)) return true;
  const inner = unwrapText(unwrapText(unwrapText(text, 'json'), 'xml'), 'bytes');
  return inner !== text && isMasked(inner);
}

/** Whether a longer text (a statement, a JSON body) has a mask anywhere in it. */
export function containsMask(text: string): boolean {
  return (
    MARK_TEXTS.some((mark) => text.includes(mark)) ||
    MARKS.some((mark) => mark.test(text)) ||
    (text.includes('***') && PARTIAL_INSIDE.test(text)) ||
    isMasked(text)
  );
}

/** Recognises, besides what shows to everybody, what the given operators write with their keys. */
export interface MaskRecogniser {
  isMasked(value: string, context: OperatorContext): boolean;
  containsMask(text: string): boolean;
}

export function createMaskRecogniser(operators: readonly Operator[]): MaskRecogniser {
  const literals = operators.flatMap((operator) => operator.literal ?? []);
  return {
    isMasked: (value, context) =>
      isMasked(value, context.type) || operators.some((operator) => operator.recognises(value, context)),
    containsMask: (text) => containsMask(text) || literals.some((literal) => text.includes(literal)),
  };
}

/** Three asterisks or more, at least as many as characters kept at the ends; or groups of nothing else. */
function isPartial(text: string): boolean {
  if (text.includes(MASKED_TEXT)) return false;
  const stars = text.split('*').length - 1;
  const others = text.replace(/[* \-().+/]/g, '').length;
  if (stars < 3 || stars < others) return false;
  if (others === 0) return /^\*{2,}(?:[ \-.]\*{2,})*$/.test(text);
  return /^[^*]*\*(?:[* \-().+/]*\*)?[^*]*$/.test(text);
}
