import type { Secret } from '@scrim/model';
import { newApiKey } from '../../auth/api-key.ts';
import type { Actor } from '../../auth/principal.ts';
import type { Context } from '../../context.ts';
import type { Prisma } from '../../database/client.ts';
import { decodeCursor, type Page, type PageQuery, toPage } from '../../http/page.ts';
import { notFound } from '../../http/problem.ts';
import { recordAudit } from '../audit/record.ts';
import type { ApiKeySpec, ApiKeyView } from './schema.ts';

/** Keys of programs that use the REST API. Only a hash is kept. */
export interface ApiKeys {
  create(actor: Actor, spec: ApiKeySpec): Promise<{ readonly view: ApiKeyView; readonly key: Secret }>;
  list(query: PageQuery): Promise<Page<ApiKeyView>>;
  /** Takes effect with the next request that uses it. */
  revoke(actor: Actor, id: string): Promise<ApiKeyView>;
}

function view(row: Prisma.ApiKeyGetPayload<object>): ApiKeyView {
  const { id, prefix, name, subject, groups, roles, createdBy } = row;
  return {
    ...{ id, prefix, name, subject, groups, roles, createdBy, createdAt: row.createdAt.toISOString() },
    ...(row.expiresAt && { expiresAt: row.expiresAt.toISOString() }),
    ...(row.revokedAt && { revokedAt: row.revokedAt.toISOString() }),
    ...(row.lastUsedAt && { lastUsedAt: row.lastUsedAt.toISOString() }),
  };
}

export function createApiKeys({ db, now }: Pick<Context, 'db' | 'now'>): ApiKeys {
  const { prisma } = db;
  return {
    async create(actor, { ttlSeconds, ...spec }) {
      const { key, prefix, hash } = newApiKey();
      const expiresAt = ttlSeconds === undefined ? null : new Date(now() + ttlSeconds * 1000);
      const times = { createdAt: new Date(now()), expiresAt };
      return prisma.$transaction(async (tx) => {
        const row = await tx.apiKey.create({
          data: { ...spec, ...times, prefix, hash, createdBy: actor.subject },
        });
        const after = view(row);
        await recordAudit(tx, actor, { action: 'api-key.create', resource: `api-key/${row.id}`, after });
        return { view: after, key };
      });
    },
    async list(query) {
      const after = decodeCursor(query.cursor, /^[0-9a-f-]{36}$/);
      const rows = await prisma.apiKey.findMany({
        where: after === undefined ? {} : { id: { gt: after } },
        orderBy: { id: 'asc' },
        take: query.limit + 1,
      });
      return toPage(rows, query.limit, (row) => row.id, view);
    },
    revoke: (actor, id) =>
      prisma.$transaction(async (tx) => {
        const before = await tx.apiKey.findUnique({ where: { id } });
        if (!before) throw notFound('API key', id);
        if (before.revokedAt) return view(before);
        const row = await tx.apiKey.update({ where: { id }, data: { revokedAt: new Date(now()) } });
        const record = { before: view(before), after: view(row) };
        await recordAudit(tx, actor, { action: 'api-key.revoke', resource: `api-key/${id}`, ...record });
        return view(row);
      }),
  };
}
