import type { Pool, PoolClient } from 'pg';
import { v7 as uuid } from 'uuid';
import type { Authority, IssuedCertificate } from './authority.ts';
import { type CheckedRequest, checkRequest, RequestRefused } from './certificate-request.ts';
import { hashJoinToken } from './join-token.ts';

/** Why an edge gets no certificate; `kind` is what a transport maps to its own code. */
export class EnrolmentRefused extends Error {
  override readonly name = 'EnrolmentRefused';
  readonly kind: 'token' | 'request' | 'taken' | 'key' | 'unknown' | 'revoked';

  constructor(kind: EnrolmentRefused['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

export interface EnrolmentOptions {
  readonly pool: Pool;
  readonly authority: Authority;
  /** Milliseconds an edge certificate lives; default 24 h. */
  readonly certificateLife?: number;
  /** Milliseconds after its end in which a certificate can still be renewed by its key; default 7 days. */
  readonly renewalGrace?: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

export interface Enrolled {
  readonly edgeId: string;
  readonly edgeName: string;
  readonly certificate: IssuedCertificate;
}

interface TokenRow {
  readonly edge_name: string;
  readonly used: boolean;
  readonly expired: boolean;
}

const DAY = 86_400_000;

/** Takes the token if nobody has: the row's own WHERE decides a race, whatever replica it is run on. */
const TAKE_TOKEN = `
  UPDATE join_token SET used_at = now()
  WHERE hash = $1 AND used_at IS NULL AND expires_at > now() RETURNING edge_name`;

/** An answer that was lost: the same key asks again with the token it has used, while the token lives. */
const SAME_KEY = `
  SELECT e.id, e.name FROM join_token t
  JOIN edge e ON e.name = t.edge_name AND e.state = 'enrolled'
  JOIN edge_certificate c ON c.edge_id = e.id AND c.revoked_at IS NULL AND c.not_before <= now()
  WHERE t.hash = $1 AND t.expires_at > now() AND c.public_key = $2 LIMIT 1`;

const TAKE_NAME = `
  INSERT INTO edge (id, name, state, capabilities) VALUES ($1, $2, 'enrolled', $3)
  ON CONFLICT (name) DO UPDATE SET state = 'enrolled', capabilities = EXCLUDED.capabilities
  WHERE edge.state = 'revoked' RETURNING id`;

/** Turns join tokens and expiring certificates into certificates. */
export class Enrolment {
  readonly #options: EnrolmentOptions;

  constructor(options: EnrolmentOptions) {
    this.#options = options;
  }

  /**
   * Enrols an edge under the name its join token was made for. The token is used up in the same transaction that
   * stores the certificate.
   *
   * @throws EnrolmentRefused
   */
  async enrol(token: string, csr: Uint8Array, capabilities: unknown): Promise<Enrolled> {
    const hash = hashJoinToken(token);
    // Strangers must not make us check signatures: the token is looked at first.
    await this.#knownToken(hash);
    const request = await this.#check(csr);
    return this.#inTransaction(async (client) => {
      const taken = await client.query<{ edge_name: string }>(TAKE_TOKEN, [hash]);
      const name = taken.rows[0]?.edge_name;
      if (name === undefined) return this.#again(client, hash, request);
      await this.#freshKey(client, request);
      const named = await client.query<{ id: string }>(TAKE_NAME, [
        uuid(),
        name,
        JSON.stringify(capabilities),
      ]);
      const edgeId = named.rows[0]?.id;
      if (edgeId === undefined) {
        throw new EnrolmentRefused('taken', `an edge named ${name} is enrolled already: revoke it first`);
      }
      return { edgeId, edgeName: name, certificate: await this.#issue(client, edgeId, request) };
    });
  }

  /** A new certificate for an edge whose certificate was just proven by TLS. @throws EnrolmentRefused */
  async renew(edgeId: string, csr: Uint8Array): Promise<IssuedCertificate> {
    const request = await this.#check(csr);
    return this.#inTransaction(async (client) => {
      await this.#freshKey(client, request, edgeId);
      return this.#issue(client, edgeId, request);
    });
  }

  /**
   * A new certificate for an edge whose last one has ended (it was switched off over a weekend). The signed request
   * proves the key; a certificate for a key is of use to nobody but who holds it, so a replayed request gains nothing.
   *
   * @throws EnrolmentRefused for keys never certified, revoked, or ended longer ago than the grace
   */
  async renewLapsed(csr: Uint8Array): Promise<Enrolled> {
    const request = await this.#check(csr);
    return this.#inTransaction(async (client) => {
      const found = await client.query<{ id: string; name: string; revoked: boolean; not_after: Date }>(
        `SELECT e.id, e.name, c.not_after, (e.state <> 'enrolled' OR c.revoked_at IS NOT NULL) AS revoked
         FROM edge_certificate c JOIN edge e ON e.id = c.edge_id
         WHERE c.public_key = $1 ORDER BY c.not_after DESC LIMIT 1 FOR UPDATE OF e`,
        [request.publicKey],
      );
      const row = found.rows[0];
      if (row === undefined)
        throw new EnrolmentRefused('unknown', 'no certificate was ever issued for this key');
      if (row.revoked) throw new EnrolmentRefused('revoked', 'this edge was revoked');
      const grace = this.#options.renewalGrace ?? 7 * DAY;
      if (row.not_after.getTime() + grace < this.#options.now()) {
        throw new EnrolmentRefused(
          'unknown',
          'the certificate ended too long ago: enrol again with a join token',
        );
      }
      const certificate = await this.#issue(client, row.id, request);
      return { edgeId: row.id, edgeName: row.name, certificate };
    });
  }

  async #check(csr: Uint8Array): Promise<CheckedRequest> {
    try {
      return await checkRequest(csr);
    } catch (error) {
      if (error instanceof RequestRefused) throw new EnrolmentRefused('request', error.message);
      throw error;
    }
  }

  async #knownToken(hash: Buffer): Promise<void> {
    const found = await this.#options.pool.query<TokenRow>(
      `SELECT edge_name, used_at IS NOT NULL AS used, expires_at <= now() AS expired
       FROM join_token WHERE hash = $1`,
      [hash],
    );
    const row = found.rows[0];
    if (row === undefined) throw new EnrolmentRefused('token', 'the join token is not known, or was revoked');
    if (row.expired) throw new EnrolmentRefused('token', 'the join token has expired: make a new one');
  }

  async #again(client: PoolClient, hash: Buffer, request: CheckedRequest): Promise<Enrolled> {
    const found = await client.query<{ id: string; name: string }>(SAME_KEY, [hash, request.publicKey]);
    const row = found.rows[0];
    if (row === undefined) {
      throw new EnrolmentRefused('token', 'the join token was used already: make a new one for each edge');
    }
    const certificate = await this.#issue(client, row.id, request);
    return { edgeId: row.id, edgeName: row.name, certificate };
  }

  /** A key belongs to one edge, and one that was revoked to none any more. */
  async #freshKey(client: PoolClient, request: CheckedRequest, edgeId?: string): Promise<void> {
    const found = await client.query(
      `SELECT 1 FROM edge_certificate
       WHERE public_key = $1 AND (revoked_at IS NOT NULL OR edge_id IS DISTINCT FROM $2::uuid) LIMIT 1`,
      [request.publicKey, edgeId ?? null],
    );
    if (found.rowCount === 0) return;
    throw new EnrolmentRefused(
      'key',
      "this edge's key was used before: empty its data folder and enrol again",
    );
  }

  async #issue(client: PoolClient, edgeId: string, request: CheckedRequest): Promise<IssuedCertificate> {
    const { authority, now, certificateLife } = this.#options;
    const issued = await authority.issueEdge(request, edgeId, now(), certificateLife ?? DAY);
    await client
      .query(
        `INSERT INTO edge_certificate (serial, edge_id, fingerprint, public_key, not_before, not_after)
       SELECT $1, id, $3, $4, $5, $6 FROM edge WHERE id = $2 AND state = 'enrolled'`,
        [issued.serial, edgeId, issued.fingerprint, issued.publicKey, issued.notBefore, issued.notAfter],
      )
      .then(({ rowCount }) => {
        // Revoked between the check and now: the certificate must not exist for anybody.
        if (rowCount !== 1) throw new EnrolmentRefused('revoked', 'this edge was revoked');
      });
    return issued;
  }

  async #inTransaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#options.pool.connect();
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
