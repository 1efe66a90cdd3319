/** PostgreSQL's words for kinds of objects, as command tags spell them (`DROP MATERIALIZED VIEW`). */
const OBJECTS: { readonly [type: string]: string } = {
  OBJECT_ACCESS_METHOD: 'ACCESS METHOD',
  OBJECT_AGGREGATE: 'AGGREGATE',
  OBJECT_ATTRIBUTE: 'TYPE',
  OBJECT_CAST: 'CAST',
  OBJECT_COLUMN: 'TABLE',
  OBJECT_COLLATION: 'COLLATION',
  OBJECT_CONVERSION: 'CONVERSION',
  OBJECT_DATABASE: 'DATABASE',
  OBJECT_DOMAIN: 'DOMAIN',
  OBJECT_DOMCONSTRAINT: 'DOMAIN',
  OBJECT_EVENT_TRIGGER: 'EVENT TRIGGER',
  OBJECT_EXTENSION: 'EXTENSION',
  OBJECT_FDW: 'FOREIGN DATA WRAPPER',
  OBJECT_FOREIGN_SERVER: 'SERVER',
  OBJECT_FOREIGN_TABLE: 'FOREIGN TABLE',
  OBJECT_FUNCTION: 'FUNCTION',
  OBJECT_INDEX: 'INDEX',
  OBJECT_LANGUAGE: 'LANGUAGE',
  OBJECT_LARGEOBJECT: 'LARGE OBJECT',
  OBJECT_MATVIEW: 'MATERIALIZED VIEW',
  OBJECT_OPCLASS: 'OPERATOR CLASS',
  OBJECT_OPERATOR: 'OPERATOR',
  OBJECT_OPFAMILY: 'OPERATOR FAMILY',
  OBJECT_POLICY: 'POLICY',
  OBJECT_PROCEDURE: 'PROCEDURE',
  OBJECT_PUBLICATION: 'PUBLICATION',
  OBJECT_ROLE: 'ROLE',
  OBJECT_ROUTINE: 'ROUTINE',
  OBJECT_RULE: 'RULE',
  OBJECT_SCHEMA: 'SCHEMA',
  OBJECT_SEQUENCE: 'SEQUENCE',
  OBJECT_STATISTIC_EXT: 'STATISTICS',
  OBJECT_SUBSCRIPTION: 'SUBSCRIPTION',
  OBJECT_TABCONSTRAINT: 'TABLE',
  OBJECT_TABLE: 'TABLE',
  OBJECT_TABLESPACE: 'TABLESPACE',
  OBJECT_TRANSFORM: 'TRANSFORM',
  OBJECT_TRIGGER: 'TRIGGER',
  OBJECT_TSCONFIGURATION: 'TEXT SEARCH CONFIGURATION',
  OBJECT_TSDICTIONARY: 'TEXT SEARCH DICTIONARY',
  OBJECT_TSPARSER: 'TEXT SEARCH PARSER',
  OBJECT_TSTEMPLATE: 'TEXT SEARCH TEMPLATE',
  OBJECT_TYPE: 'TYPE',
  OBJECT_VIEW: 'VIEW',
};

const RELATIONS = new Set([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_FOREIGN_TABLE',
  'OBJECT_SEQUENCE',
  'OBJECT_INDEX',
]);

/** Objects whose change reaches beyond the database's own tables: who may do what, other servers, native code. */
const ADMINISTRATIVE = new Set([
  'OBJECT_ACCESS_METHOD',
  'OBJECT_DATABASE',
  'OBJECT_EVENT_TRIGGER',
  'OBJECT_EXTENSION',
  'OBJECT_FDW',
  'OBJECT_FOREIGN_SERVER',
  'OBJECT_FOREIGN_TABLE',
  'OBJECT_LANGUAGE',
  'OBJECT_POLICY',
  'OBJECT_PUBLICATION',
  'OBJECT_ROLE',
  'OBJECT_SUBSCRIPTION',
  'OBJECT_TABLESPACE',
]);

/** Kinds with statements that touch no table of the database: not even `ddl` in the sense of a guard. */
const NOT_DDL = new Set(['OBJECT_ROLE', 'OBJECT_TABLESPACE']);

/** The word of a command tag for an object type of the tree; `OBJECT` for one this version does not know. */
export function objectWord(type: unknown): string {
  return OBJECTS[String(type)] ?? 'OBJECT';
}

export function isRelationType(type: unknown): boolean {
  return RELATIONS.has(String(type));
}

export function objectEffects(type: unknown): readonly ('ddl' | 'admin')[] {
  const kind = String(type);
  if (NOT_DDL.has(kind)) return ['admin'];
  return ADMINISTRATIVE.has(kind) ? ['ddl', 'admin'] : ['ddl'];
}

export const OBJECT_WORDS: readonly string[] = [...new Set(Object.values(OBJECTS))];
