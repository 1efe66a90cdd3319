import { BinaryReader, int32, type Part, structured, type TypeCodec, ValueFault } from './codec.ts';
import { plain } from './plain.ts';

const LEXEME = plain('lexeme');
const WEIGHTS = ['D', 'C', 'B', 'A'] as const;

interface VectorShape {
  readonly parts: readonly Part[];
  /** Of each lexeme, as on the wire: weight in the upper two bits. */
  readonly positions: readonly (readonly number[])[];
}

function lexeme(text: string): Part {
  return { codec: LEXEME, key: null, bytes: Buffer.from(text, 'latin1') };
}

/** tsvector (tsvectorout, tsvectorsend): lexemes stay sorted and unique when some were replaced. */
export const tsvectorCodec: TypeCodec = structured<VectorShape>({
  name: 'tsvector',
  holds: new Set(['text']),
  textual: true,
  readText(text) {
    const parts: Part[] = [];
    const positions: number[][] = [];
    for (let at = 0; at < text.length; ) {
      const word = readQuoted(text, at, 'tsvector');
      parts.push(lexeme(word.text));
      const tail = /^:(\d+[A-D]?(?:,\d+[A-D]?)*)/.exec(text.slice(word.at, word.at + 4096));
      positions.push((tail?.[1] ?? '').split(',').filter(Boolean).map(readPosition));
      at = word.at + (tail?.[0].length ?? 0);
      if (at < text.length && text[at] !== ' ') throw new ValueFault('tsvector');
      at += 1;
    }
    return { parts, positions };
  },
  writeText: ({ positions }, parts) =>
    parts
      .map((part, i) => {
        const own = positions[i] ?? [];
        return `${quote(part ?? '')}${own.length > 0 ? ':' : ''}${own.map(writePosition).join(',')}`;
      })
      .join(' '),
  readBinary(bytes) {
    const reader = new BinaryReader(bytes, 'tsvector');
    const parts: Part[] = [];
    const positions: number[][] = [];
    for (let left = reader.count(3); left > 0; left--) {
      parts.push({ codec: LEXEME, key: null, bytes: readString(reader, bytes, 'tsvector') });
      const count = reader.take(2).readUInt16BE(0);
      positions.push(Array.from({ length: count }, () => reader.take(2).readUInt16BE(0)));
    }
    reader.end();
    return { parts, positions };
  },
  writeBinary: ({ positions }, parts) =>
    Buffer.concat([
      int32(parts.length),
      ...parts.flatMap((part, i) => {
        const own = positions[i] ?? [];
        const tail = Buffer.alloc(3 + own.length * 2);
        tail.writeUInt16BE(own.length, 1);
        own.forEach((position, p) => {
          tail.writeUInt16BE(position, 3 + p * 2);
        });
        return [part ?? Buffer.alloc(0), tail];
      }),
    ]),
  settle({ positions }, parts, changed) {
    const kept = new Map<string, { part: Buffer; positions: readonly number[] }>();
    parts.forEach((part, i) => {
      if (part === null || part.length === 0) return;
      const key = part.toString('latin1');
      // Two that became one: which stood where is no more told.
      const twice = kept.has(key);
      kept.set(key, { part, positions: twice || changed[i] ? [] : (positions[i] ?? []) });
    });
    const all = [...kept.values()].sort((a, b) => Buffer.compare(a.part, b.part));
    return {
      shape: { parts: [], positions: all.map((one) => one.positions) },
      parts: all.map(({ part }) => part),
    };
  },
});

function readPosition(text: string): number {
  const weight = WEIGHTS.indexOf(text.at(-1) as (typeof WEIGHTS)[number]);
  return (Math.max(0, weight) << 14) | Number.parseInt(text, 10);
}

function writePosition(position: number): string {
  const weight = WEIGHTS[position >> 14] ?? 'D';
  return `${position & 0x3fff}${weight === 'D' ? '' : weight}`;
}

function readQuoted(text: string, from: number, name: string): { text: string; at: number } {
  if (text[from] !== "'") throw new ValueFault(name);
  let word = '';
  for (let at = from + 1; at < text.length; at++) {
    const char = text[at];
    if (char === "'") {
      if (text[at + 1] !== "'") return { text: word, at: at + 1 };
      at += 1;
    } else if (char === '\\') at += 1;
    word += text[at] ?? '';
  }
  throw new ValueFault(name);
}

function quote(text: string): string {
  return `'${text.replace(/['\\]/g, '$&$&')}'`;
}

