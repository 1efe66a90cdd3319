import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, type Stand, startStand } from './stand.ts';
import { leaked, VAULT, VAULT_DOCUMENT } from './vault.ts';
import { type Answer, field, rowsOf, sqlState, WireClient } from './wire-client.ts';

/** The vault, with callers whose conditions and computed values are judged. */
const DOCUMENT = `${VAULT_DOCUMENT}
  - name: blind
    match: { groups: [blind] }
    mask: [{ column: "customers.ssn", with: redact }, { column: "customers.score", with: redact }]
    predicates: block
  - name: watched
    match: { groups: [watched] }
    mask: [{ column: "customers.ssn", with: redact }]
    predicates: warn
  - name: asked
    match: { groups: [asked] }
    mask: [{ column: "customers.ssn", with: redact }]
    predicates: hold
    approve: { by: [dba], quorum: 1, expires: 2s }
  - name: whole
    match: { groups: [whole] }
    mask: [{ column: "customers.ssn", with: { partial: { keepLast: 2 } } }]
    derived: block
`;

let stand: Stand;

beforeAll(async () => {
  stand = await startStand({ setup: VAULT, document: DOCUMENT });
}, 90_000);
afterAll(async () => {
  await stand?.stop();
}, 60_000);

const tokens = new Map<string, Promise<string>>();

async function as(groups: string): Promise<WireClient> {
  if (!tokens.has(groups)) tokens.set(groups, stand.token({ groups }));
  const password = (await tokens.get(groups)) ?? '';
  return WireClient.connect({ ...stand.ready().postgres, database: 'shop', password });
}

function direct(): Promise<WireClient> {
  const { host, port } = stand.target;
  return WireClient.connect({
    host,
    port,
    user: 'postgres',
    database: 'shop',
    password: 'target-password-1',
  });
}

/** Rows as the caller sees them, or the code of the error. */
function seen(answers: readonly Answer[]): unknown {
  const error = answers.find(({ type }) => type === 'E');
  return error ? `${sqlState(answers)} ${field(error, 'M')}` : rowsOf(answers);
}

const MASK = '***MASKED***';

describe('beside a masked column, what carries nothing of it stays:', () => {
  test.each([
    'select id, name, upper(name), length(name) from customers order by id',
    'select count(*), count(ssn), max(name) from customers',
    'select c.name || $$!$$, p.amount * 2 from customers c join payments p on p.customer_id = c.id order by 1',
    'select name, case when id > 1 then name else $$first$$ end from customers order by 1',
    'with c as (select name, ssn from customers) select upper(name) from c order by 1',
    "select to_jsonb(c)->>'name', row(id, name) from customers c order by id",
    "select jsonb_build_object('id', id, 'name', name) from customers order by id",
    'select id, lag(name) over (order by id), row_number() over (order by id) from customers',
    'select label from plain union all select name from customers order by 1 limit 5',
    'select (select name from customers c where c.id = p.id) from plain p order by id limit 3',
    'select array_agg(name order by id), string_agg(name, $$,$$ order by id) from customers',
    'select upper(name), tax is null from customer_tax order by 1',
    'select n, m from (select count(*) n, sum(id) m from mixed) q',
    'select id, name from all_customers() order by id',
    'select twice(name) from customers order by 1',
    'select coalesce(c.name, $$none$$), p.label from plain p left join customers c using (id) order by p.id limit 5',
    "update customers set name = name || '' where id = 1 returning upper(name), id + 1",
    'copy (select id, upper(name) from customers order by id) to stdout',
    'explain (costs off) select ssn from customers where id = 1',
    'explain (analyze, costs off, timing off, summary off, buffers off) select upper(ssn) from customers',
    'insert into sink select count(ssn), max(name) from customers where id = 0',
    'insert into sink select 7, name from customers where score > 1 and id = 0 returning upper(label)',
    'begin; create temp table t as select id, name from customers; select upper(name), id + 1 from t order by id; rollback',
    'create temp table kept as select id, ssn, name from customers; select upper(name) from kept order by id; drop table kept',
    'select count(*) from kept_later',
    'declare c cursor with hold for select upper(name) from customers order by 1; fetch all from c; close c',
    'prepare pn as select upper(name) from customers order by 1; execute pn; deallocate pn',
    'select region, count(*) from people group by region',
    'select a.n + 1, b.label from (select n, id from plain) a join plain b using (id) order by 1 limit 4',
    'select score is null, date_trunc($$year$$, now()) is null from customers',
    'select d.id * 2 from derived d join customers c on c.id = d.id order by 1',
  ])('%s', async (sql) => {
    const [edge, straight] = [await as('agents'), await direct()];
    expect(seen(await edge.query(sql))).toEqual(seen(await straight.query(sql)));
    edge.end();
    straight.end();
  });
});

