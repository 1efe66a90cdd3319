import { beforeAll, describe, expect, test } from '@jest/globals';
import { analyse, loadParser, STATEMENT_NAMES } from './index.ts';

beforeAll(loadParser);

/**
 * `statements | effects | unbounded | tables` of a text, in the order they are found. Tables are `r:` read or `w:`
 * written; `!` at the end = incomplete.
 */
function summary(sql: string): string {
  const { facts } = analyse(sql);
  const tables = facts.tables.map(
    ({ access, schema, name }) => `${access[0]}:${schema === null ? '' : `${schema}.`}${name}`,
  );
  const columns = [facts.statements, facts.effects, facts.unbounded, tables].map((words) => words.join(' '));
  return `${columns.join(' | ')}${facts.complete ? '' : ' !'}`;
}

type Corpus = readonly (readonly [sql: string, expected: string])[];

const READS: Corpus = [
  ['SELECT 1', 'select | read |  | '],
  ['TABLE t', 'select | read |  | r:t'],
  ['VALUES (1), (2)', 'select | read |  | '],
  ['SELECT * FROM "T"."x y"', 'select | read |  | r:T.x y'],
  ['SELECT * FROM db.s.t', 'select | read |  | r:s.t'],
  [
    'SELECT a FROM t WHERE b IN (SELECT c FROM u) ORDER BY (SELECT max(d) FROM v)',
    'select | read |  | r:t r:u r:v',
  ],
  ['SELECT 1 UNION SELECT a FROM t EXCEPT SELECT b FROM u', 'select | read |  | r:t r:u'],
  ['WITH t AS (SELECT * FROM t) SELECT * FROM t', 'select | read |  | r:t'],
  ['WITH t AS (SELECT 1) SELECT * FROM t', 'select | read |  | '],
  ['WITH t AS (SELECT 1) SELECT * FROM public.t', 'select | read |  | r:public.t'],
  ['WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a, b', 'select | read |  | r:b'],
  ['WITH RECURSIVE r AS (SELECT 1 UNION SELECT n FROM r) SELECT * FROM r', 'select | read |  | '],
  ['SELECT (WITH t AS (SELECT 1) SELECT * FROM t), x FROM t', 'select | read |  | r:t'],
  [
    '(WITH x AS (SELECT 1) SELECT * FROM x) UNION (WITH y AS (TABLE t) SELECT * FROM y)',
    'select | read |  | r:t',
  ],
  ['SELECT * FROM t FOR UPDATE', 'select | read |  | r:t'],
  ['SELECT * FROM t TABLESAMPLE system (1)', 'select | read |  | r:t'],
  ['SELECT * FROM t, LATERAL (SELECT * FROM u WHERE u.id = t.id) q', 'select | read |  | r:t r:u'],
  ["SELECT 'DROP TABLE x; DELETE FROM t' -- DELETE FROM t\n/* DROP /* TABLE */ t */", 'select | read |  | '],
  ['SELECT $$ DELETE FROM t $$, $a$ $$ DROP TABLE x $$ $a$', 'select | read |  | '],
  ["SELECT E'\\'; DROP TABLE t; --', U&'\\0027; DROP TABLE t'", 'select | read |  | '],
  ['SELECT "delete from t", "drop" FROM "truncate"', 'select | read |  | r:truncate'],
  ['SELECT U&"d\\0061ta" FROM U&"t\\0061ble"', 'select | read |  | r:table'],
  ['SELECT now(), lower(x), count(*) FROM t', 'select | read |  | r:t'],
  ['SELECT extract(year FROM a), trim(b), a::text, CAST(a AS int) FROM t', 'select | read |  | r:t'],
  ['SELECT * FROM generate_series(1, 3)', 'select | read |  | '],
  ['SELECT * FROM json_table($1, $2 COLUMNS (a int PATH $3))', ' | unknown |  |  !'],
  ["SELECT * FROM json_table(j, '$[*]' COLUMNS (a int PATH '$.a'))", 'select | read |  | '],
  ['SHOW search_path', 'show | session |  | '],
];

