import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { startTestPlane, startTestStores, type TestPlane, type TestStores } from './testing/plane.ts';

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

const shop = {
  name: 'shop',
  protocol: 'postgres',
  target: { host: 'h', database: 'd' },
  credential: { username: 'u', password: { value: 'p4ssw0rd-in-there' } },
};
const put = (body: object) => plane.call('PUT', '/v1/connections/shop', { body });

test.each<[string, object, string]>([
  ['a NUL in a value', { labels: { env: 'a\0b' } }, 'labels.env'],
  ['a NUL in a key', { labels: { 'a\0b': 'x' } }, 'labels'],
  ['half a character', { labels: { env: '\ud800' } }, 'labels.env'],
  [
    'a NUL in a secret',
    { credential: { username: 'u', password: { value: 'a\0' } } },
    'credential.password.value',
  ],
])('%s is refused in words, not by a failing database', async (_what, more, field) => {
  const answer = await put({ ...shop, ...more });
  expect([answer.status, answer.body.field]).toEqual([422, field]);
});

test('an empty list of edges is none: applying it again changes nothing', async () => {
  const document = { apiVersion: 'scrim/v1', connections: [{ ...shop, edges: [] }] };
  await plane.call('POST', '/v1/apply', { body: document });
  const again = await plane.call('POST', '/v1/apply', { body: document });
  expect(again.body.changes[0].action).toBe('unchanged');
});

test('whatever JSON is sent anywhere, the answer is a problem or a success, never a failure', async () => {
  const { body } = await plane.call('GET', '/openapi.json', { bearer: null });
  const writes = Object.entries(body.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => method !== 'get')
      .map((method) => [method.toUpperCase() as 'POST', path.replaceAll(/\{\w+\}/g, 'x')] as const),
  );
  const hints = fc.constantFrom(
    'apiVersion',
    'name',
    'connections',
    'policies',
    'credential',
    'url',
    'token',
    'groups',
  );
  const json = fc.dictionary(fc.oneof(hints, fc.string()), fc.jsonValue({ maxDepth: 4 }), { maxKeys: 5 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...writes), json, async ([method, path], payload) => {
      const answer = await plane.call(method, path, { body: payload });
      expect([method, path, answer.status]).not.toEqual([method, path, 500]);
      if (answer.status >= 400) expect(answer.body.code).toMatch(/^SCRIM_API_/);
    }),
    { numRuns: 300 },
  );
}, 60_000);

test('queries and addresses of every kind are answered', async () => {
  const paths = [
    '/v1/connections',
    '/v1/audit',
    '/v1/policies',
    '/v1/tokens',
    '/v1/api-keys',
    '/v1/machine-identities',
  ];
  const names = fc.constantFrom(
    'limit',
    'cursor',
    'actor',
    'action',
    'resource',
    'since',
    'label',
    'subject',
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...paths),
      names,
      fc.string({ unit: 'binary' }),
      async (path, name, value) => {
        const query = `?${name}=${encodeURIComponent(value)}`;
        const cursor = `?cursor=${Buffer.from(value).toString('base64url')}`;
        for (const url of [path + query, path + cursor])
          expect((await plane.call('GET', url)).status).not.toBe(500);
      },
    ),
    { numRuns: 150 },
  );
}, 60_000);

test.each<[string, string, number]>([
  ['no JSON', '{"a":', 400],
  ['a prototype', '{"__proto__":{"admin":true}}', 400],
  ['nothing', '', 400],
  ['too much', `"${'x'.repeat(1_100_000)}"`, 413],
  ['great depth', '['.repeat(100_000), 400],
])('a body of %s is a problem with a status', async (_what, payload, status) => {
  const headers = { authorization: 'Bearer test-administrator-token', 'content-type': 'application/json' };
  const answer = await plane.plane.server.inject({ method: 'POST', url: '/v1/apply', headers, payload });
  expect(answer.statusCode).toBe(status);
  expect(answer.headers['content-type']).toContain('application/problem+json');
});

test('guessing keys is limited, and told when to go on', async () => {
  const limited = await startTestPlane(stores, { SCRIM_RATE_LIMIT: '5' });
  const guess = () => limited.call('GET', '/v1/whoami', { bearer: 'a-guess-of-the-token' });
  const answers = [];
  for (let turn = 0; turn < 7; turn += 1) answers.push(await guess());
  expect(answers.map((answer) => answer.status)).toEqual([401, 401, 401, 401, 401, 429, 429]);
  expect(answers[6]?.body.code).toBe('SCRIM_API_RATE_LIMITED');
  expect(Number(answers[6]?.headers['retry-after'])).toBeGreaterThan(0);
  expect((await limited.call('GET', '/healthz', { bearer: null })).status).toBe(200);
  await limited.stop();
});

test('ids from outside are kept only when they are plain', async () => {
  const ask = async (id: string) =>
    (await plane.call('GET', '/healthz', { headers: { 'x-request-id': id } })).headers['x-request-id'];
  expect(await ask('trace-0123456789')).toBe('trace-0123456789');
  expect(await ask('a"b{c}\\n0123456789')).toMatch(/^[0-9a-f-]{36}$/);
});

test('answers carry no cache, no framing, no sniffing', async () => {
  const { headers } = await plane.call('GET', '/v1/whoami');
  expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  expect(headers['content-security-policy']).toContain("default-src 'self'");
});
