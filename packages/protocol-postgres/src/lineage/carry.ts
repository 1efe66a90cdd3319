import type { Place } from '@scrim/protocol-kit';

/** Base columns a value can have something of in it. Immutable. */
export interface Carry {
  /** By `schema.table.column`, so that a union is cheap. */
  readonly places: ReadonlyMap<string, Place>;
  /** Something of it could not be followed: it may carry any column the statement reaches. */
  readonly open: boolean;
}

export const NOTHING: Carry = { places: new Map(), open: false };
/** What cannot be followed. */
export const OPEN: Carry = { places: new Map(), open: true };

export function isNothing(carry: Carry): boolean {
  return carry.places.size === 0 && !carry.open;
}

export function carryOf(places: readonly Place[], open = false): Carry {
  if (places.length === 0) return open ? OPEN : NOTHING;
  return { places: new Map(places.map((place) => [placeKey(place), place])), open };
}

export function placeKey({ schema, table, column }: Place): string {
  return `${schema}.${table}.${column}`;
}

/** Whether `whole` has everything that `part` has. */
export function covers(whole: Carry, part: Carry): boolean {
  if (part.open && !whole.open) return false;
  if (part.places.size > whole.places.size) return false;
  for (const key of part.places.keys()) if (!whole.places.has(key)) return false;
  return true;
}

/** The union; one of the arguments itself where that is it, so that wide rows do not copy maps. */
export function join(...all: readonly Carry[]): Carry {
  let found = NOTHING;
  for (const one of all) {
    if (one === found || covers(found, one)) continue;
    if (covers(one, found)) found = one;
    else found = { places: new Map([...found.places, ...one.places]), open: found.open || one.open };
  }
  return found;
}

/** Gathers carries while something is walked. */
export class Gathered {
  #all: Carry = NOTHING;

  add(carry: Carry): void {
    this.#all = join(this.#all, carry);
  }

  get carry(): Carry {
    return this.#all;
  }
}

/**
 * What a value is to the column it comes from. `plain` = that column's value as it stands; `mixed` = unchanged, but
 * values of other columns or constants may stand between them; `computed` = anything else.
 */
export type Kind = 'plain' | 'mixed' | 'computed';

/** A value an expression gives. */
export interface Value {
  readonly carry: Carry;
  readonly kind: Kind;
  /** Fields, where the value is a row, or JSON made of one whose keys are known. */
  readonly row?: readonly Field[];
  /** Comes from a temporary table of the session, which no catalog knows. */
  readonly temporary?: boolean;
  /** Several relations of the name exist; which one is meant depends on the search path. */
  readonly ambiguous?: boolean;
}

/** A column of rows; name null = it has one, but which is not known here: it may be any. */
export interface Field {
  readonly name: string | null;
  readonly value: Value;
}

export const CONSTANT: Value = { carry: NOTHING, kind: 'computed' };
export const UNKNOWN: Value = { carry: OPEN, kind: 'computed' };

export function computed(...carries: readonly Carry[]): Value {
  const carry = join(...carries);
  return carry === NOTHING ? CONSTANT : { carry, kind: 'computed' };
}

/** A row of these fields. */
export function rowOf(fields: readonly Field[]): Value {
  return { carry: join(...fields.map(({ value }) => value.carry)), kind: 'computed', row: fields };
}

/** A value that is one of these: of the arms of a set operation, of the relations a name can mean. */
export function either(left: Value, right: Value): Value {
  if (left === right) return left;
  const carry = join(left.carry, right.carry);
  const same = covers(left.carry, right.carry) && covers(right.carry, left.carry);
  const plain = left.kind === 'plain' && right.kind === 'plain' && same;
  const kind = left.kind === 'computed' && right.kind === 'computed' ? 'computed' : plain ? 'plain' : 'mixed';
  return {
    carry,
    kind,
    ...(left.temporary || right.temporary ? { temporary: true } : {}),
    ...(left.ambiguous || right.ambiguous ? { ambiguous: true } : {}),
  };
}