const WRITES: Corpus = [
  ['INSERT INTO t VALUES (1)', 'insert | write |  | w:t'],
  ['INSERT INTO t SELECT * FROM u', 'insert | write read |  | w:t r:u'],
  ['INSERT INTO t VALUES (1) RETURNING *', 'insert | write read |  | w:t r:t'],
  ['INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING', 'insert | write |  | w:t'],
  ['INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1', 'insert update | write |  | w:t'],
  ['INSERT INTO t DEFAULT VALUES', 'insert | write |  | w:t'],
  ['UPDATE t SET a = 1 WHERE id = 5', 'update | write |  | w:t'],
  ['UPDATE t SET a = (SELECT b FROM u) WHERE id = 5', 'update | write read |  | w:t r:u'],
  ['UPDATE t SET a = u.a FROM u WHERE u.id = t.id', 'update | write read |  | w:t r:u'],
  ['DELETE FROM t WHERE id = $1', 'delete | write |  | w:t'],
  ['DELETE FROM ONLY t WHERE id = $1 RETURNING id', 'delete | write read |  | w:t r:t'],
  ['DELETE FROM t USING u WHERE t.id = u.id', 'delete | write read |  | w:t r:u'],
  ['DELETE FROM t WHERE CURRENT OF c', 'delete | write |  | w:t'],
  [
    'MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET a = 1 WHEN NOT MATCHED THEN INSERT VALUES (1)',
    'merge update insert | write read |  | w:t r:u',
  ],
  ['MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE', 'merge delete | write read | delete | w:t r:u'],
  [
    'MERGE INTO t USING u ON t.id = u.id WHEN NOT MATCHED BY SOURCE THEN DELETE',
    'merge delete | write read | delete | w:t r:u',
  ],
  ['WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x', 'select delete | read write | delete | w:t r:t'],
  [
    'WITH x AS (INSERT INTO log SELECT * FROM t RETURNING 1) SELECT 1',
    'select insert | read write |  | w:log r:log r:t',
  ],
  [
    'WITH a AS (SELECT 1), b AS (UPDATE t SET x = 1) SELECT * FROM a',
    'select update | read write | update | w:t',
  ],
  ['SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x) q', 'select | read |  | '],
  [
    'WITH x AS (SELECT id FROM t) DELETE FROM u WHERE id IN (SELECT id FROM x)',
    'delete | read write |  | r:t w:u',
  ],
  ['TRUNCATE t, s.u', 'truncate_table truncate | write ddl |  | w:t w:s.u'],
  ['COPY t FROM STDIN', 'copy copy_from | write |  | w:t'],
  ['COPY t (a, b) TO STDOUT', 'copy copy_to | read |  | r:t'],
  ['COPY (SELECT * FROM t) TO STDOUT', 'copy copy_to | read |  | r:t'],
  ['COPY (DELETE FROM t RETURNING *) TO STDOUT', 'copy copy_to delete | read write | delete | w:t r:t'],
  ["COPY t TO PROGRAM 'curl x'", 'copy copy_to copy_program | admin read |  | r:t'],
  ["COPY t FROM PROGRAM 'id'", 'copy copy_from copy_program | admin write |  | w:t'],
  ["COPY t TO '/tmp/x'", 'copy copy_to copy_file | admin read |  | r:t'],
  ["COPY t FROM '/etc/passwd'", 'copy copy_from copy_file | admin write |  | w:t'],
  ['SELECT * INTO n FROM t', 'select_into select | read write ddl |  | w:n r:t'],
  ['SELECT 1 AS a INTO TEMP n UNION SELECT a FROM t', 'select_into select | read write ddl |  | w:n r:t'],
  ['CREATE TABLE n AS SELECT * FROM t', 'create_table_as | ddl write read |  | w:n r:t'],
  ['CREATE TABLE n AS WITH x AS (SELECT 1) TABLE x', 'create_table_as | ddl write read |  | w:n'],
  ['CREATE TABLE n AS EXECUTE p', 'create_table_as execute | ddl write session unknown |  | w:n !'],
  ['CREATE MATERIALIZED VIEW m AS SELECT * FROM t', 'create_materialized_view | ddl write read |  | w:m r:t'],
  ['REFRESH MATERIALIZED VIEW m', 'refresh_materialized_view | write |  | w:m'],
];

