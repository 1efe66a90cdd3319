import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { RefusalError, Secret, type Snapshot } from '@scrim/model';
import { UnsecuredJWT } from 'jose';
import { createIdentifier } from './identifier.ts';
import { type TestKey, type TestProvider, testKey, testProvider, testSnapshot } from './testing.ts';

const NOW = 1_800_000_000_000;
const NOW_S = NOW / 1000;
const TYPED = { typ: 'scrim+jwt' };

let key: TestKey;
let provider: TestProvider;

beforeAll(async () => {
  // The provider warns that its development features are on; that is what they are here for.
  for (const level of ['warn', 'info'] as const) jest.spyOn(console, level).mockImplementation(() => {});
  key = await testKey('EdDSA', 'k1');
  provider = await testProvider();
});
afterAll(() => provider.close());

const claims = {
  sub: 'alice@example.com',
  g: ['agents'],
  c: ['shop'],
  kind: 'machine',
  aud: 'scrim',
  jti: 't1',
  exp: NOW_S + 3600,
};

function identifier(tokens: Partial<Snapshot['tokens']>, now = NOW) {
  return createIdentifier({ snapshot: () => testSnapshot(tokens), now: () => now });
}

type Issuer = Snapshot['tokens']['issuers'][number];

function issuer(over: Partial<Issuer> = {}): Issuer {
  return {
    issuer: provider.url,
    audiences: ['gateway', 'scrim-edge'],
    algorithms: ['ES256'],
    subjectClaim: 'email',
    groupsClaim: 'realm_access.roles',
    attributeClaims: ['sub', 'realm_access'],
    kind: 'person',
    keys: provider.jwks,
    machines: [],
    ...over,
  };
}

async function codeOf(promise: Promise<unknown>, token?: string): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof RefusalError)) throw new Error(`expected a refusal, got ${String(error)}`);
  expect(error.refusal.hint).toBeTruthy();
  for (const part of token?.split('.').filter((piece) => piece.length > 8) ?? []) {
    expect(JSON.stringify([error.refusal, error.message, error.stack, String(error.cause)])).not.toContain(
      part,
    );
  }
  return `${error.refusal.code}: ${error.refusal.message}`;
}

test('knows the bearer of a Scrim token', async () => {
  const token = await key.sign(claims, TYPED);
  expect(token.length).toBeLessThanOrEqual(512);
  expect(await identifier({ scrim: [key.jwk] }).identify(new Secret(token))).toEqual({
    subject: 'alice@example.com',
    groups: ['agents'],
    kind: 'machine',
    issuer: 'scrim',
    tokenId: 't1',
    expiresAt: NOW + 3_630_000,
    connections: ['shop'],
    attributes: {},
  });
});

test('words each failure of a Scrim token by its own code and hint, never by its content', async () => {
  const other = await testKey('EdDSA', 'k1');
  const unknown = await testKey('EdDSA', 'k2');
  const { exp: _, ...endless } = claims;
  const cases: [string, string, RegExp][] = [
    ['nothing', '  ', /AUTH_MISSING/],
    ['a password', 'hunter2-hunter2', /AUTH_INVALID: .*not a token/],
    ['three parts of nothing', 'a.b.c', /AUTH_INVALID: .*not a token/],
    ['too long', 'x'.repeat(20_000), /AUTH_INVALID: .*too long/],
    ['expired', await key.sign({ ...claims, exp: NOW_S - 31 }, TYPED), /AUTH_EXPIRED/],
    ['no expiry', await key.sign(endless, TYPED), /AUTH_INVALID: .*no "exp" claim/],
    [
      'from the future',
      await key.sign({ ...claims, nbf: NOW_S + 60 }, TYPED),
      /AUTH_INVALID: .*not valid yet/,
    ],
    ['another audience', await key.sign({ ...claims, aud: 'shop' }, TYPED), /AUTH_AUDIENCE/],
    ['another key of that id', await other.sign(claims, TYPED), /AUTH_INVALID: .*signature/],
    ['an unknown key', await unknown.sign(claims, TYPED), /AUTH_INVALID: .*key this edge does not know/],
    ['untyped', await key.sign(claims), /AUTH_INVALID: .*issuer this gateway does not trust/],
    ['a lost binding', await key.sign({ ...claims, c: 'shop' }, TYPED), /AUTH_INVALID: .*lacks/],
    ['an odd kind', await key.sign({ ...claims, kind: 'root' }, TYPED), /AUTH_INVALID: .*lacks/],
    ['a long one', await key.sign({ ...claims, x: 'y'.repeat(400) }, TYPED), /AUTH_INVALID: .*lacks/],
  ];
  const edge = identifier({ scrim: [key.jwk] });
  for (const [name, token, expected] of cases) {
    expect(`${name}: ${await codeOf(edge.identify(new Secret(token)), token)}`).toMatch(expected);
  }
});

