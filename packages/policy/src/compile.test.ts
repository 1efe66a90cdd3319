import { expect, test } from '@jest/globals';
import { type Policy, policySchema, type SqlFacts, type Statement } from '@scrim/model';
import { compilePolicies, type VersionedPolicy } from './index.ts';

const SUBJECT = { labels: { env: 'prod' }, groups: ['agents'] };

function policy(fields: Partial<Record<keyof Policy, unknown>>, version = 1): VersionedPolicy {
  return { ...policySchema.parse({ name: 'production', approve: { by: ['dba'] }, ...fields }), version };
}

function sql(facts: Partial<SqlFacts>): Statement {
  const all: SqlFacts = {
    kind: 'sql',
    statements: [],
    effects: [],
    unbounded: [],
    tables: [],
    complete: true,
    opaque: [],
    ...facts,
  };
  return { verb: 'X', text: 'x', facts: all };
}

const read = (name: string, schema: string | null = null) => ({ schema, name, access: 'read' }) as const;
const write = (name: string, schema: string | null = null) => ({ schema, name, access: 'write' }) as const;

const EXAMPLE = policy({
  guard: [
    {
      when: { sql: { statements: ['drop_database', 'truncate'] } },
      do: 'block',
      reason: 'no destructive DDL',
    },
    { when: { sql: { effects: ['ddl', 'admin'] } }, do: 'hold' },
    { when: { sql: { unbounded: ['update', 'delete'] } }, do: 'block' },
    { when: { sql: { tables: ['payments'], effects: ['write'] } }, do: 'hold' },
    { when: { shell: { commands: ['sudo', 'rm'] } }, do: 'hold' },
    { when: { http: { methods: ['DELETE'], path: '/v1/**' } }, do: 'block' },
  ],
});

const select = sql({ statements: ['select'], effects: ['read'], tables: [read('payments')] });

test.each<[string, Statement, string, string | undefined]>([
  ['a plain read', select, 'allow', undefined],
  ['truncate', sql({ statements: ['truncate'], effects: ['write', 'ddl'] }), 'block', 'production/guard[0]'],
  ['DDL', sql({ statements: ['create_table'], effects: ['ddl'] }), 'hold', 'production/guard[1]'],
  [
    'an unbounded delete behind DDL in one text',
    sql({
      statements: ['create_table', 'delete'],
      effects: ['ddl', 'write'],
      unbounded: ['delete'],
      tables: [write('t')],
    }),
    'block',
    'production/guard[2]',
  ],
  [
    'a write to payments',
    sql({ statements: ['update'], effects: ['write'], tables: [write('payments', 'public')] }),
    'hold',
    'production/guard[3]',
  ],
  [
    'copying out of payments is no write to it',
    sql({ statements: ['insert'], effects: ['write', 'read'], tables: [write('log'), read('payments')] }),
    'allow',
    undefined,
  ],
  [
    'what is unknown is judged as the worst',
    sql({ complete: false, effects: ['unknown'] }),
    'block',
    'production/guard[0]',
  ],
  [
    'a shell line',
    { verb: 'exec', text: 'sudo x', facts: { kind: 'shell', commands: ['sudo'], complete: true } },
    'hold',
    'production/guard[4]',
  ],
  [
    'an unparsed shell line',
    { verb: 'exec', text: '?', facts: { kind: 'shell', commands: [], complete: false } },
    'hold',
    'production/guard[4]',
  ],
  [
    'an HTTP request below the path',
    { verb: 'DELETE', text: '', facts: { kind: 'http', method: 'delete', path: '/v1/files/a/b' } },
    'block',
    'production/guard[5]',
  ],
  [
    'an HTTP request beside the path',
    { verb: 'DELETE', text: '', facts: { kind: 'http', method: 'DELETE', path: '/v2/files' } },
    'allow',
    undefined,
  ],
])('%s', (_, statement, action, rule) => {
  const verdict = compilePolicies([EXAMPLE], SUBJECT).judge(statement);
  expect([verdict.action, verdict.rule]).toEqual([action, rule]);
});

