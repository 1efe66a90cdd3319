import type { Column, Place, Relation, Shape } from '@scrim/protocol-kit';
import type { Catalog } from './contracts.ts';
import type { Field, Value } from './lineage/index.ts';
import { placeKey } from './lineage/index.ts';
import type { KnownStatement } from './statements.ts';
import { builtinType } from './types/builtin.ts';
import type { TypeCodec } from './types/codec.ts';
import { typeOf } from './types/resolve.ts';
import { cstring, message, stringEnd, TYPE, WireFault } from './wire.ts';

/** How a column's values stand on the wire. */
export interface ColumnWire {
  readonly codec: TypeCodec;
  readonly binary: boolean;
}

/** A {@link Shape} with what {@link PgRows} needs to read and write its cells. */
export interface PgShape extends Shape {
  readonly wires: readonly ColumnWire[];
}

/** One field of a RowDescription. */
export interface FieldDescription {
  readonly name: string;
  readonly table: number;
  readonly attribute: number;
  readonly type: number;
  readonly modifier: number;
  readonly binary: boolean;
}

/**
 * Whose tables a result's computed columns can draw from: a statement's, or `unknown`. `changing` = unknown, and views
 * and functions may have another meaning than the catalog knows.
 */
export type Drawn = KnownStatement | 'unknown' | 'changing';

/** Reads a whole RowDescription message. Throws {@link WireFault}. */
export function parseRowDescription(bytes: Buffer): FieldDescription[] {
  if (bytes.length < 7) throw new WireFault('a RowDescription is too short');
  const count = bytes.readUInt16BE(5);
  const fields: FieldDescription[] = [];
  let at = 7;
  for (let i = 0; i < count; i++) {
    const zero = stringEnd(bytes, at, bytes.length);
    if (zero + 19 > bytes.length) throw new WireFault('a RowDescription is too short');
    fields.push({
      name: bytes.toString('utf8', at, zero),
      table: bytes.readUInt32BE(zero + 1),
      attribute: bytes.readInt16BE(zero + 5),
      type: bytes.readUInt32BE(zero + 7),
      modifier: bytes.readInt32BE(zero + 13),
      binary: bytes.readInt16BE(zero + 17) === 1,
    });
    at = zero + 19;
  }
  if (at !== bytes.length) throw new WireFault('a RowDescription does not end where its fields do');
  return fields;
}

/**
 * A RowDescription for a COPY whose columns could not be asked for: as many as the CopyOutResponse says, of no table
 * and no type, so that they are judged as the worst.
 */
export function namelessColumns(copyOut: Buffer): Buffer {
  const count = copyOut.readUInt16BE(6);
  const fields: Buffer[] = [];
  for (let i = 1; i <= count; i++) fields.push(cstring(`column${i}`), Buffer.alloc(18));
  return message(TYPE.rowDescription, Buffer.from([count >> 8, count & 255]), ...fields);
}

const NO_PLACES: readonly Place[] = [];

/** What a description needs from the catalog and does not find there: table columns and types. */
export function missing(fields: readonly FieldDescription[], catalog: Catalog): string[] {
  const keys: string[] = [];
  for (const field of fields) {
    if (field.table !== 0 && !catalog.column(field.table, field.attribute)) {
      keys.push(`${field.table}.${field.attribute}`);
    }
    if (!builtinType(field.type) && !catalog.type(field.type)) keys.push(`type ${field.type}`);
  }
  return keys;
}

/** What is known of a result's columns beside its description. */
export interface Behind {
  readonly reach: readonly Relation[] | 'unknown';
  /** What each column carries, as the statement's text says; undefined = not known. */
  readonly columns?: readonly Field[] | undefined;
  /** It writes: a column it returns may hold what was just written there. */
  readonly writes?: boolean;
  /** Views, functions and names may have another meaning than the catalog knows. */
  readonly changing?: boolean;
}

