import { Api } from '../api.ts';
import { Failure } from '../failure.ts';
import { Player, type ReplayItem } from '../player.ts';
import type { Stack } from '../stack/stack.ts';
import { agentClient } from './agent.ts';

type Say = (line: string) => void;

interface Approval {
  readonly id: string;
  readonly statement: string;
}

interface SessionRow {
  readonly id: string;
  readonly closedAt?: string | null;
}

const WAIT_MS = 30_000;

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + WAIT_MS;
  while (Date.now() < deadline) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Failure(
    `the scene waited ${WAIT_MS / 1000} s for ${what} in vain`,
    'look at the logs in the data folder',
  );
}

/** The approver of the scene: sees what is held over REST and says yes. */
async function approveOne(api: Api, say: Say): Promise<void> {
  const approval = await until('a held operation', async () => {
    const page = await api.call<{ items: readonly Approval[] }>('GET', '/v1/approvals?state=pending');
    return page.items[0];
  });
  say(`GET  /v1/approvals            -> ${approval.id} waits: ${approval.statement}`);
  await api.call('POST', `/v1/approvals/${approval.id}/approve`, { comment: 'month end, agreed' });
  say(`POST /v1/approvals/${approval.id}/approve -> approved`);
}

/** The session of this run: the store may hold those of earlier ones. */
async function recordedSession(api: Api, since: Date): Promise<SessionRow> {
  const query = new URLSearchParams({ connection: 'shop', from: since.toISOString() });
  return until('the session to be stored', async () => {
    const page = await api.call<{ items: readonly SessionRow[] }>('GET', `/v1/sessions?${query}`);
    const session = page.items[0];
    return session?.closedAt ? session : undefined;
  });
}

/** What an agent tries first, then an alias to dodge the mask, then two things it should not do. */
const STATEMENTS = [
  'SELECT id, name, email, ssn, notes FROM customers WHERE id IN (5, 6, 7) ORDER BY id',
  'SELECT c.ssn AS harmless, p.card_number FROM customers c JOIN payments p ON p.customer_id = c.id WHERE c.id = 6',
  'DROP TABLE customers',
  'UPDATE payments SET amount = amount * 1.1',
  'SELECT count(*) AS customers FROM customers',
];

/**
 * The running scene: an agent-like caller reads masked rows, is refused a DROP TABLE, waits with an unbounded UPDATE
 * until an approver says yes over REST, and its session, back from the queue and the store, replays.
 */
export async function playScene(stack: Stack, say: Say): Promise<void> {
  const api = new Api({ api: stack.api, token: stack.adminToken });
  const { token } = await api.call<{ token: string }>('POST', '/v1/tokens', {
    subject: 'coding-agent@example.com',
    groups: ['agents'],
    connections: ['shop'],
    ttlSeconds: 600,
  });
  const since = new Date();
  const agent = agentClient({ ...stack.postgres, database: 'shop', token });
  say(
    `\n1. An AI agent connects with ${agent.name}: host, port and password are the edge's, nothing else changed`,
  );
  const running = agent.run(STATEMENTS, (line) => say(`   agent    | ${line}`));
  const approving = approveOne(api, (line) => say(`   approver | ${line}`));
  await Promise.all([running, approving]);
  say('\n2. The session went through the Redis queue into Postgres; it replays as the agent saw it');
  const session = await recordedSession(api, since);
  const player = new Player((line) => say(`   replay   | ${line}`));
  for await (const line of api.lines(`/v1/sessions/${session.id}/replay`)) {
    player.play(JSON.parse(line) as ReplayItem);
  }
  player.finish();
  const verified = await api.call<{ ok: boolean; events: number }>(
    'GET',
    `/v1/sessions/${session.id}/verify`,
  );
  if (!verified.ok)
    throw new Failure('the recorded session does not verify', 'look at the logs in the data folder');
  say(`   verify   | ${verified.events} events, hash chain and edge signature hold`);
}
