import { z } from 'zod';
import { pageQuery } from '../../http/page.ts';

const count = z.int().min(0);

export const sessionView = z
  .object({
    id: z.uuid(),
    connection: z.string(),
    protocol: z.string(),
    caller: z.string(),
    callerKind: z.string(),
    callerGroups: z.array(z.string()),
    claimedName: z.string().nullable().describe('what the client called itself; never trusted'),
    edgeId: z.uuid(),
    policyVersions: z.record(z.string(), z.int()),
    openedAt: z.iso.datetime(),
    closedAt: z.iso.datetime().nullable(),
    ending: z.string().nullable(),
    operations: count,
    rows: count,
    bytes: count.describe('response bytes that reached the caller'),
    maskedValues: count,
    refusals: count,
    events: count.describe('stored so far'),
    coverage: z.unknown().describe('bytes inspected and passed blind, and why'),
    verified: z
      .boolean()
      .nullable()
      .describe('true = closed and every signature held on arrival; false = something contradicted it'),
  })
  .meta({ id: 'Session' });
export type SessionView = z.infer<typeof sessionView>;

export const sessionQuery = pageQuery.extend({
  connection: z.string().max(200).optional().describe('"(door)" lists callers turned away before a session'),
  caller: z.string().max(1_024).optional(),
  from: z.iso.datetime({ offset: true }).optional().describe('opened at or after'),
  to: z.iso.datetime({ offset: true }).optional().describe('opened before'),
  text: z.string().min(1).max(500).optional().describe('part of a statement, whatever its case'),
  state: z.enum(['open', 'closed']).optional(),
});
export type SessionQuery = z.infer<typeof sessionQuery>;

export const sessionParams = z.object({ id: z.uuid() });

export const verifyView = z
  .object({
    ok: z.boolean(),
    events: count.describe('checked'),
    complete: z.boolean().describe('the closed event is there: nothing can follow'),
    problem: z
      .object({ seq: count.describe('first event that cannot be trusted'), why: z.string() })
      .optional(),
  })
  .meta({ id: 'SessionVerification' });

export const deadLetterView = z
  .object({
    id: z.uuid(),
    queue: z.string(),
    jobId: z.string().nullable(),
    error: z.string(),
    attempts: z.int(),
    bytes: count.describe('size of the payload'),
    createdAt: z.iso.datetime(),
    replayedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'DeadLetter' });
export type DeadLetterView = z.infer<typeof deadLetterView>;

export const deadLetterDetail = deadLetterView
  .extend({ payload: z.unknown().describe('what the queue carried; events are base64') })
  .meta({ id: 'DeadLetterDetail' });

export const deadLetterQuery = pageQuery.extend({
  state: z.enum(['waiting', 'replayed']).optional(),
});
export type DeadLetterQuery = z.infer<typeof deadLetterQuery>;

export const replayResult = z
  .object({ stored: count.describe('events stored now; 0 = they were there already') })
  .meta({ id: 'DeadLetterReplay' });
