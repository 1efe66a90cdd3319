import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Cell, Replacement } from '@scrim/protocol-kit';
import type { Gateway } from '@scrim/protocol-postgres/testing';
import { createTranscriber } from '@scrim/protocol-postgres/transcript';
import { bind, cstr, execute, parse, RawSession, rowsOf, split, sync, Target, typed } from './harness.ts';
import { BASE_SAMPLES, RANGE_SAMPLES } from './type-samples.ts';

let target: Target;
let gateway: Gateway;
let visit: (cell: Cell) => Replacement = () => undefined;
let described: Uint8Array | undefined;

beforeAll(async () => {
  target = await Target.start();
  gateway = await target.gateway({
    behaviour: {
      visit: (cell) => visit(cell),
      onRun: (side, { meaning }) => {
        if (side === 'target' && meaning.kind === 'shape') described = meaning.shape.description;
      },
    },
  });
}, 60_000);
afterAll(async () => await target.stop(), 30_000);

/**
 * Types not shown as the server prints them: names of catalog objects are numbers in binary, money wants a locale, and
 * an access list has no binary form.
 */
const UNREAD: ReadonlySet<string> = new Set([
  ...[
    'aclitem',
    'money',
    'regdatabase',
    'regclass',
    'regcollation',
    'regconfig',
    'regdictionary',
    'regnamespace',
  ],
  ...['regoper', 'regoperator', 'regproc', 'regprocedure', 'regrole', 'regtype', 'bit'],
]);

/** Type, values, a replacement that fits (absent: none is tried), one that does not. */
const TYPES: readonly [string, readonly string[], string?, string?][] = [
  ['text', ['', 'plain', 'ünïcödé 漢字'], '***'],
  ['varchar', ['x'], '***'],
  ['char(5)', ['x'], '***'],
  ['name', ['x'], 'y'],
  ['int2', ['0', '-32768', '32767'], '7', '40000'],
  ['int4', ['0', '-2147483648', '2147483647'], '7', '***'],
  ['int8', ['0', '-9223372036854775808', '9223372036854775807'], '-7', '1.5'],
  [
    'numeric',
    [
      '0',
      '0.00',
      '1',
      '-1.5',
      '10000',
      '100000000.0001',
      '0.00001234',
      '12345678901234567890.123456789',
      'NaN',
      'Infinity',
      '-Infinity',
      '1e-20',
      '1e30',
      '99990000',
    ],
    '-0.50',
    'x',
  ],
  [
    'float4',
    ['0', '1.5', '-0.1', '1e+10', '1e-5', '0.0001234', '999999', '1000000', 'Infinity', 'NaN'],
    '2.5',
    'x',
  ],
  [
    'float8',
    [
      '0',
      '1.5',
      '-0.1',
      '123456.789',
      '1e-7',
      '0.00012',
      '1e14',
      '1e15',
      '1.7976931348623157e308',
      '-Infinity',
      'NaN',
    ],
    '2.5',
    'x',
  ],
  ['money', ['$0.00', '-$1.05', '$12345.67'], '$1.00', 'x'],
  ['bool', ['t', 'f'], 'f', 'maybe'],
  [
    'date',
    [
      '2000-01-01',
      '1999-12-31',
      '1970-01-01',
      '0001-01-01',
      '0044-03-15 BC',
      '2024-02-29',
      '9999-12-31',
      'infinity',
      '-infinity',
    ],
    '1970-01-01',
    '2023-02-30',
  ],
  ['time', ['00:00:00', '23:59:59.999999', '24:00:00', '12:30:00.5'], '00:00:00', '25:00:00'],
  ['timetz', ['00:00:00+00', '12:30:00.5-08', '12:30:00+05:45'], '00:00:00+00', 'x'],
  [
    'timestamp',
    ['2000-01-01 00:00:00', '1999-12-31 23:59:59.999999', '0044-03-15 12:00:00 BC', 'infinity'],
    '1970-01-01 00:00:00',
    'x',
  ],
  [
    'timestamptz',
    ['2000-01-01 00:00:00+00', '1960-06-01 10:11:12.13+00', '-infinity'],
    '1970-01-01 00:00:00+00',
    'x',
  ],
  [
    'interval',
    [
      '00:00:00',
      '1 year 2 mons 3 days 04:05:06.789',
      '-1 days +02:00:00',
      '-1 years -2 mons +3 days -00:00:01',
      '1 day',
      '2 mons -1 days',
    ],
    '1 day',
    'x',
  ],
  [
    'uuid',
    ['00000000-0000-0000-0000-000000000000', '0f5e2a3c-1111-4222-8333-444455556666'],
    '0f5e2a3c-1111-4222-8333-000000000000',
    'x',
  ],
  [
    'inet',
    [
      '10.0.0.1',
      '10.0.0.0/8',
      '::1',
      '2001:db8::ff00:42:8329',
      '::ffff:1.2.3.4',
      'fe80::/10',
      '1:0:0:2::3',
      '::',
    ],
    '0.0.0.0',
    'x',
  ],
  ['cidr', ['10.0.0.0/8', '2001:db8::/32'], '0.0.0.0/0', 'x'],
  ['macaddr', ['08:00:2b:01:02:03'], '00:00:00:00:00:00', 'x'],
  ['macaddr8', ['08:00:2b:01:02:03:04:05'], '00:00:00:00:00:00:00:00', 'x'],
  ['bytea', ['\\x', '\\xdeadbeef'], '\\x00ff'],
  ['json', ['{"a": 1}', '[]'], '{"b":2}'],
  ['jsonb', ['{"a": 1}', '[]'], '{"b": 2}'],
  ['xml', ['<a/>'], '<b/>'],
  ['bit(5)', ['10101'], '00000', 'x'],
  ['varbit', ['', '1', '101010101'], '0', 'x'],
];

