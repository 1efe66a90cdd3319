import { CENTURY_DAYS, dateOfDay, dayOfDate, millisOfTime, timeOfMillis } from './civil-date.ts';
import { type DerivedKeys, leading64 } from './keyed-digest.ts';
import { currencyOf, macGroups, zeroFraction } from './stand-in.ts';
import type { ValueType } from './types.ts';

/**
 * Keyed stand-ins of types that carry no text. Each type has a band of values real data hardly
 * uses (docs/masking-operators.md), and a number picks one of them: body, drawn from the value,
 * times `checks`, plus a check drawn from the body. Only one in `checks` values of the band is
 * ever written, and only that one is known again as masked.
 */
interface Band {
  /** Types that share a name share stand-ins: an int8 token is the same as a numeric one. */
  readonly name: string;
  /** How many different stand-ins there are. */
  readonly bodies: number;
  readonly checks: number;
  /** Text of the index-th value of the band; `like` is the masked value, for scale and family. */
  write(index: number, like: string): string;
  /** Index of a value in the band, or undefined outside it. */
  read(value: string): number | undefined;
}

/** The keyed stand-in for `canonical`, or undefined where the type is too narrow (bool, bit). */
export function keyedStandIn(
  keys: DerivedKeys,
  prefix: string,
  canonical: string,
  type: ValueType,
  like: string,
): string | undefined {
  if (type === 'uuid') return writeUuid(keys, prefix, canonical);
  const band = bandOf(type, like);
  if (band === undefined) return undefined;
  const body = keys.value.below(band.bodies, prefix, canonical);
  return band.write(body * band.checks + checkOf(keys, band, body), like);
}

/** Whether a value is a stand-in {@link keyedStandIn} wrote with these keys. */
export function isKeyedStandIn(keys: DerivedKeys, value: string, type: ValueType): boolean {
  if (type === 'uuid') return isKeyedUuid(keys, value);
  const band = bandOf(type, value);
  const index = band?.read(value);
  if (band === undefined || index === undefined || index >= band.bodies * band.checks) return false;
  return index % band.checks === checkOf(keys, band, Math.floor(index / band.checks));
}

/** Whether a value lies in its type's band: a guess that needs no key. */
export function isInBand(value: string, type: ValueType): boolean {
  if (type === 'uuid') return UUID.test(value);
  const band = bandOf(type, value);
  const index = band?.read(value);
  return band !== undefined && index !== undefined && index < band.bodies * band.checks;
}

function checkOf(keys: DerivedKeys, band: Band, body: number): number {
  return keys.check.below(band.checks, band.name, String(body));
}

/** Integers counted down from `top`. */
function integers(name: string, top: number, bodies: number, checks: number): Band {
  const size = bodies * checks;
  return {
    name,
    bodies,
    checks,
    write: (index) => String(top - index),
    read: (value) => {
      if (!/^-\d{4,16}$/.test(value)) return undefined;
      const index = top - Number(value);
      return index >= 0 && index < size ? index : undefined;
    },
  };
}

const INT2 = integers('int2', -16_385, 2 ** 10, 2 ** 4);
const INT4 = integers('int4', -1_073_741_825, 2 ** 24, 2 ** 6);
/** Sixteen digits that start with 8: exact in a double, so JavaScript clients keep them whole. */
const INT8 = integers('int8', -8_000_000_000_000_000, 10 ** 12, 10 ** 3);
/** Below 2^24: exact in float4 and float8. */
const FLOAT = integers('float', -8_388_609, 2 ** 17, 63);

const NUMERIC: Band = {
  ...INT8,
  write: (index, like) => INT8.write(index, like) + zeroFraction(like),
  read: (value) => INT8.read(value.replace(/\.0+$/, '')),
};

const MONEY: Band = {
  ...INT8,
  write: (index, like) => {
    const { sign, fraction } = currencyOf(like);
    const digits = INT8.write(index, like).slice(1);
    // Only a dollar locale groups by commas for sure; the input function takes digits ungrouped anywhere.
    const grouped = sign === '$' && fraction === '.00' ? digits.replace(/\B(?=(\d{3})+$)/g, ',') : digits;
    return `-${sign}${grouped}${fraction}`;
  },
  read: (value) => INT8.read(value.replace(/[.,]0{1,2}$/, '').replace(/[^\d-]/g, '')),
};

const DATE: Band = {
  name: 'date',
  bodies: 2282,
  checks: 16,
  write: dateOfDay,
  read: dayOfDate,
};

const DAY = 86_400_000;

const TIME: Band = { name: 'time', bodies: 1_350_000, checks: 64, write: timeOfMillis, read: millisOfTime };

const TIMESTAMP: Band = {
  name: 'timestamp',
  bodies: Math.floor((CENTURY_DAYS * DAY) / 1024),
  checks: 1024,
  write: (index) => `${dateOfDay(Math.floor(index / DAY))} ${timeOfMillis(index % DAY)}`,
  read: (value) => {
    const day = dayOfDate(value.slice(0, 10));
    const millis = /^[ T]/.test(value.slice(10)) ? millisOfTime(value.slice(11)) : undefined;
    return day === undefined || millis === undefined ? undefined : day * DAY + millis;
  },
};

