import type { Connection, Snapshot } from '@scrim/model';
import type { Context } from './context.ts';
import type { Connections } from './modules/connections/service.ts';
import type { Issuers } from './modules/identities/issuers.ts';
import { sshAuthorityLines } from './modules/identities/ssh-certificate.ts';
import { publicJwks } from './modules/identities/token-keys.ts';
import type { Tokens } from './modules/identities/tokens.ts';
import type { Policies } from './modules/policies/service.ts';

/** What edges' snapshots are made of. Connections come with their secrets opened: nowhere else they do. */
export interface Sources {
  connections(): Promise<readonly Connection[]>;
  policies(): Promise<Snapshot['policies']>;
  trust(): Promise<Pick<Snapshot['tokens'], 'scrim' | 'issuers' | 'sshAuthorities'>>;
  /** Revoked tokens that have not expired yet. */
  revoked(): Promise<Snapshot['tokens']['revoked']>;
  /** 32 bytes, base64. */
  maskingKey(): Promise<string>;
  /** The key reversible tokens are sealed to; undefined where there is no vault. */
  vault?(): Promise<Snapshot['vault']>;
  queue(): Promise<Snapshot['queue']>;
}

/** Reads everything anew at each call; `scrim:changes` and `scrim:revocations` tell when that is worth it. */
export function createSnapshotSources(
  { db, keys, config }: Pick<Context, 'db' | 'keys' | 'config'>,
  {
    connections,
    policies,
    issuers,
    tokens,
  }: { connections: Connections; policies: Policies; issuers: Issuers; tokens: Tokens },
): Sources {
  return {
    connections: () => connections.revealed(db.prisma),
    policies: () => policies.all(db.prisma),
    async trust() {
      const [scrim, trusted, sshAuthorities] = await Promise.all([
        publicJwks(keys),
        issuers.trusted(),
        sshAuthorityLines(keys),
      ]);
      return { scrim, issuers: [...trusted], sshAuthorities };
    },
    revoked: () => tokens.revoked(),
    maskingKey: async () => Buffer.from((await keys.current('masking')).secret).toString('base64'),
    async vault() {
      if (!config.vault) return undefined;
      const key = await keys.current('vault');
      return { keyId: key.keyId, publicKey: Buffer.from(key.public ?? []).toString('base64') };
    },
    queue: async () => ({ url: config.edgeRedisUrl.reveal(), prefix: config.queuePrefix }),
  };
}
