import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DODGES, FILE, INNOCENT } from './guard-dodges.ts';
import { eventually, type Stand, startStand } from './stand.ts';
import {
  type Answer,
  bind,
  close,
  describe as describeMessage,
  execute,
  FLUSH,
  field,
  message,
  parse,
  query,
  rowsOf,
  SYNC,
  sqlState,
  status,
  text,
  types,
  WireClient,
} from './wire-client.ts';

const SETUP = `
  create table victim (id int primary key, n int);
  insert into victim select i, i from generate_series(1, 10) i;
  create table ledger (id int primary key, n int);
  insert into ledger select i, i from generate_series(1, 10) i;
  create table harmless (id int);
  create view ledger_view as select * from ledger;
  create view ruled as select 1 as a;
  create rule r as on insert to ruled do instead delete from ledger;
  create function wipe() returns int language sql as 'delete from ledger; select 1';
  create function wipe_stable() returns int language plpgsql stable as $$ begin perform wipe(); return 1; end $$;
  create function wipe_dynamic(t text) returns void language plpgsql as $$ begin execute 'dele' || 'te from ' || t; end $$;
  create procedure wipe_procedure() language plpgsql as $$ begin delete from ledger; end $$;
  create function remove(l ledger) returns boolean language plpgsql as $$ begin delete from ledger; return true; end $$;
  create function joined(a text, b text) returns text language plpgsql as $$ begin delete from ledger; return a; end $$;
  create operator ~~~ (leftarg = text, rightarg = text, function = joined);
  create function plus(state int, n int) returns int language plpgsql as $$ begin delete from ledger; return 0; end $$;
  create aggregate wipe_all(int) (sfunc = plus, stype = int, initcond = '0');
`;

const DOCUMENT = `
apiVersion: scrim/v1
connections:
  - name: shop
    protocol: postgres
    target: { host: $HOST, port: $PORT, database: shop, tls: disable }
    credential: { username: postgres, password: { env: SHOP_PASSWORD } }
    labels: { env: prod }
policies:
  - name: strict
    match: { labels: { env: prod }, groups: [agents] }
    guard:
      - { when: { sql: { statements: [drop_table, truncate] } }, do: block, reason: no destructive DDL }
      - { when: { sql: { effects: [ddl, admin] } }, do: block, reason: no schema changes }
      - { when: { sql: { unbounded: [update, delete] } }, do: block, reason: it touches every row }
      - { when: { sql: { tables: [ledger], effects: [write] } }, do: block, reason: the ledger is closed }
  - name: watched
    match: { labels: { env: prod }, groups: [writers] }
    guard:
      - { when: { sql: { statements: [update, delete] } }, do: hold, reason: a person looks at writes }
    approve: { by: [dba], quorum: 1, expires: 1m }
`;

let stand: Stand;
let token: string;
let watch: WireClient;
let before: string;

beforeAll(async () => {
  stand = await startStand({ setup: SETUP, document: DOCUMENT });
  token = await stand.token();
  const { host, port } = stand.target;
  watch = await WireClient.connect({
    host,
    port,
    user: 'postgres',
    database: 'shop',
    password: 'target-password-1',
  });
  before = await state();
}, 90_000);
afterAll(async () => {
  watch?.end();
  await stand?.stop();
}, 60_000);

/** Everything a dodge could have changed, read beside the edge. */
async function state(): Promise<string> {
  const answers = await watch.query(`select (select string_agg(id || ':' || n, ',' order by id) from victim),
    (select string_agg(id || ':' || n, ',' order by id) from ledger), (select count(*) from harmless),
    (select string_agg(relname, ',' order by relname) from pg_class where oid > 16383 and relnamespace = 'public'::regnamespace),
    (select string_agg(rolname, ',' order by rolname) from pg_roles), (select count(*) from pg_proc where oid > 16383),
    (select count(*) from pg_prepared_xacts)`);
  return JSON.stringify([rowsOf(answers), existsSync(FILE)]);
}

