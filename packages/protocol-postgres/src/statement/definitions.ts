import type { Effect } from '@scrim/model';
import { type Ast, as, child, isAst, list, qualified, strings, text } from './ast.ts';
import { isRelationType, objectEffects, objectWord } from './objects.ts';
import type { Part } from './part.ts';
import { NO_CTES, relationName, Walk } from './walk.ts';

export type PartHandler = (part: Part, body: Ast) => void;

/** A statement whose tag and effects never vary; the relation in `target` is what it defines. */
function fixed(tag: string, effects: readonly Effect[], target?: string): PartHandler {
  return (part, body) => {
    part.tag(tag, ...effects);
    if (target) part.target(body, target);
    part.mention(target ? { ...body, [target]: undefined } : body);
  };
}

const DDL = ['ddl'] as const;
const ADMIN = ['admin'] as const;
const BOTH = ['ddl', 'admin'] as const;

/** Statements that define, change or drop objects: tag, effects, finer names, relations touched. */
export const DEFINITIONS: { readonly [node: string]: PartHandler } = {
  CreateStmt(part, body) {
    part.tag('CREATE TABLE', 'ddl');
    part.target(body, 'relation');
    part.mention({ ...body, relation: undefined });
  },
  CreateForeignTableStmt(part, body) {
    part.tag('CREATE FOREIGN TABLE', 'ddl', 'admin');
    part.target(child(body, 'base') ?? body, 'relation');
  },
  ViewStmt: fixed('CREATE VIEW', DDL, 'view'),
  IndexStmt(part, body) {
    part.tag('CREATE INDEX', 'ddl');
    part.target(body, 'relation');
    // An index on expressions runs them over every row while it is built.
    part.walk.fields(body, NO_CTES, ['relation']);
  },
  CreateSeqStmt: fixed('CREATE SEQUENCE', DDL, 'sequence'),
  AlterSeqStmt: fixed('ALTER SEQUENCE', DDL, 'sequence'),
  CreateFunctionStmt(part, body) {
    part.tag(body.is_procedure === true ? 'CREATE PROCEDURE' : 'CREATE FUNCTION', 'ddl');
  },
  AlterFunctionStmt: (part, body) => part.tag(`ALTER ${objectWord(body.objtype)}`, 'ddl'),
  CreateTrigStmt: fixed('CREATE TRIGGER', DDL, 'relation'),
  RuleStmt: fixed('CREATE RULE', DDL, 'relation'),
  CreateEventTrigStmt: fixed('CREATE EVENT TRIGGER', BOTH),
  AlterEventTrigStmt: fixed('ALTER EVENT TRIGGER', BOTH),
  CreatePLangStmt: fixed('CREATE LANGUAGE', BOTH),
  DefineStmt: (part, body) => part.tag(`CREATE ${objectWord(body.kind)}`, 'ddl'),
  CompositeTypeStmt: (part) => part.tag('CREATE TYPE', 'ddl'),
  CreateEnumStmt: fixed('CREATE TYPE', DDL),
  CreateRangeStmt: fixed('CREATE TYPE', DDL),
  AlterEnumStmt: fixed('ALTER TYPE', DDL),
  AlterTypeStmt: fixed('ALTER TYPE', DDL),
  CreateDomainStmt: fixed('CREATE DOMAIN', DDL),
  AlterDomainStmt: fixed('ALTER DOMAIN', DDL),
  CreateConversionStmt: fixed('CREATE CONVERSION', DDL),
  CreateCastStmt: fixed('CREATE CAST', DDL),
  CreateOpClassStmt: fixed('CREATE OPERATOR CLASS', DDL),
  CreateOpFamilyStmt: fixed('CREATE OPERATOR FAMILY', DDL),
  AlterOpFamilyStmt: fixed('ALTER OPERATOR FAMILY', DDL),
  AlterOperatorStmt: fixed('ALTER OPERATOR', DDL),
  CreateTransformStmt: fixed('CREATE TRANSFORM', BOTH),
  CreateAmStmt: fixed('CREATE ACCESS METHOD', BOTH),
  CreateStatsStmt: fixed('CREATE STATISTICS', DDL),
  AlterStatsStmt: fixed('ALTER STATISTICS', DDL),
  AlterCollationStmt: fixed('ALTER COLLATION', DDL),
  AlterTSConfigurationStmt: fixed('ALTER TEXT SEARCH CONFIGURATION', DDL),
  AlterTSDictionaryStmt: fixed('ALTER TEXT SEARCH DICTIONARY', DDL),
  CreateSchemaStmt(part, body) {
    part.tag('CREATE SCHEMA', 'ddl');
    for (const element of list(body, 'schemaElts')) {
      const [tag] = Object.keys(element);
      const handler = tag === undefined ? undefined : DEFINITIONS[tag];
      const inner = tag === undefined ? undefined : as(element, tag);
      if (handler && inner) handler(part, inner);
      else part.walk.into.blind('a schema element');
    }
    part.tag('CREATE SCHEMA');
  },
  CreatePolicyStmt: fixed('CREATE POLICY', BOTH, 'table'),
  AlterPolicyStmt: fixed('ALTER POLICY', BOTH, 'table'),
  CreateRoleStmt(part, body) {
    part.tag('CREATE ROLE', 'admin');
    if (body.stmt_type === 'ROLESTMT_USER') part.name('CREATE USER');
    if (body.stmt_type === 'ROLESTMT_GROUP') part.name('CREATE GROUP');
  },
  AlterRoleStmt: fixed('ALTER ROLE', ADMIN),
  AlterRoleSetStmt: fixed('ALTER ROLE', ADMIN),
  DropRoleStmt: fixed('DROP ROLE', ADMIN),
  GrantStmt(part, body) {
    part.tag(body.is_grant === true ? 'GRANT' : 'REVOKE', 'admin');
    if (body.objtype === 'OBJECT_TABLE') grantTargets(part, body);
  },
  GrantRoleStmt(part, body) {
    part.tag(body.is_grant === true ? 'GRANT ROLE' : 'REVOKE ROLE', 'admin');
    part.name(body.is_grant === true ? 'GRANT' : 'REVOKE');
  },
  AlterDefaultPrivilegesStmt: fixed('ALTER DEFAULT PRIVILEGES', ADMIN),
  DropOwnedStmt: fixed('DROP OWNED', BOTH),
  ReassignOwnedStmt: fixed('REASSIGN OWNED', BOTH),
  CreatedbStmt: fixed('CREATE DATABASE', BOTH),
  DropdbStmt: fixed('DROP DATABASE', BOTH),
  AlterDatabaseStmt: fixed('ALTER DATABASE', BOTH),
  AlterDatabaseSetStmt: fixed('ALTER DATABASE', BOTH),
  AlterDatabaseRefreshCollStmt: fixed('ALTER DATABASE', BOTH),
  CreateTableSpaceStmt: fixed('CREATE TABLESPACE', ADMIN),
  DropTableSpaceStmt: fixed('DROP TABLESPACE', ADMIN),
  AlterTableSpaceOptionsStmt: fixed('ALTER TABLESPACE', ADMIN),
  CreatePublicationStmt: fixed('CREATE PUBLICATION', BOTH),
  AlterPublicationStmt: fixed('ALTER PUBLICATION', BOTH),
  CreateSubscriptionStmt: fixed('CREATE SUBSCRIPTION', BOTH),
  AlterSubscriptionStmt: fixed('ALTER SUBSCRIPTION', BOTH),
  DropSubscriptionStmt: fixed('DROP SUBSCRIPTION', BOTH),
  CreateExtensionStmt: fixed('CREATE EXTENSION', BOTH),
  AlterExtensionStmt: fixed('ALTER EXTENSION', BOTH),
  AlterExtensionContentsStmt: fixed('ALTER EXTENSION', BOTH),
  CreateFdwStmt: fixed('CREATE FOREIGN DATA WRAPPER', BOTH),
  AlterFdwStmt: fixed('ALTER FOREIGN DATA WRAPPER', BOTH),
  CreateForeignServerStmt: fixed('CREATE SERVER', BOTH),
  AlterForeignServerStmt: fixed('ALTER SERVER', BOTH),
  CreateUserMappingStmt: fixed('CREATE USER MAPPING', BOTH),
  AlterUserMappingStmt: fixed('ALTER USER MAPPING', BOTH),
  DropUserMappingStmt: fixed('DROP USER MAPPING', BOTH),
  ImportForeignSchemaStmt: fixed('IMPORT FOREIGN SCHEMA', BOTH),
  SecLabelStmt: fixed('SECURITY LABEL', BOTH),
  AlterSystemStmt: fixed('ALTER SYSTEM', ADMIN),
  CommentStmt(part, body) {
    part.tag('COMMENT', 'ddl');
    if (isRelationType(body.objtype)) objectNames(part, [body.object]);
    else if (body.objtype === 'OBJECT_COLUMN') columnOwner(part, body.object);
  },
  AlterTableStmt: alterTable,
  AlterTableMoveAllStmt(part, body) {
    part.tag(`ALTER ${objectWord(body.objtype)}`, 'ddl', 'admin');
  },
  RenameStmt: rename,
  AlterObjectSchemaStmt(part, body) {
    alterObject(part, body.objectType);
    part.name(`ALTER ${objectWord(body.objectType)} SET SCHEMA`);
    part.target(body, 'relation');
  },
  AlterOwnerStmt(part, body) {
    alterObject(part, body.objectType);
    part.name(`ALTER ${objectWord(body.objectType)} OWNER`);
    part.walk.into.effects.add('admin');
  },
  AlterObjectDependsStmt(part, body) {
    alterObject(part, body.objectType);
    part.target(body, 'relation');
  },
  DropStmt(part, body) {
    part.tag(`DROP ${objectWord(body.removeType)}`, ...objectEffects(body.removeType));
    const objects = Array.isArray(body.objects) ? body.objects : [];
    if (isRelationType(body.removeType)) objectNames(part, objects);
    else if (OWNED.has(String(body.removeType))) for (const object of objects) columnOwner(part, object);
  },
};

