import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { Client, credentials, type MethodDefinition, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  EdgeService,
  RedeemApprovalRequestSchema,
  RenewRequestSchema,
  RequestApprovalRequestSchema,
  serviceDefinition,
} from '@scrim/rpc';
import { IMPOSTOR } from './impostor.ts';
import {
  type Content,
  content,
  openEdge,
  type Replica,
  type Stores,
  startReplica,
  startStores,
  until,
} from './plane.ts';

let stores: Stores;
let replica: Replica;
let served: Content;

beforeAll(async () => {
  stores = await startStores();
  served = content();
  replica = await startReplica(stores, served);
}, 60_000);
afterAll(async () => {
  await replica?.stop();
  await stores?.stop();
});

const signal = () => AbortSignal.timeout(10_000);

test('enrols by a join token, keeps its key to itself, and shows up with what it told', async () => {
  const joinToken = await replica.joinToken('first');
  const edge = await openEdge(stores, replica.address, 'first', {
    joinToken,
    listeners: () => ({ postgres: '127.0.0.1:6432' }),
  });
  const snapshot = await edge.ready(signal());
  expect(snapshot.edgeId).toBe(edge.edgeId);
  expect(snapshot.connections.map(({ name }) => name)).toEqual(['shop']);
  for (const file of ['identity.key', 'identity.json', 'snapshot.sealed']) {
    const { value } = await until(() => statSync(join(edge.dataDir, file), { throwIfNoEntry: false }));
    expect(value.mode & 0o777).toBe(0o600);
  }
  expect(readFileSync(join(edge.dataDir, 'snapshot.sealed')).includes('secret-of-shop')).toBe(false);
  const { value: seen } = await until(async () => {
    const { body } = await replica.call('GET', '/v1/edges');
    return body.items.find(
      (row: { snapshotVersionAcked: string }) => row.snapshotVersionAcked === snapshot.version,
    );
  });
  expect(seen).toMatchObject({
    name: 'first',
    state: 'enrolled',
    connected: true,
    capabilities: { version: 'test', protocols: { postgres: { hold: true } } },
    listeners: { postgres: '127.0.0.1:6432' },
    snapshotVersionSent: snapshot.version,
    nackReason: null,
  });
  const { body } = await replica.call('GET', `/v1/edges/${edge.edgeId}`);
  expect(body.certificates[0].fingerprint).toBe(edge.certificateFingerprint());
  edge.reportSessions(3, 4096);
  await until(async () => {
    const shown = (await replica.call('GET', `/v1/edges/${edge.edgeId}`)).body;
    return shown.openSessions === 3 && shown.spoolBytes === 4096;
  });
  await edge.close();
});

test('a join token works once, also when two edges use it at the same moment', async () => {
  const joinToken = await replica.joinToken('raced');
  const dataDirs = ['a', 'b', 'c'].map((name) => join(stores.folder, `raced-${name}`));
  const tries = await Promise.allSettled(
    dataDirs.map((dataDir) => openEdge(stores, replica.address, 'raced', { joinToken, dataDir })),
  );
  const won = tries.filter((each) => each.status === 'fulfilled');
  const lost = tries.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
  expect(won).toHaveLength(1);
  for (const reason of lost) expect(reason).toMatch(/join token was used already/);
  for (const each of won) await each.value.close();
  const { rows } = await stores.pool.query(`SELECT count(*)::int AS n FROM edge WHERE name = 'raced'`);
  expect(rows[0].n).toBe(1);
});

test('an answer that was lost is given again to the same key, and to no other', async () => {
  const joinToken = await replica.joinToken('lost');
  const edge = await openEdge(stores, replica.address, 'lost', { joinToken });
  await edge.close();
  const key = readFileSync(join(edge.dataDir, 'identity.key'));
  const again = join(stores.folder, 'lost-again');
  mkdirSync(again);
  writeFileSync(join(again, 'identity.key'), key);
  const same = await openEdge(stores, replica.address, 'lost', { joinToken, dataDir: again });
  expect(same.edgeId).toBe(edge.edgeId);
  await same.close();
  const thief = openEdge(stores, replica.address, 'lost', {
    joinToken,
    dataDir: join(stores.folder, 'thief'),
  });
  await expect(thief).rejects.toThrow('used already');
});

test('refuses tokens that are mistyped, unknown, revoked, and names that are taken', async () => {
  const good = await replica.joinToken('second');
  const open = (joinToken: string) =>
    openEdge(stores, replica.address, 'second', { joinToken, dataDir: join(stores.folder, 'second') });
  await expect(open('hunter2')).rejects.toThrow('this is not a join token');
  await expect(open(good.slice(0, -3))).rejects.toThrow('cut or mistyped');
  const list = (await replica.call('GET', '/v1/join-tokens')).body.items;
  expect(JSON.stringify(list)).not.toContain(good);
  const { id } = list.find((row: { edgeName: string }) => row.edgeName === 'second');
  expect((await replica.call('DELETE', `/v1/join-tokens/${id}`)).status).toBe(204);
  await expect(open(good)).rejects.toThrow('not known, or was revoked');
  expect((await replica.call('DELETE', `/v1/join-tokens/${id}`)).status).toBe(404);
  const taken = await replica.call('POST', '/v1/join-tokens', { edgeName: 'first' });
  expect(taken.status).toBe(409);
  const { rows } = await stores.pool.query(`SELECT action FROM audit_entry WHERE resource = $1 ORDER BY at`, [
    `join-token/${id}`,
  ]);
  expect(rows.map(({ action }) => action)).toEqual(['join-token.create', 'join-token.revoke']);
  const stale = await replica.joinToken('stale');
  await stores.pool.query(`UPDATE join_token SET expires_at = now() WHERE edge_name = 'stale'`);
  await expect(open(stale)).rejects.toThrow('has expired');
});

