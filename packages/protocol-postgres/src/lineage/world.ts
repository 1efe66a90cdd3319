import type { FunctionInfo, QualifiedName } from '../statement/contract.ts';
import type { FunctionResult } from './bodies.ts';
import { type Carry, either, type Field, join, type Value } from './carry.ts';

/** A relation as the resolver sees it. */
export interface KnownRelation {
  readonly schema: string;
  readonly name: string;
  /** In order; undefined = their number or order is not known. */
  readonly columns: readonly Field[] | undefined;
  /** Columns by name. */
  readonly listed: readonly Field[];
  /** What a column that is not listed can carry; undefined = there is no other. */
  readonly any: Value | undefined;
  /** Functions of triggers that may give a written row other values. */
  readonly triggers: readonly FunctionInfo[];
  /** Some of its columns are computed from others. */
  readonly generates: boolean;
  /** What reading it tests: conditions inside a view. */
  readonly tests: Carry;
  readonly temporary?: boolean;
}

/** What the resolver asks about the database; every answer is immediate and changes nothing. */
export interface World {
  /** All relations a name can mean; without a schema, those of every schema, since a session may move its path. */
  relations(name: QualifiedName): readonly KnownRelation[];
  /** User functions a name can mean, all overloads. Operators go by `operator <symbol>`. */
  functions(name: QualifiedName): readonly FunctionInfo[];
  /** Field names of a composite type or relation. */
  composite(name: QualifiedName): readonly string[] | undefined;
  /** Whether running the function reads nothing but its arguments. */
  computes(info: FunctionInfo): boolean;
  /** Functions behind users' casts that do more than compute: any expression may run one without naming it. */
  readonly casts: readonly FunctionInfo[];
  /** What functions were found to give, by signature; null while one is being followed. */
  readonly bodies: Map<string, FunctionResult | null>;
}

/** One relation standing for all that a name can mean. Undefined = none is known. */
export function united(found: readonly KnownRelation[]): KnownRelation | undefined {
  const [first, ...others] = found;
  return first && others.reduce(both, first);
}

function both(left: KnownRelation, right: KnownRelation): KnownRelation {
  const aligned =
    left.columns?.length === right.columns?.length &&
    left.columns?.every(({ name }, index) => name === right.columns?.[index]?.name);
  const names = new Set([...left.listed, ...right.listed].map(({ name }) => name));
  const listed = [...names].map((name) => ({ name, value: oneOf(named(left, name), named(right, name)) }));
  const any = left.any && right.any ? either(left.any, right.any) : (left.any ?? right.any);
  return {
    schema: left.schema,
    name: left.name,
    columns: aligned
      ? left.columns?.map(({ name }) => listed.find((field) => field.name === name) as Field)
      : undefined,
    listed,
    any: any && { ...any, ambiguous: true },
    triggers: [...left.triggers, ...right.triggers],
    generates: left.generates || right.generates,
    tests: join(left.tests, right.tests),
    ...(left.temporary || right.temporary ? { temporary: true } : {}),
  };
}

function named(relation: KnownRelation, name: string | null): Value | undefined {
  return relation.listed.find((field) => field.name === name)?.value ?? relation.any;
}

function oneOf(left: Value | undefined, right: Value | undefined): Value {
  const value = left && right ? either(left, right) : ((left ?? right) as Value);
  return { ...value, ambiguous: true };
}
