import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createOperator } from '@scrim/masking';
import { generateVaultKey, ValueDigest, VaultSealer } from '@scrim/vault';
import {
  startTestPlane,
  startTestStores,
  TEST_MASTER_KEY,
  type TestPlane,
  type TestStores,
} from '../../testing/plane.ts';
import { Vault } from './service.ts';
import type { ReportedToken } from './store.ts';

const LIMIT = 40;
const EDGE = randomUUID();
const REASON = 'ticket 4711';

let stores: TestStores;
let plane: TestPlane;
let vault: Vault;
/** Bearer texts by group. */
const keys: Record<string, string> = {};

beforeAll(async () => {
  stores = await startTestStores();
  plane = await startTestPlane(stores, { SCRIM_DETOKENISE_LIMIT: String(LIMIT) });
  const { context, configuration } = plane.plane;
  // A second one beside the plane's own, as another replica has it; its metrics are nobody's.
  const metrics = { registerMetric: () => undefined } as never;
  vault = new Vault({ ...context, metrics, policies: configuration.policies });
  for (const [name, group] of [
    ['crm', 'support'],
    ['pay', 'finance'],
  ] as const)
    await apply(name, { detokenise: [group] });
  await apply('closed', {});
  for (const group of ['support', 'finance', 'strangers', 'bulk']) {
    const body = { name: group, subject: `${group}@example.com`, groups: [group] };
    const made = await plane.call('POST', '/v1/api-keys', { body });
    expect(made.status).toBe(201);
    keys[group] = made.body.key as string;
  }
}, 60_000);
afterAll(async () => {
  await plane?.stop();
  await stores?.stop();
});

async function apply(name: string, more: object): Promise<void> {
  const mask = [{ detect: ['pii.email'], with: { tokenise: { reversible: true } } }];
  const body = { name, match: { groups: ['agents'] }, mask, ...more };
  expect((await plane.call('PUT', `/v1/policies/${name}`, { body })).status).toBe(200);
}

/** What an edge with the plane's snapshot reports for a value. */
async function report(value: string, policy: string, given?: string): Promise<ReportedToken> {
  const { sources } = plane.plane;
  const key = await sources.vault?.();
  const masking = Buffer.from(await sources.maskingKey(), 'base64');
  const token = given ?? (createOperator('tokenise', { masking }).apply(value, { type: 'text' }) as string);
  const sealer = new VaultSealer(Buffer.from(key?.publicKey ?? '', 'base64'));
  return {
    token,
    digest: new ValueDigest(masking).of(value),
    sealed: sealer.seal(value, token),
    keyId: key?.keyId ?? '',
    policy,
  };
}

async function keep(value: string, policy: string, given?: string): Promise<string> {
  const reported = await report(value, policy, given);
  await vault.put(EDGE, [reported]);
  return reported.token;
}

const detokenise = (group: string, body: object) =>
  plane.call('POST', '/v1/detokenise', { bearer: keys[group] as string, body: { reason: REASON, ...body } });

async function stateOf(group: string, token: string): Promise<string> {
  const { status, body } = await detokenise(group, { tokens: [token] });
  return status === 200 ? (body.tokens[0].state as string) : (body.code as string);
}

async function audited(action: string): Promise<{ actor: string; after: Record<string, unknown> }[]> {
  const { body } = await plane.call('GET', `/v1/audit?action=${action}&limit=500`);
  return body.items;
}

test('a policy names who may have its tokens opened; nobody else may, whatever the role', async () => {
  const email = await keep('alice@example.com', 'crm');
  const answer = await detokenise('support', { tokens: [email, email] });
  expect(answer.body).toEqual({ tokens: [{ token: email, state: 'opened', value: 'alice@example.com' }] });
  expect(await stateOf('finance', email)).toBe('forbidden');
  expect(await stateOf('strangers', email)).toBe('SCRIM_API_FORBIDDEN');
  // The built-in administrator has every role, and here no group.
  const admin = await plane.call('POST', '/v1/detokenise', { body: { tokens: [email], reason: REASON } });
  expect([admin.status, admin.body.code]).toEqual([403, 'SCRIM_API_FORBIDDEN']);
  expect((await plane.call('POST', '/v1/detokenise', { bearer: null, body: {} })).status).toBe(401);
});

test('a value that two policies tokenised is open to the people of both, and to none of a third', async () => {
  const token = await keep('shared@example.com', 'closed');
  expect(await stateOf('support', token)).toBe('forbidden');
  expect(await keep('shared@example.com', 'crm')).toBe(token);
  expect(await stateOf('support', token)).toBe('opened');
  expect(await stateOf('finance', token)).toBe('forbidden');
});

