import { createHash, randomUUID } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ControlLink } from '@scrim/edge';
import { RefusalError } from '@scrim/model';
import type { HeldOperation } from '@scrim/pipeline';
import { makeApiKey } from './api-key.ts';
import { content, openEdge, type Replica, type Stores, startReplica, startStores, until } from './plane.ts';

let stores: Stores;
/** The edge is on the first replica, people decide on the second. */
let first: Replica;
let second: Replica;
let edge: ControlLink & { problems: string[] };
const served = content();

beforeAll(async () => {
  stores = await startStores();
  const environment = { SCRIM_ADMIN_GROUPS: 'dba' };
  first = await startReplica(stores, served, { environment });
  second = await startReplica(stores, served, { environment });
  edge = await openEdge(stores, first.address, 'asker', { joinToken: await first.joinToken('asker') });
  await edge.ready(AbortSignal.timeout(10_000));
}, 60_000);
afterAll(async () => {
  await edge?.close();
  await first?.stop();
  await second?.stop();
  await stores?.stop();
});

const digestOf = (text: string) => createHash('sha256').update(text).digest();

function held(over: Partial<HeldOperation> = {}): HeldOperation {
  return {
    requestId: randomUUID(),
    sessionId: randomUUID(),
    connection: 'shop',
    caller: 'alice@example.com',
    callerGroups: ['agents'],
    policy: 'production',
    policyVersion: 3,
    rule: 'production/guard[1]',
    reason: 'DDL needs a person',
    statement: 'DROP TABLE customers',
    parameters: ['1'],
    digest: digestOf('DROP TABLE customers'),
    expiresAt: Date.now() + 60_000,
    approverGroups: ['dba'],
    quorum: 1,
    ...over,
  };
}

/** A request on its way: the id people see it by, and how it ends. */
async function ask(over: Partial<HeldOperation> = {}, link: ControlLink = edge) {
  const cancel = new AbortController();
  let id = '';
  let url = '';
  const outcome = link.requestApproval(held(over), cancel.signal, (pendingId, pendingUrl) => {
    id = pendingId;
    url = pendingUrl;
  });
  outcome.catch(() => {});
  await until(() => id !== '');
  return { id, url, outcome, cancel: () => cancel.abort() };
}

/** An API key of a person with the given groups; their roles come with it. */
async function person(subject: string, groups: string[], roles: string[]): Promise<string> {
  return makeApiKey(stores.pool, { subject, groups, roles });
}

const stateOf = async (id: string) => (await second.call('GET', `/v1/approvals/${id}`)).body.state;

test('a decision made on one replica reaches an edge on another, and is used once', async () => {
  const { id, url, outcome } = await ask();
  expect(url).toMatch(new RegExp(`/approvals/${id}$`));
  const { body: list } = await second.call(
    'GET',
    '/v1/approvals?state=pending&connection=shop&caller=alice@example.com',
  );
  expect(list.items[0]).toMatchObject({
    id,
    statement: 'DROP TABLE customers',
    parameters: ['1'],
    rule: 'production/guard[1]',
    digest: digestOf('DROP TABLE customers').toString('hex'),
  });
  const decided = await second.call('POST', `/v1/approvals/${id}/approve`, { comment: 'go ahead' });
  expect(decided.body.state).toBe('approved');
  const result = await outcome;
  if (result.state !== 'approved') throw new Error(result.state);
  expect(result.decidedBy).toBe('admin');
  expect(await result.redeem(digestOf('DROP TABLE orders'))).toBe(false);
  const twice = await Promise.all([1, 2, 3].map(() => result.redeem(digestOf('DROP TABLE customers'))));
  expect(twice.filter(Boolean)).toHaveLength(1);
  expect(await stateOf(id)).toBe('redeemed');
  const { rows } = await stores.pool.query(`SELECT actor, after FROM audit_entry WHERE resource = $1`, [
    `approval/${id}`,
  ]);
  expect(rows).toEqual([
    expect.objectContaining({ actor: 'admin', after: expect.objectContaining({ comment: 'go ahead' }) }),
  ]);
});

test('with Redis away decisions still arrive, only later', async () => {
  const { id, outcome } = await ask();
  await stores.withoutRedis(async () => {
    const decided = await second.call('POST', `/v1/approvals/${id}/approve`);
    expect(decided.body.state).toBe('approved');
    const result = await outcome;
    if (result.state !== 'approved') throw new Error(result.state);
    expect(await result.redeem(digestOf('DROP TABLE customers'))).toBe(true);
  });
  // Once Redis is back, notices travel again by themselves.
  const { took } = await until(async () => {
    const again = await ask();
    const start = performance.now();
    await second.call('POST', `/v1/approvals/${again.id}/approve`);
    await again.outcome;
    return performance.now() - start < 500;
  }, 20_000);
  expect(took).toBeLessThan(20_000);
}, 45_000);

