import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { openBrowser } from './browser.ts';
import { GITHUB_TOKEN, SHOP, SHOP_DOCUMENT } from './shop.ts';
import { eventually, type Stand, startStand } from './stand.ts';

/** A second connection, whose deletions two people have to agree to. */
const DOCUMENT = `${SHOP_DOCUMENT}
  - name: pairs
    match: { labels: { env: test }, groups: [agents] }
    mask:
      - { column: "plain.label", with: { tokenise: { reversible: true } } }
    detokenise: [dba]
    guard:
      - { when: { sql: { unbounded: [delete] } }, do: hold, reason: two must agree }
    approve: { by: [dba], quorum: 2, expires: 1m }
`;

let stand: Stand;
let browser: Browser;
const contexts: BrowserContext[] = [];

interface Item {
  readonly id: string;
  readonly statement: string;
}

beforeAll(async () => {
  // One after the other: when the browser cannot be had, no stand must be left running.
  browser = await openBrowser();
  stand = await startStand({ setup: SHOP, document: DOCUMENT });
}, 240_000);
afterAll(async () => {
  await browser?.close();
  await stand?.stop();
}, 60_000);
afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close();
});

/** A fresh browser window. Whatever its pages complain about, a blocked script included, fails the test that asks. */
async function open(path: string, width = 1_000): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width, height: 800 } });
  contexts.push(context);
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('dialog', (dialog) => {
    complaints.push(dialog.message());
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(stand.ready().api)) complaints.push(`asked for ${request.url()}`);
  });
  await page.goto(stand.ready().api + path);
  return { page, complaints };
}

async function textOf(element: Locator): Promise<string> {
  return (await element.textContent()) ?? '';
}

