import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { findProgram } from '@scrim/embedded-stores';
import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import postgres from 'postgres';
import { psycopg, SCRIPT } from './psycopg.ts';
import { type Stand, startStand } from './stand.ts';
import { leaked, VAULT, VAULT_DOCUMENT } from './vault.ts';
import {
  type Answer,
  bind,
  cells,
  close,
  describe as describeMessage,
  execute,
  FLUSH,
  parse,
  rowsOf,
  SYNC,
  status,
  types,
  WireClient,
} from './wire-client.ts';

const run = promisify(execFile);
const MASK = '***MASKED***';

let stand: Stand;
let token: string;
let folder: string;

beforeAll(async () => {
  stand = await startStand({ setup: VAULT, document: VAULT_DOCUMENT });
  token = await stand.token();
  folder = mkdtempSync(join(tmpdir(), 'scrim-clients-'));
}, 90_000);
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await stand?.stop();
}, 60_000);

/** Fails when anything masked is in what a client got. */
function clean<T>(seen: T): T {
  const text = JSON.stringify(seen, (_key, value) =>
    Buffer.isBuffer(value) ? value.toString('latin1') : value,
  );
  expect(leaked(Buffer.from(text ?? ''))).toEqual([]);
  return seen;
}

describe('psql', () => {
  async function psql(script: string, args: readonly string[] = [], straight = false): Promise<string> {
    const { path, env } = await findProgram('psql');
    const { host, port } = straight ? stand.target : stand.ready().postgres;
    const file = join(folder, 'script.sql');
    writeFileSync(file, script);
    const { stdout, stderr } = await run(path, ['-X', '-A', ...args, '-f', file], {
      env: {
        ...env,
        PGHOST: host,
        PGPORT: String(port),
        PGUSER: straight ? 'postgres' : 'alice',
        PGDATABASE: 'shop',
        PGPASSWORD: straight ? 'target-password-1' : token,
      },
      timeout: 20_000,
    });
    return stdout + stderr;
  }

  test('queries, variables, \\gset, \\d, PREPARE, cursors, one transaction', async () => {
    const out = await psql(
      `select id, ssn, score, born from customers order by id;
       select ssn as found from customers where id = 1 \\gset
       \\echo got :found
       prepare one(int) as select ssn, upper(nick) from customers where id = $1;
       execute one(2);
       declare c cursor for select ssn, name from customers order by id;
       fetch 1 from c;
       fetch all from c;
       close c;
       \\x on
       select * from customers where id = 3;
       \\d customers`,
      ['-1'],
    );
    clean(out);
    expect(out).toContain(`got ${MASK}`);
    expect(out).toContain(`${MASK}|name1`);
    expect(out).toContain('customers_pkey');
  });

  test('\\copy out and in', async () => {
    const file = join(folder, 'out.csv');
    await psql(`\\copy customers to '${file}' csv header
      \\copy (select ssn, id from customers) to '${join(folder, 'two')}'`);
    const written = readFileSync(file, 'utf8');
    clean(written + readFileSync(join(folder, 'two'), 'utf8'));
    expect(written.split('\n')).toHaveLength(5);
    const numbers = join(folder, 'in.csv');
    writeFileSync(numbers, '501,five\n502,six\n');
    const out = await psql(`\\copy plain(id, label) from '${numbers}' csv
      select label from plain where id > 500 order by id; delete from plain where id > 500;`);
    expect(out).toContain('COPY 2');
    expect(out).toContain('five\nsix');
  });

  test.each(['', '-t', '--csv'])('unmasked output is the same as direct (%s)', async (flag) => {
    const script = `select * from plain order by id limit 20; \\d plain
      \\dt
      select nothing; select count(*) from plain; \\df twice
      select n, label from plain where id = 3 \\gx`;
    const args = flag === '' ? [] : [flag];
    const place = / psql:.*?:/g;
    expect((await psql(script, args)).replace(place, '')).toBe(
      (await psql(script, args, true)).replace(place, ''),
    );
  });
});

