import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import type pg from 'pg';

/** Stores an API key as the control plane does, and returns its text. */
export async function makeApiKey(
  pool: pg.Pool,
  owner: { readonly subject: string; readonly groups: string[]; readonly roles: string[] },
): Promise<string> {
  const prefix = randomBytes(8).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  const hash = createHmac('sha256', `scrim api key ${prefix}`).update(secret).digest();
  await pool.query(
    `INSERT INTO api_key (id, prefix, hash, name, subject, groups, roles, created_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, 'test')`,
    [randomUUID(), prefix, hash, prefix, owner.subject, owner.groups, owner.roles],
  );
  return `scrim_ak_${prefix}_${secret}`;
}