/** Conditions that restrict nothing, in a DELETE on `t`. */
const UNBOUNDED = [
  '',
  'WHERE true',
  'WHERE 1 = 1',
  'WHERE NOT false',
  "WHERE 'a' = 'a'",
  'WHERE 2 > 1 AND 1 <> 2',
  'WHERE id = id',
  'WHERE t.id = id',
  'WHERE id >= id',
  'WHERE id::text = id::text',
  'WHERE id IS NOT DISTINCT FROM id',
  'WHERE NOT (id <> id)',
  'WHERE true OR id = 5',
  'WHERE id = 5 OR 1 = 1',
  'WHERE id = 5 OR NOT false',
  'WHERE (id = 5 AND x = 1) OR true',
  'WHERE id IS NULL OR id IS NOT NULL',
  'WHERE id = 5 OR id <> 5',
  'WHERE id < 5 OR id >= 5',
  'WHERE id = 5 OR NOT (id = 5)',
  'WHERE (true)::boolean',
  "WHERE 't'",
  "WHERE 'yes'::bool",
  "WHERE '1'::int = 1",
  'WHERE 1 IN (1)',
  'WHERE 1 IN (2, 1)',
  'WHERE 2 BETWEEN 1 AND 3',
  'WHERE id IN (id)',
  'WHERE id BETWEEN id AND id',
  'WHERE id = ANY (ARRAY[id])',
  'WHERE EXISTS (SELECT 1)',
  'WHERE EXISTS (SELECT)',
  'WHERE (SELECT true)',
  'WHERE NOT EXISTS (SELECT 1 FROM u WHERE false)',
  'WHERE EXISTS (SELECT 1 FROM t)',
  'WHERE EXISTS (SELECT 1 FROM u WHERE u.x = 1)',
  'WHERE EXISTS (SELECT 1 FROM t t2 WHERE t2.id = t.id)',
  'WHERE id IN (SELECT id FROM t)',
  'WHERE (id, x) IN (SELECT id, x FROM t)',
  'WHERE ctid IN (SELECT ctid FROM t)',
  'WHERE ctid = ANY (ARRAY(SELECT ctid FROM t))',
  'WHERE id IN (SELECT id FROM t WHERE true)',
  'WHERE ctid IS NOT NULL',
  'WHERE coalesce(true, false)',
  'WHERE CASE WHEN true THEN true END',
  'WHERE true IS TRUE',
  'WHERE (1 = 1) IS NOT FALSE',
  'WHERE 1 IS NOT NULL',
  "WHERE name LIKE '%'",
  "WHERE name ~ '.*'",
  'WHERE now() > $1',
  'WHERE random() < 2',
  'WHERE $1',
  'WHERE 3 - 2 = 1',
  "WHERE 'a' || 'b' = 'ab'",
  'USING u WHERE u.x = 1',
  'USING t t2 WHERE t.id = t2.id',
  'WHERE/**/1=1--',
  'WHERE (((true)))',
];

/** Conditions that choose rows. */
const BOUNDED = [
  'WHERE id = 5',
  'WHERE id = 5 AND true',
  'WHERE true AND (1 = 1 AND id < 3)',
  'WHERE id IS NOT NULL',
  'WHERE false',
  'WHERE 1 = 2',
  'WHERE NULL',
  'WHERE true AND false',
  'WHERE id = id AND false',
  'WHERE id <> id',
  "WHERE name LIKE 'a%'",
  "WHERE name NOT LIKE '%'",
  'WHERE id IN (1, 2)',
  'WHERE id IN (SELECT id FROM u)',
  'WHERE id IN (SELECT id FROM t WHERE x = 1)',
  'WHERE id IN (SELECT id FROM t LIMIT 10)',
  'WHERE ctid IN (SELECT ctid FROM t ORDER BY id LIMIT 1)',
  'WHERE id IN (SELECT x FROM t)',
  'WHERE EXISTS (SELECT 1 FROM u WHERE u.id = t.id)',
  'WHERE id = $1 OR x = $2',
  'WHERE id < 5 OR id > 7',
  'WHERE active',
  'WHERE NOT active',
  'USING u WHERE u.id = t.id',
  'USING u WHERE u.id = id AND u.x',
  'WHERE lower(a) = lower(b)',
  'WHERE random() < 0.5 AND id > 3',
];

