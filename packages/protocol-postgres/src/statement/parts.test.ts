import { beforeAll, expect, test } from '@jest/globals';
import { analyse, loadParser, resolve, withPrepared } from './index.ts';

beforeAll(loadParser);

function part(sql: string) {
  const only = analyse(sql).parts[0];
  if (!only) throw new Error('no statement');
  return only;
}

const TEXT = { format: 'text', delimiter: '\t', nullText: '\\N', quote: '"', escape: '"', header: false };
const CSV = { format: 'csv', delimiter: ',', nullText: '', quote: '"', escape: '"', header: false };
const T = { relation: { schema: null, name: 't' } };

test.each<[string, object]>([
  ['COPY t FROM STDIN', { direction: 'in', through: 'client', ...T, ...TEXT }],
  [
    'COPY s.t (a, "B") TO STDOUT',
    { direction: 'out', relation: { schema: 's', name: 't' }, columns: ['a', 'B'] },
  ],
  ['COPY t TO STDOUT (FORMAT csv)', CSV],
  ['COPY t TO STDOUT CSV HEADER', { ...CSV, header: true }],
  ['COPY t TO STDOUT (FORMAT csv, HEADER false)', { ...CSV, header: false }],
  ['COPY t FROM STDIN (FORMAT csv, HEADER match)', { ...CSV, header: true }],
  [
    "COPY t TO STDOUT (FORMAT csv, DELIMITER ';', QUOTE '''', NULL 'x')",
    { delimiter: ';', quote: "'", escape: "'", nullText: 'x' },
  ],
  ["COPY t TO STDOUT (FORMAT csv, ESCAPE '\\')", { quote: '"', escape: '\\' }],
  ["COPY t TO STDOUT DELIMITER AS '|' NULL AS ''", { ...TEXT, delimiter: '|', nullText: '' }],
  ["COPY t TO STDOUT (DELIMITER E'\\x01')", { delimiter: '\u0001' }],
  ['COPY BINARY t FROM STDIN', { format: 'binary' }],
  ['COPY t TO STDOUT (FORMAT binary)', { format: 'binary' }],
  ["COPY t TO STDOUT (ENCODING 'LATIN1')", { encoding: 'LATIN1' }],
  ["COPY t TO PROGRAM 'cat'", { through: 'program' }],
  ["COPY t FROM '/x'", { direction: 'in', through: 'file' }],
  [
    'COPY /* ( */ (SELECT \')\', $$)$$, "a)" FROM t -- )\n) TO STDOUT',
    { query: 'SELECT \')\', $$)$$, "a)" FROM t -- )' },
  ],
  ["SELECT 'é'; COPY (SELECT E'\\')' FROM é) TO STDOUT", {}],
])('%s', (sql, expected) => {
  expect(analyse(sql).parts.at(-1)?.copy).toMatchObject(expected);
});

test('the inner text is cut by bytes where earlier text is not ASCII', () => {
  const { parts } = analyse("SELECT 'éé€'; COPY (SELECT 'ü' FROM t) TO STDOUT; SELECT 1");
  expect(parts[1]?.copy?.query).toBe("SELECT 'ü' FROM t");
});

test('PREPARE gives name and text, EXECUTE its name, DEALLOCATE and DISCARD what they drop', () => {
  expect(part('PREPARE "P x" (int, text) AS SELECT $1 AS as_is').prepares).toEqual({
    name: 'P x',
    text: 'SELECT $1 AS as_is',
  });
  expect(part('EXECUTE "P x" (1)').executes).toBe('P x');
  expect(part('EXPLAIN ANALYZE EXECUTE p').executes).toBe('p');
  expect(part('DEALLOCATE p').deallocates).toBe('p');
  expect(part('DEALLOCATE ALL').deallocates).toBeNull();
  expect(part('DISCARD ALL').deallocates).toBeNull();
  expect(part('SELECT 1').deallocates).toBeUndefined();
});

test('EXECUTE is judged by what was prepared, in the same text or before', () => {
  const prepared = analyse('PREPARE p AS DELETE FROM t');
  const answered = withPrepared(analyse('EXECUTE p'), (name) => (name === 'p' ? prepared : undefined));
  expect(answered.facts).toMatchObject({ unbounded: ['delete'], complete: true });
  expect(withPrepared(analyse('EXECUTE q'), () => undefined).facts.complete).toBe(false);
  const together = withPrepared(analyse('PREPARE p AS DELETE FROM t; EXECUTE p'), () => undefined);
  expect(together.facts.complete).toBe(true);
  expect(together.facts.statements).toEqual(['prepare', 'delete', 'execute']);
});

test('cursors are named', () => {
  expect(part('DECLARE c BINARY CURSOR FOR SELECT 1').cursor).toEqual({ declares: 'c' });
  expect(part('FETCH ALL FROM c').cursor).toEqual({ fetches: 'c' });
  expect(part('CLOSE c').cursor).toEqual({ closes: 'c' });
});

test('settings and definitions are listed', () => {
  expect(part('SET Search_Path = a, "B"').sets).toEqual([{ name: 'search_path', value: 'a, B' }]);
  expect(part("SELECT set_config('search_path', $1, true)").sets).toEqual([
    { name: 'search_path', value: null },
  ]);
  expect(part('RESET search_path').sets).toEqual([{ name: 'search_path', value: null }]);
  expect(part('ALTER TABLE s.t RENAME TO u').defines).toEqual([
    { schema: 's', name: 't' },
    { schema: 's', name: 'u' },
  ]);
  expect(part('CREATE TEMP TABLE n AS SELECT 1').defines).toEqual([{ schema: null, name: 'n' }]);
});

test('without functions to answer the very same analysis comes back', () => {
  const analysis = analyse('SELECT lower(a) FROM t');
  expect(resolve(analysis, () => [])).toBe(analysis);
  expect(resolve(analyse('SELECT mine(1)'), () => []).facts.complete).toBe(false);
});

test.each([
  ['a long OR', `DELETE FROM t WHERE ${Array(5_000).fill('id = 5').join(' OR ')}`],
  ['a long IN', `DELETE FROM t WHERE id IN (${Array(30_000).fill('1').join(',')})`],
  ['many statements', 'SELECT 1;'.repeat(9_000)],
  ['many CTEs', `WITH ${Array.from({ length: 2_000 }, (_, i) => `a${i} AS (SELECT 1)`).join(',')} SELECT 1`],
  ['deep parentheses', `SELECT ${'('.repeat(50_000)}1${')'.repeat(50_000)}`],
  ['deep subqueries', `SELECT ${'(SELECT '.repeat(3_000)}1${')'.repeat(3_000)}`],
  ['deep blocks', `DO $$${'BEGIN '.repeat(20_000)}NULL;${'END;'.repeat(20_000)}$$`],
  ['a long text', `SELECT '${'x'.repeat(300_000)}'`],
])('%s is answered in bounded time and leaves the parser usable', (_, sql) => {
  const start = performance.now();
  expect(analyse(sql).facts.kind).toBe('sql');
  expect(performance.now() - start).toBeLessThan(3_000);
  expect(analyse('DO $$ BEGIN DELETE FROM t; END $$').facts.unbounded).toEqual(['delete']);
});
