import { type TypeCodec, ValueFault } from './codec.ts';
import { numberText } from './number.ts';

type Decode = (bytes: Buffer) => string;

/** A type whose values are all replaced by one: no text of an operator is a value of it. */
function fixed(name: string, decode: Decode, text: string, binary: Buffer, textual = false): TypeCodec {
  return {
    name,
    valueType: 'unknown',
    textual,
    cover: { text: Buffer.from(text), binary },
    decode: (bytes, start, end) => decode(bytes.subarray(start, end)),
    encode() {
      throw new ValueFault(name);
    },
  };
}

/** A type without input, or of which nothing is known: NULL alone is valid. Its text is what detectors look at. */
export function opaque(name: string, textual = true): TypeCodec {
  return {
    name,
    valueType: 'unknown',
    textual,
    cover: null,
    decode: (bytes, start, end) => bytes.toString('utf8', start, end),
    encode() {
      throw new ValueFault(name);
    },
  };
}

function sized(name: string, bytes: Buffer, size: number): void {
  if (bytes.length !== size) throw new ValueFault(name, 'a value has a wrong length');
}

const float = (bytes: Buffer, at: number): string => numberText(bytes.readDoubleBE(at), 15);
const point = (bytes: Buffer, at: number): string => `(${float(bytes, at)},${float(bytes, at + 8)})`;

function points(bytes: Buffer, from: number, count: number): string {
  return Array.from({ length: count }, (_, i) => point(bytes, from + i * 16)).join(',');
}

/** One point at the origin behind a count. */
const ONE_POINT = Buffer.concat([Buffer.from([0, 0, 0, 1]), Buffer.alloc(16)]);

/** Geometric types (documentation, "Geometric Types"): float8 coordinates; all at the origin when replaced. */
export const geometric = {
  point: fixed(
    'point',
    exactly('point', 16, (bytes) => point(bytes, 0)),
    '(0,0)',
    Buffer.alloc(16),
  ),
  lseg: fixed(
    'lseg',
    exactly('lseg', 32, (bytes) => `[${points(bytes, 0, 2)}]`),
    '[(0,0),(0,0)]',
    Buffer.alloc(32),
  ),
  box: fixed(
    'box',
    exactly('box', 32, (bytes) => points(bytes, 0, 2)),
    '(0,0),(0,0)',
    Buffer.alloc(32),
  ),
  line: fixed(
    'line',
    exactly('line', 24, (bytes) => `{${float(bytes, 0)},${float(bytes, 8)},${float(bytes, 16)}}`),
    '{1,0,0}',
    Buffer.concat([Buffer.from([0x3f, 0xf0, 0, 0, 0, 0, 0, 0]), Buffer.alloc(16)]),
  ),
  circle: fixed(
    'circle',
    exactly('circle', 24, (bytes) => `<${point(bytes, 0)},${float(bytes, 16)}>`),
    '<(0,0),0>',
    Buffer.alloc(24),
  ),
  path: fixed('path', path, '((0,0))', Buffer.concat([Buffer.from([1]), ONE_POINT])),
  polygon: fixed('polygon', polygon, '((0,0))', ONE_POINT),
};

function exactly(name: string, size: number, decode: Decode): Decode {
  return (bytes) => {
    sized(name, bytes, size);
    return decode(bytes);
  };
}

function path(bytes: Buffer): string {
  const count = bytes.length < 5 ? -1 : bytes.readInt32BE(1);
  if (count < 0) throw new ValueFault('path', 'a value has a wrong length');
  sized('path', bytes, 5 + count * 16);
  return bytes[0] === 0 ? `[${points(bytes, 5, count)}]` : `(${points(bytes, 5, count)})`;
}

function polygon(bytes: Buffer): string {
  const count = bytes.length < 4 ? -1 : bytes.readInt32BE(0);
  if (count < 0) throw new ValueFault('polygon', 'a value has a wrong length');
  sized('polygon', bytes, 4 + count * 16);
  return `(${points(bytes, 4, count)})`;
}

/** Numbers the server itself gives out: OIDs, transaction and command ids. */
export function systemNumber(name: string, size: 4 | 8): TypeCodec {
  const decode = exactly(name, size, (bytes) =>
    String(size === 4 ? bytes.readUInt32BE(0) : bytes.readBigUInt64BE(0)),
  );
  return fixed(name, decode, '0', Buffer.alloc(size));
}

/** Names of catalog objects in text, their OIDs in binary (regclass and its kin). All take `0` for none. */
export function objectName(name: string): TypeCodec {
  const decode = exactly(name, 4, (bytes) =>
    bytes.readUInt32BE(0) === 0 ? '-' : String(bytes.readUInt32BE(0)),
  );
  // A text can be made a name (`ssn::regclass` fails, but `to_regclass` of a table called so does not).
  return fixed(name, decode, '0', Buffer.alloc(4), true);
}

export const lsnCodec: TypeCodec = fixed(
  'pg_lsn',
  exactly('pg_lsn', 8, (bytes) => {
    const half = (at: number): string => bytes.readUInt32BE(at).toString(16).toUpperCase();
    return `${half(0)}/${half(4)}`;
  }),
  '0/0',
  Buffer.alloc(8),
);

export const tidCodec: TypeCodec = fixed(
  'tid',
  exactly('tid', 6, (bytes) => `(${bytes.readUInt32BE(0)},${bytes.readUInt16BE(4)})`),
  '(0,0)',
  Buffer.alloc(6),
);

/** txid_snapshot and pg_snapshot: how many run, the oldest, the next, those that run (pg_snapshot_send). */
export function snapshot(name: string): TypeCodec {
  const empty = Buffer.alloc(20);
  empty.writeBigInt64BE(1n, 4);
  empty.writeBigInt64BE(1n, 12);
  const decode: Decode = (bytes) => {
    const count = bytes.length < 20 ? -1 : bytes.readInt32BE(0);
    sized(name, bytes, 20 + Math.max(0, count) * 8);
    const ids = Array.from({ length: count + 2 }, (_, i) => String(bytes.readBigInt64BE(4 + i * 8)));
    return `${ids[0]}:${ids[1]}:${ids.slice(2).join(',')}`;
  };
  return fixed(name, decode, '1:1:', empty);
}

/** int2vector and oidvector: arrays in binary, numbers between blanks in text. They may not be empty. */
export function vector(name: string, oid: number, size: 2 | 4): TypeCodec {
  const one = Buffer.alloc(20 + 4 + size);
  one.writeInt32BE(1, 0);
  one.writeInt32BE(oid, 8);
  one.writeInt32BE(1, 12);
  one.writeInt32BE(size, 20);
  const decode: Decode = (bytes) => {
    const count = bytes.length < 20 ? 0 : bytes.readInt32BE(12);
    sized(name, bytes, bytes.length < 20 ? 12 : 20 + count * (4 + size));
    const value = (at: number): number => (size === 2 ? bytes.readInt16BE(at) : bytes.readUInt32BE(at));
    return Array.from({ length: count }, (_, i) => value(24 + i * (4 + size))).join(' ');
  };
  return fixed(name, decode, '0', one);
}

/** An enum: any of its labels is valid, so one stands for all; without a known label NULL does. */
export function enumOf(name: string, label: string | undefined): TypeCodec {
  const bytes = label === undefined ? undefined : Buffer.from(label);
  return {
    name,
    valueType: 'unknown',
    textual: true,
    plain: { skip: 0 },
    cover: bytes ? { text: bytes, binary: bytes } : null,
    decode: (raw, start, end) => raw.toString('utf8', start, end),
    encode: (text) => Buffer.from(text),
  };
}
