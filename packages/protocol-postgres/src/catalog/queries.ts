/** Reading PostgreSQL's catalogs, version 12 and newer. Every query gives text; lists are JSON. */

/** First OID of objects that initdb did not make (FirstNormalObjectId). */
const USER = 16_384;

/**
 * Changes when anything the other queries read changes: counts see drops, sums of xmin see every insert and update.
 * Temporary relations are left out, since every session's own would make it change all the time.
 */
export const STAMP = `
SELECT
  (SELECT count(*) || ':' || coalesce(sum(xmin::text::bigint), 0) FROM pg_catalog.pg_class
    WHERE oid >= ${USER} AND relpersistence <> 't' AND relkind IN ('r','v','m','f','p','S')),
  (SELECT count(*) || ':' || coalesce(sum(a.xmin::text::bigint), 0) FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    WHERE a.attrelid >= ${USER} AND a.attnum > 0 AND c.relpersistence <> 't' AND c.relkind IN ('r','v','m','f','p','c')),
  (SELECT count(*) || ':' || coalesce(sum(xmin::text::bigint), 0) FROM pg_catalog.pg_proc WHERE oid >= ${USER}),
  (SELECT count(*) || ':' || coalesce(sum(r.xmin::text::bigint), 0) FROM pg_catalog.pg_rewrite r
    JOIN pg_catalog.pg_class c ON c.oid = r.ev_class WHERE r.oid >= ${USER} AND c.relpersistence <> 't'),
  (SELECT count(*) || ':' || coalesce(sum(xmin::text::bigint), 0) FROM pg_catalog.pg_operator WHERE oid >= ${USER}),
  (SELECT count(*) || ':' || coalesce(sum(xmin::text::bigint), 0) FROM pg_catalog.pg_inherits),
  (SELECT count(*) || ':' || coalesce(sum(xmin::text::bigint), 0) FROM pg_catalog.pg_namespace
    WHERE nspname !~ '^pg_(toast_)?temp_'),
  (SELECT count(*) || ':' || coalesce(sum(t.xmin::text::bigint), 0) FROM pg_catalog.pg_type t
    WHERE t.oid >= ${USER} AND t.typtype IN ('d','e','r','m')),
  (SELECT count(*) || ':' || coalesce(sum(t.xmin::text::bigint), 0) FROM pg_catalog.pg_trigger t
    WHERE NOT t.tgisinternal),
  (SELECT count(*) || ':' || coalesce(sum(xmin::text::bigint), 0) FROM pg_catalog.pg_cast WHERE oid >= ${USER})`;

export const RELATIONS = `
SELECT c.oid, n.nspname, c.relname, c.relkind, pg_catalog.pg_table_is_visible(c.oid),
  EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type <> '1')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r','v','m','f','p','S') AND c.relpersistence <> 't'`;

export const COLUMNS = `
SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.attgenerated <> '', a.atttypmod
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relpersistence <> 't' AND c.relkind IN ('r','v','m','f','p','S','c')
ORDER BY a.attrelid, a.attnum`;

/** Columns a generated column is computed from. */
export const GENERATED = `
SELECT d.adrelid, d.adnum, p.refobjsubid
FROM pg_catalog.pg_attrdef d
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated <> ''
JOIN pg_catalog.pg_depend p ON p.refclassid = 'pg_catalog.pg_class'::regclass AND p.refobjid = d.adrelid
  AND p.refobjsubid > 0 AND ((p.classid = 'pg_catalog.pg_attrdef'::regclass AND p.objid = d.oid)
    OR (p.classid = 'pg_catalog.pg_class'::regclass AND p.objid = d.adrelid AND p.objsubid = d.adnum))`;

export const INHERITS = `SELECT inhrelid, inhparent FROM pg_catalog.pg_inherits`;

/** Functions of row triggers that run before the row is written, and so can give it other values. */
export const TRIGGERS = `
SELECT t.tgrelid, t.tgfoid FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid AND c.relpersistence <> 't'
WHERE NOT t.tgisinternal AND (t.tgtype & 1) <> 0 AND (t.tgtype & 66) <> 0`;

