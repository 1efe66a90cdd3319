import { isDeepStrictEqual } from 'node:util';
import { type Policy, policySchema, type Snapshot } from '@scrim/model';
import type { Actor } from '../../auth/principal.ts';
import type { Context } from '../../context.ts';
import type { Db, Prisma } from '../../database/client.ts';
import { decodeCursor, type Page, type PageQuery, toPage } from '../../http/page.ts';
import { notFound } from '../../http/problem.ts';
import { requireVersion } from '../../http/version.ts';
import { recordAudit } from '../audit/record.ts';
import { type Change, differences } from '../documents/difference.ts';
import type { PolicyView } from './schema.ts';

/** Policies and their history. A version is never changed: sessions and approvals name it. */
export interface Policies {
  list(query: PageQuery): Promise<Page<PolicyView>>;
  /** The current version; throws SCRIM_API_NOT_FOUND. */
  get(name: string, db?: Db): Promise<PolicyView>;
  /** Newest first; also of a deleted policy. */
  history(name: string, query: PageQuery): Promise<Page<PolicyView>>;
  version(name: string, version: number, db?: Db): Promise<PolicyView>;
  /** Adds a version, or nothing when the body is the same. */
  put(tx: Db, actor: Actor, policy: Policy, expected?: number): Promise<Change>;
  /** The policy is enforced no more; its history stays. */
  remove(tx: Db, actor: Actor, name: string, expected?: number): Promise<Change>;
  /** All that are enforced, by name. */
  all(db: Db): Promise<Snapshot['policies']>;
}

type VersionRow = Prisma.PolicyVersionGetPayload<object>;

function view(row: VersionRow): PolicyView {
  return {
    name: row.policyName,
    policy: row.body as Record<string, unknown>,
    version: row.version,
    author: row.author,
    createdAt: row.createdAt.toISOString(),
  };
}

/** A body written by an older release gets this one's defaults. */
function bodyOf(row: VersionRow): Policy {
  return policySchema.parse(row.body);
}

/** Current versions; `after` and `take` cut a page out of them. */
async function current(db: Db, after?: string, take?: number): Promise<VersionRow[]> {
  const policies = await db.policy.findMany({
    where: { deletedAt: null, ...(after !== undefined && { name: { gt: after } }) },
    orderBy: { name: 'asc' },
    ...(take !== undefined && { take }),
  });
  if (policies.length === 0) return [];
  const pairs = policies.map(({ name, currentVersion }) => ({ policyName: name, version: currentVersion }));
  return db.policyVersion.findMany({ where: { OR: pairs }, orderBy: { policyName: 'asc' } });
}

export function createPolicies({ db, now }: Pick<Context, 'db' | 'now'>): Policies {
  const find = async (on: Db, name: string) => {
    const policy = await on.policy.findUnique({ where: { name } });
    if (!policy) return undefined;
    const where = { policyName_version: { policyName: name, version: policy.currentVersion } };
    return { policy, row: await on.policyVersion.findUniqueOrThrow({ where }) };
  };
  const enforced = async (on: Db, name: string) => {
    const found = await find(on, name);
    if (found && found.policy.deletedAt === null) return found;
    throw notFound('policy', name);
  };

  return {
    async list(query) {
      const rows = await current(db.prisma, decodeCursor(query.cursor), query.limit + 1);
      return toPage(rows, query.limit, (row) => row.policyName, view);
    },
    get: async (name, on = db.prisma) => view((await enforced(on, name)).row),
    async history(name, query) {
      const before = decodeCursor(query.cursor, /^\d{1,9}$/);
      const rows = await db.prisma.policyVersion.findMany({
        where: { policyName: name, ...(before !== undefined && { version: { lt: Number(before) } }) },
        orderBy: { version: 'desc' },
        take: query.limit + 1,
      });
      if (rows.length === 0 && before === undefined) throw notFound('policy', name);
      return toPage(rows, query.limit, (row) => String(row.version), view);
    },
    async version(name, version, on = db.prisma) {
      const row = await on.policyVersion.findUnique({
        where: { policyName_version: { policyName: name, version } },
      });
      if (row) return view(row);
      throw notFound('policy version', `${name}@${version}`);
    },
    async put(tx, actor, policy, expected) {
      const { name } = policy;
      const found = await find(tx, name);
      const live = found?.policy.deletedAt === null ? found : undefined;
      if (expected !== undefined)
        requireVersion(`policy "${name}"`, live?.policy.currentVersion ?? 0, expected);
      const before = live && bodyOf(live.row);
      if (isDeepStrictEqual(before, policy)) return { kind: 'policy', name, action: 'unchanged' };
      // Numbers go on after a deletion: a version must name one body for ever.
      const version = (found?.policy.currentVersion ?? 0) + 1;
      const at = new Date(now());
      const change = { currentVersion: version, deletedAt: null };
      await tx.policy.upsert({ where: { name }, create: { name, createdAt: at, ...change }, update: change });
      const body = policy as unknown as Prisma.InputJsonObject;
      await tx.policyVersion.create({
        data: { policyName: name, version, body, author: actor.subject, createdAt: at },
      });
      const action = live ? 'update' : 'create';
      const resource = `policy/${name}@${version}`;
      await recordAudit(tx, actor, { action: `policy.${action}`, resource, before, after: policy });
      return { kind: 'policy', name, action, changes: differences(before ?? {}, policy) };
    },
    async remove(tx, actor, name, expected) {
      const { policy, row } = await enforced(tx, name);
      requireVersion(`policy "${name}"`, policy.currentVersion, expected);
      await tx.policy.update({ where: { name }, data: { deletedAt: new Date(now()) } });
      await recordAudit(tx, actor, { action: 'policy.delete', resource: `policy/${name}`, before: row.body });
      return { kind: 'policy', name, action: 'delete', changes: [] };
    },
    async all(on) {
      const rows = await current(on);
      return rows.map((row) => ({ ...bodyOf(row), version: row.version }));
    },
  };
}
