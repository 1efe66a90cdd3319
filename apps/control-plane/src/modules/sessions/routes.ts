import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { actorOf, principalOf } from '../../auth/access.ts';
import type { Context } from '../../context.ts';
import { pageOf, toPage } from '../../http/page.ts';
import { notFound, problemSchema } from '../../http/problem.ts';
import type { Server } from '../../http/server.ts';
import { recordAudit } from '../audit/record.ts';
import { cursorOf, findSession, listSessions } from './list.ts';
import { answers, type SessionView, sessionParams, sessionQuery, sessionView, verifyView } from './schema.ts';
import { exportLines, replayLines, verifySession } from './streams.ts';

const tags = ['sessions'];
const access = ['auditor', 'admin', 'user'] as const;
const config = { access: [...access] as ['auditor', 'admin', 'user'] };
const jsonLines = {
  200: z.string().describe('application/x-ndjson: one JSON object a line'),
  '4xx': problemSchema,
  '5xx': problemSchema,
};

/** A caller that is neither auditor nor admin sees its own sessions only. */
function only(request: FastifyRequest): string | undefined {
  const { roles, subject } = principalOf(request);
  return roles.includes('auditor') || roles.includes('admin') ? undefined : subject;
}

/** What was recorded: lists, replays, raw chains and their verification. Whoever looks into a session is written down. */
export function registerSessions(server: Server, { db }: Pick<Context, 'db'>): void {
  /** 404 also for another caller's session: that it exists is nobody's business. */
  async function sessionFor(request: FastifyRequest, id: string): Promise<SessionView> {
    const session = await findSession(db.pool, id);
    const mine = only(request);
    if (session === undefined || (mine !== undefined && session.caller !== mine))
      throw notFound('session', id);
    return session;
  }

  async function sendLines(
    request: FastifyRequest,
    reply: FastifyReply,
    session: SessionView,
    action: string,
    lines: AsyncGenerator<string>,
  ): Promise<FastifyReply> {
    // Before the first byte: nobody sees a session without leaving a trace.
    await recordAudit(db.prisma, actorOf(request), { action, resource: `session/${session.id}` });
    return reply
      .type('application/x-ndjson; charset=utf-8')
      .header('x-content-type-options', 'nosniff')
      .serializer((body: unknown) => body as string)
      .send(Readable.from(lines, { objectMode: true, highWaterMark: 2 }));
  }

  server.get(
    '/v1/sessions',
    {
      config,
      schema: {
        tags,
        summary: 'List sessions, newest first',
        description: 'Auditors and administrators see all sessions, everybody else their own.',
        querystring: sessionQuery,
        response: answers(pageOf(sessionView)),
      },
    },
    async (request) => {
      const { query } = request;
      const rows = await listSessions(db.pool, query, only(request));
      return toPage(rows, query.limit, cursorOf, (row) => row);
    },
  );
  server.get(
    '/v1/sessions/:id',
    {
      config,
      schema: { tags, summary: 'Read a session', params: sessionParams, response: answers(sessionView) },
    },
    async (request) => sessionFor(request, request.params.id),
  );
  server.get(
    '/v1/sessions/:id/replay',
    {
      config,
      schema: {
        tags,
        summary: 'Replay a session as its caller saw it',
        description: 'JSON lines {seq, at, kind, …} in order; docs/recording.md lists the kinds.',
        params: sessionParams,
        response: jsonLines,
      },
    },
    async (request, reply) => {
      const session = await sessionFor(request, request.params.id);
      return sendLines(request, reply, session, 'session.replay', replayLines(db.pool, session));
    },
  );
  server.get(
    '/v1/sessions/:id/events',
    {
      config,
      schema: {
        tags,
        summary: 'The raw chain, for verifying it elsewhere',
        description:
          'JSON lines: {type: "key"} the public keys of the edge, {type: "batch"} its signatures, {type: "event"}.',
        params: sessionParams,
        response: jsonLines,
      },
    },
    async (request, reply) => {
      const session = await sessionFor(request, request.params.id);
      return sendLines(request, reply, session, 'session.export', exportLines(db.pool, session));
    },
  );
  server.get(
    '/v1/sessions/:id/verify',
    {
      config,
      schema: {
        tags,
        summary: 'Check every hash and signature of a session',
        params: sessionParams,
        response: answers(verifyView),
      },
    },
    async (request) => {
      const session = await sessionFor(request, request.params.id);
      await recordAudit(db.prisma, actorOf(request), {
        action: 'session.verify',
        resource: `session/${session.id}`,
      });
      const verdict = await verifySession(db.pool, session);
      if (verdict.ok) return { ok: true, events: verdict.checked, complete: verdict.complete };
      const { seq, why, checked } = verdict;
      return { ok: false, events: checked, complete: false, problem: { seq, why } };
    },
  );
}