const DEFINITIONS: Corpus = [
  ['CREATE TABLE t (a int REFERENCES u (a))', 'create_table | ddl |  | w:t r:u'],
  ['CREATE TABLE t (LIKE u INCLUDING ALL)', 'create_table | ddl |  | w:t r:u'],
  ['CREATE TABLE p PARTITION OF t FOR VALUES IN (1)', 'create_table | ddl |  | w:p r:t'],
  ['CREATE VIEW v AS SELECT * FROM t', 'create_view | ddl |  | w:v r:t'],
  ['CREATE OR REPLACE VIEW v AS SELECT pg_terminate_backend(1)', 'create_view | ddl |  | w:v'],
  ['CREATE INDEX CONCURRENTLY i ON t (lower(a))', 'create_index | ddl |  | w:t'],
  ['ALTER TABLE t DROP COLUMN a', 'alter_table alter_table_drop_column | ddl |  | w:t'],
  [
    'ALTER TABLE t ADD COLUMN a int, DROP CONSTRAINT c',
    'alter_table alter_table_add_column alter_table_drop_constraint | ddl |  | w:t',
  ],
  ['ALTER TABLE t ALTER a TYPE text', 'alter_table alter_table_alter_column_type | ddl |  | w:t'],
  ['ALTER TABLE t OWNER TO bob', 'alter_table alter_table_change_owner | ddl admin |  | w:t'],
  [
    'ALTER TABLE t DISABLE ROW LEVEL SECURITY',
    'alter_table alter_table_disable_row_security | ddl admin |  | w:t',
  ],
  ['ALTER TABLE t DISABLE TRIGGER ALL', 'alter_table alter_table_disable_trig_all | ddl admin |  | w:t'],
  ['ALTER TABLE t RENAME COLUMN a TO b', 'alter_table alter_table_rename_column | ddl |  | w:t'],
  ['ALTER TABLE t RENAME TO u', 'alter_table alter_table_rename | ddl |  | w:t'],
  ['ALTER TABLE t SET SCHEMA s', 'alter_table alter_table_set_schema | ddl |  | w:t'],
  ['ALTER TABLE t DETACH PARTITION p', 'alter_table alter_table_detach_partition | ddl |  | w:t r:p'],
  ['DROP TABLE IF EXISTS t, s.u CASCADE', 'drop_table | ddl |  | w:t w:s.u'],
  ['drop/**/table"t"', 'drop_table | ddl |  | w:t'],
  ['DROP VIEW v', 'drop_view | ddl |  | w:v'],
  ['DROP MATERIALIZED VIEW v', 'drop_materialized_view | ddl |  | w:v'],
  ['DROP SCHEMA s CASCADE', 'drop_schema | ddl |  | '],
  ['DROP FUNCTION f(int)', 'drop_function | ddl |  | '],
  ['DROP TRIGGER g ON t', 'drop_trigger | ddl |  | w:t'],
  ['DROP TYPE x', 'drop_type | ddl |  | '],
  [
    'CREATE SCHEMA s CREATE TABLE t (a int) CREATE VIEW v AS SELECT * FROM u',
    'create_schema create_table create_view | ddl |  | w:t w:v r:u',
  ],
  ['CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM t $$', 'create_function | ddl |  | '],
  ['CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN DROP TABLE t; END $$', 'create_procedure | ddl |  | '],
  ['CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()', 'create_trigger | ddl |  | w:t'],
  ['CREATE RULE r AS ON INSERT TO t DO INSTEAD DELETE FROM u', 'create_rule | ddl |  | w:t r:u'],
  ["CREATE TYPE x AS ENUM ('a')", 'create_type | ddl |  | '],
  ['CREATE SEQUENCE s', 'create_sequence | ddl |  | w:s'],
  ["COMMENT ON COLUMN t.a IS 'x'", 'comment | ddl |  | w:t'],
  ['CREATE POLICY p ON t USING (true)', 'create_policy | ddl admin |  | w:t'],
  ['CREATE DATABASE d', 'create_database | ddl admin |  | '],
  ['DROP DATABASE d', 'drop_database | ddl admin |  | '],
  ['CREATE ROLE r', 'create_role | admin |  | '],
  ["CREATE USER u PASSWORD 'x'", 'create_role create_user | admin |  | '],
  ['ALTER USER u SUPERUSER', 'alter_role | admin |  | '],
  ['ALTER ROLE u SET search_path = x', 'alter_role | admin |  | '],
  ['DROP ROLE r', 'drop_role | admin |  | '],
  ['GRANT SELECT ON t TO bob', 'grant | admin |  | w:t'],
  ['REVOKE ALL ON SCHEMA s FROM bob', 'revoke | admin |  | '],
  ['GRANT boss TO bob', 'grant_role grant | admin |  | '],
  ['ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO bob', 'alter_default_privileges | admin |  | '],
  ['DROP OWNED BY bob', 'drop_owned | ddl admin |  | '],
  ['REASSIGN OWNED BY bob TO eve', 'reassign_owned | ddl admin |  | '],
  ['CREATE EXTENSION dblink', 'create_extension | ddl admin |  | '],
  ['DROP EXTENSION dblink', 'drop_extension | ddl admin |  | '],
  ['CREATE SERVER s FOREIGN DATA WRAPPER w', 'create_server | ddl admin |  | '],
  ['CREATE USER MAPPING FOR bob SERVER s', 'create_user_mapping | ddl admin |  | '],
  ['IMPORT FOREIGN SCHEMA a FROM SERVER s INTO b', 'import_foreign_schema | ddl admin |  | '],
  ["CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", 'create_subscription | ddl admin |  | '],
  ['CREATE PUBLICATION p FOR TABLE t', 'create_publication | ddl admin |  | r:t'],
  [
    'CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f()',
    'create_event_trigger | ddl admin |  | ',
  ],
  ['ALTER SYSTEM SET x = 1', 'alter_system | admin |  | '],
  ['CREATE LANGUAGE plpython3u', 'create_extension | ddl admin |  | '],
  ["SECURITY LABEL ON TABLE t IS 'x'", 'security_label | ddl admin |  | '],
];

