import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { type Connection, connectionSchema, type SecretSource } from '@scrim/model';
import { resolveSecrets } from './resolve.ts';

const saved = { ...process.env };
afterEach(() => {
  process.env = { ...saved };
});

function connectionWith(password: SecretSource): Connection {
  return connectionSchema.parse({
    name: 'shop',
    protocol: 'postgres',
    target: { host: 'db', database: 'shop' },
    credential: { username: 'app', password },
  });
}

test('reads a value, an environment variable and a file without its final newline', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'scrim-secret-'));
  const file = join(folder, 'password');
  await writeFile(file, 'from file\n');
  process.env.SHOP_PASSWORD = 'from env';
  const read = async (source: SecretSource) =>
    (await resolveSecrets(connectionWith(source))).password?.reveal();
  expect(await read({ value: 'inline' })).toBe('inline');
  expect(await read({ env: 'SHOP_PASSWORD' })).toBe('from env');
  expect(await read({ file })).toBe('from file');
  await rm(folder, { recursive: true });
});

test('a missing secret is refused without telling the caller where it should have been', async () => {
  const attempt = resolveSecrets(connectionWith({ env: 'NOT_SET_ANYWHERE' }));
  await expect(attempt).rejects.toMatchObject({ refusal: { code: 'SCRIM_TARGET_CREDENTIAL' } });
  await expect(attempt).rejects.toMatchObject({
    refusal: { message: expect.not.stringContaining('NOT_SET') },
  });
  await expect(attempt).rejects.toMatchObject({ cause: expect.stringContaining('NOT_SET_ANYWHERE') });
});

test('reads a field of a KV version 2 secret and refuses a wrong token', async () => {
  const server = createServer((request, response) => {
    if (request.headers['x-vault-token'] !== 'root') {
      response.writeHead(403).end('{"errors":["permission denied"]}');
      return;
    }
    const known = request.url === '/v1/secret/data/shop';
    response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' });
    response.end(
      known ? '{"data":{"data":{"password":"from vault"},"metadata":{"version":1}}}' : '{"errors":[]}',
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env.VAULT_ADDR = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env.VAULT_TOKEN = 'root';
  const secrets = await resolveSecrets(connectionWith({ vault: 'secret/data/shop#password' }));
  expect(secrets.password?.reveal()).toBe('from vault');
  await expect(resolveSecrets(connectionWith({ vault: 'secret/data/other#password' }))).rejects.toMatchObject(
    {
      cause: expect.stringContaining('404'),
    },
  );
  process.env.VAULT_TOKEN = 'wrong';
  await expect(resolveSecrets(connectionWith({ vault: 'secret/data/shop#password' }))).rejects.toMatchObject({
    cause: expect.stringContaining('403'),
  });
  server.close();
});
