import type { FunctionInfo, QualifiedName } from '../statement/contract.ts';
import type { FunctionResult } from './bodies.ts';
import {
  type Carry,
  computed,
  covers,
  either,
  type Field,
  isNothing,
  join,
  NOTHING,
  UNKNOWN,
  type Value,
} from './carry.ts';
import { type Lineage, lineageOf, type Made, temporary } from './statement.ts';
import type { KnownRelation, World } from './world.ts';

/** Temporary tables of a session; `blind` = it has some that nobody knows. */
export type Overlay = Temporaries | 'blind';

/** Temporary relations followed for one session; with more, their names mean anything. */
const MAX_MADE = 1_000;

/** A name that can only be a temporary relation's. */
function isTemporarySchema(schema: string): boolean {
  return schema === 'pg_temp' || schema.startsWith('pg_temp_');
}

/**
 * What the temporary tables and views of one session carry. Kept from the statements that made and filled them, since
 * no other connection's catalog knows their columns. It only ever grows: a dropped or rolled back one stays a thing its
 * name can mean, so that no order of events can clear a value.
 */
export class Temporaries {
  /** Changes with every change of what is known here. */
  version = 0;
  readonly #made = new Map<string, Made>();
  readonly #permanent: (name: string) => boolean;

  /** @param permanent whether the database has a relation of that name in any schema */
  constructor(permanent: (name: string) => boolean) {
    this.#permanent = permanent;
  }

  get size(): number {
    return this.#made.size;
  }

  has(name: string): boolean {
    return this.#made.has(name);
  }

