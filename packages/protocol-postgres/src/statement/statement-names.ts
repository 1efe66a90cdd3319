import { alterWords } from './definitions.ts';
import { OBJECT_WORDS } from './objects.ts';

/** Command tags and finer names that are no `CREATE`, `ALTER` or `DROP` of an object kind. */
const PLAIN = `
  select select_into insert update delete merge truncate truncate_table copy copy_from copy_to copy_program copy_file
  create_table_as refresh_materialized_view call do explain explain_analyze prepare execute deallocate deallocate_all
  declare_cursor fetch move close close_cursor close_cursor_all begin start_transaction commit rollback savepoint
  release prepare_transaction commit_prepared rollback_prepared set set_role set_session_authorization
  set_constraints reset show discard discard_all discard_plans discard_sequences discard_temp listen unlisten notify
  lock lock_table vacuum analyze cluster reindex checkpoint load comment security_label grant revoke grant_role
  revoke_role alter_default_privileges alter_system drop_owned reassign_owned import_foreign_schema
  create_user create_group create_user_mapping alter_user_mapping drop_user_mapping`;

/** What ALTER TABLE and its kin can do, by PostgreSQL's own names for the sub-commands. */
const ALTERATIONS = `
  AddColumn ColumnDefault DropNotNull SetNotNull SetExpression DropExpression SetStatistics SetOptions ResetOptions
  SetStorage SetCompression DropColumn AddIndex AddConstraint AlterConstraint ValidateConstraint AddIndexConstraint
  DropConstraint AlterColumnType AlterColumnGenericOptions ChangeOwner ClusterOn DropCluster SetLogged SetUnLogged
  DropOids SetAccessMethod SetTableSpace SetRelOptions ResetRelOptions EnableTrig EnableAlwaysTrig EnableReplicaTrig
  DisableTrig EnableTrigAll DisableTrigAll EnableTrigUser DisableTrigUser EnableRule EnableAlwaysRule
  EnableReplicaRule DisableRule AddInherit DropInherit AddOf DropOf ReplicaIdentity EnableRowSecurity
  DisableRowSecurity ForceRowSecurity NoForceRowSecurity GenericOptions AttachPartition DetachPartition
  DetachPartitionFinalize AddIdentity SetIdentity DropIdentity`;

const RELATIONS = ['table', 'view', 'materialized_view', 'foreign_table', 'index', 'sequence', 'type'];

function named(words: string): string {
  return words.toLowerCase().replaceAll(' ', '_');
}

function split(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

/**
 * Every name `statements` of a guard can list: PostgreSQL's command tags in lower case with underscores, and the
 * finer ones. A policy that names another is refused when it is written.
 */
export const STATEMENT_NAMES: readonly string[] = [
  ...new Set([
    ...split(PLAIN),
    ...OBJECT_WORDS.map(named).flatMap((word) => [
      `create_${word}`,
      `alter_${word}`,
      `drop_${word}`,
      `alter_${word}_rename`,
      `alter_${word}_owner`,
      `alter_${word}_set_schema`,
    ]),
    ...RELATIONS.flatMap((kind) => [
      `alter_${kind}_rename_column`,
      `alter_${kind}_rename_constraint`,
      ...split(ALTERATIONS).map((name) => `alter_${kind}_${named(alterWords(name))}`),
    ]),
  ]),
].sort();
