import { createHash, createPublicKey, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import {
  type PublicKeys,
  Recorder,
  type SessionEvent,
  type SignedBatch,
  verifyChain,
} from '@scrim/recording';
import { MemorySink, newKey, openSession, shipmentsOf } from '@scrim/recording/testing';
import { createMetrics } from '@scrim/telemetry';
import { v7 as uuidv7 } from 'uuid';
import { newApiKey } from '../../auth/api-key.ts';
import {
  ADMIN_TOKEN,
  startTestPlane,
  startTestStores,
  type TestPlane,
  type TestStores,
} from '../../testing/plane.ts';
import { fileDeadLetter } from '../../workers/dead-letters.ts';
import { createEdgeKeys } from '../../workers/edge-keys.ts';
import { Persister } from '../../workers/persister.ts';

jest.setTimeout(120_000);

let stores: TestStores;
let plane: TestPlane;
let persister: Persister;
const edgeId = randomUUID();
const key = newKey();

beforeAll(async () => {
  stores = await startTestStores();
  plane = await startTestPlane(stores);
  const { db, log } = plane.plane.context;
  persister = new Persister({
    pool: db.pool,
    redisUrl: stores.redisUrl,
    prefix: 'scrim',
    edgeKeys: createEdgeKeys(db.pool, Date.now),
    log,
    metrics: createMetrics(),
    newId: () => uuidv7(),
  });
  await db.prisma.edge.create({ data: { id: edgeId, name: 'edge-1' } });
  const publicKey = new Uint8Array(key.publicKey.export({ format: 'der', type: 'spki' }));
  const dates = { notBefore: new Date(0), notAfter: new Date(Date.now() + 1e9) };
  await db.prisma.edgeCertificate.create({
    data: { serial: '1', edgeId, fingerprint: key.keyId, publicKey, ...dates },
  });
});

afterAll(async () => {
  await plane?.stop();
  await stores?.stop();
});

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** RowDescription of text columns. */
function description(names: readonly string[]): Buffer {
  const fields = names.map((name) => {
    const rest = Buffer.alloc(18);
    rest.writeInt32BE(25, 6);
    rest.writeInt16BE(-1, 10);
    return Buffer.concat([Buffer.from(`${name}\0`), rest]);
  });
  return message('T', Buffer.concat([Buffer.of(0, names.length), ...fields]));
}

function dataRow(values: readonly string[]): Buffer {
  const cells = values.map((value) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(Buffer.byteLength(value));
    return Buffer.concat([length, Buffer.from(value)]);
  });
  return message('D', Buffer.concat([Buffer.of(0, values.length), ...cells]));
}

interface Wanted {
  readonly text?: string;
  readonly rows?: number;
  readonly close?: boolean;
}

function record({
  text = 'SELECT name FROM customers',
  rows = 2,
  close = true,
}: Wanted = {}): SessionEvent[] {
  const sink = new MemorySink();
  const session = openSession(new Recorder({ sink, edgeId }), randomUUID(), {
    content: 'masked',
    maxContent: 1024 ** 3,
  });
  session.operation({ text, verb: 'SELECT', parameters: ['7'], verdict: 'allow' });
  session.shape(description(['id', 'name']));
  for (let row = 0; row < rows; row++) session.response(dataRow([String(row), '***MASKED***']), 1);
  session.masked('production/mask[0]', 'public.customers.name', rows);
  session.outcome(true, `SELECT ${rows}`, rows);
  session.event('held', { rule: 'production/guard[0]', ticket: 'T-1' });
  if (close) session.closed('caller-left');
  else session.flush();
  return sink.events;
}

async function persist(events: readonly SessionEvent[]): Promise<string> {
  for (const shipment of shipmentsOf(edgeId, events, key)) await persister.store(shipment);
  return events[0]?.sessionId as string;
}

/** A bearer text of somebody with these roles. */
async function bearerFor(subject: string, roles: string[] = []): Promise<string> {
  const { key: text, prefix, hash } = newApiKey();
  await plane.plane.context.db.prisma.apiKey.create({
    data: { prefix, hash, name: subject, subject, roles, createdBy: 'test' },
  });
  return text.reveal();
}

