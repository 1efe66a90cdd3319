import type { ValueType } from '@scrim/model';
import { type TypeCodec, ValueFault } from './codec.ts';

function sized(name: string, bytes: Buffer, start: number, end: number, size: number): void {
  if (end - start !== size || end > bytes.length) throw new ValueFault(name, 'a value has a wrong length');
}

/** Signed integers of 2, 4 or 8 bytes, and OIDs. */
export function integer(name: string, size: 2 | 4 | 8, valueType: ValueType, unsigned = false): TypeCodec {
  const bits = BigInt(size * 8);
  const lowest = unsigned ? 0n : -(1n << (bits - 1n));
  const highest = unsigned ? (1n << bits) - 1n : (1n << (bits - 1n)) - 1n;
  return {
    name,
    valueType,
    textual: false,
    decode(bytes, start, end) {
      sized(name, bytes, start, end, size);
      if (size === 8) return String(bytes.readBigInt64BE(start));
      if (unsigned) return String(bytes.readUInt32BE(start));
      return String(size === 2 ? bytes.readInt16BE(start) : bytes.readInt32BE(start));
    },
    encode(text) {
      if (!/^[+-]?\d+$/.test(text)) throw new ValueFault(name);
      const value = BigInt(text);
      if (value < lowest || value > highest) throw new ValueFault(name);
      const out = Buffer.alloc(8);
      out.writeBigInt64BE(BigInt.asIntN(64, value));
      return out.subarray(8 - size);
    },
  };
}

/** IEEE numbers. JavaScript prints the shortest text that reads back the same, as PostgreSQL does since 12. */
export function float(name: string, size: 4 | 8): TypeCodec {
  return {
    name,
    valueType: 'float',
    textual: false,
    decode(bytes, start, end) {
      sized(name, bytes, start, end, size);
      if (size === 8) return numberText(bytes.readDoubleBE(start), 15);
      return numberText(shortest(bytes.readFloatBE(start)), 6);
    },
    encode(text) {
      const value =
        text === 'Infinity' || text === '-Infinity' || text === 'NaN' ? Number(text) : finite(text, name);
      const out = Buffer.alloc(size);
      if (size === 8) out.writeDoubleBE(value);
      else out.writeFloatBE(value);
      return out;
    },
  };
}

function finite(text: string, name: string): number {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) throw new ValueFault(name);
  const value = Number(text);
  if (!Number.isFinite(value)) throw new ValueFault(name);
  return value;
}

/** PostgreSQL turns to an exponent below 1e-4 and from `digits` digits on, and writes at least two digits of it. */
export function numberText(value: number, digits: number): string {
  if (!Number.isFinite(value) || value === 0) return Object.is(value, -0) ? '-0' : String(value);
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power < -4 || power >= digits) {
    return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  if (power < 0) return value.toFixed(mantissa.replace(/^-?\d\.?/, '').length - power);
  return String(value);
}

/** The shortest decimal that reads back as the same 32-bit number. */
function shortest(value: number): number {
  if (!Number.isFinite(value)) return value;
  for (let digits = 6; digits < 10; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return candidate;
  }
  return value;
}

export const boolCodec: TypeCodec = {
  name: 'bool',
  valueType: 'bool',
  textual: false,
  decode(bytes, start, end) {
    sized('bool', bytes, start, end, 1);
    return bytes[start] === 0 ? 'f' : 't';
  },
  encode(text) {
    const value = text.toLowerCase();
    if (['t', 'true', 'on', 'yes', '1'].includes(value)) return Buffer.from([1]);
    if (['f', 'false', 'off', 'no', '0'].includes(value)) return Buffer.from([0]);
    throw new ValueFault('bool');
  },
};

