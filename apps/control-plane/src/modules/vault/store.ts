import type { Pool, PoolClient } from 'pg';

type Queries = Pick<PoolClient, 'query'>;

/** What an edge reports of one reversible token. */
export interface ReportedToken {
  readonly token: string;
  /** 16 bytes; see `ValueDigest`. */
  readonly digest: Uint8Array;
  readonly sealed: Uint8Array;
  /** Names the vault key. */
  readonly keyId: string;
  readonly policy: string;
}

/** One of a token's values as it is kept. */
export interface KeptValue {
  readonly token: string;
  readonly sealed: Buffer;
  readonly keyId: string;
  /** Policies whose rules made the token. */
  readonly policies: readonly string[];
}

/** Sorted, so that two edges' reports never wait for each other's rows; known pairs cost a look-up. */
const PUT = `
  INSERT INTO vault_token (token, digest, sealed, key_id, policies, edge_id)
  SELECT n.token, n.digest, n.sealed, n.key_id, ARRAY(SELECT jsonb_array_elements_text(n.policies)), $6
  FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::text[], $5::jsonb[]) AS n(token, digest, sealed, key_id, policies)
  WHERE NOT EXISTS (SELECT FROM vault_erasure e WHERE e.token = n.token)
    AND NOT EXISTS (SELECT FROM vault_erased_value e WHERE e.digest = n.digest)
  ORDER BY n.token, n.digest
  ON CONFLICT (token, digest) DO UPDATE
    SET policies = ARRAY(SELECT DISTINCT p FROM unnest(vault_token.policies || EXCLUDED.policies) AS p ORDER BY p)
    WHERE NOT vault_token.policies @> EXCLUDED.policies`;

const FIND = `
  SELECT token, sealed, key_id AS "keyId", policies FROM vault_token WHERE token = ANY($1) ORDER BY token, digest`;

/** Edges' reports wait for the erasure, and then see it: none of them can bring the value back. */
const LOCK = 'LOCK TABLE vault_token IN SHARE ROW EXCLUSIVE MODE';

/** Tokens a caller had opened within the last hour, as the audit log counts them. */
const OPENED = `
  SELECT COALESCE(sum((after->>'count')::int), 0)::int AS count FROM audit_entry
  WHERE actor = $1 AND action = 'vault.detokenise' AND at > now() - interval '1 hour'`;

/** Stores pairs that are not known yet, and adds policies to those that are. */
export async function putTokens(
  pool: Pool,
  edgeId: string,
  reported: readonly ReportedToken[],
): Promise<number> {
  const pairs = new Map<string, ReportedToken & { readonly policies: Set<string> }>();
  for (const one of reported) {
    const key = `${one.token} ${Buffer.from(one.digest).toString('hex')}`;
    const known = pairs.get(key);
    if (known) known.policies.add(one.policy);
    else pairs.set(key, { ...one, policies: new Set([one.policy]) });
  }
  const rows = [...pairs.values()];
  const { rowCount } = await pool.query(PUT, [
    rows.map((row) => row.token),
    rows.map((row) => Buffer.from(row.digest)),
    rows.map((row) => Buffer.from(row.sealed)),
    rows.map((row) => row.keyId),
    rows.map((row) => JSON.stringify([...row.policies].sort())),
    edgeId,
  ]);
  return rowCount ?? 0;
}

/** Every value kept for the tokens, and which tokens were erased. */
export async function findValues(
  on: Queries,
  tokens: readonly string[],
): Promise<{ readonly values: readonly KeptValue[]; readonly erased: ReadonlySet<string> }> {
  const { rows: values } = await on.query<KeptValue>(FIND, [tokens]);
  const { rows } = await on.query<{ token: string }>(
    'SELECT token FROM vault_erasure WHERE token = ANY($1)',
    [tokens],
  );
  return { values, erased: new Set(rows.map(({ token }) => token)) };
}

/** Serialises a caller's requests, so that two at once cannot both use what is left of the limit. */
export async function openedLastHour(on: Queries, subject: string): Promise<number> {
  await on.query('SELECT pg_advisory_xact_lock(hashtext($1))', [`scrim detokenise ${subject}`]);
  const { rows } = await on.query<{ count: number }>(OPENED, [subject]);
  return rows[0]?.count ?? 0;
}

/** Forgets a token's values for good; undefined when there is no such token. In a transaction. */
export async function eraseToken(
  on: Queries,
  token: string,
  by: string,
  reason: string,
): Promise<{ readonly values: number } | undefined> {
  await on.query(LOCK);
  const { rowCount } = await on.query('DELETE FROM vault_token WHERE token = $1', [token]);
  if (rowCount === 0) {
    const before = await on.query('SELECT FROM vault_erasure WHERE token = $1', [token]);
    return before.rowCount === 0 ? undefined : { values: 0 };
  }
  await on.query(
    'INSERT INTO vault_erasure (token, erased_by, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
    [token, by, reason],
  );
  return { values: rowCount ?? 0 };
}

/** Forgets a value under every token it has or will get; returns those it had. In a transaction. */
export async function eraseValue(
  on: Queries,
  digest: Uint8Array,
  by: string,
  reason: string,
): Promise<readonly string[]> {
  await on.query(LOCK);
  await on.query(
    'INSERT INTO vault_erased_value (digest, erased_by, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
    [Buffer.from(digest), by, reason],
  );
  // Another value that shares such a token was ambiguous before; alone it would be taken for the erased one.
  const { rows } = await on.query<{ token: string }>(
    `WITH gone AS (
       DELETE FROM vault_token WHERE token IN (SELECT token FROM vault_token WHERE digest = $1) RETURNING token)
     INSERT INTO vault_erasure (token, erased_by, reason) SELECT DISTINCT token, $2, $3 FROM gone
     ON CONFLICT DO NOTHING RETURNING token`,
    [Buffer.from(digest), by, reason],
  );
  return rows.map(({ token }) => token).sort();
}

/** Runs `work` in a transaction of the pool. */
export async function transact<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}
