import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Pool } from 'pg';

/** Finds the public key an edge signed with; undefined when the edge has, or no longer has, such a certificate. */
export type EdgeKeys = (edgeId: string, fingerprint: string) => Promise<KeyObject | undefined>;

/** How long a revocation of an edge's certificate may take to reach the persister, in milliseconds. */
const CACHE_TIME = 10_000;
const CACHE_SIZE = 10_000;

/**
 * Keys of the certificates this control plane issued. A revoked certificate vouches for nothing, whenever it signed;
 * an expired one still does for what waited in a spool.
 */
export function createEdgeKeys(pool: Pool, now: () => number): EdgeKeys {
  const cache = new Map<string, { readonly key: KeyObject; readonly until: number }>();
  return async (edgeId, fingerprint) => {
    const name = `${edgeId} ${fingerprint}`;
    const cached = cache.get(name);
    if (cached !== undefined && cached.until > now()) return cached.key;
    const { rows } = await pool.query<{ public_key: Buffer }>(
      `SELECT public_key FROM edge_certificate
       WHERE edge_id = $1 AND fingerprint = $2 AND revoked_at IS NULL`,
      [edgeId, fingerprint],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    const key = createPublicKey({ key: row.public_key, format: 'der', type: 'spki' });
    if (cache.size >= CACHE_SIZE) cache.clear();
    cache.set(name, { key, until: now() + CACHE_TIME });
    return key;
  };
}
