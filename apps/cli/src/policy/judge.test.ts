import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadDocument } from '../document.ts';
import { loadCases } from './case-file.ts';
import { judge } from './judge.ts';
import { Rulebook } from './rulebook.ts';

const DOCUMENT = `
apiVersion: scrim/v1
connections:
  - name: shop
    protocol: postgres
    target: { host: 127.0.0.1, port: 5432, database: shop, tls: disable }
    credential: { username: app, password: { value: x } }
    labels: { env: prod }
policies:
  - name: production
    match: { labels: { env: prod }, groups: [agents] }
    mask:
      - { column: "customers.ssn", with: redact }
      - { field: "api_key", with: redact }
      - { detect: [pii.email], with: redact }
    guard:
      - { when: { sql: { statements: [drop_table] } }, do: block }
      - { when: { sql: { unbounded: [update, delete] } }, do: hold }
      - { when: { request: { largerThan: 1KiB } }, do: block }
      - { when: { shell: { commands: [rm] } }, do: hold }
    approve: { by: [dba] }
`;

let folder: string;
let rulebook: Rulebook;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'scrim-cases-'));
  writeFileSync(join(folder, 'scrim.yaml'), DOCUMENT);
  rulebook = await Rulebook.of(loadDocument(join(folder, 'scrim.yaml')));
});
afterAll(() => rmSync(folder, { recursive: true }));

function problems(one: string): readonly string[] {
  const file = join(folder, 'cases.yaml');
  const line = `  - { name: it, connection: shop, groups: [agents], ${one} }`;
  writeFileSync(file, `apiVersion: scrim/v1\ncases:\n${line}\n`);
  return loadCases(file).flatMap((it) => judge(it, file, rulebook).problems);
}

describe('a case passes when all it expects is so', () => {
  test.each([
    'sql: "DROP TABLE customers", expect: { verdict: block, rule: "production/guard[0]" }',
    'sql: "EXPLAIN ANALYZE DELETE FROM customers WHERE true", expect: { verdict: hold }',
    `sql: "SELECT 'drop table x' FROM customers", expect: { verdict: allow }`,
    `sql: "SELECT upper(ssn) AS tax, name, count(*) AS n FROM customers GROUP BY 1, 2", expect: { columns: { tax: true, name: false, n: false } }`,
    `sql: "WITH c AS (SELECT ssn AS harmless, id FROM customers) SELECT harmless || 'x' AS y, id FROM c", expect: { columns: { y: true, id: false } }`,
    'shell: "sudo -u root sh -c \'rm -rf /srv\'", expect: { verdict: hold, rule: "production/guard[3]" }',
    'shell: "echo rm", expect: { verdict: allow }',
    'requestBytes: 2000, expect: { verdict: block, rule: "production/guard[2]" }',
    'requestBytes: 20, expect: { verdict: allow }',
    'text: "to ada@example.com", expect: { masked: "to ***MASKED***" }',
    `json: '{"api_key":"x","n":1.0}', expect: { masked: '{"api_key":"***MASKED***","n":1.0}' }`,
    'column: public.customers.ssn, expect: { mask: true, rule: "production/mask[0]" }',
    'column: customers.name, expect: { mask: false }',
  ])('%s', (one) => {
    expect(problems(one)).toEqual([]);
  });
});

describe('a case fails with what it found instead', () => {
  test.each([
    ['sql: "DROP TABLE customers", expect: { verdict: allow }', ['verdict: expected "allow", is "block"']],
    [
      'sql: "SELECT 1", expect: { rule: "production/guard[0]" }',
      ['rule: expected "production/guard[0]", is none'],
    ],
    [
      'text: "to ada@example.com", expect: { masked: "to ada@example.com" }',
      [expect.stringContaining('MASKED')],
    ],
    [
      'sql: "SELECT ssn AS x, name FROM customers", expect: { columns: { x: false, gone: true } }',
      ['columns: expected {"x":false,"gone":true}, is {"x":true}'],
    ],
    [
      'sql: "SELECT * FROM customers", expect: { columns: { ssn: true } }',
      ['columns: expected {"ssn":true}, is none'],
    ],
    ['column: customers.ssn, expect: { mask: false }', ['mask: expected false, is true']],
  ])('%s', (one, expected) => {
    expect(problems(one)).toEqual(expected);
  });
});

test('another caller is judged by other policies', () => {
  const file = join(folder, 'others.yaml');
  const one =
    '{ name: it, connection: shop, groups: [people], sql: "DROP TABLE t", expect: { verdict: allow } }';
  writeFileSync(file, `apiVersion: scrim/v1\ncases:\n  - ${one}\n`);
  expect(loadCases(file).map((it) => judge(it, file, rulebook).problems)).toEqual([[]]);
});

test('what only a database can tell is judged as the worst, and a failing case says so', () => {
  const file = join(folder, 'blind.yaml');
  const one =
    '{ name: it, connection: shop, groups: [agents], sql: "SELECT f()", expect: { verdict: allow } }';
  writeFileSync(file, `apiVersion: scrim/v1\ncases:\n  - ${one}\n`);
  const [outcome] = loadCases(file).map((it) => judge(it, file, rulebook));
  expect(outcome).toMatchObject({
    problems: ['verdict: expected "allow", is "block"'],
    note: expect.stringMatching(/not known without a database.*f/),
  });
});

describe('a file of cases that cannot be meant is refused with line and mend', () => {
  test.each([
    ['sql: "SELECT 1", expect: {}', /cases\.yaml:3.*nothing is expected.*verdict or rule/s],
    ['expect: { verdict: allow }', /asks about nothing.*exactly one of sql/s],
    ['sql: "SELECT 1", text: x, expect: { verdict: allow }', /asks about sql and text/],
    ['text: x, expect: { verdict: allow }', /verdict cannot be expected of text.*expect masked/s],
    ['sql: "SELECT 1", expect: { verdict: maybe }', /maybe|allow/],
    ['sqll: "SELECT 1", expect: { verdict: allow }', /sqll.*did you mean sql/s],
  ])('%s', (one, message) => {
    expect(() => problems(one)).toThrow(message);
  });
});

test('a connection the document does not have is named with those it has', () => {
  expect(() => rulebook.for('shpo', [])).toThrow('no connection "shpo"');
});

test('reversible tokens are tried like any other mask, and kept nowhere', async () => {
  const file = join(folder, 'reversible.yaml');
  const operator = 'with: { tokenise: { reversible: true } } }\n    detokenise: [support';
  writeFileSync(file, DOCUMENT.replace('with: redact }\n    guard', `${operator}]\n    guard`));
  const rules = await Rulebook.of(loadDocument(file));
  const cases = join(folder, 'cases.yaml');
  const one =
    'name: it, connection: shop, groups: [agents], text: "to ada@example.com", expect: { masked: "to x" }';
  writeFileSync(cases, `apiVersion: scrim/v1\ncases:\n  - { ${one} }\n`);
  const [found] = loadCases(cases).flatMap((it) => judge(it, cases, rules).problems);
  expect(found).toMatch(/tok_7\w+@masked\.invalid/);
});
