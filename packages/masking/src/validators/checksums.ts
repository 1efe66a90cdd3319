/** Check digits. Every function takes a string of digits (or the alphabet named) and allocates nothing of note. */

const digit = (text: string, i: number): number => text.charCodeAt(i) - 48;

/** ISO/IEC 7812-1 annex B. */
export function luhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    let d = digit(digits, digits.length - 1 - i);
    if (i % 2 === 1) d = d > 4 ? d * 2 - 9 : d * 2;
    sum += d;
  }
  return digits.length > 1 && sum % 10 === 0;
}

/** The remainder modulo 97 of digits and capital letters (A is 10), as ISO 7064 MOD 97-10 uses it. */
export function mod97(text: string): number {
  let rest = 0;
  for (let i = 0; i < text.length; i += 1) {
    const c = text.charCodeAt(i);
    const value = c < 58 ? c - 48 : c - 55;
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest;
}

const VERHOEFF_D = [
  '0123456789',
  '1234067895',
  '2340178956',
  '3401289567',
  '4012395678',
  '5987604321',
  '6598710432',
  '7659821043',
  '8765932104',
  '9876543210',
];
const VERHOEFF_P = [
  '0123456789',
  '1576283094',
  '5803796142',
  '8916043527',
  '9453126870',
  '4286573901',
  '2793806415',
  '7046913258',
];

/** J. Verhoeff, "Error Detecting Decimal Codes" (1969). */
export function verhoeff(digits: string): boolean {
  let c = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const p = digit(VERHOEFF_P[i % 8] as string, digit(digits, digits.length - 1 - i));
    c = digit(VERHOEFF_D[c] as string, p);
  }
  return c === 0;
}

/** The weighted sum of the leading digits. */
export function weighted(digits: string, weights: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i += 1) sum += digit(digits, i) * (weights[i] as number);
  return sum;
}

/** ISO 7064 MOD 11,10, as the German tax number uses it. */
export function mod1110(digits: string): boolean {
  let product = 10;
  for (let i = 0; i < digits.length - 1; i += 1) {
    const sum = (digit(digits, i) + product) % 10 || 10;
    product = (sum * 2) % 11;
  }
  return (11 - product) % 10 === digit(digits, digits.length - 1);
}

/** EAN-13 check digit (GS1 General Specifications 7.9). */
export function ean13(digits: string): boolean {
  return (
    digits.length === 13 &&
    (weighted(digits, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]) + digit(digits, 12)) % 10 === 0
  );
}

/** Whether all characters are the same. */
export const isRepeated = (text: string): boolean =>
  text.length > 0 && text === (text[0] as string).repeat(text.length);

/** Whether year, month and day make a date; a two-digit year is taken as it is. */
export function isDate(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day <= (days[month - 1] as number);
}
