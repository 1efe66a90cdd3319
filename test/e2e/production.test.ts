import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { findProgram, freePort } from '@scrim/embedded-stores';
import { UnsecuredJWT } from 'jose';
import { testAuthority } from './certificates.ts';
import { CLIENT, type IdentityProvider, startIdentityProvider } from './identity-provider.ts';
import {
  caller,
  getsIn,
  type Plant,
  type Replica,
  type Running,
  rest,
  startEdge,
  startPlant,
  TARGET_PASSWORD,
} from './plant.ts';
import { SHOP } from './shop.ts';
import { eventually } from './stand.ts';

const run = promisify(execFile);
const SECRET = /219-09-\d{4}|user\d+@example\.com/;

let plant: Plant;
let first: Replica;
let second: Replica;
let admin: string;
let dba: string;
let provider: IdentityProvider;
let edge: Running;
let joinToken: string;
let port: number;
let file: string;
const dataDir = () => join(plant.folder, 'edge');

function document(): string {
  const { host, port: targetPort } = plant.target;
  const connection = (name: string, env: string, tls: string) => `
  - name: ${name}
    protocol: postgres
    target: { host: ${host}, port: ${targetPort}, database: shop, tls: { verify-full: { ca: ${tls} } } }
    credential: { username: postgres, password: { env: SHOP_PASSWORD } }
    labels: { env: ${env} }`;
  return `
apiVersion: scrim/v1
connections:${connection('shop', 'prod', plant.authority.ca)}${connection('mistrusted', 'prod', join(plant.folder, 'stranger-ca.pem'))}
policies:
  - name: production
    match: { labels: { env: prod }, groups: [agents, deployers] }
    mask:
      - { column: "customers.ssn", with: redact }
      - { detect: [secrets, pii.email], with: redact }
    guard:
      - { when: { sql: { statements: [drop_table] } }, do: block, reason: no destructive DDL }
      - { when: { sql: { unbounded: [update, delete] } }, do: hold, reason: it touches every row }
    approve: { by: [dba], quorum: 1, expires: 1m }
`;
}

interface Listed {
  readonly id: string;
  readonly name: string;
  readonly connected: boolean;
  readonly lastSeenAt: string;
}

async function newJoinToken(edgeName: string): Promise<string> {
  const { status, body } = await rest(first.api, admin, 'POST', '/v1/join-tokens', { edgeName });
  expect(status).toBe(201);
  return String(body.token);
}

beforeAll(async () => {
  for (const level of ['warn', 'info'] as const) jest.spyOn(console, level).mockImplementation(() => {});
  plant = await startPlant(SHOP);
  await testAuthority(plant.folder, 'stranger');
  file = join(plant.folder, 'scrim.yaml');
  writeFileSync(file, document());
  admin = await plant.adminKey('root@example.com');
  [first, second] = await Promise.all([plant.replica(), plant.replica()]);
  const https = await plant.authority.server('provider', '127.0.0.1');
  provider = await startIdentityProvider(https, plant.authority.ca);
}, 90_000);

afterAll(async () => {
  await provider?.stop();
  await edge?.stop();
  await Promise.all([first?.stop(), second?.stop()]);
  await plant?.stop();
}, 60_000);

test('the first administrator applies a file over REST, and applying it again changes nothing', async () => {
  expect(admin).toMatch(/^scrim_ak_/);
  const anonymous = plant.scrim(first.api, 'scrim_ak_nobody_at-all', 'diff', '-f', file);
  await expect(anonymous).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('mend:') });
  await expect(plant.scrim(first.api, admin, 'diff', '-f', file)).rejects.toMatchObject({
    code: 1,
    stdout: expect.stringContaining('+ connection shop'),
  });
  await plant.scrim(first.api, admin, 'apply', '-f', file);
  expect((await plant.scrim(second.api, admin, 'diff', '-f', file)).stdout).toBe('nothing changes\n');
  const key = await rest(first.api, admin, 'POST', '/v1/api-keys', {
    name: 'dba on duty',
    subject: 'dba@example.com',
    groups: ['dba'],
    roles: ['approver'],
  });
  dba = String(key.body.key);
});

