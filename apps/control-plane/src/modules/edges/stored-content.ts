import { createPublicKey } from 'node:crypto';
import type { Connection, Snapshot } from '@scrim/model';
import type { Context } from '../../context.ts';
import type { StoredKey } from '../../crypto/signing-keys.ts';
import type { Db } from '../../database/client.ts';
import type { SnapshotSources } from './snapshot.ts';

type Jwk = Snapshot['tokens']['scrim'][number];
type Issuer = Snapshot['tokens']['issuers'][number];

/** What administrators configure of a snapshot; keys and queue are added by whoever builds it. */
export type SnapshotContentSources = Pick<SnapshotSources, 'connections' | 'policies' | 'trust' | 'revoked'>;

/** The modules that hold it. */
export interface ContentModules {
  /** With secrets opened: this is the one place they are for. */
  readonly connections: { revealed(db: Db): Promise<readonly Connection[]> };
  readonly policies: { all(db: Db): Promise<Snapshot['policies']> };
}

function jwkOf(key: StoredKey): Jwk {
  if (key.public === null) throw new Error('a token key has no public half');
  const spki = createPublicKey({ key: Buffer.from(key.public), format: 'der', type: 'spki' });
  return { ...spki.export({ format: 'jwk' }), kid: key.keyId, alg: 'EdDSA', use: 'sig' } as unknown as Jwk;
}

/** Keys of an issuer as they were last fetched; one whose keys never came vouches for nobody yet. */
function keysOf(jwks: unknown): Jwk[] {
  const keys = (jwks as { readonly keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) return [];
  return keys.filter((key): key is Jwk => typeof (key as Partial<Jwk> | null)?.kty === 'string');
}

async function issuersOf({ prisma }: Context['db']): Promise<Issuer[]> {
  const rows = await prisma.issuer.findMany({ orderBy: { url: 'asc' } });
  return rows
    .map((row) => ({
      issuer: row.url,
      audiences: row.audiences,
      algorithms: row.algorithms,
      subjectClaim: row.subjectClaim,
      groupsClaim: row.groupsClaim,
      attributeClaims: row.attributeClaims,
      kind: row.kind === 'machine' ? ('machine' as const) : ('person' as const),
      keys: keysOf(row.jwks),
    }))
    .filter((issuer) => issuer.keys.length > 0);
}

/** The content of snapshots as the database has it. */
export function storedContent(
  { db, keys, now }: Pick<Context, 'db' | 'keys' | 'now'>,
  { connections, policies }: ContentModules,
): SnapshotContentSources {
  return {
    connections: () => connections.revealed(db.prisma),
    policies: () => policies.all(db.prisma),
    trust: async () => {
      // Made now if this is the first start: edges must know the key before the first token is signed with it.
      await keys.current('token');
      const [signing, issuers] = await Promise.all([keys.all('token'), issuersOf(db)]);
      return { scrim: signing.map(jwkOf), issuers };
    },
    revoked: async () => {
      const rows = await db.prisma.revokedToken.findMany({ where: { until: { gt: new Date(now()) } } });
      return rows.map(({ tokenId, until }) => ({ tokenId, until: until.getTime() }));
    },
  };
}