/** Money is an int8 of the smallest unit; how many digits that is depends on lc_monetary, two nearly everywhere. */
export const moneyCodec: TypeCodec = {
  name: 'money',
  valueType: 'money',
  textual: false,
  decode(bytes, start, end) {
    sized('money', bytes, start, end, 8);
    const value = bytes.readBigInt64BE(start);
    const digits = String(value < 0n ? -value : value).padStart(3, '0');
    return `${value < 0n ? '-' : ''}$${digits.slice(0, -2)}.${digits.slice(-2)}`;
  },
  encode(text) {
    const match = /^(-?)\p{Sc}?(-?)(\d+)(?:\.(\d{1,2}))?$/u.exec(text.replaceAll(',', ''));
    if (!match) throw new ValueFault('money');
    const cents = BigInt((match[3] ?? '0') + (match[4] ?? '').padEnd(2, '0'));
    if (cents > 0x7fffffffffffffffn) throw new ValueFault('money');
    const out = Buffer.alloc(8);
    out.writeBigInt64BE(match[1] || match[2] ? -cents : cents);
    return out;
  },
};

const NUMERIC_SPECIAL: Readonly<Record<number, string>> = {
  49152: 'NaN',
  53248: 'Infinity',
  61440: '-Infinity',
};

/** numeric: base-10000 digits with a weight and a display scale (numeric_recv, numeric_send). */
export const numericCodec: TypeCodec = {
  name: 'numeric',
  valueType: 'numeric',
  textual: false,
  decode(bytes, start, end) {
    if (end - start < 8) throw new ValueFault('numeric', 'a value has a wrong length');
    const count = bytes.readUInt16BE(start);
    const weight = bytes.readInt16BE(start + 2);
    const sign = bytes.readUInt16BE(start + 4);
    const scale = bytes.readUInt16BE(start + 6);
    const special = NUMERIC_SPECIAL[sign];
    if (special !== undefined) return special;
    if (end - start !== 8 + count * 2) throw new ValueFault('numeric', 'a value has a wrong length');
    const digit = (i: number): string =>
      i >= 0 && i < count ? String(bytes.readUInt16BE(start + 8 + i * 2)).padStart(4, '0') : '0000';
    let whole = '';
    for (let i = 0; i <= weight; i++) whole += digit(i);
    let fraction = '';
    for (let i = weight + 1; fraction.length < scale; i++) fraction += digit(i);
    const text = whole.replace(/^0+(?=\d)/, '') || '0';
    return `${sign === 0x4000 ? '-' : ''}${text}${scale > 0 ? `.${fraction.slice(0, scale)}` : ''}`;
  },
  encode(text) {
    const special = Object.entries(NUMERIC_SPECIAL).find(([, name]) => name === text);
    // The server gives infinities the display scale it has for them, 32.
    if (special) return numericBytes([], 0, Number(special[0]), text === 'NaN' ? 0 : 32);
    const match = /^([+-]?)(\d*)(?:\.(\d*))?$/.exec(text);
    if (!match || !(match[2] || match[3])) throw new ValueFault('numeric');
    const whole = (match[2] ?? '').replace(/^0+/, '');
    const fraction = match[3] ?? '';
    if (whole.length > 131_072 || fraction.length > 16_383) throw new ValueFault('numeric');
    const left = whole.padStart(Math.ceil(whole.length / 4) * 4, '0');
    const all = left + fraction.padEnd(Math.ceil(fraction.length / 4) * 4, '0');
    const digits = all.match(/\d{4}/g)?.map(Number) ?? [];
    let weight = left.length / 4 - 1;
    while (digits.length > 0 && digits[0] === 0) {
      digits.shift();
      weight -= 1;
    }
    while (digits.length > 0 && digits.at(-1) === 0) digits.pop();
    if (digits.length === 0) return numericBytes([], 0, 0, fraction.length);
    return numericBytes(digits, weight, match[1] === '-' ? 0x4000 : 0, fraction.length);
  },
};

function numericBytes(digits: readonly number[], weight: number, sign: number, scale: number): Buffer {
  const out = Buffer.alloc(8 + digits.length * 2);
  out.writeUInt16BE(digits.length);
  out.writeInt16BE(weight, 2);
  out.writeUInt16BE(sign, 4);
  out.writeUInt16BE(scale, 6);
  for (const [i, value] of digits.entries()) out.writeUInt16BE(value, 8 + i * 2);
  return out;
}