test('a decision arrives within 200 ms', async () => {
  const took: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const { id, outcome } = await ask();
    const start = performance.now();
    await second.call('POST', `/v1/approvals/${id}/approve`);
    await outcome;
    took.push(performance.now() - start);
  }
  // The best of three: a busy machine may hold up any one.
  expect(Math.min(...took)).toBeLessThan(200);
});

test('a no ends it, with the comment; deciding again or late is refused', async () => {
  const { id, outcome } = await ask();
  await second.call('POST', `/v1/approvals/${id}/deny`, { comment: 'not on a Friday' });
  expect(await outcome).toMatchObject({ state: 'denied', decidedBy: 'admin', comment: 'not on a Friday' });
  const late = await first.call('POST', `/v1/approvals/${id}/approve`);
  expect(late.status).toBe(409);
  expect(late.body.detail).toMatch('already denied');
});

test('nobody decides their own, an outsider not at all, and a changed operation never', async () => {
  const { id, cancel } = await ask();
  const own = await person('Alice@Example.com', ['dba'], ['approver']);
  const outsider = await person('eve@example.com', ['sales'], ['approver']);
  const powerless = await person('bob@example.com', ['dba'], ['user']);
  for (const [bearer, words] of [
    [own, /their own/],
    [outsider, /members of dba/],
    [powerless, /role approver or admin/],
  ] as const) {
    for (const verb of ['approve', 'deny']) {
      const answer = await second.call('POST', `/v1/approvals/${id}/${verb}`, undefined, bearer);
      expect(answer.status).toBe(403);
      expect(answer.body.detail).toMatch(words);
    }
  }
  const changed = await second.call('POST', `/v1/approvals/${id}/approve`, { digest: 'ab'.repeat(32) });
  expect(changed.status).toBe(409);
  expect(await stateOf(id)).toBe('pending');
  // Whoever has no part in it does not see it either.
  expect((await second.call('GET', `/v1/approvals/${id}`, undefined, powerless)).status).toBe(404);
  expect((await second.call('GET', '/v1/approvals', undefined, powerless)).body.items).toEqual([]);
  cancel();
});

test('a quorum needs that many different people, also when they come at once', async () => {
  const { id, outcome } = await ask({ quorum: 2 });
  const one = await person('one@example.com', ['dba'], ['approver']);
  const two = await person('two@example.com', ['dba'], ['approver']);
  const again = await Promise.all(
    [1, 2].map(() => first.call('POST', `/v1/approvals/${id}/approve`, {}, one)),
  );
  expect(again.map(({ status }) => status).sort()).toEqual([200, 409]);
  expect(await stateOf(id)).toBe('pending');
  const both = await Promise.all([
    second.call('POST', `/v1/approvals/${id}/approve`, {}, two),
    first.call('POST', `/v1/approvals/${id}/deny`),
  ]);
  // Either order is right; both winning is not.
  expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
  const result = await outcome;
  expect(['approved', 'denied']).toContain(result.state);
  expect(await stateOf(id)).toBe(result.state);
});

test('two approvers of the same moment fill the quorum exactly once', async () => {
  const { id, outcome } = await ask({ quorum: 2 });
  const keys = await Promise.all(
    ['x', 'y', 'z'].map((name) => person(`${name}@example.com`, ['dba'], ['approver'])),
  );
  const answers = await Promise.all(
    keys.map((key) => second.call('POST', `/v1/approvals/${id}/approve`, {}, key)),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 409]);
  expect((await outcome).state).toBe('approved');
});

test('expires by itself, and what was approved but not used in time cannot be used', async () => {
  const { id, outcome } = await ask({ expiresAt: Date.now() + 700 });
  expect(await outcome).toEqual(expect.objectContaining({ state: 'expired' }));
  expect((await second.call('POST', `/v1/approvals/${id}/approve`)).body.detail).toMatch('expired');
  const short = await ask({ expiresAt: Date.now() + 900 });
  await second.call('POST', `/v1/approvals/${short.id}/approve`);
  const granted = await short.outcome;
  if (granted.state !== 'approved') throw new Error(granted.state);
  await sleep(1_000);
  expect(await granted.redeem(digestOf('DROP TABLE customers'))).toBe(false);
  expect(await stateOf(short.id)).toBe('expired');
});