const SESSION: Corpus = [
  ['BEGIN', 'begin | session |  | '],
  ['START TRANSACTION READ ONLY', 'start_transaction | session |  | '],
  ['COMMIT AND CHAIN', 'commit | session |  | '],
  ['ROLLBACK TO s', 'rollback | session |  | '],
  ['SAVEPOINT s', 'savepoint | session |  | '],
  ["PREPARE TRANSACTION 'x'", 'prepare_transaction | session |  | '],
  ['SET search_path TO s', 'set | session |  | '],
  ['SET LOCAL statement_timeout = 0', 'set | session |  | '],
  ['SET TRANSACTION ISOLATION LEVEL SERIALIZABLE', 'set | session |  | '],
  ['SET ROLE boss', 'set set_role | session admin |  | '],
  ['SET SESSION AUTHORIZATION boss', 'set set_session_authorization | session admin |  | '],
  ['RESET ROLE', 'reset set_role | session admin |  | '],
  ['RESET ALL', 'reset | session |  | '],
  ['SET session_replication_role = replica', 'set | session admin |  | '],
  ['SET standard_conforming_strings = on', 'set | session |  | '],
  ['SET standard_conforming_strings = off', 'set | session unknown |  |  !'],
  ['SET client_encoding = sjis', 'set | session unknown |  |  !'],
  ["SET NAMES 'utf8'", 'set | session |  | '],
  ["SELECT set_config('standard_conforming_strings', 'off', false)", 'select | read session unknown |  |  !'],
  ["SELECT set_config('role', 'boss', false)", 'select set_role | read session admin |  | '],
  ["SELECT set_config('my.x', $1, false)", 'select | read session |  | '],
  ["SELECT set_config('ro' || 'le', 'boss', false)", 'select | read session admin unknown |  |  !'],
  ['DISCARD ALL', 'discard_all discard | session |  | '],
  ['LISTEN c', 'listen | session |  | '],
  ["NOTIFY c, 'x'", 'notify | session |  | '],
  ['DECLARE c CURSOR FOR SELECT * FROM t', 'declare_cursor select | session read |  | r:t'],
  ['FETCH 10 FROM c', 'fetch | session read |  | '],
  ['MOVE c', 'move | session read |  | '],
  ['CLOSE c', 'close_cursor close | session |  | '],
  ['PREPARE p AS DELETE FROM t', 'prepare delete | session write | delete | w:t'],
  ['EXECUTE p', 'execute | session unknown |  |  !'],
  ['EXECUTE p (pg_terminate_backend(1))', 'execute | session admin unknown |  |  !'],
  ['DEALLOCATE p', 'deallocate | session |  | '],
  ['EXPLAIN DELETE FROM t', 'explain | read |  | r:t'],
  ['EXPLAIN ANALYZE DELETE FROM t', 'explain explain_analyze delete | read write | delete | w:t'],
  [
    'EXPLAIN (VERBOSE, ANALYZE true) UPDATE t SET a = 1',
    'explain explain_analyze update | read write | update | w:t',
  ],
  ['EXPLAIN (ANALYZE off) DELETE FROM t', 'explain | read |  | r:t'],
  [
    'EXPLAIN (ANALYZE off, ANALYZE) DELETE FROM t',
    'explain explain_analyze delete | read write | delete | w:t',
  ],
  ['EXPLAIN ANALYZE EXECUTE p', 'explain explain_analyze execute | read session unknown |  |  !'],
  [
    'EXPLAIN ANALYZE CREATE TABLE n AS SELECT * FROM t',
    'explain explain_analyze create_table_as | read ddl write |  | w:n r:t',
  ],
  ['LOCK TABLE t IN ACCESS SHARE MODE', 'lock_table lock | session |  | r:t'],
  ['LOCK t', 'lock_table lock | session write |  | w:t'],
  ['VACUUM FULL t', 'vacuum | admin |  | w:t'],
  ['ANALYZE t', 'analyze | admin |  | w:t'],
  ['REINDEX TABLE t', 'reindex | admin |  | w:t'],
  ['CLUSTER t USING i', 'cluster | admin |  | w:t'],
  ['CHECKPOINT', 'checkpoint | admin |  | '],
  ["LOAD 'x'", 'load | admin |  | '],
];