function inUtc(band: Band): Band {
  return {
    ...band,
    write: (index, like) => `${band.write(index, like)}+00`,
    read: (value) => (value.endsWith('+00') ? band.read(value.slice(0, -3)) : undefined),
  };
}

const INTERVAL: Band = {
  name: 'interval',
  bodies: 14_000_000,
  checks: 64,
  write: (index) => `-${100_000_000 + index} days`,
  read: (value) => {
    const days = /^-([1-9]\d{8}) days$/.exec(value)?.[1];
    return days === undefined ? undefined : Number(days) - 100_000_000;
  },
};

/** 240.0.0.0/4, reserved and never routed (RFC 1112 section 4). */
const INET4: Band = {
  name: 'inet4',
  bodies: 2 ** 22,
  checks: 2 ** 6,
  write: (index) => [0xf0 | (index >>> 24), (index >>> 16) & 255, (index >>> 8) & 255, index & 255].join('.'),
  read: (value) => {
    const octets = /^(24\d|25[0-5])\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(value)?.slice(1).map(Number);
    if (octets?.every((octet) => octet < 256) !== true) return undefined;
    return ((octets[0]! & 15) << 24) | (octets[1]! << 16) | (octets[2]! << 8) | octets[3]!;
  },
};

/** 100::/64, the discard prefix (RFC 6666). Each group's top bit is set, so that none is elided. */
const INET6: Band = {
  name: 'inet6',
  bodies: 2 ** 35,
  checks: 2 ** 10,
  write: (index) => {
    const groups = [Math.floor(index / 2 ** 30), Math.floor(index / 2 ** 15) % 2 ** 15, index % 2 ** 15];
    return `100::8000:${groups.map((group) => (0x8000 | group).toString(16)).join(':')}`;
  },
  read: (value) => {
    const groups = /^100::8000:([89a-f][0-9a-f]{3}):([89a-f][0-9a-f]{3}):([89a-f][0-9a-f]{3})$/.exec(value);
    if (groups === null) return undefined;
    const [high, middle, low] = groups.slice(1).map((group) => Number.parseInt(group, 16) & 0x7fff);
    return high! * 2 ** 30 + middle! * 2 ** 15 + low!;
  },
};

function asNetwork(band: Band, bits: string): Band {
  return {
    ...band,
    write: (index, like) => band.write(index, like) + bits,
    read: (value) => (value.endsWith(bits) ? band.read(value.slice(0, -bits.length)) : undefined),
  };
}

/** f2:4d:…, locally administered and unicast (IEEE 802 section 8.4). */
const MACADDR: Band = {
  name: 'macaddr',
  bodies: 2 ** 26,
  checks: 2 ** 6,
  write: (index, like) => {
    const octets = [24, 16, 8, 0].map((shift) => ((index >>> shift) & 255).toString(16).padStart(2, '0'));
    return ['f2', '4d', ...octets, ...Array(macGroups(like) - 6).fill('00')].join(':');
  },
  read: (value) => {
    const octets = /^f2:4d:((?:[0-9a-f]{2}:){3}[0-9a-f]{2})(?::00:00)?$/.exec(value)?.[1];
    return octets === undefined ? undefined : Number.parseInt(octets.replaceAll(':', ''), 16);
  },
};

const BANDS: Readonly<Partial<Record<ValueType, Band>>> = {
  int2: INT2,
  int4: INT4,
  int8: INT8,
  float: FLOAT,
  numeric: NUMERIC,
  money: MONEY,
  date: DATE,
  time: TIME,
  timetz: inUtc(TIME),
  timestamp: TIMESTAMP,
  timestamptz: inUtc(TIMESTAMP),
  interval: INTERVAL,
  macaddr: MACADDR,
};

const CIDR4 = asNetwork(INET4, '/32');
const CIDR6 = asNetwork(INET6, '/128');

function bandOf(type: ValueType, like: string): Band | undefined {
  if (type === 'inet') return like.includes(':') ? INET6 : INET4;
  if (type === 'cidr') return like.includes(':') ? CIDR6 : CIDR4;
  return BANDS[type];
}

/** Version 8, spells MASK at its start; then 48 bits of body and 40 of check. */
const UUID = /^4d41534b-([0-9a-f]{4})-8([0-9a-f]{3})-([89ab])([0-9a-f]{3})-([0-9a-f]{12})$/;

function writeUuid(keys: DerivedKeys, prefix: string, canonical: string): string {
  const body = hex(leading64(keys.value.of(prefix, canonical)) >> 16n, 12);
  const check = uuidCheck(keys, body);
  return `4d41534b-${body.slice(0, 4)}-8${body.slice(4, 7)}-8${body.slice(7, 10)}-${body.slice(10)}${check}`;
}

function isKeyedUuid(keys: DerivedKeys, value: string): boolean {
  const match = UUID.exec(value);
  if (match === null || match[3] !== '8') return false;
  const body = match[1]! + match[2]! + match[4]! + match[5]!.slice(0, 2);
  return match[5]!.slice(2) === uuidCheck(keys, body);
}

function uuidCheck(keys: DerivedKeys, body: string): string {
  return hex(leading64(keys.check.of('uuid', body)) >> 24n, 10);
}

function hex(value: bigint, length: number): string {
  return value.toString(16).padStart(length, '0');
}
