import { isDeepStrictEqual } from 'node:util';
import { type PolicyCase, subjectOf } from './case-file.ts';
import type { Rulebook, Rules } from './rulebook.ts';

/** How one case ended. `problems` is empty when all is as expected. */
export interface Outcome {
  readonly name: string;
  readonly file: string;
  readonly problems: readonly string[];
  /** What could not be known without a target, where it mattered. */
  readonly note?: string;
}

/** Runs one case. */
export function judge(one: PolicyCase, file: string, rulebook: Rulebook): Outcome {
  const rules = rulebook.for(one.connection, one.groups);
  const { found, note } = ask(one, rules);
  const expected = Object.entries(one.expect).filter(([, value]) => value !== undefined);
  const problems = expected.flatMap(([key, value]) =>
    isDeepStrictEqual(found[key], value) ? [] : [`${key}: expected ${show(value)}, is ${show(found[key])}`],
  );
  const said = problems.length > 0 && note !== undefined;
  return { name: one.name, file, problems, ...(said && { note }) };
}

interface Answer {
  readonly found: Readonly<Record<string, unknown>>;
  readonly note?: string;
}

function ask(one: PolicyCase, rules: Rules): Answer {
  switch (subjectOf(one)) {
    case 'sql': {
      const { verdict, statement } = rules.sql(one.sql as string);
      const { facts } = statement;
      const blind = facts.kind === 'sql' && !facts.complete;
      const note = `not known without a database, so judged as the worst: ${blind ? facts.opaque.join(', ') : ''}`;
      const said = one.expect.columns ? rules.columns(one.sql as string) : undefined;
      const columns = said && only(said, one.expect.columns ?? {});
      return { found: { verdict: verdict.action, rule: verdict.rule, columns }, ...(blind && { note }) };
    }
    case 'shell': {
      const { verdict, statement } = rules.shell(one.shell as string);
      const { facts } = statement;
      const note = 'not understood, so judged as the worst';
      const blind = facts.kind === 'shell' && !facts.complete;
      return { found: { verdict: verdict.action, rule: verdict.rule }, ...(blind && { note }) };
    }
    case 'http': {
      const verdict = rules.http(one.http as Record<string, unknown>);
      return { found: { verdict: verdict.action, rule: verdict.rule } };
    }
    case 'requestBytes': {
      const verdict = rules.requestBytes(one.requestBytes as number);
      return { found: { verdict: verdict.action, rule: verdict.rule } };
    }
    case 'text':
      return { found: { masked: rules.masked(one.text as string, 'text') } };
    case 'json':
      return { found: { masked: rules.masked(one.json as string, 'json') } };
    default: {
      const parts = (one.column as string).split('.');
      const [column = '', table = '', schema = 'public'] = parts.reverse();
      const rule = rules.column(schema, table, column);
      return { found: { mask: rule !== undefined, rule } };
    }
  }
}

/** The columns that are asked about; one the result does not have is missing. */
function only(
  said: Readonly<Record<string, boolean>>,
  wanted: Readonly<Record<string, boolean>>,
): Record<string, boolean> {
  return Object.fromEntries(Object.entries(said).filter(([name]) => Object.hasOwn(wanted, name)));
}

function show(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value);
}