describe('node-postgres', () => {
  test('simple, parameters, named, binary, cursor, COPY', async () => {
    const client = await stand.client(token);
    const straight = await stand.direct();
    const sql = 'select id, ssn, score, born, tags, name from customers order by id';
    const simple = clean((await client.query(sql)).rows);
    expect(simple[0]).toMatchObject({ id: 1, ssn: MASK, name: 'name1' });
    expect(typeof simple[0].score).toBe('number');
    expect(simple[0].born).toBeInstanceOf(Date);
    expect(Array.isArray(simple[0].tags)).toBe(true);
    for (let i = 1; i <= 3; i++) {
      const named = { name: 'one', text: 'select ssn, name from customers where id = $1', values: [i] };
      expect((await client.query(named)).rows).toEqual([{ ssn: MASK, name: `name${i}` }]);
    }
    const binary = {
      text: 'select id, ssn, score, s_int8, s_uuid, s_numeric from customers join many using (id)',
      binary: true,
    };
    const rows = clean((await client.query({ ...binary, values: [] } as pg.QueryConfig)).rows);
    expect(rows).toHaveLength(1);
    const cursor = client.query(new Cursor('select ssn, upper(nick) as nick, id from customers order by id'));
    expect(clean(await cursor.read(2))).toHaveLength(2);
    expect(clean(await cursor.read(2))).toHaveLength(1);
    await cursor.close();
    const chunks: Buffer[] = [];
    for await (const chunk of client.query(copyTo('copy many to stdout (format binary)'))) chunks.push(chunk);
    expect(leaked(Buffer.concat(chunks))).toEqual([]);
    await client.query('begin');
    await pipeline(
      Readable.from(['700\tx\n', '701\ty\n']),
      client.query(copyFrom('copy plain(id, label) from stdin')),
    );
    expect((await client.query('select label from plain where id >= 700 order by id')).rows).toEqual([
      { label: 'x' },
      { label: 'y' },
    ]);
    await client.query('rollback');
    const same = 'select * from plain order by id';
    expect((await client.query(same)).rows).toEqual((await straight.query(same)).rows);
    await client.end();
    await straight.end();
  });
});

describe('postgres.js', () => {
  test('prepared without Describe, pipelined, cursor, COPY, transactions', async () => {
    const { host, port } = stand.ready().postgres;
    const sql = postgres({
      host,
      port,
      user: 'alice',
      database: 'shop',
      password: token,
      max: 1,
      onnotice: () => undefined,
    });
    for (let i = 1; i <= 3; i++) {
      expect([...(await sql`select ssn, name from customers where id = ${i}`)]).toEqual([
        { ssn: MASK, name: `name${i}` },
      ]);
    }
    const many = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        i % 2 === 0
          ? sql`select ssn as v from customers where id = ${(i % 3) + 1}`
          : sql`select label as v from plain where id = ${i}`,
      ),
    );
    expect(many.map(([row]) => row?.v)).toEqual(many.map((_, i) => (i % 2 === 0 ? MASK : `label ${i}`)));
    const seen: unknown[] = [];
    await sql`select ssn, score, born from customers`.cursor(1, (rows) => void seen.push(...rows));
    expect(clean(seen)).toHaveLength(3);
    let copied = '';
    for await (const chunk of await sql`copy customers to stdout`.readable()) copied += chunk;
    clean(copied);
    await expect(sql.begin(async (tx) => await tx`select ssn::int from customers`)).rejects.toMatchObject({
      code: '22P02',
    });
    await expect(
      sql`select ssn::int from customers`.catch((error) => clean({ ...error, message: error.message })),
    ).resolves.toBeDefined();
    expect([...(await sql`select 1 as one`)]).toEqual([{ one: 1 }]);
    await sql.end();
  });
});

test('psycopg 3: prepared, binary, pipeline mode, server-side cursor, COPY', async () => {
  const found = await psycopg(folder);
  const { host, port } = stand.ready().postgres;
  if ('missing' in found) {
    // No python3 or no package index: the same messages by hand.
    process.stderr.write(`psycopg cannot be had here (${found.missing}); its flow runs on the raw client\n`);
    const client = await WireClient.connect({ host, port, database: 'shop', password: token });
    await client.exchange([
      parse('_pg3_0', 'select ssn, score, name from customers where id = $1'),
      describeMessage('S', '_pg3_0'),
      SYNC,
    ]);
    for (let i = 1; i <= 3; i++) {
      const answers = await client.exchange([
        bind({ statement: '_pg3_0', values: [String(i)], results: [1] }),
        describeMessage('P'),
        execute(),
        SYNC,
      ]);
      expect(rowsOf(answers)[0]?.[0]).toBe(MASK);
    }
    expect(leaked(client.received())).toEqual([]);
    client.end();
    return;
  }
  const url = `host=${host} port=${port} user=alice dbname=shop password=${token}`;
  const { stdout } = await run(found.python, ['-c', SCRIPT, url], { timeout: 20_000 });
  const out = clean(JSON.parse(stdout)) as unknown[][];
  expect(out[0]?.[0]).toBe(MASK);
  expect(out[10]).toEqual([[MASK], ['label 2']]);
  expect(out.at(-2)?.[0]).toBe('22P02');
  expect(out.at(-1)).toEqual([1]);
}, 60_000);

