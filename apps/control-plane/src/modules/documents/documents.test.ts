import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
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
beforeEach(async () => {
  await plane.call('POST', '/v1/apply?prune=true', { body: { apiVersion: 'scrim/v1' } });
});

const shop = {
  name: 'shop',
  protocol: 'postgres',
  target: { host: '127.0.0.1', port: 5432, database: 'shop', tls: 'disable' },
  credential: { username: 'app', password: { value: 'hunter2-the-secret' } },
  labels: { env: 'prod' },
};
const production = {
  name: 'production',
  match: { labels: { env: 'prod' } },
  mask: [{ column: 'customers.ssn', with: 'redact' }],
};
const document = { apiVersion: 'scrim/v1', connections: [shop], policies: [production] };
const apply = (body: unknown, query = '') => plane.call('POST', `/v1/apply${query}`, { body });
const actions = (answer: { body: { changes: { name: string; action: string }[] } }) =>
  answer.body.changes.map(({ name, action }) => `${action} ${name}`);

test('applying a document twice changes things once', async () => {
  expect(actions(await apply(document))).toEqual(['create shop', 'create production']);
  const again = await apply(document);
  expect(actions(again)).toEqual(['unchanged shop', 'unchanged production']);
  expect((await plane.call('GET', '/v1/policies/production')).body.version % 1).toBe(0);
});

test('shows each value that changes, and a changed secret without the secret', async () => {
  await apply(document);
  const changed = {
    ...document,
    connections: [
      {
        ...shop,
        target: { ...shop.target, port: 5433 },
        credential: { username: 'app', password: { value: 'another-secret' } },
      },
    ],
  };
  const answer = await apply(changed);
  expect(answer.body.changes[0]).toEqual({
    kind: 'connection',
    name: 'shop',
    action: 'update',
    changes: [
      { path: 'target.port', before: 5432, after: 5433 },
      { path: 'credential.password.value', before: '[secret]', after: '[secret]' },
    ],
  });
  expect(answer.text).not.toMatch(/hunter2|another-secret/);
  const [stored] = await plane.plane.sources.connections();
  expect(stored?.credential).toEqual({ username: 'app', password: { value: 'another-secret' } });
});

test('a dry run says what apply would do and keeps nothing', async () => {
  const dry = await plane.call('POST', '/v1/diff', { body: document });
  expect(actions(dry)).toEqual(['create shop', 'create production']);
  expect((await plane.call('GET', '/v1/connections')).body.items).toEqual([]);
  const { body } = await plane.call('GET', '/v1/audit?resource=connection/shop&limit=1');
  expect(body.items[0]?.action).not.toBe('connection.create');
});

test('what the document does not name stays, unless pruned', async () => {
  await apply(document);
  const rest = { apiVersion: 'scrim/v1', connections: [{ ...shop, name: 'other' }] };
  expect(actions(await apply(rest))).toEqual(['create other']);
  expect(actions(await apply(rest, '?prune=true'))).toEqual([
    'unchanged other',
    'delete production',
    'delete shop',
  ]);
  const credentials = await plane.plane.context.db.prisma.credential.count();
  expect(credentials).toBe(1);
});

test('a document with one wrong policy changes nothing at all', async () => {
  const wrong = { ...production, name: 'wrong', mask: [{ header: 'x-secret', with: 'redact' }] };
  const answer = await apply({ ...document, policies: [production, wrong] });
  expect([answer.status, answer.body.code]).toEqual([422, 'SCRIM_API_UNENFORCEABLE']);
  expect(answer.body.field).toMatch(/^policies\[1\]\.mask\[0\]/);
  expect((await plane.call('GET', '/v1/connections')).body.items).toEqual([]);
});

test('a connection that would make a stored policy unenforceable is refused', async () => {
  await apply(document);
  const web = {
    name: 'web',
    protocol: 'http',
    target: { url: 'https://example.com' },
    labels: { env: 'prod' },
  };
  const answer = await plane.call('POST', '/v1/connections', { body: web });
  // A column rule cannot fire on HTTP; whether that is refused is the checker's to say, not half a write.
  const { body } = await plane.call('GET', '/v1/connections');
  const names = body.items.map((one: { name: string }) => one.name);
  expect(names).toEqual(answer.status === 201 ? ['shop', 'web'] : ['shop']);
});

test('wrong input names the place, the fault and the mend', async () => {
  const answer = await apply({
    ...document,
    connections: [{ ...shop, target: { ...shop.target, tls: 'maybe' } }],
  });
  expect(answer.status).toBe(422);
  expect(answer.body.problems[0]).toMatchObject({ path: 'connections[0].target.tls' });
  expect(answer.body.problems[0].mend).toBeTruthy();
  const unknown = await apply({ ...document, polices: [] });
  expect(unknown.body.problems[0].message).toContain('polices');
  const twice = await apply({ ...document, connections: [shop, shop] });
  expect(twice.body.field).toBe('connections[1].name');
});

test('two applies at once leave one whole result', async () => {
  const documents = Array.from({ length: 6 }, (_, index) => ({
    ...document,
    connections: [{ ...shop, labels: { env: 'prod', turn: String(index) } }],
    policies: [{ ...production, mask: [{ column: `t${index}.c`, with: 'redact' }] }],
  }));
  const answers = await Promise.all(documents.map((one) => apply(one)));
  expect(answers.map((answer) => answer.status)).toEqual(documents.map(() => 200));
  const turn = (await plane.call('GET', '/v1/connections/shop')).body.labels.turn;
  const { policy } = (await plane.call('GET', '/v1/policies/production')).body;
  expect(policy.mask[0].column).toBe(`t${turn}.c`);
});

test('edges are told of what changed, once it is stored', async () => {
  const told: unknown[] = [];
  const stop = await plane.plane.context.bus.subscribe('scrim:changes', (message) => told.push(message));
  await apply(document);
  await apply(document);
  await new Promise((resolve) => setTimeout(resolve, 100));
  stop();
  expect(told).toEqual([
    { what: 'connections', names: ['shop'] },
    { what: 'policies', names: ['production'] },
  ]);
});
