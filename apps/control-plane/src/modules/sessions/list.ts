import { DOOR } from '@scrim/recording';
import type { Pool } from 'pg';
import { decodeCursor } from '../../http/page.ts';
import type { SessionQuery, SessionView } from './schema.ts';

interface SessionRow {
  readonly id: string;
  readonly connection: string;
  readonly protocol: string;
  readonly caller: string;
  readonly caller_kind: string;
  readonly caller_groups: string[];
  readonly claimed_name: string | null;
  readonly edge_id: string;
  readonly policy_versions: Record<string, number>;
  readonly opened_at: Date;
  readonly closed_at: Date | null;
  readonly ending: string | null;
  readonly operations: string;
  readonly rows: string;
  readonly bytes: string;
  readonly masked_values: string;
  readonly refusals: string;
  readonly last_seq: string;
  readonly coverage: unknown;
  readonly verified: boolean | null;
}

const CURSOR = /^\d{1,15} [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Newest first; the id tells sessions of the same millisecond apart. */
export function cursorOf(session: SessionView): string {
  return `${Date.parse(session.openedAt)} ${session.id}`;
}

function view(row: SessionRow): SessionView {
  return {
    id: row.id,
    connection: row.connection,
    protocol: row.protocol,
    caller: row.caller,
    callerKind: row.caller_kind,
    callerGroups: row.caller_groups,
    claimedName: row.claimed_name,
    edgeId: row.edge_id,
    policyVersions: row.policy_versions,
    openedAt: row.opened_at.toISOString(),
    closedAt: row.closed_at?.toISOString() ?? null,
    ending: row.ending,
    operations: Number(row.operations),
    rows: Number(row.rows),
    bytes: Number(row.bytes),
    maskedValues: Number(row.masked_values),
    refusals: Number(row.refusals),
    events: Number(row.last_seq),
    coverage: row.coverage,
    verified: row.verified,
  };
}

/** A text as a LIKE pattern that means itself. */
function literal(text: string): string {
  return text.replaceAll(/[\\%_]/g, '\\$&');
}

/** One more than `limit`, newest first. `only` keeps a caller to its own sessions. */
export async function listSessions(
  pool: Pool,
  query: SessionQuery,
  only: string | undefined,
): Promise<SessionView[]> {
  const values: unknown[] = [];
  const place = (value: unknown): string => `$${values.push(value)}`;
  const conditions: string[] = [];
  conditions.push(
    query.connection === undefined
      ? `connection <> ${place(DOOR)}`
      : `connection = ${place(query.connection)}`,
  );
  if (query.caller !== undefined) conditions.push(`caller = ${place(query.caller)}`);
  if (only !== undefined) conditions.push(`caller = ${place(only)}`);
  if (query.from !== undefined) conditions.push(`opened_at >= ${place(query.from)}`);
  if (query.to !== undefined) conditions.push(`opened_at < ${place(query.to)}`);
  if (query.state !== undefined)
    conditions.push(`closed_at IS ${query.state === 'open' ? 'NULL' : 'NOT NULL'}`);
  if (query.text !== undefined) {
    const pattern = place(`%${literal(query.text.replaceAll('\u0000', '\ufffd'))}%`);
    conditions.push(`id IN (SELECT session_id FROM session_statement WHERE text ILIKE ${pattern})`);
  }
  const after = decodeCursor(query.cursor, CURSOR)?.split(' ');
  if (after !== undefined) {
    const openedAt = new Date(Number(after[0])).toISOString();
    conditions.push(`(opened_at, id) < (${place(openedAt)}::timestamptz, ${place(after[1])}::uuid)`);
  }
  const { rows } = await pool.query<SessionRow>(
    `SELECT * FROM session WHERE ${conditions.join(' AND ')}
     ORDER BY opened_at DESC, id DESC LIMIT ${place(query.limit + 1)}`,
    values,
  );
  return rows.map(view);
}

export async function findSession(pool: Pool, id: string): Promise<SessionView | undefined> {
  const { rows } = await pool.query<SessionRow>('SELECT * FROM session WHERE id = $1', [id]);
  return rows[0] && view(rows[0]);
}
