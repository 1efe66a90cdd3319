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

export function createIssuers(needs: Pick<Context, 'db' | 'bus' | 'config' | 'now' | 'log'>): Issuers {
  const { db, bus, config, now, log } = needs;
  const { prisma } = db;
  const allowHttp = config.mode === 'development';
  const changed = (url: string) => bus.publish('scrim:changes', { what: 'issuers', names: [url] });
  const find = async (url: string, on: Db = prisma): Promise<IssuerRow> => {
    const row = await on.issuer.findUnique({ where: { url } });
    if (row) return row;
    throw notFound('issuer', url);
  };

  return {
    async list() {
      return (await prisma.issuer.findMany({ orderBy: { url: 'asc' } })).map(view);
    },
    get: async (url) => view(await find(url)),
    async put(actor, spec, expected) {
      const jwks = (await fetchJwks(spec.url, allowHttp)) as unknown as Prisma.InputJsonObject;
      const row = await prisma.$transaction(async (tx) => {
        const before = await tx.issuer.findUnique({ where: { url: spec.url } });
        if (expected !== undefined) requireVersion(`issuer "${spec.url}"`, before?.version ?? 0, expected);
        const at = new Date(now());
        const data = { ...spec, jwks, jwksFetchedAt: at, jwksError: null, updatedAt: at };
        const version = (before?.version ?? 0) + 1;
        const where = { url: spec.url };
        const after = await tx.issuer.upsert({
          where,
          create: { ...data, version },
          update: { ...data, version },
        });
        await recordAudit(tx, actor, {
          action: before ? 'issuer.update' : 'issuer.create',
          resource: `issuer/${spec.url}`,
          ...(before && { before: specOf(before) }),
          after: spec,
        });
        return after;
      });
      await changed(spec.url);
      return view(row);
    },
    async remove(actor, url, expected) {
      await prisma.$transaction(async (tx) => {
        const before = await find(url, tx);
        requireVersion(`issuer "${url}"`, before.version, expected);
        const machine = await tx.machineIdentity.findFirst({ where: { issuerUrl: url } });
        if (machine)
          throw new ApiError('SCRIM_API_CONFLICT', {
            detail: `the machine identity "${machine.name}" is known by this issuer`,
            mend: `remove it first: DELETE /v1/machine-identities/${machine.name}`,
          });
        await tx.issuer.delete({ where: { url } });
        await recordAudit(tx, actor, {
          action: 'issuer.delete',
          resource: `issuer/${url}`,
          before: specOf(before),
        });
      });
      await changed(url);
    },
    async refresh(url) {
      try {
        const before = await find(url);
        const jwks = await fetchJwks(url, allowHttp);
        const data = {
          jwks: jwks as unknown as Prisma.InputJsonObject,
          jwksFetchedAt: new Date(now()),
          jwksError: null,
        };
        await prisma.issuer.updateMany({ where: { url }, data });
        const differs = !isDeepStrictEqual(keysOf(before), jwks.keys);
        if (differs) await changed(url);
        return differs;
      } catch (err) {
        log.warn({ err, url }, 'the keys of an issuer could not be fetched');
        const jwksError = err instanceof ApiError ? err.details.detail : 'the control plane failed';
        await prisma.issuer.updateMany({ where: { url }, data: { jwksError } }).catch(() => undefined);
        return false;
      }
    },
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
