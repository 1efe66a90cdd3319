import type { ValueType } from '@scrim/model';
import { type TypeCodec, ValueFault } from './codec.ts';

const DAY = 86_400_000_000n;
/** Days from 1970-01-01 to PostgreSQL's epoch, 2000-01-01. */
const EPOCH_DAYS = 10_957;
const INFINITE_DATE = 0x7fffffff;
const INFINITE_TIME = 0x7fffffffffffffffn;

function exact(name: string, start: number, end: number, size: number): void {
  if (end - start !== size) throw new ValueFault(name, 'a value has a wrong length');
}

function pad(value: number | bigint, width: number): string {
  return String(value).padStart(width, '0');
}

/** Civil date of a day number since 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
function civil(days: number): string {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const shown = year > 0 ? year : 1 - year;
  return `${pad(shown, 4)}-${pad(month, 2)}-${pad(day, 2)}${year > 0 ? '' : ' BC'}`;
}

/** Day number since 1970-01-01. Throws when there is no such day. */
function dayNumber(year: number, month: number, day: number, name: string): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const days =
    era * 146_097 +
    yearOfEra * 365 +
    Math.floor(yearOfEra / 4) -
    Math.floor(yearOfEra / 100) +
    dayOfYear -
    719_468;
  if (civil(days).slice(0, -6).length === 0 || month < 1 || month > 12 || day < 1 || day > 31)
    throw new ValueFault(name);
  const back = civil(days);
  if (!back.includes(`-${pad(month, 2)}-${pad(day, 2)}`)) throw new ValueFault(name);
  return days;
}

function clock(micros: bigint): string {
  const second = micros / 1_000_000n;
  const fraction = micros % 1_000_000n;
  const text = `${pad(second / 3600n, 2)}:${pad((second / 60n) % 60n, 2)}:${pad(second % 60n, 2)}`;
  return fraction === 0n ? text : `${text}.${pad(fraction, 6).replace(/0+$/, '')}`;
}

/** Microseconds of `hh:mm[:ss[.ffffff]]`. */
function clockMicros(text: string, name: string): bigint {
  const match = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?$/.exec(text);
  if (!match) throw new ValueFault(name);
  const [hour, minute, second] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  const micros =
    BigInt(hour * 3600 + minute * 60 + second) * 1_000_000n + BigInt((match[4] ?? '').padEnd(6, '0'));
  if (minute > 59 || second > 60 || micros > DAY) throw new ValueFault(name);
  return micros;
}

/** Seconds east of UTC as PostgreSQL prints them. */
function zoneText(seconds: number): string {
  const size = Math.abs(seconds);
  const minute = Math.floor(size / 60) % 60;
  const rest = size % 60;
  const tail = rest > 0 ? `:${pad(minute, 2)}:${pad(rest, 2)}` : minute > 0 ? `:${pad(minute, 2)}` : '';
  return `${seconds < 0 ? '-' : '+'}${pad(Math.floor(size / 3600), 2)}${tail}`;
}

const ZONE = /(Z|[+-]\d{1,2}(?::?\d{2}(?::?\d{2})?)?)$/;

/** Splits the zone off a time; seconds east of UTC, 0 without one. */
function splitZone(text: string): { rest: string; seconds: number } {
  const zone = ZONE.exec(text)?.[1];
  if (zone === undefined || zone === 'Z') return { rest: text.replace(/Z$/, '').trimEnd(), seconds: 0 };
  const digits = zone.slice(1).replaceAll(':', '').padStart(2, '0');
  const seconds =
    Number(digits.slice(0, 2)) * 3600 +
    Number(digits.slice(2, 4) || 0) * 60 +
    Number(digits.slice(4, 6) || 0);
  return { rest: text.slice(0, -zone.length).trimEnd(), seconds: zone.startsWith('-') ? -seconds : seconds };
}

function dateDays(text: string, name: string): number {
  const match = /^(\d{4,7})-(\d{2})-(\d{2})( BC)?$/.exec(text);
  if (!match) throw new ValueFault(name);
  const year = Number(match[1]);
  return dayNumber(match[4] ? 1 - year : year, Number(match[2]), Number(match[3]), name) - EPOCH_DAYS;
}

export const dateCodec: TypeCodec = {
  name: 'date',
  valueType: 'date',
  textual: false,
  decode(bytes, start, end) {
    exact('date', start, end, 4);
    const days = bytes.readInt32BE(start);
    if (days === INFINITE_DATE) return 'infinity';
    return days === -INFINITE_DATE - 1 ? '-infinity' : civil(days + EPOCH_DAYS);
  },
  encode(text) {
    const out = Buffer.alloc(4);
    if (text === 'infinity') out.writeInt32BE(INFINITE_DATE);
    else if (text === '-infinity') out.writeInt32BE(-INFINITE_DATE - 1);
    else out.writeInt32BE(dateDays(text, 'date'));
    return out;
  },
};