test('an edge enrols once by its join token and is known by its certificate from then on', async () => {
  const tls = await plant.authority.server('edge', '127.0.0.1', 'edge.example.com');
  port = await freePort();
  joinToken = await newJoinToken('eu-1');
  const env = {
    SCRIM_EDGE_TLS_KEY_FILE: tls.key,
    SCRIM_EDGE_TLS_CERT_FILE: tls.cert,
    SCRIM_EDGE_PUBLIC_HOST: 'edge.example.com',
  };
  const options = { plant, controlPlane: second.grpc, data: dataDir(), port, env };
  edge = await startEdge({ ...options, join: joinToken });
  const known = await eventually(async () => {
    const { body } = await rest<{ items: Listed[] }>(first.api, admin, 'GET', '/v1/edges');
    return body.items.every((it) => it.connected) ? body.items : undefined;
  });
  expect(known).toMatchObject([{ name: 'eu-1', connected: true }]);
  // Killed outright: the edge under it ends by itself and the next start needs no join token.
  edge.child.kill('SIGKILL');
  edge = await eventually(() => startEdge(options));
  const again = startEdge({
    ...options,
    data: join(plant.folder, 'second-edge'),
    port: await freePort(),
    join: joinToken,
  });
  await expect(again).rejects.toThrow(/used already/);
});

test('people sign in with the ID token of their provider: its groups choose the policy, rows come masked', async () => {
  const issuer = { url: provider.url, audiences: [CLIENT.id] };
  expect((await rest(first.api, admin, 'PUT', '/v1/issuers', issuer)).status).toBe(200);
  const client = await getsIn(plant, port, await provider.idToken('bob@example.com'));
  const { rows } = await client.query('select ssn as harmless, email from customers where id = 7');
  expect(rows[0].harmless).toBe('***MASKED***');
  expect(JSON.stringify(rows)).not.toMatch(SECRET);
  await expect(client.query('drop table plain')).rejects.toMatchObject({ code: '42501' });
  await client.end();
  const outsider = await provider.sign({ email: 'eve@example.com', groups: ['marketing'] });
  await expect(caller(plant, port, outsider)).rejects.toMatchObject({ code: expect.stringMatching(/^28/) });
});

test('every bent ID token is refused with SQLSTATE 28xxx and a hint, and never quoted', async () => {
  const good = { email: 'bob@example.com', groups: ['agents'] };
  const now = Math.floor(Date.now() / 1000);
  const unsigned = new UnsecuredJWT({ ...good, iss: provider.url, aud: CLIENT.id, exp: now + 60 }).encode();
  const [head = '', body = ''] = (await provider.sign(good)).split('.');
  const cases: Readonly<Record<string, string>> = {
    'wrong audience': await provider.sign({ ...good, aud: 'another-service' }),
    'wrong issuer': await provider.sign({ ...good, iss: 'https://login.example.com' }),
    expired: await provider.sign({ ...good, exp: now - 120 }),
    'alg none': unsigned,
    'no signature': `${head}.${body}.`,
    'unverified address': await provider.sign({ ...good, email_verified: false }),
    'a password': 'hunter2-hunter2',
  };
  for (const [what, token] of Object.entries(cases)) {
    const error = await caller(plant, port, token).then(
      () => ({}),
      (thrown: { code?: string; hint?: string; message?: string }) => thrown,
    );
    expect({ what, ...error }).toMatchObject({
      what,
      code: expect.stringMatching(/^28/),
      hint: expect.stringMatching(/.{10}/),
    });
    expect(JSON.stringify(error)).not.toContain(token.slice(-20));
  }
  const { token } = (await exchanged(await provider.sign(good))).body;
  const client = await caller(plant, port, String(token));
  await client.end();
});

function exchanged(token: string) {
  return rest(first.api, 'nobody', 'POST', '/v1/tokens/exchange', {
    token,
    connections: ['shop'],
    ttlSeconds: 600,
  });
}

test('an exchanged token is short, opens its connection alone, and ends within a second of its revocation', async () => {
  const { status, body } = await exchanged(await provider.idToken('carol@example.com'));
  expect(status).toBe(200);
  const token = String(body.token);
  expect(token.length).toBeLessThanOrEqual(512);
  const client = await caller(plant, port, token);
  await expect(caller(plant, port, token, { database: 'mistrusted' })).rejects.toMatchObject({
    code: expect.stringMatching(/^(28|42501|3D)/),
  });
  const cut = new Promise((resolve) => client.once('end', resolve));
  await rest(second.api, admin, 'POST', `/v1/tokens/${body.tokenId}/revoke`);
  const since = Date.now();
  await cut;
  expect(Date.now() - since).toBeLessThan(1_000);
  await expect(caller(plant, port, token)).rejects.toMatchObject({ code: expect.stringMatching(/^28/) });
});

