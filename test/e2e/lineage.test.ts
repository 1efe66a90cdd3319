import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CLEAR, MOVES, UNSEEN } from './lineage-cases.ts';
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
  test.each(CLEAR)('%s', async (sql) => {
    const [edge, straight] = [await as('agents'), await direct()];
    expect(seen(await edge.query(sql))).toEqual(seen(await straight.query(sql)));
    edge.end();
    straight.end();
  });
});

describe('what a session makes of masked columns stays masked in it:', () => {
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

describe('names that mean something else now', () => {
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
