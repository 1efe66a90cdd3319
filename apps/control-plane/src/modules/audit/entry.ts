import type { PoolClient } from 'pg';
import type { Actor } from '../../auth/principal.ts';
import type { AuditRecord } from './record.ts';

/** The same as `recordAudit`, for changes whose transaction is plain SQL: no change without its entry. */
export async function insertAudit(
  client: Pick<PoolClient, 'query'>,
  id: string,
  actor: Actor,
  record: AuditRecord,
): Promise<void> {
  const json = (value: unknown) => (value === undefined || value === null ? null : JSON.stringify(value));
  await client.query(
    `INSERT INTO audit_entry (id, actor, action, resource, before, after, request_id, ip)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      id,
      actor.subject,
      record.action,
      record.resource,
      json(record.before),
      json(record.after),
      actor.requestId ?? null,
      actor.ip ?? null,
    ],
  );
}
