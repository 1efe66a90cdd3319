import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  type JSONWebKeySet,
  jwtVerify,
  SignJWT,
} from 'jose';
import {
  CLIENT_ID,
  startTestIdentityProvider,
  type TestIdentityProvider,
} from '../../testing/identity-provider.ts';
import { startTestPlane, startTestStores, type TestPlane, type TestStores } from '../../testing/plane.ts';

let stores: TestStores;
let plane: TestPlane;
let provider: TestIdentityProvider;
beforeAll(async () => {
  [stores, provider] = await Promise.all([startTestStores(), startTestIdentityProvider()]);
  plane = await startTestPlane(stores);
  const issuer = { url: provider.url, audiences: [CLIENT_ID] };
  const answer = await plane.call('PUT', '/v1/issuers', { body: issuer });
  expect([answer.status, answer.body.keys]).toEqual([200, 1]);
  for (const name of ['shop', 'hr'])
    await plane.call('PUT', `/v1/connections/${name}`, {
      body: {
        name,
        protocol: 'postgres',
        target: { host: 'h', database: 'd' },
        credential: { username: 'u', password: { env: 'X' } },
      },
    });
}, 60_000);
afterAll(async () => {
  await plane?.stop();
  await provider?.stop();
  await stores?.stop();
});

const alice = { email: 'alice@example.com', groups: ['engineers'] };
const exchange = (token: string, more: object = {}) =>
  plane.call('POST', '/v1/tokens/exchange', { body: { token, ...more }, bearer: null });
const whoami = (bearer: string) => plane.call('GET', '/v1/whoami', { bearer });

test('the keys edges get verify the tokens they are shown', async () => {
  const spec = { subject: 'alice@example.com', groups: ['agents'], connections: ['shop'], ttlSeconds: 3600 };
  const { body } = await plane.call('POST', '/v1/tokens', { body: spec });
  expect(Buffer.byteLength(body.token)).toBeLessThanOrEqual(512);
  const { scrim } = await plane.plane.sources.trust();
  const keySet = createLocalJWKSet({ keys: scrim } as unknown as JSONWebKeySet);
  const options = { typ: 'scrim+jwt', audience: 'scrim', algorithms: ['EdDSA'] };
  const { payload } = await jwtVerify(body.token, keySet, options);
  expect(payload).toMatchObject({
    sub: 'alice@example.com',
    g: ['agents'],
    c: ['shop'],
    kind: 'person',
    jti: body.tokenId,
  });
  expect(new Date(body.expiresAt).getTime()).toBe((payload.exp as number) * 1000);
  expect(JSON.stringify(scrim)).not.toContain('"d"');
});

test('an ID token is exchanged for a Scrim token, also by somebody nobody has heard of', async () => {
  const answer = await exchange(await provider.sign(alice), { connections: ['shop'], ttlSeconds: 600 });
  expect(answer.body).toMatchObject({
    subject: 'alice@example.com',
    groups: ['engineers'],
    connections: ['shop'],
  });
  expect(decodeProtectedHeader(answer.body.token).typ).toBe('scrim+jwt');
  const { body } = await plane.call('GET', '/v1/audit?action=token.issue&limit=1');
  expect(body.items[0]).toMatchObject({
    actor: 'alice@example.com',
    resource: `token/${answer.body.tokenId}`,
  });
});

test('an ID token opens the REST API with the roles of its groups', async () => {
  await plane.call('PUT', '/v1/role-bindings', { body: { group: 'security', role: 'auditor' } });
  const { body } = await whoami(await provider.sign({ email: 'bob@example.com', groups: ['security'] }));
  expect(body).toMatchObject({ subject: 'bob@example.com', roles: ['auditor', 'user'], via: 'oidc' });
});

