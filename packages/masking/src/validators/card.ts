import { isRepeated, luhn } from './checksums.ts';

/** Issuer ranges (ISO/IEC 7812 register, as the card networks publish them) with the lengths in use. */
const RANGES: readonly { readonly prefix: RegExp; readonly lengths: readonly number[] }[] = [
  { prefix: /^4/, lengths: [16] },
  { prefix: /^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, lengths: [16] },
  { prefix: /^3[47]/, lengths: [15] },
  { prefix: /^(?:6011|64[4-9]|65)/, lengths: [16, 19] },
  { prefix: /^35(?:2[89]|[3-8])/, lengths: [16] },
  { prefix: /^3(?:0[0-5]|095|[689])/, lengths: [14] },
  { prefix: /^62/, lengths: [16, 17, 18, 19] },
  { prefix: /^(?:5018|5020|5038|6304|6759|676[1-3])/, lengths: [16, 17, 18, 19] },
  { prefix: /^(?:220[0-4]|9792|60|81|82|508)/, lengths: [16] },
];

/** A payment card number: an issuer's range, its length, and the Luhn digit. Digits only. */
export function isCardNumber(digits: string): boolean {
  if (digits.length < 14 || digits.length > 19 || isRepeated(digits)) return false;
  return RANGES.some((r) => r.lengths.includes(digits.length) && r.prefix.test(digits)) && luhn(digits);
}

/** The same with the shorter, older lengths: for places that say what they hold. */
export const isCardLike = (digits: string): boolean =>
  digits.length >= 13 && digits.length <= 19 && luhn(digits) && !isRepeated(digits) && /^[2-6]/.test(digits);
