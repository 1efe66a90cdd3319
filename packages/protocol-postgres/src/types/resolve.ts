import type { Column } from '@scrim/protocol-kit';
import type { Catalog, TypeInfo } from '../contracts.ts';
import { arrayOf } from './array.ts';
import { builtinType } from './builtin.ts';
import type { TypeCodec } from './codec.ts';
import { compositeOf } from './composite.ts';
import { enumOf, opaque } from './fixed.ts';
import { hstoreCodec } from './hstore.ts';
import { numericCodec } from './number.ts';
import { plain } from './plain.ts';
import { multirangeOf, rangeOf } from './range.ts';

/** Domains on domains end somewhere; a loop in a broken catalog must too. */
const MAX_DEPTH = 8;

const RECORD = 2249;
const RECORDS = 2287;

const TEXT = plain('text');
/** Nothing is known of the type: its text is replaced by text, and a binary value by NULL. */
const UNTOLD: TypeCodec = { ...plain('unknown', 'unknown'), textOnly: true };
/** A type of the catalog with a form of its own. */
const OPAQUE = opaque('unknown');

/** Types of extensions, by name: their OIDs differ from database to database. */
const EXTENSIONS: Readonly<Record<string, TypeCodec>> = {
  citext: TEXT,
  hstore: hstoreCodec,
};

/** varchar and char, and their arrays: their modifier is the limit and the four bytes of a length word. */
const LIMITED: ReadonlySet<number> = new Set([1042, 1043, 1014, 1015]);

/** numeric and its array. */
const NUMERICS: ReadonlySet<number> = new Set([1700, 1231]);

/** The form of a type by OID: built-in ones by themselves, others as the catalog describes them. */
export function codecOf(oid: number, catalog: Catalog, depth = 0): TypeCodec {
  const known = builtinType(oid);
  if (known) return known;
  if (oid === 0) return UNTOLD;
  if (depth > MAX_DEPTH) return OPAQUE;
  if (oid === RECORD || oid === RECORDS) {
    const record = compositeOf('record', undefined, (type) => codecOf(type, catalog, depth + 1), UNTOLD);
    return oid === RECORD ? record : arrayOf(record);
  }
  const info = catalog.type(oid);
  return info ? userType(info, catalog, depth + 1) : OPAQUE;
}

function userType(info: TypeInfo, catalog: Catalog, depth: number): TypeCodec {
  const { kind, name, of, fields } = info;
  if (kind === 'enum') return enumOf(name, info.label);
  if (kind === 'base') return EXTENSIONS[name] ?? OPAQUE;
  if (kind === 'composite') return composite(info, catalog, depth);
  if (of === null || fields.length > 0) return OPAQUE;
  const inner = codecOf(of, catalog, depth);
  if (kind === 'domain') return limited(inner, of, info.modifier);
  if (kind === 'array') return arrayOf(inner);
  if (kind === 'range') return rangeOf(name, inner);
  // What a multirange is made of is a range, of which the catalog says the subtype.
  const subtype = kind === 'multirange' ? subtypeOf(of, catalog, depth) : undefined;
  return subtype ? multirangeOf(name, subtype) : OPAQUE;
}

function subtypeOf(range: number, catalog: Catalog, depth: number): TypeCodec | undefined {
  const of = catalog.type(range)?.of;
  return of === null || of === undefined ? undefined : codecOf(of, catalog, depth);
}

function composite({ name, fields }: TypeInfo, catalog: Catalog, depth: number): TypeCodec {
  const byOid = (oid: number): TypeCodec => codecOf(oid, catalog, depth);
  // A temporary table's row type: no catalog tells its fields.
  if (fields.length === 0) return compositeOf(name, undefined, byOid, OPAQUE);
  const known = fields.map((field) => ({
    name: field.name,
    type: field.type,
    codec: limited(byOid(field.type), field.type, field.modifier),
  }));
  return compositeOf(name, known, byOid, OPAQUE);
}

/** A text type told how many characters it holds. */
function limited(codec: TypeCodec, oid: number, modifier: number | undefined): TypeCodec {
  const limit = lengthLimit(oid, modifier);
  return limit === undefined || codec.open ? codec : { ...codec, maxLength: limit };
}

/** Characters a text type holds; digits a numeric holds before its point (numeric_typmod_precision, _scale). */
function lengthLimit(oid: number, modifier: number | undefined): number | undefined {
  if (modifier === undefined || modifier < 4) return undefined;
  if (LIMITED.has(oid)) return modifier - 4;
  if (!NUMERICS.has(oid)) return undefined;
  const precision = ((modifier - 4) >> 16) & 0xffff;
  const scale = (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
  return Math.max(0, precision - scale);
}

/** Arrays of limited texts: the column's modifier is that of the elements. */
const ARRAYS: Readonly<Record<number, TypeCodec>> = { 1014: TEXT, 1015: TEXT, 1231: numericCodec };
const JSON_OR_BYTES = ['json', 'bytes'] as const;

/** What a column's type says of its values, and their form on the wire. */
export function typeOf(
  oid: number,
  modifier: number,
  catalog: Catalog,
): Pick<Column, 'type' | 'textual' | 'maxLength' | 'parts'> & { codec: TypeCodec } {
  const limit = lengthLimit(oid, modifier);
  const element = limit === undefined ? undefined : ARRAYS[oid];
  const codec = element ? arrayOf({ ...element, maxLength: limit as number }) : codecOf(oid, catalog);
  const maxLength = codec.open ? undefined : (limit ?? codec.maxLength);
  const encoded = codec.open !== undefined && JSON_OR_BYTES.some((type) => codec.holds?.has(type));
  return {
    codec,
    type: codec.valueType,
    textual: codec.textual,
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(codec.open ? { parts: { encoded, named: codec.named === true } } : {}),
  };
}
