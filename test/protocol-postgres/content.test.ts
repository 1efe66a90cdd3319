import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Stand, startStand } from '../e2e/stand.ts';
import { cells, field, message, query, WireClient } from '../e2e/wire-client.ts';

/** Assembled so that no scanner stops at this file. */
const TOKEN = ['ghp', '16C7e42F292c6912E7710c838347Ae178B4a'].join('_');
const OWN = 'qzx-internal-wvkj';
const PASSWORD = 'zkvjQ-81-xwqz';
const KEY = ['-----BEGIN RSA', 'PRIVATE KEY-----'].join(' ');
const PEM = `${KEY}\nMIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu\nKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ==\n${KEY.replace('BEGIN', 'END')}`;

const SETUP = `
  create extension hstore;
  create type pair as (a text, b int, doc jsonb, password text);
  create type deep as (p pair, ps pair[]);
  create domain word as text;
  create type textrange as range (subtype = text, multirange_type_name = textranges);
  create table box (id int, v_texts text[], v_grid text[], v_hstore hstore, v_keys hstore, v_named hstore, v_pair pair,
    v_pairs pair[], v_deep deep, v_jsonb jsonb, v_jsonkey jsonb, v_jsonbs jsonb[], v_json json[], v_word word, v_words word[],
    v_xml xml, v_tsv tsvector, v_tsq tsquery, v_range textrange, v_ranges textranges, v_byteas bytea[], v_path jsonpath,
    v_pem text, v_pems text[], v_hidden text[], v_field pair, v_password pair, v_count int);
`;

const q = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Column, the expression that fills it, and what must not come out of it. */
const CASES: readonly (readonly [string, string, string])[] = [
  ['v_texts', `array['a', ${q(`x ${TOKEN} y`)}, null]`, TOKEN],
  ['v_grid', `array[array['a', ${q(TOKEN)}], array['c', 'd']]`, TOKEN],
  ['v_hstore', `hstore('k', ${q(TOKEN)})`, TOKEN],
  ['v_keys', `hstore(${q(TOKEN)}, 'v')`, TOKEN],
  ['v_named', `hstore(array['api_key', ${q(OWN)}, 'other', 'fine'])`, OWN],
  ['v_pair', `row(${q(TOKEN)}, 1, null, null)::pair`, TOKEN],
  ['v_pairs', `array[row('a', 1, null, null)::pair, row(${q(`"${TOKEN}"`)}, 2, null, null)::pair]`, TOKEN],
  ['v_deep', `row(row('x', 1, null, null)::pair, array[row(${q(TOKEN)}, 3, null, null)::pair])::deep`, TOKEN],
  ['v_jsonb', `jsonb_build_object('a', jsonb_build_array(${q(TOKEN)}))`, TOKEN],
  ['v_jsonkey', `jsonb_build_object(${q(TOKEN)}, 1)`, TOKEN],
  ['v_jsonbs', `array[jsonb_build_object('api_key', ${q(OWN)})]`, OWN],
  ['v_json', `array[json_build_object('x', json_build_object('api_key', ${q(OWN)}))]`, OWN],
  ['v_word', q(TOKEN), TOKEN],
  ['v_words', `array[${q(TOKEN)}]::word[]`, TOKEN],
  ['v_xml', `xmlparse(content ${q(`<a key="${TOKEN}"/>`)})`, TOKEN],
  ['v_tsv', `array_to_tsvector(array[${q(TOKEN)}, 'other'])`, TOKEN],
  ['v_tsq', `(${q(`'${TOKEN}' & 'other'`)})::tsquery`, TOKEN],
  ['v_range', `textrange(${q(TOKEN)}, 'zz')`, TOKEN],
  ['v_ranges', `textranges(textrange('a', 'b'), textrange(${q(TOKEN)}, 'zz'))`, TOKEN],
  ['v_byteas', `array[${q(TOKEN)}::bytea, '\\x00ff']`, TOKEN],
  ['v_path', `(${q(`$.a ? (@ == "${TOKEN}")`)})::jsonpath`, TOKEN],
  ['v_pem', q(PEM), 'MIIBOgIBAAJBAKj34Gkx'],
  ['v_pems', `array['a', ${q(PEM)}]`, 'MIIBOgIBAAJBAKj34Gkx'],
  // In binary the last byte of this element's length is the letter a.
  ['v_hidden', `array[${q(TOKEN.padEnd(97, ' '))}]`, TOKEN],
  ['v_field', `row('x', 1, ${q(`{"deep": {"api_key": "${OWN}"}}`)}, null)::pair`, OWN],
  ['v_password', `row('x', 1, null, ${q(PASSWORD)})::pair`, PASSWORD],
];

const DOCUMENT = `
apiVersion: scrim/v1
connections:
  - name: shop
    protocol: postgres
    target: { host: $HOST, port: $PORT, database: shop, tls: disable }
    credential: { username: postgres, password: { env: SHOP_PASSWORD } }
policies:
  - name: content
    mask:
      - { field: "$..api_key", with: redact }
      - { detect: [secrets], with: redact }
`;

let stand: Stand;
let edge: WireClient;
let direct: WireClient;