test('psql connects by sslmode=require and verify-full; without TLS everybody is refused', async () => {
  const { path, env } = await findProgram('psql');
  const token = await provider.idToken('bob@example.com');
  const psql = (mode: string, host = '127.0.0.1') =>
    run(
      path,
      ['-X', '-A', '-t', '-h', host, '-p', String(port), '-U', 'bob', '-c', 'select 41 + 1', 'shop'],
      {
        timeout: 20_000,
        env: { ...env, PGPASSWORD: token, PGSSLMODE: mode, PGSSLROOTCERT: plant.authority.ca },
      },
    );
  expect((await psql('require')).stdout).toBe('42\n');
  expect((await psql('verify-full')).stdout).toBe('42\n');
  await expect(psql('verify-full', 'localhost')).rejects.toMatchObject({
    stderr: expect.stringContaining('does not match host name'),
  });
  await expect(psql('disable')).rejects.toMatchObject({ stderr: expect.stringMatching(/TLS/) });
  await expect(caller(plant, port, token, { ssl: false })).rejects.toMatchObject({
    code: '28000',
    hint: expect.stringContaining('sslmode=require'),
  });
});

test('the development issuer is off: `scrim token` is refused and says what to do instead', async () => {
  const args = ['token', '--caller', 'alice@example.com', '--groups', 'agents', '--connection', 'shop'];
  await expect(plant.scrim(first.api, admin, ...args)).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/production mode[\s\S]*mend: .*\/v1\/tokens\/exchange/),
  });
});

test('a target that another authority vouches for is refused, in words that tell nothing of it', async () => {
  const token = await provider.idToken('bob@example.com');
  const error = await caller(plant, port, token, { database: 'mistrusted' }).then(
    () => ({}),
    (thrown: object) => thrown,
  );
  expect(error).toMatchObject({
    code: expect.stringMatching(/^08/),
    message: expect.stringMatching(/TLS|certificate/),
  });
  const said = JSON.stringify({ ...error, message: (error as Error).message });
  for (const secret of [String(plant.target.port), 'postgres@', TARGET_PASSWORD, plant.folder]) {
    expect(said).not.toContain(secret);
  }
  const client = await caller(plant, port, token);
  const { rows } = await client.query('select 1 as one');
  expect(rows).toEqual([{ one: 1 }]);
  await client.end();
});

test("a CI job's own token opens what its machine identity says, and a stranger's nothing", async () => {
  const issuer = {
    url: provider.url,
    audiences: [CLIENT.id],
    subjectClaim: 'sub',
    kind: 'machine',
    attributeClaims: ['repository'],
  };
  await rest(first.api, admin, 'PUT', '/v1/issuers', issuer);
  const job = { sub: 'repo:acme/shop:ref:refs/heads/main', repository: 'acme/shop', ref: 'refs/heads/main' };
  const machine = {
    name: 'shop-ci',
    issuer: provider.url,
    conditions: { repository: 'acme/shop', ref: ['refs/heads/main', 'refs/heads/release-*'] },
    groups: ['deployers'],
  };
  const put = await rest(first.api, admin, 'PUT', '/v1/machine-identities/shop-ci', machine);
  expect(put.status).toBe(200);
  const client = await getsIn(plant, port, await provider.sign(job));
  expect(JSON.stringify((await client.query('select * from customers limit 3')).rows)).not.toMatch(SECRET);
  await client.end();
  for (const claims of [
    { ...job, repository: 'mallory/shop' },
    { ...job, ref: 'refs/heads/feature' },
  ]) {
    await expect(caller(plant, port, await provider.sign(claims))).rejects.toMatchObject({
      code: expect.stringMatching(/^28/),
      message: expect.stringContaining('machine identity'),
      hint: expect.stringContaining('machine-identities'),
    });
  }
  await rest(first.api, admin, 'PUT', '/v1/issuers', { url: provider.url, audiences: [CLIENT.id] });
});