describe('what a session makes of masked columns stays masked in it:', () => {
  const UNSEEN: readonly (readonly [string, ...string[]])[] = [
    ['create temp table t as select ssn as x, name from customers', 'select x, name from t order by name'],
    [
      'create temp table t as select ssn as x from customers',
      'select upper(x) from t',
      'table t',
      'select t from t',
    ],
    [
      'create temp table t as select upper(ssn) as x from customers',
      'select x from t',
      'select x || $$a$$ from t',
    ],
    [
      'create temp table t (x text)',
      'insert into t select ssn from customers',
      'select x from t',
      'select lower(x) from t',
    ],
    [
      'create temp table t (a text, b text generated always as (a || $$!$$) stored)',
      'insert into t(a) select ssn from customers',
      'select b from t',
    ],
    [
      'create temp table t (x text)',
      "insert into t values ('a')",
      'update t set x = (select max(ssn) from customers)',
      'select x, upper(x) from t',
    ],
    [
      'create temp table t as select ssn as x from customers',
      'create temp table u as select x as y from t',
      'select y from u',
      'select upper(y) from u',
    ],
    [
      'create temp table t as select ssn as x from customers',
      'alter table t rename x to z',
      'select z from t',
      'select upper(z) from t',
    ],
    [
      'create temp table t as select ssn as x from customers',
      'alter table t rename to u',
      'select upper(x) from u',
    ],
    [
      'create temp table t as select ssn as x, name from customers',
      'create temp view v as select x as w from t',
      'select w from v',
      'select upper(w) from v',
    ],
    [
      'create temp table t as select ssn as x from customers',
      'create view pg_temp.v as select upper(x) as w from t',
      'select w from v',
    ],
    [
      'create temp table t as select ssn as x from customers',
      'create view nv as select upper(x) as w from t',
      'select w from nv',
      'select w || w from nv',
    ],
    [
      'create temp table plain as select id, ssn as label from customers',
      'select label from plain',
      'select upper(label) from plain',
    ],
    [
      'create temp table plain as select id, ssn as label from customers',
      'select upper(p.label) from plain p join customers c using (id)',
    ],
    [
      'create temp table plain as select id, ssn as label from customers',
      'begin',
      'drop table plain',
      'rollback',
      'select upper(label) from plain',
    ],
    [
      'create temp table plain as select id, ssn as label from customers',
      'begin',
      'discard temp',
      'rollback',
      'select upper(label) from plain',
    ],
    [
      'create temp table t (x text)',
      'begin',
      'insert into t select ssn from customers',
      'select upper(x) from t',
      'commit',
      'select upper(x) from t',
    ],
    [
      'create temp table t as select c as r from customers c',
      'select (r).ssn from t',
      'select upper((r).ssn) from t',
      'select to_jsonb(r) from t',
    ],
    ['select ssn as x into temp t from customers', 'select x from t', 'select upper(x) from t'],
    [
      'prepare p as select ssn as x from customers',
      'create temp table t as execute p',
      'select x from t',
      'select upper(x) from t',
    ],
    [
      'do $$ begin create temp table t as select ssn as x from customers; end $$',
      'select upper(x) from t',
      'select x from t',
    ],
    [
      'do $$ begin create temp table plain as select id, ssn as label from customers; end $$',
      'select upper(label) from plain',
      'select label from plain',
    ],
    [
      'create temp table t as select ssn as x from customers',
      'declare c cursor with hold for select upper(x) from t',
      'fetch all from c',
    ],
    [
      'create temp table t as select ssn as x from customers',
      'copy (select upper(x) from t) to stdout',
      'copy t to stdout',
    ],
    [
      'create temp table t (x text)',
      'prepare p as select upper(x) from t',
      'insert into t select ssn from customers',
      'execute p',
    ],
    [
      'create temp table t as select ssn as x from customers',
      'create table stolen as select x as y from t',
      'select y from stolen',
    ],
    [
      'create temp table t as select ssn as x from customers',
      'insert into sink select 1, x from t',
      'select label from sink',
    ],
    [
      'create temp table t as select ssn as x from customers',
      'insert into sink select 1, upper(x) from t returning label',
    ],
    [
      'create temp table t as select ssn as x from customers',
      'update plain set label = x from t where plain.id = 1',
      'select label from plain where id = 1',
    ],
    [
      'create temp table sink (id int, label text)',
      'set search_path = public, pg_temp',
      'insert into sink select id, ssn from customers',
      'select label from public.sink',
    ],
    [
      'create temp table t as select ssn as x from customers',
      'create temp table t2 (like t)',
      'insert into t2 select * from t',
      'select upper(x) from t2',
    ],
    [
      'create temp table t as select name as x from customers',
      'alter table t add y text',
      'update t set y = (select max(ssn) from customers)',
      'select upper(y) from t',
    ],
    [
      'create temp table t (x text default ssn_of(1), y int)',
      'insert into t(y) values (1)',
      'select upper(x) from t',
    ],
    [
      'create temp table t () inherits (customers)',
      'insert into t select * from customers',
      'select upper(ssn) from t',
      'select ssn from t',
    ],
    [
      'create schema s9',
      'create table s9.plain (id int, label text)',
      'create temp table t as select ssn as x from customers',
      'set search_path = s9, public',
      'insert into plain select 1, x from t',
      'select upper(label) from plain',
      'select label from plain',
    ],
  ];

  test.each(UNSEEN.map((steps) => [steps.join(' ; '), steps] as const))('%s', async (_name, steps) => {
    const edge = await as('agents');
    for (const step of steps) await edge.query(step);
    expect(leaked(edge.received())).toEqual([]);
    edge.end();
    const straight = await direct();
    for (const step of steps) await straight.query(step);
    expect(leaked(straight.received())).not.toEqual([]);
    await straight.query('drop schema if exists s9 cascade');
    await straight.query('drop table if exists stolen; truncate sink');
    await straight.query("update plain set label = 'label ' || id where id < 4");
    straight.end();
    const cleaner = await direct();
    await cleaner.query('drop schema if exists s9 cascade; drop table if exists stolen; truncate sink');
    cleaner.end();
  });

  test('and the rest of it stays as it is', async () => {
    const edge = await as('agents');
    await edge.query('create temp table t as select id, ssn as x, name from customers');
    expect(seen(await edge.query('select x, name from t where id = 1'))).toEqual([[MASK, 'name1']]);
    expect(seen(await edge.query('select upper(name), id + 1 from t where id = 1'))).toEqual([
      ['NAME1', '2'],
    ]);
    expect(seen(await edge.query('select upper(name) from customers where id = 1'))).toEqual([['NAME1']]);
    await edge.query("insert into t values (9, 'mine', 'me')");
    expect(seen(await edge.query('select name, x from t where id = 9'))).toEqual([['me', MASK]]);
    await edge.query('create temp table own (a int, b text)');
    await edge.query("insert into own values (1, 'b')");
    expect(seen(await edge.query('select a, b, upper(b) from own'))).toEqual([['1', 'b', 'B']]);
    await edge.query('insert into own select id, name from t where id = 1');
    expect(seen(await edge.query('select upper(b) from own order by a, b'))).toEqual([['B'], ['NAME1']]);
    edge.end();
  });
});

