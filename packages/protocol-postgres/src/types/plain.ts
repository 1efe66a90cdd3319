import type { ValueType } from '@scrim/model';
import { type TypeCodec, ValueFault } from './codec.ts';

const ZERO = '\0';

/** Types whose binary form is their text. */
export function plain(name: string, valueType: ValueType = 'text', textual = true): TypeCodec {
  return {
    name,
    valueType,
    textual,
    plain: { skip: 0 },
    decode: (bytes, start, end) => bytes.toString('utf8', start, end),
    encode(text) {
      if (text.includes(ZERO)) throw new ValueFault(name);
      return Buffer.from(text);
    },
  };
}

function json(text: string, name: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch {
    // A mask that is no JSON becomes a JSON string, so that the column stays JSON for its reader.
    if (text.includes(ZERO)) throw new ValueFault(name);
    return JSON.stringify(text);
  }
}

export const jsonCodec: TypeCodec = {
  ...plain('json', 'json'),
  encode: (text) => Buffer.from(json(text, 'json')),
};

/** jsonb's binary form is one version byte, 1, and the text (jsonb_recv). */
export const jsonbCodec: TypeCodec = {
  name: 'jsonb',
  valueType: 'json',
  textual: true,
  plain: { skip: 1 },
  decode(bytes, start, end) {
    if (bytes[start] !== 1) throw new ValueFault('jsonb', 'unknown binary version');
    return bytes.toString('utf8', start + 1, end);
  },
  encode: (text) => Buffer.concat([Buffer.from([1]), Buffer.from(json(text, 'jsonb'))]),
};

export const byteaCodec: TypeCodec = {
  name: 'bytea',
  valueType: 'bytes',
  textual: true,
  decode: (bytes, start, end) => `\\x${bytes.toString('hex', start, end)}`,
  encode(text) {
    if (!text.startsWith('\\x')) return Buffer.from(text);
    if (!/^\\x([0-9a-fA-F]{2})*$/.test(text)) throw new ValueFault('bytea');
    return Buffer.from(text.slice(2), 'hex');
  },
};

/** "char" holds one byte. */
export const charCodec: TypeCodec = {
  ...plain('char'),
  maxLength: 1,
  encode(text) {
    const bytes = Buffer.from(text);
    if (bytes.length > 1) throw new ValueFault('char');
    // An empty one is a zero byte in binary (charrecv, charin).
    return bytes.length === 0 ? Buffer.from([0]) : bytes;
  },
};

/** jsonpath's binary form is one version byte, 1, and the text. What replaces a path is a path: a text in quotes. */
export const jsonpathCodec: TypeCodec = {
  name: 'jsonpath',
  valueType: 'text',
  textual: true,
  plain: { skip: 1 },
  decode(bytes, start, end) {
    if (bytes[start] !== 1) throw new ValueFault('jsonpath', 'unknown binary version');
    return bytes.toString('utf8', start + 1, end);
  },
  encode(text) {
    if (text.includes(ZERO)) throw new ValueFault('jsonpath');
    return Buffer.concat([Buffer.from([1]), Buffer.from(JSON.stringify(text))]);
  },
};