async function through(as = token): Promise<WireClient> {
  return await WireClient.connect({ ...stand.ready().postgres, database: 'shop', password: as });
}

async function stillIn(client: WireClient, expected: string): Promise<void> {
  expect(status(await client.query('select 1'))).toBe(expected);
}

describe('refused, not run, and the session goes on:', () => {
  test.each(DODGES.map((sql) => [sql.length > 90 ? `${sql.slice(0, 90)}…` : sql, sql] as const))(
    '%s',
    async (_name, sql) => {
      const client = await through();
      const plain = await client.query(sql);
      expect(sqlState(plain)).toBe('42501');
      expect(types(plain).replaceAll('N', '')).toBe('EZ');
      expect(status(plain)).toBe('I');
      const extended = await client.exchange([parse('', sql), bind(), describeMessage('P'), execute(), SYNC]);
      expect(sqlState(extended)).toBe('42501');
      expect(types(extended).replaceAll('N', '')).toBe('EZ');
      await stillIn(client, 'I');
      await client.query('begin');
      expect(status(await client.query(sql))).toBe('E');
      expect(sqlState(await client.query('select 1'))).toBe('25P02');
      expect(status(await client.query('rollback'))).toBe('I');
      expect(rowsOf(await client.query('select 1'))).toEqual([['1']]);
      client.end();
      expect(await state()).toBe(before);
    },
  );

  test('all of them together left the target as it was', async () => {
    expect(DODGES.length).toBeGreaterThan(100);
    expect(await state()).toBe(before);
  });
});

test.each(INNOCENT)('innocent: %s', async (sql) => {
  const client = await through();
  expect(sqlState(await client.query(sql))).toBeUndefined();
  if (!sql.includes(';')) {
    const answers = await client.exchange([parse('', sql), bind(), describeMessage('P'), execute(), SYNC]);
    expect(sqlState(answers)).toBeUndefined();
  }
  client.end();
  expect(await state()).toBe(before);
});