  /** The same on its own: for what a text makes before it uses it. */
  fork(): Temporaries {
    const fork = new Temporaries(this.#permanent);
    for (const [name, made] of this.#made) fork.#made.set(name, made);
    return fork;
  }

  /** Whether a write to that name ends in a temporary table and nowhere else, whatever the search path is. */
  surely({ schema, name }: QualifiedName): boolean {
    if (this.#made.get(name)?.alone !== true) return false;
    return schema === null ? !this.#permanent(name) : isTemporarySchema(schema);
  }

  /** Whether the statement's text can mean one of these. */
  concerns(tables: readonly QualifiedName[]): boolean {
    return tables.some(
      ({ schema, name }) =>
        (schema === null && this.#made.has(name)) || (schema !== null && isTemporarySchema(schema)),
    );
  }

  /** A statement ran: what it made, filled and changed. False = one more than are kept apart. */
  ran(lineage: Lineage): boolean {
    if (lineage.makes && !this.#make(lineage.makes)) return false;
    for (const { relation, column, carry } of lineage.stored) {
      if (relation.schema === null || isTemporarySchema(relation.schema))
        this.#fill(relation.name, column, carry);
    }
    if (lineage.alters.some((one) => this.#made.has(one))) {
      const made = this.#loosened(lineage.alters);
      for (const name of lineage.alters) {
        const before = this.#made.get(name);
        if (!before || !isWithin({ ...made, name }, before)) this.#put({ ...made, name });
      }
    }
    return true;
  }

  #make(made: Made): boolean {
    const before = this.#made.get(made.name);
    if (!before && this.#made.size >= MAX_MADE) return false;
    if (before && isWithin(made, before)) return true;
    this.#put(before ? merged(before, made) : made);
    return true;
  }

  #put(made: Made): void {
    this.#made.set(made.name, made);
    this.version += 1;
  }

  #fill(name: string, column: string | null, carry: Carry): void {
    const made = this.#made.get(name);
    if (!made || isNothing(carry)) return;
    const every = column === null || made.generates || !made.columns?.some((field) => field.name === column);
    const fill = (field: Field): Field =>
      every || field.name === column ? { name: field.name, value: filled(field.value, carry) } : field;
    const columns = made.columns?.map(fill);
    const next = { ...made, columns, any: columns ? made.any : filled(made.any, carry) };
    if (!isWithin(next, made)) this.#put(next);
  }

  /** Columns have other names or types now: any of them can carry what one of them does. */
  #loosened(names: readonly string[]): Made {
    const known = names.flatMap((one) => this.#made.get(one) ?? []);
    const values = known.flatMap(({ columns, any }) => columns?.map(({ value }) => value) ?? [any]);
    const any = temporary(computed(...values.map(({ carry }) => carry)));
    return { name: '', columns: undefined, any, generates: true, alone: false };
  }

  /** The database with these on top. */
  over(world: World): World {
    const relations = (name: QualifiedName): readonly KnownRelation[] => {
      const made =
        name.schema === null || isTemporarySchema(name.schema) ? this.#made.get(name.name) : undefined;
      const found = world.relations(name);
      return made ? [known(made), ...found] : found;
    };
    return {
      relations,
      functions: (name): readonly FunctionInfo[] => world.functions(name),
      composite: (name) => (this.#made.has(name.name) ? undefined : world.composite(name)),
      computes: (info) => world.computes(info),
      casts: world.casts,
      // Bodies may name what the session made.
      bodies: new Map<string, FunctionResult | null>(),
    };
  }
}

/**
 * Follows the statements of a text as a session with such temporary tables means them. Each one sees what those before
 * it have made and filled.
 */
export function lineageWith(sql: string, world: World, over?: Overlay): readonly Lineage[] {
  if (over === 'blind') return lineageOf(sql, () => blindWorld(world));
  const temporaries = over?.fork() ?? new Temporaries(() => false);
  return lineageOf(
    sql,
    () => (temporaries.size > 0 ? temporaries.over(world) : world),
    (lineage) => temporaries.ran(lineage),
  );
}

/** Nothing a name means is known: temporary tables were made that nobody saw. */
function blindWorld(world: World): World {
  return {
    relations: () => [],
    functions: (name) => world.functions(name),
    composite: () => undefined,
    computes: (info) => world.computes(info),
    casts: world.casts,
    bodies: new Map<string, FunctionResult | null>(),
  };
}

function known(made: Made): KnownRelation {
  return {
    schema: 'pg_temp',
    name: made.name,
    columns: made.columns,
    listed: made.columns ?? [],
    any: made.columns ? undefined : made.any,
    triggers: [],
    generates: made.generates,
    tests: NOTHING,
    temporary: true,
  };
}

/** Whether nothing of `made` is new beside `before`. */
function isWithin(made: Made, before: Made): boolean {
  const [columns, others] = [made.columns, before.columns];
  if (made.generates !== before.generates || (before.alone && !made.alone)) return false;
  if (!columns || !others) return !columns && !others && covers(before.any.carry, made.any.carry);
  if (columns.length !== others.length) return false;
  return columns.every(({ name, value }, i) => {
    const other = others[i];
    return other?.name === name && other.value.kind === value.kind && covers(other.value.carry, value.carry);
  });
}

function filled(value: Value, carry: Carry): Value {
  return temporary(computed(value.carry, carry));
}

/** A name used again: whichever of both it means. */
function merged(before: Made, made: Made): Made {
  const other = (name: string | null): Value | undefined =>
    before.columns ? before.columns.find((field) => field.name === name)?.value : before.any;
  const columns = made.columns?.map((field) => {
    const value = other(field.name);
    return value ? { name: field.name, value: temporary(either(field.value, value)) } : field;
  });
  const lost = (before.columns ?? []).filter(
    ({ name }) => !made.columns?.some((field) => field.name === name),
  );
  // A column only the former one had: its name must not fall through to somebody else's.
  const any = temporary(computed(made.any.carry, before.any.carry, ...lost.map(({ value }) => value.carry)));
  const alone = made.alone && before.alone;
  if (!columns || lost.length > 0) return { ...made, columns: undefined, any: spread(columns, any), alone };
  return { ...made, columns, any, generates: made.generates || before.generates, alone };
}

function spread(columns: readonly Field[] | undefined, any: Value): Value {
  return temporary(columns ? computed(any.carry, join(...columns.map(({ value }) => value.carry))) : UNKNOWN);
}