test('is withdrawn when the caller goes away', async () => {
  const { id, outcome, cancel } = await ask();
  cancel();
  await expect(outcome).rejects.toThrow('SCRIM_CANCELLED');
  await until(async () => (await stateOf(id)) === 'withdrawn');
  expect((await second.call('POST', `/v1/approvals/${id}/approve`)).body.detail).toMatch('no longer waits');
});

test('a statement with octets no database text can hold is shown, not lost', async () => {
  const { id, cancel } = await ask({ statement: 'POST /a\0b', parameters: ['\0'] });
  const { body } = await second.call('GET', `/v1/approvals/${id}`);
  expect([body.statement, body.parameters]).toEqual(['POST /a\u2400b', ['\u2400']]);
  cancel();
});

test('one request id is one operation', async () => {
  const requestId = randomUUID();
  const { id, cancel } = await ask({ requestId });
  const again = await ask({ requestId });
  expect(again.id).toBe(id);
  const other = edge.requestApproval(
    held({ requestId, digest: digestOf('other') }),
    AbortSignal.timeout(5_000),
  );
  await expect(other).rejects.toThrow('SCRIM_APPROVAL_UNAVAILABLE');
  again.cancel();
  await sleep(1_800);
  // The first still waits.
  expect(await stateOf(id)).toBe('pending');
  cancel();
});

test('another edge can neither use nor take over an approval', async () => {
  const other = await openEdge(stores, second.address, 'other', {
    joinToken: await first.joinToken('other'),
  });
  await other.ready(AbortSignal.timeout(10_000));
  const requestId = randomUUID();
  const mine = await ask({ requestId });
  const theirs = other.requestApproval(held({ requestId }), AbortSignal.timeout(5_000));
  await expect(theirs).rejects.toBeInstanceOf(RefusalError);
  await second.call('POST', `/v1/approvals/${mine.id}/approve`);
  await mine.outcome;
  const { rowCount } = await stores.pool.query(`SELECT 1 FROM approval WHERE request_id = $1`, [requestId]);
  expect(rowCount).toBe(1);
  await other.close();
});

test('an operation that asks the impossible is refused, with the reason in the cause', async () => {
  for (const over of [{ digest: new Uint8Array(5) }, { quorum: 0 }, { caller: '' }]) {
    const refused = edge.requestApproval(held(over), AbortSignal.timeout(5_000));
    await expect(refused).rejects.toThrow('SCRIM_APPROVAL_UNAVAILABLE');
  }
});

test('a stream broken in the middle of a hold is taken up again on another replica', async () => {
  const sockets = new Set<Socket>();
  let target = first;
  const proxy = createServer((socket) => {
    const [host = '', port = ''] = target.address.split(':');
    const upstream = connect(Number(port), host);
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      sockets.add(one);
      one.on('error', () => {}).on('close', () => other.destroy());
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const mover = await openEdge(stores, address, 'mover', { joinToken: await first.joinToken('mover') });
  await mover.ready(AbortSignal.timeout(10_000));
  const { id, outcome } = await ask({}, mover);
  target = second;
  for (const socket of sockets) socket.destroy();
  await sleep(2_500);
  expect(await stateOf(id)).toBe('pending');
  await first.call('POST', `/v1/approvals/${id}/approve`);
  expect((await outcome).state).toBe('approved');
  await mover.close();
  proxy.close();
});

test('what a dead edge asked is closed once it is heard of again without it, and not before', async () => {
  const mortal = await openEdge(stores, first.address, 'mortal', {
    joinToken: await first.joinToken('mortal'),
  });
  await mortal.ready(AbortSignal.timeout(10_000));
  const { id, outcome } = await ask({}, mortal);
  await mortal.close();
  await expect(outcome).rejects.toThrow('SCRIM_CANCELLED');
  await sleep(500);
  // Long gone, and nobody has seen the edge since.
  const long = `now() - interval '1 minute'`;
  await stores.pool.query(`UPDATE approval SET held_until = ${long} WHERE id = $1`, [id]);
  await stores.pool.query(`UPDATE edge SET last_seen_at = ${long} WHERE name = 'mortal'`);
  await sleep(5_500);
  expect(await stateOf(id)).toBe('pending');
  const reborn = await openEdge(stores, second.address, 'mortal', { dataDir: mortal.dataDir });
  await until(async () => (await stateOf(id)) === 'withdrawn', 8_000);
  await reborn.close();
}, 30_000);