test('a hold names who may release it, a block its reason and policy version', () => {
  const compiled = compilePolicies([{ ...EXAMPLE, version: 7 }], SUBJECT);
  expect(compiled.judge(sql({ effects: ['ddl'] }))).toEqual({
    action: 'hold',
    rule: 'production/guard[1]',
    policy: 'production',
    policyVersion: 7,
    approve: { by: ['dba'], quorum: 1, expiresMs: 600_000 },
  });
  expect(compiled.judge(sql({ statements: ['truncate'] })).reason).toBe('no destructive DDL');
});

test.each<[string, unknown, Record<string, string>, string[], boolean]>([
  ['no match = everything', {}, {}, [], true],
  ['all labels equal', { labels: { env: 'prod' } }, { env: 'prod', team: 'x' }, [], true],
  ['one label differs', { labels: { env: 'prod', team: 'y' } }, { env: 'prod', team: 'x' }, [], false],
  ['a label is missing', { labels: { env: 'prod' } }, {}, [], false],
  ['a label of Object.prototype is no label', { labels: { constructor: 'x' } }, {}, [], false],
  ['one group in common', { groups: ['a', 'b'] }, {}, ['b', 'c'], true],
  ['no group in common', { groups: ['a'] }, {}, ['c'], false],
])('matching: %s', (_, match, labels, groups, expected) => {
  expect(compilePolicies([policy({ match })], { labels, groups }).policies.length === 1).toBe(expected);
});

const ALLOW_READS = { when: { sql: { statements: ['select'] } }, do: 'allow' };
const BLOCK_ALL = { when: { sql: {} }, do: 'block' };

test.each<[string, unknown[], Statement, string]>([
  ['allow exempts later rules', [ALLOW_READS, BLOCK_ALL], select, 'allow'],
  ['allow does not exempt earlier ones', [BLOCK_ALL, ALLOW_READS], select, 'block'],
  [
    'allow must cover every statement of the text',
    [ALLOW_READS, BLOCK_ALL],
    sql({ statements: ['select', 'delete'], effects: ['read', 'write'] }),
    'block',
  ],
  [
    'allow never covers what is unknown',
    [ALLOW_READS, BLOCK_ALL],
    sql({ statements: ['select'], complete: false }),
    'block',
  ],
  [
    'allow must cover every table, surely',
    [{ when: { sql: { tables: ['public.tmp_*'] } }, do: 'allow' }, BLOCK_ALL],
    sql({ effects: ['write'], tables: [write('tmp_1', 'public'), write('tmp_2')] }),
    'block',
  ],
  [
    'allow of tables',
    [{ when: { sql: { tables: ['public.tmp_*'] } }, do: 'allow' }, BLOCK_ALL],
    sql({ effects: ['write'], tables: [write('tmp_1', 'public')] }),
    'allow',
  ],
  [
    'allow of tables allows no server files',
    [{ when: { sql: { tables: ['tmp_*'] } }, do: 'allow' }, BLOCK_ALL],
    sql({ effects: ['read', 'admin'], tables: [read('tmp_1')] }),
    'block',
  ],
  [
    'the worst matching rule counts, whatever the order',
    [
      { when: { sql: { effects: ['write'] } }, do: 'warn' },
      { when: { sql: { unbounded: ['delete'] } }, do: 'block' },
      { when: { sql: { effects: ['write'] } }, do: 'hold' },
    ],
    sql({ effects: ['write'], unbounded: ['delete'] }),
    'block',
  ],
])('%s', (_, guard, statement, action) => {
  expect(compilePolicies([policy({ guard })], SUBJECT).judge(statement).action).toBe(action);
});

test('the worst policy wins; an allow in one does not exempt another', () => {
  const one = policy({ name: 'one', guard: [ALLOW_READS] });
  const two = policy({ name: 'two', guard: [{ when: { sql: { tables: ['pay*'] } }, do: 'warn' }] });
  const verdict = compilePolicies([one, two], SUBJECT).judge(select);
  expect([verdict.action, verdict.rule]).toEqual(['warn', 'two/guard[0]']);
});

