import type { ClaimConditions } from '@scrim/model';
import type { Actor } from '../../auth/principal.ts';
import type { Context } from '../../context.ts';
import type { Prisma } from '../../database/client.ts';
import { decodeCursor, type Page, type PageQuery, toPage } from '../../http/page.ts';
import { invalid, notFound } from '../../http/problem.ts';
import { requireVersion } from '../../http/version.ts';
import { recordAudit } from '../audit/record.ts';
import type { MachineSpec, MachineView } from './schema.ts';

/** Machines known by the claims of their provider's tokens: a CI job by repository and branch. */
export interface Machines {
  list(query: PageQuery): Promise<Page<MachineView>>;
  get(name: string): Promise<MachineView>;
  put(actor: Actor, spec: MachineSpec, expected?: number): Promise<MachineView>;
  remove(actor: Actor, name: string, expected?: number): Promise<void>;
}

function view(row: Prisma.MachineIdentityGetPayload<object>): MachineView {
  const conditions = row.conditions as ClaimConditions;
  return { name: row.name, issuer: row.issuerUrl, conditions, groups: row.groups, version: row.version };
}

export function createMachines({ db, bus, now }: Pick<Context, 'db' | 'bus' | 'now'>): Machines {
  const { prisma } = db;
  // Edges check the conditions themselves: they get them with their next snapshot.
  const changed = (issuer: string, moved = issuer) =>
    bus.publish('scrim:changes', { what: 'issuers', names: [...new Set([issuer, moved])] });
  return {
    async list(query) {
      const after = decodeCursor(query.cursor);
      const rows = await prisma.machineIdentity.findMany({
        where: after === undefined ? {} : { name: { gt: after } },
        orderBy: { name: 'asc' },
        take: query.limit + 1,
      });
      return toPage(rows, query.limit, (row) => row.name, view);
    },
    async get(name) {
      const row = await prisma.machineIdentity.findUnique({ where: { name } });
      if (row) return view(row);
      throw notFound('machine identity', name);
    },
    async put(actor, { name, issuer, conditions, groups }, expected) {
      const { after, moved } = await prisma.$transaction(async (tx) => {
        const before = await tx.machineIdentity.findUnique({ where: { name } });
        if (expected !== undefined)
          requireVersion(`machine identity "${name}"`, before?.version ?? 0, expected);
        if (!(await tx.issuer.findUnique({ where: { url: issuer } })))
          throw invalid('issuer', `there is no issuer "${issuer}"`, 'add it first: PUT /v1/issuers');
        const version = (before?.version ?? 0) + 1;
        const data = { issuerUrl: issuer, conditions, groups, version, updatedAt: new Date(now()) };
        const row = await tx.machineIdentity.upsert({
          where: { name },
          create: { name, ...data },
          update: data,
        });
        await recordAudit(tx, actor, {
          action: before ? 'machine-identity.update' : 'machine-identity.create',
          resource: `machine-identity/${name}`,
          ...(before && { before: view(before) }),
          after: view(row),
        });
        return { after: view(row), moved: before?.issuerUrl };
      });
      await changed(issuer, moved);
      return after;
    },
    async remove(actor, name, expected) {
      const issuer = await prisma.$transaction(async (tx) => {
        const before = await tx.machineIdentity.findUnique({ where: { name } });
        if (!before) throw notFound('machine identity', name);
        requireVersion(`machine identity "${name}"`, before.version, expected);
        await tx.machineIdentity.delete({ where: { name } });
        const resource = `machine-identity/${name}`;
        await recordAudit(tx, actor, { action: 'machine-identity.delete', resource, before: view(before) });
        return before.issuerUrl;
      });
      await changed(issuer);
    },
  };
}
