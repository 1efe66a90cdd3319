import type { z } from 'zod';
import { actorOf, principalOf } from '../../auth/access.ts';
import type { Principal } from '../../auth/principal.ts';
import { decodeCursor, pageOf, toPage } from '../../http/page.ts';
import { notFound } from '../../http/problem.ts';
import type { Server } from '../../http/server.ts';
import { approvalId, approvalQuery, approvalView, decisionInput } from './schema.ts';
import { type Approvals, sameSubject } from './service.ts';
import type { ApprovalRecord } from './store.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function view(record: ApprovalRecord): z.output<typeof approvalView> {
  const { requestId: _, ...shown } = record;
  return {
    ...shown,
    callerGroups: [...record.callerGroups],
    parameters: [...record.parameters],
    approverGroups: [...record.approverGroups],
    digest: record.digest.toString('hex'),
    createdAt: record.createdAt.toISOString(),
    expiresAt: record.expiresAt.toISOString(),
    decidedAt: record.decidedAt?.toISOString() ?? null,
    redeemedAt: record.redeemedAt?.toISOString() ?? null,
    decisions: record.decisions.map((entry) => ({ ...entry, at: entry.at.toISOString() })),
  };
}

/** Whoever has no part in deciding sees only what they themselves are waiting for. */
function seesAll(who: Principal): boolean {
  return who.roles.some((role) => role !== 'user');
}

function registerDecision(server: Server, approvals: Approvals, decision: 'approve' | 'deny'): void {
  server.post(
    `/v1/approvals/:id/${decision}`,
    {
      config: { access: ['approver', 'admin'] },
      schema: {
        tags: ['approvals'],
        summary: decision === 'approve' ? 'Let the held operation run, once' : 'Refuse the held operation',
        params: approvalId,
        body: decisionInput.nullish(),
        response: { 200: approvalView },
      },
    },
    async (request) => {
      const { comment, digest } = request.body ?? {};
      const who = principalOf(request);
      return view(
        await approvals.decide(request.params.id, decision, who, actorOf(request), { comment, digest }),
      );
    },
  );
}

/** Held operations and the decisions over them. */
export function registerApprovals(server: Server, approvals: Approvals): void {
  server.get(
    '/v1/approvals',
    {
      config: { access: ['user'] },
      schema: {
        tags: ['approvals'],
        summary: 'Held operations, newest first',
        querystring: approvalQuery,
        response: { 200: pageOf(approvalView) },
      },
    },
    async (request) => {
      const { limit, cursor, state, connection, caller } = request.query;
      const who = principalOf(request);
      const rows = await approvals.list({
        limit,
        state,
        connection,
        caller: seesAll(who) ? caller : who.subject,
        after: decodeCursor(cursor, UUID),
      });
      return toPage(rows, limit, (record) => record.id, view);
    },
  );
  server.get(
    '/v1/approvals/:id',
    {
      config: { access: ['user'] },
      schema: {
        tags: ['approvals'],
        summary: 'One held operation with its decisions',
        params: approvalId,
        response: { 200: approvalView },
      },
    },
    async (request) => {
      const record = await approvals.get(request.params.id);
      const who = principalOf(request);
      if (!seesAll(who) && !sameSubject(who.subject, record.caller)) throw notFound('approval', record.id);
      return view(record);
    },
  );
  registerDecision(server, approvals, 'approve');
  registerDecision(server, approvals, 'deny');
}
