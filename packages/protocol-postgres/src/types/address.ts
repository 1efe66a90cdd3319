import { isIPv4, isIPv6 } from 'node:net';
import type { ValueType } from '@scrim/model';
import { type TypeCodec, ValueFault } from './codec.ts';

/** inet and cidr: family (2 or 3), prefix bits, cidr flag, address (network_send). */
export function network(name: 'inet' | 'cidr', valueType: ValueType): TypeCodec {
  return {
    name,
    valueType,
    textual: false,
    decode(bytes, start, end) {
      const size = bytes[start + 3];
      if (end - start < 8 || (size !== 4 && size !== 16) || end - start !== 4 + size) {
        throw new ValueFault(name, 'a value has a wrong length');
      }
      const bits = bytes[start + 1] as number;
      const address = size === 4 ? bytes.subarray(start + 4, end).join('.') : ipv6(bytes, start + 4);
      return bits === size * 8 && name === 'inet' ? address : `${address}/${bits}`;
    },
    encode(text) {
      const slash = text.indexOf('/');
      const address = slash < 0 ? text : text.slice(0, slash);
      const bytes = isIPv4(address)
        ? address.split('.').map(Number)
        : isIPv6(address)
          ? ipv6Bytes(address)
          : null;
      if (!bytes) throw new ValueFault(name);
      const bits = slash < 0 ? bytes.length * 8 : Number(text.slice(slash + 1));
      if (!Number.isInteger(bits) || bits < 0 || bits > bytes.length * 8) throw new ValueFault(name);
      return Buffer.from([bytes.length === 4 ? 2 : 3, bits, name === 'cidr' ? 1 : 0, bytes.length, ...bytes]);
    },
  };
}

/** RFC 5952: the longest run of zero groups is left out, and IPv4 in IPv6 keeps its dots. */
function ipv6(bytes: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + i * 2));
  let best = { from: -1, length: 1 };
  for (let from = 0; from < 8; from++) {
    let length = 0;
    while (from + length < 8 && groups[from + length] === 0) length += 1;
    if (length > best.length) best = { from, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.from < 0) return hex.join(':');
  const mapped = best.from === 0 && (best.length === 6 || (best.length === 5 && groups[5] === 0xffff));
  const tail = mapped
    ? bytes.subarray(at + 12, at + 16).join('.')
    : hex.slice(best.from + best.length).join(':');
  if (mapped) return best.length === 6 ? `::${tail}` : `::ffff:${tail}`;
  return `${hex.slice(0, best.from).join(':')}::${tail}`;
}

function ipv6Bytes(text: string): number[] {
  let address = text.replace(/%.*$/, '');
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  if (dotted) {
    const [a, b, c, d] = dotted.slice(1).map(Number) as [number, number, number, number];
    address = `${address.slice(0, dotted.index)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  }
  const [left = '', right] = address.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const gap = right === undefined ? 0 : 8 - head.length - tail.length;
  const groups = [...head, ...Array.from({ length: gap }, () => '0'), ...tail].map((group) =>
    Number.parseInt(group, 16),
  );
  return groups.flatMap((group) => [group >> 8, group & 255]);
}

/** MAC addresses of 6 or 8 bytes. */
export function hardware(name: string, size: 6 | 8): TypeCodec {
  return {
    name,
    valueType: 'macaddr',
    textual: false,
    decode(bytes, start, end) {
      if (end - start !== size) throw new ValueFault(name, 'a value has a wrong length');
      return bytes.toString('hex', start, end).replace(/..(?=.)/g, '$&:');
    },
    encode(text) {
      const hex = text.replace(/[:.-]/g, '');
      if (!/^[0-9a-fA-F]+$/.test(hex) || hex.length !== size * 2) throw new ValueFault(name);
      return Buffer.from(hex, 'hex');
    },
  };
}

export const uuidCodec: TypeCodec = {
  name: 'uuid',
  valueType: 'uuid',
  textual: false,
  decode(bytes, start, end) {
    if (end - start !== 16) throw new ValueFault('uuid', 'a value has a wrong length');
    return bytes.toString('hex', start, end).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  },
  encode(text) {
    const hex = text.replace(/[{}-]/g, '');
    if (!/^[0-9a-fA-F]{32}$/.test(hex)) throw new ValueFault('uuid');
    return Buffer.from(hex, 'hex');
  },
};

/** bit and varbit: number of bits, then the bits, first one highest. */
export function bits(name: string): TypeCodec {
  return {
    name,
    valueType: 'bit',
    textual: false,
    decode(bytes, start, end) {
      const count = end - start < 4 ? -1 : bytes.readInt32BE(start);
      if (count < 0 || end - start !== 4 + Math.ceil(count / 8)) {
        throw new ValueFault(name, 'a value has a wrong length');
      }
      let text = '';
      for (let i = start + 4; i < end; i++) text += (bytes[i] as number).toString(2).padStart(8, '0');
      return text.slice(0, count);
    },
    encode(text) {
      if (!/^[01]*$/.test(text)) throw new ValueFault(name);
      const out = Buffer.alloc(4 + Math.ceil(text.length / 8));
      out.writeInt32BE(text.length);
      for (let i = 0; i < text.length; i += 8)
        out[4 + i / 8] = Number.parseInt(text.slice(i, i + 8).padEnd(8, '0'), 2);
      return out;
    },
  };
}
