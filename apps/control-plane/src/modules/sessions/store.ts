import type { KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import type { SessionEvent, SignedBatch } from '@scrim/recording';
import type { Pool } from 'pg';

/** Bytes and events fetched at a time: the memory a replay takes, whatever the session's length. */
const PAGE_EVENTS = 64;
const PAGE_BYTES = 4 * 1024 * 1024;

interface EventRow {
  readonly seq: string;
  readonly at: Date;
  readonly kind: string;
  readonly data: string;
  readonly body: Buffer | null;
  readonly prev_hash: Buffer;
  readonly hash: Buffer;
}

/** The stored events of a session in order, a page at a time: never more than a few megabytes at once. */
export async function* readEvents(pool: Pool, sessionId: string, after = 0): AsyncGenerator<SessionEvent> {
  let last = after;
  for (;;) {
    // The running sum ends a page early when bodies are large; its first event always comes.
    const { rows } = await pool.query<EventRow>(
      `SELECT seq, at, kind, data, body, prev_hash, hash FROM (
         SELECT *, sum(octet_length(data) + coalesce(octet_length(body), 0)) OVER (ORDER BY seq) AS total,
                row_number() OVER (ORDER BY seq) AS number
         FROM (SELECT * FROM session_event WHERE session_id = $1 AND seq > $2 ORDER BY seq LIMIT $3) AS page
       ) AS summed WHERE number = 1 OR total <= $4 ORDER BY seq`,
      [sessionId, last, PAGE_EVENTS, PAGE_BYTES],
    );
    if (rows.length === 0) return;
    for (const row of rows) {
      last = Number(row.seq);
      yield {
        sessionId,
        seq: last,
        at: row.at.getTime(),
        kind: row.kind,
        data: row.data,
        body: row.body,
        prevHash: row.prev_hash,
        hash: row.hash,
      };
    }
  }
}

/** How far the session's row says that its chain reaches. */
export async function readHead(
  pool: Pool,
  sessionId: string,
): Promise<{ readonly seq: number; readonly hash: Buffer; readonly closed: boolean }> {
  const { rows } = await pool.query<{ last_seq: string; head_hash: Buffer | null; closed: boolean }>(
    'SELECT last_seq, head_hash, closed_at IS NOT NULL AS closed FROM session WHERE id = $1',
    [sessionId],
  );
  const row = rows[0];
  return {
    seq: Number(row?.last_seq ?? 0),
    hash: row?.head_hash ?? Buffer.alloc(0),
    closed: row?.closed ?? false,
  };
}

export async function readBatches(pool: Pool, sessionId: string): Promise<SignedBatch[]> {
  const { rows } = await pool.query<{
    first_seq: string;
    last_seq: string;
    head_hash: Buffer;
    signature: Buffer;
    certificate_fingerprint: string;
  }>(
    `SELECT first_seq, last_seq, head_hash, signature, certificate_fingerprint FROM session_batch
     WHERE session_id = $1 ORDER BY first_seq, last_seq`,
    [sessionId],
  );
  return rows.map((row) => ({
    sessionId,
    firstSeq: Number(row.first_seq),
    lastSeq: Number(row.last_seq),
    headHash: row.head_hash,
    signature: row.signature,
    keyId: row.certificate_fingerprint,
  }));
}

/** Keys of every certificate the session's edge ever had, by fingerprint, with the SPKI they are made of. */
export async function readKeys(
  pool: Pool,
  edgeId: string,
): Promise<Map<string, { readonly key: KeyObject; readonly spki: Buffer; readonly revoked: boolean }>> {
  const { rows } = await pool.query<{ fingerprint: string; public_key: Buffer; revoked_at: Date | null }>(
    'SELECT fingerprint, public_key, revoked_at FROM edge_certificate WHERE edge_id = $1',
    [edgeId],
  );
  return new Map(
    rows.map((row) => [
      row.fingerprint,
      {
        key: createPublicKey({ key: row.public_key, format: 'der', type: 'spki' }),
        spki: row.public_key,
        revoked: row.revoked_at !== null,
      },
    ]),
  );
}
