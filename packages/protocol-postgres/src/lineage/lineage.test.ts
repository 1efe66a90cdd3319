import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Catalog, openCatalog } from '../catalog/index.ts';
import {
  installedServers,
  startServer,
  type TestResult,
  type TestServer,
  type TestSession,
} from '../catalog/testing.ts';
import { loadParser } from '../statement/index.ts';
import { type Case, QUERIES } from './cases.ts';
import { NOT_TESTING, TESTING } from './condition-cases.ts';
import { lineageWith } from './index.ts';
import { fill, isMarked, SCHEMA } from './testing.ts';
import { NEWER, WRITES } from './write-cases.ts';

describe.each(installedServers())('lineage on %s', (bin) => {
  let server: TestServer;
  let session: TestSession;
  let catalog: Catalog;

  beforeAll(async () => {
    await loadParser();
    server = await startServer(bin);
    session = await server.connect();
    await session.query(SCHEMA + fill(false));
    catalog = await openCatalog(session.query);
  }, 60_000);

  afterAll(async () => {
    session?.close();
    await server?.stop();
  });

  function marksOf(sql: string): string {
    const columns = lineageWith(sql, catalog.world)[0]?.columns;
    if (!columns) return 'unknown';
    return columns
      .map(({ value: { carry } }) =>
        [...carry.places.values()].some(isMarked) ? 'x' : carry.open ? '?' : '.',
      )
      .join('');
  }

  /** What the statement gives with the marked values as they are, and with others in their place. */
  async function twice(sql: string): Promise<readonly [TestResult, TestResult]> {
    await session.query('begin');
    try {
      const before = await session.run(sql);
      await session.query('rollback; begin');
      await session.query(fill(true));
      return [before, await session.run(sql)];
    } finally {
      await session.query('rollback');
    }
  }

  /** Columns whose values differ. */
  function differing([before, after]: readonly [TestResult, TestResult]): readonly boolean[] {
    const values = (result: TestResult, i: number): string =>
      JSON.stringify(result.rows.map((row) => row[i]).sort());
    return before.names.map((_, i) => values(before, i) !== values(after, i));
  }

  async function check(sql: string, expected: string): Promise<void> {
    const [marks = '', rows] = expected.split(' ');
    const found = marksOf(sql);
    expect(found).toBe(marks);
    if (marks === 'unknown') return;
    const results = await twice(sql);
    const names = lineageWith(sql, catalog.world)[0]?.columns?.map(
      ({ name }, i) => name ?? results[0].names[i],
    );
    expect(names).toEqual(results[0].names);
    if (rows === 'rows') return;
    // What depends on a marked value is marked.
    const clear = differing(results).map((differs, i) => differs && found[i] === '.');
    expect(clear).not.toContain(true);
  }

  function tested(sql: string): boolean {
    const lineage = lineageWith(sql, catalog.world)[0];
    const carry = lineage?.tests;
    return carry === undefined || carry.open || [...carry.places.values()].some(isMarked);
  }

  test.each(TESTING)('tests a marked column: %s', async (sql) => {
    expect(tested(sql)).toBe(true);
  });

  test.each(NOT_TESTING)('tests none: %s', async (sql) => {
    expect(tested(sql)).toBe(false);
  });

  test('what is too much, too deep or no SQL is unknown', () => {
    const deep = `select ${'('.repeat(3_000)}ssn${')'.repeat(3_000)} from customers`;
    const nested = Array.from({ length: 300 }).reduce(
      (sql: string) => `select * from (${sql}) q`,
      'select name from customers',
    );
    const views = `select ${'name || '.repeat(2_000)} ssn from customers`;
    for (const sql of [deep, nested, views, 'select from where', '']) {
      const columns = lineageWith(sql, catalog.world)[0]?.columns;
      const marks = columns?.map(
        ({ value: { carry } }) => carry.open || [...carry.places.values()].some(isMarked),
      );
      expect(marks ?? [true]).toEqual([true]);
    }
    const list = Array.from({ length: 20_000 }, (_, i) => i).join(',');
    const started = performance.now();
    expect(marksOf(`select name, ssn from customers where id in (${list})`)).toBe('.x');
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  const pick = (cases: readonly Case[]): [string, string][] => cases.map(([sql, marks]) => [sql, marks]);

  test.each(pick(QUERIES))('%s -> %s', check);
  test.each(pick(WRITES))('%s -> %s', check);
  test.each(pick(NEWER))('where the server can: %s -> %s', async (sql, expected) => {
    if (server.version >= 18) await check(sql, expected);
    else expect(marksOf(sql)).toBe(expected.split(' ')[0]);
  });
});
