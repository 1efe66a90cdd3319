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

type Tree = string | null | readonly Tree[];

interface ArrayShape {
  readonly parts: readonly Part[];
  readonly dimensions: readonly { readonly size: number; readonly lower: number }[];
  readonly element: number;
}

const MAX_DIMENSIONS = 6;

/** Arrays of `element` (array_send, array_out): dimensions, bounds and NULL elements stay as they are. */
export function arrayOf(element: TypeCodec, delimiter = ','): TypeCodec {
  const name = `${element.name}[]`;
  const part = (bytes: Buffer | null): Part => ({ codec: element, key: null, bytes });
  return structured<ArrayShape>({
    name,
    holds: holding(element),
    textual: element.textual,
    named: element.named === true,
    readText(text) {
      const bounds = boundsOf(text);
      const tree = parseLiteral(text, bounds.length, delimiter, name);
      const flat = flatten(tree);
      const dimensions = dimensionsOf(tree, bounds);
      if (flat.length !== product(dimensions)) throw new ValueFault(name);
      const parts = flat.map((one) => part(one === null ? null : Buffer.from(one, 'latin1')));
      return { parts, dimensions, element: 0 };
    },
    writeText: ({ dimensions }, parts) => literal(parts, dimensions, delimiter),
    readBinary(bytes) {
      const reader = new BinaryReader(bytes, name);
      const count = reader.int32();
      if (count < 0 || count > MAX_DIMENSIONS) throw new ValueFault(name, 'a value has a wrong length');
      reader.int32();
      const oid = reader.int32() >>> 0;
      const dimensions = Array.from({ length: count }, () => ({
        size: reader.int32(),
        lower: reader.int32(),
      }));
      const due = product(dimensions);
      if (due < 0 || due * 4 > bytes.length) throw new ValueFault(name, 'a value has a wrong length');
      const parts = Array.from({ length: due }, () => part(reader.value()));
      reader.end();
      return { parts, dimensions, element: oid };
    },
    writeBinary: ({ dimensions, element: oid }, parts) =>
      Buffer.concat([
        int32(dimensions.length),
        int32(parts.includes(null) ? 1 : 0),
        int32(oid),
        ...dimensions.flatMap(({ size, lower }) => [int32(size), int32(lower)]),
        ...parts.map(sizedValue),
      ]),
  });
}

function product(dimensions: ArrayShape['dimensions']): number {
  return dimensions.length === 0 ? 0 : dimensions.reduce((all, { size }) => all * size, 1);
}

function literal(
  flat: readonly (string | null)[],
  dimensions: ArrayShape['dimensions'],
  delimiter: string,
): string {
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
  // What array_isspace takes for white space: a no-break space is none, and in UTF-8 half a letter.
  const plain =
    tree !== '' && !/^null$/i.test(tree) && !/[{}"\\ \t\n\r\v\f]/.test(tree) && !tree.includes(delimiter);
  return plain ? tree : `"${tree.replace(/["\\]/g, '\\$&')}"`;
}

function boundsOf(text: string): string {
  return /^(?:\[[+-]?\d+:[+-]?\d+\])+=/.exec(text)?.[0] ?? '';
}

function dimensionsOf(tree: Tree, bounds: string): ArrayShape['dimensions'] {
  const lowers = [...bounds.matchAll(/\[([+-]?\d+):/g)].map(([, lower]) => Number(lower));
  const dimensions: { size: number; lower: number }[] = [];
  for (let level: Tree = tree; Array.isArray(level) && level.length > 0; level = level[0] as Tree) {
    dimensions.push({ size: level.length, lower: lowers[dimensions.length] ?? 1 });
  }
  return dimensions;
}

/** Reads an array literal (documentation, "Array Input and Output Syntax"). */
function parseLiteral(text: string, from: number, delimiter: string, name: string): Tree {
  let at = from;
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

function flatten(tree: Tree): (string | null)[] {
  if (tree === null || typeof tree === 'string') return [tree];
  return tree.flatMap(flatten);
}