const DROP = 'drop table victim';
/** Bytes on the wire that no driver sends; ReadyForQuery messages they cause, and what must come of each. */
const PIPELINES: readonly {
  readonly name: string;
  readonly parts: () => readonly Buffer[];
  readonly syncs: number;
  readonly expected: string;
}[] = [
  {
    name: 'an allowed Execute, then a refused one',
    parts: () => [parse('', 'select 1'), bind(), execute(), parse('', DROP), bind(), execute(), SYNC],
    syncs: 1,
    expected: '12DCEZ',
  },
  {
    name: 'what follows a refusal is discarded up to Sync',
    parts: () => [parse('', DROP), bind(), execute(), parse('', 'select 1'), bind(), execute(), SYNC],
    syncs: 1,
    expected: 'EZ',
  },
  {
    name: 'the unnamed statement after a refused Parse is not the old one',
    parts: () => [parse('', 'select 1'), SYNC, parse('', DROP), SYNC, bind(), execute(), SYNC],
    syncs: 3,
    expected: '1ZEZEZ',
  },
  {
    name: 'a named statement cannot be redefined into a refused one',
    parts: () => [
      parse('a', 'select 1'),
      SYNC,
      parse('a', DROP),
      SYNC,
      bind({ statement: 'a' }),
      execute(),
      SYNC,
    ],
    syncs: 3,
    expected: '1ZEZ2DCZ',
  },
  {
    name: 'close and reuse of a name',
    parts: () => [
      parse('b', 'select 1'),
      close('S', 'b'),
      parse('b', 'delete from victim'),
      bind({ statement: 'b' }),
      execute(),
      SYNC,
    ],
    syncs: 1,
    expected: '13EZ',
  },
  {
    name: 'a portal bound before a refusal is gone after it',
    parts: () => [parse('', 'select 1'), bind({ portal: 'p' }), parse('x', DROP), SYNC, execute('p'), SYNC],
    syncs: 2,
    expected: '12EZEZ',
  },
  {
    name: 'SQL PREPARE, bound by message',
    parts: () => [query('prepare c as delete from victim'), bind({ statement: 'c' }), execute(), SYNC],
    syncs: 2,
    expected: 'EZEZ',
  },
  {
    name: 'a prepared write of a closed table, executed by SQL',
    parts: () => [parse('d', 'insert into ledger values (77, 1)'), SYNC, query('execute d')],
    syncs: 2,
    expected: 'EZEZ',
  },
  {
    name: 'Describe of a refused statement',
    parts: () => [parse('e', DROP), describeMessage('S', 'e'), SYNC],
    syncs: 1,
    expected: 'EZ',
  },
  {
    name: 'Flush between',
    parts: () => [parse('', DROP), FLUSH, bind(), FLUSH, execute(), FLUSH, SYNC],
    syncs: 1,
    expected: 'EZ',
  },
  {
    name: 'an error first, the refused text behind it',
    parts: () => [parse('', 'select nothing'), parse('', DROP), bind(), execute(), SYNC],
    syncs: 1,
    expected: 'EZ',
  },
  {
    name: 'several Queries in one write',
    parts: () => [query('select 1'), query(DROP), query('select 2')],
    syncs: 3,
    expected: 'TDCZEZTDCZ',
  },
  {
    name: 'a function-call message',
    parts: () => [message('F', Buffer.from([0, 0, 0x03, 0xbb, 0, 0, 0, 0, 0, 0]))],
    syncs: 1,
    expected: 'EZ',
  },
  {
    name: 'COPY data without a COPY',
    parts: () => [message('d', Buffer.from('drop table victim')), message('c'), query('select 1')],
    syncs: 1,
    expected: 'TDCZ',
  },
  {
    name: 'a comment with invalid UTF-8 before the drop',
    parts: () => [query(Buffer.concat([Buffer.from([0x2f, 0x2a, 0xc3, 0x2a, 0x2f]), Buffer.from(DROP)]))],
    syncs: 1,
    expected: 'EZ',
  },
  {
    name: 'an overlong quote in invalid UTF-8',
    parts: () => [
      query(
        Buffer.concat([Buffer.from("select '"), Buffer.from([0xc0, 0xa7]), Buffer.from(`; ${DROP}; --'`)]),
      ),
    ],
    syncs: 1,
    expected: 'EZ',
  },
  {
    name: 'a cut character that swallows a quote',
    parts: () => [
      query(Buffer.concat([Buffer.from("select '"), Buffer.from([0xe2, 0x82]), Buffer.from(`'; ${DROP}`)])),
    ],
    syncs: 1,
    expected: 'EZ',
  },
];

