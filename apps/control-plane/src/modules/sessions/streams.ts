import {
  type ChainVerdict,
  ChainVerifier,
  type ReplayItem,
  readData,
  replay,
  type SessionEvent,
  type SignedBatch,
} from '@scrim/recording';
import type { Pool } from 'pg';
import { storable } from '../../workers/run-totals.ts';
import { decoderOf } from './decoders.ts';
import type { SessionView } from './schema.ts';
import { readBatches, readEvents, readHead, readKeys } from './store.ts';

/** Lines are joined up to this many characters: a row alone is too small a piece for a socket. */
const PIECE = 32 * 1024;

async function* lines(items: AsyncIterable<object>): AsyncGenerator<string> {
  let piece = '';
  for await (const item of items) {
    piece += `${JSON.stringify(item)}\n`;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

/** A session's replay as JSON lines; pulls from the database as fast as the reader takes it. */
export function replayLines(pool: Pool, session: SessionView): AsyncGenerator<string> {
  const items: AsyncIterable<ReplayItem> = replay(readEvents(pool, session.id), decoderOf(session.protocol));
  return lines(items);
}

function eventLine(event: SessionEvent): object {
  return {
    type: 'event',
    sessionId: event.sessionId,
    seq: event.seq,
    at: event.at,
    kind: event.kind,
    data: event.data,
    body: event.body?.toString('base64') ?? null,
    prevHash: event.prevHash.toString('hex'),
    hash: event.hash.toString('hex'),
  };
}

function batchLine(batch: SignedBatch): object {
  const { headHash, signature, ...rest } = batch;
  return {
    type: 'batch',
    ...rest,
    headHash: headHash.toString('hex'),
    signature: signature.toString('base64'),
  };
}

async function* exported(pool: Pool, session: SessionView): AsyncGenerator<object> {
  // Batches and keys come first: a verifier then needs memory for one event at a time.
  for (const [keyId, { spki, revoked }] of await readKeys(pool, session.edgeId))
    yield { type: 'key', keyId, edgeId: session.edgeId, spki: spki.toString('base64'), revoked };
  for (const batch of await readBatches(pool, session.id)) yield batchLine(batch);
  for await (const event of readEvents(pool, session.id)) yield eventLine(event);
}

/** Everything an offline verifier needs, as JSON lines: keys, signed batches, events with their bodies. */
export function exportLines(pool: Pool, session: SessionView): AsyncGenerator<string> {
  return lines(exported(pool, session));
}

/** The row is what lists and searches go by, but no signature covers it: it must say what the chain says. */
function rowProblem(session: SessionView, opened: SessionEvent): string | undefined {
  let data: { connection?: unknown; edgeId?: unknown; caller?: { subject?: unknown } };
  try {
    data = readData(opened);
  } catch (error) {
    return `altered: ${(error as Error).message}`;
  }
  const same =
    storable(String(data.connection)) === session.connection &&
    data.edgeId === session.edgeId &&
    storable(String(data.caller?.subject)) === session.caller;
  return same
    ? undefined
    : "the session's row names another connection, edge or caller than its opened event";
}

/** Checks a stored session from its first event to its head, one page of events in memory at a time. */
export async function verifySession(
  pool: Pool,
  session: SessionView,
): Promise<ChainVerdict & { checked: number }> {
  const keys = new Map([...(await readKeys(pool, session.edgeId))].map(([keyId, { key }]) => [keyId, key]));
  const batches = await readBatches(pool, session.id);
  // Read after the batches: an open session grows meanwhile, and its head must not be behind its signatures.
  const head = await readHead(pool, session.id);
  const expected = { sessionId: session.id, closed: head.closed, head };
  const verifier = new ChainVerifier(batches, keys, expected);
  let checked = 0;
  let problem: string | undefined;
  for await (const event of readEvents(pool, session.id)) {
    if (event.seq > head.seq) break;
    verifier.push(event);
    checked++;
    if (event.seq === 1) problem = rowProblem(session, event);
  }
  const verdict = verifier.verdict();
  if (verdict.ok && problem !== undefined) return { ok: false, seq: 1, why: problem, checked };
  return { ...verdict, checked };
}
