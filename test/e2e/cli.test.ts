import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { CLI } from './plant.ts';
import { SHOP, SHOP_DOCUMENT } from './shop.ts';
import { eventually, type Stand, startStand } from './stand.ts';

let stand: Stand;
let file: string;

beforeAll(async () => {
  stand = await startStand({ setup: SHOP, document: SHOP_DOCUMENT });
  file = join(stand.folder, 'scrim.yaml');
}, 90_000);
afterAll(() => stand?.stop(), 60_000);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function scrim(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const { api, adminToken } = stand.ready();
  const all = { ...process.env, HOME: stand.folder, SCRIM_API: api, SCRIM_TOKEN: adminToken, ...env };
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], { env: all, timeout: 30_000 }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

/** The first line names the columns, the second underlines them, each further one is a row. */
function tableOf(text: string): { columns: string[]; rows: string[] } {
  const [head = '', line = '', ...rows] = text.trimEnd().split('\n');
  expect(line).toMatch(/^-+( +-+)*$/);
  return { columns: head.trim().split(/\s+/), rows };
}

test('diff says by its exit code whether something would change; apply makes it so, once', async () => {
  expect(await scrim(['diff', '-f', file])).toMatchObject({ code: 0, stdout: 'nothing changes\n' });
  const changed = join(stand.folder, 'changed.yaml');
  const text = readFileSync(file, 'utf8').replace('reason: no schema changes', 'reason: ask the dba first');
  writeFileSync(changed, text.replace('env: test', 'env: staging'));
  const diff = await scrim(['diff', '-f', changed]);
  expect(diff.code).toBe(1);
  expect(diff.stdout).toMatch(/~ connection other\n {4}.*"test" -> "staging"/);
  expect(diff.stdout).toMatch(/~ policy production\n[\s\S]*ask the dba first/);
  const asJson = JSON.parse((await scrim(['diff', '-f', changed, '--json'])).stdout) as { action: string }[];
  expect(asJson.filter((it) => it.action === 'update')).toHaveLength(2);
  const applied = await scrim(['apply', '-f', changed]);
  expect([applied.code, applied.stdout]).toEqual([0, diff.stdout]);
  expect(await scrim(['apply', '-f', changed])).toMatchObject({ code: 0, stdout: 'nothing changes\n' });
  expect(await scrim(['apply', '-f', file])).toMatchObject({ code: 0 });
  expect(await scrim(['diff', '-f', file])).toMatchObject({ code: 0 });
}, 60_000);

test('without --prune nothing goes; with it what the file does not name', async () => {
  const fewer = join(stand.folder, 'fewer.yaml');
  const [head = '', rest = ''] = readFileSync(file, 'utf8').split('  - name: other');
  writeFileSync(fewer, head + rest.slice(rest.indexOf('policies:')));
  expect(await scrim(['diff', '-f', fewer])).toMatchObject({ code: 0, stdout: 'nothing changes\n' });
  const pruned = await scrim(['diff', '-f', fewer, '--prune']);
  expect([pruned.code, pruned.stdout.split('\n')[0]]).toEqual([1, '- connection other']);
});

test('a wrong file, a wrong login and an unknown command end with a code of their own and a mend', async () => {
  const broken = join(stand.folder, 'broken.yaml');
  writeFileSync(broken, readFileSync(file, 'utf8').replace('do: block', 'do: forbid'));
  const wrong = await scrim(['apply', '-f', broken]);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toMatch(/broken\.yaml:\d+:\d+ [\s\S]*mend:/);
  expect(await scrim(['diff', '-f', join(stand.folder, 'none.yaml')])).toMatchObject({ code: 2, stdout: '' });
  const stranger = await scrim(['sessions', 'ls'], { SCRIM_TOKEN: 'wrong' });
  expect([stranger.code, stranger.stderr]).toEqual([1, expect.stringContaining('mend:')]);
  const nobody = await scrim(['sessions', 'ls'], { SCRIM_API: 'http://127.0.0.1:1' });
  expect(nobody.stderr).toMatch(/does not answer[\s\S]*mend: /);
  expect((await scrim(['frobnicate'])).code).not.toBe(0);
  expect(stranger.stderr + nobody.stderr).not.toContain('    at ');
});

