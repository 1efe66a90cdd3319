/** Types no value can be written for: what stands for one of them is NULL. */
export const WITHOUT_INPUT: ReadonlySet<string> = new Set([
  'pg_node_tree',
  'pg_ndistinct',
  'pg_dependencies',
  'pg_mcv_list',
  'pg_brin_bloom_summary',
  'pg_brin_minmax_multi_summary',
  'gtsvector',
]);

/** Types whose values are replaced by NULL: input depends on what else the database holds. */
export const NULLED: ReadonlySet<string> = new Set(['aclitem', 'cube', 'ltree']);

/** Values of every type a table column of PostgreSQL can have, by the type's name. */
export const BASE_SAMPLES: Readonly<Record<string, readonly string[]>> = {
  aclitem: ['postgres=r/postgres'],
  bit: ['1'],
  bool: ['t', 'f'],
  box: ['(3,4),(1,2)'],
  bpchar: ['abc'],
  bytea: ['\\xdeadbeef', '\\x', 'plain text'],
  char: ['x'],
  cid: ['7'],
  cidr: ['10.1.0.0/16', '2001:db8::/32'],
  circle: ['<(1,2),3.5>'],
  date: ['2020-02-29', '0044-03-15 BC', 'infinity', '-infinity', '294276-12-31'],
  float4: ['1.5', 'NaN', '-Infinity', '1e-30'],
  float8: ['1.5', 'NaN', 'Infinity', '-1e300'],
  inet: ['10.1.2.3', '10.1.2.3/8', '2001:db8::1', '::ffff:1.2.3.4'],
  int2: ['-32768', '32767'],
  int2vector: ['1 2 3'],
  int4: ['-2147483648', '2147483647'],
  int8: ['-9223372036854775808', '9223372036854775807'],
  interval: ['1 year 2 mons 3 days 04:05:06.789', '-1 days +02:00:00'],
  json: ['{"a": [1, "x", null]}', '"x"', '17'],
  jsonb: ['{"a": [1, "x", null]}', '"x"', '17'],
  jsonpath: ['$.a[*] ? (@ > 2)', 'strict $."b"'],
  line: ['{1,-1,2}'],
  lseg: ['[(1,2),(3,4)]'],
  macaddr: ['08:00:2b:01:02:03'],
  macaddr8: ['08:00:2b:01:02:03:04:05'],
  money: ['$1,234.56', '-$92,233,720,368,547,758.08'],
  name: ['some_name'],
  numeric: [
    '1',
    '-0.000001',
    'NaN',
    'Infinity',
    '-Infinity',
    `${'9'.repeat(400)}.${'1'.repeat(400)}`,
    '1e-1000',
  ],
  oid: ['4294967295'],
  oidvector: ['1 2 3'],
  path: ['((1,2),(3,4))', '[(1,2),(3,4),(5,6)]'],
  pg_lsn: ['16/B374D848'],
  pg_snapshot: ['10:20:10,14,15'],
  point: ['(1.5,-2)'],
  polygon: ['((1,2),(3,4),(5,6))'],
  refcursor: ['some cursor'],
  regclass: ['pg_class'],
  regcollation: ['"C"'],
  regconfig: ['english'],
  regdatabase: ['postgres'],
  regdictionary: ['simple'],
  regnamespace: ['public'],
  regoper: ['|/'],
  regoperator: ['+(integer,integer)'],
  regproc: ['now'],
  regprocedure: ['abs(numeric)'],
  regrole: ['postgres'],
  regtype: ['integer'],
  text: ['plain', 'ünïcödé "quoted" \\ back', ''],
  tid: ['(42,7)'],
  time: ['12:30:00.5', '24:00:00'],
  timestamp: ['2020-01-01 00:00:00', '0044-03-15 12:00:00 BC', 'infinity'],
  timestamptz: ['2020-01-01 00:00:00+00', '-infinity'],
  timetz: ['12:30:00.5-08'],
  tsquery: [`'fat' & ( 'cat':AB | !'rat':* )`, `'a' <-> ( 'b' <2> 'c' )`, `'it''s \\\\ x'`],
  tsvector: [`'fat':1A,3 'it''s' 'rat':2B`, `'\\\\back' 'x'`],
  txid_snapshot: ['10:20:10,14,15'],
  uuid: ['0f5e2a3c-1111-4222-8333-444455556666'],
  varbit: ['10101', ''],
  varchar: ['abc'],
  xid: ['42'],
  xid8: ['4294967297'],
  xml: ['<a b="c">d</a>', 'text'],
};