beforeAll(async () => {
  stand = await startStand({ setup: SETUP, document: DOCUMENT });
  const { host, port } = stand.target;
  edge = await WireClient.connect({
    ...stand.ready().postgres,
    database: 'shop',
    password: await stand.token(),
  });
  direct = await WireClient.connect({
    host,
    port,
    user: 'postgres',
    database: 'shop',
    password: 'target-password-1',
  });
  for (const [i, [column, value]] of CASES.entries()) {
    const answers = await direct.query(`insert into box (id, ${column}, v_count) values (${i}, ${value}, 7)`);
    expect(answers.map(({ type }) => type).join('')).toBe('CZ');
  }
}, 120_000);
afterAll(async () => {
  edge?.end();
  direct?.end();
  await stand?.stop();
}, 60_000);

/** The value as bytes, and as what its hex and escaped spellings stand for. */
function says(bytes: Buffer, secret: string): boolean {
  const text = bytes.toString('latin1');
  const unhexed = text.replace(/\\?\\x([0-9a-f]+)/g, (_all, hex: string) =>
    Buffer.from(hex, 'hex').toString('latin1'),
  );
  return text.includes(secret) || unhexed.includes(secret);
}

test.each(CASES.map(([column, , secret], i) => [column, secret, i] as const))(
  'what detectors and field rules find in %s is masked and leaves a value of the type',
  async (column, secret, id) => {
    for (const format of [0, 1] as const) {
      const sql = `select ${column}, v_count from box where id = ${id}`;
      const original = cells(
        (await direct.prepared(sql, [], [format])).find(({ type }) => type === 'D') as never,
      )[0];
      expect(says(original as Buffer, secret)).toBe(true);
      const row = (await edge.prepared(sql, [], [format])).find(({ type }) => type === 'D');
      const [value, count] = cells(row as never);
      expect(says(value ?? Buffer.alloc(0), secret)).toBe(false);
      expect(count).toEqual(format === 1 ? Buffer.from([0, 0, 0, 7]) : Buffer.from('7'));
      const type = `(select ${column} from box where false)`;
      const parameter = value === null || format === 1 ? value : value?.toString();
      const back = await direct.prepared(`select coalesce($1, ${type}) is not null`, [parameter ?? null]);
      expect(back.map((answer) => answer.type).join('')).toBe('12TDCZ');
    }
    for (const options of [
      '',
      '(format csv)',
      "(format csv, delimiter '|', quote '''')",
      '(format binary)',
    ]) {
      const sql = `copy (select ${column} from box where id = ${id}) to stdout ${options}`;
      const plain = (await direct.query(sql)).filter(({ type }) => type === 'd').map(({ body }) => body);
      const answers = await edge.query(sql);
      const copied = answers.filter(({ type }) => type === 'd').map(({ body }) => body);
      expect(copied).toHaveLength(plain.length);
      expect(says(Buffer.concat(copied), secret)).toBe(false);
    }
  },
);

test('values without a finding keep their bytes', async () => {
  const sql = `select hstore('k', 'v'), array['a', 'b'], row('a', 1, null, null)::pair, 'a:1 b'::tsvector, array[1, 2],
    array['{"a": [1, 2]}'::jsonb], textranges(textrange('a', 'b')), array['\\x0102'::bytea], hstore(''::text, null)`;
  for (const format of [0, 1] as const) {
    const ours = await edge.prepared(sql, [], [format]);
    expect(ours).toEqual(await direct.prepared(sql, [], [format]));
  }
});

/** COPY FROM in its formats: rows as a client sends them, `%` where a value goes. */
const COPY_IN: readonly (readonly [string, string])[] = [
  ['', '900\t{%}\n'],
  ['', '900\t{%}\r\n\\.\r\n'],
  ['(format csv)', '900,"{%}"\n'],
  ["(format csv, header, delimiter ';', quote '''')", "id;v\r\n900;'{\n%}'\r\n"],
];

test.each(COPY_IN)(
  'COPY FROM %s goes through, and is refused when it carries a mask, wherever that is cut',
  async (options, data) => {
    const start = query(`copy box (id, v_texts) from stdin ${options}`);
    const piece = (bytes: Buffer): Buffer => message('d', bytes);
    edge.send(start);
    await edge.until('G');
    const clean = await edge.exchange([piece(Buffer.from(data.replace('%', 'fine'))), message('c')]);
    expect(clean.map(({ type }) => type).join('')).toBe('CZ');
    const whole = Buffer.from(data.replace('%', '***MASKED***'));
    for (let cut = 1; cut < whole.length; cut++) {
      edge.send(start);
      await edge.until('G');
      edge.send(piece(whole.subarray(0, cut)));
      edge.send(piece(whole.subarray(cut)), message('c'));
      const answers = await edge.until('Z');
      expect([
        cut,
        field(
          answers.find(({ type }) => type === 'E'),
          'C',
        ),
      ]).toEqual([cut, '42501']);
    }
    const rows = await direct.query('select count(*), min(v_texts[1]) from box where id = 900');
    expect(cells(rows.find(({ type }) => type === 'D') as never).map(String)).toEqual([
      '1',
      expect.stringContaining('fine'),
    ]);
    await direct.query('delete from box where id = 900');
  },
);
