import { FormatError } from '@scrim/recording';
import type { Pool } from 'pg';
import { z } from 'zod';
import { actorOf } from '../../auth/access.ts';
import type { Context } from '../../context.ts';
import { decodeCursor, pageOf, toPage } from '../../http/page.ts';
import { ApiError, notFound } from '../../http/problem.ts';
import { answers } from '../../http/responses.ts';
import type { Server } from '../../http/server.ts';
import type { Persister } from '../../workers/persister.ts';
import { recordAudit } from '../audit/record.ts';
import {
  type DeadLetterQuery,
  type DeadLetterView,
  deadLetterDetail,
  deadLetterQuery,
  deadLetterView,
  replayResult,
  sessionParams,
} from './schema.ts';

const tags = ['dead letters'];
const COLUMNS = `id, queue, job_id AS "jobId", error, attempts, octet_length(payload) AS bytes,
  created_at AS "createdAt", replayed_at AS "replayedAt"`;

type Needs = Pick<Context, 'db'>;

interface Row extends Omit<DeadLetterView, 'createdAt' | 'replayedAt'> {
  readonly createdAt: Date;
  readonly replayedAt: Date | null;
}

function view(row: Row): DeadLetterView {
  return {
    ...row,
    createdAt: row.createdAt.toISOString(),
    replayedAt: row.replayedAt?.toISOString() ?? null,
  };
}

/** Newest first, one more than `limit`: ids are UUID v7. */
async function list(pool: Pool, query: DeadLetterQuery): Promise<Row[]> {
  const before = decodeCursor(query.cursor, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  const { rows } = await pool.query<Row>(
    `SELECT ${COLUMNS} FROM dead_letter
     WHERE ($1::uuid IS NULL OR id < $1) AND ($2::text IS NULL OR (replayed_at IS NOT NULL) = ($2 = 'replayed'))
     ORDER BY id DESC LIMIT $3`,
    [before ?? null, query.state ?? null, query.limit + 1],
  );
  return rows;
}

async function find(pool: Pool, id: string): Promise<{ row: Row; payload: unknown }> {
  const { rows } = await pool.query<Row & { payload: Buffer }>(
    `SELECT ${COLUMNS}, payload FROM dead_letter WHERE id = $1`,
    [id],
  );
  if (rows[0] === undefined) throw notFound('dead letter', id);
  const { payload, ...row } = rows[0];
  return { row, payload: JSON.parse(payload.toString('utf8')) };
}

/** What the event queue carried and could not be stored: look at it, try again, or throw it away. */
export function registerDeadLetters(server: Server, needs: Needs, persister: Pick<Persister, 'store'>): void {
  registerReading(server, needs);
  registerReplay(server, needs, persister);
  registerDiscard(server, needs);
}

function registerReading(server: Server, { db }: Needs): void {
  server.get(
    '/v1/dead-letters',
    {
      config: { access: ['auditor', 'admin'] },
      schema: {
        tags,
        summary: 'List events that could not be stored, newest first',
        querystring: deadLetterQuery,
        response: answers(pageOf(deadLetterView)),
      },
    },
    async (request) => toPage(await list(db.pool, request.query), request.query.limit, (row) => row.id, view),
  );
  server.get(
    '/v1/dead-letters/:id',
    {
      config: { access: ['auditor', 'admin'] },
      schema: {
        tags,
        summary: 'Read one with its payload',
        params: sessionParams,
        response: answers(deadLetterDetail),
      },
    },
    async (request) => {
      const { row, payload } = await find(db.pool, request.params.id);
      const resource = `dead-letter/${row.id}`;
      await recordAudit(db.prisma, actorOf(request), { action: 'dead-letter.read', resource });
      return { ...view(row), payload };
    },
  );
}

function registerReplay(server: Server, { db }: Needs, persister: Pick<Persister, 'store'>): void {
  server.post(
    '/v1/dead-letters/:id/replay',
    {
      config: { access: ['admin'] },
      schema: {
        tags,
        summary: 'Try to store it again, now',
        description: 'The same checks apply: 409 says why it still cannot be stored.',
        params: sessionParams,
        response: answers(replayResult),
      },
    },
    async (request) => {
      const { row, payload } = await find(db.pool, request.params.id);
      const result = await persister.store(payload).catch((error: unknown) => {
        if (!(error instanceof FormatError)) throw error;
        throw new ApiError('SCRIM_API_CONFLICT', { detail: error.message, mend: 'discard it' });
      });
      const problem = result.problems[0];
      if (problem !== undefined) {
        const mend =
          problem.kind === 'gap' ? 'replay the dead letters before it first' : 'look into how it came about';
        throw new ApiError('SCRIM_API_CONFLICT', { detail: `${problem.kind}: ${problem.why}`, mend });
      }
      await db.prisma.$transaction(async (tx) => {
        await tx.deadLetter.update({ where: { id: row.id }, data: { replayedAt: new Date() } });
        const after = { stored: result.stored };
        const resource = `dead-letter/${row.id}`;
        await recordAudit(tx, actorOf(request), { action: 'dead-letter.replay', resource, after });
      });
      return { stored: result.stored };
    },
  );
}

function registerDiscard(server: Server, { db }: Needs): void {
  server.delete(
    '/v1/dead-letters/:id',
    {
      config: { access: ['admin'] },
      schema: {
        tags,
        summary: 'Discard it; the audit log keeps what it was',
        params: sessionParams,
        response: { ...answers(deadLetterView), 204: z.null().describe('done') },
      },
    },
    async (request, reply) => {
      const { row } = await find(db.pool, request.params.id);
      await db.prisma.$transaction(async (tx) => {
        await tx.deadLetter.delete({ where: { id: row.id } });
        const resource = `dead-letter/${row.id}`;
        await recordAudit(tx, actorOf(request), {
          action: 'dead-letter.discard',
          resource,
          before: view(row),
        });
      });
      return reply.code(204).send(null);
    },
  );
}