function readString(reader: BinaryReader, bytes: Buffer, name: string): Buffer {
  const end = bytes.indexOf(0, reader.at);
  if (end < 0) throw new ValueFault(name, 'a value has a wrong length');
  const found = reader.take(end - reader.at);
  reader.take(1);
  return found;
}

/** Operators of a query as on the wire (ts_type.h), and how tightly they bind. */
const NOT = 1;
const AND = 2;
const PHRASE = 4;
const PRIORITY: Readonly<Record<number, number>> = { 1: 4, 2: 2, 3: 1, 4: 3 };

type Item =
  | { readonly weight: number; readonly prefix: boolean }
  | { readonly operator: number; readonly distance: number };

interface QueryShape {
  readonly parts: readonly Part[];
  /** Read from text: what stands around the operands, one more than them. */
  readonly between: readonly string[];
  /** Read from binary: operators before their operands, the right one first. */
  readonly items: readonly Item[];
}

/** tsquery (tsqueryout, tsquerysend): operands are replaced where they stand. */
export const tsqueryCodec: TypeCodec = {
  ...structured<QueryShape>({
    name: 'tsquery',
    holds: new Set(['text']),
    textual: true,
    readText(text) {
      const parts: Part[] = [];
      const between: string[] = [];
      let from = 0;
      for (let at = text.indexOf("'"); at >= 0; at = text.indexOf("'", from)) {
        between.push(text.slice(from, at));
        const word = readQuoted(text, at, 'tsquery');
        parts.push(lexeme(word.text));
        from = word.at;
      }
      return { parts, between: [...between, text.slice(from)], items: [] };
    },
    writeText({ between, items }, parts) {
      if (items.length > 0) return infix(items, parts);
      return between.map((text, i) => (i < parts.length ? text + quote(parts[i] ?? '') : text)).join('');
    },
    readBinary(bytes) {
      const reader = new BinaryReader(bytes, 'tsquery');
      const parts: Part[] = [];
      const items = Array.from({ length: reader.count(2) }, (): Item => {
        const kind = reader.take(1)[0];
        if (kind === 1) {
          const [weight = 0, prefix = 0] = reader.take(2);
          parts.push({ codec: LEXEME, key: null, bytes: readString(reader, bytes, 'tsquery') });
          return { weight, prefix: prefix !== 0 };
        }
        const operator = reader.take(1)[0] ?? 0;
        if (kind !== 2 || PRIORITY[operator] === undefined) throw new ValueFault('tsquery');
        return { operator, distance: operator === PHRASE ? reader.take(2).readUInt16BE(0) : 0 };
      });
      reader.end();
      return { parts, between: [], items };
    },
    writeBinary({ items }, parts) {
      let next = 0;
      const written = items.flatMap((item) => {
        if (!('operator' in item)) {
          const head = Buffer.from([1, item.weight, item.prefix ? 1 : 0]);
          return [head, parts[next++] ?? Buffer.alloc(0), Buffer.from([0])];
        }
        const { operator, distance } = item;
        return [
          Buffer.from(operator === PHRASE ? [2, operator, distance >> 8, distance & 255] : [2, operator]),
        ];
      });
      return Buffer.concat([int32(items.length), ...written]);
    },
  }),
  encode() {
    throw new ValueFault('tsquery');
  },
};

/** As tsqueryout prints it. */
function infix(items: readonly Item[], parts: readonly (string | null)[]): string {
  let item = 0;
  let part = 0;
  const print = (around: number, rightOfPhrase: boolean): string => {
    const found = items[item++];
    if (!found) throw new ValueFault('tsquery');
    if (!('operator' in found)) return operand(parts[part++] ?? '', found);
    const priority = PRIORITY[found.operator] ?? 0;
    const wrapped = priority < around || (found.operator === PHRASE && rightOfPhrase);
    const text =
      found.operator === NOT
        ? `!${print(priority, false)}`
        : binary(found.operator, found.distance, priority);
    return wrapped ? `( ${text} )` : text;
  };
  const binary = (operator: number, distance: number, priority: number): string => {
    const right = print(priority, operator === PHRASE);
    const left = print(priority, false);
    const phrase = distance === 1 ? '<->' : `<${distance}>`;
    return `${left} ${operator === PHRASE ? phrase : operator === AND ? '&' : '|'} ${right}`;
  };
  return items.length === 0 ? '' : print(-1, false);
}

function operand(text: string, { weight, prefix }: { weight: number; prefix: boolean }): string {
  const letters = [8, 4, 2, 1].map((bit, i) => (weight & bit ? 'ABCD'[i] : '')).join('');
  const tail = (prefix ? '*' : '') + letters;
  return quote(text) + (tail === '' ? '' : `:${tail}`);
}
