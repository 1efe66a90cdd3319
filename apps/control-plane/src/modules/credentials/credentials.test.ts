import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  startTestPlane,
  startTestStores,
  TEST_MASTER_KEY,
  type TestPlane,
  type TestStores,
} from '../../testing/plane.ts';

let stores: TestStores;
let plane: TestPlane;
/** The master key of the stores after the rotation. */
const fresh = randomBytes(32).toString('base64');
beforeAll(async () => {
  stores = await startTestStores();
  plane = await startTestPlane(stores);
}, 60_000);
afterAll(async () => {
  await plane?.stop();
  await stores?.stop();
});

/** Everything the database holds, as text: what a thief of a backup would search. */
async function everyTable(): Promise<string> {
  const { pool } = plane.plane.context.db;
  const { rows } = await pool.query<{ name: string }>(
    `SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'`,
  );
  const texts = await Promise.all(
    rows.map(async ({ name }) => JSON.stringify((await pool.query(`SELECT * FROM ${name}`)).rows)),
  );
  return texts.join('\n');
}

const encodings = (secret: string) => [
  secret,
  Buffer.from(secret).toString('base64').replaceAll('=', ''),
  Buffer.from(secret).toString('hex'),
  encodeURIComponent(secret),
];

test('no answer, log line, audit entry, metric or table row ever contains a stored secret', async () => {
  const answers: string[] = [];
  const secrets: string[] = [];
  const call = async (...args: Parameters<TestPlane['call']>) => {
    const answer = await plane.call(...args);
    answers.push(answer.text, JSON.stringify(answer.headers));
    return answer;
  };
  const secret = () => {
    const value = `s3cret/${randomBytes(9).toString('base64url')}+${secrets.length}`;
    secrets.push(value);
    return value;
  };
  const specs = (): Record<string, object> => ({
    pg: {
      protocol: 'postgres',
      target: { host: 'h', database: 'd' },
      credential: { username: 'u', password: { value: secret() } },
    },
    web: {
      protocol: 'http',
      target: { url: 'https://example.com' },
      credential: { header: 'authorization', value: { value: secret() }, prefix: 'Bearer ' },
    },
    box: {
      protocol: 'ssh',
      target: { host: 'h', hostKey: 'ssh-ed25519 AAAA' },
      credential: { username: 'u', password: { value: secret() }, privateKey: { value: secret() } },
    },
  });
  for (let round = 0; round < 3; round += 1)
    for (const [name, spec] of Object.entries(specs())) {
      const body = { name, ...spec };
      await call('POST', '/v1/connections', { body });
      await call('PUT', `/v1/connections/${name}`, { body });
      await call('POST', '/v1/diff', {
        body: { apiVersion: 'scrim/v1', connections: [{ ...body, labels: { r: `${round}` } }] },
      });
      await call('POST', '/v1/apply', {
        body: { apiVersion: 'scrim/v1', connections: [{ ...body, labels: { r: `${round}` } }] },
      });
      // Wrong in another place: an error must not quote what else was sent.
      await call('PUT', `/v1/connections/${name}`, { body: { ...body, labels: 7, extra: true } });
      await call('PUT', `/v1/connections/${name}`, {
        body: { ...body, credential: { username: secret(), password: secret() } },
      });
      await call('PUT', '/v1/connections/elsewhere', { body });
    }
  await call('GET', '/v1/connections');
  await call('GET', '/v1/audit?limit=500');
  await call('POST', '/v1/credentials/rotate');
  await call('GET', '/metrics', { bearer: null });
  await call('DELETE', '/v1/connections/web');
  await call('GET', '/v1/audit?limit=500');

  const tables = await everyTable();
  for (const value of secrets)
    for (const form of encodings(value)) {
      expect(answers.join('\n')).not.toContain(form);
      expect(plane.logText()).not.toContain(form);
      expect(tables).not.toContain(form);
    }
  expect(secrets.length).toBeGreaterThan(12);
  const opened = JSON.stringify(await plane.plane.sources.connections());
  expect(secrets.filter((value) => opened.includes(value)).length).toBe(3);
});

test('a rotation re-wraps everything and the old master key opens nothing any more', async () => {
  const body = {
    name: 'rot',
    protocol: 'postgres',
    target: { host: 'h', database: 'd' },
    credential: { username: 'u', password: { value: 'rotate-me' } },
  };
  await plane.call('PUT', '/v1/connections/rot', { body });
  const maskingKey = await plane.plane.sources.maskingKey();
  const rotating = await startTestPlane(stores, {
    SCRIM_MASTER_KEY: fresh,
    SCRIM_MASTER_KEY_PREVIOUS: TEST_MASTER_KEY,
  });
  expect((await rotating.plane.sources.connections()).length).toBeGreaterThan(0);
  const first = await rotating.call('POST', '/v1/credentials/rotate');
  expect(first.body.credentials).toBeGreaterThan(0);
  expect(first.body.signingKeys).toBeGreaterThan(0);
  const second = await rotating.call('POST', '/v1/credentials/rotate');
  expect(second.body).toMatchObject({ credentials: 0, signingKeys: 0 });
  await rotating.stop();

  const after = await startTestPlane(stores, { SCRIM_MASTER_KEY: fresh });
  const stored = (await after.plane.sources.connections()).find((one) => one.name === 'rot');
  expect(stored?.credential).toEqual({ username: 'u', password: { value: 'rotate-me' } });
  expect(await after.plane.sources.maskingKey()).toBe(maskingKey);
  await after.stop();

  await expect(startTestPlane(stores)).rejects.toThrow('set SCRIM_MASTER_KEY_PREVIOUS to it');
});

test('a ciphertext moved to another credential or field does not open', async () => {
  const other = await startTestPlane(stores, { SCRIM_MASTER_KEY: fresh });
  const { prisma } = other.plane.context.db;
  await prisma.connection.deleteMany();
  await prisma.credential.deleteMany();
  const spec = { protocol: 'ssh', target: { host: 'h', hostKey: 'k' } };
  const credential = { username: 'u', password: { value: 'one' }, privateKey: { value: 'two' } };
  for (const name of ['a', 'b'])
    await other.call('PUT', `/v1/connections/${name}`, { body: { name, ...spec, credential } });
  const [a, b] = await prisma.credential.findMany({ orderBy: { id: 'asc' } });
  const fields = a?.fields as Record<string, object>;
  const swapped = { ...fields, password: fields.privateKey, privateKey: fields.password };
  await prisma.credential.update({ where: { id: a?.id as string }, data: { fields: swapped } });
  await expect(other.plane.sources.connections()).rejects.toThrow();
  const { wrappedKey, keyId } = b ?? {};
  await prisma.credential.update({
    where: { id: a?.id as string },
    data: { fields: b?.fields ?? {}, wrappedKey: wrappedKey ?? null, keyId: keyId ?? null },
  });
  await expect(other.plane.sources.connections()).rejects.toThrow();
  await other.stop();
});
