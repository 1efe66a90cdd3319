import fc from 'fast-check';
import { dateOfDay, timeOfMillis } from './civil-date.ts';
import type { ValueType } from './types.ts';

const two = (value: number) => String(value).padStart(2, '0');
const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
const date = fc
  .tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 28 }))
  .map(([year, month, day]) => `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`);
const time = fc.integer({ min: 0, max: 86_399_999 }).map(timeOfMillis);
const inet = fc.oneof(fc.ipV4(), fc.constantFrom('2001:db8::1', '::1', 'fe80::a:b', '10.0.0.0/8'));
const int = (min: number, max: number) => fc.integer({ min, max }).map(String);
const fraction = fc.stringMatching(/^\d{1,12}$/);
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }).filter((value) => !value.includes('\u0000')),
  fc.emailAddress(),
  fc.stringMatching(/^\d{13,19}$/),
  fc.stringMatching(/^\d{3}-\d{2}-\d{4}$/),
  fc.stringMatching(/^[A-Za-z0-9]{4,40}$/),
  fc.constantFrom(
    '4111 1111 1111 1111',
    '\n\u0301abc',
    '👩‍👩‍👧‍👦 family',
    'é\u0301x',
    '',
    ' ',
    'a\r\nb',
    '<&>"',
  ),
);

/** Values of every type in PostgreSQL's own spelling, for the property tests of the operators. */
export const samples: Readonly<Record<ValueType, fc.Arbitrary<string>>> = {
  text,
  unknown: text,
  int2: int(-32768, 32767),
  int4: int(-2147483648, 2147483647),
  int8: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  numeric: fc.oneof(
    fc
      .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fraction)
      .map(([whole, part]) => `${whole}.${part}`),
    fc.bigInt({ min: 0n, max: 10n ** 20n }).map(String),
    fc.constantFrom('NaN', 'Infinity', '0.000001', '0'),
  ),
  float: fc.oneof(
    fc.float({ noNaN: true }).map(String),
    fc.constantFrom('NaN', '-Infinity', '1e+20', '3.14'),
  ),
  money: fc.constantFrom('$1,234.56', '-$0.05', '$12.00', '€3.50', '1234'),
  bool: fc.constantFrom('t', 'f', 'true', 'false'),
  date: fc.oneof(date, fc.constantFrom('infinity', '0044-03-15 BC'), fc.nat(36_523).map(dateOfDay)),
  time,
  timetz: time.map((value) => `${value}+02`),
  timestamp: fc.oneof(
    fc.tuple(date, time).map((parts) => parts.join(' ')),
    fc.constant('-infinity'),
  ),
  timestamptz: fc.tuple(date, time).map((parts) => `${parts.join(' ')}+00`),
  interval: fc.constantFrom('1 year 2 mons', '-3 days', '04:05:06', '00:00:00'),
  uuid: fc.uuid(),
  inet,
  cidr: fc.constantFrom('10.0.0.0/8', '2001:db8::/32', '192.168.0.1/32'),
  macaddr: fc
    .tuple(fc.array(hex(2), { minLength: 6, maxLength: 6 }), fc.boolean())
    .map(([octets, long]) => [...octets, ...(long ? ['ff', 'fe'] : [])].join(':')),
  bytes: fc
    .uint8Array({ maxLength: 40 })
    .map((bytes) => `\\x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`),
  json: fc.oneof(
    fc.json({ maxDepth: 2 }).filter((value) => !value.includes('\\u0000')),
    text.map((value) => JSON.stringify(value)),
  ),
  xml: fc.constantFrom('<a>b</a>', 'plain', '<x y="z"/>', ''),
  bit: fc.stringMatching(/^[01]{1,40}$/),
};