test.each<[string, () => Promise<string>]>([
  ['an expired token', () => provider.sign({ ...alice, exp: Math.floor(Date.now() / 1000) - 60 })],
  ['a token for somebody else', () => provider.sign({ ...alice, aud: 'another-client' })],
  ['a token of an issuer nobody trusts', () => provider.sign({ ...alice, iss: 'https://evil.example.com' })],
  ['a logout token', () => provider.sign(alice, { typ: 'logout+jwt' })],
  ['a token without a subject', () => provider.sign({ groups: [] })],
  ['an unverified address', () => provider.sign({ ...alice, email_verified: false })],
  ['groups of another shape', () => provider.sign({ ...alice, groups: { admin: true } as never })],
  [
    'a changed claim',
    async () => {
      const [head, , signature] = (await provider.sign(alice)).split('.');
      const claims = { ...decodeJwt(await provider.sign(alice)), groups: ['security'] };
      return `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
    },
  ],
  [
    'no signature at all',
    async () => {
      const head = Buffer.from('{"alg":"none"}').toString('base64url');
      const [, claims] = (await provider.sign(alice)).split('.');
      return `${head}.${claims}.AA`;
    },
  ],
  [
    'the public key used as a shared secret',
    async () => {
      const [trusted] = (await plane.plane.sources.trust()).issuers;
      const secret = new TextEncoder().encode(JSON.stringify(trusted?.keys[0]));
      return new SignJWT({ ...alice, iss: provider.url, aud: CLIENT_ID })
        .setProtectedHeader({ alg: 'HS256', kid: 'key-1' })
        .setExpirationTime('5m')
        .sign(secret);
    },
  ],
])('refuses %s', async (_what, token) => {
  const text = await token();
  for (const answer of [await whoami(text), await exchange(text)])
    expect([answer.status, answer.body.code]).toEqual([401, 'SCRIM_API_UNAUTHENTICATED']);
});

test('a revoked token is refused here and told to the edges at once', async () => {
  const told: unknown[] = [];
  const stop = await plane.plane.context.bus.subscribe('scrim:revocations', (message) => told.push(message));
  const { body } = await exchange(await provider.sign(alice));
  expect((await whoami(body.token)).status).toBe(200);
  const before = Date.now();
  const revoked = await plane.call('POST', `/v1/tokens/${body.tokenId}/revoke`, { bearer: body.token });
  expect(revoked.body).toMatchObject({ tokenId: body.tokenId, announced: true });
  while (told.length === 0 && Date.now() - before < 1_000)
    await new Promise((resolve) => setTimeout(resolve, 5));
  expect(told).toEqual([{ tokenId: body.tokenId, until: new Date(body.expiresAt).getTime() }]);
  stop();
  expect((await whoami(body.token)).body.detail).toBe('the token was revoked');
  expect(await plane.plane.sources.revoked()).toContainEqual({
    tokenId: body.tokenId,
    until: new Date(body.expiresAt).getTime(),
  });
});

test('nobody revokes the token of somebody else, nor learns whether it exists', async () => {
  const mine = (await exchange(await provider.sign(alice))).body;
  const theirs = (await exchange(await provider.sign({ email: 'bob@example.com' }))).body;
  for (const id of [theirs.tokenId, 'made-up'])
    expect((await plane.call('POST', `/v1/tokens/${id}/revoke`, { bearer: mine.token })).status).toBe(404);
  expect((await whoami(theirs.token)).status).toBe(200);
});

test('a token cannot beget another, and one bound to connections has no roles', async () => {
  await plane.call('PUT', '/v1/role-bindings', { body: { group: 'dba', role: 'approver' } });
  const dba = await provider.sign({ email: 'carol@example.com', groups: ['dba'] });
  const free = (await exchange(dba)).body.token;
  const bound = (await exchange(dba, { connections: ['shop'] })).body.token;
  expect((await whoami(free)).body.roles).toEqual(['approver', 'user']);
  expect((await whoami(bound)).body.roles).toEqual(['user']);
  for (const bearer of [free, bound]) {
    expect((await plane.call('POST', '/v1/tokens', { body: {}, bearer })).status).toBe(403);
    expect((await exchange(bearer)).status).toBe(401);
  }
});

test('whoever is no administrator gets tokens for oneself only, with one’s own groups only', async () => {
  const bearer = await provider.sign(alice);
  const post = (body: object) => plane.call('POST', '/v1/tokens', { body, bearer });
  expect((await post({ ttlSeconds: 60 })).body).toMatchObject({
    subject: 'alice@example.com',
    groups: ['engineers'],
  });
  expect((await post({ groups: [] })).body.groups).toEqual([]);
  expect((await post({ groups: ['dba'] })).body.field).toBe('groups');
  expect((await post({ subject: 'bob@example.com' })).status).toBe(403);
});

test('refuses what no client could carry or nobody registered', async () => {
  const groups = Array.from({ length: 40 }, (_, index) => `a-rather-long-group-name-${index}`);
  const long = await plane.call('POST', '/v1/tokens', { body: { subject: 'x', groups } });
  expect([long.status, long.body.field]).toEqual([422, 'groups']);
  expect(long.body.detail).toMatch(/would be \d+ bytes; at most 512/);
  const unknown = await plane.call('POST', '/v1/tokens', {
    body: { subject: 'x', connections: ['shop', 'shpo'] },
  });
  expect(unknown.body.field).toBe('connections[1]');
  const eternal = await plane.call('POST', '/v1/tokens', { body: { subject: 'x', ttlSeconds: 10_000_000 } });
  expect(eternal.body.field).toBe('ttlSeconds');
});

test('production mode has no development issuer, and no built-in administrator', async () => {
  const environment = { SCRIM_MODE: 'production', SCRIM_ADMIN_TOKEN: '' };
  const { key } = (
    await plane.call('POST', '/v1/api-keys', {
      body: { name: 'a', subject: 'root', groups: ['ops'], roles: ['admin'] },
    })
  ).body;
  const production = await startTestPlane(stores, environment);
  const call = (body: object) => production.call('POST', '/v1/tokens', { body, bearer: key });
  expect((await production.call('GET', '/v1/whoami')).status).toBe(401);
  const foreign = await call({ subject: 'alice@example.com', groups: ['agents'] });
  expect([foreign.status, foreign.body.code]).toEqual([403, 'SCRIM_API_FORBIDDEN']);
  expect((await call({ groups: ['dba'] })).status).toBe(422);
  expect((await call({})).body).toMatchObject({ subject: 'root', groups: ['ops'] });
  const issuer = { url: 'http://127.0.0.1:1', audiences: ['x'] };
  const plain = await production.call('PUT', '/v1/issuers', { body: issuer, bearer: key });
  expect(plain.body.detail).toContain('is not https');
  await production.stop();
});

test('a machine is known by its claims, all of them', async () => {
  const machine = {
    name: 'shop-ci',
    issuer: provider.url,
    conditions: { repository: 'acme/shop', ref: 'refs/heads/*' },
    groups: ['deployers'],
  };
  expect((await plane.call('PUT', '/v1/machine-identities/shop-ci', { body: machine })).status).toBe(200);
  const claims = { email: 'ci@example.com', repository: 'acme/shop', ref: 'refs/heads/main' };
  expect((await exchange(await provider.sign(claims))).body.groups).toEqual(['deployers']);
  expect((await exchange(await provider.sign({ ...claims, ref: 'refs/tags/v1' }))).body.groups).toEqual([]);
  expect((await exchange(await provider.sign({ ...claims, repository: undefined }))).body.groups).toEqual([]);
  const removal = await plane.call('DELETE', `/v1/issuers?url=${encodeURIComponent(provider.url)}`);
  expect([removal.status, removal.body.detail]).toEqual([
    409,
    'the machine identity "shop-ci" is known by this issuer',
  ]);
});

test('of a machine provider only machines that are known get in, and edges are told which those are', async () => {
  const github = await startTestIdentityProvider();
  const url = github.url;
  const body = { url, audiences: [CLIENT_ID], kind: 'machine', subjectClaim: 'sub' };
  await plane.call('PUT', '/v1/issuers', { body });
  const stranger = await github.sign({ repository: 'somebody/else' });
  expect((await exchange(stranger)).body.detail).toBe('no machine identity fits the token');
  expect((await whoami(stranger)).status).toBe(401);
  const machine = { name: 'ours', issuer: url, conditions: { repository: 'acme/*' }, groups: ['ci'] };
  const told: unknown[] = [];
  const stop = await plane.plane.context.bus.subscribe('scrim:changes', (message) => told.push(message));
  await plane.call('PUT', '/v1/machine-identities/ours', { body: machine });
  const ours = await exchange(await github.sign({ repository: 'acme/shop' }));
  expect(ours.body).toMatchObject({ subject: '42', groups: ['ci'] });
  expect(decodeJwt(ours.body.token).kind).toBe('machine');
  const { conditions, groups, name } = machine;
  const trusted = async () => (await plane.plane.sources.trust()).issuers.find((one) => one.issuer === url);
  expect(await trusted()).toMatchObject({ kind: 'machine', machines: [{ name, conditions, groups }] });
  const either = { ...machine, conditions: { repository: ['acme/shop', 'acme/web-*'] } };
  await plane.call('PUT', '/v1/machine-identities/ours', { body: either });
  expect((await exchange(await github.sign({ repository: 'acme/web-2' }))).status).toBe(200);
  expect((await exchange(await github.sign({ repository: 'acme/api' }))).status).toBe(401);
  await plane.call('DELETE', '/v1/machine-identities/ours');
  expect((await trusted())?.machines).toEqual([]);
  expect(told).toEqual([1, 2, 3].map(() => ({ what: 'issuers', names: [url] })));
  stop();
  await github.stop();
});

test('an issuer that does not answer, or is not who it says, is refused when it is added', async () => {
  const dead = await plane.call('PUT', '/v1/issuers', {
    body: { url: 'http://127.0.0.1:1', audiences: ['x'] },
  });
  expect([dead.status, dead.body.code]).toEqual([502, 'SCRIM_API_UPSTREAM']);
  const weak = { url: provider.url, audiences: ['x'], algorithms: ['HS256'] };
  expect((await plane.call('PUT', '/v1/issuers', { body: weak })).status).toBe(422);
});

test('a key the provider rotated in is taken up with the first token it signs', async () => {
  const told: unknown[] = [];
  const stop = await plane.plane.context.bus.subscribe('scrim:changes', (message) => told.push(message));
  const old = await provider.sign(alice);
  await provider.rotate();
  expect((await whoami(await provider.sign(alice))).status).toBe(200);
  expect((await whoami(old)).status).toBe(401);
  await new Promise((resolve) => setTimeout(resolve, 50));
  stop();
  expect(told).toContainEqual({ what: 'issuers', names: [provider.url] });
});

test('expired revocations and tokens are forgotten, by one replica at a time', async () => {
  const { createIdentityUpkeep } = await import('./upkeep.ts');
  const { createIssuers } = await import('./issuers.ts');
  const later = { ...plane.plane.context, now: () => Date.now() + 30 * 86_400_000 };
  const upkeep = createIdentityUpkeep(later, createIssuers(later));
  const client = await later.db.pool.connect();
  await client.query(`SELECT pg_advisory_lock(hashtext('scrim identity upkeep'))`);
  expect(await upkeep.run()).toBe(false);
  await client.query(`SELECT pg_advisory_unlock(hashtext('scrim identity upkeep'))`);
  client.release();
  expect(await upkeep.run()).toBe(true);
  expect(await later.db.prisma.revokedToken.count()).toBe(0);
  expect(await later.db.prisma.issuedToken.count()).toBe(0);
});
