import { z } from 'zod';
import { pageQuery } from '../../http/page.ts';
import { STATES } from './states.ts';

const timeText = z.iso.datetime();

export const approvalId = z.object({ id: z.uuid() });

export const approvalView = z
  .object({
    id: z.uuid(),
    state: z.enum(STATES),
    connection: z.string(),
    caller: z.string(),
    callerGroups: z.array(z.string()),
    policy: z.string(),
    policyVersion: z.int(),
    rule: z.string().describe('the guard that held it'),
    reason: z.string(),
    statement: z.string().describe('what the caller wants to run; sensitive values are masked'),
    parameters: z.array(z.string()),
    digest: z.string().describe('SHA-256 of the exact operation, hex; an approval is good for nothing else'),
    quorum: z.int(),
    approverGroups: z.array(z.string()).describe('members may decide; empty = every approver'),
    sessionId: z.string(),
    edgeId: z.uuid(),
    createdAt: timeText,
    expiresAt: timeText,
    decidedAt: timeText.nullable(),
    redeemedAt: timeText.nullable(),
    decisions: z.array(
      z.object({
        subject: z.string(),
        decision: z.enum(['approve', 'deny']),
        comment: z.string().nullable(),
        at: timeText,
      }),
    ),
  })
  .meta({ id: 'Approval' });

export const approvalQuery = pageQuery.extend({
  state: z.enum(STATES).optional(),
  connection: z.string().max(200).optional(),
  caller: z.string().max(300).optional(),
});

export const decisionInput = z
  .strictObject({
    comment: z.string().max(2_000).optional(),
    digest: z
      .string()
      .regex(/^[0-9a-fA-F]{64}$/, 'write the 64 hex digits of the digest')
      .optional()
      .describe('refuse unless the approval is for exactly this operation'),
  })
  .meta({ id: 'ApprovalVerdict' });