test('approvals: a table for people, an array for programs, decided by their id', async () => {
  expect(await scrim(['approvals', 'ls'])).toMatchObject({ code: 0, stdout: 'nothing waits for approval\n' });
  expect(JSON.parse((await scrim(['approvals', 'ls', '--json'])).stdout)).toEqual([]);
  const client = await stand.client(await stand.token());
  const held = client.query('update payments\n  set amount = 1');
  const id = await eventually(async () => {
    const { stdout } = await scrim(['approvals', 'ls', '--json']);
    return (JSON.parse(stdout) as { id: string }[])[0]?.id;
  });
  const waiting = tableOf((await scrim(['approvals', 'ls'])).stdout);
  expect(waiting.columns).toEqual(['id', 'state', 'connection', 'caller', 'rule', 'statement', 'expiresAt']);
  expect(waiting.rows).toHaveLength(1);
  expect(waiting.rows[0]).toMatch(
    /^\S+ +pending +shop +alice@example\.com +production\/guard\[2\] +update payments/,
  );
  expect((await scrim(['approvals', 'show', id])).stdout).toMatch(/statement +update payments/);
  expect(await scrim(['approvals', 'deny', id, '--comment', 'not today'])).toMatchObject({
    code: 0,
    stdout: `${id} is denied\n`,
  });
  await expect(held).rejects.toMatchObject({ code: '42501', message: expect.stringContaining('not today') });
  expect((await scrim(['approvals', 'approve', id])).code).toBe(1);
  expect((await scrim(['approvals', 'approve', 'no-such-id'])).code).toBe(1);
  await client.end();
  const decided = JSON.parse((await scrim(['approvals', 'ls', '--all', '--json'])).stdout);
  expect(decided).toMatchObject([{ id, state: 'denied' }]);
}, 90_000);

test('sessions: a table for people, an array for programs', async () => {
  const session = await closedSession();
  const sessions = tableOf((await scrim(['sessions', 'ls', '--caller', 'alice@example.com'])).stdout);
  expect(sessions.columns.slice(0, 4)).toEqual(['id', 'connection', 'caller', 'openedAt']);
  expect(sessions.rows[0]).toContain('shop');
  expect((await scrim(['sessions', 'ls', '--caller', 'nobody@example.com'])).stdout).toBe(
    'no sessions yet\n',
  );
  expect((await scrim(['sessions', 'show', session])).stdout).toMatch(/caller +alice@example\.com/);
}, 60_000);

async function closedSession(): Promise<string> {
  return eventually(async () => {
    const { stdout } = await scrim(['sessions', 'ls', '--json']);
    const sessions = JSON.parse(stdout) as { id: string; closedAt: string | null }[];
    return sessions.find((it) => it.closedAt !== null)?.id;
  });
}

interface Kept {
  readonly postgresPassword: string;
  readonly ports: { readonly postgres: number };
}

test('policy test runs the cases beside a file; its exit code says whether all hold', async () => {
  const cases = join(stand.folder, 'scrim.test.yaml');
  const drop =
    '{ name: no drops, connection: shop, groups: [agents], sql: DROP TABLE plain, expect: { verdict: block } }';
  writeFileSync(cases, `apiVersion: scrim/v1\ncases:\n  - ${drop}\n`);
  expect(await scrim(['policy', 'test', '-f', file])).toMatchObject({
    code: 0,
    stdout: 'ok   no drops\n1 passed, 0 failed\n',
  });
  writeFileSync(cases, `apiVersion: scrim/v1\ncases:\n  - ${drop.replace('block', 'allow')}\n`);
  const failed = await scrim(['policy', 'test', '-f', file]);
  expect([failed.code, failed.stdout]).toEqual([
    1,
    'FAIL no drops\n       verdict: expected "allow", is "block"\n0 passed, 1 failed\n',
  ]);
  const none = await scrim(['policy', 'test', '-f', join(stand.folder, 'other.yaml')]);
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('other.test.yaml')]);
}, 60_000);

