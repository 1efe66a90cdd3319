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

interface CompositeShape {
  readonly parts: readonly Part[];
  readonly types: readonly number[];
}

export interface CompositeField {
  readonly name: string;
  readonly type: number;
  readonly codec: TypeCodec;
}

/**
 * Row types and anonymous records (record_send, record_out).
 * @param fields in order; undefined = not known, then a binary value's own type OIDs tell, and a text's parts are
 *   of the type `other`
 */
export function compositeOf(
  name: string,
  fields: readonly CompositeField[] | undefined,
  byOid: (oid: number) => TypeCodec,
  other: TypeCodec,
): TypeCodec {
  return structured<CompositeShape>({
    name,
    holds: fields ? holding(...fields.map(({ codec }) => codec)) : new Set(['json', 'bytes', 'unknown']),
    named: true,
    textual: fields?.every(({ codec }) => !codec.textual) !== true,
    readText(text) {
      const values = readRow(text, name);
      const known = fields?.length === values.length;
      const parts = values.map((value, i) => ({
        codec: (known ? fields?.[i]?.codec : undefined) ?? other,
        key: (known ? fields?.[i]?.name : undefined) ?? null,
        bytes: value === null ? null : Buffer.from(value, 'latin1'),
      }));
      return { parts, types: [] };
    },
    writeText: (_shape, parts) => `(${parts.map(writeField).join(',')})`,
    readBinary(bytes) {
      const reader = new BinaryReader(bytes, name);
      const count = reader.count(8);
      const types: number[] = [];
      const parts = Array.from({ length: count }, (_, i) => {
        const oid = reader.int32() >>> 0;
        types.push(oid);
        // A column added or dropped in the transaction under way: the value's own OIDs are what counts.
        const field = fields?.length === count && fields[i]?.type === oid ? fields[i] : undefined;
        return { codec: field?.codec ?? byOid(oid), key: field?.name ?? null, bytes: reader.value() };
      });
      reader.end();
      return { parts, types };
    },
    writeBinary: ({ types }, parts) =>
      Buffer.concat([
        int32(parts.length),
        ...parts.flatMap((part, i) => [int32(types[i] ?? 0), sizedValue(part)]),
      ]),
  });
}

/** Fields of a row literal (documentation, "Composite Type Input and Output Syntax"). */
function readRow(text: string, name: string): (string | null)[] {
  if (!text.startsWith('(')) throw new ValueFault(name);
  const values: (string | null)[] = [];
  let at = 1;
  for (;;) {
    const field = readQuoted(text, at, ',)', name);
    values.push(field.value);
    at = field.at + 1;
    if (text[field.at] === ')') break;
  }
  if (at !== text.length) throw new ValueFault(name);
  // `()` is a row without fields; a row of one NULL is printed the same way.
  return values;
}

/** A value up to one of `stops`: quotes are doubled or escaped inside quotes; nothing at all is NULL. */
export function readQuoted(
  text: string,
  from: number,
  stops: string,
  name: string,
): { readonly value: string | null; readonly at: number } {
  let at = from;
  let value = '';
  let quoted = false;
  for (let inside = false; ; at++) {
    const char = text[at];
    if (char === undefined) throw new ValueFault(name);
    if (!inside && stops.includes(char)) break;
    if (char === '\\') {
      at += 1;
      if (at >= text.length) throw new ValueFault(name);
      value += text[at];
    } else if (char !== '"') value += char;
    else if (!inside) {
      inside = true;
      quoted = true;
    } else if (text[at + 1] === '"') {
      at += 1;
      value += '"';
    } else inside = false;
  }
  return { value: value === '' && !quoted ? null : value, at };
}

function writeField(value: string | null): string {
  if (value === null) return '';
  return value === '' || /["\\(), \t\n\r\v\f]/.test(value) ? `"${value.replace(/["\\]/g, '$&$&')}"` : value;
}