test('sends its token to nobody but the control plane the token is from', async () => {
  const heard: Buffer[] = [];
  const impostor = createServer({ ...IMPOSTOR, ALPNProtocols: ['h2'] }, (socket) => {
    socket.on('data', (bytes) => heard.push(bytes));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve));
  const { port } = impostor.address() as AddressInfo;
  const joinToken = await replica.joinToken('wary');
  const open = openEdge(stores, `127.0.0.1:${port}`, 'wary', { joinToken });
  await expect(open).rejects.toThrow('not the control plane the join token is from');
  expect(Buffer.concat(heard).length).toBe(0);
  await new Promise((resolve) => impostor.close(resolve));
});

test('no call but enrolment is answered without a certificate of this authority', async () => {
  const methods = serviceDefinition(EdgeService) as unknown as Record<
    string,
    MethodDefinition<object, object>
  >;
  const { authority } = JSON.parse(readFileSync(join(stores.folder, 'edge-first', 'identity.json'), 'utf8'));
  const ca = Buffer.from(new X509Certificate(Buffer.from(authority, 'base64')).toString());
  const client = new Client(
    replica.address,
    credentials.createSsl(ca, null, null, { checkServerIdentity: () => undefined }),
  );
  const codeOf = (name: string, message: object) =>
    new Promise<number>((resolve) => {
      const method = methods[name] as MethodDefinition<object, object>;
      const { path, requestSerialize, responseDeserialize, responseStream, requestStream } = method;
      const done = (error: { code: number } | null) => resolve(error?.code ?? status.OK);
      if (!responseStream)
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, done);
      else {
        const stream = requestStream
          ? client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
          : client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, message);
        stream.on('error', done as never);
        stream.on('data', () => resolve(status.OK));
      }
    });
  const csr = create(RenewRequestSchema, { csr: new Uint8Array([1, 2, 3]) });
  expect(await codeOf('renew', csr)).toBe(status.INVALID_ARGUMENT);
  const messages = {
    watch: {},
    requestApproval: create(RequestApprovalRequestSchema, {}),
    redeemApproval: create(RedeemApprovalRequestSchema, {}),
  };
  for (const [name, message] of Object.entries(messages))
    expect(`${name} ${await codeOf(name, message)}`).toBe(`${name} ${status.UNAUTHENTICATED}`);
  client.close();
});

test('an edge of another authority is a stranger', async () => {
  const elsewhere = await startStores();
  const foreign = await startReplica(elsewhere, content());
  const joinToken = await foreign.joinToken('foreign');
  const edge = await openEdge(elsewhere, foreign.address, 'foreign', { joinToken });
  await edge.ready(signal());
  await edge.close();
  await foreign.stop();
  const lost = await openEdge(elsewhere, replica.address, 'foreign', { dataDir: edge.dataDir });
  await until(() => lost.problems.some((line) => /certificate|self.signed|UNAVAILABLE/i.test(line)));
  expect(lost.connected()).toBe(false);
  // It still serves what it has: the control plane it belongs to is merely away.
  expect(lost.current()?.connections).toHaveLength(1);
  await lost.close();
  await elsewhere.stop();
}, 60_000);

test('a revoked edge is refused at once, forgets what it held, and stays out', async () => {
  const joinToken = await replica.joinToken('doomed');
  const edge = await openEdge(stores, replica.address, 'doomed', { joinToken });
  await edge.ready(signal());
  await until(() => statSync(join(edge.dataDir, 'snapshot.sealed'), { throwIfNoEntry: false }));
  const revoked = await replica.call('POST', `/v1/edges/${edge.edgeId}/revoke`);
  expect(revoked.body.state).toBe('revoked');
  const { took } = await until(() => edge.current() === undefined);
  expect(took).toBeLessThan(1_000);
  // The memory is emptied at once, the file right after.
  const sealed = join(edge.dataDir, 'snapshot.sealed');
  await until(() => !existsSync(sealed), 1_000);
  await edge.close();
  const back = await openEdge(stores, replica.address, 'doomed', { dataDir: edge.dataDir });
  await until(() => back.problems.some((line) => line.includes('has revoked this edge')));
  expect(back.current()).toBeUndefined();
  await back.close();
  // The name is free again, for a new key only.
  const again = await replica.joinToken('doomed');
  const fresh = await openEdge(stores, replica.address, 'doomed', {
    joinToken: again,
    dataDir: join(stores.folder, 'reborn'),
  });
  await fresh.ready(signal());
  await fresh.close();
});