/** Objects that belong to a relation and are written as `relation.name` in the tree. */
const OWNED = new Set(['OBJECT_TRIGGER', 'OBJECT_RULE', 'OBJECT_POLICY']);

function alterObject(part: Part, type: unknown): void {
  part.tag(`ALTER ${objectWord(type)}`, ...objectEffects(type));
}

function grantTargets(part: Part, body: Ast): void {
  for (const object of list(body, 'objects')) {
    const relation = as(object, 'RangeVar');
    const name = relation && text(relation, 'relname');
    if (relation && name)
      part.walk.into.touch({ schema: text(relation, 'schemaname') ?? null, name }, 'write');
  }
}

/** Objects written as a list of name parts (DROP, COMMENT). */
function objectNames(part: Part, objects: readonly unknown[]): void {
  for (const object of objects) {
    const name = isAst(object) ? qualified(strings(list({ object }, 'object'))) : undefined;
    if (!name) continue;
    part.walk.into.touch(name, 'write');
    part.walk.into.define(name);
  }
}

/** The relation in front of a column, trigger, rule or policy name. */
function columnOwner(part: Part, object: unknown): void {
  const names = strings(list({ object }, 'object'));
  const name = qualified(names.slice(0, -1));
  if (name) part.walk.into.touch(name, 'write');
}

