import {
  FormatError,
  genesisHash,
  type ReadShipment,
  type SessionEvent,
  type SessionRun,
} from '@scrim/recording';
import type { Pool, PoolClient } from 'pg';
import type { RunProblem } from './run-problem.ts';
import { type OpenedData, type RunTotals, readOpened, storable, totalsOf } from './run-totals.ts';

export interface StoreResult {
  /** Events inserted; what was stored before is not among them. */
  readonly stored: number;
  /** Sessions of which nothing was stored now, and why. */
  readonly problems: readonly RunProblem[];
}

interface Head {
  readonly seq: number;
  readonly hash: Buffer;
  readonly edgeId: string;
  readonly closed: boolean;
}

/** The events of a run that are new, after everything they are chained to was found to be what is stored. */
interface NewEvents {
  readonly run: SessionRun;
  readonly events: readonly SessionEvent[];
  readonly totals: RunTotals;
  /** For a session's first run. */
  readonly opened: OpenedData | undefined;
}

class Refused extends Error {
  readonly kind: RunProblem['kind'];

  constructor(kind: RunProblem['kind'], why: string) {
    super(why);
    this.kind = kind;
  }
}

/** Events of the year 2200 and later are no events; PostgreSQL and JavaScript agree on all before. */
const LATEST = Date.UTC(2200, 0, 1);

/**
 * Stores what a shipment adds, in one transaction: events, signatures, the sessions' totals, the statements for search.
 * A session whose part does not fit is left out and named in the result; the others are stored. Stored events are
 * skipped after their hashes are compared, so that a shipment may come any number of times.
 * Throws what the database throws; nothing is stored then.
 */
export async function storeShipment(pool: Pool, shipment: ReadShipment): Promise<StoreResult> {
  const client = await pool.connect();
  // A connection that breaks between two queries says so by an event, which unheard ends the process. The next query
  // fails then, so nothing more is to be done about it.
  const unheard = (): void => undefined;
  client.on('error', unheard);
  let broken = true;
  try {
    await client.query('BEGIN');
    const result = await storeRuns(client, shipment);
    await client.query('COMMIT');
    broken = false;
    return result;
  } finally {
    client.off('error', unheard);
    client.release(broken);
  }
}

async function storeRuns(client: PoolClient, shipment: ReadShipment): Promise<StoreResult> {
  const heads = await lockHeads(client, shipment.runs);
  const problems: RunProblem[] = [];
  const fresh: NewEvents[] = [];
  for (const run of shipment.runs) {
    try {
      fresh.push(await newEvents(client, shipment.edgeId, run, heads.get(run.sessionId)));
    } catch (error) {
      if (error instanceof FormatError)
        problems.push({ kind: 'malformed', sessionId: run.sessionId, why: error.message });
      else if (error instanceof Refused)
        problems.push({ kind: error.kind, sessionId: run.sessionId, why: error.message });
      else throw error;
    }
  }
  await markTampered(client, problems);
  await insertSessions(client, fresh);
  const stored = await insertEvents(client, fresh);
  await insertBatches(client, shipment.edgeId, fresh);
  await addTotals(client, fresh);
  await addStatements(client, fresh);
  return { stored, problems };
}

/** Locks the sessions' rows in one order, so that two workers cannot wait for each other. */
async function lockHeads(client: PoolClient, runs: readonly SessionRun[]): Promise<Map<string, Head>> {
  const { rows } = await client.query<{
    id: string;
    last_seq: string;
    head_hash: Buffer;
    edge_id: string;
    closed: boolean;
  }>(
    `SELECT id, last_seq, head_hash, edge_id, closed_at IS NOT NULL AS closed
     FROM session WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`,
    [runs.map((run) => run.sessionId)],
  );
  return new Map(
    rows.map((row) => [
      row.id,
      { seq: Number(row.last_seq), hash: row.head_hash, edgeId: row.edge_id, closed: row.closed },
    ]),
  );
}

