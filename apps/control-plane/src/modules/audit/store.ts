import type { Db, Prisma } from '../../database/client.ts';
import { decodeCursor } from '../../http/page.ts';
import type { AuditQuery } from './schema.ts';

export type AuditRow = Prisma.AuditEntryGetPayload<object>;

/** Newest first, one more than `limit`. Ids are UUID v7: their order is the order of time. */
export function listAudit(db: Db, query: AuditQuery): Promise<AuditRow[]> {
  const before = decodeCursor(query.cursor, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  const { actor, action, resource, since, until } = query;
  return db.auditEntry.findMany({
    where: {
      ...(before !== undefined && { id: { lt: before } }),
      ...(actor !== undefined && { actor }),
      ...(action !== undefined && { action: action.endsWith('.') ? { startsWith: action } : action }),
      ...(resource !== undefined && { resource }),
      ...((since !== undefined || until !== undefined) && {
        at: {
          ...(since !== undefined && { gte: new Date(since) }),
          ...(until !== undefined && { lt: new Date(until) }),
        },
      }),
    },
    orderBy: { id: 'desc' },
    take: query.limit + 1,
  });
}
