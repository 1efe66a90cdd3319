import { type LeakCase, one } from './leak-case.ts';

const SSN = 'QZX-71-WVKJ';

/** Ways out that need no row: settings that are reported, extensions that read storage, errors about other rows. */
export const CHANNELS: readonly LeakCase[] = [
  one(
    'extended statistics',
    'create statistics st (mcv) on ssn, nick from customers',
    'insert into customers select id + 50, name, email, ssn, nick, born, score from customers',
    'analyze customers',
    "select most_common_vals::text from pg_stats_ext where statistics_name = 'st'",
    'select m.values from pg_statistic_ext join pg_statistic_ext_data on (oid = stxoid), pg_mcv_list_items(stxdmcv) m',
    'select stxdmcv::text from pg_statistic_ext_data',
  ),
  {
    name: 'a column filled by a type change, committed',
    steps: [
      'create table turned as select id, name, ssn from customers where false',
      'alter table customers alter notes type text using ssn || coalesce(notes, $$$$)',
      'select notes from customers',
    ],
    plain: true,
    elsewhere: ['select notes from customers'],
    clean:
      "drop table if exists turned; update customers set notes = 'nothing here' where id > 1; update customers set notes = replace(notes, ssn, '') where id = 1",
  },
  {
    name: 'the text of another session',
    steps: [`select 1 from customers where ssn = '${SSN}'`],
    plain: true,
    elsewhere: [
      'select query from pg_stat_activity',
      'select pg_stat_get_backend_activity(i) from pg_stat_get_backend_idset() i',
    ],
  },
  one(
    'the text of a cursor',
    `do $$ declare s text; begin select ssn into s from customers limit 1;
    execute format('declare cu cursor with hold for select %L', s); end $$`,
    'select statement from pg_cursors',
    'fetch all from cu',
  ),
  one(
    'COPY in an encoding whose characters end like a delimiter',
    'set client_encoding = SJIS',
    "copy (select U&'\\8868', ssn, U&'\\30DD' from customers) to stdout (delimiter '|')",
    "copy (select U&'\\8868', ssn, U&'\\30DD' from customers) to stdout (format csv, delimiter '|', quote '\\', escape '\\')",
    'set client_encoding = GBK',
    "copy (select U&'\\4E5C', ssn, U&'\\8A7C' from customers) to stdout (delimiter '|')",
    'set client_encoding = BIG5',
    "copy (select U&'\\529F', ssn, U&'\\529F' from customers) to stdout (delimiter '|')",
  ),
  one(
    'large object by descriptor',
    'select lo_from_bytea(77002, ssn::bytea) from customers where id = 1',
    'select loread(lo_open(77002, 262144), 100)',
    "select convert_from(loread(lo_open(77002, 262144), 100), 'UTF8')",
  ),
  one(
    'large object written by a function',
    `do $$ declare s text; begin select ssn into s from customers limit 1; perform lo_from_bytea(77003, s::bytea); end $$`,
    'select lo_get(77003)',
  ),
  one(
    'scram_iterations as carrier',
    "select set_config('scram_iterations', score::text, false) is null from customers where id = 1",
    'show scram_iterations',
  ),
  one(
    'TimeZone as carrier',
    "select set_config('timezone', '<' || ssn || '>5', false) is null from customers where id = 1",
    'show timezone',
    'select to_char(now(), $$TZ$$)',
  ),
  one(
    'a setting of a function',
    `do $$ declare s text; begin select ssn into s from customers limit 1;
    execute format('create function pg_temp.f() returns text language sql set my.v = %L as $q$ select current_setting($r$my.v$r$) $q$', s); end $$`,
    'select pg_temp.f()',
    "select proconfig from pg_proc where proname = 'f'",
  ),
  one(
    'a setting of a role',
    `do $$ declare s text; begin select ssn into s from customers limit 1; execute format('alter role postgres set my.v = %L', s); end $$`,
    'select setconfig from pg_db_role_setting',
    'select rolconfig from pg_roles',
  ),
  one(
    'exclusion constraint',
    'alter table customers add exclude using gist (int4range(score, score + 1) with &&)',
    "insert into customers select 90, 'n', 'e', 's', 'k', now(), score - 0 from customers where id = 1",
  ),
  one(
    'a row without a partition',
    'create temp table split (v text) partition by list (v)',
    'insert into split select ssn from customers',
  ),
  one(
    'EXPLAIN ANALYZE of a folded function',
    `create function pg_temp.peek() returns text language sql immutable as 'select ssn from public.customers limit 1'`,
    'explain (analyze, verbose, format json) select 1 from plain where label <> pg_temp.peek()',
    'explain (analyze, buffers off) select 1 from plain where label <> pg_temp.peek()',
  ),
  one(
    'auto_explain',
    "load 'auto_explain'",
    'set auto_explain.log_min_duration = 0',
    'set auto_explain.log_nested_statements = on',
    'set client_min_messages = log',
    `create function pg_temp.peek() returns text language sql immutable as 'select ssn from public.customers limit 1'`,
    'select 1 from plain where label = pg_temp.peek()',
  ),
  one(
    'a statement logged to the client',
    'set log_min_duration_statement = 0',
    'set client_min_messages = log',
    `do $$ declare s text; begin select ssn into s from customers limit 1; execute format('select %L', s) into s; raise log '%', s; end $$`,
  ),
  one(
    'parameters in an error',
    'set log_parameter_max_length_on_error = -1',
    `do $$ declare s text; begin select ssn into s from customers limit 1; execute 'select $1::int' using s; end $$`,
  ),
  one(
    'ts_rewrite',
    `select ts_rewrite('a'::tsquery, 'select ''a''::tsquery, quote_literal(s' || 'sn)::tsquery from customers where id = 1')`,
  ),
  one(
    'schema_to_xml',
    "select schema_to_xml('public', true, false, '')",
    "select database_to_xml(true, false, '')",
  ),
  one(
    'pageinspect',
    'create extension pageinspect',
    "select get_raw_page('customers', 0)",
    "select encode(get_raw_page('customers', 0), 'escape')",
    "select t_data from heap_page_items(get_raw_page('customers', 0))",
    "select t_attrs from heap_page_item_attrs(get_raw_page('customers', 0), 'customers')",
  ),
  one(
    'pg_walinspect',
    'create extension pg_walinspect',
    'checkpoint',
    'create temp table mark as select pg_current_wal_lsn() as lsn',
    "update customers set name = name || '.'",
    'checkpoint',
    "select block_data, block_fpi_data from pg_get_wal_block_info((select lsn from mark), 'FFFFFFFF/FFFFFFFF')",
  ),
  one(
    'postgres_fdw',
    'create extension postgres_fdw',
    `do $$ begin execute format('create server self foreign data wrapper postgres_fdw options (host ''127.0.0.1'', port %L, dbname ''shop'')',
    current_setting('port')); end $$`,
    "create user mapping for postgres server self options (user 'postgres', password 'target-password-1')",
    "create foreign table far (fine text options (column_name 'ssn')) server self options (table_name 'customers')",
    'select fine from far',
    'select upper(fine) from far',
  ),
  one(
    'file_fdw',
    'create extension file_fdw',
    'create server files foreign data wrapper file_fdw',
    `copy customers (ssn) to '/tmp/scrim-red-${process.pid}-4'`,
    `create foreign table file (fine text) server files options (filename '/tmp/scrim-red-${process.pid}-4')`,
    'select fine from file',
  ),
  one(
    'crosstab',
    'create extension tablefunc',
    "select * from crosstab('select id::text, name, s' || 'sn from customers order by 1') as t(a text, b text)",
  ),
  one(
    'connectby',
    'create extension tablefunc',
    "select * from connectby('customers', 's' || 'sn', 'ssn', 'QZX-71-WVKJ', 0) as t(k text, p text, l int)",
  ),
  one(
    'TOAST',
    'alter table customers alter ssn set storage external',
    'update customers set ssn = repeat(ssn, 300)',
    `do $$ begin execute format('create temp view tv as select chunk_data from %s',
    (select reltoastrelid::regclass from pg_class where oid = 'customers'::regclass)); end $$`,
    'select chunk_data from tv',
    "select encode(chunk_data, 'escape') from tv",
  ),
  one(
    'a default made from a value',
    `do $$ declare s text; begin select ssn into s from customers limit 1; execute format('alter table plain alter label set default %L', s); end $$`,
    "select column_default from information_schema.columns where table_name = 'plain'",
    'insert into plain (id) values (5000) returning label',
  ),
  one(
    'a constraint made from a value',
    `do $$ declare s text; begin select ssn into s from customers limit 1; execute format('alter table plain add check (label <> %L)', s); end $$`,
    "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'plain'::regclass",
  ),
  one(
    'a view made from a value',
    `do $$ declare s text; begin select ssn into s from customers limit 1; execute format('create view lit as select %L as v', s); end $$`,
    "select pg_get_viewdef('lit'::regclass)",
    "select definition from pg_views where viewname = 'lit'",
    'select v from lit',
  ),
  one(
    'an enum made from a value',
    `do $$ declare s text; begin select ssn into s from customers limit 1; execute format('create type lit as enum (%L)', s); end $$`,
    "select enumlabel from pg_enum where enumtypid = 'lit'::regtype",
    'select enum_range(null::lit)',
  ),
  one(
    'NOTIFY by a trigger',
    'listen red',
    `create function pg_temp.tell() returns trigger language plpgsql as
    $$ begin raise notice '%', new; return new; end $$`,
    'create trigger tell after update on customers for each row execute function pg_temp.tell()',
    "update customers set name = 'x' where id = 1",
  ),
  one(
    'json_populate error',
    `select json_populate_record(null::pair, json_build_object('b', ssn)) from customers`,
  ),
  one(
    'array error',
    "select ('{' || ssn || '{')::text[] from customers",
    "select ('(' || ssn)::pair from customers",
  ),
  one(
    'interval and inet errors',
    'select ssn::interval from customers',
    'select ssn::inet from customers',
    'select ssn::uuid from customers',
  ),
];