test('a right that is taken back is gone at once', async () => {
  const token = await keep('taken-back@example.com', 'pay');
  expect(await stateOf('finance', token)).toBe('opened');
  await apply('pay', { detokenise: ['board'] });
  expect(await stateOf('finance', token)).toBe('SCRIM_API_FORBIDDEN');
  await apply('pay', { detokenise: ['finance'] });
  expect(await stateOf('finance', token)).toBe('opened');
});

test('a token that opens connections opens no tokens, whatever groups it names', async () => {
  const token = await keep('bound@example.com', 'crm');
  const shop = {
    name: 'shop',
    protocol: 'postgres',
    target: { host: 'h', database: 'd' },
    credential: { username: 'u', password: { env: 'P' } },
  };
  expect((await plane.call('PUT', '/v1/connections/shop', { body: shop })).status).toBe(200);
  const spec = { subject: 'eve@example.com', groups: ['support'], connections: ['shop'], ttlSeconds: 600 };
  const issued = await plane.call('POST', '/v1/tokens', { body: spec });
  expect(issued.status).toBe(200);
  const body = { tokens: [token], reason: REASON };
  const bound = await plane.call('POST', '/v1/detokenise', { bearer: issued.body.token as string, body });
  expect([bound.status, bound.text]).toEqual([403, expect.stringContaining('opens no others')]);
});

test('a text comes back with its tokens restored, and with those that cannot be left in place', async () => {
  const email = await keep('bob@example.com', 'crm');
  const dollars = await keep("it's $& and $1 \\ é👩‍👧", 'crm');
  const other = await keep('not yours', 'pay');
  const text = `<${email}>: "${dollars}" (${email}) ${other} tok_7aaaaaaaaaaaaaaaaaaaaaaaaa.`;
  const { body } = await detokenise('support', { text });
  expect(body.text).toBe(
    `<bob@example.com>: "it's $& and $1 \\ é👩‍👧" (bob@example.com) ${other} tok_7aaaaaaaaaaaaaaaaaaaaaaaaa.`,
  );
  expect(body.tokens.map((one: { state: string }) => one.state)).toEqual([
    'opened',
    'opened',
    'forbidden',
    'unknown',
  ]);
});

test('two values of one token open neither; the same value again changes nothing', async () => {
  const token = await keep('1999-01-02', 'crm', '1750-03-04');
  await keep('1999-01-02', 'crm', token);
  expect(await stateOf('support', token)).toBe('opened');
  await keep('1980-06-07', 'pay', token);
  expect(await stateOf('support', token)).toBe('ambiguous');
  expect(await stateOf('finance', token)).toBe('ambiguous');
});

test('the first seal of a pair stays, so that no edge can put another value behind it', async () => {
  const good = await report('first@example.com', 'crm');
  await vault.put(EDGE, [good]);
  const forged = { ...(await report('other', 'crm', good.token)), digest: good.digest };
  await vault.put(randomUUID(), [forged]);
  const { body } = await detokenise('support', { tokens: [good.token] });
  expect(body.tokens[0].value).toBe('first@example.com');
});

test('a reason is required and stands in the audit with caller and tokens, never a value', async () => {
  const token = await keep('audited-value@example.com', 'crm');
  const body = { tokens: [token] };
  const without = await plane.call('POST', '/v1/detokenise', { bearer: keys.support as string, body });
  expect([without.status, without.body.field]).toEqual([422, 'reason']);
  const unknown = 'tok_7aaaaaaaaaaaaaaaaaaaaaaaaa';
  await detokenise('support', { tokens: [token, unknown, 'pasted-value@example.com'] });
  await detokenise('strangers', { tokens: [token, 'pasted-value@example.com'] });
  const [entry] = await audited('vault.detokenise');
  expect(entry).toMatchObject({
    actor: 'support@example.com',
    resource: 'vault/tokens',
    after: { reason: REASON, asked: 3, count: 1, tokens: { opened: [token], unknown: [unknown] } },
  });
  const [refused] = await audited('vault.refuse');
  expect(refused).toMatchObject({
    actor: 'strangers@example.com',
    after: { tokens: [token], others: 1, why: expect.stringContaining('no policy') },
  });
  const everything = (await plane.call('GET', '/v1/audit?limit=500')).text + plane.logText();
  expect(everything).not.toMatch(/audited-value|pasted-value/);
});