async function values(raw: RawSession, sql: string, binary: boolean): Promise<(Buffer | null)[]> {
  raw.send(parse('', sql), bind('', '', [], [binary ? 1 : 0]), execute(''), sync);
  const answer = await raw.until('Z');
  return split(answer)
    .filter(({ type }) => type === 'D')
    .map(({ body }) => (body.readInt32BE(2) < 0 ? null : body.subarray(6)));
}

function listOf(type: string, texts: readonly string[]): string {
  const rows = texts.map((text, i) => `(${i}, '${text.replaceAll("'", "''")}'::${type})`);
  return `select v from (values ${rows.join(', ')}) as t(i, v) order by i`;
}

async function open(): Promise<RawSession> {
  return await RawSession.login(gateway.port, { TimeZone: 'UTC', lc_monetary: 'C' });
}

describe.each(TYPES)('%s', (type, texts, fits, misfit) => {
  test('a binary value reads as the server prints it', async () => {
    const raw = await open();
    visit = () => undefined;
    const printed = (await values(raw, listOf(type, texts), false)).map((value) => value?.toString());
    const seen: string[] = [];
    visit = (cell) => void seen.push(cell.text());
    const untouched = await values(raw, listOf(type, texts), true);
    expect(seen.map((text) => (type === 'money' ? text.replaceAll(',', '') : text))).toEqual(
      printed.map((text) => (type === 'money' ? (text?.replaceAll(',', '') ?? '') : text)),
    );
    expect(untouched).toHaveLength(texts.length);
    raw.end();
  });

  test('a value written back from its text is the same bytes', async () => {
    if (type === 'money' || type.startsWith('char')) return;
    const raw = await open();
    visit = () => undefined;
    const untouched = await values(raw, listOf(type, texts), true);
    visit = (cell) => cell.text();
    expect(await values(raw, listOf(type, texts), true)).toEqual(untouched);
    raw.end();
  });

  test('a replacement is valid for the type in both formats, NULL stays possible, a misfit fails closed', async () => {
    const raw = await open();
    for (const binary of [false, true]) {
      visit = () => fits;
      const replaced = await values(raw, listOf(type, texts), binary);
      visit = () => undefined;
      const all = texts.map(() => fits as string);
      const expected = await values(raw, listOf(type, all), binary);
      if (!type.startsWith('char')) expect(replaced).toEqual(expected);
      expect(replaced).toHaveLength(texts.length);
      visit = () => null;
      expect(await values(raw, listOf(type, texts), binary)).toEqual(texts.map(() => null));
    }
    raw.end();
    if (misfit === undefined) return;
    for (const binary of [false, true]) {
      const doomed = await open();
      visit = () => misfit;
      expect(await values(doomed, listOf(type, texts), binary)).toEqual([]);
      await doomed.whenClosed();
    }
  });
});

