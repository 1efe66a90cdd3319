import type { Effect } from '@scrim/model';
import type { QualifiedName } from './contract.ts';
import { BUILTIN_OPERATORS, STABLE_BUILTINS, VOLATILE_BUILTINS } from './generated/builtin-functions.ts';

/** What calling a builtin can cause beyond computing a value. */
export interface BuiltinEffect {
  readonly effects: readonly Effect[];
  /** It runs SQL we cannot see (a query in its argument): everything about the statement is then unknown. */
  readonly opaque?: boolean;
  /** System relations whose contents it shows under another name. */
  readonly reads?: readonly string[];
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');
const STABLE = new Set(words(STABLE_BUILTINS));
const VOLATILE = new Set(words(VOLATILE_BUILTINS));
const OPERATORS = new Set(words(BUILTIN_OPERATORS));

/** Volatile by their result alone: calling them changes nothing. */
const HARMLESS_VOLATILE = `
  array_sample array_shuffle bernoulli system clock_timestamp timeofday random random_normal gen_random_uuid uuidv4
  uuidv7 currval lastval pg_blocking_pids pg_safe_snapshot_blocking_pids pg_collation_actual_version
  pg_database_collation_actual_version pg_column_size pg_database_size pg_indexes_size pg_relation_size pg_table_size
  pg_tablespace_size pg_total_relation_size pg_is_in_recovery pg_jit_available pg_partition_ancestors
  pg_partition_tree pg_sequence_last_value pg_get_sequence_data pg_xact_status txid_status pg_xact_commit_timestamp
  pg_xact_commit_timestamp_origin pg_last_committed_xact pg_last_wal_receive_lsn pg_last_wal_replay_lsn
  pg_last_xact_replay_timestamp pg_get_wal_replay_pause_state pg_is_wal_replay_paused pg_notification_queue_usage
  pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn pg_get_wait_events amvalidate
  pg_extension_config_dump pg_get_multixact_members pg_get_wal_resource_managers pg_lock_status pg_stat_have_stats
  pg_isolation_test_session_is_blocked currtid currtid2 pg_sleep pg_sleep_for pg_sleep_until current_query
  pg_stat_get_backend_io pg_stat_get_backend_wal pg_stat_get_io pg_stat_get_recovery_prefetch
  pg_stat_get_xact_blocks_fetched pg_stat_get_xact_blocks_hit pg_stat_get_xact_function_calls
  pg_stat_get_xact_function_self_time pg_stat_get_xact_function_total_time pg_stat_get_xact_numscans
  pg_stat_get_xact_tuples_deleted pg_stat_get_xact_tuples_fetched pg_stat_get_xact_tuples_hot_updated
  pg_stat_get_xact_tuples_inserted pg_stat_get_xact_tuples_newpage_updated pg_stat_get_xact_tuples_returned
  pg_stat_get_xact_tuples_updated`;

const SESSION = `
  set_config setseed pg_notify pg_export_snapshot pg_stat_clear_snapshot pg_stat_force_next_flush
  pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared
  pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_lock pg_try_advisory_lock_shared
  pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared lo_close`;

const WRITE = `
  nextval setval lo_creat lo_create lo_from_bytea lo_put lo_truncate lo_truncate64 lo_unlink lowrite
  brin_desummarize_range brin_summarize_new_values brin_summarize_range gin_clean_pending_list`;

/** Functions whose arguments can be read again afterwards, by this session or another. */
const KEEPING = new Set(
  words(`set_config pg_notify setval lo_create lo_from_bytea lo_put lowrite lo_import pg_logical_emit_message
    pg_advisory_lock pg_advisory_lock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_lock
    pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared pg_file_write
    pg_create_restore_point pg_create_physical_replication_slot pg_create_logical_replication_slot
    pg_replication_origin_create`),
);

/** Whether what the function is given can be read elsewhere later. */
export function keepsArguments(name: string): boolean {
  return KEEPING.has(name);
}

/** Server files, other sessions, replication, WAL, statistics, server control. */
const ADMIN = `
  pg_terminate_backend pg_cancel_backend pg_reload_conf pg_rotate_logfile pg_promote pg_backup_start pg_backup_stop
  pg_start_backup pg_stop_backup pg_create_restore_point pg_switch_wal pg_wal_replay_pause pg_wal_replay_resume
  pg_log_backend_memory_contexts pg_log_standby_snapshot pg_logical_emit_message pg_import_system_collations
  pg_current_logfile pg_stat_file pg_read_file pg_read_binary_file pg_read_file_old
  pg_hba_file_rules pg_ident_file_mappings pg_show_all_file_settings pg_get_backend_memory_contexts pg_nextoid
  pg_stop_making_pinned_objects pg_get_aios pg_get_loaded_modules pg_get_shmem_allocations
  pg_get_shmem_allocations_numa pg_control_checkpoint pg_control_init pg_control_recovery pg_control_system
  pg_get_wal_summarizer_state pg_available_wal_summaries pg_wal_summary_contents pg_prepared_xact
  pg_file_write pg_file_rename pg_file_unlink pg_file_sync pg_logdir_ls`;

const ADMIN_PATTERN =
  /^(?:binary_upgrade_|pg_ls_|pg_stat_reset|pg_(?:clear|restore)_\w+_stats$|pg_\w*replication_(?:origin|slot)|pg_logical_slot_|pg_copy_\w+_slot|pg_create_\w+_slot|pg_drop_\w+_slot|pg_sync_replication|pg_show_replication|pg_event_trigger_)/;

/** Runs the query, or reads the table, schema or database, that its argument names. */
const DYNAMIC = `
  query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema table_to_xml
  table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml schema_to_xmlschema schema_to_xml_and_xmlschema
  database_to_xml database_to_xmlschema database_to_xml_and_xmlschema ts_stat ts_rewrite
  pg_logical_slot_get_changes pg_logical_slot_peek_changes pg_logical_slot_get_binary_changes
  pg_logical_slot_peek_binary_changes`;

/** Functions outside pg_catalog that are known by name on most servers: they leave the database or run text. */
const EXTENSION_PATTERN = /^(?:dblink|xpath_table$|crosstab|connectby$|pg_file_|pg_logdir_ls$)/;

const LARGE_OBJECT_READS = words('lo_get loread lo_open lo_export lo_lseek lo_lseek64 lo_tell lo_tell64');
const LARGE_OBJECT = ['pg_largeobject'];

const EFFECTS = new Map<string, BuiltinEffect>();
for (const name of words(HARMLESS_VOLATILE)) EFFECTS.set(name, { effects: [] });
for (const name of words(SESSION)) EFFECTS.set(name, { effects: ['session'] });
for (const name of words(WRITE)) EFFECTS.set(name, { effects: ['write'] });
for (const name of words(ADMIN)) EFFECTS.set(name, { effects: ['admin'] });
for (const name of words(DYNAMIC)) EFFECTS.set(name, { effects: ['read', 'unknown'], opaque: true });
for (const name of LARGE_OBJECT_READS) EFFECTS.set(name, { effects: ['read'], reads: LARGE_OBJECT });
EFFECTS.set('lo_open', { effects: ['read', 'write'], reads: LARGE_OBJECT });
EFFECTS.set('lo_export', { effects: ['read', 'admin'], reads: LARGE_OBJECT });
EFFECTS.set('lo_import', { effects: ['write', 'admin'] });
// A server file may be a table's own, or one that COPY wrote.
for (const name of ['pg_read_file', 'pg_read_binary_file', 'pg_read_file_old']) {
  EFFECTS.set(name, { effects: ['read', 'admin'], reads: LARGE_OBJECT });
}
EFFECTS.set('pg_prepared_statement', { effects: ['read'], reads: ['pg_prepared_statements'] });
EFFECTS.set('pg_cursor', { effects: ['read'], reads: ['pg_cursors'] });
EFFECTS.set('pg_stat_get_activity', { effects: ['read'], reads: ['pg_stat_activity'] });
EFFECTS.set('pg_stat_get_backend_activity', { effects: ['read'], reads: ['pg_stat_activity'] });

const PURE: BuiltinEffect = { effects: [] };

/** Whether pg_catalog has a function of that name; an unqualified call of it reaches no user function. */
export function isBuiltin(target: QualifiedName): boolean {
  if (target.schema === 'information_schema') return true;
  if (target.schema !== null && target.schema !== 'pg_catalog') return false;
  return STABLE.has(target.name) || VOLATILE.has(target.name) || EFFECTS.has(target.name);
}

/** Whether pg_catalog has an operator of that symbol. */
export function isBuiltinOperator(schema: string | null, symbol: string): boolean {
  return (schema === null || schema === 'pg_catalog') && OPERATORS.has(symbol);
}

/** Whether the name is volatile, so that two calls of it may differ. */
export function isVolatile(name: string): boolean {
  return !STABLE.has(name);
}

/** What a builtin causes; a volatile one nobody classified counts as opaque, so that a new server stays safe. */
export function builtinEffect(name: string): BuiltinEffect {
  const known = EFFECTS.get(name);
  if (known?.opaque && ADMIN_PATTERN.test(name)) return { effects: ['admin', 'unknown'], opaque: true };
  if (known) return known;
  if (ADMIN_PATTERN.test(name)) return { effects: ['admin'] };
  if (VOLATILE.has(name)) return { effects: ['unknown'], opaque: true };
  return PURE;
}

/** Known functions of extensions that leave the database or run text from their arguments. */
export function isKnownEscape(name: string): boolean {
  return EXTENSION_PATTERN.test(name);
}
