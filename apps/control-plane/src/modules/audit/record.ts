import type { Actor } from '../../auth/principal.ts';
import { type Db, Prisma } from '../../database/client.ts';

/** One change as the audit log keeps it. Views only: `before` and `after` must come from what the API would show. */
export interface AuditRecord {
  /** `<noun>.<verb>`: `connection.update`. */
  readonly action: string;
  /** `<noun>/<name>`: `connection/shop`. */
  readonly resource: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

function json(value: unknown): Prisma.InputJsonValue | typeof Prisma.DbNull {
  return value === undefined || value === null
    ? Prisma.DbNull
    : (JSON.parse(JSON.stringify(value)) as Prisma.InputJsonValue);
}

/** Writes an entry in the transaction of the change itself: there is no change without its entry, nor the reverse. */
export async function recordAudit(db: Db, actor: Actor, record: AuditRecord): Promise<void> {
  await db.auditEntry.create({
    data: {
      actor: actor.subject,
      action: record.action,
      resource: record.resource,
      before: json(record.before),
      after: json(record.after),
      requestId: actor.requestId ?? null,
      ip: actor.ip ?? null,
    },
  });
}