test('what an edge of one replica holds is decided at another, once, and the record of it verifies', async () => {
  const client = await getsIn(plant, port, await provider.idToken('bob@example.com'));
  const update = client.query('update payments set amount = amount + 1');
  const held = await eventually(async () => {
    const { stdout } = await plant.scrim(first.api, dba, 'approvals', 'ls', '--json');
    return (JSON.parse(stdout) as { id: string }[])[0];
  });
  await expect(plant.scrim(first.api, admin, 'approvals', 'approve', held.id)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('dba'),
  });
  await plant.scrim(first.api, dba, 'approvals', 'approve', held.id, '--comment', 'seen');
  expect((await update).rowCount).toBe(100);
  const late = plant.scrim(second.api, dba, 'approvals', 'deny', held.id);
  await expect(late).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/\S/) });
  await client.end();
  const session = await eventually(async () => {
    const { stdout } = await plant.scrim(second.api, admin, 'sessions', 'ls', '--text', 'payments', '--json');
    return (JSON.parse(stdout) as { id: string; closedAt: string | null }[]).find((it) => it.closedAt);
  });
  expect((await plant.scrim(first.api, admin, 'sessions', 'verify', session.id)).stdout).toContain('hold');
});

test('`scrim connect --print` gives a command that works', async () => {
  const me = await rest(first.api, admin, 'POST', '/v1/api-keys', {
    name: 'an agent',
    subject: 'agent@example.com',
    groups: ['agents'],
  });
  const { stdout } = await plant.scrim(first.api, String(me.body.key), 'connect', 'shop', '--print');
  const found = /^PGPASSWORD=(\S+) psql '?(postgresql:\/\/[^\s']+)'?\n$/.exec(stdout);
  const url = new URL(found?.[2] ?? '');
  expect([url.hostname, url.searchParams.get('sslmode')]).toEqual(['edge.example.com', 'require']);
  const client = await caller(plant, Number(url.port), String(found?.[1]));
  await client.end();
  await expect(plant.scrim(first.api, String(me.body.key), 'connect', 'nothing')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('nothing'),
  });
});

test('a replica that dies takes nothing with it: the other serves people, the edge serves callers', async () => {
  const token = await provider.idToken('bob@example.com');
  second.child.kill('SIGKILL');
  await second.ended();
  const client = await caller(plant, port, token);
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await client.end();
  expect((await plant.scrim(first.api, admin, 'diff', '-f', file)).stdout).toBe('nothing changes\n');
  second = Object.assign(await restarted(second), { api: second.api, grpc: second.grpc });
  await eventually(async () => {
    const { body } = await rest<{ items: Listed[] }>(first.api, admin, 'GET', '/v1/edges');
    const seen = body.items[0];
    return seen?.connected && Date.parse(seen.lastSeenAt) > Date.now() - 3_000 ? true : undefined;
  });
});

async function restarted(dead: Replica): Promise<Running> {
  const { Running: Process, CONTROL_PLANE } = await import('./plant.ts');
  const again = new Process(CONTROL_PLANE, [], {
    ...plant.env,
    SCRIM_HTTP_PORT: new URL(dead.api).port,
    SCRIM_GRPC_PORT: dead.grpc.split(':')[1],
  });
  await again.says(/"ready":true/);
  return again;
}

test('a revoked edge serves nobody any more, at once and after a restart', async () => {
  const token = await provider.idToken('bob@example.com');
  await (await caller(plant, port, token)).end();
  const { body } = await rest<{ items: Listed[] }>(first.api, admin, 'GET', '/v1/edges');
  await rest(first.api, admin, 'POST', `/v1/edges/${body.items[0]?.id}/revoke`);
  await eventually(async () => {
    const error = await caller(plant, port, token).then(
      () => undefined,
      (thrown: { code?: string }) => thrown,
    );
    return error?.code ? error : undefined;
  });
  expect(readFileSync(join(dataDir(), 'identity.json'), 'utf8')).not.toBe('');
  await edge.stop();
  const tls = {
    SCRIM_EDGE_TLS_KEY_FILE: join(plant.folder, 'edge.key'),
    SCRIM_EDGE_TLS_CERT_FILE: join(plant.folder, 'edge.pem'),
  };
  edge = await startEdge({ plant, controlPlane: second.grpc, data: dataDir(), port, env: tls });
  await expect(caller(plant, port, token)).rejects.toMatchObject({ code: expect.stringMatching(/\w{5}/) });
});