/** The shape of a result from its description. */
export function buildShape(
  description: Buffer,
  fields: readonly FieldDescription[],
  catalog: Catalog,
  behind: Behind,
): PgShape {
  const columns: Column[] = [];
  const wires: ColumnWire[] = [];
  const known = behind.changing ? undefined : agreed(fields, catalog, behind.columns);
  fields.forEach((field, i) => {
    const { codec, ...typed } = typeOf(field.type, field.modifier, catalog);
    columns.push({
      name: field.name,
      ...originOf(field, catalog, known?.[i]?.value, behind),
      ...typed,
    });
    wires.push({ codec, binary: field.binary });
  });
  return { columns, wires, description, reach: behind.reach };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: labels in another encoding are not compared
const ASCII = /^[\x00-\x7f]*$/;

/**
 * The columns the text gives, if they are those the target describes: as many, called the same, and plain columns
 * where the target says so. If one differs, names mean something else to the target than to us, and nothing the text
 * seems to say counts.
 */
function agreed(
  fields: readonly FieldDescription[],
  catalog: Catalog,
  columns: readonly Field[] | undefined,
): readonly Field[] | undefined {
  if (columns?.length !== fields.length) return undefined;
  const same = columns.every(({ name, value }, i) => {
    const field = fields[i] as FieldDescription;
    if (name !== null && name !== field.name && ASCII.test(name)) return false;
    if (field.table === 0 || field.attribute <= 0) return true;
    const own = catalog.column(field.table, field.attribute)?.origins[0];
    if (!own) return value.temporary === true;
    if (value.carry.open || value.ambiguous) return true;
    return value.carry.places.has(placeKey(own));
  });
  return same ? columns : undefined;
}

type Origin = Pick<Column, 'origins' | 'exact' | 'derived'>;

/**
 * Where a column's values come from. The target's description of a plain column is certain, except of what was just
 * written to it; for everything else the text says it, or nobody does.
 */
function originOf(
  field: FieldDescription,
  catalog: Catalog,
  value: Value | undefined,
  behind: Behind,
): Origin {
  const told = field.table === 0 ? undefined : catalog.column(field.table, field.attribute);
  if (!told || field.attribute === 0) {
    if (value) return carried(value);
    return { origins: told?.origins ?? NO_PLACES, exact: false };
  }
  const uncertain = behind.changing && told.stored !== true;
  const added = value && (behind.writes || !value.ambiguous) ? value : undefined;
  const open = behind.writes && (added?.carry.open ?? true);
  const derived = behind.writes && added?.kind === 'computed' ? 'computed' : told.derived;
  return {
    origins: added ? merged(told.origins, added) : told.origins,
    exact: told.exact && !uncertain && !open,
    ...(derived ? { derived } : {}),
  };
}

function merged(origins: readonly Place[], { carry }: Value): readonly Place[] {
  const keys = new Set(origins.map(placeKey));
  const more = [...carry.places].filter(([key]) => !keys.has(key)).map(([, place]) => place);
  return more.length === 0 ? origins : [...origins, ...more];
}

/** What the text alone says: the target calls it no column of a table it has told us of. */
function carried({ carry, kind, temporary }: Value): Origin {
  const changed = kind === 'plain' && !temporary ? 'mixed' : kind;
  return {
    origins: [...carry.places.values()],
    exact: !carry.open,
    ...(changed === 'plain' || carry.places.size === 0 ? {} : { derived: changed }),
  };
}

/** A result shape kept for the statement it belongs to. */
interface KeptShape {
  readonly description: Buffer;
  readonly part: number;
  readonly generation: number;
  readonly reach: Drawn;
  readonly shape: PgShape;
}

/** Shapes kept per statement: different formats, and the parts of a text of several statements. */
const MAX_SHAPES = 8;

/** Shapes of one target database, so that every session of it sees the same object for the same result. */
export class Shapes {
  readonly #kept = new WeakMap<KnownStatement, KeptShape[]>();

  /** The shape built before from this very description, if the catalog has not changed since. */
  find(
    statement: KnownStatement,
    part: number,
    reach: Drawn,
    description: Buffer,
    generation: number,
  ): PgShape | undefined {
    const kept = this.#kept.get(statement);
    if (!kept) return undefined;
    for (const entry of kept) {
      if (entry.part !== part || entry.reach !== reach || entry.generation !== generation) continue;
      if (entry.description.equals(description)) return entry.shape;
    }
    return undefined;
  }

  keep(statement: KnownStatement, part: number, reach: Drawn, generation: number, shape: PgShape): void {
    const kept = this.#kept.get(statement) ?? [];
    kept.unshift({ description: Buffer.from(shape.description), part, generation, reach, shape });
    if (kept.length > MAX_SHAPES) kept.pop();
    this.#kept.set(statement, kept);
  }
}