/** Ranges and multiranges over built-in types. */
export const RANGE_SAMPLES: Readonly<Record<string, readonly string[]>> = {
  int4range: ['[10,20)', 'empty', '(,5)', '(,)'],
  int8range: ['[10,20)'],
  numrange: ['[1.5,2.5]', '(,1)'],
  daterange: ['[2020-01-01,2020-02-01)', '[2020-01-01,infinity)'],
  tsrange: ['["2020-01-01 00:00:00","2020-02-01 00:00:00")'],
  tstzrange: ['["2020-01-01 00:00:00+00",)'],
  int4multirange: ['{[1,3),[5,7)}', '{}', '{(,)}'],
  int8multirange: ['{[1,3)}'],
  nummultirange: ['{[1.5,2.5],(3,4)}'],
  datemultirange: ['{[2020-01-01,2020-02-01)}'],
  tsmultirange: ['{["2020-01-01 00:00:00","2020-02-01 00:00:00")}'],
  tstzmultirange: ['{["2020-01-01 00:00:00+00",)}'],
};

/** Types of the database's own, and how they are made. */
export const USER_TYPES = `
  create extension if not exists hstore;
  create extension if not exists citext;
  create type mood as enum ('calm', 'angry', 'it''s "both"');
  create domain short as varchar(5);
  create domain positive as int check (value >= 0);
  create domain shorts as short;
  create domain labels as text[];
  create type pair as (a text, b int);
  create type nested as (p pair, "odd ""name" short, moods mood[], at timestamptz, doc jsonb);
  create domain checked_pair as pair;
  create type textrange as range (subtype = text, multirange_type_name = textranges);
  create type shortrange as range (subtype = varchar);
`;

export const USER_SAMPLES: Readonly<Record<string, readonly string[]>> = {
  hstore: ['"k"=>"v", "n"=>NULL, "q\\"x"=>"a\\\\b, c"', ''],
  citext: ['MiXed'],
  mood: ['angry', `it's "both"`],
  short: ['abcde'],
  shorts: ['abcde'],
  positive: ['17'],
  labels: ['{a,b}'],
  'varchar(3)': ['abc'],
  'char(4)': ['ab'],
  'bit(5)': ['10101'],
  'varbit(7)': ['101'],
  'numeric(6,2)': ['1234.56'],
  'numeric(2,2)': ['0.99'],
  'varchar(4)[]': ['{abcd,NULL}'],
  'timestamp(0)': ['2020-01-01 00:00:01'],
  'interval year to month': ['1 year 2 mons'],
  pair: ['("a b",7)', '(,)', '("",-1)'],
  checked_pair: ['(x,1)'],
  nested: ['("(""it\'\'s \\\\\\\\ (x)"",2)",abc,"{calm,angry}","2020-01-01 00:00:00+00","{""k"": ""v""}")'],
  textrange: ['[a,b)', '["a,b","c]")', '(,"")', 'empty', '(,)'],
  shortrange: ['[a,b]'],
  textranges: ['{[a,b),["c d","e\\"f")}', '{}'],
  'int4[]': ['{}', '{1,NULL,-3}', '{{1,2},{3,4}}', '[0:1]={5,6}', '[2:3][-1:0]={{1,2},{3,NULL}}'],
  'text[]': ['{a,"b c","d\\"e\\\\f",NULL,"null",""}', '{{"x,y"},{z}}'],
  'box[]': ['{(3,4),(1,2);(1,1),(0,0)}'],
  'mood[]': ['{angry,NULL}'],
  'pair[]': ['{"(\\"x, y\\",1)","(,)"}'],
  'hstore[]': ['{"\\"k\\"=>\\"v\\""}'],
  'int4range[]': ['{"[1,3)",empty}'],
  'textranges[]': ['{"{[a,b)}"}'],
  'short[]': ['{abc}'],
};
