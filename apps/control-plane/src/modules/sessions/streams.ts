import {
  type ChainVerdict,
  ChainVerifier,
  type ReplayItem,
  replay,
  type SessionEvent,
  type SignedBatch,
} from '@scrim/recording';
import type { Pool } from 'pg';
import { decoderOf } from './decoders.ts';
import type { SessionView } from './schema.ts';
import { readBatches, readEvents, readKeys } from './store.ts';

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

/** Checks a stored session from its first event to its head, one page of events in memory at a time. */
export async function verifySession(
  pool: Pool,
  session: SessionView,
): Promise<ChainVerdict & { checked: number }> {
  const keys = new Map([...(await readKeys(pool, session.edgeId))].map(([keyId, { key }]) => [keyId, key]));
  const expected = { sessionId: session.id, closed: session.closedAt !== null };
  const verifier = new ChainVerifier(await readBatches(pool, session.id), keys, expected);
  let checked = 0;
  for await (const event of readEvents(pool, session.id)) {
    // What was stored after the session was looked up has batches that were not read.
    if (event.seq > session.events) break;
    verifier.push(event);
    checked++;
  }
  const verdict = verifier.verdict();
  if (verdict.ok && verdict.headSeq < session.events)
    return {
      ok: false,
      seq: verdict.headSeq + 1,
      why: 'truncated: the session is known to reach further',
      checked,
    };
  return { ...verdict, checked };
}