const CALLS: Corpus = [
  ['SELECT pg_terminate_backend(1)', 'select | read admin |  | '],
  [
    'SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_stat_activity',
    'select | read admin |  | r:pg_stat_activity',
  ],
  ["SELECT pg_read_file('/etc/passwd')", 'select | read admin |  | r:pg_catalog.pg_largeobject'],
  ["SELECT * FROM pg_ls_dir('.')", 'select | read admin |  | '],
  ['SELECT pg_reload_conf()', 'select | read admin |  | '],
  ["SELECT lo_import('/x')", 'select | read write admin |  | '],
  ["SELECT lo_export(1, '/x')", 'select | read admin |  | r:pg_catalog.pg_largeobject'],
  ['SELECT lo_unlink(1)', 'select | read write |  | '],
  ["SELECT lo_put(1, 0, 'x')", 'select | read write |  | '],
  ['SELECT lo_get(1)', 'select | read |  | r:pg_catalog.pg_largeobject'],
  ["SELECT nextval('s')", 'select | read write |  | w:s'],
  ["SELECT setval('a.s', 1)", 'select | read write |  | w:a.s'],
  ["SELECT pg_notify('c', 'x')", 'select | read session |  | '],
  ['SELECT pg_advisory_lock(1)', 'select | read session |  | '],
  ['SELECT pg_sleep(1)', 'select | read |  | '],
  ["SELECT pg_create_physical_replication_slot('x')", 'select | read admin |  | '],
  ["SELECT query_to_xml('DELETE FROM t', true, true, '')", 'select | read unknown |  |  !'],
  ["SELECT table_to_xml('t', true, true, '')", 'select | read unknown |  |  !'],
  ["SELECT * FROM dblink('x', 'DROP TABLE t') AS d (a int)", 'select | read write admin unknown |  |  !'],
  ["SELECT dblink_exec('x', 'DROP TABLE t')", 'select | read write admin unknown |  |  !'],
  ["SELECT * FROM ts_stat('SELECT x FROM t')", 'select | read unknown |  |  !'],
  ['SELECT mine(1)', 'select | read unknown |  |  !'],
  ['SELECT s.lower(x) FROM t', 'select | read unknown |  | r:t !'],
  ['SELECT pg_catalog.not_there()', 'select | read unknown |  |  !'],
  ['SELECT 1 FROM t ORDER BY pg_terminate_backend(a)', 'select | read admin |  | r:t'],
  [
    'INSERT INTO t VALUES (pg_read_file($1))',
    'insert | write read admin |  | w:t r:pg_catalog.pg_largeobject',
  ],
  [
    'UPDATE t SET a = pg_read_file($1) WHERE id = 1',
    'update | write read admin |  | w:t r:pg_catalog.pg_largeobject',
  ],
  ['CALL p(1)', 'call | unknown |  |  !'],
  ['CALL s.p(pg_terminate_backend(1))', 'call | admin unknown |  |  !'],
];