// biome-ignore lint/suspicious/noExplicitAny: lines of every shape
const linesOf = (text: string): any[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** An answer of JSON lines. */
async function stream(url: string, bearer = ADMIN_TOKEN) {
  const answer = await plane.plane.server.inject({ url, headers: { authorization: `Bearer ${bearer}` } });
  const lines = answer.statusCode === 200 ? linesOf(answer.body) : [];
  return { status: answer.statusCode, type: answer.headers['content-type'], lines };
}

const audited = async (id: string) =>
  (await plane.plane.context.db.prisma.auditEntry.findMany({ where: { resource: `session/${id}` } })).map(
    (entry) => [entry.actor, entry.action],
  );

describe('sessions', () => {
  test('are listed newest first, by page, and found by connection, caller, time, state and text', async () => {
    const marker = randomUUID();
    const ids: string[] = [];
    for (let index = 0; index < 5; index++)
      ids.push(await persist(record({ text: `SELECT '100%_${marker}' -- ${index}`, close: index !== 2 })));
    const list = async (query: string) => {
      const { body } = await plane.call(
        'GET',
        `/v1/sessions?text=${encodeURIComponent(`%_${marker}`)}&${query}`,
      );
      return body;
    };
    const first = await list('limit=3');
    const second = await list(`limit=3&cursor=${first.next}`);
    expect(new Set([...first.items, ...second.items].map((item: { id: string }) => item.id))).toEqual(
      new Set(ids),
    );
    expect([first.items.length, second.items.length, second.next]).toEqual([3, 2, undefined]);
    expect((await list('state=open')).items.map((item: { id: string }) => item.id)).toEqual([ids[2]]);
    expect((await list('connection=other')).items).toEqual([]);
    expect((await list('connection=shop&caller=alice@example.com')).items).toHaveLength(5);
    expect((await list('from=2100-01-01T00:00:00Z')).items).toEqual([]);
    expect((await list('cursor=bm9uc2Vuc2U')).status).toBe(422);
    const one = await plane.call('GET', `/v1/sessions/${ids[0]}`);
    expect(one.body).toMatchObject({
      operations: 1,
      rows: 2,
      maskedValues: 2,
      ending: 'caller-left',
      verified: true,
    });
  });

  test('replay as JSON lines what the caller saw, and the replay is audited', async () => {
    const id = await persist(record());
    const { type, lines } = await stream(`/v1/sessions/${id}/replay`);
    expect(type).toBe('application/x-ndjson; charset=utf-8');
    expect(lines.map((line) => line.kind)).toEqual(
      'opened operation columns row row outcome masked held closed'.split(' '),
    );
    expect(lines[1]).toMatchObject({ verb: 'SELECT', parameters: ['7'], verdict: 'allow' });
    expect(lines[2]).toMatchObject({ names: ['id', 'name'] });
    expect(lines[4]).toMatchObject({ values: ['1', '***MASKED***'] });
    expect(await audited(id)).toEqual([['admin', 'session.replay']]);
  });

  test('a long session replays whole, piece by piece', async () => {
    const id = await persist(record({ rows: 40_000 }));
    const { lines } = await stream(`/v1/sessions/${id}/replay`);
    expect(lines.filter((line) => line.kind === 'row')).toHaveLength(40_000);
  });

  test('a caller sees its own sessions, another one finds none, an auditor sees all', async () => {
    const id = await persist(record());
    const [own, other, auditor] = await Promise.all([
      bearerFor('alice@example.com'),
      bearerFor('bob@example.com'),
      bearerFor('carol@example.com', ['auditor']),
    ]);
    for (const path of ['', '/replay', '/events', '/verify']) {
      const status = async (bearer: string) => {
        const answer = await plane.plane.server.inject({
          url: `/v1/sessions/${id}${path}`,
          headers: { authorization: `Bearer ${bearer}` },
        });
        return answer.statusCode;
      };
      expect([await status(own), await status(other), await status(auditor)]).toEqual([200, 404, 200]);
    }
    const listed = await plane.call('GET', '/v1/sessions', { bearer: other });
    expect(listed.body.items).toEqual([]);
    expect(
      (await plane.call('GET', '/v1/sessions?caller=alice@example.com', { bearer: other })).body.items,
    ).toEqual([]);
    expect((await audited(id)).some(([actor]) => actor === 'bob@example.com')).toBe(false);
  });

  test('the exported chain verifies without the control plane', async () => {
    const id = await persist(record());
    const { lines } = await stream(`/v1/sessions/${id}/events`);
    const keys = new Map(
      lines
        .filter((line) => line.type === 'key')
        .map((line) => [
          line.keyId,
          createPublicKey({ key: Buffer.from(line.spki, 'base64'), format: 'der', type: 'spki' }),
        ]),
    ) as PublicKeys;
    const batches = lines
      .filter((line) => line.type === 'batch')
      .map((line) => ({
        ...line,
        headHash: Buffer.from(line.headHash, 'hex'),
        signature: Buffer.from(line.signature, 'base64'),
      })) as SignedBatch[];
    const events = lines
      .filter((line) => line.type === 'event')
      .map((line) => ({
        ...line,
        body: line.body === null ? null : Buffer.from(line.body, 'base64'),
        prevHash: Buffer.from(line.prevHash, 'hex'),
        hash: Buffer.from(line.hash, 'hex'),
      })) as SessionEvent[];
    expect(verifyChain(events, batches, keys, { closed: true })).toMatchObject({ ok: true, complete: true });
  });

  test('verification names the first event that was changed in, or deleted from, the database', async () => {
    const { pool } = plane.plane.context.db;
    const verify = async (id: string) => (await plane.call('GET', `/v1/sessions/${id}/verify`)).body;
    const good = await persist(record());
    expect(await verify(good)).toEqual({ ok: true, events: 4, complete: true });
    const changed = await persist(record());
    await pool.query(`UPDATE session_event SET data = data || ' ' WHERE session_id = $1 AND seq = 3`, [
      changed,
    ]);
    expect(await verify(changed)).toMatchObject({
      ok: false,
      problem: { seq: 3, why: expect.stringContaining('altered') },
    });
    const cut = await persist(record());
    await pool.query('DELETE FROM session_event WHERE session_id = $1 AND seq = 4', [cut]);
    expect(await verify(cut)).toMatchObject({
      ok: false,
      problem: { seq: 4, why: expect.stringContaining('truncated') },
    });
    const hidden = await persist(record());
    await pool.query('DELETE FROM session_event WHERE session_id = $1 AND seq > 1', [hidden]);
    await pool.query('DELETE FROM session_batch WHERE session_id = $1', [hidden]);
    expect(await verify(hidden)).toMatchObject({ ok: false });
    const relabelled = await persist(record());
    await pool.query(`UPDATE session SET caller = 'nobody' WHERE id = $1`, [relabelled]);
    expect(await verify(relabelled)).toMatchObject({ ok: false, problem: { seq: 1 } });
    const open = await persist(record({ close: false }));
    expect(await verify(open)).toMatchObject({ ok: true, complete: false });
  });

  test('a protocol without decoder shows its responses as undecoded, never silently missing', async () => {
    const id = await persist(record());
    await plane.plane.context.db.pool.query(`UPDATE session SET protocol = 'gopher' WHERE id = $1`, [id]);
    const { lines } = await stream(`/v1/sessions/${id}/replay`);
    expect(lines.filter((line) => line.kind === 'undecoded')).toHaveLength(3);
  });
});

describe('dead letters', () => {
  async function file(payload: unknown, error: string): Promise<string> {
    const id = uuidv7();
    const jobId = createHash('sha256').update(id).digest('hex');
    await fileDeadLetter(plane.plane.context.db.pool, {
      id,
      queue: 'session-events',
      jobId,
      payload,
      error,
      attempts: 3,
    });
    return id;
  }

  test('are listed, read, replayed once their reason is gone, and discarded; all of it audited', async () => {
    const events = record();
    const [first, second] = shipmentsOf(edgeId, events, key, 2);
    const id = await file(second, 'gap: event 1 has not arrived yet');
    const list = await plane.call('GET', '/v1/dead-letters?state=waiting');
    expect(list.body.items[0]).toMatchObject({ id, attempts: 3, replayedAt: null });
    expect((await plane.call('GET', `/v1/dead-letters/${id}`)).body.payload).toEqual(second);
    const early = await plane.call('POST', `/v1/dead-letters/${id}/replay`);
    expect(early).toMatchObject({ status: 409, body: { detail: 'gap: event 1 has not arrived yet' } });
    await persister.store(first);
    expect((await plane.call('POST', `/v1/dead-letters/${id}/replay`)).body).toEqual({ stored: 2 });
    const sessionId = events[0]?.sessionId;
    expect((await plane.call('GET', `/v1/sessions/${sessionId}/verify`)).body.ok).toBe(true);
    expect((await plane.call('GET', '/v1/dead-letters?state=waiting')).body.items).toEqual([]);
    expect((await plane.call('DELETE', `/v1/dead-letters/${id}`)).status).toBe(204);
    expect((await plane.call('GET', `/v1/dead-letters/${id}`)).status).toBe(404);
    const entries = await plane.plane.context.db.prisma.auditEntry.findMany({
      where: { resource: `dead-letter/${id}` },
    });
    expect(entries.map((entry) => entry.action).sort()).toEqual([
      'dead-letter.discard',
      'dead-letter.read',
      'dead-letter.replay',
    ]);
  });

  test('nonsense stays refused when replayed, and a mere user may not look', async () => {
    const id = await file({ nonsense: true }, 'malformed');
    expect((await plane.call('POST', `/v1/dead-letters/${id}/replay`)).status).toBe(409);
    const bearer = await bearerFor('dave@example.com');
    expect((await plane.call('GET', '/v1/dead-letters', { bearer })).status).toBe(403);
    const auditor = await bearerFor('erin@example.com', ['auditor']);
    expect((await plane.call('DELETE', `/v1/dead-letters/${id}`, { bearer: auditor })).status).toBe(403);
  });
});
