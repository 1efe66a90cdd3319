import { randomBytes } from 'node:crypto';
import type { Snapshot } from '@scrim/model';
import type { Actor, Principal } from '../../auth/principal.ts';
import type { Context } from '../../context.ts';
import type { Prisma } from '../../database/client.ts';
import { decodeCursor, type Page, type PageQuery, toPage } from '../../http/page.ts';
import { ApiError, invalid, notFound } from '../../http/problem.ts';
import { recordAudit } from '../audit/record.ts';
import type {
  CertificateSpec,
  ExchangeSpec,
  NewCertificate,
  NewToken,
  RevokedView,
  TokenSpec,
  TokenView,
} from './schema.ts';
import { signCertificate } from './ssh-certificate.ts';
import { signToken, type TokenClaims } from './token.ts';
import type { TokenVerifier } from './verifier.ts';

/** Scrim tokens: issued, exchanged, revoked. */
export interface Tokens {
  issue(principal: Principal, actor: Actor, spec: TokenSpec): Promise<NewToken>;
  /** The same as a certificate OpenSSH clients present. */
  certify(principal: Principal, actor: Actor, spec: CertificateSpec): Promise<NewCertificate>;
  /** Turns a token of a configured issuer into a Scrim token that is shorter, bound, and revocable. */
  exchange(spec: ExchangeSpec, from: { readonly requestId: string; readonly ip: string }): Promise<NewToken>;
  list(query: PageQuery & { readonly subject?: string | undefined }): Promise<Page<TokenView>>;
  /** Stored first, then told to every edge. Administrators may revoke any token, everybody their own. */
  revoke(principal: Principal, actor: Actor, tokenId: string): Promise<RevokedView>;
  /** Revoked tokens that have not expired yet. */
  revoked(): Promise<Snapshot['tokens']['revoked']>;
}

type Needs = Pick<Context, 'db' | 'bus' | 'config' | 'keys' | 'now'>;
type Wish = Omit<TokenClaims, 'tokenId' | 'expiresAt'> & { readonly ttlSeconds: number };

function view(row: Prisma.IssuedTokenGetPayload<object>): TokenView {
  const { tokenId, subject, kind, groups, connections, issuedBy } = row;
  const times = { issuedAt: row.issuedAt.toISOString(), expiresAt: row.expiresAt.toISOString() };
  return { tokenId, subject, kind, groups, connections, issuedBy, ...times };
}

/** For oneself: never more than one has. For somebody else: the development issuer, and only there. */
function wishOf(principal: Principal, spec: TokenSpec, production: boolean): Wish {
  const { connections = [], ttlSeconds } = spec;
  if (principal.via === 'scrim-token')
    throw new ApiError('SCRIM_API_FORBIDDEN', {
      detail: 'a Scrim token cannot issue another one: it would never expire',
      mend: 'log in again, or use an API key',
    });
  const own = spec.subject === undefined || spec.subject === principal.subject;
  const foreign = spec.groups?.find((group) => !principal.groups.includes(group));
  const administrator = principal.roles.includes('admin');
  if (own && (foreign === undefined || !administrator || production)) {
    if (foreign !== undefined)
      throw invalid('groups', `you are not in the group "${foreign}"`, 'name your own groups');
    const groups = spec.groups ?? principal.groups;
    return { subject: principal.subject, kind: principal.kind, groups, connections, ttlSeconds };
  }
  if (!administrator)
    throw new ApiError('SCRIM_API_FORBIDDEN', {
      detail: 'only administrators may issue tokens for others',
      mend: 'leave subject out to get one for yourself',
    });
  if (production)
    throw new ApiError('SCRIM_API_FORBIDDEN', {
      detail: 'the built-in development issuer is off in production mode',
      mend: 'let the caller exchange an ID token at POST /v1/tokens/exchange, or make it an API key',
    });
  const { subject = principal.subject, groups = [], kind = 'person' } = spec;
  return { subject, kind, groups, connections, ttlSeconds };
}

async function requireConnections({ db }: Needs, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const known = await db.prisma.connection.findMany({
    where: { name: { in: [...names] } },
    select: { name: true },
  });
  const registered = new Set(known.map((one) => one.name));
  const index = names.findIndex((name) => !registered.has(name));
  if (index === -1) return;
  const mend = 'register it first, or leave connections out for any that a policy opens';
  throw invalid(`connections[${index}]`, `there is no connection "${names[index]}"`, mend);
}

function requireLifetime({ config }: Needs, ttlSeconds: number): void {
  const longest = Math.floor(config.maxTokenLifetime / 1000);
  if (ttlSeconds <= longest) return;
  const mend = 'ask for less, or raise SCRIM_TOKEN_MAX_LIFETIME';
  throw invalid('ttlSeconds', `at most ${longest} is allowed here`, mend);
}