export const timeCodec: TypeCodec = {
  name: 'time',
  valueType: 'time',
  textual: false,
  decode(bytes, start, end) {
    exact('time', start, end, 8);
    return clock(bytes.readBigInt64BE(start));
  },
  encode(text) {
    const out = Buffer.alloc(8);
    out.writeBigInt64BE(clockMicros(text, 'time'));
    return out;
  },
};

/** time with time zone: microseconds, then seconds west of UTC. */
export const timetzCodec: TypeCodec = {
  name: 'timetz',
  valueType: 'timetz',
  textual: false,
  decode(bytes, start, end) {
    exact('timetz', start, end, 12);
    return clock(bytes.readBigInt64BE(start)) + zoneText(-bytes.readInt32BE(start + 8));
  },
  encode(text) {
    const { rest, seconds } = splitZone(text);
    const out = Buffer.alloc(12);
    out.writeBigInt64BE(clockMicros(rest, 'timetz'));
    out.writeInt32BE(-seconds, 8);
    return out;
  },
};

/** timestamp, and timestamptz printed in UTC. */
export function timestamp(name: string, valueType: ValueType, zoned: boolean): TypeCodec {
  return {
    name,
    valueType,
    textual: false,
    decode(bytes, start, end) {
      exact(name, start, end, 8);
      const micros = bytes.readBigInt64BE(start);
      if (micros === INFINITE_TIME) return 'infinity';
      if (micros === -INFINITE_TIME - 1n) return '-infinity';
      let days = micros / DAY;
      let rest = micros % DAY;
      if (rest < 0n) {
        rest += DAY;
        days -= 1n;
      }
      const date = civil(Number(days) + EPOCH_DAYS);
      const era = date.endsWith(' BC') ? ' BC' : '';
      return `${date.slice(0, date.length - era.length)} ${clock(rest)}${zoned ? '+00' : ''}${era}`;
    },
    encode(text) {
      const out = Buffer.alloc(8);
      out.writeBigInt64BE(timestampMicros(text, name, zoned));
      return out;
    },
  };
}

function timestampMicros(text: string, name: string, zoned: boolean): bigint {
  if (text === 'infinity') return INFINITE_TIME;
  if (text === '-infinity') return -INFINITE_TIME - 1n;
  const match = /^(\d{4,7}-\d{2}-\d{2})(?:[ T](.+?))?( BC)?$/.exec(text);
  if (!match) throw new ValueFault(name);
  const days = BigInt(dateDays(`${match[1]}${match[3] ?? ''}`, name));
  const { rest, seconds } = zoned
    ? splitZone(match[2] ?? '00:00')
    : { rest: match[2] ?? '00:00', seconds: 0 };
  return days * DAY + clockMicros(rest, name) - BigInt(seconds) * 1_000_000n;
}

/** interval: microseconds, days, months (IntervalStyle postgres). */
export const intervalCodec: TypeCodec = {
  name: 'interval',
  valueType: 'interval',
  textual: false,
  decode(bytes, start, end) {
    exact('interval', start, end, 16);
    const micros = bytes.readBigInt64BE(start);
    const days = bytes.readInt32BE(start + 8);
    const months = bytes.readInt32BE(start + 12);
    const parts: string[] = [];
    let negative = false;
    const add = (value: number, unit: string): void => {
      if (value === 0) return;
      // A positive part behind a negative one carries its sign, or it would read as negative too (AddPostgresIntPart).
      parts.push(`${negative && value > 0 ? '+' : ''}${value} ${unit}${value === 1 ? '' : 's'}`);
      negative = value < 0;
    };
    add(Math.trunc(months / 12), 'year');
    add(months % 12, 'mon');
    add(days, 'day');
    if (micros !== 0n || parts.length === 0) {
      const sign = micros < 0n ? '-' : negative ? '+' : '';
      parts.push(sign + clock(micros < 0n ? -micros : micros));
    }
    return parts.join(' ');
  },
  encode(text) {
    const match =
      /^(?:([+-]?\d+) years? ?)?(?:([+-]?\d+) mons? ?)?(?:([+-]?\d+) days? ?)?(?:([+-]?)(\d+:\d{2}:\d{2}(?:\.\d{1,6})?))?$/.exec(
        text,
      );
    if (!match || text === '') throw new ValueFault('interval');
    const out = Buffer.alloc(16);
    const micros = match[5] === undefined ? 0n : hours(match[5]);
    out.writeBigInt64BE(match[4] === '-' ? -micros : micros);
    out.writeInt32BE(Number(match[3] ?? 0), 8);
    out.writeInt32BE(Number(match[1] ?? 0) * 12 + Number(match[2] ?? 0), 12);
    return out;
  },
};

function hours(text: string): bigint {
  const [hour = '0', minute = '0', second = '0'] = text.split(':');
  const [whole = '0', fraction = ''] = second.split('.');
  return (
    (BigInt(hour) * 3600n + BigInt(minute) * 60n + BigInt(whole)) * 1_000_000n +
    BigInt(fraction.padEnd(6, '0'))
  );
}
