import type { Context } from '../../context.ts';
import { pageOf, toPage } from '../../http/page.ts';
import { answers } from '../../http/responses.ts';
import type { Server } from '../../http/server.ts';
import { type AuditView, auditQuery, auditView } from './schema.ts';
import { type AuditRow, listAudit } from './store.ts';

function view(row: AuditRow): AuditView {
  return {
    id: row.id,
    at: row.at.toISOString(),
    actor: row.actor,
    action: row.action,
    resource: row.resource,
    ...(row.before !== null && { before: row.before }),
    ...(row.after !== null && { after: row.after }),
    ...(row.requestId !== null && { requestId: row.requestId }),
    ...(row.ip !== null && { ip: row.ip }),
  };
}

/** Who changed what, when, from where, and what it was before. */
export function registerAudit(server: Server, { db }: Pick<Context, 'db'>): void {
  server.get(
    '/v1/audit',
    {
      config: { access: ['auditor', 'admin'] },
      schema: {
        tags: ['audit'],
        summary: 'Changes made by administrators, newest first',
        querystring: auditQuery,
        response: answers(pageOf(auditView)),
      },
    },
    async (request) =>
      toPage(await listAudit(db.prisma, request.query), request.query.limit, (row) => row.id, view),
  );
}
