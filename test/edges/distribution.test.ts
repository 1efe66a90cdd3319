import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  type Content,
  connection,
  content,
  openEdge,
  type Replica,
  type Stores,
  startReplica,
  startStores,
  until,
} from './plane.ts';

let stores: Stores;
let first: Replica;
let second: Replica;
let served: Content;

beforeAll(async () => {
  stores = await startStores();
  served = content();
  first = await startReplica(stores, served);
  second = await startReplica(stores, served);
}, 60_000);
afterAll(async () => {
  await first?.stop();
  await second?.stop();
  await stores?.stop();
});

const signal = () => AbortSignal.timeout(10_000);

async function edgeOn(replica: Replica, name: string, over = {}) {
  const edge = await openEdge(stores, replica.address, name, {
    joinToken: await replica.joinToken(name),
    ...over,
  });
  await edge.ready(signal());
  return edge;
}

test('an edge gets its own connections and nobody else’s, with their secrets', async () => {
  served.connections = [
    connection('shop'),
    connection('east-db', { edges: ['east'] }),
    connection('west-db', { edges: ['west'] }),
  ];
  await first.changed();
  const [east, west] = [await edgeOn(first, 'east'), await edgeOn(second, 'west')];
  await until(() => east.current()?.connections.length === 2 && west.current()?.connections.length === 2);
  expect(east.current()?.connections.map(({ name }) => name)).toEqual(['east-db', 'shop']);
  expect(JSON.stringify(east.current())).toContain('secret-of-east-db');
  expect(JSON.stringify(east.current())).not.toContain('west');
  expect(west.current()?.connections.map(({ name }) => name)).toEqual(['shop', 'west-db']);
  await east.close();
  await west.close();
});

test('a change reaches edges on every replica within 200 ms; what did not change is not sent again', async () => {
  const edges = [await edgeOn(first, 'one'), await edgeOn(second, 'two')];
  const seen: string[] = [];
  for (const edge of edges) edge.onSnapshot(({ version }) => seen.push(version));
  const before = edges.map((edge) => edge.current()?.version);
  expect(before[0]).toBe(before[1]);
  const took: number[] = [];
  for (const name of ['new-a', 'new-b', 'new-c']) {
    served.connections = [...served.connections, connection(name)];
    const start = performance.now();
    await first.changed();
    await until(() => edges.every((edge) => edge.current()?.connections.some((each) => each.name === name)));
    took.push(performance.now() - start);
  }
  // The best of three: a busy machine may hold up any one.
  expect(Math.min(...took)).toBeLessThan(200);
  for (let again = 0; again < 3; again += 1) await second.changed();
  await sleep(200);
  expect(seen).toHaveLength(6);
  for (const edge of edges) await edge.close();
});

test('a revocation is enforced on every edge well within a second, and survives restart and outage', async () => {
  const edges = [await edgeOn(first, 'rev-one'), await edgeOn(second, 'rev-two')];
  const heard: string[] = [];
  for (const edge of edges) edge.onRevocation((tokenId) => heard.push(tokenId));
  const start = performance.now();
  await first.plane.context.bus.publish('scrim:revocations', {
    tokenId: 'stolen',
    until: Date.now() + 60_000,
  });
  await until(() =>
    edges.every((edge) => edge.current()?.tokens.revoked.some(({ tokenId }) => tokenId === 'stolen')),
  );
  expect(performance.now() - start).toBeLessThan(500);
  expect(heard).toEqual(['stolen', 'stolen']);
  const dataDir = edges[0]?.dataDir ?? '';
  await sleep(100);
  for (const edge of edges) await edge.close();
  const alone = await openEdge(stores, '127.0.0.1:1', 'rev-one', { dataDir });
  expect(alone.current()?.tokens.revoked.map(({ tokenId }) => tokenId)).toEqual(['stolen']);
  await alone.close();
});

test('a snapshot the edge cannot apply is refused with the reason, and the old one stays in force', async () => {
  const edge = await edgeOn(first, 'picky');
  const calls: string[] = [];
  edge.onSnapshot((snapshot) => calls.push(`a ${snapshot.version}`));
  edge.onSnapshot((snapshot) => {
    if (snapshot.connections.some(({ name }) => name === 'bad-db')) throw new Error('no such protocol here');
  });
  const good = edge.current()?.version;
  const before = served.connections;
  served.connections = [...before, connection('bad-db')];
  await first.changed();
  const row = async () => (await first.call('GET', `/v1/edges/${edge.edgeId}`)).body;
  await until(async () => (await row()).nackReason === 'no such protocol here');
  expect(edge.current()?.version).toBe(good);
  expect((await row()).snapshotVersionAcked).toBe(good);
  // Whoever had taken the new one was given the old one back.
  expect(calls.at(-1)).toBe(`a ${good}`);
  served.connections = before.slice(0, 1);
  await first.changed();
  await until(async () => (await row()).nackReason === null);
  expect(edge.current()?.connections).toHaveLength(1);
  await edge.close();
});

