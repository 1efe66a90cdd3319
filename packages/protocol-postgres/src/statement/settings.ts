import type { FactsCollector } from './facts.ts';

/** Settings that change who the session is: what it may do is then not what the connection's owner chose. */
const IDENTITY = new Set(['role', 'session_authorization']);

/** Settings that make the server read later texts differently from this parser, or skip triggers and row policies. */
const READING = new Map([
  ['standard_conforming_strings', /^(?:on|true|yes|1)$/i],
  ['backslash_quote', /^(?:safe_encoding|off|false|no|0)$/i],
  ['client_encoding', /^(?:utf-?8|unicode|sql_ascii|latin\d+|iso_?8859.*|win125\d)$/i],
]);
const ENFORCEMENT = new Set([
  'session_replication_role',
  'row_security',
  'session_preload_libraries',
  'local_preload_libraries',
  'dynamic_library_path',
  'allow_system_table_mods',
]);

/**
 * What SET or set_config does to the facts. `name` undefined = computed: it may be any setting. A value that would
 * make the server split strings elsewhere than we do makes everything unknown from here on.
 */
export function judgeSetting(
  into: FactsCollector,
  name: string | undefined,
  value: string | undefined,
): void {
  into.effects.add('session');
  if (name === undefined) {
    into.effects.add('admin');
    into.blind('a setting with a computed name');
    return;
  }
  const setting = name.toLowerCase();
  into.sets.set(setting, value ?? null);
  if (IDENTITY.has(setting)) {
    into.statements.add(setting === 'role' ? 'set_role' : 'set_session_authorization');
    into.effects.add('admin');
  }
  if (ENFORCEMENT.has(setting)) into.effects.add('admin');
  const safe = READING.get(setting);
  if (safe && !safe.test(value ?? '')) into.blind(`set ${setting}`);
}