describe('a driver like JDBC', () => {
  async function open(): Promise<WireClient> {
    return await WireClient.connect({
      ...stand.ready().postgres,
      database: 'shop',
      password: token,
      settings: { extra_float_digits: '2', DateStyle: 'ISO', client_encoding: 'UTF8', TimeZone: 'UTC' },
    });
  }
  function straight(): Promise<WireClient> {
    const { host, port } = stand.target;
    return WireClient.connect({
      host,
      port,
      user: 'postgres',
      database: 'shop',
      password: 'target-password-1',
    });
  }
  const rows = (answers: readonly Answer[]): (Buffer | null)[][] =>
    answers.filter(({ type }) => type === 'D').map((row) => cells(row));

  test('a named statement runs again by Bind, Execute and Sync alone, in text and in binary', async () => {
    const client = await open();
    const sql = 'select id, ssn, score, born, name from customers where id = $1';
    await client.exchange([parse('S_1', sql, [23]), describeMessage('S', 'S_1'), SYNC]);
    for (let i = 0; i < 30; i++) {
      const id = (i % 3) + 1;
      const format = (i % 2) as 0 | 1;
      const answers = await client.exchange([
        bind({ statement: 'S_1', values: [String(id)], results: [format] }),
        execute(),
        SYNC,
      ]);
      expect(types(answers)).toBe('2DCZ');
      const [row] = rows(answers);
      expect(row?.[0]).toEqual(format === 0 ? Buffer.from(String(id)) : Buffer.from([0, 0, 0, id]));
      expect(row?.[1]?.toString()).toBe(MASK);
      if (format === 1) expect([row?.[2]?.length, row?.[3]?.length]).toEqual([4, 4]);
      else expect(row?.[3]?.toString()).toMatch(/^\d{4}-\d\d-\d\d$/);
      expect(row?.[4]?.toString()).toBe(`name${id}`);
    }
    expect(leaked(client.received())).toEqual([]);
    client.end();
  });

  test('row limits, suspended and interleaved portals', async () => {
    const client = await open();
    await client.exchange([parse('S_B', 'begin'), bind({ statement: 'S_B' }), execute(), SYNC]);
    const first = await client.exchange([
      parse('S_2', 'select ssn, id from customers order by id'),
      bind({ portal: 'C_1', statement: 'S_2' }),
      execute('C_1', 1),
      parse('S_3', 'select label, id from plain order by id'),
      bind({ portal: 'C_2', statement: 'S_3', results: [1] }),
      execute('C_2', 2),
      SYNC,
    ]);
    expect(types(first)).toBe('12Ds12DDsZ');
    const second = await client.exchange([
      execute('C_1', 1),
      execute('C_2', 1),
      execute('C_1', 5),
      close('P', 'C_1'),
      SYNC,
    ]);
    expect(types(second)).toBe('DsDsDC3Z');
    expect(rowsOf([...first, ...second]).map(([value]) => value)).toEqual([
      MASK,
      'label 1',
      'label 2',
      MASK,
      'label 3',
      MASK,
    ]);
    expect(status(await client.query('commit'))).toBe('I');
    expect(leaked(client.received())).toEqual([]);
    client.end();
  });

  test('pipelining driven by Flush, an error in the middle, names used again', async () => {
    const client = await open();
    client.send(
      parse('', 'select ssn from customers where id = 1'),
      bind(),
      describeMessage('P'),
      execute(),
      FLUSH,
    );
    expect(rowsOf(await client.until('C'))).toEqual([[MASK]]);
    client.send(bind(), execute(), FLUSH);
    expect(rowsOf(await client.until('C'))).toEqual([[MASK]]);
    client.send(SYNC);
    await client.until('Z');
    const answers = await client.exchange(
      [
        parse('a', 'select ssn from customers where id = 2'),
        bind({ statement: 'a' }),
        execute(),
        parse('b', 'select nothing'),
        bind({ statement: 'a' }),
        execute(),
        SYNC,
        close('S', 'a'),
        parse('a', 'select label from plain where id = 2'),
        bind({ statement: 'a' }),
        execute(),
        close('S', 'a'),
        parse('a', 'select upper(ssn) from customers where id = 2'),
        bind({ statement: 'a', results: [1] }),
        execute(),
        SYNC,
      ],
      2,
    );
    expect(types(answers)).toBe('12DCEZ312DC312DCZ');
    expect(rowsOf(answers).map(([value]) => value)).toEqual([MASK, 'label 2', MASK]);
    expect(leaked(client.received())).toEqual([]);
    client.end();
  });

  test('a statement whose table changes under it', async () => {
    const client = await open();
    await client.query('create temp table plain2 as select id, label from plain where id < 3');
    await client.exchange([parse('S_4', 'select label from plain2 order by 1'), SYNC]);
    await client.exchange([bind({ statement: 'S_4' }), execute(), SYNC]);
    await client.query(
      'drop table plain2; create temp table plain2 as select id, ssn as label from customers',
    );
    await client.exchange([bind({ statement: 'S_4' }), execute(), SYNC]);
    expect(leaked(client.received())).toEqual([]);
    client.end();
  });

  test('all types in both formats stay readable, unmasked ones to the byte', async () => {
    const [client, target] = [await open(), await straight()];
    for (const format of [0, 1] as const) {
      const answers = await client.prepared('select * from many', [], [format]);
      expect(types(answers)).toBe('12TDCZ');
      const original = await target.prepared('select * from many', [], [format]);
      // Names and types of the columns are the target's own.
      expect(answers.find(({ type }) => type === 'T')?.body).toEqual(
        original.find(({ type }) => type === 'T')?.body,
      );
      const plain =
        'select *, n::float8, n::numeric, array[n], row(n, label), now() - now() from plain order by id';
      expect(rows(await client.prepared(plain, [], [format]))).toEqual(
        rows(await target.prepared(plain, [], [format])),
      );
    }
    expect(leaked(client.received())).toEqual([]);
    client.end();
    target.end();
  });

  test('what is masked in binary can be read by the server again as its own type', async () => {
    const [client, target] = [await open(), await straight()];
    const columns = [
      'text',
      'varchar',
      'char',
      'int8',
      'int4',
      'numeric',
      'float',
      'date',
      'ts',
      'uuid',
      'inet',
      'bytea',
      'json',
      'jsonb',
      'bool',
      'texts',
      'ints',
      'mac',
      'name',
      'interval',
      'domain',
      'money',
      'bits',
      'xml',
    ];
    const broken: string[] = [];
    const kinds: Readonly<Record<string, string>> = {
      text: 'text',
      varchar: 'varchar',
      char: 'bpchar',
      int8: 'int8',
      int4: 'int4',
      numeric: 'numeric',
      float: 'float8',
      date: 'date',
      ts: 'timestamptz',
      uuid: 'uuid',
      inet: 'inet',
      bytea: 'bytea',
      json: 'json',
      jsonb: 'jsonb',
      bool: 'bool',
      texts: 'text[]',
      ints: 'int[]',
      mac: 'macaddr',
      name: 'name',
      interval: 'interval',
      domain: 'serial_no',
      money: 'money',
      bits: 'bit(8)',
      xml: 'xml',
    };
    for (const column of columns) {
      const answers = await client.prepared(`select s_${column} from many`, [], [1]);
      const value = rows(answers)[0]?.[0];
      if (value === undefined) broken.push(`${column}: ${types(answers)}`);
      const back = await target.prepared(`select ($1::${kinds[column]})::text`, [value ?? null]);
      if (!types(back).includes('D')) broken.push(`${column}: not valid`);
      if (client.closed) break;
    }
    expect(broken).toEqual([]);
    client.end();
    target.end();
  });
});