test('a dry run names recorded operations the draft would have treated otherwise, and places it would not mask', async () => {
  await closedSession();
  const draft = join(stand.folder, 'draft.yaml');
  const text = readFileSync(file, 'utf8');
  writeFileSync(
    draft,
    text.replace('unbounded: [update, delete] } }, do: hold', 'effects: [write] } }, do: block'),
  );
  const run = JSON.parse((await scrim(['policy', 'dry-run', '-f', draft, '--json'])).stdout) as {
    operations: number;
    verdicts: { statement: string; was: string; wouldBe: string }[];
  };
  expect(run.operations).toBeGreaterThan(0);
  expect(run.verdicts).toContainEqual(
    expect.objectContaining({ statement: expect.stringMatching(/^update payments/), wouldBe: 'block' }),
  );
  const same = await scrim(['policy', 'dry-run', '-f', file]);
  expect([same.code, same.stdout]).toEqual([
    0,
    expect.stringContaining('no verdict would have been another one'),
  ]);
}, 60_000);

test('replay shows what was asked; verify holds, and names the event when somebody changed the record', async () => {
  const session = await closedSession();
  const replay = await scrim(['sessions', 'replay', session]);
  expect(replay.stdout).toMatch(/operation +update payments/);
  expect(await scrim(['sessions', 'verify', session])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/\d+ events, chain and signatures hold/),
  });
  const kept = JSON.parse(readFileSync(join(stand.folder, 'data', 'stack.json'), 'utf8')) as Kept;
  const store = new pg.Client({
    host: '127.0.0.1',
    port: kept.ports.postgres,
    user: 'scrim',
    password: kept.postgresPassword,
    database: 'scrim',
  });
  await store.connect();
  // What somebody with the database's password might do to a record.
  const forge = "update session_event set data = data || ' ' where session_id = $1 and seq = 2";
  expect((await store.query(forge, [session])).rowCount).toBe(1);
  await store.end();
  const forged = await scrim(['sessions', 'verify', session]);
  expect(forged.code).toBe(1);
  expect(forged.stderr).toMatch(/: event \d+: \w+/);
  expect(forged.stderr).not.toContain('[object Object]');
  const asJson = await scrim(['sessions', 'verify', session, '--json']);
  expect([asJson.code, JSON.parse(asJson.stdout)]).toMatchObject([
    1,
    { ok: false, problem: { seq: expect.any(Number), why: expect.any(String) } },
  ]);
}, 60_000);

test('inventory proposes rules for what no rule masks yet, with evidence and without a value', async () => {
  const found = await scrim([
    'inventory',
    '--connection',
    'other',
    '--groups',
    'agents',
    '--caller',
    'ada@example.com',
    '--json',
  ]);
  const proposals = JSON.parse(found.stdout) as { column: string; with: string; evidence: string }[];
  const columns = proposals.map((it) => it.column);
  expect(columns).toEqual(
    expect.arrayContaining(['public.customers.email', 'public.customers.ssn', 'public.payments.card_number']),
  );
  expect(columns).not.toContain('public.plain.label');
  expect(proposals.find((it) => it.column.endsWith('card_number'))).toMatchObject({
    with: '{ partial: { keepLast: 4 } }',
    evidence: '100 of 100 values are pii.card; its name says so',
  });
  expect(found.stdout).not.toMatch(/4242 4242|user\d+@|219-09/);
  const covered = await scrim([
    'inventory',
    '--connection',
    'shop',
    '--groups',
    'agents',
    '--caller',
    'ada@example.com',
  ]);
  expect(covered.stdout).toContain('public.customers.email');
  expect(covered.stdout).toMatch(/came masked by a detector/);
  expect(covered.stdout).not.toContain('customers.ssn');
}, 60_000);