describe('names that mean something else now', () => {
  const MOVES: readonly (readonly [string, ...string[]])[] = [
    [
      'create schema s7',
      'create view s7.plain as select id, ssn as label from customers',
      'set search_path = s7, public',
      'select upper(label) from plain',
      'select label from plain',
    ],
    [
      'create schema s7',
      'create table s7.customers as select id, name from customers',
      'set search_path = s7, public',
      'select upper(c.ssn) from public.customers c',
      'select upper(ssn) from public.customers',
    ],
    [
      'create schema s7',
      "create function s7.upper(text) returns text language sql as 'select ssn from public.customers limit 1'",
      'set search_path = s7, pg_catalog, public',
      'select upper(label) from plain limit 1',
    ],
    [
      'create schema s7',
      'prepare q as select upper(label) from plain limit 3',
      'create view s7.plain as select id, ssn as label from public.customers',
      'set search_path = s7, public',
      'execute q',
    ],
    [
      'create schema s7',
      'create view s7.plain as select id, name as label from customers',
      'set search_path = s7, public',
      'prepare q as select upper(label) from plain',
      'execute q',
      'create or replace view s7.plain as select id, ssn as label from public.customers',
      'execute q',
    ],
    [
      'create schema s7',
      'create view s7.v as select upper(name) as a from customers',
      'begin',
      'declare c cursor with hold for select a || $$$$ from s7.v',
      'commit',
      'fetch 1 from c',
      'create or replace view s7.v as select upper(ssn) as a from customers',
      'select a || $$$$ from s7.v',
    ],
    [
      'create schema s7',
      'create view s7.v as select upper(ssn) as a from customers',
      'begin',
      'declare c cursor with hold for select a || $$$$ from s7.v',
      'commit',
      'create or replace view s7.v as select upper(name) as a from customers',
      'fetch all from c',
    ],
    [
      'create schema s7',
      'create function s7.f() returns text language sql as $$ select name from public.customers limit 1 $$',
      'select s7.f()',
      'create or replace function s7.f() returns text language sql as $$ select ssn from public.customers limit 1 $$',
      'select s7.f()',
    ],
    [
      'create schema s7',
      'create table s7.copy (like public.customers)',
      'alter table s7.copy inherit public.customers',
      'insert into s7.copy select * from public.customers',
      'select upper(ssn) from s7.copy',
      'select ssn from s7.copy',
    ],
    [
      'create schema s7',
      'create domain s7.text as text',
      'set search_path = s7, public',
      'select ssn::text from customers',
      'select (ssn || $$$$)::s7.text from customers',
    ],
  ];

  test.each(MOVES.map((steps) => [steps.join(' ; '), steps] as const))('%s', async (_name, steps) => {
    const edge = await as('agents');
    for (const step of steps) await edge.query(step);
    expect(leaked(edge.received())).toEqual([]);
    edge.end();
    const straight = await direct();
    await straight.query('drop schema if exists s7 cascade');
    for (const step of steps) await straight.query(step);
    expect(leaked(straight.received())).not.toEqual([]);
    await straight.query('drop schema if exists s7 cascade');
    straight.end();
  });
});