async function signIn(page: Page, token = stand.ready().adminToken): Promise<void> {
  await page.getByLabel('API key or token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Keys of people who decide and who look; roles stand on the keys. */
async function key(subject: string, roles: string[], groups: string[]): Promise<string> {
  const made = await stand.rest<{ key: string }>('POST', '/v1/api-keys', {
    name: subject.replace(/\W/g, '-'),
    subject,
    roles,
    groups,
  });
  return made.key;
}

/** A caller's client. Its token comes by REST: the CLI takes a second to start. */
async function connect(caller: string, connection = 'shop') {
  const { token } = await stand.rest<{ token: string }>('POST', '/v1/tokens', {
    subject: caller,
    groups: ['agents'],
    connections: [connection],
    ttlSeconds: 600,
  });
  return stand.client(token, connection);
}

async function hold(statement: string, caller = 'alice@example.com', connection = 'shop') {
  const client = await connect(caller, connection);
  const notices: string[] = [];
  client.on('notice', (notice) => notices.push(String(notice.message)));
  const result = client.query(statement).then(
    ({ rowCount }) => ({ rowCount, error: undefined }),
    (error: Error) => ({ rowCount: null, error: error.message }),
  );
  const approval = await eventually(async () => {
    const { items } = await stand.rest<{ items: Item[] }>('GET', '/v1/approvals?state=pending');
    return notices.length > 0 ? items[0] : undefined;
  });
  return { client, notices, result, approval };
}

describe('approvals', () => {
  test('a held UPDATE appears by itself; approved in place, the query goes through', async () => {
    const { page, complaints } = await open('/');
    await signIn(page);
    await page.getByText('Nothing waits for a decision.').waitFor();
    const { client, result } = await hold('update payments set amount = amount + 1');
    const card = page.getByRole('article');
    await card.getByText('update payments set amount = amount + 1').waitFor();
    expect(await textOf(card)).toMatch(/alice@example.com on shop/);
    expect(await textOf(card)).toMatch(/it touches every row \(production\/guard\[2\]\)/);
    expect(await textOf(card)).toMatch(/\d+ s left|1 min left/);
    expect(await textOf(card)).toMatch(/0 of 1 approval by dba/);
    expect(await page.title()).toBe('(1) Approvals · Scrim');
    await card.getByLabel(/Comment/).fill('month end');
    // Typing outlives the updates that come meanwhile.
    await page.waitForTimeout(2_200);
    expect(await card.getByLabel(/Comment/).inputValue()).toBe('month end');
    await card.getByRole('button', { name: 'Approve' }).click();
    expect(await result).toEqual({ rowCount: 100, error: undefined });
    await card.getByText('approved and run').waitFor();
    expect(await textOf(card)).toContain('month end');
    expect(await card.getByRole('button').count()).toBe(0);
    await client.end();
    expect(complaints).toEqual([]);
  });

  test('the address the caller is told leads there after signing in; a denial with its comment reaches the caller', async () => {
    const { client, notices, result, approval } = await hold('delete from payments');
    const address = /http\S+\/approvals\/\S+/.exec(notices.join())?.[0] ?? '';
    expect(address).toBe(`${stand.ready().api}/approvals/${approval.id}`);
    const { page, complaints } = await open(`/approvals/${approval.id}`);
    await signIn(page, await key('bob@example.com', ['approver'], ['dba']));
    await page.getByRole('heading', { name: 'alice@example.com on shop' }).waitFor();
    await page.getByLabel(/Comment/).fill('not on a Friday');
    // By keyboard alone: from the comment to the second button.
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect((await result).error).toContain('not on a Friday');
    await page.getByText('Denied. The caller was told').waitFor();
    await client.end();
    expect(complaints).toEqual([]);
  });

  test('a hostile statement stays text, and what would deceive the eye is named', async () => {
    const hostile = `update payments set amount = 0 /* <img src=x onerror=alert(1)><script>alert(2)</script> \u202e */`;
    const { client, result, approval } = await hold(hostile);
    const { page, complaints } = await open(`/approvals/${approval.id}`);
    await signIn(page);
    const statement = page.getByRole('region', { name: /The statement/ });
    await statement.waitFor();
    expect(await textOf(statement)).toBe(hostile.replace('\u202e', 'U+202E'));
    expect(await page.locator('article img, article script').count()).toBe(0);
    await page.getByRole('link', { name: 'All approvals' }).click();
    await page.getByRole('article').getByText('<img src=x onerror=alert(1)>').waitFor();
    expect(await page.locator('main img, main script').count()).toBe(0);
    await page.getByRole('button', { name: 'Deny' }).click();
    expect((await result).error).toContain('denied');
    await client.end();
    expect(complaints).toEqual([]);
  });

  test('with a quorum of two, the first approval waits for the second', async () => {
    const { client, result, approval } = await hold('delete from payments', 'alice@example.com', 'other');
    const first = await open(`/approvals/${approval.id}`);
    await signIn(first.page, await key('gina@example.com', ['approver'], ['dba']));
    await first.page.getByText('0 of 2 approvals by dba').waitFor();
    await first.page.getByRole('button', { name: 'Approve' }).click();
    await first.page.getByText('1 of 2 approvals by dba').waitFor();
    await first.page.getByText('You have decided already. It waits for others.').waitFor();
    const second = await open(`/approvals/${approval.id}`);
    await signIn(second.page, await key('hugo@example.com', ['approver'], ['dba']));
    await second.page.getByText('gina@example.com').waitFor();
    await second.page.getByRole('button', { name: 'Approve' }).click();
    expect(await result).toEqual({ rowCount: 100, error: undefined });
    await first.page.getByText('approved and run').waitFor();
    await client.end();
  });

  test('who may not decide is told why, and has no buttons', async () => {
    const { client, result, approval } = await hold('delete from payments', 'carol@example.com');
    const cases = [
      [await key('dave@example.com', ['auditor'], []), 'needs the role approver'],
      [await key('erin@example.com', ['approver'], ['web']), 'Members of dba decide this; you are in web.'],
      [await key('carol@example.com', ['approver'], ['dba']), 'This is your own operation.'],
    ] as const;
    for (const [token, why] of cases) {
      const { page } = await open(`/approvals/${approval.id}`);
      await signIn(page, token);
      await page.getByText(why).waitFor();
      expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0);
    }
    await stand.rest('POST', `/v1/approvals/${approval.id}/deny`, {});
    await result;
    await client.end();
  });
});

describe('sessions', () => {
  test('the timeline shows masked values, refusals and holds, and the chain verifies', async () => {
    const client = await connect('timeline@example.com');
    await client.query('select id, ssn, email, notes from customers where id = 7');
    await client.query(`select '<img src=x onerror=alert(3)>' as "<b>x</b>", null as nothing`);
    await client.query('drop table plain').catch(() => undefined);
    await client.end();
    await eventually(async () => {
      const query = '/v1/sessions?caller=timeline@example.com&state=closed';
      return (await stand.rest<{ items: Item[] }>('GET', query)).items[0];
    });
    const { page, complaints } = await open('/console/#/sessions');
    await signIn(page);
    await page.getByLabel('Caller').fill('timeline@example.com');
    await page.keyboard.press('Enter');
    await page.waitForURL(/caller=timeline/);
    const row = page.getByRole('row', { name: /timeline@example.com/ });
    await row.getByRole('link').click();
    await page.getByText('End of the session.').waitFor();
    const text = await textOf(page.getByRole('main'));
    for (const shown of ['leaked ***MASKED*** in chat', 'public.customers.ssn', 'no destructive DDL', 'NULL'])
      expect(text).toContain(shown);
    for (const hidden of ['219-09', 'user7@example.com', GITHUB_TOKEN]) expect(text).not.toContain(hidden);
    expect(await page.locator('table.result mark').allInnerTexts()).toEqual(Array(3).fill('***MASKED***'));
    expect(text).toContain('<img src=x onerror=alert(3)>');
    expect(await page.locator('main img, main b').count()).toBe(0);
    await page.getByRole('button', { name: 'Verify now' }).click();
    await page.getByText(/\d+ events checked: every hash and every signature/).waitFor();
    expect(complaints).toEqual([]);
  });

  test('a search without a result says what to do', async () => {
    const { page } = await open('/console/#/sessions?connection=nowhere');
    await signIn(page);
    await page.getByText('No session fits.').waitFor();
    await page.getByRole('link', { name: 'Show all' }).click();
    await page.getByRole('row').nth(1).waitFor();
  });
});

describe('the rest of the console', () => {
  test('policies, edges and the audit are there', async () => {
    const { page, complaints } = await open('/console/');
    await signIn(page);
    await page.getByRole('link', { name: 'Policies' }).click();
    await page.getByRole('link', { name: 'production' }).click();
    await page.getByText('- { column: customers.ssn, with: redact }').waitFor();
    await page.getByRole('link', { name: 'JSON' }).click();
    await page.getByText('"column": "customers.ssn"').waitFor();
    await page.getByRole('link', { name: 'Edges' }).click();
    await page.getByRole('row', { name: /local connected/ }).waitFor();
    await page.getByRole('link', { name: 'Audit' }).click();
    await page.getByRole('row', { name: /policy.create policy\/production/ }).waitFor();
    expect(complaints).toEqual([]);
  });

  test('a text with a reversible token is restored for whom the policy names, and for nobody else', async () => {
    const client = await connect('alice@example.com', 'other');
    const { rows } = await client.query('select label from plain where id = 5');
    await client.end();
    const token = String(rows[0].label);
    expect(token).toMatch(/^tok_7/);
    const restore = async (page: Page): Promise<void> => {
      await page.getByLabel(/A text with tokens/).fill(`the label is <b>${token}</b>.`);
      await page.getByLabel(/Reason/).fill('ticket 4711');
      await page.getByRole('button', { name: 'Open', exact: true }).click();
    };
    const { page, complaints } = await open('/console/#/tokens');
    await signIn(page);
    await eventually(async () => {
      await restore(page);
      await page.getByRole('heading', { name: '1 token opened' }).waitFor({ timeout: 500 });
      return true;
    });
    expect(await textOf(page.getByRole('region', { name: 'The text, restored' }))).toBe(
      'the label is <b>label 5</b>.',
    );
    expect(complaints).toEqual([]);
    const other = await open('/console/#/tokens');
    await signIn(other.page, await key('grace@example.com', ['auditor', 'admin'], ['agents']));
    await restore(other.page);
    await other.page.getByRole('alert').getByText('no policy lets grace@example.com').waitFor();
    expect(await textOf(other.page.locator('main'))).not.toContain('label 5');
  });

  test('a token lives in this tab alone; a wrong one is told so; signing out forgets it', async () => {
    const { page } = await open('/console/#/edges');
    await signIn(page, 'scrim_ak_wrong');
    await page
      .getByRole('alert')
      .getByText(/token|key/)
      .first()
      .waitFor();
    await signIn(page);
    await page.getByRole('heading', { name: 'Edges' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Edges' }).waitFor();
    expect(await page.evaluate('JSON.stringify([localStorage.length, document.cookie])')).toBe('[0,""]');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are signed out.').waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
  });

  test('a key that is revoked signs one out; whoever signs in again is where they were', async () => {
    const made = await stand.rest<{ id: string; key: string }>('POST', '/v1/api-keys', {
      name: 'short-lived',
      subject: 'frank@example.com',
      roles: ['auditor'],
    });
    const { page } = await open('/console/#/approvals');
    await signIn(page, made.key);
    await page.getByRole('heading', { name: 'Approvals' }).waitFor();
    await stand.rest('DELETE', `/v1/api-keys/${made.id}`);
    await page.getByText('You were signed out').waitFor();
    await signIn(page);
    await page.getByRole('heading', { name: 'Approvals' }).waitFor();
  });

  test('while the control plane is away the page says so, and goes on when it is back', async () => {
    const { page } = await open('/console/');
    await signIn(page);
    await page.getByRole('heading', { name: 'Approvals' }).waitFor();
    await page.context().setOffline(true);
    await page.getByText('The control plane does not answer.').waitFor();
    await page.context().setOffline(false);
    await page.getByText('The control plane does not answer.').waitFor({ state: 'hidden' });
  });

  test('no page is wider than a screen of 400 pixels', async () => {
    const { page } = await open('/console/', 400);
    await signIn(page);
    const { items } = await stand.rest<{ items: Item[] }>('GET', '/v1/sessions');
    const paths = [
      'approvals',
      'sessions',
      `sessions/${items[0]?.id}`,
      'policies/production',
      'tokens',
      'edges',
      'audit',
    ];
    for (const path of paths) {
      await page.goto(`${stand.ready().api}/console/#/${path}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForTimeout(200);
      expect([path, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([path, 400]);
    }
  });

  test('its answers allow no script, style or frame but its own', async () => {
    const { api } = stand.ready();
    const home = await fetch(`${api}/`, { redirect: 'manual' });
    expect([home.status, home.headers.get('location')]).toEqual([302, 'console/']);
    const page = await fetch(`${api}/console/`);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https:|\*/);
    for (const path of [
      '../package.json',
      '%2e%2e/package.json',
      'js/../../package.json',
      'js/yaml.test.js',
      'js/main.ts',
    ])
      expect((await fetch(`${api}/console/${path}`)).status).toBe(404);
    expect((await fetch(`${api}/approvals/x"><script>`, { redirect: 'manual' })).status).toBe(422);
  });
});
