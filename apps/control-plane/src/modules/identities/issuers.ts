import { isDeepStrictEqual } from 'node:util';
import type { ClaimConditions, Snapshot } from '@scrim/model';
import type { Actor } from '../../auth/principal.ts';
import type { Context } from '../../context.ts';
import { type Db, Prisma } from '../../database/client.ts';
import { ApiError, notFound } from '../../http/problem.ts';
import { requireVersion } from '../../http/version.ts';
import { recordAudit } from '../audit/record.ts';
import { fetchJwks, type Jwks } from './discovery.ts';
import { type IssuerSpec, type IssuerView, issuerSpec } from './schema.ts';

type IssuerRow = Prisma.IssuerGetPayload<object>;
export type TrustedIssuer = Snapshot['tokens']['issuers'][number];

/** OIDC providers whose tokens are trusted, with their keys. */
export interface Issuers {
  list(): Promise<IssuerView[]>;
  get(url: string): Promise<IssuerView>;
  /** Creates or replaces; the provider must answer, so that a typing error shows now and not at the first login. */
  put(actor: Actor, spec: IssuerSpec, expected?: number): Promise<IssuerView>;
  remove(actor: Actor, url: string, expected?: number): Promise<void>;
  /** Fetches the keys anew; true when they changed. A failure is noted and the old keys stay. Never throws. */
  refresh(url: string): Promise<boolean>;
  /** Those with keys, each with the machines known by it, as edges and the verifier use them. */
  trusted(): Promise<readonly TrustedIssuer[]>;
}

function keysOf(row: IssuerRow): Jwks['keys'] {
  return (row.jwks as Jwks | null)?.keys ?? [];
}

function specOf(row: IssuerRow): IssuerSpec {
  const { url, audiences, algorithms, subjectClaim, groupsClaim, attributeClaims, kind } = row;
  return issuerSpec.parse({ url, audiences, algorithms, subjectClaim, groupsClaim, attributeClaims, kind });
}

function view(row: IssuerRow): IssuerView {
  return {
    ...specOf(row),
    version: row.version,
    keys: keysOf(row).length,
    ...(row.jwksFetchedAt && { jwksFetchedAt: row.jwksFetchedAt.toISOString() }),
    ...(row.jwksError !== null && { jwksError: row.jwksError }),
  };
}

type Needs = Pick<Context, 'db' | 'bus' | 'config' | 'now' | 'log'>;

async function requireIssuer(on: Db, url: string): Promise<IssuerRow> {
  const row = await on.issuer.findUnique({ where: { url } });
  if (row) return row;
  throw notFound('issuer', url);
}

/** What the provider publishes now, as columns. Throws when it does not answer with keys. */
async function fetchedKeys({ config, now }: Needs, url: string) {
  const jwks = await fetchJwks(url, config.mode === 'development');
  const columns = {
    jwks: jwks as unknown as Prisma.InputJsonObject,
    jwksFetchedAt: new Date(now()),
    jwksError: null,
  };
  return { jwks, columns };
}

function announce({ bus }: Needs, url: string) {
  return bus.publish('scrim:changes', { what: 'issuers', names: [url] });
}

async function put(needs: Needs, actor: Actor, spec: IssuerSpec, expected?: number): Promise<IssuerView> {
  const { url } = spec;
  const { columns } = await fetchedKeys(needs, url);
  const row = await needs.db.prisma.$transaction(async (tx) => {
    const before = await tx.issuer.findUnique({ where: { url } });
    const version = before?.version ?? 0;
    if (expected !== undefined) requireVersion(`issuer "${url}"`, version, expected);
    const data = { ...spec, ...columns, updatedAt: new Date(needs.now()), version: version + 1 };
    const after = await tx.issuer.upsert({ where: { url }, create: data, update: data });
    await recordAudit(tx, actor, {
      action: before ? 'issuer.update' : 'issuer.create',
      resource: `issuer/${url}`,
      ...(before && { before: specOf(before) }),
      after: spec,
    });
    return after;
  });
  await announce(needs, url);
  return view(row);
}

/** A machine identity is conditions on an issuer's claims: without the issuer it would mean nobody. */
async function requireUnused(tx: Db, url: string): Promise<void> {
  const machine = await tx.machineIdentity.findFirst({ where: { issuerUrl: url } });
  if (!machine) return;
  throw new ApiError('SCRIM_API_CONFLICT', {
    detail: `the machine identity "${machine.name}" is known by this issuer`,
    mend: `remove it first: DELETE /v1/machine-identities/${machine.name}`,
  });
}

async function remove(needs: Needs, actor: Actor, url: string, expected?: number): Promise<void> {
  await needs.db.prisma.$transaction(async (tx) => {
    const before = await requireIssuer(tx, url);
    requireVersion(`issuer "${url}"`, before.version, expected);
    await requireUnused(tx, url);
    await tx.issuer.delete({ where: { url } });
    await recordAudit(tx, actor, {
      action: 'issuer.delete',
      resource: `issuer/${url}`,
      before: specOf(before),
    });
  });
  await announce(needs, url);
}

async function refresh(needs: Needs, url: string): Promise<boolean> {
  const { prisma } = needs.db;
  try {
    const before = await requireIssuer(prisma, url);
    const { jwks, columns } = await fetchedKeys(needs, url);
    await prisma.issuer.updateMany({ where: { url }, data: columns });
    const differs = !isDeepStrictEqual(keysOf(before), jwks.keys);
    if (differs) await announce(needs, url);
    return differs;
  } catch (err) {
    needs.log.warn({ err, url }, 'the keys of an issuer could not be fetched');
    const jwksError = err instanceof ApiError ? err.details.detail : 'the control plane failed';
    await prisma.issuer.updateMany({ where: { url }, data: { jwksError } }).catch(() => undefined);
    return false;
  }
}

export function createIssuers(needs: Needs): Issuers {
  const { prisma } = needs.db;
  return {
    async list() {
      return (await prisma.issuer.findMany({ orderBy: { url: 'asc' } })).map(view);
    },
    get: async (url) => view(await requireIssuer(prisma, url)),
    put: (actor, spec, expected) => put(needs, actor, spec, expected),
    remove: (actor, url, expected) => remove(needs, actor, url, expected),
    refresh: (url) => refresh(needs, url),
    async trusted() {
      const [rows, machines] = await Promise.all([
        prisma.issuer.findMany({ where: { jwks: { not: Prisma.DbNull } }, orderBy: { url: 'asc' } }),
        // In one order on every replica: the snapshot's version is a hash of its content.
        prisma.machineIdentity.findMany({ orderBy: { name: 'asc' } }),
      ]);
      return rows.map((row) => {
        const { url, ...spec } = specOf(row);
        const known = machines.filter(({ issuerUrl }) => issuerUrl === url);
        return {
          issuer: url,
          ...spec,
          keys: keysOf(row),
          machines: known.map(({ name, conditions, groups }) => ({
            name,
            conditions: conditions as ClaimConditions,
            groups,
          })),
        };
      });
    },
  };
}
