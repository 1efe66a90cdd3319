import type { Pool, PoolClient } from 'pg';
import { v7 as uuid } from 'uuid';

/** An edge as administrators see it. */
export interface EdgeRecord {
  readonly id: string;
  readonly name: string;
  readonly state: 'enrolled' | 'revoked';
  /** Heard of within the last {@link CONNECTED_SECONDS}. */
  readonly connected: boolean;
  readonly capabilities: unknown;
  readonly listeners: Readonly<Record<string, string>>;
  readonly openSessions: number;
  readonly spoolBytes: number;
  readonly lastSeenAt: Date | null;
  readonly snapshotVersionSent: string | null;
  readonly snapshotVersionAcked: string | null;
  readonly nackReason: string | null;
  readonly createdAt: Date;
}

export interface CertificateRecord {
  readonly serial: string;
  readonly fingerprint: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly revokedAt: Date | null;
}

export interface JoinTokenRecord {
  readonly id: string;
  readonly edgeName: string;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly usedAt: Date | null;
}

/** Three heartbeats of the default ten seconds. */
export const CONNECTED_SECONDS = 30;

const EDGE = `
  SELECT id, name, state, capabilities, listeners, open_sessions AS "openSessions",
    spool_bytes::float8 AS "spoolBytes", last_seen_at AS "lastSeenAt",
    snapshot_version_sent AS "snapshotVersionSent", snapshot_version_acked AS "snapshotVersionAcked",
    nack_reason AS "nackReason", created_at AS "createdAt",
    state = 'enrolled' AND COALESCE(last_seen_at > now() - interval '${CONNECTED_SECONDS} seconds', false)
      AS connected
  FROM edge`;

const JOIN_TOKEN = `
  SELECT id, edge_name AS "edgeName", created_by AS "createdBy", created_at AS "createdAt",
    expires_at AS "expiresAt", used_at AS "usedAt" FROM join_token`;

/** Rows of edges, their certificates and join tokens. */
export class EdgeStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async list(): Promise<EdgeRecord[]> {
    return (await this.#pool.query<EdgeRecord>(`${EDGE} ORDER BY name`)).rows;
  }

  async find(id: string): Promise<EdgeRecord | undefined> {
    return (await this.#pool.query<EdgeRecord>(`${EDGE} WHERE id = $1`, [id])).rows[0];
  }

  async certificates(edgeId: string): Promise<CertificateRecord[]> {
    const found = await this.#pool.query<CertificateRecord>(
      `SELECT serial, fingerprint, not_before AS "notBefore", not_after AS "notAfter", revoked_at AS "revokedAt"
       FROM edge_certificate WHERE edge_id = $1 ORDER BY not_after DESC LIMIT 100`,
      [edgeId],
    );
    return found.rows;
  }

  /** Connected edges that offer the connection's protocol and may serve it, with the address callers reach them at. */
  async addresses(
    connection: string,
  ): Promise<{ edge: string; protocol: string; address: string }[] | undefined> {
    const found = await this.#pool.query<{ protocol: string; edge: string | null; address: string | null }>(
      `SELECT c.protocol, e.name AS edge, e.listeners ->> c.protocol AS address
       FROM connection c LEFT JOIN edge e ON e.state = 'enrolled'
         AND e.last_seen_at > now() - interval '${CONNECTED_SECONDS} seconds'
         AND (cardinality(c.edges) = 0 OR e.name = ANY (c.edges)) AND e.listeners ? c.protocol
       WHERE c.name = $1 ORDER BY e.name`,
      [connection],
    );
    if (found.rows.length === 0) return undefined;
    return found.rows.flatMap(({ protocol, edge, address }) =>
      edge !== null && address !== null ? [{ edge, protocol, address }] : [],
    );
  }

  /** Revokes the edge and every certificate it has, in one statement. False = it is not there or was revoked. */
  async revoke(client: PoolClient, id: string): Promise<boolean> {
    const done = await client.query(
      `WITH gone AS (UPDATE edge SET state = 'revoked' WHERE id = $1 AND state = 'enrolled' RETURNING id),
            certificates AS (
              UPDATE edge_certificate SET revoked_at = now()
              WHERE edge_id IN (SELECT id FROM gone) AND revoked_at IS NULL)
       SELECT id FROM gone`,
      [id],
    );
    return done.rowCount === 1;
  }

  /** Of these edges, the ones that are revoked. */
  async revokedOf(ids: readonly string[]): Promise<string[]> {
    const found = await this.#pool.query<{ id: string }>(
      `SELECT id FROM edge WHERE id = ANY ($1::uuid[]) AND state = 'revoked'`,
      [ids],
    );
    return found.rows.map(({ id }) => id);
  }

  async isEnrolled(name: string): Promise<boolean> {
    const found = await this.#pool.query(`SELECT 1 FROM edge WHERE name = $1 AND state = 'enrolled'`, [name]);
    return found.rowCount === 1;
  }

  async addJoinToken(
    client: PoolClient,
    token: {
      readonly hash: Buffer;
      readonly edgeName: string;
      readonly createdBy: string;
      readonly ttlSeconds: number;
    },
  ): Promise<JoinTokenRecord> {
    const id = uuid();
    await client.query(
      `INSERT INTO join_token (id, hash, edge_name, created_by, expires_at)
       VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))`,
      [id, token.hash, token.edgeName, token.createdBy, token.ttlSeconds],
    );
    const made = await client.query<JoinTokenRecord>(`${JOIN_TOKEN} WHERE id = $1`, [id]);
    return made.rows[0] as JoinTokenRecord;
  }

  async joinTokens(): Promise<JoinTokenRecord[]> {
    const found = await this.#pool.query<JoinTokenRecord>(`${JOIN_TOKEN} ORDER BY id DESC LIMIT 1000`);
    return found.rows;
  }

  /** Returns what was removed; a token that was used stays, as the record of who let the edge in. */
  async removeJoinToken(client: PoolClient, id: string): Promise<JoinTokenRecord | undefined> {
    const found = await client.query<JoinTokenRecord>(
      `DELETE FROM join_token WHERE id = $1 AND used_at IS NULL
       RETURNING id, edge_name AS "edgeName", created_by AS "createdBy", created_at AS "createdAt",
         expires_at AS "expiresAt", used_at AS "usedAt"`,
      [id],
    );
    return found.rows[0];
  }

  /** Runs `work` in one transaction. */
  async transaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {});
      throw error;
    } finally {
      client.release();
    }
  }
}
