import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { analyse, loadParser, resolve } from '../statement/index.ts';
import { type Catalog, openCatalog } from './index.ts';
import { installedServers, startServer, type TestServer, type TestSession } from './testing.ts';

const SCHEMA = `
CREATE EXTENSION IF NOT EXISTS pgcrypto;
CREATE TYPE mood2 AS ENUM ('x');
CREATE TABLE customers (id int PRIMARY KEY, name text, email text, ssn text, meta jsonb);
ALTER TABLE customers DROP COLUMN name;
ALTER TABLE customers ADD COLUMN phone text;
CREATE TABLE orders (id int, customer int, note text);
CREATE SCHEMA other;
CREATE TABLE other.orders (id int, secret text);
CREATE TABLE events (at date, who text, what text) PARTITION BY RANGE (at);
CREATE TABLE events_1 (what text, who text, at date);
ALTER TABLE events ATTACH PARTITION events_1 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE staff (badge text) INHERITS (customers);
CREATE TABLE wide (a text, b text GENERATED ALWAYS AS (upper(a)) STORED);
CREATE VIEW plain AS SELECT c.ssn AS number, o.note FROM customers c JOIN orders o ON o.customer = c.id;
CREATE VIEW nested (x, y) AS SELECT number, note FROM plain;
CREATE VIEW computed AS SELECT lower(email) AS mail, id, count(*) OVER () AS n FROM customers;
CREATE VIEW united AS SELECT ssn AS v FROM customers UNION ALL SELECT note FROM orders;
CREATE VIEW sub AS WITH w AS (SELECT email AS e, id FROM customers) SELECT q.e, (SELECT max(ssn) FROM customers) AS m
  FROM (SELECT w.e, w.id FROM w) q;
CREATE VIEW merged AS SELECT id, ssn FROM customers JOIN (SELECT id, note FROM orders) o USING (id);
CREATE VIEW shadow AS SELECT c.ssn FROM (SELECT note AS ssn FROM orders) c;
CREATE VIEW statistics AS SELECT n_distinct FROM pg_stats;
CREATE MATERIALIZED VIEW kept AS SELECT email FROM customers;
CREATE FUNCTION ssn_of(i int) RETURNS text LANGUAGE sql STABLE AS 'SELECT ssn FROM customers WHERE id = i';
CREATE FUNCTION wipe() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders; END $$;
CREATE FUNCTION looks_stable() RETURNS void LANGUAGE sql STABLE AS 'SELECT wipe()';
CREATE FUNCTION any_sql(q text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE q; END $$;
CREATE FUNCTION loops(n int) RETURNS int LANGUAGE plpgsql AS $$
  DECLARE r orders%ROWTYPE; total int := 0;
  BEGIN IF n > 0 THEN total := loops(n - 1); END IF; SELECT * INTO r FROM orders LIMIT 1; RETURN total; END $$;
CREATE FUNCTION row_of(customers) RETURNS text LANGUAGE sql AS 'SELECT $1.ssn';
CREATE FUNCTION atomic_wipe() RETURNS int BEGIN ATOMIC DELETE FROM orders; SELECT 1; END;
CREATE FUNCTION doubled(x int) RETURNS int RETURN x * 2;
CREATE FUNCTION lower(customers) RETURNS text LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders; RETURN ''; END $$;
CREATE AGGREGATE joined(text) (sfunc = textcat, stype = text);
CREATE VIEW called AS SELECT ssn_of(id) AS s FROM orders;
CREATE FUNCTION eats(a int, b int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders; RETURN true; END $$;
CREATE OPERATOR === (FUNCTION = eats, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR <=> (FUNCTION = int4eq, LEFTARG = int, RIGHTARG = int);
CREATE FUNCTION eats_text(a text, b mood2) RETURNS bool LANGUAGE sql AS 'DELETE FROM orders RETURNING true';
CREATE OPERATOR <<| (FUNCTION = eats_text, LEFTARG = text, RIGHTARG = mood2);
CREATE VIEW evil AS SELECT eats(id, 1) FROM orders;
CREATE TABLE ruled (a int);
CREATE RULE gone AS ON INSERT TO ruled DO INSTEAD DELETE FROM customers;
CREATE DOMAIN tag AS varchar(10);
CREATE TYPE mood AS ENUM ('ok', 'bad');
CREATE TYPE pair AS (a int, b text);
CREATE TYPE span AS RANGE (subtype = int4);
`;