test('an erased token stays erased, also when an edge reports it late; only administrators erase', async () => {
  const token = await keep('forget-me@example.com', 'crm');
  const path = `/v1/vault/tokens/${encodeURIComponent(token)}?reason=${encodeURIComponent('erasure request 12')}`;
  expect((await plane.call('DELETE', path, { bearer: keys.support as string })).status).toBe(403);
  expect((await plane.call('DELETE', path.split('?')[0] as string)).status).toBe(422);
  expect((await plane.call('DELETE', path)).body).toEqual({ token, values: 1 });
  expect((await plane.call('DELETE', path)).body).toEqual({ token, values: 0 });
  expect(await stateOf('support', token)).toBe('erased');
  await keep('forget-me@example.com', 'crm');
  await keep('another value of it', 'pay', token);
  expect(await stateOf('support', token)).toBe('erased');
  const { pool } = plane.plane.context.db;
  expect((await pool.query('SELECT FROM vault_token WHERE token = $1', [token])).rowCount).toBe(0);
  expect((await plane.call('DELETE', '/v1/vault/tokens/tok_7never?reason=ticket')).status).toBe(404);
  expect((await audited('vault.erase'))[0]).toMatchObject({ actor: 'admin', resource: `vault/${token}` });
});

test('an erased value is gone under every token of it, also under those it gets later', async () => {
  const long = await keep('person@example.com', 'crm');
  const short = await keep('person@example.com', 'pay', 'tok_7short234567');
  const shared = await keep('other@example.com', 'pay', 'tok_7shared23456');
  await keep('person@example.com', 'crm', shared);
  const body = { value: ' Person@Example.com ', reason: 'erasure request 13' };
  expect((await plane.call('POST', '/v1/vault/erase', { body, bearer: keys.support as string })).status).toBe(
    403,
  );
  const erased = await plane.call('POST', '/v1/vault/erase', { body });
  expect(erased.body).toEqual({ tokens: [long, shared, short].sort() });
  await keep('person@example.com', 'crm', 'tok_7later2345678');
  for (const token of [long, short, shared]) expect(await stateOf('support', token)).toBe('erased');
  expect(await stateOf('support', 'tok_7later2345678')).toBe('unknown');
  expect((await plane.call('POST', '/v1/vault/erase', { body })).body).toEqual({ tokens: [] });
  const audit = await plane.call('GET', '/v1/audit?action=vault.erase');
  expect(audit.text + plane.logText()).not.toMatch(/person@example/i);
});

test('reports and an erasure at once never leave the value behind', async () => {
  const value = 'racing@example.com';
  const token = await keep(value, 'crm');
  const path = `/v1/vault/tokens/${token}?reason=race`;
  const puts = Array.from({ length: 30 }, async (_, index) => keep(`${value}${index % 3}`, 'crm', token));
  await Promise.all([...puts, plane.call('DELETE', path)]);
  const { rowCount } = await plane.plane.context.db.pool.query('SELECT FROM vault_token WHERE token = $1', [
    token,
  ]);
  expect(rowCount).toBe(0);
});

test('reports of many edges at once: each pair once, every policy noted', async () => {
  const values = Array.from({ length: 200 }, (_, index) => `many-${index}@example.com`);
  const batch = await Promise.all(values.map((value) => report(value, 'crm')));
  const others = await Promise.all(values.map((value) => report(value, 'pay')));
  await Promise.all([
    vault.put(EDGE, batch),
    vault.put(EDGE, [...others].reverse()),
    vault.put(EDGE, [...batch.slice(50), ...others.slice(0, 100)]),
  ]);
  const { rows } = await plane.plane.context.db.pool.query(
    `SELECT policies, count(*)::int AS n FROM vault_token WHERE token = ANY($1) GROUP BY policies`,
    [batch.map(({ token }) => token)],
  );
  expect(rows).toEqual([{ policies: ['crm', 'pay'], n: 200 }]);
});

test('a report without our form is refused whole', async () => {
  const good = await report('formed@example.com', 'crm');
  for (const wrong of [
    { token: '' },
    { token: 'x'.repeat(257) },
    { token: 'a\0b' },
    { digest: randomBytes(15) },
    { sealed: randomBytes(60) },
    { sealed: randomBytes(70_000) },
    { keyId: '' },
    { policy: 'Not A Name' },
  ])
    await expect(vault.put(EDGE, [good, { ...good, ...wrong }])).rejects.toThrow('no form of ours');
  await expect(vault.put(EDGE, Array(5_001).fill(good))).rejects.toThrow('5000');
  expect(await stateOf('support', good.token)).toBe('unknown');
});

test('what is sealed to a key that is gone, or was altered, is unreadable and says so', async () => {
  const stray = generateVaultKey();
  const good = await report('stray@example.com', 'crm');
  const sealed = new VaultSealer(stray.public).seal('stray@example.com', good.token);
  await vault.put(EDGE, [{ ...good, sealed }]);
  expect(await stateOf('support', good.token)).toBe('unreadable');
  const other = await report('stray-2@example.com', 'crm');
  await vault.put(EDGE, [{ ...other, keyId: 'unknown1' }]);
  expect(await stateOf('support', other.token)).toBe('unreadable');
});

