import type { Pool } from 'pg';

/** What a replica learned about one edge since the last write. */
export interface EdgeReport {
  /** The edge itself spoke. */
  seen?: true;
  /** Version it acknowledged. */
  acked?: string;
  /** Why it refused a version; empty once it took another one. */
  nack?: string;
  /** Version pushed to it. */
  sent?: string;
  open?: number;
  spool?: string;
  capabilities?: unknown;
  listeners?: unknown;
}

const WRITE = `
  UPDATE edge e SET
    last_seen_at = CASE WHEN r.seen THEN now() ELSE e.last_seen_at END,
    snapshot_version_sent = COALESCE(r.sent, e.snapshot_version_sent),
    snapshot_version_acked = COALESCE(r.acked, e.snapshot_version_acked),
    nack_reason = NULLIF(COALESCE(r.nack, e.nack_reason), ''),
    open_sessions = COALESCE(r.open, e.open_sessions),
    spool_bytes = COALESCE(r.spool, e.spool_bytes),
    capabilities = COALESCE(r.capabilities, e.capabilities),
    listeners = COALESCE(r.listeners, e.listeners)
  FROM jsonb_to_recordset($1::jsonb) AS r(id uuid, seen boolean, sent text, acked text, nack text, open int,
    spool bigint, capabilities jsonb, listeners jsonb)
  WHERE e.id = r.id`;

/**
 * Gathers what edges report and writes it in one statement: a thousand edges that acknowledge one change must not be a
 * thousand transactions.
 */
export class EdgeReports {
  readonly #pool: Pool;
  readonly #problem: (what: string, error: unknown) => void;
  #pending = new Map<string, EdgeReport>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(pool: Pool, problem: (what: string, error: unknown) => void) {
    this.#pool = pool;
    this.#problem = problem;
  }

  add(edgeId: string, report: EdgeReport): void {
    this.#pending.set(edgeId, { ...this.#pending.get(edgeId), ...report });
    this.#timer ??= setTimeout(() => void this.flush(), 50);
  }

  /** Resolves when everything added so far is written (or was given up: it is for display and comes again). */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const rows = [...this.#pending].map(([id, report]) => ({ id, ...report }));
    this.#pending = new Map();
    if (rows.length > 0) this.#writing = this.#writing.then(() => this.#write(rows));
    return this.#writing;
  }

  async #write(rows: readonly object[]): Promise<void> {
    try {
      await this.#pool.query(WRITE, [JSON.stringify(rows)]);
    } catch (error) {
      this.#problem('what edges reported could not be stored', error);
    }
  }
}