describe('arrays', () => {
  test('keep dimensions, lower bounds and NULL elements when their elements are replaced', async () => {
    const raw = await open();
    visit = () => '0';
    for (const binary of [false, true]) {
      const sql = listOf('int4[]', ['{{1,2},{3,NULL}}', '[0:1]={5,6}', '{}']);
      const replaced = await values(raw, sql, binary);
      visit = () => undefined;
      expect(replaced).toEqual(
        await values(raw, listOf('int4[]', ['{{0,0},{0,NULL}}', '[0:1]={0,0}', '{}']), binary),
      );
      visit = () => '0';
    }
    raw.end();
  });

  test('show their elements one by one, and each is replaced alone', async () => {
    const raw = await open();
    for (const binary of [false, true]) {
      const seen: string[] = [];
      visit = (cell) => {
        seen.push(cell.bytes.toString('utf8', cell.start, cell.end));
        return seen.at(-1) === 'clear' ? undefined : '***';
      };
      const sql = listOf('text[]', ['{clear,secret,NULL,"c\\"d, \\\\e",""}', '{{"x,y"},{null}}']);
      const replaced = await values(raw, sql, binary);
      expect(seen).toEqual(['clear', 'secret', 'c"d, \\e', '', 'x,y']);
      visit = () => undefined;
      const expected = ['{clear,***,NULL,***,***}', '{{***},{null}}'];
      expect(replaced).toEqual(await values(raw, listOf('text[]', expected), binary));
      visit = () => null;
      expect(await values(raw, listOf('text[]', ['{a,b}', '{}', '{NULL}']), binary)).toEqual([
        null,
        null,
        null,
      ]);
    }
    raw.end();
  });
});

test('detectors see the bytes a bytea stands for, and the text behind a jsonb version', async () => {
  const raw = await open();
  for (const binary of [false, true]) {
    const seen: string[] = [];
    visit = (cell) => void seen.push(cell.bytes.toString('utf8', cell.start, cell.end));
    await values(raw, "select 'secret'::bytea", binary);
    await values(raw, `select '{"a": 1}'::jsonb`, binary);
    expect(seen).toEqual(['secret', '{"a": 1}']);
  }
  raw.end();
});