test('an unsigned token is refused whatever it claims to be', async () => {
  const head = Buffer.from('{"alg":"none","typ":"scrim+jwt"}').toString('base64url');
  const [, body] = new UnsecuredJWT(claims).encode().split('.');
  expect(await codeOf(identifier({ scrim: [key.jwk] }).identify(new Secret(`${head}.${body}.`)))).toMatch(
    /algorithm that is not allowed/,
  );
});

test('takes clocks that differ by less than half a minute', async () => {
  const edge = identifier({ scrim: [key.jwk] });
  const late = await key.sign({ ...claims, exp: NOW_S - 20 }, TYPED);
  const early = await key.sign({ ...claims, jti: 't2', nbf: NOW_S + 20 }, TYPED);
  expect((await edge.identify(new Secret(late))).expiresAt).toBeGreaterThan(NOW);
  expect((await edge.identify(new Secret(early))).tokenId).toBe('t2');
});

test('refuses a revoked token also when it was verified before, and trusts no key a newer snapshot dropped', async () => {
  const token = new Secret(await key.sign(claims, TYPED));
  let snapshot = testSnapshot({ scrim: [key.jwk] });
  const edge = createIdentifier({ snapshot: () => snapshot, now: () => NOW });
  await edge.identify(token);
  snapshot = { ...snapshot, tokens: { ...snapshot.tokens, revoked: [{ tokenId: 't1', until: NOW + 1 }] } };
  expect(await codeOf(edge.identify(token))).toMatch(/AUTH_REVOKED/);
  snapshot = testSnapshot({ scrim: [] }, 'v2');
  expect(await codeOf(edge.identify(token))).toMatch(/key this edge does not know/);
});

test('remembers a verified token until it expires, and only so many', async () => {
  let now = NOW;
  const edge = createIdentifier({
    snapshot: () => testSnapshot({ scrim: [key.jwk] }),
    now: () => now,
    cacheSize: 2,
  });
  const token = new Secret(await key.sign(claims, TYPED));
  const first = await edge.identify(token);
  expect(await edge.identify(token)).toBe(first);
  for (const jti of ['a', 'b']) await edge.identify(new Secret(await key.sign({ ...claims, jti }, TYPED)));
  expect(await edge.identify(token)).not.toBe(first);
  now += 3_700_000;
  expect(await codeOf(edge.identify(token))).toMatch(/AUTH_EXPIRED/);
});

test('knows people by the ID token of a real provider, with nested groups and attributes', async () => {
  const edge = identifier({ issuers: [issuer()] }, Date.now());
  const caller = await edge.identify(new Secret(await provider.idToken('bob@example.com')));
  expect(caller).toMatchObject({
    subject: 'bob@example.com',
    groups: ['engineers', 'dba'],
    kind: 'person',
    issuer: provider.url,
    attributes: { sub: 'bob@example.com' },
  });
  expect(caller.tokenId).not.toBe('');
});

test('refuses the ID token of an unverified address, a foreign audience, algorithm, key and a stale one', async () => {
  const token = await provider.idToken('bob@example.com');
  const stranger = await testKey('ES256', 'provider');
  const check = (over: Parameters<typeof issuer>[0], now = Date.now(), presented = token) =>
    codeOf(identifier({ issuers: [issuer(over)] }, now).identify(new Secret(presented)), presented);
  expect(await check({ audiences: ['elsewhere'] })).toMatch(/AUTH_AUDIENCE/);
  expect(await check({ algorithms: ['RS256'] })).toMatch(/algorithm that is not allowed/);
  expect(await check({ algorithms: ['HS256', 'none'] })).toMatch(/algorithm that is not allowed/);
  expect(await check({ keys: [stranger.jwk] })).toMatch(/signature/);
  expect(await check({ issuer: 'https://elsewhere.example' })).toMatch(/does not trust/);
  expect(await check({}, Date.now() + 2 * 3_600_000)).toMatch(/AUTH_EXPIRED/);
  expect(await check({ groupsClaim: 'realm_access' })).toMatch(/not a list of names/);
  expect(await check({ subjectClaim: 'upn' })).toMatch(/no usable "upn" claim/);
  const unverified = await provider.idToken('unverified@example.com');
  expect(await check({}, Date.now(), unverified)).toMatch(/not verified/);
});

