import { readFileSync } from 'node:fs';
import { type Finding, formatProblem, readYaml } from '@scrim/model';
import { z } from 'zod';
import { Failure } from '../failure.ts';

const action = z.enum(['allow', 'warn', 'hold', 'block']);
const text = z.string().min(1);

const expectation = z.strictObject({
  /** What the guards say. */
  verdict: action.optional(),
  /** The rule that says so or masks, as `scrim sessions replay` names it: `production/guard[0]`. */
  rule: text.optional(),
  /** The text or JSON as the caller gets it. */
  masked: z.string().optional(),
  /** Whether a rule masks the column by its place. */
  mask: z.boolean().optional(),
  /** Columns of the statement's result, by label, and whether they come back masked by their place. */
  columns: z.record(text, z.boolean()).optional(),
});

const policyCase = z.strictObject({
  name: text,
  /** A connection of the document: its labels choose the policies. */
  connection: text,
  groups: z.array(text).default([]),
  sql: text.optional(),
  /** A command as `ssh host COMMAND` sends it. */
  shell: text.optional(),
  http: z
    .strictObject({
      method: text,
      path: text,
      model: text.optional(),
      tools: z.array(text).optional(),
    })
    .optional(),
  /** Bytes the caller sends in one operation. */
  requestBytes: z.int().min(0).optional(),
  text: z.string().optional(),
  json: z.string().optional(),
  /** `schema.table.column`. */
  column: text.optional(),
  expect: expectation,
});
export type PolicyCase = z.infer<typeof policyCase>;

const caseFile = z.strictObject({
  apiVersion: z.literal('scrim/v1'),
  cases: z.array(policyCase).min(1),
});

/** What a case may be about, and what can be expected of it. */
const SUBJECTS: Readonly<Record<string, readonly string[]>> = {
  sql: ['verdict', 'rule', 'columns'],
  shell: ['verdict', 'rule'],
  http: ['verdict', 'rule'],
  requestBytes: ['verdict', 'rule'],
  text: ['masked'],
  json: ['masked'],
  column: ['mask', 'rule'],
};

/** The part of a case that says what is asked. */
export function subjectOf(one: Readonly<Record<string, unknown>>): string | undefined {
  return Object.keys(SUBJECTS).find((key) => one[key] !== undefined);
}

function caseFindings(one: Readonly<Record<string, unknown>>, index: number): Finding[] {
  const path = ['cases', index];
  const asked = Object.keys(SUBJECTS).filter((key) => one[key] !== undefined);
  const [subject] = asked;
  if (!subject || asked.length > 1) {
    const message = subject ? `the case asks about ${asked.join(' and ')}` : 'the case asks about nothing';
    return [{ path, message, mend: `write exactly one of ${Object.keys(SUBJECTS).join(', ')}` }];
  }
  const may = SUBJECTS[subject] as readonly string[];
  const expected = Object.keys((one.expect as object | undefined) ?? {});
  const findings = expected
    .filter((key) => !may.includes(key))
    .map((key) => ({
      path: [...path, 'expect', key],
      message: `${key} cannot be expected of ${subject}`,
      mend: `expect ${may.join(' or ')}`,
    }));
  if (expected.length === 0) {
    const mend = `expect ${may.join(' or ')}`;
    findings.push({ path: [...path, 'expect'], message: 'nothing is expected: the case cannot fail', mend });
  }
  return findings;
}

function findings(value: unknown): readonly Finding[] {
  const cases = (value as { cases?: unknown } | null)?.cases;
  if (!Array.isArray(cases)) return [];
  return cases.flatMap((one, index) =>
    typeof one === 'object' && one !== null ? caseFindings(one as Record<string, unknown>, index) : [],
  );
}

/** Reads a file of cases. Throws a Failure that names every problem with file, line and mend. */
export function loadCases(file: string): readonly PolicyCase[] {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure(
      `cannot read ${file}: ${(error as NodeJS.ErrnoException).code}`,
      'name a readable file of cases',
      2,
    );
  }
  const result = readYaml(content, file, caseFile, findings);
  if (!result.ok) {
    throw new Failure(
      result.problems.map(formatProblem).join('\n'),
      'mend the lines above and run it again',
      2,
    );
  }
  return result.document.cases;
}