interface Minted {
  readonly secret: string;
  readonly tokenId: string;
  readonly expiresAt: string;
  readonly subject: string;
  readonly groups: string[];
  readonly connections: string[];
}

/** Signs a token, and writes it into the books before anybody has it. */
async function mint(needs: Needs, actor: Actor, wish: Wish): Promise<NewToken> {
  const { keys } = needs;
  const sign = async (claims: TokenClaims) => signToken(await keys.current('token'), claims);
  const { secret, ...rest } = await enter(needs, actor, wish, sign, 'token.issue');
  return { token: secret, ...rest };
}

/** The same as an SSH user certificate: listed and revoked like a token. */
async function certify(needs: Needs, actor: Actor, wish: Wish, publicKey: string): Promise<NewCertificate> {
  const { keys, now } = needs;
  const sign = (claims: TokenClaims) => signCertificate(keys, publicKey, claims, now());
  const { secret, ...rest } = await enter(needs, actor, wish, sign, 'ssh-certificate.issue');
  return { certificate: secret, ...rest };
}

async function enter(
  needs: Needs,
  actor: Actor,
  wish: Wish,
  signed: (claims: TokenClaims) => Promise<string>,
  action: string,
): Promise<Minted> {
  const { db, now } = needs;
  requireLifetime(needs, wish.ttlSeconds);
  await requireConnections(needs, wish.connections);
  const tokenId = randomBytes(12).toString('base64url');
  const expiresAt = Math.floor(now() / 1000) + wish.ttlSeconds;
  const { ttlSeconds, ...who } = wish;
  const secret = await signed({ ...who, tokenId, expiresAt });
  const row = {
    tokenId,
    subject: who.subject,
    kind: who.kind,
    groups: [...who.groups],
    connections: [...who.connections],
    issuedBy: actor.subject,
    issuedAt: new Date(now()),
    expiresAt: new Date(expiresAt * 1000),
  };
  await db.prisma.$transaction(async (tx) => {
    await tx.issuedToken.create({ data: row });
    await recordAudit(tx, actor, { action, resource: `token/${tokenId}`, after: row });
  });
  const { subject, groups, connections } = row;
  return { secret, tokenId, expiresAt: row.expiresAt.toISOString(), subject, groups, connections };
}

async function revoke(
  { db, bus, config, now }: Needs,
  principal: Principal,
  actor: Actor,
  tokenId: string,
): Promise<RevokedView> {
  const issued = await db.prisma.issuedToken.findUnique({ where: { tokenId } });
  const own = issued?.subject === principal.subject || principal.credentialId === tokenId;
  // The same answer as for an unknown token: ids of others are nobody's business.
  if (!own && !principal.roles.includes('admin')) throw notFound('token', tokenId);
  // A token of another issuer is not in our books: it is refused for as long as any token may live.
  const until = issued?.expiresAt ?? new Date(now() + Math.max(config.maxTokenLifetime, 86_400_000));
  await db.prisma.$transaction(async (tx) => {
    const data = { tokenId, until, by: actor.subject, at: new Date(now()) };
    await tx.revokedToken.upsert({ where: { tokenId }, create: data, update: {} });
    const after = { until: until.toISOString() };
    await recordAudit(tx, actor, { action: 'token.revoke', resource: `token/${tokenId}`, after });
  });
  const announced = await bus.publish('scrim:revocations', { tokenId, until: until.getTime() });
  return { tokenId, until: until.toISOString(), announced };
}

export function createTokens(needs: Needs, verifier: TokenVerifier): Tokens {
  const { db, config, now } = needs;
  const { prisma } = db;
  const production = config.mode === 'production';
  return {
    certify: async (principal, actor, { publicKey, ...spec }) =>
      certify(needs, actor, wishOf(principal, spec, production), publicKey),
    issue: async (principal, actor, spec) => mint(needs, actor, wishOf(principal, spec, production)),
    async exchange({ token, connections = [], ttlSeconds }, from) {
      const { subject, groups, kind } = await verifier.verifyIssued(token);
      return mint(needs, { subject, ...from }, { subject, groups, kind, connections, ttlSeconds });
    },
    async list(query) {
      const after = decodeCursor(query.cursor);
      const rows = await prisma.issuedToken.findMany({
        where: {
          expiresAt: { gt: new Date(now()) },
          ...(query.subject !== undefined && { subject: query.subject }),
          ...(after !== undefined && { tokenId: { gt: after } }),
        },
        orderBy: { tokenId: 'asc' },
        take: query.limit + 1,
      });
      return toPage(rows, query.limit, (row) => row.tokenId, view);
    },
    revoke: (principal, actor, tokenId) => revoke(needs, principal, actor, tokenId),
    async revoked() {
      const rows = await prisma.revokedToken.findMany({ where: { until: { gt: new Date(now()) } } });
      return rows.map(({ tokenId, until }) => ({ tokenId, until: until.getTime() }));
    },
  };
}
