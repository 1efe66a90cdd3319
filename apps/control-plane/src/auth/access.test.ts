import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestPlane, startTestStores, type TestPlane, type TestStores } from '../testing/plane.ts';
import { ROLES, type Role } from './principal.ts';

let stores: TestStores;
let plane: TestPlane;
const keys = new Map<Role, string>();
beforeAll(async () => {
  stores = await startTestStores();
  plane = await startTestPlane(stores);
  for (const role of ROLES) {
    const body = { name: role, subject: `${role}@example.com`, roles: [role] };
    keys.set(role, (await plane.call('POST', '/v1/api-keys', { body })).body.key);
  }
}, 60_000);
afterAll(async () => {
  await plane?.stop();
  await stores?.stop();
});

interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly roles: readonly Role[] | undefined;
}

async function routes(): Promise<Route[]> {
  const { body } = await plane.call('GET', '/openapi.json', { bearer: null });
  return Object.entries(body.paths as Record<string, Record<string, { 'x-scrim-roles'?: Role[] }>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase() as Route['method'],
        url: path.replaceAll(/\{\w+\}/g, 'some-name'),
        roles: operation['x-scrim-roles'],
      })),
  );
}

test('every route but health and the exchange asks who calls, and refuses without an answer', async () => {
  const open = (await routes()).filter((route) => route.roles === undefined).map((route) => route.url);
  expect(open.sort()).toEqual(['/healthz', '/metrics', '/readyz', '/v1/tokens/exchange']);
  for (const { method, url } of (await routes()).filter((route) => route.roles)) {
    for (const bearer of [null, 'nonsense', `scrim_ak_${'0'.repeat(16)}_${'A'.repeat(43)}`]) {
      const answer = await plane.call(method, url, { bearer });
      expect([method, url, answer.status, answer.body.code]).toEqual([
        method,
        url,
        401,
        'SCRIM_API_UNAUTHENTICATED',
      ]);
      expect(answer.body.mend).toBeTruthy();
    }
  }
});

test('every route refuses every role it does not name, before it reads the body', async () => {
  let refused = 0;
  for (const { method, url, roles } of await routes()) {
    for (const role of ROLES) {
      if (roles === undefined || roles.includes(role) || roles.includes('user')) continue;
      const answer = await plane.call(method, url, { bearer: keys.get(role) as string });
      expect([method, url, role, answer.status, answer.body.code]).toEqual([
        method,
        url,
        role,
        403,
        'SCRIM_API_FORBIDDEN',
      ]);
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(50);
});

test('a route that declares no access cannot be registered', async () => {
  const other = await startTestPlane(stores).catch((error) => error);
  // A server that is ready takes no more routes, so the hook is asked before.
  const { createServer } = await import('../http/server.ts');
  const server = await createServer(other.config, other.plane.context.log, async () => {
    throw new Error('unused');
  });
  expect(() => server.get('/open', async () => 'x')).toThrow('declares no access');
  await server.close();
  await other.stop();
});

test('addresses that do not exist are 404 to everybody', async () => {
  const answer = await plane.call('GET', '/v1/nothing-here?token=abc', { bearer: null });
  expect(answer.status).toBe(404);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(answer.text).not.toContain('abc');
});

test('an API key works until it is revoked or expires, and roles follow its groups at once', async () => {
  const spec = { name: 'ci', subject: 'ci', groups: ['platform'], ttlSeconds: 3600 };
  const created = await plane.call('POST', '/v1/api-keys', { body: spec });
  expect(created.status).toBe(201);
  const { key, id } = created.body;
  const roles = async () => (await plane.call('GET', '/v1/whoami', { bearer: key })).body.roles;
  expect(await roles()).toEqual(['user']);
  await plane.call('PUT', '/v1/role-bindings', { body: { group: 'platform', role: 'auditor' } });
  expect(await roles()).toEqual(['auditor', 'user']);
  await plane.call('DELETE', '/v1/role-bindings?group=platform&role=auditor');
  expect(await roles()).toEqual(['user']);
  await plane.call('DELETE', `/v1/api-keys/${id}`);
  const answer = await plane.call('GET', '/v1/whoami', { bearer: key });
  expect([answer.status, answer.body.detail]).toEqual([401, 'the API key was revoked']);
});

test('an API key past its time is refused', async () => {
  let now = Date.now();
  const later = await startTestPlane(stores, {}, () => now);
  const body = { name: 'short', subject: 'short', ttlSeconds: 60 };
  const { key } = (await later.call('POST', '/v1/api-keys', { body })).body;
  expect((await later.call('GET', '/v1/whoami', { bearer: key })).status).toBe(200);
  now += 60_000;
  expect((await later.call('GET', '/v1/whoami', { bearer: key })).body.detail).toBe(
    'the API key has expired',
  );
  await later.stop();
});