test('knows a machine by its access token, and a token without groups has none', async () => {
  const token = new Secret(await provider.clientToken());
  const config = issuer({
    subjectClaim: 'sub',
    groupsClaim: '__proto__.polluted',
    kind: 'machine',
    machines: [{ name: 'gateway', conditions: { client_id: 'gateway' }, groups: [] }],
  });
  expect(await identifier({ issuers: [config] }, Date.now()).identify(token)).toMatchObject({
    subject: 'gateway',
    groups: [],
    kind: 'machine',
  });
});

test('a logout token proves no presence', async () => {
  const es = await testKey('ES256', 'e1');
  const payload = { iss: provider.url, aud: 'gateway', email: 'a@b.c', exp: NOW_S + 60, jti: 'l' };
  const token = await es.sign(payload, { typ: 'logout+jwt' });
  const edge = identifier({ issuers: [issuer({ keys: [es.jwk] })] });
  expect(await codeOf(edge.identify(new Secret(token)))).toMatch(/not one to sign in with/);
});

/** What a GitHub Actions job presents (claims as in GitHub's OIDC reference), and the provider that vouches for it. */
async function continuousIntegration() {
  const provider = await testKey('RS256', 'ci-1');
  const claims = {
    iss: 'https://token.actions.githubusercontent.com',
    aud: 'scrim',
    sub: 'repo:acme/shop:ref:refs/heads/main',
    repository: 'acme/shop',
    ref: 'refs/heads/main',
    run_attempt: '1',
    jti: 'job-1',
    exp: NOW_S + 300,
  };
  const trust = issuer({
    issuer: claims.iss,
    audiences: ['scrim'],
    algorithms: ['RS256'],
    subjectClaim: 'sub',
    groupsClaim: 'groups',
    attributeClaims: ['repository'],
    kind: 'machine',
    keys: [provider.jwk],
    machines: [
      {
        name: 'shop-ci',
        conditions: { repository: 'acme/shop', ref: ['refs/heads/main', 'refs/heads/release-*'] },
        groups: ['deployers'],
      },
      { name: 'any-acme', conditions: { repository: 'acme/*' }, groups: ['agents', 'deployers'] },
    ],
  });
  return { provider, claims, trust };
}

test("takes a CI job's own token and gives it the groups of the machines it fits", async () => {
  const { provider: ci, claims: job, trust } = await continuousIntegration();
  const edge = identifier({ issuers: [trust] });
  expect(await edge.identify(new Secret(await ci.sign(job)))).toMatchObject({
    subject: job.sub,
    kind: 'machine',
    groups: ['deployers', 'agents'],
    attributes: { repository: 'acme/shop' },
  });
  const branch = await ci.sign({ ...job, jti: 'job-2', ref: 'refs/heads/feature' });
  expect((await edge.identify(new Secret(branch))).groups).toEqual(['agents', 'deployers']);
});

test('refuses a CI token that fits no machine identity, however well it is signed', async () => {
  const { provider: ci, claims: job, trust } = await continuousIntegration();
  const edge = identifier({ issuers: [trust] });
  const strangers = [
    { ...job, repository: 'somebody/shop' },
    { ...job, repository: 'xacme/shop' },
    { ...job, repository: undefined },
    { ...job, repository: ['acme/shop'] },
    { ...job, repository: { toString: 'acme/shop' } },
  ];
  for (const claim of strangers) {
    const token = await ci.sign(claim);
    expect(await codeOf(edge.identify(new Secret(token)), token)).toMatch(/AUTH_INVALID: .*fits no machine/);
  }
  const token = await ci.sign(job);
  const unbound = { ...trust, machines: [{ name: 'x', conditions: {}, groups: ['dba'] }] };
  for (const machines of [[], unbound.machines]) {
    const lenient = identifier({ issuers: [{ ...trust, machines }] });
    expect(await codeOf(lenient.identify(new Secret(token)), token)).toMatch(/fits no machine/);
  }
  expect(await codeOf(edge.identify(new Secret(await ci.sign({ ...job, aud: 'pypi' }))))).toMatch(/AUDIENCE/);
});
