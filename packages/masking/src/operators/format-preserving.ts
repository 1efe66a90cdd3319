import { FF1 } from '@noble/ciphers/ff1.js';
import { carriesText, jsonString, wrapText } from './carrier.ts';
import { isLuhnValid, luhnCheckDigit } from './luhn.ts';
import type { FpeOptions, OperatorContext } from './types.ts';

const DIGITS = '0123456789';
const ALPHANUMERIC = `${DIGITS}ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz`;

/** Stay where they are. Anything else that is not in the alphabet would be left readable: no FPE then. */
const SEPARATORS = /^[ \-./()+_,:]$/;

/** NIST SP 800-38G revision 1 requires at least so many values in the domain; fewer can be tried out. */
export const SMALLEST_DOMAIN = 1_000_000;

/** FF1 computes with numbers as long as the text; longer values would let one cell stall a session. */
const LONGEST = 128;

/** Steps of a cycle walk before giving up; ten is usual at worst, so this is never reached by chance. */
const LONGEST_WALK = 1000;

/** FF1 (NIST SP 800-38G) over digit lists. @throws RangeError when the domain is under 1,000,000. */
export function ff1Encrypt(
  key: Uint8Array,
  tweak: Uint8Array,
  radix: number,
  x: readonly number[],
): number[] {
  if (radix ** x.length < SMALLEST_DOMAIN) throw new RangeError('FF1: domain under 1,000,000');
  return FF1(radix, key, tweak).encrypt([...x]);
}

/** The inverse of {@link ff1Encrypt}. */
export function ff1Decrypt(
  key: Uint8Array,
  tweak: Uint8Array,
  radix: number,
  x: readonly number[],
): number[] {
  if (radix ** x.length < SMALLEST_DOMAIN) throw new RangeError('FF1: domain under 1,000,000');
  return FF1(radix, key, tweak).decrypt([...x]);
}

/**
 * The value with every letter and digit encrypted and its separators kept, or undefined where
 * that is not safe or not possible: under 1,000,000 possible values, characters outside the
 * alphabet, a type that has no digits to encrypt.
 */
export function preserveFormat(
  value: string,
  alphabet: FpeOptions['alphabet'],
  key: Uint8Array,
  context: OperatorContext,
): string | undefined {
  if (value.length > 4 * LONGEST) return undefined;
  if (context.type === 'json') {
    const text = jsonString(value);
    const result = text === undefined ? undefined : encryptText(text, alphabet, key);
    return result === undefined ? undefined : wrapText(result, 'json');
  }
  if (context.type === 'text' || context.type === 'unknown') return encryptText(value, alphabet, key);
  if (carriesText(context.type)) return undefined;
  return LARGEST[context.type] === undefined ? undefined : encryptNumber(value, key, LARGEST[context.type]!);
}

/** Largest magnitude by type; int2 has too few values. */
const LARGEST: Readonly<Record<string, bigint | 'any'>> = {
  int4: 2_147_483_647n,
  int8: 9_223_372_036_854_775_807n,
  numeric: 'any',
};

function encryptText(value: string, alphabet: FpeOptions['alphabet'], key: Uint8Array): string | undefined {
  const hasLetters = /[A-Za-z]/.test(value);
  if (alphabet === 'digits' && hasLetters) return undefined;
  const symbols = alphabet === 'alphanumeric' || hasLetters ? ALPHANUMERIC : DIGITS;
  const x: number[] = [];
  for (const char of value) {
    const index = symbols.indexOf(char);
    if (index >= 0) x.push(index);
    else if (!SEPARATORS.test(char)) return undefined;
  }
  const y = symbols === DIGITS ? encryptDigits(x, key, () => true) : encryptSymbols(x, key);
  if (y === undefined) return undefined;
  let at = 0;
  return Array.from(value, (char) => (symbols.includes(char) ? symbols[y[at++]!]! : char)).join('');
}

function encryptSymbols(x: readonly number[], key: Uint8Array): number[] | undefined {
  if (!isInDomain(ALPHANUMERIC.length, x.length)) return undefined;
  return ff1Encrypt(key, tweakFor('alphanumeric'), ALPHANUMERIC.length, x);
}

function encryptNumber(value: string, key: Uint8Array, largest: bigint | 'any'): string | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(value);
  if (match === null || (largest !== 'any' && match[3] !== undefined)) return undefined;
  const [, sign, whole, fraction = ''] = match as unknown as [string, string, string, string | undefined];
  // 0.1234567 has its digits after the point; the zero before it is no digit to encrypt.
  const encrypted = whole === '0' ? fraction : whole + fraction;
  // Without a leading zero, six digits are only 900,000 values.
  if (whole !== '0' && encrypted.length < 7) return undefined;
  const accept = (y: readonly number[]) =>
    whole === '0' || (y[0] !== 0 && (largest === 'any' || BigInt(y.join('')) <= largest));
  const y = encryptDigits(Array.from(encrypted, Number), key, accept)?.join('');
  if (y === undefined) return undefined;
  if (whole === '0') return `${sign}0.${y}`;
  return `${sign}${y.slice(0, whole.length)}${fraction === '' ? '' : `.${y.slice(whole.length)}`}`;
}

/**
 * Digits to as many digits that `accept` takes, by cycle walking. What has a card's length never
 * passes the Luhn check afterwards: nobody can take it for a card, and no detector masks it again.
 * A valid card's check digit is replaced by the right one plus five.
 */
function encryptDigits(
  x: readonly number[],
  key: Uint8Array,
  accept: (y: readonly number[]) => boolean,
): number[] | undefined {
  const cardLength = x.length >= 13 && x.length <= 19;
  if (cardLength && isLuhnValid(x)) {
    const breakCheck = (payload: readonly number[]) => [...payload, (luhnCheckDigit(payload) + 5) % 10];
    const payload = walk(x.slice(0, -1), key, 'card', (y) => accept(breakCheck(y)));
    return payload === undefined ? undefined : breakCheck(payload);
  }
  return walk(x, key, 'digits', (y) => accept(y) && !(cardLength && isLuhnValid(y)));
}

function walk(
  x: readonly number[],
  key: Uint8Array,
  purpose: string,
  accept: (y: readonly number[]) => boolean,
): number[] | undefined {
  if (!isInDomain(10, x.length)) return undefined;
  const cipher = FF1(10, key, tweakFor(purpose));
  let y = cipher.encrypt([...x]);
  for (let steps = 0; steps < LONGEST_WALK; steps++) {
    if (accept(y)) return y;
    y = cipher.encrypt(y);
  }
  return undefined;
}

function isInDomain(radix: number, length: number): boolean {
  return length <= LONGEST && radix ** length >= SMALLEST_DOMAIN;
}

function tweakFor(purpose: string): Uint8Array {
  return new TextEncoder().encode(`scrim/masking/fpe/${purpose}`);
}
