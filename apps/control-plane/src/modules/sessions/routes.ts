import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { actorOf, principalOf } from '../../auth/access.ts';
import type { Context } from '../../context.ts';
import { pageOf, toPage } from '../../http/page.ts';
import { notFound, problemSchema } from '../../http/problem.ts';
import { answers } from '../../http/responses.ts';
import type { Server } from '../../http/server.ts';
import { recordAudit } from '../audit/record.ts';
import { cursorOf, findSession, listSessions } from './list.ts';
import { type SessionView, sessionParams, sessionQuery, sessionView, verifyView } from './schema.ts';
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

type Needs = Pick<Context, 'db'>;

/** 404 also for another caller's session: that it exists is nobody's business. */
async function sessionFor({ db }: Needs, request: FastifyRequest, id: string): Promise<SessionView> {
  const session = await findSession(db.pool, id);
  const mine = only(request);
  if (session === undefined || (mine !== undefined && session.caller !== mine)) throw notFound('session', id);
  return session;
}

async function sendLines(
  { db }: Needs,
  request: FastifyRequest,
  reply: FastifyReply,
  action: { readonly name: string; readonly session: SessionView; readonly lines: AsyncGenerator<string> },
): Promise<FastifyReply> {
  // Before the first byte: nobody sees a session without leaving a trace.
  const resource = `session/${action.session.id}`;
  await recordAudit(db.prisma, actorOf(request), { action: action.name, resource });
  return reply
    .type('application/x-ndjson; charset=utf-8')
    .header('x-content-type-options', 'nosniff')
    .serializer((body: unknown) => body as string)
    .send(Readable.from(action.lines, { objectMode: true, highWaterMark: 2 }));
}

/** What was recorded: lists, replays, raw chains and their verification. Whoever looks into a session is written down. */
export function registerSessions(server: Server, needs: Needs): void {
  registerLists(server, needs);
  registerStreams(server, needs);
  registerVerify(server, needs);
}

function registerLists(server: Server, needs: Needs): void {
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
      const rows = await listSessions(needs.db.pool, query, only(request));
      return toPage(rows, query.limit, cursorOf, (row) => row);
    },
  );
  server.get(
    '/v1/sessions/:id',
    {
      config,
      schema: { tags, summary: 'Read a session', params: sessionParams, response: answers(sessionView) },
    },
    async (request) => sessionFor(needs, request, request.params.id),
  );
}

function registerStreams(server: Server, needs: Needs): void {
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
      const session = await sessionFor(needs, request, request.params.id);
      const lines = replayLines(needs.db.pool, session);
      return sendLines(needs, request, reply, { name: 'session.replay', session, lines });
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
      const session = await sessionFor(needs, request, request.params.id);
      const lines = exportLines(needs.db.pool, session);
      return sendLines(needs, request, reply, { name: 'session.export', session, lines });
    },
  );
}

function registerVerify(server: Server, needs: Needs): void {
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
      const session = await sessionFor(needs, request, request.params.id);
      await recordAudit(needs.db.prisma, actorOf(request), {
        action: 'session.verify',
        resource: `session/${session.id}`,
      });
      const verdict = await verifySession(needs.db.pool, session);
      if (verdict.ok) return { ok: true, events: verdict.checked, complete: verdict.complete };
      const { seq, why, checked } = verdict;
      return { ok: false, events: checked, complete: false, problem: { seq, why } };
    },
  );
}
