import { z } from 'zod';
import { pageQuery } from '../../http/page.ts';

export const auditView = z
  .object({
    id: z.uuid(),
    at: z.iso.datetime(),
    actor: z.string(),
    action: z.string().describe('<noun>.<verb>'),
    resource: z.string().describe('<noun>/<name>'),
    before: z.unknown().optional().describe('never holds a secret'),
    after: z.unknown().optional().describe('never holds a secret'),
    requestId: z.string().optional(),
    ip: z.string().optional(),
  })
  .meta({ id: 'AuditEntry' });
export type AuditView = z.infer<typeof auditView>;

export const auditQuery = pageQuery.extend({
  actor: z.string().max(320).optional(),
  action: z
    .string()
    .max(100)
    .optional()
    .describe('`policy.update`, or `policy.` for every action on policies'),
  resource: z.string().max(400).optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
});
export type AuditQuery = z.infer<typeof auditQuery>;