async function newEvents(
  client: PoolClient,
  edgeId: string,
  run: SessionRun,
  head: Head | undefined,
): Promise<NewEvents> {
  const first = run.events[0] as SessionEvent;
  // Not marked as tampered: a strange edge must not be able to cast doubt on another one's sessions.
  if (head !== undefined && head.edgeId !== edgeId)
    throw new Refused('malformed', 'the session belongs to another edge');
  const stored = head?.seq ?? 0;
  if (first.seq > stored + 1) throw new Refused('gap', `event ${stored + 1} has not arrived yet`);
  const known = run.events.filter((event) => event.seq <= stored);
  if (known.length > 0) await compareStored(client, run.sessionId, known);
  const events = run.events.slice(known.length);
  let opened: OpenedData | undefined;
  let previous = head?.hash;
  if (head === undefined) {
    if (first.kind !== 'opened') throw new Refused('tampered', 'the first event is not the opened event');
    opened = readOpened(first);
    if (opened.edgeId !== edgeId) throw new Refused('tampered', 'the opened event names another edge');
    previous = genesisHash(run.sessionId, edgeId, opened.connection);
  }
  checkChain(events, stored, previous as Buffer, head?.closed ?? false);
  return { run, events, totals: totalsOf(events), opened };
}

/** Every event must follow the one before; hashes of the events themselves were checked when they were read. */
function checkChain(events: readonly SessionEvent[], after: number, hash: Buffer, closed: boolean): void {
  let seq = after;
  let previous = hash;
  let ended = closed;
  for (const event of events) {
    if (ended) throw new Refused('tampered', 'an event follows the closed event');
    if (event.seq !== seq + 1) throw new Refused('tampered', `event ${event.seq} follows event ${seq}`);
    if (!event.prevHash.equals(previous))
      throw new Refused('tampered', `event ${event.seq} does not continue the chain`);
    if (event.at > LATEST) throw new FormatError('at', 'is too far in the future');
    seq = event.seq;
    previous = event.hash;
    ended = event.kind === 'closed';
  }
}

async function compareStored(
  client: PoolClient,
  sessionId: string,
  known: readonly SessionEvent[],
): Promise<void> {
  const { rows } = await client.query<{ seq: string; hash: Buffer }>(
    'SELECT seq, hash FROM session_event WHERE session_id = $1 AND seq = ANY($2::bigint[])',
    [sessionId, known.map((event) => event.seq)],
  );
  const hashes = new Map(rows.map((row) => [Number(row.seq), row.hash]));
  for (const event of known)
    if (hashes.get(event.seq)?.equals(event.hash) !== true)
      throw new Refused('tampered', `event ${event.seq} is stored with another hash`);
}

async function markTampered(client: PoolClient, problems: readonly RunProblem[]): Promise<void> {
  const sessions = problems.filter(({ kind }) => kind === 'tampered').map(({ sessionId }) => sessionId);
  if (sessions.length === 0) return;
  await client.query('UPDATE session SET verified = false WHERE id = ANY($1::uuid[])', [sessions]);
}

const column = <T, V>(rows: readonly T[], value: (row: T) => V): V[] => rows.map(value);
const time = (at: number): string => new Date(at).toISOString();

async function insertSessions(client: PoolClient, fresh: readonly NewEvents[]): Promise<void> {
  for (const { run, events, opened } of fresh) {
    if (opened === undefined) continue;
    // Another worker that inserts the same session makes this fail with a unique violation: the job is tried again.
    await client.query(
      `INSERT INTO session (id, connection, protocol, caller, caller_kind, caller_groups, claimed_name, edge_id,
                            policy_versions, opened_at, last_seq)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)`,
      [
        run.sessionId,
        storable(opened.connection),
        storable(opened.protocol),
        storable(opened.caller.subject),
        storable(opened.caller.kind),
        opened.caller.groups.map(storable),
        storable(opened.claimedName),
        opened.edgeId,
        JSON.stringify(opened.policies).replaceAll('\\u0000', '\\ufffd'),
        time((events[0] as SessionEvent).at),
      ],
    );
  }
}

/** One statement for all events; returns how many rows it made. */
async function insertEvents(client: PoolClient, fresh: readonly NewEvents[]): Promise<number> {
  const events = fresh.flatMap((part) => part.events);
  if (events.length === 0) return 0;
  const { rowCount } = await client.query(
    `INSERT INTO session_event (session_id, seq, at, kind, data, body, prev_hash, hash)
     SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::bytea[],
                          $7::bytea[], $8::bytea[])
     ON CONFLICT DO NOTHING`,
    [
      column(events, (event) => event.sessionId),
      column(events, (event) => event.seq),
      column(events, (event) => time(event.at)),
      column(events, (event) => event.kind),
      column(events, (event) => event.data),
      column(events, (event) => event.body),
      column(events, (event) => event.prevHash),
      column(events, (event) => event.hash),
    ],
  );
  // The rows are locked and the heads compared, so a conflict means the table and the session's head disagree.
  if (rowCount !== events.length) throw new Error("stored events lie beyond their session's head");
  return events.length;
}

