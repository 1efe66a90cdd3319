import { writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SHOP, SHOP_DOCUMENT } from './shop.ts';
import { eventually, type Stand, startStand } from './stand.ts';

let stand: Stand;

beforeAll(async () => {
  const broken = `
  - name: away
    protocol: postgres
    target: { host: 127.0.0.1, port: 1, database: shop, tls: disable }
    credential: { username: postgres, password: { env: SHOP_PASSWORD } }
  - name: wrong-credential
    protocol: postgres
    target: { host: $HOST, port: $PORT, database: shop, tls: disable }
    credential: { username: postgres, password: { value: not-the-password } }
  - name: no-tls
    protocol: postgres
    target: { host: $HOST, port: $PORT, database: shop, tls: verify-full }
    credential: { username: postgres, password: { env: SHOP_PASSWORD } }
policies:`;
  stand = await startStand({
    setup: SHOP,
    document: SHOP_DOCUMENT.replace('policies:', broken.slice(1)),
    env: { SCRIM_EDGE_HANDSHAKE_TIMEOUT: '2s' },
  });
}, 90_000);
afterAll(() => stand?.stop(), 60_000);

function open(): Promise<Socket> {
  const { host, port } = stand.ready().postgres;
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, port }, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Everything the edge says until it closes. */
function untilClosed(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(chunks)));
  });
}

async function stillServes(): Promise<void> {
  const client = await stand.client(await stand.token());
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await client.end();
}

test.each([
  ['no token', '', '28'],
  ['not a token', 'hunter2', '28'],
  ['a token with a broken signature', 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.AAAA', '28'],
])('%s is refused in the handshake', async (_name, password, sqlClass) => {
  const attempt = stand.client(password);
  await expect(attempt).rejects.toMatchObject({ code: expect.stringMatching(`^${sqlClass}`) });
});

test('wrong connection, expired and revoked tokens are refused, each with a hint', async () => {
  const token = await stand.token();
  await expect(stand.client(token, 'other')).rejects.toMatchObject({
    code: expect.stringMatching(/^28/),
    hint: expect.stringContaining('scrim token'),
  });
  await expect(stand.client(await stand.token({ ttl: '1s' }).then(later), 'shop')).rejects.toMatchObject({
    code: expect.stringMatching(/^28/),
    message: expect.stringContaining('expired'),
  });
  const issued = JSON.parse(
    await stand.scrim('token', '--caller', 'a@example.com', '--connection', 'shop', '--json'),
  ) as { token: string; tokenId: string };
  const client = await stand.client(issued.token);
  const lost = new Promise<void>((resolve) => client.once('end', () => resolve()));
  const before = Date.now();
  await stand
    .scrim('token', 'revoke', issued.tokenId)
    .catch(() => stand.rest('POST', `/v1/tokens/${issued.tokenId}/revoke`));
  await lost;
  expect(Date.now() - before).toBeLessThan(3_000);
  await expect(stand.client(issued.token)).rejects.toMatchObject({ code: expect.stringMatching(/^28/) });
});

async function later(token: string): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, 8_000));
  return token;
}

test('an unknown connection is refused without naming the known ones', async () => {
  const token = await stand.token({ connection: 'nowhere' }).catch(() => undefined);
  if (token === undefined) return;
  await expect(stand.client(token, 'nowhere')).rejects.toMatchObject({
    message: expect.not.stringContaining('shop'),
  });
});

test.each([
  ['away', /could not be reached|unreachable/],
  ['wrong-credential', /credential/],
  ['no-tls', /TLS/],
])('a target that is %s is a clear error that leaks nothing', async (connection, message) => {
  const attempt = stand.client(await stand.token({ connection }), connection);
  await expect(attempt).rejects.toMatchObject({ message: expect.stringMatching(message) });
  const error = (await attempt.catch((it) => it)) as Error;
  const text = JSON.stringify({ ...error, message: error.message });
  expect(text).not.toContain(String(stand.target.port));
  expect(text).not.toContain('127.0.0.1');
  expect(text).not.toContain('postgres"');
});

test('garbage, oversized, truncated and slow start-ups are closed and the edge lives', async () => {
  const garbage = await open();
  garbage.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await untilClosed(garbage);
  const oversized = await open();
  oversized.write(Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0]));
  await untilClosed(oversized);
  const negative = await open();
  negative.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
  await untilClosed(negative);
  const truncated = await open();
  truncated.end(Buffer.from([0, 0, 0, 40, 0, 3, 0, 0, 0x75]));
  await untilClosed(truncated);
  const slow = await open();
  slow.write(Buffer.from([0]));
  const before = Date.now();
  await untilClosed(slow);
  expect(Date.now() - before).toBeLessThan(6_000);
  await stillServes();
});

test('garbage after the handshake ends that session alone', async () => {
  const bystander = await stand.client(await stand.token());
  const client = await stand.client(await stand.token());
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  const closed = new Promise<void>((resolve) => client.once('end', () => resolve()));
  stream.write(Buffer.from([0x7e, 0, 0, 0, 4]));
  await closed;
  expect((await bystander.query('select 2 as two')).rows).toEqual([{ two: 2 }]);
  await bystander.end();
});

test('a wrong file names file, line, problem and what is allowed', async () => {
  const file = join(stand.folder, 'wrong.yaml');
  writeFileSync(file, 'apiVersion: scrim/v1\nconnections:\n  - name: shop\n    protocol: postgress\n');
  const failure = (await stand.scrim('diff', '-f', file).catch((it) => it)) as {
    stderr: string;
    code: number;
  };
  expect(failure.code).toBe(2);
  expect(failure.stderr).toMatch(/wrong\.yaml:4/);
  expect(failure.stderr).toContain('postgres');
});

test('what was turned away at the door is an event', async () => {
  const metrics = await eventually(async () => {
    const page = await stand.rest<{ items: unknown[] }>('GET', '/v1/sessions?limit=1');
    return page;
  });
  expect(metrics.items.length).toBeGreaterThan(0);
});
