import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LeakCase } from './leak-case.ts';
import { LEAKS } from './leak-cases.ts';
import { type Stand, startStand } from './stand.ts';
import { leaked, VAULT, VAULT_DOCUMENT } from './vault.ts';
import {
  type Answer,
  bind,
  cells,
  describe as describeMessage,
  execute,
  field,
  parse,
  rowsOf,
  SYNC,
  status,
  types,
  WireClient,
} from './wire-client.ts';

let stand: Stand;
let token: string;

beforeAll(async () => {
  stand = await startStand({ setup: VAULT, document: VAULT_DOCUMENT });
  token = await stand.token();
}, 90_000);
afterAll(async () => {
  // What COPY wrote when the cases ran straight to the target.
  for (const end of ['', '-2', '-3', '-4']) rmSync(`/tmp/scrim-red-${process.pid}${end}`, { force: true });
  await stand?.stop();
}, 60_000);

function through(): Promise<WireClient> {
  return WireClient.connect({ ...stand.ready().postgres, database: 'shop', password: token });
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

type Mode = 'simple' | 'binary';

/** True when the transaction failed. */
async function send(client: WireClient, step: string, mode: Mode): Promise<boolean> {
  const answers = mode === 'simple' ? await client.query(step) : await client.prepared(step, [], [1]);
  return status(answers) === 'E';
}

/** Everything the server said in answer to the case's steps. */
async function play(
  connect: () => Promise<WireClient>,
  found: LeakCase,
  modes: readonly Mode[],
): Promise<Buffer> {
  const client = await connect();
  const other = found.elsewhere ? await connect() : undefined;
  for (const mode of modes) {
    if (!found.plain) await client.query('begin');
    for (const step of found.steps) {
      if (!found.plain) await client.query('savepoint s');
      const failed = await send(client, step, mode);
      if (client.closed) break;
      if (failed) await client.query('rollback to s');
    }
    if (client.closed) break;
    if (!found.plain) await client.query('rollback');
  }
  for (const step of found.elsewhere ?? []) await other?.query(step);
  client.end();
  other?.end();
  return Buffer.concat([client.received(), other?.received() ?? Buffer.alloc(0)]);
}

async function clean(found: LeakCase): Promise<void> {
  if (found.clean === undefined) return;
  const client = await direct();
  await client.query(found.clean);
  client.end();
}

describe('a masked value does not get out by', () => {
  test.each(LEAKS.map((found) => [found.name, found] as const))('%s', async (_name, found) => {
    const seen = await play(through, found, found.plain ? ['simple'] : ['simple', 'binary']);
    await clean(found);
    expect(leaked(seen)).toEqual([]);
    // The same straight to the target does give values away: the case is one, and the search finds them.
    const original = await play(direct, found, ['simple']);
    await clean(found);
    expect(leaked(original)).not.toEqual([]);
  });
});

/** What a caller sees of answers, apart from where in the server's source an error was raised. */
function seen(answers: readonly Answer[]): unknown[] {
  return answers.map((answer) =>
    answer.type === 'E' || answer.type === 'N'
      ? ['S', 'C', 'M', 'D', 'H', 'P', 't', 'c', 'n'].map((letter) => field(answer, letter))
      : [answer.type, answer.body.toString('latin1')],
  );
}

describe('nothing else changes:', () => {
  test.each([
    'select count(*) from customers',
    'select count(label), count(*) filter (where true) from plain',
    'select count(*), count(id) from customers where id > 1',
    'select 1, null, true, $$text$$, now() is null, current_user',
    'select id, name from customers order by id',
    'select c.id, p.amount from customers c join payments p on p.customer_id = c.id order by 1',
    'select ssn is null, nick is not null from customers',
    'select * from plain order by id',
    'select n, count(*), sum(n), max(label) from plain group by n order by n limit 7',
    "select label || '!', upper(label), length(label), row_to_json(p) from plain p order by id limit 5",
    "select array_agg(n), jsonb_object_agg(id, label), string_agg(label, ',') from plain where id < 9",
    'with recursive r(i) as (select 1 union all select i + 1 from r where i < 5) select i from r',
    'select id, caption from plain_view order by id limit 3',
    'select id, name from customer_tax order by id',
    "update plain set label = 'y' where id = 1000 returning *",
    'delete from plain where id = 1000 returning n',
    'delete from payments where id = 99',
    "update customers set name = name || '' where id = 1 returning id",
    "update customers set ssn = ssn where ssn = 'nobody'",
    'insert into sink select id, label from plain where id < 3 returning label',
    'insert into sink select id, name from customers returning id, label',
    "insert into sink select id, name from customers where ssn like 'Q%'",
    'with n as (insert into sink values (5, $$x$$) returning *) select * from n',
    'with n as (update payments set amount = amount where id = 1 returning id) select n.id, c.name from n join customers c on c.id = n.id and c.ssn > $$A$$',
    "insert into sink select c.id, p.label from customers c join plain p on p.id = c.id where c.born > '1900-01-01' order by c.score",
    'with c as (select id, ssn from customers) insert into sink select id, label from plain where id = 3',
    'truncate sink',
    'select * from nowhere',
    'select nothing from plain',
    'selec 1',
    'select 1/0',
    "select 'x'::int",
    'insert into plain values (1, null, null)',
    'show server_version',
    'set statement_timeout = 5000',
    'explain (costs off) select id from plain where id = 1',
    'copy (select id, label from plain order by id limit 5) to stdout',
    'copy (select id, label from plain order by id limit 5) to stdout (format csv, header)',
    'copy (select id, label from plain order by id limit 5) to stdout (format binary)',
    'select relname from pg_class where relname = $$plain$$',
    'select column_name, data_type from information_schema.columns where table_name = $$plain$$ order by 1',
    'begin; create temp table own (a int); insert into own values (1); rollback',
    'do $$ begin perform 1; end $$',
    '',
    'select 1; select 2; select count(*) from plain',
    'select generate_series(1, 3), md5($$a$$), to_char(date $$2020-01-01$$, $$Day$$)',
  ])('%s', async (sql) => {
    const [edge, straight] = [await through(), await direct()];
    const [ours, theirs] = [await edge.query(sql), await straight.query(sql)];
    expect(seen(ours)).toEqual(seen(theirs));
    if (!sql.includes(';') && sql !== '') {
      for (const format of [0, 1] as const) {
        const steps = [parse('', sql), describeMessage('S'), bind({ results: [format] }), execute(), SYNC];
        expect(seen(await edge.exchange(steps))).toEqual(seen(await straight.exchange(steps)));
      }
    }
    edge.end();
    straight.end();
  });

  test('unmasked neighbours of masked columns keep their bytes', async () => {
    const [edge, straight] = [await through(), await direct()];
    const sql = 'select id, ssn, name, score, notes is null, born from customers order by id';
    for (const format of [0, 1] as const) {
      const [ours, theirs] = [
        await edge.prepared(sql, [], [format]),
        await straight.prepared(sql, [], [format]),
      ];
      expect(types(ours)).toBe(types(theirs));
      const kept = (answers: readonly Answer[]): unknown =>
        answers
          .filter(({ type }) => type === 'D')
          .map((row) => [0, 2, 4].map((i) => cells(row)[i]?.toString('hex')));
      expect(kept(ours)).toEqual(kept(theirs));
    }
    expect(rowsOf(await edge.query('select ssn from customers'))).toEqual(Array(3).fill(['***MASKED***']));
    edge.end();
    straight.end();
  });

  test.each([
    "insert into plain values (%d, 'x', 1) returning id, label",
    "insert into payments values (%d, 1, '1', 5.5) returning id",
    "insert into customers select %d, 'new', 'a@b.cd', 'a', 'b', now(), 1 returning name",
    "insert into plain values (1, 'x', %d) on conflict (id) do update set n = excluded.n returning n",
  ])('%s', async (template) => {
    const [edge, straight] = [await through(), await direct()];
    for (const client of [edge, straight]) await client.query('begin');
    const sql = template.replace('%d', '1001');
    const ours = await edge.query(sql);
    // Both write the same key: the first must be gone before the second.
    await edge.query('rollback');
    expect(seen(ours)).toEqual(seen(await straight.query(sql)));
    await straight.query('rollback');
    edge.end();
    straight.end();
  });
});