const servers = installedServers();

test('this machine has a PostgreSQL to test on', () => {
  expect(servers.length).toBeGreaterThan(0);
});

describe.each(servers)('catalog of %s', (bin) => {
  let server: TestServer;
  let admin: TestSession;
  let session: TestSession;
  let catalog: Catalog;

  beforeAll(async () => {
    await loadParser();
    server = await startServer(bin);
    admin = await server.connect();
    await admin.query(SCHEMA);
    session = await server.connect();
    catalog = await openCatalog(session.query);
  }, 60_000);

  afterAll(async () => {
    admin?.close();
    session?.close();
    await server?.stop();
  });

  /** Origin of `relation.column` as its RowDescription would name it. */
  async function origin(relation: string, column: string): Promise<string> {
    const found = await admin.query(
      `SELECT attrelid, attnum FROM pg_attribute WHERE attrelid = '${relation}'::regclass AND attname = '${column}'`,
    );
    const answer = catalog.column(Number(found[0]?.[0]), Number(found[0]?.[1]));
    if (!answer) return 'unknown';
    const places = answer.origins.map(
      (one) => `${one.schema === 'public' ? '' : `${one.schema}.`}${one.table}.${one.column}`,
    );
    const how = [answer.exact ? 'exact' : 'inexact', ...(answer.derived ? [answer.derived] : [])];
    return [...how, ...places.sort()].join(' ');
  }

  test.each([
    ['customers', 'ssn', 'exact customers.ssn staff.ssn'],
    ['customers', 'phone', 'exact customers.phone staff.phone'],
    ['staff', 'ssn', 'exact customers.ssn staff.ssn'],
    ['staff', 'badge', 'exact staff.badge'],
    ['events_1', 'who', 'exact events.who events_1.who'],
    ['events', 'who', 'exact events.who events_1.who'],
    ['wide', 'b', 'exact computed wide.a wide.b'],
    ['plain', 'number', 'exact customers.ssn plain.number staff.ssn'],
    ['plain', 'note', 'exact orders.note plain.note'],
    ['nested', 'x', 'exact customers.ssn nested.x plain.number staff.ssn'],
    ['computed', 'mail', 'exact computed computed.mail customers.email staff.email'],
    ['computed', 'id', 'exact computed.id customers.id staff.id'],
    ['computed', 'n', 'exact computed.n'],
    ['united', 'v', 'exact mixed customers.ssn orders.note staff.ssn united.v'],
    ['sub', 'e', 'exact customers.email staff.email sub.e'],
    ['sub', 'm', 'exact computed customers.ssn staff.ssn sub.m'],
    ['merged', 'ssn', 'exact customers.ssn merged.ssn staff.ssn'],
    ['shadow', 'ssn', 'exact orders.note shadow.ssn'],
    ['called', 's', 'exact computed called.s customers.ssn orders.id staff.ssn'],
    ['kept', 'email', 'exact customers.email kept.email staff.email'],
    ['statistics', 'n_distinct', 'inexact pg_catalog.pg_stats.n_distinct statistics.n_distinct'],
    ['pg_stats', 'most_common_vals', 'inexact pg_catalog.pg_stats.most_common_vals'],
    ['pg_class', 'relname', 'exact pg_catalog.pg_class.relname'],
    ['customers', 'ctid', 'exact customers.ctid staff.ctid'],
  ])('%s.%s comes from %s', async (relation, column, expected) => {
    expect(await origin(relation, column)).toBe(expected);
  });

  test('what is not in the catalog is unknown', async () => {
    expect(catalog.column(1, 1)).toBeUndefined();
    const oid = Number((await admin.query("SELECT 'customers'::regclass::oid"))[0]?.[0]);
    expect(catalog.column(oid, 99)).toBeUndefined();
    expect(catalog.column(oid, 2)).toBeUndefined();
    expect(catalog.column(oid, 0)?.exact).toBe(false);
  });

  function reach(sql: string): string {
    const found = catalog.reach(resolve(analyse(sql), catalog.functions).facts);
    if (found === 'unknown') return 'unknown';
    return found
      .map((one) => (one.schema === 'public' ? one.table : `${one.schema}.${one.table}`))
      .sort()
      .join(' ');
  }

  test.each([
    ['SELECT 1', ''],
    ['SELECT * FROM public.orders', 'orders'],
    ['SELECT * FROM orders', 'orders other.orders'],
    ['SELECT x FROM nested', 'customers nested orders plain staff'],
    ['SELECT * FROM events_1', 'events events_1'],
    ['SELECT * FROM called', 'called customers orders staff'],
    ['SELECT ssn_of(1)', 'customers staff'],
    ['SELECT loops(3)', 'orders other.orders'],
    ['SELECT any_sql($1)', 'unknown'],
    ['SELECT nobody_knows()', 'unknown'],
    ['SELECT * FROM nowhere', 'unknown'],
    ['SELECT * FROM pg_stats', 'unknown'],
    ['SELECT * FROM statistics', 'unknown'],
    ['SELECT * FROM pg_stat_activity', 'unknown'],
    ['SELECT lo_get(1)', 'unknown'],
    ['SELECT query_to_xml($1, true, true, $2)', 'unknown'],
    ['SELECT relname FROM pg_class', 'pg_catalog.pg_class'],
    ['SELECT c.row_of FROM customers c', 'customers staff'],
    ['SELEC nothing', 'unknown'],
  ])('%s reaches %j', (sql, expected) => {
    expect(reach(sql)).toBe(expected);
  });

  test('a relation the session made may shadow a catalogued one', () => {
    const { facts } = analyse('SELECT upper(note) FROM orders');
    expect(catalog.reach(facts, new Set(['other']))).toHaveLength(2);
    expect(catalog.reach(facts, new Set(['orders']))).toBe('unknown');
  });

  function resolved(sql: string) {
    const { facts } = resolve(analyse(sql), catalog.functions);
    return { unbounded: facts.unbounded, complete: facts.complete, write: facts.effects.includes('write') };
  }

  test.each([
    ['SELECT wipe()', { unbounded: ['delete'], complete: true, write: true }],
    ['SELECT looks_stable()', { unbounded: ['delete'], complete: true, write: true }],
    ['SELECT atomic_wipe()', { unbounded: ['delete'], complete: true, write: true }],
    ['SELECT doubled(2)', { unbounded: [], complete: true, write: false }],
    ['SELECT joined(note) FROM orders', { unbounded: [], complete: true, write: false }],
    ['SELECT loops(2)', { unbounded: [], complete: true, write: false }],
    ['SELECT any_sql($1)', { unbounded: [], complete: false, write: false }],
    [
      "SELECT digest($1, 'md5'), gen_salt('bf'), gen_random_uuid()",
      { unbounded: [], complete: true, write: false },
    ],
    ["SELECT * FROM crosstab('SELECT 1') AS c (a int)", { unbounded: [], complete: false, write: true }],
    ['SELECT 1 === 2', { unbounded: ['delete'], complete: true, write: true }],
    ['SELECT 1 OPERATOR(public.===) 2', { unbounded: ['delete'], complete: true, write: true }],
    ['SELECT 1 <=> 2', { unbounded: [], complete: true, write: false }],
    ['SELECT 1 <==> 2', { unbounded: [], complete: false, write: false }],
    ["SELECT note <<| 'x'::mood2 FROM orders", { unbounded: ['delete'], complete: true, write: true }],
    // A user function that shadows a builtin by closer argument types is found as well.
    ['SELECT lower(c) FROM customers c', { unbounded: ['delete'], complete: true, write: true }],
    ['SELECT c.lower FROM customers c', { unbounded: ['delete'], complete: true, write: true }],
  ])('%s is judged by its functions', (sql, expected) => {
    expect(resolved(sql)).toEqual(expected);
  });

  test('guards see the tables behind views and partitions', () => {
    const { tables } = catalog.widen(analyse('UPDATE plain SET number = 1 WHERE note = $1').facts);
    expect(tables).toContainEqual({ schema: 'public', name: 'customers', access: 'write' });
    const partition = catalog.widen(analyse('DELETE FROM events_1 WHERE who = $1').facts);
    expect(partition.tables).toContainEqual({ schema: 'public', name: 'events', access: 'write' });
  });

  test('guards see what functions inside views do, and distrust rules', () => {
    expect(catalog.widen(analyse('SELECT * FROM evil').facts).unbounded).toEqual(['delete']);
    expect(catalog.widen(analyse('INSERT INTO ruled VALUES (1)').facts)).toMatchObject({
      complete: false,
      opaque: ['rules of public.ruled'],
    });
    expect(catalog.widen(analyse('SELECT * FROM ruled').facts).complete).toBe(true);
  });

  test('types lead to what they are made of', async () => {
    const oid = async (type: string) => Number((await admin.query(`SELECT '${type}'::regtype::oid`))[0]?.[0]);
    const info = async (type: string) => catalog.type(await oid(type));
    expect(await info('tag')).toMatchObject({ kind: 'domain', of: 1043 });
    expect(await info('mood')).toMatchObject({ kind: 'enum', of: null });
    expect(await info('mood[]')).toMatchObject({ kind: 'array', of: await oid('mood') });
    expect(await info('span')).toMatchObject({ kind: 'range', of: 23 });
    expect(await info('span_multirange')).toMatchObject({ kind: 'multirange', of: await oid('span') });
    expect(await info('int4[]')).toMatchObject({ kind: 'array', of: 23 });
    expect(await info('point')).toMatchObject({ kind: 'base', of: null });
    expect((await info('pair'))?.fields.map((field) => field.name)).toEqual(['a', 'b']);
    expect(catalog.type(4_000_000)).toBeUndefined();
  });

  test('a change is seen by the next refresh, and only a change reloads', async () => {
    const before = catalog.version;
    await catalog.refresh();
    expect(catalog.version).toBe(before);
    await admin.query('CREATE TEMP TABLE passing (a int)');
    await catalog.refresh();
    expect(catalog.version).toBe(before);
    for (const change of [
      'CREATE TABLE added (a text)',
      'ALTER TABLE added RENAME COLUMN a TO b',
      'ALTER TABLE added RENAME TO renamed',
      'CREATE VIEW late AS SELECT b FROM renamed',
      "CREATE FUNCTION late_f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
      "CREATE OR REPLACE FUNCTION late_f() RETURNS int LANGUAGE sql AS 'SELECT 2'",
      'DROP VIEW late',
      'DROP TABLE renamed',
    ]) {
      const version = catalog.version;
      await admin.query(change);
      await catalog.refresh();
      expect([change, catalog.version === version]).toEqual([change, false]);
    }
    expect(catalog.relations({ schema: null, name: 'renamed' })).toEqual([]);
  });

  test('refreshes at one time share one look; a later change asks again', async () => {
    let looks = 0;
    const counting = await openCatalog((sql) => {
      if (sql.includes('FROM pg_catalog.pg_inherits)')) looks++;
      return session.query(sql);
    });
    looks = 0;
    await Promise.all([counting.refresh(), counting.refresh(), counting.refresh()]);
    expect(looks).toBe(1);
    const first = counting.refresh();
    counting.stale();
    expect(counting.isStale).toBe(true);
    const before = counting.version;
    await Promise.all([first, counting.refresh()]);
    expect(counting.isStale).toBe(false);
    expect(counting.version).not.toBe(before);
  });

  test('a database that does not answer leaves the catalog stale within the bound', async () => {
    let hang = false;
    const query = (sql: string) => (hang ? new Promise<never>(() => undefined) : session.query(sql));
    const slow = await openCatalog(query, { timeoutMs: 2_000 });
    hang = true;
    await expect(openCatalog(query, { timeoutMs: 50 })).rejects.toThrow('did not answer within 50 ms');
    const start = Date.now();
    await expect(slow.refresh()).rejects.toThrow('did not answer');
    expect(Date.now() - start).toBeLessThan(4_000);
    expect(slow.isStale).toBe(true);
    expect(slow.relations({ schema: null, name: 'customers' })).toHaveLength(1);
  });
});
