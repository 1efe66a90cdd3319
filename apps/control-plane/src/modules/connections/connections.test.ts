import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestPlane, startTestStores, type TestPlane, type TestStores } from '../../testing/plane.ts';

let stores: TestStores;
let plane: TestPlane;
beforeAll(async () => {
  stores = await startTestStores();
  plane = await startTestPlane(stores);
}, 60_000);
afterAll(async () => {
  await plane?.stop();
  await stores?.stop();
});

const connection = (name: string, more: object = {}) => ({
  name,
  protocol: 'postgres',
  target: { host: 'db.internal', database: 'app', tls: 'verify-full' },
  credential: { username: 'app', password: { value: `secret-of-${name}` } },
  labels: { env: 'prod' },
  ...more,
});

test('creates, reads, changes and removes a connection', async () => {
  const created = await plane.call('POST', '/v1/connections', { body: connection('one') });
  expect(created.status).toBe(201);
  expect(created.headers.etag).toBe('"1"');
  expect(created.body).toMatchObject({
    name: 'one',
    target: { port: 5432 },
    credential: { username: 'app', password: { value: '[secret]' } },
  });
  const changed = await plane.call('PUT', '/v1/connections/one', {
    body: connection('one', { labels: { env: 'dev' } }),
  });
  expect([changed.body.version, changed.body.labels]).toEqual([2, { env: 'dev' }]);
  expect((await plane.call('DELETE', '/v1/connections/one')).status).toBe(204);
  expect((await plane.call('GET', '/v1/connections/one')).body.code).toBe('SCRIM_API_NOT_FOUND');
});

test('a name is taken once', async () => {
  await plane.call('POST', '/v1/connections', { body: connection('twice') });
  const again = await plane.call('POST', '/v1/connections', { body: connection('twice') });
  expect([again.status, again.body.code]).toEqual([409, 'SCRIM_API_CONFLICT']);
  expect(again.body.mend).toContain('PUT /v1/connections/twice');
});

test('a change based on an old version is refused with how to go on', async () => {
  await plane.call('PUT', '/v1/connections/racy', { body: connection('racy') });
  const body = connection('racy', { labels: { env: 'a' } });
  const first = await plane.call('PUT', '/v1/connections/racy', { body, headers: { 'if-match': '"1"' } });
  expect(first.status).toBe(200);
  const late = { body: connection('racy', { labels: { env: 'b' } }), headers: { 'if-match': '"1"' } };
  const second = await plane.call('PUT', '/v1/connections/racy', late);
  expect([second.status, second.body.code]).toEqual([409, 'SCRIM_API_VERSION_CONFLICT']);
  expect(second.body.mend).toContain('If-Match');
  const gone = await plane.call('DELETE', '/v1/connections/racy', { headers: { 'if-match': '"1"' } });
  expect(gone.status).toBe(409);
});

test('sending back what was read keeps the secret', async () => {
  await plane.call('PUT', '/v1/connections/kept', { body: connection('kept') });
  const { id, version, createdAt, updatedAt, ...read } = (await plane.call('GET', '/v1/connections/kept'))
    .body;
  const body = { ...read, labels: { env: 'edited' } };
  expect((await plane.call('PUT', '/v1/connections/kept', { body })).status).toBe(200);
  const stored = (await plane.plane.sources.connections()).find((one) => one.name === 'kept');
  expect(stored?.credential).toEqual({ username: 'app', password: { value: 'secret-of-kept' } });
});

test('a mask is never stored as a secret', async () => {
  const credential = { username: 'app', password: { value: '[secret]' } };
  const answer = await plane.call('POST', '/v1/connections', { body: connection('masked', { credential }) });
  expect([answer.status, answer.body.field]).toEqual([422, 'credential.password']);
});

test('references stay references: their value is the edge’s to find', async () => {
  const credential = { username: 'app', password: { env: 'SHOP_PASSWORD' } };
  const { body } = await plane.call('PUT', '/v1/connections/ref', {
    body: connection('ref', { credential }),
  });
  expect(body.credential.password).toEqual({ env: 'SHOP_PASSWORD' });
  const back = await plane.call('PUT', '/v1/connections/ref', { body: connection('ref') });
  expect(back.body.credential.password).toEqual({ value: '[secret]' });
});

test('lists in pages, by protocol and by label', async () => {
  for (const name of ['p1', 'p2', 'p3'])
    await plane.call('PUT', `/v1/connections/${name}`, {
      body: connection(name, { labels: { page: 'yes' } }),
    });
  const names: string[] = [];
  let url = '/v1/connections?label=page=yes&limit=2';
  for (;;) {
    const { body } = await plane.call('GET', url);
    names.push(...body.items.map((item: { name: string }) => item.name));
    if (!body.next) break;
    url = `/v1/connections?label=page=yes&limit=2&cursor=${body.next}`;
  }
  expect(names).toEqual(['p1', 'p2', 'p3']);
  expect((await plane.call('GET', '/v1/connections?protocol=ssh')).body).toEqual({ items: [] });
  expect((await plane.call('GET', '/v1/connections?cursor=!!')).status).toBe(422);
});

test('the name in the body must be the one in the address', async () => {
  const answer = await plane.call('PUT', '/v1/connections/left', { body: connection('right') });
  expect([answer.status, answer.body.field]).toEqual([422, 'name']);
});
