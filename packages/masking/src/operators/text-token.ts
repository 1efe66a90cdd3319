import { base32, type DerivedKeys } from './keyed-digest.ts';

/**
 * Keyed text stand-ins: `hash_7…` and `tok_7…`, of email addresses `tok_7…@masked.invalid`
 * (RFC 2606: nothing is ever delivered there). After the constant 7, which no English identifier
 * has there, come a body drawn from the value and a check drawn from the body. The check lets us
 * know our own tokens again without trusting their shape: by shape alone a caller could have a
 * secret passed through by writing 'tok_7' before it.
 */
const SHAPE = /^(hash|tok)_7([a-z2-7]{10,47})(@masked\.invalid)?$/;

const EMAIL_TAIL = '@masked.invalid';

/** Characters after the underscore, unless asked otherwise: 75 bits of body, 50 of check. */
export const TOKEN_LENGTH = 26;

/** Shorter ones carry too little check to be trusted where the place did not force them. */
const TRUSTED_LENGTH = 24;

const SHORTEST_LENGTH = 11;

export type TokenPrefix = 'hash' | 'tok';

export interface TokenShape {
  readonly prefix: TokenPrefix;
  /** Characters wanted after the underscore. */
  readonly length: number;
  /** Whether to give it the form of an email address when there is room. */
  readonly email: boolean;
  /** Room for the whole token, in characters. */
  readonly maxLength: number | undefined;
}

/** The token for a canonical value, or undefined where the room is too small for one. */
export function mintToken(keys: DerivedKeys, canonical: string, shape: TokenShape): string | undefined {
  const room = shape.maxLength ?? Number.POSITIVE_INFINITY;
  const plain = shape.prefix.length + 1;
  const inEmail = Math.min(shape.length, room - plain - EMAIL_TAIL.length);
  const tail = shape.email && inEmail >= SHORTEST_LENGTH ? EMAIL_TAIL : '';
  const length = tail === '' ? Math.min(shape.length, room - plain) : inEmail;
  if (length < SHORTEST_LENGTH) return undefined;
  const body = base32(keys.value.of(shape.prefix, canonical), length - 1 - checkLength(length));
  return `${shape.prefix}_7${body}${checkOf(keys, shape.prefix, body, length)}${tail}`;
}

/**
 * Whether `text` is a token made with these keys. Tokens under 24 characters count only where
 * `maxLength` (or the operator's own `length`) explains why they are that short.
 */
export function isToken(keys: DerivedKeys, text: string, maxLength?: number, ownLength?: number): boolean {
  const match = SHAPE.exec(text);
  if (match === null) return false;
  const prefix = match[1] as TokenPrefix;
  const rest = match[2]!;
  const length = rest.length + 1;
  const explained = (maxLength !== undefined && text.length <= maxLength) || length === ownLength;
  if (length < TRUSTED_LENGTH && !explained) return false;
  const body = rest.slice(0, rest.length - checkLength(length));
  return rest.slice(body.length) === checkOf(keys, prefix, body, length);
}

function checkLength(length: number): number {
  if (length >= TRUSTED_LENGTH) return 10;
  return length >= 18 ? 7 : 4;
}

function checkOf(keys: DerivedKeys, prefix: string, body: string, length: number): string {
  return base32(keys.check.of(prefix, body), checkLength(length));
}