test('two holds: the highest quorum decides who, the shortest expiry how long', () => {
  const guard = [{ when: { sql: {} }, do: 'hold' }];
  const one = policy({ name: 'one', guard, approve: { by: ['dba'], quorum: 1, expires: '5m' } });
  const two = policy({ name: 'two', guard, approve: { by: ['security'], quorum: 2, expires: '1h' } });
  expect(compilePolicies([one, two], SUBJECT).judge(select)).toMatchObject({
    rule: 'two/guard[0]',
    approve: { by: ['security'], quorum: 2, expiresMs: 300_000 },
  });
});

test('a hold that nobody could release blocks', () => {
  const guard = [{ when: { sql: {} }, do: 'hold' }];
  const orphan = { ...policySchema.parse({ name: 'p', guard }), version: 1 };
  expect(compilePolicies([orphan], SUBJECT).judge(select)).toMatchObject({
    action: 'block',
    reason: 'no approver is named',
  });
});

test.each<[string, { schema: string | null; name: string }, boolean]>([
  ['payments', { schema: null, name: 'payments' }, true],
  ['payments', { schema: 'audit', name: 'payments' }, true],
  ['payments', { schema: 'audit', name: 'Payments' }, true],
  ['payments', { schema: null, name: 'payments_2024' }, false],
  ['pay*', { schema: null, name: 'payments_2024' }, true],
  ['public.payments', { schema: null, name: 'payments' }, true],
  ['public.payments', { schema: 'other', name: 'payments' }, false],
  ['audit.*', { schema: 'audit', name: 'anything' }, true],
  ['*.pay?ents', { schema: 'x', name: 'payments' }, true],
  ['pay.+', { schema: null, name: 'payments' }, false],
])('a restricting rule on %s and table %j', (pattern, table, expected) => {
  const guard = [{ when: { sql: { tables: [pattern] } }, do: 'block' }];
  const statement = sql({ effects: ['read'], tables: [{ ...table, access: 'read' }] });
  expect(compilePolicies([policy({ guard })], SUBJECT).judge(statement).action === 'block').toBe(expected);
});

test('masks keep their order and names, limits and records are merged', () => {
  const one = policy({
    name: 'one',
    mask: [{ column: 'a.b' }, { detect: ['secrets'] }],
    guard: [
      { when: { request: { largerThan: '1KiB' } }, do: 'warn' },
      { when: { response: { blobLargerThan: '2KiB', detect: ['pii'] } }, do: 'block' },
    ],
    record: { content: { sealed: 'key' } },
  });
  const two = policy({
    name: 'two',
    mask: [{ field: 'c' }],
    derived: 'block',
    predicates: 'hold',
    guard: [{ when: { request: { largerThan: '2KiB' } }, do: 'block' }],
    record: { maxContent: '10B' },
  });
  const compiled = compilePolicies([one, two], SUBJECT);
  expect(compiled.masks.map((mask) => mask.id)).toEqual(['one/mask[0]', 'one/mask[1]', 'two/mask[0]']);
  expect(compiled.derived).toBe('block');
  expect(compiled.predicates).toMatchObject({ action: 'hold', rule: 'two/predicates' });
  expect(compiled.response).toMatchObject([
    { blobLargerThan: 2048, detect: ['pii'], verdict: { action: 'block' } },
  ]);
  expect([1024, 1025, 2049].map((bytes) => compiled.judgeRequest(bytes).action)).toEqual([
    'allow',
    'warn',
    'block',
  ]);
  expect(compiled.record).toEqual({ content: 'masked', sealed: ['key'], maxContent: 10 });
  const silent = policy({ name: 'three', record: { content: 'none' } });
  expect(compilePolicies([one, silent], SUBJECT).record).toMatchObject({ content: 'none', sealed: [] });
});

test('a hostile glob takes no time', () => {
  const guard = [{ when: { sql: { tables: [`${'*a'.repeat(200)}b`] } }, do: 'block' }];
  const statement = sql({ tables: [read('a'.repeat(5_000))] });
  const start = performance.now();
  expect(compilePolicies([policy({ guard })], SUBJECT).judge(statement).action).toBe('allow');
  expect(performance.now() - start).toBeLessThan(2_000);
});