const BLOCKS: Corpus = [
  ['DO $$ BEGIN NULL; END $$', 'do |  |  | '],
  ['DO $$ BEGIN DELETE FROM t; END $$', 'do delete | write read | delete | w:t'],
  ['DO $$ BEGIN DELETE FROM t WHERE id = 1; END $$ LANGUAGE plpgsql', 'do delete | write read |  | w:t'],
  ["DO 'BEGIN DROP TABLE t; END'", 'do drop_table | ddl read |  | w:t'],
  ["DO $$ BEGIN EXECUTE 'DROP TABLE t'; END $$", 'do drop_table | ddl read |  | w:t'],
  ["DO $$ BEGIN EXECUTE 'DROP ' || 'TABLE t'; END $$", 'do | unknown |  |  !'],
  ["DO $$ BEGIN EXECUTE format('DROP TABLE %I', 't'); END $$", 'do | unknown |  |  !'],
  [
    'DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM u LOOP DELETE FROM t WHERE id = r.id; END LOOP; END $$',
    'do delete select | write read |  | w:t r:u',
  ],
  [
    "DO $$ DECLARE r record; BEGIN FOR r IN EXECUTE 'SEL' || 'ECT 1' LOOP NULL; END LOOP; END $$",
    'do | unknown |  |  !',
  ],
  [
    'DO $$ BEGIN IF (SELECT count(*) FROM t) > 0 THEN PERFORM pg_terminate_backend(1); END IF; END $$',
    'do select | read admin |  | r:t',
  ],
  [
    'DO $$ DECLARE x int := (SELECT max(a) FROM t); BEGIN x := x + (SELECT 1 FROM u); END $$',
    'do | read |  | r:t r:u',
  ],
  [
    'DO $$ DECLARE a int[]; BEGIN a[(SELECT 1 FROM t)] := (SELECT 2 FROM u); END $$',
    'do | read |  | r:t r:u',
  ],
  ["DO $$ BEGIN RAISE NOTICE '%', (SELECT ssn FROM t); END $$", 'do | read |  | r:t'],
  [
    'DO $$ BEGIN PERFORM 1; EXCEPTION WHEN others THEN TRUNCATE t; END $$',
    'do select truncate_table truncate | read write ddl |  | w:t',
  ],
  ['DO $$ DECLARE c CURSOR FOR SELECT * FROM t; BEGIN OPEN c; CLOSE c; END $$', 'do select | read |  | r:t'],
  ['DO $$ BEGIN DO $i$ BEGIN DELETE FROM t; END $i$; END $$', 'do delete | write read | delete | w:t'],
  ['DO $$ BEGIN CALL p(); END $$', 'do call | read unknown |  |  !'],
  ["DO LANGUAGE plpython3u 'x'", 'do | unknown |  |  !'],
  ['DO $$ this is no plpgsql $$', 'do | unknown |  |  !'],
  ['DO $$ BEGIN /* EXECUTE */ NULL; -- DELETE FROM t\n END $$', 'do |  |  | '],
];

const SEVERAL: Corpus = [
  ['SELECT 1; DROP TABLE t', 'select drop_table | read ddl |  | w:t'],
  ['BEGIN; DELETE FROM t; COMMIT', 'begin delete commit | session write | delete | w:t'],
  [';;; TRUNCATE t;;', 'truncate_table truncate | write ddl |  | w:t'],
  ['', ' |  |  | '],
  ['-- nothing', ' |  |  | '],
  ['SELECT 1; SELEC 2', ' | unknown |  |  !'],
  ['DROP TABLE', ' | unknown |  |  !'],
  ['SELECT 1\0; DROP TABLE t', ' | unknown |  |  !'],
];

describe.each<[string, Corpus]>([
  ['reads', READS],
  ['writes', WRITES],
  ['definitions', DEFINITIONS],
  ['the session and the server', SESSION],
  ['function calls', CALLS],
  ['DO blocks', BLOCKS],
  ['several statements', SEVERAL],
])('%s', (_, corpus) => {
  test.each(corpus)('%j', (sql, expected) => {
    expect(summary(sql)).toBe(expected);
  });

  test('every name is one a guard may list', () => {
    const names = corpus.flatMap(([sql]) => analyse(sql).facts.statements);
    expect(names.filter((name) => !STATEMENT_NAMES.includes(name))).toEqual([]);
  });
});

test.each(UNBOUNDED)('DELETE FROM t %s takes every row', (where) => {
  expect(analyse(`DELETE FROM t ${where}`).facts.unbounded).toEqual(['delete']);
  const update = where.replace('USING', 'FROM');
  expect(analyse(`UPDATE t SET a = 1 ${update}`).facts.unbounded).toEqual(['update']);
});

test.each(BOUNDED)('DELETE FROM t %s chooses rows', (where) => {
  expect(analyse(`DELETE FROM t ${where}`).facts.unbounded).toEqual([]);
});