describe('on the wire:', () => {
  test.each(PIPELINES.map((it) => [it.name, it] as const))(
    '%s',
    async (_name, { parts, syncs, expected }) => {
      const client = await through();
      const answers = await client.exchange(parts(), syncs);
      expect(types(answers).replaceAll('N', '')).toBe(expected);
      await stillIn(client, 'I');
      client.end();
      expect(await state()).toBe(before);
    },
  );

  test('one message at a time, one byte at a time', async () => {
    const client = await through();
    for (const byte of Buffer.concat([parse('', DROP), bind(), execute(), SYNC, query(DROP)]))
      client.send(Buffer.from([byte]));
    const answers = await client.until('Z', 2);
    expect(types(answers)).toBe('EZEZ');
    await stillIn(client, 'I');
    client.end();
    expect(await state()).toBe(before);
  });

  test('text behind a NUL is not smuggled: the message is refused or ends the session', async () => {
    const client = await through();
    client.send(message('Q', text('select 1'), text(DROP)));
    const answers = await client.until('Z');
    expect(types(answers)).not.toContain('D');
    client.destroy();
    expect(await state()).toBe(before);
  });

  test.each([
    ['SJIS', Buffer.from([0x95, 0x5c])],
    ['GBK', Buffer.from([0x81, 0x27])],
    ['BIG5', Buffer.from([0xa5, 0x5c])],
    ['GB18030', Buffer.from([0x81, 0x5c])],
    ['UHC', Buffer.from([0x81, 0x41])],
  ])('a character of %s whose second byte looks like ASCII', async (encoding, character) => {
    const client = await through();
    await client.query(`set client_encoding = '${encoding}'`);
    const sql = Buffer.concat([Buffer.from("select '"), character, Buffer.from(`'; ${DROP}; --'`)]);
    // 22021: the server has no such encoding, so the session's stays UTF-8, where these bytes are none.
    expect(['42501', '22021']).toContain(sqlState(await client.query(sql)));
    expect(sqlState(await client.prepared(Buffer.from(DROP)))).toBe('42501');
    await client.query('reset client_encoding');
    client.end();
    expect(await state()).toBe(before);
  });

  test('backslashes mean what the session says they mean', async () => {
    const client = await through();
    await client.query('set standard_conforming_strings = off');
    await client.query("set backslash_quote = 'on'");
    await client.query(`select '\\'; ${DROP}; --'`);
    await client.query(`select '\\''; ${DROP}; --'`);
    await client.query(`select 'a\\'' ; ${DROP} ; select ''`);
    client.end();
    expect(await state()).toBe(before);
  });

  test('a search path cannot turn a harmless name into a refused one', async () => {
    const client = await through();
    const answers = await client.exchange(
      [
        query('set search_path = pg_temp, public'),
        query('delete from "ledger" where id = 1'),
        query('update public.ledger set n = 1 where id = 1'),
      ],
      3,
    );
    expect(types(answers)).toMatch(/^CS?ZEZEZ$/);
    client.end();
    expect(await state()).toBe(before);
  });
});

interface Item {
  readonly id: string;
  readonly statement: string;
}

async function pending(): Promise<Item> {
  return await eventually(async () => {
    const page = await stand.rest<{ items: Item[] }>('GET', '/v1/approvals?state=pending');
    return page.items[0];
  });
}

async function decide(
  answers: Promise<Answer[]>,
  decision: 'approve' | 'deny',
): Promise<{ id: string; answers: Answer[] }> {
  const { id } = await pending();
  await stand.rest('POST', `/v1/approvals/${id}/${decision}`, {});
  return { id, answers: await answers };
}

test('an approval is for one execution with these parameters', async () => {
  const client = await through(await stand.token({ groups: 'writers' }));
  const sql = 'update harmless set id = $1 where id = $2';
  const run = (...values: string[]): Promise<Answer[]> =>
    client.exchange([bind({ statement: 'u', values }), execute(), SYNC]);
  await client.exchange([parse('u', sql), SYNC]);
  const first = await decide(run('1', '2'), 'approve');
  expect(sqlState(first.answers)).toBeUndefined();
  const same = await decide(run('1', '2'), 'deny');
  expect(same.id).not.toBe(first.id);
  expect(sqlState(same.answers)).toBe('42501');
  const other = await decide(run('9', '2'), 'deny');
  expect(new Set([first.id, same.id, other.id]).size).toBe(3);
  await expect(stand.rest('POST', `/v1/approvals/${first.id}/approve`, {})).rejects.toThrow(/409/);
  await expect(stand.rest('POST', `/v1/approvals/${same.id}/approve`, {})).rejects.toThrow(/409/);
  await stillIn(client, 'I');
  client.end();
});

test('what is held holds back what was sent behind it, and a denial discards it', async () => {
  const client = await through(await stand.token({ groups: 'writers' }));
  const both = client.exchange([
    parse('', 'update harmless set id = 1 where id = 2'),
    bind(),
    execute(),
    parse('', 'insert into harmless values (5)'),
    bind(),
    execute(),
    SYNC,
  ]);
  const denied = await decide(both, 'deny');
  expect(types(denied.answers).replaceAll('N', '')).toBe('12EZ');
  expect(
    field(
      denied.answers.find(({ type }) => type === 'N'),
      'M',
    ),
  ).toContain('approv');
  await stillIn(client, 'I');
  client.end();
  expect(await state()).toBe(before);
});