describe('COPY to the caller', () => {
  const SOURCE = `select i, case when i % 3 = 0 then null when i % 3 = 1 then E'a\\tb\\\\c\\nd"e''f,' || i else '' end as t, i * 1.5 as n
    from generate_series(1, 9) i`;
  const OPTIONS = [
    '',
    '(format csv)',
    '(format csv, header)',
    "(format csv, quote '''', delimiter '|', null 'NIL', force_quote *)",
    "(format csv, escape '\\')",
    "(delimiter ',', null 'NIL')",
    '(format binary)',
  ];

  test.each(OPTIONS)('untouched, every value seen, and each replaced: %s', async (options) => {
    const raw = await open();
    const direct = await target.direct();
    await raw.query(`drop table if exists copied; create table copied as ${SOURCE}`);
    const sql = `copy copied to stdout ${options}`;
    const whole = await direct.query(sql);
    visit = () => undefined;
    expect(await raw.query(sql)).toEqual(whole);
    const seen: string[] = [];
    visit = (cell) => void seen.push(cell.text());
    await raw.query(sql);
    const plain = split(await direct.query('select * from copied')).filter(({ type }) => type === 'D');
    expect(seen).toHaveLength(plain.length * 3 - 3);
    expect(seen.filter((text) => text.includes('\n'))).toContain('a\tb\\c\nd"e\'f,1');
    visit = (cell) => (cell.column === 1 ? 'x\t"y,\\z\'|\n' : undefined);
    const masked = await raw.query(sql);
    expect(await reloaded(masked, options)).toEqual(await reloadedFrom(whole, options));
    raw.end();
    direct.end();
  });

  /** What a server makes of the copied data. */
  async function reloaded(answer: Buffer, options: string): Promise<string[]> {
    const direct = await target.direct();
    await direct.query('create temp table back (like copied)');
    direct.send(typed('Q', cstr(`copy back from stdin ${options.replace(', force_quote *', '')}`)));
    await direct.until('G');
    for (const { type, body } of split(answer)) if (type === 'd') direct.send(typed('d', body));
    direct.send(typed('c'));
    const loaded = await direct.until('Z');
    expect(split(loaded).map(({ type }) => type)).toEqual(['C', 'Z']);
    const rows = split(await direct.query('select i, * from back order by i'));
    direct.end();
    return rows.filter(({ type }) => type === 'D').map(({ body }) => body.toString('latin1'));
  }

  async function reloadedFrom(whole: Buffer, options: string): Promise<string[]> {
    const direct = await target.direct();
    await direct.query('drop table if exists wanted; create table wanted (like copied)');
    direct.send(typed('Q', cstr(`copy wanted from stdin ${options.replace(', force_quote *', '')}`)));
    await direct.until('G');
    for (const { type, body } of split(whole)) if (type === 'd') direct.send(typed('d', body));
    direct.send(typed('c'));
    await direct.until('Z');
    await direct.query(`update wanted set t = E'x\\t"y,\\\\z''|\\n' where t is not null`);
    const rows = split(await direct.query('select i, * from wanted order by i'));
    direct.end();
    return rows.filter(({ type }) => type === 'D').map(({ body }) => body.toString('latin1'));
  }

  test('a recorded session replays: rows in text and binary, COPY, errors', async () => {
    const raw = await open();
    visit = () => undefined;
    const transcriber = createTranscriber();
    raw.send(
      parse('', "select 7::int4 as a, 'x'::text as b, null::date as c"),
      bind('', '', [], [1]),
      execute(''),
      sync,
    );
    const rows = await raw.until('Z');
    expect(transcriber.shape(described as Uint8Array)).toEqual([{ kind: 'columns', names: ['a', 'b', 'c'] }]);
    expect(transcriber.response(rows)).toEqual([
      { kind: 'row', values: ['7', 'x', null] },
      { kind: 'outcome', ok: true, tag: 'SELECT 1', count: 1 },
    ]);
    for (const options of OPTIONS) {
      const copied = await raw.query(`copy copied to stdout ${options}`);
      expect(transcriber.shape(described as Uint8Array)).toMatchObject([{ kind: 'columns' }]);
      const items = transcriber.response(copied).filter(({ kind }) => kind === 'row');
      expect(items).toHaveLength(9);
      expect(items[2]).toMatchObject({ values: ['3', null, '4.5'] });
    }
    expect(transcriber.response(await raw.query('select 1/0'))).toMatchObject([
      { kind: 'fields', severity: 'ERROR', fields: { sqlstate: '22012', message: 'division by zero' } },
      { kind: 'outcome', ok: false },
    ]);
    raw.end();
  });

  test.each(Object.entries({ ...BASE_SAMPLES, ...RANGE_SAMPLES }).filter(([type]) => !UNREAD.has(type)))(
    'a binary %s is shown as the server prints it',
    async (type, samples) => {
      const raw = await open();
      visit = () => undefined;
      const transcriber = createTranscriber();
      const name = type === 'char' ? '"char"' : type;
      const texts = samples.map((one) => `'${one.replaceAll("'", "''")}'`);
      const sql = `select v::${name}, array[v::${name}] from unnest(array[${texts.join(', ')}]::text[]) with ordinality as t(v, i) order by i`;
      const printed = rowsOf(await raw.query(sql));
      expect(printed).toHaveLength(samples.length);
      raw.send(parse('', sql), bind('', '', [], [1]), execute(''), sync);
      const rows = await raw.until('Z');
      transcriber.shape(described as Uint8Array);
      const read = transcriber.response(rows).flatMap((item) => (item.kind === 'row' ? [item.values] : []));
      expect(read).toEqual(printed);
      raw.end();
    },
  );
});
