import type { z } from 'zod';
import {
  type Finding,
  locate,
  nearest,
  type Positions,
  type Problem,
  type ProblemPath,
} from './document-problem.ts';
import { allowedForms, allowedKeys, likelyArm, schemaAt, TYPE_WORDS, valueAt } from './document-schema.ts';

type Issue = z.core.$ZodIssue;

interface Judged {
  readonly schema: z.ZodType;
  readonly value: unknown;
}

/**
 * What is wrong with `value`, in words a person can act on; empty when the schema takes it.
 * For values that came over REST leave `source` out; for a file give its name and positions.
 */
export function problemsOf(
  schema: z.ZodType,
  value: unknown,
  source: { readonly file?: string; readonly positions?: Positions } = {},
): Problem[] {
  return findingsOf(schema, value).map((finding) => locate(finding, source.file ?? '', source.positions));
}

/** The same as {@link problemsOf} before the findings have a place. */
export function findingsOf(schema: z.ZodType, value: unknown): Finding[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  const judged = { schema, value };
  return result.error.issues.flatMap((issue) => findings(issue, [], judged));
}

function findings(issue: Issue, base: ProblemPath, judged: Judged): Finding[] {
  const path = [...base, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))];
  const value = valueAt(judged.value, path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, path, judged));
    case 'invalid_union':
      return union(issue, path, value, judged);
    case 'invalid_type':
      return [value === undefined ? missing(path, judged) : wrongType(issue.expected, path, value, judged)];
    case 'invalid_value':
      return [notAllowed(path, value, issue.values.map(String))];
    case 'too_big':
    case 'too_small':
      return [{ path, message: outOfBounds(value, path), mend: bound(issue) }];
    case 'invalid_format':
      return [{ path, message: `${shown(value, path)} is not allowed`, mend: format(issue) }];
    default:
      return [{ path, message: `${shown(value, path)} is not allowed`, mend: issue.message }];
  }
}

function unknownKey(key: string, path: ProblemPath, judged: Judged): Finding {
  const value = valueAt(judged.value, path);
  const allowed = allowedKeys(schemaAt(judged.schema, judged.value, path), value);
  const near = nearest(key, allowed);
  const mend =
    near === undefined ? `use ${allowed.join(', ')}` : `did you mean ${near}? allowed: ${allowed.join(', ')}`;
  return { path: [...path, key], message: `the key "${key}" is not known here`, mend, atKey: true };
}

/**
 * A value that fits no arm of a union: the arm it was meant for says what is wrong, since the faults of the others
 * would only confuse. When nothing points to an arm, all that is allowed is listed.
 */
function union(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: ProblemPath,
  value: unknown,
  judged: Judged,
): Finding[] {
  const schema = schemaAt(judged.schema, judged.value, path);
  if ('discriminator' in issue && issue.discriminator !== undefined) {
    const options = (issue as { options?: readonly unknown[] }).options ?? [];
    return value === undefined
      ? [missing(path, judged, options)]
      : [notAllowed(path, value, options.map(String))];
  }
  if (value === undefined) return [missing(path, judged)];
  const arm = schema ? likelyArm(schema, value) : undefined;
  const faults = arm === undefined ? undefined : issue.errors[arm];
  if (faults && faults.length > 0) return sorted(faults).flatMap((inner) => findings(inner, path, judged));
  return [notAllowed(path, value, allowedForms(schema))];
}

/** A misspelt key explains the missing one it leaves behind: only the slip is worth saying. */
function sorted(faults: readonly Issue[]): readonly Issue[] {
  const unknown = faults.filter((fault) => fault.code === 'unrecognized_keys');
  return unknown.length > 0
    ? [...unknown, ...faults.filter((fault) => !isMissing(fault))].filter(distinct)
    : faults;
}

function isMissing(fault: Issue): boolean {
  return (
    fault.code === 'unrecognized_keys' || (fault.code === 'invalid_type' && /undefined$/.test(fault.message))
  );
}

function distinct(fault: Issue, index: number, all: readonly Issue[]): boolean {
  return all.indexOf(fault) === index;
}

function missing(path: ProblemPath, judged: Judged, options: readonly unknown[] = []): Finding {
  const key = String(path.at(-1) ?? '');
  const forms =
    options.length > 0 ? options.map(String) : allowedForms(schemaAt(judged.schema, judged.value, path));
  if (path.length === 0)
    return { path, message: 'the document is empty', mend: 'write apiVersion: scrim/v1' };
  return { path, message: `"${key}" is missing`, mend: `add ${key}: ${forms.join(' | ') || '…'}` };
}

function wrongType(expected: string, path: ProblemPath, value: unknown, judged: Judged): Finding {
  const wanted = TYPE_WORDS[expected] ?? expected;
  if (value === null && path.length === 0) return missing(path, judged);
  if (value === null)
    return { path, message: 'there is no value', mend: `write ${wanted}, or leave the key out` };
  const keys = allowedKeys(schemaAt(judged.schema, judged.value, path), value);
  const detail = keys.length > 0 ? ` with ${keys.join(', ')}` : '';
  const mend = expected === 'string' ? `write ${wanted}, in quotes` : `write ${wanted}${detail}`;
  const plain = typeof value === 'object' || shown(value, path) === 'this value';
  const subject = plain ? 'this' : shown(value, path);
  return { path, message: `${subject} is ${kindOf(value)}, not ${wanted}`, mend };
}

function notAllowed(path: ProblemPath, value: unknown, allowed: readonly string[]): Finding {
  const near = typeof value === 'string' ? nearest(value, allowed) : undefined;
  const hint = near === undefined ? '' : `did you mean ${near}? `;
  return { path, message: `${shown(value, path)} is not allowed`, mend: `${hint}use ${allowed.join(', ')}` };
}

function outOfBounds(value: unknown, path: ProblemPath): string {
  if (Array.isArray(value) && value.length === 0) return 'the list is empty';
  return value === '' ? 'the text is empty' : `${shown(value, path)} is out of bounds`;
}

function bound(issue: Extract<Issue, { code: 'too_big' | 'too_small' }>): string {
  const limit = issue.code === 'too_big' ? issue.maximum : issue.minimum;
  const word = issue.code === 'too_big' ? 'at most' : 'at least';
  if (issue.origin === 'array') return `give ${word} ${limit} ${Number(limit) === 1 ? 'entry' : 'entries'}`;
  if (issue.origin === 'string')
    return `write ${word} ${limit} ${Number(limit) === 1 ? 'character' : 'characters'}`;
  return `use ${word} ${limit}`;
}

function format(issue: Extract<Issue, { code: 'invalid_format' }>): string {
  if (issue.format === 'url') return 'write a full URL, such as https://api.example.com';
  return issue.message;
}

/** Values below these keys may be secrets, also when they stand in the wrong place: they are never repeated. */
const SECRET_KEYS = /^(?:credential|password|privateKey|secret|token|value|sealed)$/i;

function shown(value: unknown, path: ProblemPath): string {
  if (path.some((step) => typeof step === 'string' && SECRET_KEYS.test(step))) return 'this value';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'this list';
  if (typeof value === 'object' && value !== null) return 'this object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'number') return 'a number';
  if (typeof value === 'boolean') return 'true or false';
  return 'an object';
}
