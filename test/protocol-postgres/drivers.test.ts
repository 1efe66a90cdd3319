import { spawn } from 'node:child_process';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { findProgram } from '@scrim/embedded-stores';
import type { Gateway } from '@scrim/protocol-postgres/testing';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import postgres from 'postgres';
import { Target, TOKEN } from './harness.ts';

let target: Target;
let gateway: Gateway;

beforeAll(async () => {
  target = await Target.start();
  gateway = await target.gateway({ behaviour: { mask: { 'customers.ssn': '***' } } });
}, 60_000);
afterAll(async () => await target.stop(), 30_000);

async function client(): Promise<pg.Client> {
  const made = new pg.Client({
    host: '127.0.0.1',
    port: gateway.port,
    user: 'a',
    database: 'shop',
    password: TOKEN,
  });
  await made.connect();
  return made;
}

async function collect(stream: Readable): Promise<string> {
  const parts: Buffer[] = [];
  await pipeline(
    stream,
    new Writable({
      write(chunk, _encoding, done) {
        parts.push(chunk);
        done();
      },
    }),
  );
  return Buffer.concat(parts).toString();
}

describe('node-postgres', () => {
  test('parameters, named statements, types, errors, transactions', async () => {
    const c = await client();
    for (let i = 0; i < 3; i++) {
      const named = { name: 'by-id', text: 'select * from customers where id = $1', values: [i + 1] };
      expect((await c.query(named)).rows[0]).toMatchObject({ id: i + 1, ssn: '***', name: `n${i + 1}` });
    }
    await c.query('begin');
    await expect(c.query('select 1/0')).rejects.toMatchObject({ code: '22012' });
    await expect(c.query('select 1')).rejects.toMatchObject({ code: '25P02' });
    await c.query('rollback');
    const many = await Promise.all(Array.from({ length: 50 }, (_, i) => c.query('select $1::int as i', [i])));
    expect(many.map(({ rows }) => rows[0].i)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    await c.end();
  });

  test('cursor', async () => {
    const c = await client();
    const cursor = c.query(new Cursor('select id, ssn from customers order by id'));
    expect(await cursor.read(2)).toEqual([
      { id: 1, ssn: '***' },
      { id: 2, ssn: '***' },
    ]);
    expect(await cursor.read(100)).toHaveLength(18);
    await cursor.close();
    await c.end();
  });

  test('COPY to and from the target', async () => {
    const c = await client();
    const csv = await collect(c.query(copyTo('copy customers to stdout with (format csv, header)')));
    expect(csv.split('\n')[1]).toBe('1,n1,***,2000-01-02');
    await c.query('create table loaded(id int, t text)');
    const rows = Array.from({ length: 20_000 }, (_, i) => `${i}\trow ${i}\n`);
    await pipeline(Readable.from(rows), c.query(copyFrom('copy loaded from stdin')));
    expect((await c.query('select count(*)::int as n from loaded')).rows[0].n).toBe(20_000);
    const broken = pipeline(Readable.from(['x\ty\n']), c.query(copyFrom('copy loaded from stdin')));
    await expect(broken).rejects.toMatchObject({ code: '22P02' });
    expect((await c.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await c.query('drop table loaded');
    await c.end();
  });

  test('LISTEN and NOTIFY, also while idle', async () => {
    const [a, b] = [await client(), await client()];
    const heard = new Promise((resolve) => a.once('notification', resolve));
    await a.query('listen news');
    await b.query("notify news, 'hello'");
    expect(await heard).toMatchObject({ channel: 'news', payload: 'hello' });
    await a.end();
    await b.end();
  });
});

describe('postgres.js', () => {
  test('prepares once, executes without Describe, pipelines, streams, copies, rolls back', async () => {
    const sql = postgres({
      host: '127.0.0.1',
      port: gateway.port,
      user: 'a',
      database: 'shop',
      password: TOKEN,
      max: 1,
    });
    for (let i = 1; i < 4; i++) {
      expect((await sql`select ssn, id from customers where id = ${i}`)[0]).toEqual({ ssn: '***', id: i });
    }
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) => sql`select ${i}::int as i, ssn from customers limit 1`),
    );
    expect(answers.map(([row]) => [row?.i, row?.ssn])).toEqual(
      Array.from({ length: 30 }, (_, i) => [i, '***']),
    );
    const seen: number[] = [];
    await sql`select id from customers order by id`.cursor(7, (rows) => {
      for (const row of rows) seen.push(row.id);
    });
    expect(seen).toHaveLength(20);
    await expect(sql.begin(async (tx) => await tx`select 1/0`)).rejects.toMatchObject({ code: '22012' });
    const copied = await collect(await sql`copy customers (ssn) to stdout`.readable());
    expect(copied).toBe('***\n'.repeat(20));
    await sql.end();
  });
});

describe('psql', () => {
  async function psql(script: string): Promise<{ out: string; err: string }> {
    const { path, env } = await findProgram('psql');
    const child = spawn(path, ['-X', '-A', '-t'], {
      env: {
        ...env,
        PGHOST: '127.0.0.1',
        PGPORT: String(gateway.port),
        PGUSER: 'a',
        PGDATABASE: 'shop',
        PGPASSWORD: TOKEN,
      },
      timeout: 15_000,
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (data) => (out += data));
    child.stderr.on('data', (data) => (err += data));
    child.stdin.end(script);
    return await new Promise((resolve) => child.on('close', () => resolve({ out, err })));
  }

  test('fetches by cursor, copies, describes, runs several statements', async () => {
    const { out, err } = await psql(`\\set FETCH_COUNT 3
      select ssn from customers order by id limit 5;
      \\unset FETCH_COUNT
      \\copy (select id, ssn from customers order by id limit 2) to stdout
      select 1 \\; select 2;
      select ssn from customers limit 1 \\gdesc
      \\d customers
    `);
    expect(err).toBe('');
    const lines = out.split('\n');
    expect(lines.slice(0, 10)).toEqual([
      '***',
      '***',
      '***',
      '***',
      '***',
      '1\t***',
      '2\t***',
      '1',
      '2',
      'ssn|text',
    ]);
    expect(lines[10]).toMatch(/^id\|integer/);
  });

  test('an error in a script is shown and the script goes on', async () => {
    const { out, err } = await psql(
      'select 1/0;\nselect 3;\ncopy nowhere to stdout;\nbegin;\ncopy nowhere to stdout;\nrollback;\n',
    );
    expect(out.split('\n')).toEqual(['3', 'BEGIN', 'ROLLBACK', '']);
    expect(err.match(/ERROR: {2}.*/g)).toEqual([
      'ERROR:  division by zero',
      'ERROR:  relation "nowhere" does not exist',
      'ERROR:  relation "nowhere" does not exist',
    ]);
  });
});
