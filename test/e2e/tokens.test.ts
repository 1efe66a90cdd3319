import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CLI } from './plant.ts';
import { eventually, type Stand, startStand } from './stand.ts';

const SETUP = `
  create table people (id int primary key, email text not null, born date not null, ref uuid not null, doc jsonb);
  insert into people select i, 'person' || i || '@example.org', date '1970-01-02' + i,
    ('0b0c2e4a-7c5e-4d0f-9a57-' || lpad(i::text, 12, '0'))::uuid, jsonb_build_object('owner', 'person' || i || '@example.org')
    from generate_series(1, 2000) i;
`;

const DOCUMENT = `
apiVersion: scrim/v1
connections:
  - name: shop
    protocol: postgres
    target: { host: $HOST, port: $PORT, database: shop, tls: disable }
    credential: { username: postgres, password: { env: SHOP_PASSWORD } }
    labels: { env: prod }
  - name: staff
    protocol: postgres
    target: { host: $HOST, port: $PORT, database: shop, tls: disable }
    credential: { username: postgres, password: { env: SHOP_PASSWORD } }
    labels: { env: internal }
policies:
  - name: customers
    match: { labels: { env: prod }, groups: [agents] }
    mask:
      - { column: "people.born", with: { tokenise: { reversible: true } } }
      - { column: "people.ref", with: { tokenise: { reversible: true } } }
      - { field: "$..owner", with: { tokenise: { reversible: true } } }
      - { detect: [pii.email], with: { tokenise: { reversible: true } } }
    detokenise: [support]
  - name: staff
    match: { labels: { env: internal }, groups: [agents] }
    mask:
      - { detect: [pii.email], with: { tokenise: { reversible: true } } }
    detokenise: [hr]
`;

interface Opened {
  readonly tokens: readonly { readonly token: string; readonly state: string; readonly value?: string }[];
  readonly text?: string;
}

let stand: Stand;
/** Bearer texts of people that are in one group and have no role. */
const keys: Record<string, string> = {};

beforeAll(async () => {
  stand = await startStand({ setup: SETUP, document: DOCUMENT });
  for (const group of ['support', 'hr', 'agents']) {
    const body = { name: group, subject: `${group}@example.com`, groups: [group] };
    keys[group] = (await stand.rest<{ key: string }>('POST', '/v1/api-keys', body)).key;
  }
}, 90_000);
afterAll(() => stand?.stop(), 60_000);

const TEXT = { getTypeParser: () => (value: string) => value };

async function tokenFor(groups: readonly string[]): Promise<string> {
  const connections = ['shop', 'staff'];
  const spec = { subject: 'alice@example.com', groups, connections, ttlSeconds: 600 };
  return (await stand.rest<{ token: string }>('POST', '/v1/tokens', spec)).token;
}

/** The one row a caller in `agents` gets over the connection, each value as the text on the wire. */
async function read(connection: string, sql: string): Promise<Record<string, string>> {
  const client = await stand.client(await tokenFor(['agents']), connection, { types: TEXT as never });
  try {
    return (await client.query(sql)).rows[0] as Record<string, string>;
  } finally {
    await client.end();
  }
}

const detokenise = (body: object, group: string): Promise<Opened> =>
  stand.rest<Opened>('POST', '/v1/detokenise', { reason: 'ticket 4711', ...body }, keys[group]);

/** The answer once the edge's report has arrived. */
const arrived = (token: string, group: string): Promise<Opened> =>
  eventually(async () => {
    const answer = await detokenise({ tokens: [token] }, group);
    return answer.tokens[0]?.state === 'unknown' ? undefined : answer;
  }, 20_000);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function scrim(args: readonly string[], bearer: string, input = ''): Promise<Ended> {
  const env = { ...process.env, HOME: stand.folder, SCRIM_API: stand.ready().api, SCRIM_TOKEN: bearer };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [CLI, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
    child.stdin?.end(input);
  });
}

test('one value, one token on every connection, opened over REST and CLI for whom the policy names', async () => {
  const row = await read('shop', 'select email, born, ref, doc from people where id = 7');
  const { email = '', born = '', ref } = row;
  expect(email).toMatch(/^tok_7\w+@masked\.invalid$/);
  expect(row.doc).toBe(`{"owner": "${email}"}`);
  const other = await read('staff', 'select email from people where id = 7');
  expect(other.email).toBe(email);
  expect(JSON.stringify([row, other])).not.toMatch(/person7|1970|0b0c2e4a/);

  expect((await arrived(email, 'support')).tokens).toEqual([
    { token: email, state: 'opened', value: 'person7@example.org' },
  ]);
  expect((await detokenise({ text: `mail ${email} about ${ref}` }, 'support')).text).toBe(
    'mail person7@example.org about 0b0c2e4a-7c5e-4d0f-9a57-000000000007',
  );
  const day = await detokenise({ tokens: [born] }, 'support');
  expect(day.tokens).toEqual([{ token: born, state: 'opened', value: '1970-01-09' }]);

  const byCli = await scrim(['detokenise', email, '--reason', 'ticket 4712'], keys.support as string);
  expect(byCli).toEqual({ code: 0, stdout: 'person7@example.org\n', stderr: '' });
  const piped = await scrim(
    ['detokenise', '--reason', 'ticket 4713'],
    keys.support as string,
    `<${email}>\n`,
  );
  expect(piped.stdout).toBe('<person7@example.org>\n');
  // In `up` the built-in administrator belongs to every group the file names.
  expect(await stand.scrim('detokenise', email, '--reason', 'ticket 4714')).toBe('person7@example.org\n');
}, 60_000);

