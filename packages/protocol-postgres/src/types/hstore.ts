import {
  BinaryReader,
  int32,
  type Part,
  sizedValue,
  structured,
  type TypeCodec,
  ValueFault,
} from './codec.ts';
import { plain } from './plain.ts';

const TEXT = plain('hstore');

/**
 * hstore (contrib/hstore, hstore_out, hstore_send): keys and values are texts, a value goes by its key. A pair whose
 * key became NULL is left out; pairs that got the same key stay, the reader keeps one (hstore_in, hstore_recv).
 */
export const hstoreCodec: TypeCodec = structured<{ readonly parts: readonly Part[] }>({
  name: 'hstore',
  holds: new Set(['text']),
  textual: true,
  named: true,
  readText(text) {
    const parts: Part[] = [];
    let at = 0;
    while (at < text.length) {
      const key = readWord(text, at);
      if (text.slice(key.at, key.at + 2) !== '=>') throw new ValueFault('hstore');
      const value = readWord(text, key.at + 2);
      pair(parts, Buffer.from(key.word, 'latin1'), value.isNull ? null : Buffer.from(value.word, 'latin1'));
      at = value.at;
      if (at < text.length && text[at] !== ',') throw new ValueFault('hstore');
      at += 1;
      while (text[at] === ' ') at += 1;
    }
    return { parts };
  },
  writeText: (_shape, parts) =>
    pairs(parts)
      .map(([key, value]) => `${quote(key)}=>${value === null ? 'NULL' : quote(value)}`)
      .join(', '),
  readBinary(bytes) {
    const reader = new BinaryReader(bytes, 'hstore');
    const parts: Part[] = [];
    for (let left = reader.count(8); left > 0; left--) {
      pair(parts, reader.value() ?? Buffer.alloc(0), reader.value());
    }
    reader.end();
    return { parts };
  },
  writeBinary(_shape, parts) {
    const all = pairs(parts);
    return Buffer.concat([
      int32(all.length),
      ...all.flatMap(([key, value]) => [sizedValue(key), sizedValue(value)]),
    ]);
  },
});

function pair(parts: Part[], key: Buffer, value: Buffer | null): void {
  parts.push({ codec: TEXT, key: null, bytes: key });
  parts.push({ codec: TEXT, key: key.toString('utf8'), bytes: value });
}

function pairs<Text>(parts: readonly (Text | null)[]): [Text, Text | null][] {
  const found: [Text, Text | null][] = [];
  for (let i = 0; i < parts.length; i += 2) {
    const key = parts[i];
    if (key !== null && key !== undefined) found.push([key, parts[i + 1] ?? null]);
  }
  return found;
}

function readWord(text: string, from: number): { word: string; at: number; isNull: boolean } {
  if (text[from] !== '"') {
    if (text.slice(from, from + 4).toUpperCase() !== 'NULL') throw new ValueFault('hstore');
    return { word: '', at: from + 4, isNull: true };
  }
  let word = '';
  let at = from + 1;
  for (; text[at] !== '"'; at++) {
    if (text[at] === '\\') at += 1;
    if (at >= text.length) throw new ValueFault('hstore');
    word += text[at];
  }
  return { word, at: at + 1, isNull: false };
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
