import { createHash } from 'node:crypto';

/** Values that must never arrive, drawn so that no five characters of them occur in anything else. */
export const SSNS = ['QZX-71-WVKJ', 'JXQ-82-ZKVW', 'VKZ-93-QXJW'];
export const NICKS = ['Ñzqü-Øvkß', 'Ñxjü-Øqwß', 'Ñvwü-Øzkß'];
export const SCORES = [1893376417, 1764529083, 1938475626];
export const BORN = ['2793-05-17', '2846-11-29', '2917-08-23'];
export const CARDS = ['4539578763621486', '4716258050958645', '4929253501472349'];
/** Recognised by their own look; assembled so that no scanner stops at this file. */
export const GITHUB = ['ghp', '16C7e42F292c6912E7710c838347Ae178B4a'].join('_');
export const EMAILS = ['quxzor@example.com', 'wvkjaz@example.com', 'zkvwxq@example.com'];
export const API_KEY = 'kx7-internal-qwz93';

function quoted(values: readonly (string | number)[]): string {
  return `array[${values.map((it) => (typeof it === 'number' ? it : `'${it}'`)).join(',')}]`;
}

/** A database with masked columns of many types, and everything through which others saw such values get out. */
export const VAULT = `
  create extension if not exists hstore;
  create extension if not exists dblink;
  create type mood as enum ('calm', 'qzxvkj_angry');
  create type pair as (a text, b int);
  create domain serial_no as text check (length(value) < 100);
  create table customers (id int primary key, name text not null, email text not null, ssn text not null,
    nick text not null, born date not null, score int not null, notes text, profile jsonb, tags text[]);
  insert into customers select i, 'name' || i, (${quoted(EMAILS)})[i], (${quoted(SSNS)})[i], (${quoted(NICKS)})[i],
    (${quoted(BORN)})[i]::date, (${quoted(SCORES)})[i],
    case when i = 1 then 'leaked ${GITHUB} in chat' else 'nothing here' end,
    jsonb_build_object('plan', 'gold', 'api_key', '${API_KEY}', 'deep', jsonb_build_object('api_key', '${API_KEY}')),
    array[(${quoted(SSNS)})[i], 'second'] from generate_series(1, 3) i;
  create table payments (id int primary key, customer_id int not null references customers, card_number text not null,
    amount numeric(10,2) not null);
  insert into payments select i, i, (${quoted(CARDS)})[i], i from generate_series(1, 3) i;
  create table plain (id int primary key, label text, n int);
  insert into plain select i, 'label ' || i, i * 10 from generate_series(1, 200) i;
  create table sink (id int, label text);
  create view customer_tax as select id, ssn as tax, nick, name from customers;
  create view nested_tax as select id, tax as levy from customer_tax;
  create view mixed as select c.id, c.ssn || '' as blend, p.card_number as card from customers c join payments p on p.id = c.id;
  create view plain_view as select id, label as caption from plain;
  create materialized view tax_store as select id, ssn as kept from customers;
  create table people (region text, id int, ssn text) partition by list (region);
  create table people_north partition of people for values in ('north');
  insert into people select 'north', i, (${quoted(SSNS)})[i] from generate_series(1, 3) i;
  create table parent_doc (id int, ssn text);
  create table child_doc (extra text) inherits (parent_doc);
  insert into child_doc select i, (${quoted(SSNS)})[i], 'x' from generate_series(1, 3) i;
  create table derived (id int, ssn text, shadow text generated always as (upper(ssn)) stored);
  insert into derived(id, ssn) select i, (${quoted(SSNS)})[i] from generate_series(1, 3) i;
  create table many (id int, s_text text, s_varchar varchar(40), s_char char(20), s_int8 int8, s_int4 int4, s_numeric numeric,
    s_float float8, s_date date, s_ts timestamptz, s_uuid uuid, s_inet inet, s_bytea bytea, s_json json, s_jsonb jsonb,
    s_xml xml, s_bool bool, s_texts text[], s_ints int[], s_hstore hstore, s_pair pair, s_range int4range, s_mood mood,
    s_domain serial_no, s_bits bit(8), s_mac macaddr, s_tsv tsvector, s_money money, s_name name, s_interval interval);
  insert into many values (1, '${SSNS[0]}', '${SSNS[0]}', '${SSNS[0]}', ${SCORES[0]}, ${SCORES[0]}, ${SCORES[0]}.5,
    ${SCORES[0]}, '${BORN[0]}', '${BORN[0]} 01:02:03Z', 'a7c3e1f9-5b2d-4e8a-9c6f-d1b3a5c7e9f2', '203.0.113.77', '${SSNS[0]}',
    '{"k":"${SSNS[0]}"}', '{"k":"${SSNS[0]}"}', '<k>${SSNS[0]}</k>', true, array['${SSNS[0]}'], array[${SCORES[0]}],
    'k=>"${SSNS[0]}"', row('${SSNS[0]}', ${SCORES[0]}), int4range(${SCORES[0]}, ${SCORES[0]} + 1), 'qzxvkj_angry', '${SSNS[0]}', B'10110101',
    'a7:c3:e1:f9:5b:2d', '''${SSNS[0]}''', ${SCORES[0] ?? 0}::numeric::money, '${SSNS[0]}', '1893376417 seconds');
  create function ssn_of(i int) returns text language sql stable as 'select ssn from customers where id = i';
  create function ssn_atomic(i int) returns text stable begin atomic select ssn from customers where id = i; end;
  create function ssn_plpgsql(i int) returns text language plpgsql stable as
    $$ declare s text; begin select ssn into s from customers where id = i; return s; end $$;
  create function ssn_dynamic(i int) returns text language plpgsql stable as
    $$ declare s text; begin execute 'select s' || 'sn from customers where id = $1' into s using i; return s; end $$;
  create function all_ssn() returns setof text language sql stable as 'select ssn from customers';
  create function all_customers() returns setof customers language sql stable as 'select * from customers';
  create function tax_number(c customers) returns text language sql immutable as 'select c.ssn';
  create function twice(t text) returns text language sql immutable as 'select t || t';
  create function shout() returns void language plpgsql as
    $$ declare s text; begin select ssn into s from customers limit 1; raise notice 'it is %', s; end $$;
  create function fail() returns void language plpgsql as
    $$ declare s text; begin select ssn into s from customers limit 1; raise exception 'it is %', s using detail = s, hint = s; end $$;
  create function fill() returns trigger language plpgsql as
    $$ begin select ssn into new.label from customers limit 1; return new; end $$;
  create table triggered (id int, label text);
  create trigger fill before insert on triggered for each row execute function fill();
  create operator === (leftarg = text, rightarg = text, function = textcat);
  analyze;
`;

