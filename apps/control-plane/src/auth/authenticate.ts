import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context } from '../context.ts';
import { ApiError } from '../http/problem.ts';
import type { Authenticate } from './access.ts';
import { apiKeyMatches, parseApiKey } from './api-key.ts';
import { type Principal, ROLES, type Role } from './principal.ts';

/** What a bearer token (a Scrim token or an issuer's ID token) proves. */
export interface ProvenToken {
  readonly subject: string;
  readonly groups: readonly string[];
  readonly kind: 'person' | 'machine';
  readonly tokenId: string;
  readonly via: 'scrim-token' | 'oidc';
  /** The token opens connections only: whoever holds it is a mere user here, whatever the groups say. */
  readonly bound: boolean;
}

/** Verifies a JWT; undefined when the text is none; throws SCRIM_API_UNAUTHENTICATED when it does not hold. */
export type VerifyToken = (text: string) => Promise<ProvenToken | undefined>;

/** `last used` is worth a write a minute, not one a request. */
const LAST_USED_STEP = 60_000;

function refused(detail: string, mend: string): ApiError {
  return new ApiError('SCRIM_API_UNAUTHENTICATED', { detail, mend });
}

function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

type Needs = Pick<Context, 'config' | 'db' | 'now' | 'log'>;

async function rolesOf(prisma: Needs['db']['prisma'], groups: readonly string[], own: readonly string[]) {
  const bound =
    groups.length === 0 ? [] : await prisma.roleBinding.findMany({ where: { group: { in: [...groups] } } });
  const roles = new Set<Role>(['user']);
  for (const role of [...own, ...bound.map((binding) => binding.role)]) if (isRole(role)) roles.add(role);
  return ROLES.filter((role) => roles.has(role));
}

async function apiKeyPrincipal(needs: Needs, prefix: string, secret: string): Promise<Principal> {
  const { prisma } = needs.db;
  const row = await prisma.apiKey.findUnique({ where: { prefix } });
  // One answer for "unknown" and "wrong": the difference would tell which prefixes exist.
  if (!row || !apiKeyMatches(row.hash, prefix, secret))
    throw refused('the API key is not known', 'check the key, or ask an administrator for a new one');
  const now = needs.now();
  if (row.revokedAt) throw refused('the API key was revoked', 'ask an administrator for a new one');
  if (row.expiresAt && row.expiresAt.getTime() <= now)
    throw refused('the API key has expired', 'ask an administrator for a new one');
  if (!row.lastUsedAt || row.lastUsedAt.getTime() < now - LAST_USED_STEP) {
    const update = { where: { id: row.id }, data: { lastUsedAt: new Date(now) } };
    prisma.apiKey
      .updateMany(update)
      .catch((err) => needs.log.warn({ err }, 'last use of an API key not noted'));
  }
  const roles = await rolesOf(prisma, row.groups, row.roles);
  return {
    subject: row.subject,
    groups: row.groups,
    roles,
    kind: 'machine',
    via: 'api-key',
    credentialId: row.id,
  };
}

/**
 * Proves who sends a request: the built-in administrator (development mode), an API key, a Scrim token, or an ID token
 * of a configured issuer. Anything else is SCRIM_API_UNAUTHENTICATED.
 */
export function createAuthenticate(needs: Needs, verifyToken: VerifyToken): Authenticate {
  const { adminToken, adminGroups } = needs.config;
  const adminHash = adminToken && sha256(adminToken.reveal());
  return async (bearer) => {
    if (adminHash && timingSafeEqual(adminHash, sha256(bearer)))
      return {
        subject: 'admin',
        groups: adminGroups,
        roles: ROLES,
        kind: 'person',
        via: 'admin-token',
        credentialId: 'built-in',
      };
    const key = parseApiKey(bearer);
    if (key) return apiKeyPrincipal(needs, key.prefix, key.secret);
    const proven = await verifyToken(bearer);
    if (!proven)
      throw refused(
        'the bearer text is neither an API key nor a token',
        'send an API key (scrim_ak_…), a Scrim token or an ID token',
      );
    const roles = proven.bound ? (['user'] as const) : await rolesOf(needs.db.prisma, proven.groups, []);
    const { subject, groups, kind, via, tokenId, bound } = proven;
    return { subject, groups, roles, kind, via, bound, credentialId: tokenId };
  };
}
