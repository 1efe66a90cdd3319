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

const policy = (column: string, more: object = {}) => ({
  name: 'p',
  mask: [{ column, with: 'redact' }],
  ...more,
});
const put = (body: object, headers = {}) => plane.call('PUT', '/v1/policies/p', { body, headers });

test('keeps every version, rolls back as a new one, and goes on counting after a deletion', async () => {
  expect((await put(policy('a.b'))).body.version).toBe(1);
  expect((await put(policy('a.c'))).body.version).toBe(2);
  expect((await put(policy('a.c'))).body.version).toBe(2);
  const back = await plane.call('POST', '/v1/policies/p/rollback', { body: { version: 1 } });
  expect([back.body.version, back.body.policy.mask[0].column]).toEqual([3, 'a.b']);
  expect((await plane.call('DELETE', '/v1/policies/p')).status).toBe(204);
  expect((await plane.call('GET', '/v1/policies/p')).status).toBe(404);
  expect((await plane.call('GET', '/v1/policies/p/versions/2')).body.policy.mask[0].column).toBe('a.c');
  expect((await put(policy('a.b'))).body.version).toBe(4);
  const history = await plane.call('GET', '/v1/policies/p/versions?limit=3');
  expect(history.body.items.map((one: { version: number }) => one.version)).toEqual([4, 3, 2]);
  const rest = await plane.call('GET', `/v1/policies/p/versions?limit=3&cursor=${history.body.next}`);
  expect(rest.body.items.map((one: { version: number }) => one.version)).toEqual([1]);
  expect((await plane.plane.sources.policies()).map(({ name, version }) => [name, version])).toEqual([
    ['p', 4],
  ]);
});

test('two changes based on the same version: the second is refused', async () => {
  const { version } = (await put(policy('x.y'))).body;
  const headers = { 'if-match': `"${version}"` };
  expect((await put(policy('x.z'), headers)).status).toBe(200);
  const late = await put(policy('x.w'), headers);
  expect([late.status, late.body.code]).toEqual([409, 'SCRIM_API_VERSION_CONFLICT']);
});

test.each([
  ['a detector nobody knows', { mask: [{ detect: ['secrets.nonsense'], with: 'redact' }] }, /mask\[0\]/],
  [
    'a regex that could run away',
    { mask: [{ pattern: { name: 'x', regex: '(a)\\1' }, with: 'redact' }] },
    /mask\[0\]/,
  ],
  [
    'a statement PostgreSQL has not',
    { guard: [{ when: { sql: { statements: ['drop_everything'] } }, do: 'block' }] },
    /guard\[0\]/,
  ],
  ['a hold nobody can release', { guard: [{ when: { sql: { effects: ['ddl'] } }, do: 'hold' }] }, /./],
])('refuses %s, naming the place and the mend', async (_what, more, place) => {
  const answer = await put({ name: 'p', ...more });
  expect([answer.status, answer.body.code]).toEqual([422, 'SCRIM_API_UNENFORCEABLE']);
  expect(answer.body.field).toMatch(place);
  expect(answer.body.mend).toBeTruthy();
});
