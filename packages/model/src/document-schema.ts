import type { z } from 'zod';
import { nearest, type ProblemPath } from './document-problem.ts';

interface Definition {
  readonly type: string;
  readonly shape?: Record<string, z.ZodType>;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly values?: readonly unknown[];
  readonly entries?: Record<string, string>;
}

function definition(schema: z.ZodType): Definition {
  return schema.def as unknown as Definition;
}

/** Looks through default, optional, nullable and the like. */
function unwrap(schema: z.ZodType): z.ZodType {
  const inner = definition(schema).innerType ?? definition(schema).in;
  return inner ? unwrap(inner) : schema;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Index of the union's arm that the value was most likely meant for; undefined when nothing points to one. */
export function likelyArm(schema: z.ZodType, value: unknown): number | undefined {
  const options = definition(unwrap(schema)).options ?? [];
  let best: number | undefined;
  let most = 0;
  options.forEach((option, index) => {
    const score = resemblance(option, value);
    if (score > most) {
      most = score;
      best = index;
    }
  });
  return best;
}

/** How many of the value's keys the object knows; a slip of the pen counts a little less. */
function resemblance(schema: z.ZodType, value: unknown): number {
  const { shape } = definition(unwrap(schema));
  if (!shape || !isRecord(value)) return 0;
  const keys = Object.keys(shape);
  let score = 0;
  for (const [key, given] of Object.entries(value)) {
    const field = shape[key];
    if (field) score += literalMatches(field, given) ? 10 : 1;
    else if (nearest(key, keys) !== undefined) score += 0.5;
  }
  return score;
}

/** A literal that agrees decides (the discriminator). */
function literalMatches(schema: z.ZodType, value: unknown): boolean {
  const { type, values } = definition(unwrap(schema));
  return type === 'literal' && values !== undefined && values.includes(value);
}

/** The schema of the value at `path`, choosing arms of unions by what is written. */
export function schemaAt(schema: z.ZodType, value: unknown, path: ProblemPath): z.ZodType | undefined {
  const plain = unwrap(schema);
  const { options, shape, element, valueType } = definition(plain);
  if (options && path.length > 0) {
    const arm = likelyArm(plain, value);
    return arm === undefined ? undefined : schemaAt(options[arm]!, value, path);
  }
  const [step, ...rest] = path;
  if (step === undefined) return plain;
  const inner = typeof step === 'number' ? element : (shape?.[step] ?? valueType);
  return inner && schemaAt(inner, childValue(value, step), rest);
}

export function childValue(value: unknown, step: string | number): unknown {
  if (typeof step === 'number') return Array.isArray(value) ? value[step] : undefined;
  return isRecord(value) && Object.hasOwn(value, step) ? value[step] : undefined;
}

export function valueAt(value: unknown, path: ProblemPath): unknown {
  let found = value;
  for (const step of path) found = childValue(found, step);
  return found;
}

/** Keys an object may have there; for a union, of the arm that was meant, else of all. */
export function allowedKeys(schema: z.ZodType | undefined, value: unknown): readonly string[] {
  if (!schema) return [];
  const plain = unwrap(schema);
  const { shape, options } = definition(plain);
  if (shape) return Object.keys(shape);
  if (!options) return [];
  const arm = likelyArm(plain, value);
  if (arm !== undefined) return allowedKeys(options[arm], value);
  return [...new Set(options.flatMap((option) => allowedKeys(option, value)))];
}

/** Everything that may be written there, in words: values, and objects by their first key as `{ key: … }`. */
export function allowedForms(schema: z.ZodType | undefined): readonly string[] {
  if (!schema) return [];
  const plain = unwrap(schema);
  const { type, shape, options, values, entries } = definition(plain);
  if (options) return [...new Set(options.flatMap((option) => allowedForms(option)))];
  if (shape) return [`{ ${Object.keys(shape)[0] ?? ''}: … }`];
  if (entries) return Object.values(entries);
  if (values) return values.map(String);
  return [TYPE_WORDS[type] ?? type];
}

export const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'nothing',
};