describe('predicates', () => {
  test.each([
    "select name from customers where ssn like 'Q%'",
    'select name from customers order by ssn',
    'select count(*) from customers group by score',
    "select tax from customer_tax where tax = 'x'",
    "with c as (select upper(ssn) u from customers) select 1 from c where u = 'X'",
    'update plain set n = 1 from customers c where c.ssn = plain.label',
    "copy (select name from customers where ssn > 'A') to stdout",
    'prepare pr as select 1 from customers where ssn = $1',
    'select 1 from customers a join customers b using (ssn)',
    "do $$ begin if exists (select from customers where ssn like 'Q%') then raise notice 'y'; end if; end $$",
  ])('block: %s', async (sql) => {
    const edge = await as('blind');
    expect(seen(await edge.query(sql))).toMatch(/^42501 .*which is masked/);
    const prepared = await edge.prepared(sql, [], [0]).catch(() => []);
    expect(leaked(edge.received())).toEqual([]);
    if (!sql.startsWith('copy')) expect(sqlState(prepared)).toBe('42501');
    // The session goes on.
    expect(seen(await edge.query('select 1'))).toEqual([['1']]);
    edge.end();
  });

  test.each([
    'select name from customers where ssn is not null and id = 1',
    'select name, ssn from customers where id = 1 order by name',
    'select count(*), count(ssn) from customers',
    'update customers set name = name where id = 1',
    'select 1',
    'begin',
    'set work_mem = 5000',
    'select c.ssn from customers c join payments p on p.customer_id = c.id where p.amount = 1',
    'create temp table pt as select name, ssn from customers',
  ])('block leaves alone: %s', async (sql) => {
    const edge = await as('blind');
    expect(JSON.stringify(seen(await edge.query(sql)))).not.toContain('42501');
    edge.end();
  });

  test('block sees through temporary tables', async () => {
    const edge = await as('blind');
    await edge.query('create temp table t as select ssn as x, name from customers');
    expect(seen(await edge.query("select name from t where name = 'name1'"))).toEqual([['name1']]);
    expect(seen(await edge.query("select name from t where x like 'Q%'"))).toMatch(/^42501/);
    edge.end();
  });

  test('warn tells and runs', async () => {
    const edge = await as('watched');
    const answers = await edge.query("select name from customers where ssn like 'QZX%'");
    expect(seen(answers)).toEqual([['name1']]);
    expect(
      field(
        answers.find(({ type }) => type === 'N'),
        'M',
      ),
    ).toMatch(/tests customers.ssn, which is masked/);
    expect((await edge.query('select name from customers')).some(({ type }) => type === 'N')).toBe(false);
    edge.end();
  });

  test('hold waits for an approver', async () => {
    const edge = await as('asked');
    const waiting = edge.query("select name from customers where ssn like 'QZX%'");
    const held = await eventually(async () => {
      const page = await stand.rest<{ items: { statement: string; rule?: string }[] }>(
        'GET',
        '/v1/approvals?state=pending',
      );
      return page.items.find(({ statement }) => statement.includes('ssn like'));
    });
    expect(JSON.stringify(held)).toContain('asked/predicates');
    // Nobody decides within the two seconds the policy gives.
    expect(seen(await waiting)).toMatch(/^42501/);
    edge.end();
  });
});

