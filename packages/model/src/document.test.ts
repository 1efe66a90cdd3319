import { expect, test } from '@jest/globals';
import { formatProblem, policySchema, problemsOf, readDocument } from './index.ts';

function problems(text: string): string[] {
  const read = readDocument(text, 'scrim.yaml');
  return read.ok ? [] : read.problems.map(formatProblem);
}

const DESIGN_EXAMPLE = `
apiVersion: scrim/v1
connections:
  - name: shop
    protocol: postgres                      # postgres | http | ssh
    target: { host: 127.0.0.1, port: 5432, database: shop, tls: disable }
    credential: { username: app, password: { env: SHOP_PASSWORD } }
    labels: { env: prod }
  - name: openai
    protocol: http
    target: { url: https://api.openai.com, dialect: openai }
    credential: { header: authorization, value: { env: OPENAI_API_KEY }, prefix: "Bearer " }
  - name: web1
    protocol: ssh
    target: { host: 10.0.0.5, port: 22, hostKey: "ssh-ed25519 AAAA" }
    credential: { username: deploy, privateKey: { file: ./id_ed25519 } }
policies:
  - name: production
    match: { labels: { env: prod }, groups: [engineers, agents] }
    mask:
      - { column: "customers.ssn", with: redact }
      - { column: "payments.card_number", with: { partial: { keepLast: 4 } } }
      - { field: "$..api_key", with: redact }
      - { detect: [secrets, pii.email, pii.card], with: redact }
      - { pattern: { name: employee-id, regex: "EMP-[0-9]{6}" }, with: tokenise }
    derived: mask
    predicates: allow
    guard:
      - { when: { sql: { statements: [drop_database, truncate] } }, do: block, reason: "no destructive DDL" }
      - { when: { sql: { effects: [ddl, admin] } }, do: hold }
      - { when: { sql: { unbounded: [update, delete] } }, do: block }
      - { when: { sql: { tables: ["payments"], effects: [write] } }, do: hold }
      - { when: { shell: { commands: [sudo, rm] } }, do: hold }
      - { when: { http: { methods: [DELETE], path: "/v1/**" } }, do: block }
      - { when: { request: { largerThan: 1MiB } }, do: block }
      - { when: { response: { blobLargerThan: 1MiB } }, do: block }
      - { when: { response: { detect: [secrets.private-key] } }, do: hold }
    approve: { by: [dba], quorum: 1, expires: 10m }
    record: { content: masked }
`;

test('the example of the design reads whole, with defaults and positions', () => {
  const read = readDocument(DESIGN_EXAMPLE, 'scrim.yaml');
  if (!read.ok) throw new Error(read.problems.map(formatProblem).join('\n'));
  expect(read.document.policies[0]?.guard).toHaveLength(9);
  expect(read.document.policies[0]?.record.maxContent).toBe('1MiB');
  expect(read.positions.at(['connections', 0, 'target', 'tls'])).toEqual({ line: 6, column: 65 });
  expect(read.positions.at(['policies', 0, 'guard', 2, 'when'])).toEqual({ line: 31, column: 17 });
  expect(read.positions.at(['policies', 0, 'nothing', 'here'])).toEqual({ line: 18, column: 5 });
});

