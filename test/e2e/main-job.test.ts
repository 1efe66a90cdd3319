import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { GITHUB_TOKEN, SHOP, SHOP_DOCUMENT } from './shop.ts';
import { eventually, type Stand, startStand } from './stand.ts';

let stand: Stand;

beforeAll(async () => {
  stand = await startStand({ setup: SHOP, document: SHOP_DOCUMENT });
}, 90_000);
afterAll(() => stand?.stop(), 60_000);

interface Item {
  readonly id: string;
  readonly state: string;
  readonly statement: string;
  readonly caller: string;
}

/** The approval this caller waits for with this statement: another test's may still be pending beside it. */
async function pending(statement: string, caller = 'alice@example.com'): Promise<Item> {
  return eventually(async () => {
    const page = await stand.rest<{ items: Item[] }>('GET', '/v1/approvals?state=pending');
    return page.items.find((it) => it.statement.includes(statement) && it.caller === caller);
  });
}

test('masked columns and found secrets never arrive, under any name', async () => {
  const client = await stand.client(await stand.token());
  const { rows } = await client.query(
    'select ssn as a, email, notes, profile, score, born::text as b from customers where id = 7',
  );
  expect(rows[0].a).toBe('***MASKED***');
  expect(JSON.stringify(rows)).not.toContain('219-09');
  expect(JSON.stringify(rows)).not.toContain('user7@example.com');
  expect(JSON.stringify(rows)).not.toContain(GITHUB_TOKEN);
  expect(rows[0].notes).toMatch(/^leaked .* in chat$/);
  expect(rows[0].profile.plan).toBe('gold');
  expect(JSON.stringify(rows[0].profile)).not.toContain('sk-internal-7');
  const typed = await client.query('select born, score from customers where id = 7');
  expect(typed.rows[0].born).toBeInstanceOf(Date);
  expect(typed.rows[0].score).not.toBe(707);
  const clean = await client.query('select id, label from plain where id = 3');
  expect(clean.rows).toEqual([{ id: 3, label: 'label 3' }]);
  await client.end();
});

test('a refused statement is a clear error and the session goes on', async () => {
  const client = await stand.client(await stand.token());
  await expect(client.query('drop table plain')).rejects.toMatchObject({
    code: '42501',
    message: expect.stringContaining('no destructive DDL'),
    detail: expect.stringContaining('production/guard[0]'),
  });
  expect((await client.query('select count(*)::int as n from plain')).rows).toEqual([{ n: 1000 }]);
  await client.query('begin');
  await expect(client.query('truncate plain')).rejects.toMatchObject({ code: '42501' });
  await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' });
  await client.query('rollback');
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await client.end();
});

test('an unbounded UPDATE waits for an approver, says so, runs once and replays', async () => {
  const client = await stand.client(await stand.token());
  const notices: string[] = [];
  client.on('notice', (notice) => notices.push(String(notice.message)));
  const update = client.query('update payments set amount = amount + 1');
  const held = await pending('update payments');
  // The approval may be listed before the notice has crossed the wire.
  await eventually(async () => notices.find((it) => it.includes('production/guard[2]')));
  await stand.scrim('approvals', 'approve', held.id, '--comment', 'agreed');
  expect((await update).rowCount).toBe(100);
  const again = client.query('update payments set amount = amount + 1');
  const second = await pending('update payments');
  expect(second.id).not.toBe(held.id);
  await stand.rest('POST', `/v1/approvals/${second.id}/deny`, { comment: 'once is enough' });
  await expect(again).rejects.toMatchObject({
    code: '42501',
    message: expect.stringContaining('once is enough'),
  });
  await client.end();

  const session = await eventually(async () => {
    const page = await stand.rest<{ items: { id: string; closedAt: string | null }[] }>(
      'GET',
      '/v1/sessions?text=payments',
    );
    return page.items.find((it) => it.closedAt !== null);
  });
  const replay = await stand.scrim('sessions', 'replay', session.id, '--json');
  const kinds = replay
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).kind);
  for (const kind of ['opened', 'operation', 'held', 'decided', 'outcome', 'refused', 'closed']) {
    expect(kinds).toContain(kind);
  }
  expect(await stand.scrim('sessions', 'verify', session.id)).toContain('hold');
});

test('nobody approves their own', async () => {
  const client = await stand.client(await stand.token({ caller: 'dba@example.com', groups: 'agents,dba' }));
  const update = client.query('delete from payments');
  const held = await pending('delete from payments', 'dba@example.com');
  const own = await stand.token({ caller: 'dba@example.com', groups: 'dba,agents' });
  await expect(stand.rest('POST', `/v1/approvals/${held.id}/approve`, {}, own)).rejects.toThrow(/403/);
  await stand.rest('POST', `/v1/approvals/${held.id}/deny`, {});
  await expect(update).rejects.toMatchObject({ code: '42501' });
  await client.end();
});

test('a caller who cancels takes the held operation back', async () => {
  const client = await stand.client(await stand.token());
  const update = client.query('delete from payments');
  update.catch(() => undefined);
  const held = await pending('delete from payments');
  const { host, port } = stand.ready().postgres;
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
  const { createConnection } = await import('node:net');
  const cancel = Buffer.alloc(16);
  cancel.writeInt32BE(16, 0);
  cancel.writeInt32BE(80877102, 4);
  cancel.writeInt32BE(processID, 8);
  cancel.writeInt32BE(secretKey, 12);
  createConnection({ host, port }).end(cancel);
  await expect(update).rejects.toMatchObject({ code: '57014' });
  await eventually(async () => {
    const approval = await stand.rest<Item>('GET', `/v1/approvals/${held.id}`);
    return approval.state === 'withdrawn' ? approval : undefined;
  });
  expect((await client.query('select count(*)::int as n from payments')).rows).toEqual([{ n: 100 }]);
  await client.end();
});