export const VAULT_DOCUMENT = `
apiVersion: scrim/v1
connections:
  - name: shop
    protocol: postgres
    target: { host: $HOST, port: $PORT, database: shop, tls: disable }
    credential: { username: postgres, password: { env: SHOP_PASSWORD } }
    labels: { env: prod }
policies:
  - name: production
    match: { labels: { env: prod }, groups: [agents] }
    mask:
      - { column: "customers.ssn", with: redact }
      - { column: "customers.nick", with: redact }
      - { column: "customers.born", with: redact }
      - { column: "customers.score", with: redact }
      - { column: "customers.tags", with: redact }
      - { column: "people.ssn", with: redact }
      - { column: "parent_doc.ssn", with: redact }
      - { column: "derived.ssn", with: redact }
      - { column: "many.s_*", with: redact }
      - { column: "payments.card_number", with: { partial: { keepLast: 4 } } }
      - { field: "$..api_key", with: redact }
      - { detect: [secrets, pii.email], with: redact }
`;

/** Byte sequences that give a masked value away, in lower case where case does not matter. */
function traces(): { folded: string[]; exact: Buffer[] } {
  const folded = new Set<string>();
  const exact: Buffer[] = [];
  const windows = (value: string): void => {
    for (let at = 0; at + 5 <= value.length; at++) folded.add(value.slice(at, at + 5).toLowerCase());
  };
  for (const ssn of SSNS) {
    windows(ssn);
    windows([...ssn].reverse().join(''));
    folded.add(Buffer.from(ssn).toString('base64').slice(0, 12).toLowerCase());
    folded.add(Buffer.from(ssn).toString('hex'));
    for (const digest of ['md5', 'sha256']) folded.add(createHash(digest).update(ssn).digest('hex'));
    exact.push(createHash('sha256').update(ssn).digest());
    exact.push(Buffer.from([...Buffer.from(ssn)].flatMap((byte) => [0, byte])));
  }
  for (const nick of NICKS) {
    const part = nick.slice(0, 4);
    exact.push(Buffer.from(part), Buffer.from(part, 'latin1'));
  }
  for (const score of SCORES) {
    folded.add(String(score));
    folded.add(score.toString(16));
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(score);
    exact.push(bytes);
  }
  for (const born of BORN) {
    folded.add(born);
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE((Date.parse(born) - Date.parse('2000-01-01')) / 86_400_000);
    exact.push(bytes);
  }
  for (const card of CARDS) windows(card.slice(0, 10));
  for (const secret of [...EMAILS, GITHUB, API_KEY, 'a7c3e1f9-5b2d', '203.0.113.77', 'qzxvkj', 'a7:c3:e1:f9'])
    folded.add(secret.toLowerCase());
  for (const secret of [...EMAILS, GITHUB]) folded.add(Buffer.from(secret).toString('hex'));
  exact.push(Buffer.from('a7c3e1f95b2d', 'hex'), Buffer.from([203, 0, 113, 77]));
  return { folded: [...folded], exact };
}

const TRACES = traces();

/** What of the masked values stands in these bytes; empty when nothing does. */
export function leaked(bytes: Buffer): string[] {
  const folded = bytes.toString('latin1').toLowerCase();
  return [
    ...TRACES.folded.filter((trace) => folded.includes(trace)),
    ...TRACES.exact.filter((trace) => bytes.includes(trace)).map((trace) => `\\x${trace.toString('hex')}`),
  ];
}