test('others are refused, each attempt stands in the audit, and no value does', async () => {
  const { email = '', ref = '' } = await read('shop', 'select email, ref from people where id = 8');
  await arrived(ref, 'support');
  // People of another policy get what their own policy tokenised, and nothing else.
  expect((await detokenise({ tokens: [ref] }, 'hr')).tokens).toEqual([{ token: ref, state: 'forbidden' }]);
  const refused = await scrim(['detokenise', email, '--reason', 'curious'], keys.agents as string);
  expect([refused.code, refused.stdout]).toEqual([1, '']);
  expect(refused.stderr).toMatch(/no policy lets agents@example\.com[\s\S]*mend: /);
  const callerToken = await tokenFor(['support']);
  await expect(
    stand.rest('POST', '/v1/detokenise', { tokens: [email], reason: 'as a caller' }, callerToken),
  ).rejects.toThrow('403');
  expect((await scrim(['detokenise', email], keys.support as string)).stderr).toContain('--reason');
  const audit = await stand.rest<{ items: object[] }>('GET', '/v1/audit?action=vault.&limit=100');
  expect(audit.items).toContainEqual(
    expect.objectContaining({
      actor: 'agents@example.com',
      action: 'vault.refuse',
      after: expect.objectContaining({ reason: 'curious', tokens: [email] }),
    }),
  );
  expect(audit.items).toContainEqual(
    expect.objectContaining({ actor: 'support@example.com', action: 'vault.detokenise' }),
  );
  expect(JSON.stringify(audit)).not.toMatch(/person\d|0b0c2e4a|1970-/);
}, 60_000);

test("kill -9 of the control plane, then of the edge, while masking loses no token; the edge's disk shows no value", async () => {
  const client = await stand.client(await tokenFor(['agents']));
  const tokens: string[] = [];
  process.kill(stand.ready().controlPlanePid, 'SIGKILL');
  for (let from = 100; from < 1_500; from += 200) {
    const sql = `select email from people where id >= ${from} and id < ${from + 200} order by id`;
    tokens.push(...(await client.query(sql)).rows.map(({ email }: { email: string }) => email));
  }
  process.kill(stand.ready().edgePid, 'SIGKILL');
  expect(new Set(tokens).size).toBe(1_400);
  const folder = join(stand.folder, 'data', 'edge', 'vault');
  for (const name of readdirSync(folder))
    expect(readFileSync(join(folder, name), 'latin1')).not.toContain('person');
  await eventually(() => stand.rest<object>('GET', '/v1/info'), 30_000);
  await arrived(tokens.at(-1) as string, 'support');
  const values: (string | undefined)[] = [];
  for (let from = 0; from < tokens.length; from += 500) {
    const { tokens: opened } = await detokenise({ tokens: tokens.slice(from, from + 500) }, 'support');
    values.push(...opened.map(({ value }) => value));
  }
  expect(values).toEqual(tokens.map((_, index) => `person${100 + index}@example.org`));
  await eventually(() => read('shop', 'select 1 as one'), 20_000);
}, 90_000);

test('an erased token cannot be opened again, also after the value was read again', async () => {
  const { email = '' } = await read('shop', 'select email from people where id = 9');
  expect((await arrived(email, 'support')).tokens[0]?.state).toBe('opened');
  const denied = await scrim(['vault', 'erase', email, '--reason', 'request 12'], keys.support as string);
  expect(denied.code).toBe(1);
  expect(await stand.scrim('vault', 'erase', email, '--reason', 'request 12')).toBe(`${email} is erased\n`);
  expect((await read('staff', 'select email from people where id = 9')).email).toBe(email);
  const { email: later = '' } = await read('staff', 'select email from people where id = 10');
  await arrived(later, 'hr');
  for (const group of ['support', 'hr'])
    expect((await detokenise({ tokens: [email] }, group)).tokens[0]).toEqual({
      token: email,
      state: 'erased',
    });
  const forget = ['vault', 'erase-value', '--reason', 'request 13'];
  const forgotten = await scrim(forget, stand.ready().adminToken, 'Person10@example.org\n');
  expect(forgotten).toMatchObject({ code: 0, stdout: `erased: ${later}\n` });
  expect((await detokenise({ tokens: [later] }, 'hr')).tokens[0]?.state).toBe('erased');
}, 60_000);

/** Files of the product that hold a text. grep ends with 1 when there are none, with 2 when one went away meanwhile. */
function filesWith(text: string): Promise<string> {
  return new Promise((resolve) => {
    execFile('grep', ['-rlaF', '-e', text, join(stand.folder, 'data')], (_error, stdout) => resolve(stdout));
  });
}

test('nothing on the disks of edge, control plane, its database and its queue shows a value', async () => {
  expect(await filesWith('@masked.invalid')).toContain('postgres');
  for (const value of ['person7@', '@example.org', '0b0c2e4a-7c5e']) expect(await filesWith(value)).toBe('');
}, 60_000);
