import { beforeAll, expect, test } from '@jest/globals';
import { loadParser } from '../statement/index.ts';
import { factsOnPaper } from './paper.ts';

beforeAll(loadParser);

function uses(sql: string): string {
  const found = factsOnPaper(sql).uses?.();
  const spelled = (columns: NonNullable<typeof found>['tests'] | undefined): string =>
    columns === 'unknown' || columns === undefined
      ? '?'
      : columns.map(({ schema, table, column }) => `${schema}.${table}.${column}`).join(' ');
  return `tests ${spelled(found?.tests)}; derives ${spelled(found?.derives)}`;
}

test.each([
  ["select name from customers where ssn = 'x'", 'tests public.customers.ssn; derives '],
  ['select upper(c.ssn) from s.customers c order by c.id', 'tests s.customers.id; derives s.customers.ssn'],
  ['select * from customers where id = 1', 'tests public.customers.id; derives '],
  ['select ssn from customers where ssn is not null', 'tests ; derives '],
  [
    'with c as (select ssn as s from customers) select 1 from c where s > $1',
    'tests public.customers.ssn; derives ',
  ],
  [
    'delete from customers using plain p where p.label = customers.ssn',
    'tests public.plain.label public.customers.ssn; derives ',
  ],
  ['begin', 'tests ; derives '],
  ['select nobody_knows(1)', 'tests ?; derives ?'],
  ['selec 1', 'tests ?; derives ?'],
])('%s %s', (sql, expected) => {
  expect(uses(sql)).toBe(expected);
});
