import { type TypeCodec, ValueFault } from './codec.ts';

type Tree = string | null | readonly Tree[];

interface Header {
  readonly dimensions: readonly { readonly size: number; readonly lower: number }[];
  readonly element: number;
  /** Where the elements begin. */
  readonly at: number;
}

const MAX_DIMENSIONS = 6;

/**
 * Arrays of `element` (array_send, array_out). Shown as their text, one value. A replacement that is an array literal
 * of the same dimensions stands for the whole; any other text stands for each element, so dimensions are kept.
 */
export function arrayOf(element: TypeCodec, delimiter = ','): TypeCodec {
  const name = `${element.name}[]`;
  const decode = (bytes: Buffer, start: number, end: number): string => {
    const header = readHeader(bytes, start, end, name);
    const flat = readElements(bytes, header, end, element, name);
    return literal(flat, header, delimiter);
  };
  return {
    name,
    valueType: element.valueType,
    textual: true,
    decode,
    encode(text) {
      const tree = parseLiteral(text, delimiter, name);
      return encodeTree(tree, element, 0, name);
    },
    replace(text, raw, start, end, binary) {
      const before = binary ? decode(raw, start, end) : raw.toString('utf8', start, end);
      const old = parseLiteral(before, delimiter, name);
      const given =
        text.startsWith('{') || text.startsWith('[') ? tryParse(text, delimiter, name) : undefined;
      const whole = given !== undefined && sameShape(given, old);
      const next = whole ? given : mapTree(old, text);
      if (!binary) return Buffer.from(boundsOf(before) + writeTree(checked(next, element), delimiter));
      const header = readHeader(raw, start, end, name);
      return encodeArray(flatten(next), header, element);
    },
  };
}

function readHeader(bytes: Buffer, start: number, end: number, name: string): Header {
  if (end - start < 12) throw new ValueFault(name, 'a value has a wrong length');
  const count = bytes.readInt32BE(start);
  if (count < 0 || count > MAX_DIMENSIONS || end - start < 12 + count * 8) {
    throw new ValueFault(name, 'a value has a wrong length');
  }
  const dimensions = Array.from({ length: count }, (_, i) => ({
    size: bytes.readInt32BE(start + 12 + i * 8),
    lower: bytes.readInt32BE(start + 16 + i * 8),
  }));
  return { dimensions, element: bytes.readUInt32BE(start + 8), at: start + 12 + count * 8 };
}

function readElements(
  bytes: Buffer,
  header: Header,
  end: number,
  element: TypeCodec,
  name: string,
): (string | null)[] {
  const values: (string | null)[] = [];
  let { at } = header;
  while (at + 4 <= end) {
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length < 0) values.push(null);
    else {
      if (at + length > end) throw new ValueFault(name, 'a value has a wrong length');
      values.push(element.decode(bytes, at, at + length));
      at += length;
    }
  }
  const due = header.dimensions.reduce(
    (product, { size }) => product * size,
    header.dimensions.length > 0 ? 1 : 0,
  );
  if (at !== end || values.length !== due) throw new ValueFault(name, 'a value has a wrong length');
  return values;
}

function literal(flat: readonly (string | null)[], header: Header, delimiter: string): string {
  const { dimensions } = header;
  if (dimensions.length === 0) return '{}';
  const shifted = dimensions.some(({ lower }) => lower !== 1);
  const bounds = shifted
    ? `${dimensions.map(({ size, lower }) => `[${lower}:${lower + size - 1}]`).join('')}=`
    : '';
  let next = 0;
  const build = (depth: number): Tree =>
    depth === dimensions.length
      ? (flat[next++] ?? null)
      : Array.from({ length: dimensions[depth]?.size ?? 0 }, () => build(depth + 1));
  return bounds + writeTree(build(0), delimiter);
}

