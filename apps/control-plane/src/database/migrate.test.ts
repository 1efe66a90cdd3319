import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { startTestStores, type TestStores } from '../testing/plane.ts';
import { migrate } from './migrate.ts';

const REAL = join(import.meta.dirname, '../../prisma/migrations');
let stores: TestStores;
let folder: string;
let url: string;
let count = 0;
beforeAll(async () => {
  stores = await startTestStores();
}, 60_000);
afterAll(() => stores?.stop());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'scrim-migrations-'));
  cpSync(REAL, folder, { recursive: true });
  count += 1;
  await query(stores.databaseUrl, `CREATE DATABASE m${count}`);
  url = stores.databaseUrl.replace(/\/[^/]*$/, `/m${count}`);
});

async function query(where: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: where });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

function add(name: string, sql: string): void {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, 'migration.sql'), sql);
}

test('applies what is missing, in order, once', async () => {
  expect(await migrate(url, folder)).toContain('0001_first');
  expect(await migrate(url, folder)).toEqual([]);
  add(
    '9001_second',
    `CREATE FUNCTION f() RETURNS int AS $$ BEGIN RETURN 1; END $$ LANGUAGE plpgsql; CREATE TABLE extra (id int);`,
  );
  expect(await migrate(url, folder)).toEqual(['9001_second']);
  expect(await query(url, 'SELECT f()')).toEqual([{ f: 1 }]);
});

test('replicas that start together migrate once', async () => {
  const results = await Promise.all([1, 2, 3, 4].map(() => migrate(url, folder)));
  expect(results.filter((applied) => applied.length > 0).length).toBe(1);
});

test('a migration that fails leaves no trace, and works once it is mended', async () => {
  add('9001_broken', 'CREATE TABLE half (id int); SELECT 1/0;');
  await expect(migrate(url, folder)).rejects.toThrow('migration 9001_broken failed: division by zero');
  expect(await query(url, `SELECT to_regclass('half') AS half`)).toEqual([{ half: null }]);
  writeFileSync(join(folder, '9001_broken/migration.sql'), 'CREATE TABLE half (id int);');
  expect(await migrate(url, folder)).toEqual(['9001_broken']);
});

test('an edited or vanished migration is refused', async () => {
  await migrate(url, folder);
  appendFileSync(join(folder, '0001_first/migration.sql'), '\n-- edited');
  await expect(migrate(url, folder)).rejects.toThrow('0001_first was edited after it was applied');
  rmSync(join(folder, '0001_first'), { recursive: true });
  await expect(migrate(url, folder)).rejects.toThrow('unknown here: run a newer Scrim');
});

test('the tables are the ones the client was generated for', async () => {
  await migrate(url, folder);
  const { openDatabase } = await import('./client.ts');
  const { Prisma } = await import('./client.ts');
  const database = openDatabase(url, 2, () => {});
  try {
    for (const model of Object.values(Prisma.ModelName)) {
      const delegate = model.charAt(0).toLowerCase() + model.slice(1);
      const table = (database.prisma as unknown as Record<string, { findFirst(): Promise<unknown> }>)[
        delegate
      ];
      expect([model, await table?.findFirst()]).toEqual([model, null]);
    }
  } finally {
    await database.close();
  }
});