test('every kind of fault names its line, its path and its mend', () => {
  const text = `apiVersion: scrim/v1
connections:
  - name: S
    protocol: postgres
    target: { host: 1, tls: maybe, foo: 1, port: 99999 }
    credential: { username: a, password: { envv: x } }
    labls: {}
  - name: b
    protocol: postgras
policies:
  - name: p
    mask:
      - { colum: a }
      - { column: a, with: redacted }
      - { detect: [] }
      - { foo: a }
    guard:
      - { when: { sql: { efects: [x], effects: [zzz] } }, do: stop }
      - { when: { request: { largerThan: 1 potato } }, do: block }
      - when:
        do: block
    approve: { by: [dba], expires: 10 }
  - name: p
extra: 1
`;
  expect(problems(text)).toMatchInlineSnapshot(`
[
  "scrim.yaml:3:11 connections[0].name: "S" is not allowed; use 1 to 63 lower-case letters, digits, - or _, starting with a letter or digit",
  "scrim.yaml:5:13 connections[0].target.database: "database" is missing; add database: text",
  "scrim.yaml:5:21 connections[0].target.host: 1 is a number, not text; write text, in quotes",
  "scrim.yaml:5:29 connections[0].target.tls: "maybe" is not allowed; use disable, require, verify-full, { verify-full: … }",
  "scrim.yaml:5:36 connections[0].target.foo: the key "foo" is not known here; use host, port, database, databases, tls",
  "scrim.yaml:5:50 connections[0].target.port: 99999 is out of bounds; use at most 65535",
  "scrim.yaml:6:44 connections[0].credential.password.envv: the key "envv" is not known here; did you mean env? allowed: env",
  "scrim.yaml:7:5 connections[0].labls: the key "labls" is not known here; did you mean labels? allowed: name, protocol, target, credential, labels, edges",
  "scrim.yaml:9:15 connections[1].protocol: "postgras" is not allowed; did you mean postgres? use postgres, http, ssh",
  "scrim.yaml:13:11 policies[0].mask[0].colum: the key "colum" is not known here; did you mean column? allowed: column, with",
  "scrim.yaml:14:28 policies[0].mask[1].with: "redacted" is not allowed; did you mean redact? use redact, hash, tokenise, null, fpe, partial, { redact: … }, { partial: … }, { hash: … }, { tokenise: … }, { fpe: … }",
  "scrim.yaml:15:19 policies[0].mask[2].detect: the list is empty; give at least 1 entry",
  "scrim.yaml:16:9 policies[0].mask[3]: this object is not allowed; use { column: … }, { field: … }, { header: … }, { detect: … }, { pattern: … }",
  "scrim.yaml:18:26 policies[0].guard[0].when.sql.efects: the key "efects" is not known here; did you mean effects? allowed: statements, effects, unbounded, tables",
  "scrim.yaml:18:49 policies[0].guard[0].when.sql.effects[0]: "zzz" is not allowed; use read, write, ddl, admin, session",
  "scrim.yaml:18:63 policies[0].guard[0].do: "stop" is not allowed; use allow, warn, hold, block",
  "scrim.yaml:19:42 policies[0].guard[1].when.request.largerThan: "1 potato" is not allowed; write a number with a unit: 64KiB, 1MiB, 2GB",
  "scrim.yaml:20:14 policies[0].guard[2].when: null is not allowed; use { sql: … }, { shell: … }, { sftp: … }, { http: … }, { request: … }, { response: … }",
  "scrim.yaml:22:36 policies[0].approve.expires: 10 is a number, not text; write text, in quotes",
  "scrim.yaml:23:11 policies[1].name: the name "p" is used twice; give each of the policies its own name",
  "scrim.yaml:24:1 extra: the key "extra" is not known here; use apiVersion, connections, policies",
]
`);
});

test.each([
  ['', 'scrim.yaml:1:1: the document is empty; write apiVersion: scrim/v1'],
  [
    '- x',
    'scrim.yaml:1:1: this is a list, not an object; write an object with apiVersion, connections, policies',
  ],
  ['a:\n\t- b', 'scrim.yaml:2:1: a tab is used for indentation; indent with spaces'],
  ['a: 1\na: 2', 'scrim.yaml:2:1: the same key stands twice; keep one of them'],
  ['a: 1\n---\nb: 1', 'scrim.yaml:2:1: there is more than one document in the file; remove the --- line'],
  ['a: *x', 'scrim.yaml:1:1: an alias names no anchor before it; write the values out'],
  ['"\\', 'scrim.yaml:1:3: a sign is missing; close every quote and bracket'],
])('syntax: %j', (text, expected) => {
  expect(problems(text)[0]).toBe(expected);
});

test('a small file of aliases cannot become a huge one', () => {
  const rows = ['a: &a [x,x,x,x,x,x,x,x,x,x]'];
  for (let i = 1; i < 9; i++) {
    const [name, before] = [String.fromCharCode(97 + i), String.fromCharCode(96 + i)];
    rows.push(`${name}: &${name} [${Array(10).fill(`*${before}`).join(',')}]`);
  }
  expect(problems(rows.join('\n'))).toEqual([
    'scrim.yaml:1:1: aliases expand without end; write the values out',
  ]);
});

test('a secret in the wrong place is not repeated', () => {
  const text = `apiVersion: scrim/v1
connections:
  - { name: a, protocol: postgres, target: { host: h, database: d }, credential: { username: u, password: hunter2 } }
  - { name: b, protocol: postgres, target: { host: h, database: d }, credential: hunter2 }
  - { name: c, protocol: postgres, target: { host: h, database: d }, credential: { username: u, password: { value: [hunter2] } } }
`;
  const found = problems(text);
  expect(found).toHaveLength(3);
  expect(found.join('\n')).not.toContain('hunter2');
});

test('a single object is judged without a file', () => {
  const found = problemsOf(policySchema, { name: 'p', predicates: 'alow' });
  expect(found.map(formatProblem)).toEqual([
    'predicates: "alow" is not allowed; did you mean allow? use allow, warn, hold, block',
  ]);
});