function writeTree(tree: Tree, delimiter: string): string {
  if (tree === null) return 'NULL';
  if (typeof tree !== 'string') return `{${tree.map((item) => writeTree(item, delimiter)).join(delimiter)}}`;
  const plain = tree !== '' && !/^null$/i.test(tree) && !/[{}"\\\s]/.test(tree) && !tree.includes(delimiter);
  return plain ? tree : `"${tree.replace(/["\\]/g, '\\$&')}"`;
}

function boundsOf(text: string): string {
  return /^(?:\[[+-]?\d+:[+-]?\d+\])+=/.exec(text)?.[0] ?? '';
}

function tryParse(text: string, delimiter: string, name: string): Tree | undefined {
  try {
    return parseLiteral(text, delimiter, name);
  } catch {
    return undefined;
  }
}

/** Reads an array literal (documentation, "Array Input and Output Syntax"). */
function parseLiteral(text: string, delimiter: string, name: string): Tree {
  let at = boundsOf(text).length;
  const fault = (): ValueFault => new ValueFault(name);
  const parse = (depth: number): Tree => {
    if (depth > MAX_DIMENSIONS) throw fault();
    if (text[at] !== '{') return scalar();
    at += 1;
    const items: Tree[] = [];
    while (text[at] !== '}') {
      items.push(parse(depth + 1));
      if (text[at] === delimiter) at += 1;
      else if (text[at] !== '}') throw fault();
    }
    at += 1;
    return items;
  };
  const scalar = (): string | null => {
    let value = '';
    if (text[at] === '"') {
      for (at += 1; text[at] !== '"'; at++) {
        if (text[at] === '\\') at += 1;
        if (at >= text.length) throw fault();
        value += text[at];
      }
      at += 1;
      return value;
    }
    while (at < text.length && text[at] !== delimiter && text[at] !== '}') {
      if (text[at] === '\\') at += 1;
      value += text[at] ?? '';
      at += 1;
    }
    if (at >= text.length) throw fault();
    return /^null$/i.test(value) ? null : value;
  };
  if (text[at] !== '{') throw fault();
  const tree = parse(0);
  if (at !== text.length) throw fault();
  return tree;
}

function sameShape(a: Tree, b: Tree): boolean {
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (!Array.isArray(a) || !Array.isArray(b)) return true;
  return a.length === b.length && a.every((item, i) => sameShape(item as Tree, b[i] as Tree));
}

/** NULL elements stay NULL: they hold nothing to hide. */
function mapTree(tree: Tree, text: string): Tree {
  if (tree === null) return null;
  return typeof tree === 'string' ? text : tree.map((item) => mapTree(item, text));
}

function flatten(tree: Tree): (string | null)[] {
  if (tree === null || typeof tree === 'string') return [tree];
  return tree.flatMap(flatten);
}

/** Every element must be a value of its type, or the reader of the column breaks. */
function checked(tree: Tree, element: TypeCodec): Tree {
  if (tree === null) return null;
  if (typeof tree !== 'string') return tree.map((item) => checked(item, element));
  const value = element.encode(tree);
  return element.plain || element.valueType === 'bytes' ? element.decode(value, 0, value.length) : tree;
}

function encodeArray(flat: readonly (string | null)[], header: Header, element: TypeCodec): Buffer {
  const parts: Buffer[] = [];
  const head = Buffer.alloc(12 + header.dimensions.length * 8);
  head.writeInt32BE(header.dimensions.length);
  head.writeInt32BE(flat.includes(null) ? 1 : 0, 4);
  head.writeUInt32BE(header.element, 8);
  header.dimensions.forEach(({ size, lower }, i) => {
    head.writeInt32BE(size, 12 + i * 8);
    head.writeInt32BE(lower, 16 + i * 8);
  });
  parts.push(head);
  for (const item of flat) {
    const value = item === null ? null : element.encode(item);
    const length = Buffer.alloc(4);
    length.writeInt32BE(value ? value.length : -1);
    parts.push(length);
    if (value) parts.push(value);
  }
  return Buffer.concat(parts);
}

/** A whole array from its text, for parameters and tests; lower bounds are 1. */
function encodeTree(tree: Tree, element: TypeCodec, oid: number, name: string): Buffer {
  const dimensions: { size: number; lower: number }[] = [];
  for (let level: Tree = tree; Array.isArray(level) && level.length > 0; level = level[0] as Tree) {
    dimensions.push({ size: level.length, lower: 1 });
  }
  const flat = flatten(tree);
  if (
    flat.length !== dimensions.reduce((product, { size }) => product * size, dimensions.length > 0 ? 1 : 0)
  ) {
    throw new ValueFault(name);
  }
  return encodeArray(flat, { dimensions, element: oid, at: 0 }, element);
}
