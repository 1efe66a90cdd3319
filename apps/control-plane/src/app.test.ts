import { afterAll, beforeAll, expect, test } from '@jest/globals';
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

test('is ready only once every part was started', async () => {
  expect((await plane.call('GET', '/healthz', { bearer: null })).status).toBe(200);
  const before = await plane.call('GET', '/readyz', { bearer: null });
  expect(before.status).toBe(503);
  expect(before.body.checks).toEqual({ postgres: 'ok', redis: 'ok', parts: 'starting' });
});

test('tells who the bearer is', async () => {
  const { body } = await plane.call('GET', '/v1/whoami');
  expect(body).toEqual({
    subject: 'admin',
    groups: [],
    roles: ['admin', 'approver', 'auditor', 'user'],
    kind: 'person',
    via: 'admin-token',
  });
});

test('describes every route in OpenAPI 3.1 and serves a page that reads it', async () => {
  const { body } = await plane.call('GET', '/openapi.json', { bearer: null });
  expect(plane.logText()).not.toContain('request failed');
  expect(body.openapi).toBe('3.1.0');
  expect(Object.keys(body.paths)).toContain('/v1/whoami');
  for (const file of ['', 'swagger-ui.css', 'swagger-ui-bundle.js', 'swagger-initializer.js'])
    expect((await plane.call('GET', `/docs/${file}`, { bearer: null })).status).toBe(200);
});

test('serves metrics with the time each route takes', async () => {
  await plane.call('GET', '/v1/whoami');
  const { text } = await plane.call('GET', '/metrics', { bearer: null });
  expect(text).toMatch(
    /scrim_http_request_seconds_count\{method="GET",route="\/v1\/whoami",status="2xx"\} [1-9]/,
  );
});