async function insertBatches(client: PoolClient, edgeId: string, fresh: readonly NewEvents[]): Promise<void> {
  const batches = fresh.map(({ run }) => run.batch);
  if (batches.length === 0) return;
  await client.query(
    `INSERT INTO session_batch (session_id, first_seq, last_seq, head_hash, signature, edge_id,
                                certificate_fingerprint)
     SELECT session_id, first_seq, last_seq, head_hash, signature, $6, fingerprint
     FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $7::text[])
       AS batch (session_id, first_seq, last_seq, head_hash, signature, fingerprint)
     ON CONFLICT DO NOTHING`,
    [
      column(batches, (batch) => batch.sessionId),
      column(batches, (batch) => batch.firstSeq),
      column(batches, (batch) => batch.lastSeq),
      column(batches, (batch) => batch.headHash),
      column(batches, (batch) => batch.signature),
      edgeId,
      column(batches, (batch) => batch.keyId),
    ],
  );
}

async function addTotals(client: PoolClient, fresh: readonly NewEvents[]): Promise<void> {
  const parts = fresh.filter((part) => part.events.length > 0);
  if (parts.length === 0) return;
  const last = (part: NewEvents): SessionEvent => part.events.at(-1) as SessionEvent;
  await client.query(
    `UPDATE session SET
       operations = session.operations + new.operations, rows = session.rows + new.rows,
       bytes = session.bytes + new.bytes, masked_values = session.masked_values + new.masked,
       refusals = session.refusals + new.refusals, coverage = coalesce(new.coverage, session.coverage),
       closed_at = new.closed_at, ending = new.ending, last_seq = new.last_seq, head_hash = new.head_hash,
       verified = CASE WHEN new.closed_at IS NULL THEN verified ELSE coalesce(verified, true) END
     FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::jsonb[],
                 $8::timestamptz[], $9::text[], $10::bigint[], $11::bytea[])
       AS new (id, operations, rows, bytes, masked, refusals, coverage, closed_at, ending, last_seq, head_hash)
     WHERE session.id = new.id`,
    [
      column(parts, (part) => part.run.sessionId),
      column(parts, (part) => part.totals.operations),
      column(parts, (part) => part.totals.rows),
      column(parts, (part) => part.totals.bytes),
      column(parts, (part) => part.totals.maskedValues),
      column(parts, (part) => part.totals.refusals),
      column(parts, (part) => part.totals.coverage?.replaceAll('\\u0000', '\\ufffd') ?? null),
      column(parts, (part) => (part.totals.closed === null ? null : time(part.totals.closed.at))),
      column(parts, (part) => part.totals.closed?.ending ?? null),
      column(parts, (part) => last(part).seq),
      column(parts, (part) => last(part).hash),
    ],
  );
}

async function addStatements(client: PoolClient, fresh: readonly NewEvents[]): Promise<void> {
  const rows = fresh.flatMap(({ run, totals }) =>
    [...totals.statements.values()].map((statement) => ({ sessionId: run.sessionId, ...statement })),
  );
  if (rows.length === 0) return;
  await client.query(
    `INSERT INTO session_statement AS known (session_id, digest, verb, text, count, refusals, first_seq, first_at,
                                             last_at)
     SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
                          $8::timestamptz[], $9::timestamptz[])
     ON CONFLICT (session_id, digest) DO UPDATE SET
       count = known.count + excluded.count, refusals = known.refusals + excluded.refusals,
       last_at = greatest(known.last_at, excluded.last_at),
       text = CASE WHEN known.text = '' THEN excluded.text ELSE known.text END`,
    [
      column(rows, (row) => row.sessionId),
      column(rows, (row) => row.digest),
      column(rows, (row) => row.verb),
      column(rows, (row) => row.text),
      column(rows, (row) => row.count),
      column(rows, (row) => row.refusals),
      column(rows, (row) => row.firstSeq),
      column(rows, (row) => time(row.firstAt)),
      column(rows, (row) => time(row.lastAt)),
    ],
  );
}