test('an edge that comes back with the right version gets a lease, not the snapshot', async () => {
  const edge = await edgeOn(first, 'leased');
  const expiry = edge.current()?.expiresAt ?? 0;
  await edge.close();
  await sleep(50);
  const back = await openEdge(stores, second.address, 'leased', { dataDir: edge.dataDir });
  let snapshots = 0;
  back.onSnapshot(() => {
    snapshots += 1;
  });
  await until(() => (back.current()?.expiresAt ?? 0) > expiry);
  expect(snapshots).toBe(0);
  await back.close();
});

test('a connected edge never reaches the end of a short lifetime', async () => {
  const short = await startReplica(stores, served, { environment: { SCRIM_SNAPSHOT_LIFETIME: '10s' } });
  const edge = await edgeOn(short, 'short-lifetime');
  const expiry = edge.current()?.expiresAt ?? 0;
  expect(expiry - Date.now()).toBeLessThan(10_000);
  const { took } = await until(() => (edge.current()?.expiresAt ?? 0) > expiry);
  expect(took).toBeLessThan(4_000);
  await edge.close();
  await short.stop();
});

test('serves on what it kept while nobody is there, until the lifetime is over', async () => {
  const edge = await edgeOn(first, 'outlasting');
  const expiresAt = edge.current()?.expiresAt ?? 0;
  await sleep(50);
  await edge.close();
  let now = Date.now();
  const alone = await openEdge(stores, '127.0.0.1:1', 'outlasting', {
    dataDir: edge.dataDir,
    now: () => now,
  });
  expect(alone.current()?.connections.length).toBeGreaterThan(0);
  expect(alone.connected()).toBe(false);
  now = expiresAt - 1;
  expect(alone.current()).toBeDefined();
  now = expiresAt;
  expect(alone.current()).toBeUndefined();
  await alone.close();
});

test('a file changed by one bit, or taken from another edge, is not used', async () => {
  const [one, two] = [await edgeOn(first, 'tampered'), await edgeOn(first, 'neighbour')];
  await sleep(100);
  await one.close();
  await two.close();
  const path = join(one.dataDir, 'snapshot.sealed');
  const good = readFileSync(path);
  for (const at of [0, 20, 40, good.length - 1]) {
    const bad = Buffer.from(good);
    bad[at] = (bad[at] ?? 0) ^ 1;
    writeFileSync(path, bad);
    const edge = await openEdge(stores, '127.0.0.1:1', 'tampered', { dataDir: one.dataDir });
    expect(edge.current()).toBeUndefined();
    expect(edge.problems.join()).toMatch('was changed or is not of this edge');
    await edge.close();
  }
  writeFileSync(path, readFileSync(join(two.dataDir, 'snapshot.sealed')));
  const edge = await openEdge(stores, '127.0.0.1:1', 'tampered', { dataDir: one.dataDir });
  expect(edge.current()).toBeUndefined();
  await edge.close();
});

test('a certificate about to end is renewed without a gap, around the same key', async () => {
  // A control plane whose clock is behind by nearly a certificate's life gives certificates that end in 3 seconds.
  const behind = await startReplica(stores, served, {
    environment: { SCRIM_EDGE_CERTIFICATE_LIFETIME: '60s' },
    now: () => Date.now() - 57_000,
  });
  const joinToken = await first.joinToken('short-lived');
  const edge = await openEdge(stores, behind.address, 'short-lived', { joinToken });
  const print = edge.certificateFingerprint();
  const { took } = await until(() => edge.certificateFingerprint() !== print, 4_000);
  expect(took).toBeGreaterThan(1_000);
  await until(() => edge.connected());
  const { body } = await first.call('GET', `/v1/edges/${edge.edgeId}`);
  expect(body.certificates.length).toBeGreaterThan(1);
  await edge.close();
  // Switched off until the certificate has ended: the key alone gets it a new one.
  await sleep(3_500);
  const back = await openEdge(stores, first.address, 'short-lived', { dataDir: edge.dataDir });
  await until(() => back.connected(), 8_000);
  expect(back.problems.join()).toMatch('valid edge certificate');
  await back.close();
  await behind.stop();
}, 30_000);

test('a stream that breaks without a word is dialled again, at once after a reset', async () => {
  const sockets = new Set<Socket>();
  const proxy = createServer((socket) => {
    const [host = '', port = ''] = first.address.split(':');
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
  const edge = await openEdge(stores, address, 'shaky', { joinToken: await first.joinToken('shaky') });
  await edge.ready(signal());
  for (let round = 0; round < 3; round += 1) {
    for (const socket of sockets) socket.destroy();
    await until(() => !edge.connected());
    await until(() => edge.connected());
  }
  await edge.close();
  proxy.close();
});
