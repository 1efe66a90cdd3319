import {
  BinaryReader,
  holding,
  int32,
  type Part,
  sizedValue,
  structured,
  type TypeCodec,
  ValueFault,
} from './codec.ts';
import { readQuoted } from './composite.ts';

/** Flags of a range's binary form (rangetypes.h). */
const EMPTY = 0x01;
const LOWER_INCLUSIVE = 0x02;
const UPPER_INCLUSIVE = 0x04;
const LOWER_INFINITE = 0x08;
const UPPER_INFINITE = 0x10;

interface Range {
  readonly flags: number;
  readonly bounds: readonly Part[];
}

interface RangesShape {
  readonly parts: readonly Part[];
  readonly ranges: readonly Range[];
}

const shapeOf = (ranges: readonly Range[]): RangesShape => ({
  parts: ranges.flatMap(({ bounds }) => bounds),
  ranges,
});

/** Ranges over `subtype` (range_send, range_out). One whose bound was replaced is `empty`: always valid, tells nothing. */
export function rangeOf(name: string, subtype: TypeCodec): TypeCodec {
  const empty = shapeOf([{ flags: EMPTY, bounds: [] }]);
  return structured<RangesShape>({
    name,
    holds: holding(subtype),
    textual: subtype.textual,
    readText: (text) => {
      const { range, at } = readRange(text, 0, subtype, name);
      if (at !== text.length) throw new ValueFault(name);
      return shapeOf([range]);
    },
    writeText: ({ ranges }, parts) => writeRange(ranges[0] as Range, parts),
    readBinary: (bytes) => shapeOf([readBinaryRange(bytes, subtype, name)]),
    writeBinary: ({ ranges }, parts) => writeBinaryRange(ranges[0] as Range, parts),
    settle: () => ({ shape: empty, parts: [] }),
    blank: ({ parts }) => (parts.length === 0 ? empty : undefined),
  });
}

/** Multiranges (multirange_send, multirange_out). Ranges whose bounds were replaced are left out. */
export function multirangeOf(name: string, subtype: TypeCodec): TypeCodec {
  return structured<RangesShape>({
    name,
    holds: holding(subtype),
    textual: subtype.textual,
    readText(text) {
      if (!text.startsWith('{') || !text.endsWith('}')) throw new ValueFault(name);
      const ranges: Range[] = [];
      for (let at = 1; at < text.length - 1; at++) {
        const found = readRange(text, at, subtype, name);
        ranges.push(found.range);
        at = found.at;
        if (text[at] !== ',' && at !== text.length - 1) throw new ValueFault(name);
      }
      return shapeOf(ranges);
    },
    writeText({ ranges }, parts) {
      const each = cut(ranges, parts).map(([range, own]) => writeRange(range, own));
      return `{${each.join(',')}}`;
    },
    readBinary(bytes) {
      const reader = new BinaryReader(bytes, name);
      const count = reader.count(5);
      const ranges = Array.from({ length: count }, () =>
        readBinaryRange(reader.value() ?? Buffer.alloc(0), subtype, name),
      );
      reader.end();
      return shapeOf(ranges);
    },
    writeBinary({ ranges }, parts) {
      const each = cut(ranges, parts).map(([range, own]) => sizedValue(writeBinaryRange(range, own)));
      return Buffer.concat([int32(ranges.length), ...each]);
    },
    settle({ ranges }, parts, changed) {
      const kept = cut(
        ranges,
        parts.map((part, i) => ({ part, changed: changed[i] })),
      ).filter(([range, own]) => range.bounds.length > 0 && own.every((one) => !one.changed));
      return {
        shape: shapeOf(kept.map(([range]) => range)),
        parts: kept.flatMap(([, own]) => own.map(({ part }) => part)),
      };
    },
    blank: ({ parts }) => (parts.length === 0 ? shapeOf([]) : undefined),
  });
}

/** Gives each range its own of the bounds of all. */
function cut<Bound>(ranges: readonly Range[], bounds: readonly Bound[]): [Range, readonly Bound[]][] {
  let at = 0;
  return ranges.map((range) => {
    const own = bounds.slice(at, at + range.bounds.length);
    at += range.bounds.length;
    return [range, own];
  });
}

function readRange(
  text: string,
  from: number,
  subtype: TypeCodec,
  name: string,
): { readonly range: Range; readonly at: number } {
  if (text.startsWith('empty', from)) return { range: { flags: EMPTY, bounds: [] }, at: from + 5 };
  const open = text[from];
  if (open !== '[' && open !== '(') throw new ValueFault(name);
  const lower = readQuoted(text, from + 1, ',', name);
  const upper = readQuoted(text, lower.at + 1, '])', name);
  const flags =
    (open === '[' ? LOWER_INCLUSIVE : 0) |
    (text[upper.at] === ']' ? UPPER_INCLUSIVE : 0) |
    (lower.value === null ? LOWER_INFINITE : 0) |
    (upper.value === null ? UPPER_INFINITE : 0);
  const bounds = [lower.value, upper.value].flatMap((value) =>
    value === null ? [] : [{ codec: subtype, key: null, bytes: Buffer.from(value, 'latin1') }],
  );
  return { range: { flags, bounds }, at: upper.at + 1 };
}

function writeRange({ flags }: Range, bounds: readonly (string | null)[]): string {
  if (flags & EMPTY) return 'empty';
  const rest = [...bounds];
  const lower = flags & LOWER_INFINITE ? '' : quoteBound(rest.shift() ?? '');
  const upper = flags & UPPER_INFINITE ? '' : quoteBound(rest.shift() ?? '');
  return `${flags & LOWER_INCLUSIVE ? '[' : '('}${lower},${upper}${flags & UPPER_INCLUSIVE ? ']' : ')'}`;
}

function quoteBound(text: string): string {
  return text === '' || /["\\()[\], \t\n\r\v\f]/.test(text) ? `"${text.replace(/["\\]/g, '$&$&')}"` : text;
}

function readBinaryRange(bytes: Buffer, subtype: TypeCodec, name: string): Range {
  const reader = new BinaryReader(bytes, name);
  const flags = reader.take(1)[0] as number;
  const count = flags & EMPTY ? 0 : (flags & LOWER_INFINITE ? 0 : 1) + (flags & UPPER_INFINITE ? 0 : 1);
  const bounds = Array.from({ length: count }, () => ({ codec: subtype, key: null, bytes: reader.value() }));
  reader.end();
  return { flags, bounds };
}

function writeBinaryRange({ flags }: Range, bounds: readonly (Buffer | null)[]): Buffer {
  return Buffer.concat([Buffer.from([flags]), ...bounds.map(sizedValue)]);
}
