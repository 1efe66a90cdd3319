import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Stand, startStand } from '../e2e/stand.ts';
import { type Answer, cells, field, WireClient } from '../e2e/wire-client.ts';
import {
  BASE_SAMPLES,
  NULLED,
  RANGE_SAMPLES,
  USER_SAMPLES,
  USER_TYPES,
  WITHOUT_INPUT,
} from './type-samples.ts';

/** One connection to the same target for each operator. */
const OPERATORS: Readonly<Record<string, string>> = {
  redact: 'redact',
  template: '{ redact: { template: "[{type}] <&\\"é\' {hash}" } }',
  partial: 'partial',
  first: '{ partial: { keepFirst: 3 } }',
  hash: 'hash',
  tokens: '{ tokenise: { reversible: false } }',
  fpe: 'fpe',
  nothing: '"null"',
};

const DOCUMENT = `
apiVersion: scrim/v1
connections:
${Object.keys(OPERATORS)
  .map(
    (name) => `  - name: ${name}
    protocol: postgres
    target: { host: $HOST, port: $PORT, database: shop, tls: disable }
    credential: { username: postgres, password: { env: SHOP_PASSWORD } }
    labels: { operator: ${name} }
`,
  )
  .join('')}
policies:
${Object.entries(OPERATORS)
  .map(
    ([name, operator]) => `  - name: ${name}
    match: { labels: { operator: ${name} } }
    mask:
      - { column: "samples.value*", with: ${operator} }
`,
  )
  .join('')}
`;

/** The servers of this machine: the embedded one, and Debian's 15 where it is installed. */
const DEBIAN = '/usr/lib/postgresql/15/bin';
const SERVERS: readonly (readonly [string, string | undefined])[] = [
  ['the embedded server', undefined],
  ...(existsSync(`${DEBIAN}/postgres`) ? [['PostgreSQL 15', DEBIAN] as const] : []),
];

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const quoted = (type: string): string => (type === 'char' ? '"char"' : type);

const UNUSED = new Set([...WITHOUT_INPUT]);
const COLUMN_TYPES = `select typname from pg_type t where typtype = 'b' and typnamespace = 'pg_catalog'::regnamespace
  and not (typcategory = 'A' and typlen = -1 and typelem <> 0) order by 1`;

describe.each(SERVERS)('%s', (_name, bin) => {
  const before = process.env.SCRIM_PG_BIN;
  let stand: Stand;
  let token: Record<string, string> = {};
  let types: [string, readonly string[]][] = [];

  beforeAll(async () => {
    if (bin) process.env.SCRIM_PG_BIN = bin;
    stand = await startStand({ setup: USER_TYPES, document: DOCUMENT });
    const client = await stand.direct();
    const { rows } = await client.query<{ typname: string }>(COLUMN_TYPES);
    const base = rows.map(({ typname }) => typname).filter((name) => !UNUSED.has(name));
    const missing = base.filter((name) => BASE_SAMPLES[name] === undefined);
    expect(missing).toEqual([]);
    types = [
      ...base.map((name): [string, readonly string[]] => [name, BASE_SAMPLES[name] ?? []]),
      ...base.map((name): [string, readonly string[]] => [
        `${quoted(name)}[]`,
        [
          `{${(BASE_SAMPLES[name] ?? []).map((one) => `"${one.replace(/["\\]/g, '\\$&')}"`).join(name === 'box' ? ';' : ',')}}`,
        ],
      ]),
      ...Object.entries({ ...RANGE_SAMPLES, ...USER_SAMPLES }),
    ];
    const columns = types.map(([type], i) => `value${i} ${quoted(type)}`);
    await client.query(`create table samples (id int primary key, ${columns.join(', ')})`);
    for (const [i, [type, samples]] of types.entries()) {
      for (const [at, sample] of samples.entries()) {
        const sql = `insert into samples (id, value${i}) values (${i * 100 + at}, ${literal(sample)})`;
        await client.query(sql).catch((error: Error) => {
          throw new Error(`${type} ${sample}: ${error.message}`);
        });
      }
    }
    await client.end();
    token = {};
    for (const connection of Object.keys(OPERATORS)) token[connection] = await stand.token({ connection });
  }, 120_000);

  afterAll(async () => {
    if (before === undefined) delete process.env.SCRIM_PG_BIN;
    else process.env.SCRIM_PG_BIN = before;
    await stand?.stop();
  }, 60_000);

  const straight = (): Promise<WireClient> => {
    const { host, port } = stand.target;
    return WireClient.connect({
      host,
      port,
      user: 'postgres',
      database: 'shop',
      password: 'target-password-1',
    });
  };
  const values = (answers: readonly Answer[]): (Buffer | null)[] =>
    answers.filter(({ type }) => type === 'D').map((row) => cells(row)[0] ?? null);

  test.each(Object.keys(OPERATORS))(
    'what `%s` writes is a value of its type, in text and in binary',
    async (connection) => {
      const edge = await WireClient.connect({
        ...stand.ready().postgres,
        database: connection,
        password: token[connection] as string,
      });
      const direct = await straight();
      const wrong: string[] = [];
      let checked = 0;
      for (const [i, [type]] of types.entries()) {
        for (const format of [0, 1] as const) {
          const sql = `select value${i} from samples where id / 100 = ${i} order by id`;
          const original = await direct.prepared(sql, [], [format]);
          // A type without a binary form has none directly either.
          if (
            field(
              original.find((one) => one.type === 'E'),
              'C',
            ) === '42883'
          )
            continue;
          const masked = values(await edge.prepared(sql, [], [format]));
          if (masked.length !== values(original).length)
            wrong.push(`${type} ${format}: ${masked.length} rows`);
          for (const [at, value] of masked.entries()) {
            const what = `${type} ${format === 1 ? 'binary' : 'text'} ${types[i]?.[1][at]} -> ${format === 1 ? value?.toString('hex') : value}`;
            if (value === null) {
              if (connection !== 'nothing' && !NULLED.has(type.replace(/\[\]$/, '')))
                wrong.push(`${what}: NULL`);
              continue;
            }
            const parameter = format === 1 ? value : value.toString();
            const back = await direct.prepared(`select $1::${quoted(type)} is not null`, [parameter], [0]);
            checked += 1;
            const error = back.find((one) => one.type === 'E');
            // No mask can be made to meet a CHECK constraint it knows nothing of.
            if (error && !field(error, 'M')?.includes('check constraint'))
              wrong.push(`${what}: ${field(error, 'M')}`);
            const same = values(original)[at];
            if (CONCEAL.has(connection) && same?.equals(value) && tells(types[i]?.[1][at] ?? '')) {
              wrong.push(`${what}: not masked`);
            }
          }
        }
      }
      edge.end();
      direct.end();
      expect(wrong).toEqual([]);
      if (connection !== 'nothing') expect(checked).toBeGreaterThan(250);
    },
    120_000,
  );
});

/** Operators that never leave a value as it was; the others keep parts of it. */
const CONCEAL: ReadonlySet<string> = new Set(['redact', 'template', 'hash', 'tokens']);

/** False for values that hold nothing, or are their own mask. */
function tells(sample: string): boolean {
  return !['', '{}', '(,)', 'f', 'empty', '{""}', '{"{}"}', '{"f"}', 'calm'].includes(sample);
}