test('a new vault key: edges seal to it, and what older ones sealed still opens', async () => {
  const before = await keep('before@example.com', 'crm');
  const renewed = await plane.call('POST', '/v1/vault/keys');
  expect(renewed.status).toBe(200);
  expect((await plane.plane.sources.vault?.())?.keyId).toBe(renewed.body.keyId);
  const after = await keep('after@example.com', 'crm');
  const { body } = await detokenise('support', { tokens: [before, after] });
  expect(body.tokens.map((one: { value: string }) => one.value)).toEqual([
    'before@example.com',
    'after@example.com',
  ]);
  expect((await audited('vault.renew-key'))[0]?.after).toEqual({ keyId: renewed.body.keyId });
});

test('a caller gets so many tokens an hour, also by many requests at once', async () => {
  await apply('bulk', { detokenise: ['bulk'] });
  const values = Array.from({ length: LIMIT + 20 }, (_, index) => `bulk-${index}@example.com`);
  const tokens = await Promise.all(values.map((value) => keep(value, 'bulk')));
  const half = LIMIT / 2;
  const asked = [0, 1, 2].map((part) => tokens.slice(part * half, part * half + half));
  const answers = await Promise.all(asked.map((part) => detokenise('bulk', { tokens: part })));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 429]);
  const refused = await detokenise('bulk', { tokens: tokens.slice(0, 1) });
  expect([refused.status, refused.text]).toEqual([429, expect.stringContaining('within an hour')]);
  // What opens nothing costs nothing.
  expect((await detokenise('bulk', { tokens: ['tok_7unknown'] })).status).toBe(200);
});

test('bounds of a request', async () => {
  const many = Array.from({ length: 501 }, (_, index) => `tok_${index}`);
  expect((await detokenise('support', { tokens: many })).status).toBe(422);
  expect((await detokenise('support', { tokens: [] })).status).toBe(422);
  expect((await detokenise('support', { tokens: ['a'], text: 'b' })).status).toBe(422);
  const letters = 'abcdefghijklmnopqrstuvwxyz';
  const name = (index: number) =>
    [index % 26, Math.floor(index / 26) % 26, Math.floor(index / 676)].map((at) => letters[at]).join('');
  const text = Array.from({ length: 501 }, (_, index) => `tok_7aaaaaaaaaa${name(index)}`).join(' ');
  const answer = await detokenise('support', { text });
  expect([answer.status, answer.body.field]).toEqual([422, 'text']);
});

test('where the vault is off, reversible tokens are refused and edges get no key', async () => {
  const off = await startTestPlane(stores, { SCRIM_TOKEN_VAULT: 'off' });
  try {
    expect(await off.plane.sources.vault?.()).toBeUndefined();
    const mask = [{ detect: ['pii.email'], with: { tokenise: { reversible: true } } }];
    const refused = await off.call('PUT', '/v1/policies/new', { body: { name: 'new', mask } });
    expect([refused.status, refused.body.code]).toEqual([422, 'SCRIM_API_UNENFORCEABLE']);
    expect(refused.text).toContain('no token vault');
  } finally {
    await off.stop();
  }
});

test('the private key leaves the control plane nowhere', async () => {
  const stored = await plane.plane.context.keys.current('vault');
  const secret = Buffer.from(stored.secret);
  const { pool } = plane.plane.context.db;
  const { rows } = await pool.query('SELECT * FROM signing_key');
  const raw = secret.subarray(-32);
  const places = JSON.stringify(rows) + plane.logText() + JSON.stringify(await plane.plane.sources.vault?.());
  for (const form of [secret, raw])
    for (const text of [form.toString('base64').replaceAll('=', ''), form.toString('hex')])
      expect(places).not.toContain(text);
});

test('a new master key re-wraps the vault key: what was sealed before opens, without the old one', async () => {
  const token = await keep('rotated@example.com', 'crm');
  const fresh = { SCRIM_MASTER_KEY: randomBytes(32).toString('base64') };
  const during = await startTestPlane(stores, { ...fresh, SCRIM_MASTER_KEY_PREVIOUS: TEST_MASTER_KEY });
  const rotated = await during.call('POST', '/v1/credentials/rotate');
  expect(rotated.body.signingKeys).toBeGreaterThan(0);
  await during.stop();
  const after = await startTestPlane(stores, fresh);
  const body = { tokens: [token], reason: REASON };
  const answer = await after.call('POST', '/v1/detokenise', { bearer: keys.support as string, body });
  expect(answer.body.tokens).toEqual([{ token, state: 'opened', value: 'rotated@example.com' }]);
  await after.stop();
});
