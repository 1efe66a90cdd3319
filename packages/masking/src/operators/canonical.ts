import { isCardNumber } from './luhn.ts';

/** Wide enough for real addresses, linear, and never across white space. */
const EMAIL = /^[^\s@"<>]{1,64}@[^\s@"<>]{1,255}$/u;

/** A value as hashes and tokens see it: one spelling for each meaning. */
export interface CanonicalValue {
  readonly kind: 'email' | 'card' | 'text';
  readonly text: string;
}

/**
 * The one spelling of a value: an email address in lower case, a card number (Luhn-valid, 13 to
 * 19 digits) without separators, everything else in Unicode NFC. It looks at the value alone,
 * never at who found it, so that the same value gets the same token in every protocol.
 */
export function canonicalise(value: string): CanonicalValue {
  const trimmed = value.trim();
  if (EMAIL.test(trimmed)) return { kind: 'email', text: trimmed.normalize('NFC').toLowerCase() };
  const digits = cardDigits(trimmed);
  if (digits !== undefined) return { kind: 'card', text: digits };
  return { kind: 'text', text: value.normalize('NFC') };
}

function cardDigits(value: string): string | undefined {
  if (value.length < 13 || value.length > 37 || !/^\d(?:[ -]?\d)+$/.test(value)) return undefined;
  const digits = value.replace(/[ -]/g, '');
  return isCardNumber(digits) ? digits : undefined;
}

/** The one spelling under which `hash` and `tokenise` know a value, and which a reversible token gives back. */
export function canonicalText(value: string): string {
  return canonicalise(value).text;
}
