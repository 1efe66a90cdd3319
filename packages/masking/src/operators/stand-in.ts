import { carriesText, wrapText } from './carrier.ts';
import type { ValueType } from './types.ts';

/** What stands for a redacted text. */
export const MASKED_TEXT = '***MASKED***';

/** UUID version 8 (RFC 9562 section 5.8) that spells MASKED at its start. */
export const MASKED_UUID = '4d41534b-4544-8000-8000-4d41534b4544';

/**
 * The constant that stands for a value of the type. It depends on the value only for what the type
 * needs to stay valid where it is: the scale of a numeric, the length of a bit string, the address
 * family, the currency sign, the spelling of a bool.
 */
export function standIn(value: string, type: ValueType, maxLength?: number): string {
  if (carriesText(type)) return wrapText(fitText(MASKED_TEXT, type, maxLength), type);
  return TYPED[type as keyof typeof TYPED]?.(value) ?? MASKED_TEXT;
}

/** `text` where it fits in the place, else as many asterisks as fit. */
export function fitText(text: string, type: ValueType, maxLength: number | undefined): string {
  if (maxLength === undefined || (type !== 'text' && type !== 'unknown')) return text;
  if (text.length <= maxLength || [...text].length <= maxLength) return text;
  return MASKED_TEXT.length <= maxLength ? MASKED_TEXT : '*'.repeat(Math.max(0, maxLength));
}

const zero = () => '0';

const TYPED: Readonly<Partial<Record<ValueType, (value: string) => string>>> = {
  int2: zero,
  int4: zero,
  int8: zero,
  float: zero,
  numeric: (value) => `0${zeroFraction(value)}`,
  money: (value) => `${currencyOf(value).sign}0${currencyOf(value).fraction}`,
  bool: (value) => (/^(?:true|false)$/i.test(value) ? 'false' : 'f'),
  date: () => '1970-01-01',
  time: () => '00:00:00',
  timetz: () => '00:00:00+00',
  timestamp: () => '1970-01-01 00:00:00',
  timestamptz: () => '1970-01-01 00:00:00+00',
  interval: () => '00:00:00',
  uuid: () => MASKED_UUID,
  inet: (value) => (value.includes(':') ? '::' : '0.0.0.0'),
  cidr: (value) => (value.includes(':') ? '::/128' : '0.0.0.0/32'),
  macaddr: (value) => Array(macGroups(value)).fill('00').join(':'),
  bit: (value) => (/^[01]*$/.test(value) ? '0'.repeat(value.length) : '0'),
};

/** `.000` for a value with three decimals; nothing for integers and anything unusual. */
export function zeroFraction(value: string): string {
  const fraction = /^[+-]?\d+\.(\d{1,16383})$/.exec(value)?.[1];
  return fraction === undefined ? '' : `.${'0'.repeat(fraction.length)}`;
}

/** 8 for EUI-64 (macaddr8), else 6. */
export function macGroups(value: string): number {
  return /^(?:[0-9a-f]{2}:){7}[0-9a-f]{2}$/i.test(value) ? 8 : 6;
}

/** The sign before a money value and a zero fraction after it, as its locale writes them. */
export function currencyOf(value: string): { sign: string; fraction: string } {
  const match = /^[-(]?([^\d\s.,()-]{0,3})\d[\d.,]*?([.,]\d{1,3})?\)?$/.exec(value);
  if (match === null) return { sign: '', fraction: '' };
  const fraction = match[2] === undefined || match[2].length === 4 ? '' : match[2].replace(/\d/g, '0');
  return { sign: match[1]!, fraction };
}