/** What each view's rule depends on: relations with the column (0 = the whole), and functions. */
export const VIEW_DEPENDENCIES = `
SELECT DISTINCT r.ev_class, CASE WHEN d.refclassid = 'pg_catalog.pg_proc'::regclass THEN 'f' ELSE 'r' END,
  d.refobjid, d.refobjsubid
FROM pg_catalog.pg_rewrite r
JOIN pg_catalog.pg_class c ON c.oid = r.ev_class AND c.relkind IN ('v','m') AND c.relpersistence <> 't'
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
WHERE r.ev_type = '1' AND ((d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> r.ev_class)
  OR (d.refclassid = 'pg_catalog.pg_proc'::regclass AND d.refobjid >= ${USER}))`;

/**
 * Relations somebody holds exclusively (LOCK TABLE, a definition being changed). Printing a definition that names one
 * would wait for the holder (AcquireRewriteLocks), who may be the very caller that waits for us.
 */
const LOCKED = `locked AS MATERIALIZED (SELECT l.relation FROM pg_catalog.pg_locks l
  WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.granted
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()))`;

/**
 * Definitions of user views, without those that cannot be printed now. Run with an empty path, so that every relation
 * comes out with its schema.
 */
export const VIEW_DEFINITIONS = `
WITH ${LOCKED}
SELECT c.oid, pg_catalog.pg_get_viewdef(c.oid)
FROM pg_catalog.pg_class c WHERE c.relkind IN ('v','m') AND c.oid >= ${USER} AND c.relpersistence <> 't'
  AND c.oid NOT IN (SELECT l.relation FROM locked l UNION ALL
    SELECT r.ev_class FROM locked l JOIN pg_catalog.pg_depend d ON d.refobjid = l.relation
      AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.classid = 'pg_catalog.pg_rewrite'::regclass
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid)`;

export const TYPES = `
SELECT t.oid, n.nspname, t.typname, t.typtype, t.typcategory, t.typbasetype, t.typelem, t.typlen, t.typrelid,
  r.rngsubtype, to_jsonb(m)->>'rngtypid', t.typtypmod,
  CASE WHEN t.typtype = 'e' THEN (SELECT e.enumlabel FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid
    ORDER BY e.enumsortorder LIMIT 1) END
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
LEFT JOIN pg_catalog.pg_range m ON to_jsonb(m)->>'rngmultitypid' = t.oid::text AND t.typtype = 'm'`;

/**
 * User functions. BEGIN ATOMIC bodies exist from version 14 on; to_jsonb keeps one text for every version. One that
 * names a locked relation has neither source nor definition now: it could do anything.
 */
export const FUNCTIONS = `
WITH ${LOCKED}
SELECT p.oid, n.nspname, p.proname, l.lanname,
  CASE WHEN to_jsonb(p)->>'prosqlbody' IS NULL THEN p.prosrc END,
  CASE WHEN to_jsonb(p)->>'prosqlbody' IS NOT NULL AND NOT EXISTS (SELECT 1 FROM locked k
    JOIN pg_catalog.pg_depend d ON d.refobjid = k.relation AND d.refclassid = 'pg_catalog.pg_class'::regclass
      AND d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid)
    THEN pg_catalog.pg_get_functiondef(p.oid) END,
  pg_catalog.pg_get_function_arguments(p.oid), pg_catalog.pg_get_function_result(p.oid), p.prokind,
  p.pronargs = 1 AND EXISTS (SELECT 1 FROM pg_catalog.pg_type t WHERE t.oid = p.proargtypes[0]
    AND (t.typtype IN ('c','p') OR (t.typtype = 'd' AND EXISTS (SELECT 1 FROM pg_catalog.pg_type b
      WHERE b.oid = t.typbasetype AND b.typtype = 'c')))),
  (SELECT e.extname FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
    WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
      AND d.refclassid = 'pg_catalog.pg_extension'::regclass LIMIT 1),
  (SELECT json_agg(json_build_array(fn.nspname, f.proname)) FROM pg_catalog.pg_aggregate a
    JOIN pg_catalog.pg_proc f ON f.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn,
      a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn)
    JOIN pg_catalog.pg_namespace fn ON fn.oid = f.pronamespace WHERE a.aggfnoid = p.oid),
  p.provolatile
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE p.oid >= ${USER} AND n.nspname NOT LIKE 'pg\\_temp\\_%'`;

/** Functions behind casts that users made. */
export const CASTS = `
SELECT castfunc FROM pg_catalog.pg_cast WHERE oid >= ${USER} AND castfunc >= ${USER}`;

/** User operators with the function each stands for. */
export const OPERATORS = `
SELECT n.nspname, o.oprname, o.oprcode::oid FROM pg_catalog.pg_operator o
JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace WHERE o.oid >= ${USER}`;