/** `AT_DropColumn` -> `drop column`: the finer names `alter_table_drop_column` and the like. */
export function alterWords(subtype: string): string {
  return subtype
    .replace(/^AT_/, '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toUpperCase();
}

function alterTable(part: Part, body: Ast): void {
  const kind = objectWord(body.objtype);
  alterObject(part, body.objtype);
  part.target(body, 'relation');
  for (const item of list(body, 'cmds')) {
    const command = as(item, 'AlterTableCmd') ?? {};
    const words = alterWords(text(command, 'subtype') ?? 'AT_Unknown');
    part.name(`ALTER ${kind} ${words}`);
    if (/OWNER|ROW SECURITY|TRIG|RULE/.test(words)) part.walk.into.effects.add('admin');
    // USING of a type change runs its expression over every row; partitions and parents are relations of their own.
    part.walk.fields(command, NO_CTES);
    if (text(command, 'subtype') === 'AT_AlterColumnType') retyped(part, body, command);
    // Rows of a child are seen as its parent's.
    if (/^AT_(AddInherit|AttachPartition)$/.test(text(command, 'subtype') ?? '')) part.walk.into.keep('rows');
  }
  // A default or constraint may mention relations and calls it only runs later; what was found stays as mentioned.
  part.walk.into.effects.delete('read');
}

/** USING fills a column from an expression; from itself alone, it stays under its mask. */
function retyped(part: Part, body: Ast, command: Ast): void {
  const aside = new Walk(undefined, true);
  aside.visit(child(command, 'def')?.raw_default, NO_CTES);
  aside.into.values.delete(text(command, 'name') ?? '');
  if (aside.into.values.size === 0) return;
  part.walk.into.absorb(aside.into);
  part.walk.into.keep('rows');
  const name = relationName(child(body, 'relation') ?? {});
  if (name) part.walk.into.targets.set(name.name, { ...name, access: 'write' });
}

function rename(part: Part, body: Ast): void {
  const column = body.renameType === 'OBJECT_COLUMN' || body.renameType === 'OBJECT_TABCONSTRAINT';
  const type = column ? body.relationType : body.renameType;
  alterObject(part, type);
  const what = column ? (body.renameType === 'OBJECT_COLUMN' ? ' COLUMN' : ' CONSTRAINT') : '';
  part.name(`ALTER ${objectWord(type)} RENAME${what}`);
  part.target(body, 'relation');
  const relation = child(body, 'relation');
  const name = text(body, 'newname');
  if (relation && name !== undefined && isRelationType(body.renameType)) {
    part.walk.into.define({ schema: text(relation, 'schemaname') ?? null, name });
  }
}
