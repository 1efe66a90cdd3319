import type { Pool, PoolClient } from 'pg';
import { type ApprovalEvent, type ApprovalState, leaving, next, parseState } from './states.ts';

/** What an edge asks people about. */
export interface NewApproval {
  readonly id: string;
  /** Chosen by the edge: asking again finds the same approval. */
  readonly requestId: string;
  readonly edgeId: string;
  readonly sessionId: string;
  readonly connection: string;
  readonly caller: string;
  readonly callerGroups: readonly string[];
  readonly policy: string;
  readonly policyVersion: number;
  readonly rule: string;
  readonly reason: string;
  readonly statement: string;
  readonly parameters: readonly string[];
  readonly digest: Buffer;
  readonly quorum: number;
  readonly approverGroups: readonly string[];
  readonly expiresAt: Date;
}

export interface Decision {
  readonly subject: string;
  readonly decision: 'approve' | 'deny';
  readonly comment: string | null;
  readonly at: Date;
}

export interface ApprovalRecord extends NewApproval {
  readonly state: ApprovalState;
  readonly createdAt: Date;
  readonly decidedAt: Date | null;
  readonly redeemedAt: Date | null;
  readonly decisions: readonly Decision[];
}

export interface ApprovalFilter {
  readonly state?: ApprovalState | undefined;
  readonly connection?: string | undefined;
  readonly caller?: string | undefined;
  /** Id of the last one seen; newer ones come first. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Time decides before any job does: an approval past its expiry is expired whatever its row still says. */
const STATE = `CASE WHEN a.state IN ('pending', 'approved') AND a.expires_at <= now() THEN 'expired' ELSE a.state END`;

const RECORD = `
  SELECT a.id, a.request_id AS "requestId", a.edge_id AS "edgeId", a.session_id AS "sessionId", a.connection,
    a.caller, a.caller_groups AS "callerGroups", a.policy, a.policy_version AS "policyVersion", a.rule, a.reason,
    a.statement, a.parameters, a.digest, a.quorum, a.approver_groups AS "approverGroups",
    a.expires_at AS "expiresAt", ${STATE} AS state, a.created_at AS "createdAt", a.decided_at AS "decidedAt",
    a.redeemed_at AS "redeemedAt",
    COALESCE((SELECT json_agg(json_build_object('subject', d.subject, 'decision', d.decision, 'comment', d.comment,
      'at', d.at) ORDER BY d.at) FROM approval_decision d WHERE d.approval_id = a.id), '[]') AS decisions
  FROM approval a`;

function recordOf(row: ApprovalRecord): ApprovalRecord {
  const decisions = row.decisions.map((entry) => ({ ...entry, at: new Date(entry.at) }));
  return { ...row, state: parseState(row.state), decisions };
}

/** How an attempt to decide ended. */
export type Decided = { readonly decided: ApprovalState } | { readonly refused: string } | undefined;

/** Rows of approvals. Every change of state is one UPDATE whose WHERE names what it leaves. */
export class ApprovalStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Adds it unless its request id is known; either way the one that is there now. */
  async add(approval: NewApproval): Promise<{ record: ApprovalRecord; added: boolean }> {
    const { rowCount } = await this.#pool.query(
      `INSERT INTO approval (id, request_id, edge_id, session_id, connection, caller, caller_groups, policy,
         policy_version, rule, reason, statement, parameters, digest, quorum, approver_groups, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
       ON CONFLICT (request_id) DO NOTHING`,
      [
        approval.id,
        approval.requestId,
        approval.edgeId,
        approval.sessionId,
        approval.connection,
        approval.caller,
        approval.callerGroups,
        approval.policy,
        approval.policyVersion,
        approval.rule,
        approval.reason,
        approval.statement,
        JSON.stringify(approval.parameters),
        approval.digest,
        approval.quorum,
        approval.approverGroups,
        approval.expiresAt,
      ],
    );
    const found = await this.#pool.query<ApprovalRecord>(`${RECORD} WHERE a.request_id = $1`, [
      approval.requestId,
    ]);
    return { record: recordOf(found.rows[0] as ApprovalRecord), added: rowCount === 1 };
  }

  async find(id: string): Promise<ApprovalRecord | undefined> {
    const found = await this.#pool.query<ApprovalRecord>(`${RECORD} WHERE a.id = $1`, [id]);
    return found.rows[0] && recordOf(found.rows[0]);
  }

  /** Newest first; one more than `limit` when there is more. */
  async list(filter: ApprovalFilter): Promise<ApprovalRecord[]> {
    const found = await this.#pool.query<ApprovalRecord>(
      `${RECORD} WHERE ($1::text IS NULL OR ${STATE} = $1) AND ($2::text IS NULL OR a.connection = $2)
         AND ($3::text IS NULL OR a.caller = $3) AND ($4::uuid IS NULL OR a.id < $4)
       ORDER BY a.id DESC LIMIT $5`,
      [
        filter.state ?? null,
        filter.connection ?? null,
        filter.caller ?? null,
        filter.after ?? null,
        filter.limit + 1,
      ],
    );
    return found.rows.map(recordOf);
  }

  async pendingOf(edgeId: string): Promise<number> {
    const found = await this.#pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM approval
       WHERE edge_id = $1 AND state = 'pending' AND expires_at > now()`,
      [edgeId],
    );
    return found.rows[0]?.count ?? 0;
  }

  /**
   * One person's decision. The row is locked, so that of two people deciding at once the second sees the first; an
   * approval becomes approved when the last one needed for its quorum arrives, and denied by a single no.
   *
   * @returns undefined when there is no such approval
   */
  async decide(
    id: string,
    who: { readonly decisionId: string; readonly subject: string; readonly comment: string | null },
    decision: 'approve' | 'deny',
    audit: (client: PoolClient, before: ApprovalState, after: ApprovalState) => Promise<void>,
  ): Promise<Decided> {
    return this.#inTransaction(async (client) => {
      const locked = await client.query<{ state: string; quorum: number }>(
        `SELECT ${STATE} AS state, quorum FROM approval a WHERE id = $1 FOR UPDATE`,
        [id],
      );
      const row = locked.rows[0];
      if (row === undefined) return undefined;
      const before = parseState(row.state);
      const to = next(before, decision);
      if (typeof to !== 'string') return to;
      const added = await client.query(
        `INSERT INTO approval_decision (id, approval_id, subject, decision, comment) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (approval_id, subject) DO NOTHING`,
        [who.decisionId, id, who.subject, decision, who.comment],
      );
      if (added.rowCount === 0) return { refused: 'you have decided it already' };
      let after: ApprovalState = to;
      if (decision === 'approve') {
        const votes = await client.query<{ count: number }>(
          `SELECT count(*)::int AS count FROM approval_decision WHERE approval_id = $1 AND decision = 'approve'`,
          [id],
        );
        if ((votes.rows[0]?.count ?? 0) < row.quorum) after = before;
      }
      if (after !== before) {
        await client.query('UPDATE approval SET state = $2, decided_at = now() WHERE id = $1', [id, after]);
      }
      await audit(client, before, after);
      return { decided: after };
    });
  }

  /** True for exactly one caller, and only for the edge, the digest and the time it was given for. */
  async redeem(id: string, edgeId: string, digest: Uint8Array): Promise<boolean> {
    const done = await this.#pool.query(
      `UPDATE approval SET state = 'redeemed', redeemed_at = now()
       WHERE id = $1 AND edge_id = $2 AND digest = $3 AND state = ANY ($4) AND expires_at > now()`,
      [id, edgeId, Buffer.from(digest), leaving('redeem')],
    );
    return done.rowCount === 1;
  }

  /** Says that `holder`'s stream waits for it, for `seconds` from now; returns the state it is in. */
  async hold(id: string, holder: string, seconds: number): Promise<ApprovalState | undefined> {
    const found = await this.#pool.query<{ state: string }>(
      `UPDATE approval a SET held_by = $2, held_until = now() + make_interval(secs => $3)
       WHERE id = $1 RETURNING ${STATE} AS state`,
      [id, holder, seconds],
    );
    return found.rows[0] && parseState(found.rows[0].state);
  }

  /** The holder's stream is gone. Does nothing when another stream has taken it up. */
  async letGo(id: string, holder: string): Promise<void> {
    await this.#pool.query('UPDATE approval SET held_until = now() WHERE id = $1 AND held_by = $2', [
      id,
      holder,
    ]);
  }

  /** Withdraws it if nobody has taken it up since `holder` let go. */
  async withdraw(id: string, holder: string): Promise<boolean> {
    const done = await this.#pool.query(
      `UPDATE approval SET state = 'withdrawn', decided_at = now()
       WHERE id = $1 AND held_by = $2 AND held_until <= now() AND state = ANY ($3) AND expires_at > now()`,
      [id, holder, leaving('withdraw' satisfies ApprovalEvent)],
    );
    return done.rowCount === 1;
  }

  /**
   * Closes what nobody will use any more: expired ones, and pending ones whose edge is alive but has not taken them
   * up again. An edge that is not heard of may still come back to its own until they expire.
   */
  async sweep(): Promise<{ id: string; state: ApprovalState }[]> {
    return this.#inTransaction(async (client) => {
      const leader = await client.query<{ ours: boolean }>(
        `SELECT pg_try_advisory_xact_lock(hashtext('scrim approvals sweep')) AS ours`,
      );
      if (leader.rows[0]?.ours !== true) return [];
      const expired = await client.query<{ id: string; state: ApprovalState }>(
        `UPDATE approval SET state = 'expired', decided_at = now()
         WHERE state = ANY ($1) AND expires_at <= now() RETURNING id, state`,
        [leaving('expire')],
      );
      const left = await client.query<{ id: string; state: ApprovalState }>(
        `UPDATE approval a SET state = 'withdrawn', decided_at = now() FROM edge e
         WHERE e.id = a.edge_id AND a.state = 'pending' AND a.held_until < now()
           AND (e.state = 'revoked' OR e.last_seen_at > a.held_until + interval '15 seconds')
         RETURNING a.id, a.state`,
      );
      return [...expired.rows, ...left.rows];
    });
  }

  async #inTransaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
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