describe('derived: block', () => {
  test.each([
    'select upper(ssn) from customers',
    'select substr(ssn, 1, 1), name from customers',
    'select c from customers c',
    'select to_jsonb(c) from customers c',
    'select max(tax) from customer_tax',
    'select ssn_of(1)',
    'select ssn_dynamic(1)',
    'copy (select ssn || $$$$ from customers) to stdout',
    'prepare p as select reverse(ssn) from customers',
    'update customers set name = name returning lower(ssn)',
  ])('refuses %s before it runs', async (sql) => {
    const edge = await as('whole');
    expect(seen(await edge.query(sql))).toMatch(/^42501/);
    expect(seen(await edge.query('select ssn, name from customers where id = 1'))).toEqual([
      [expect.stringMatching(/^\*+KJ$/), 'name1'],
    ]);
    edge.end();
  });

  test.each([
    'select name, upper(name), count(*) over () from customers order by 1',
    'select count(ssn), max(id) from customers',
    'select label from plain union all select name from customers order by 1 limit 4',
    'select n, ssn is null from plain join customers using (id) order by 1',
    'begin',
    'show work_mem',
  ])('leaves %s alone', async (sql) => {
    const [edge, straight] = [await as('whole'), await direct()];
    expect(seen(await edge.query(sql))).toEqual(seen(await straight.query(sql)));
    edge.end();
    straight.end();
  });
});
