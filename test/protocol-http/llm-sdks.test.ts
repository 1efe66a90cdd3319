import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { CLIENTS, lendDispatcher } from '../e2e/llm-clients.ts';
import { SIGNATURE } from '../e2e/llm-script.ts';
import { LlmUpstream } from '../e2e/llm-upstream.ts';
import { type Gateway, startGateway, TOKEN } from './gateway.ts';
import { MASK, masked } from './mask-harness.ts';

/** The vendors' own SDKs through the real data path of an edge, in front of a server that speaks as they document. */
const upstream = new LlmUpstream();
const gateways = new Map<string, Gateway>();
let target: string;

const RULES = {
  mask: [
    { detect: ['secrets', 'pii'], with: 'redact' },
    { pattern: { name: 'employee-id', regex: 'EMP-[0-9]{6}' }, with: 'redact' },
  ],
};

/** The dialect a client is named after. */
const dialectOf = (client: string) => client.split(' ')[0] as string;

async function gatewayFor(dialect: string, policy: Record<string, unknown> = RULES): Promise<Gateway> {
  const credential = { header: 'authorization', prefix: 'Bearer ', value: { env: 'KEY' } };
  return startGateway({ target: { url: target, dialect }, policy, credential });
}

/** Asks through the gateway whose rules mask. */
function ask(name: string, prompt = 'hello') {
  const gateway = gateways.get(dialectOf(name)) as Gateway;
  return CLIENTS[name]!(gateway.url, TOKEN, prompt);
}

beforeAll(async () => {
  await lendDispatcher();
  target = await upstream.listen();
  for (const dialect of new Set(Object.keys(CLIENTS).map(dialectOf))) {
    gateways.set(dialect, await gatewayFor(dialect));
  }
});
beforeEach(() => {
  upstream.script = {};
  upstream.fault = undefined;
});
afterAll(async () => {
  for (const gateway of gateways.values()) await gateway.close();
  await upstream.close();
});

/** Cuts a text into deltas of this many characters. */
const cut = (text: string, size: number) => text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? [];

const SECRETS = ['EMP-123456', 'ada@analytical.io', '4111 1111 1111 1111', 'kX9-quartz-31', 'EMP-654321'];
const TEXT =
  'Call ada@analytical.io about EMP-123456,\nand pay with 4111 1111 1111 1111 – “naïve” 😀 EMP-654321';
const THOUGHT = 'The user is EMP-123456. I must not say so.';
const ARGUMENTS = JSON.stringify({
  to: 'ada@analytical.io',
  password: 'kX9-quartz-31',
  note: 'a "quoted"\n EMP-123456 é',
  n: 12,
});

function hasThoughts(name: string): boolean {
  return !name.includes('completions') && !name.includes('generate');
}

describe.each(Object.keys(CLIENTS))('%s', (name) => {
  test.each([1, 3, 7, 1000])('words and thoughts in deltas of %d', async (size) => {
    upstream.script = { text: cut(TEXT, size), thinking: cut(THOUGHT, size), logprobs: true };
    const said = await ask(name);
    expect(said.text).toBe(masked(TEXT));
    if (hasThoughts(name)) expect(said.thinking).toBe(masked(THOUGHT));
    for (const secret of SECRETS) expect(said.everything).not.toContain(secret);
    if (said.signature !== undefined) expect(said.signature).toBe(SIGNATURE);
    if (said.tokens !== undefined) expect(said.tokens).toBe(18);
    expect(said.finish).toMatch(/^(stop|end_turn|completed|STOP)$/);
  });

  test.each([1, 4, 1000])('arguments of a tool call in deltas of %d', async (size) => {
    if (name.includes('completions') || name.includes('generate')) return;
    upstream.script = { tool: { name: 'save', arguments: cut(ARGUMENTS, size) }, text: ['ok'] };
    const said = await ask(name);
    const given = typeof said.arguments === 'string' ? JSON.parse(said.arguments) : said.arguments;
    expect(given).toEqual({ to: MASK, password: MASK, note: `a "quoted"\n ${MASK} é`, n: 12 });
    for (const secret of SECRETS) expect(said.everything).not.toContain(secret);
  });

  test('prompts are masked on their way up', async () => {
    upstream.script = { text: ['ok'] };
    await ask(name, 'I am EMP-123456, "ada@analytical.io"\n');
    const { body, headers } = upstream.seen.at(-1) ?? { body: '', headers: {} };
    expect(headers.authorization).toBe('Bearer target-secret-1');
    expect(JSON.stringify(headers)).not.toContain(TOKEN);
    expect(body).not.toContain('EMP-123456');
    expect(body).toContain(`I am ${MASK}, \\"${MASK}\\"\\n`);
  });
});

test('a secret cut at every place, in words, thoughts and arguments: what the SDK holds is the masked whole', async () => {
  const text = 'to EMP-123456, a@b.co!';
  const given = '{"a":"EMP-123456 \\u0041","password":"kX9-quartz-31"}';
  for (const name of Object.keys(CLIENTS).filter((it) => it.endsWith('streamed'))) {
    const plain = name.includes('completions') || name.includes('generate');
    for (let at = 1; at < given.length; at++) {
      const halves = (it: string) => [it.slice(0, at), it.slice(at)].filter((half) => half !== '');
      upstream.script = {
        text: halves(text),
        thinking: halves(text),
        ...(plain ? {} : { tool: { name: 'save', arguments: halves(given) } }),
      };
      const said = await ask(name);
      expect(said.text).toBe(masked(text));
      expect(said.everything).not.toMatch(/EMP-\d|kX9|a@b/);
      if (plain) continue;
      expect(said.thinking).toBe(masked(text));
      const call = typeof said.arguments === 'string' ? JSON.parse(said.arguments) : said.arguments;
      expect(call).toEqual({ a: `${MASK} A`, password: MASK });
      if (said.tokens !== undefined) expect(said.tokens).toBe(18);
    }
  }
});

/** What asking throws. */
async function thrownBy(asking: Promise<unknown>): Promise<Record<string, unknown> & Error> {
  return asking.then(
    () => {
      throw new Error('it was answered');
    },
    (error) => error,
  );
}

test('a blocked model raises the error class of the SDK, and the target is never asked', async () => {
  const guard = [{ when: { http: { models: ['*'] } }, do: 'block', reason: 'no models today' }];
  for (const dialect of gateways.keys()) {
    const gateway = await gatewayFor(dialect, { ...RULES, guard });
    upstream.seen.length = 0;
    for (const name of Object.keys(CLIENTS).filter((it) => dialectOf(it) === dialect)) {
      const error = await thrownBy(CLIENTS[name]!(gateway.url, TOKEN, 'hello'));
      expect([error.status, error.status_code]).toContain(403);
      if (/openai|anthropic/.test(name)) expect(error.constructor.name).toBe('PermissionDeniedError');
      expect(error.message).toContain('test/guard[0]');
    }
    expect(upstream.seen).toEqual([]);
    await gateway.close();
  }
});

test('an answer that is blocked amid its stream ends with the error of its vendor', async () => {
  const guard = [{ when: { response: { detect: ['pii.email'] } }, do: 'block', reason: 'no addresses' }];
  for (const dialect of gateways.keys()) {
    const gateway = await gatewayFor(dialect, { ...RULES, guard });
    for (const name of Object.keys(CLIENTS).filter(
      (it) => dialectOf(it) === dialect && it.endsWith('streamed'),
    )) {
      upstream.script = { text: ['one ', 'two ', 'three ada@analytical.io ', 'four'], pace: 5 };
      const error = await thrownBy(CLIENTS[name]!(gateway.url, TOKEN, 'hello'));
      expect(`${name}: ${error.message}`).toMatch(/SCRIM_GUARD_BLOCKED/);
    }
    await gateway.close();
  }
});

test("the vendor's own errors pass masked, at once and amid the stream", async () => {
  const error = { type: 'overloaded_error', message: 'EMP-123456 Overloaded' };
  upstream.fault = { status: 529, body: { type: 'error', error } };
  const thrown = await thrownBy(ask('anthropic'));
  expect(thrown.status).toBe(529);
  expect(thrown.message).toContain(`${MASK} Overloaded`);
  upstream.fault = undefined;
  upstream.script = { text: ['one ', 'two '], failAfter: 4 };
  expect((await thrownBy(ask('anthropic streamed'))).message).toMatch(/Overloaded/);
  expect((await thrownBy(ask('openai chat streamed'))).message).toMatch(/had an error/);
});

test('tokens of answers count; when they are used up the SDK hears 429 and when to come back', async () => {
  for (const name of [
    'openai chat streamed',
    'openai responses',
    'anthropic streamed',
    'gemini streamed',
    'ollama',
  ]) {
    const gateway = await gatewayFor(dialectOf(name), { limits: { tokensPerMinute: 18 } });
    upstream.script = { text: ['one'] };
    await CLIENTS[name]!(gateway.url, TOKEN, 'hello');
    const error = await thrownBy(CLIENTS[name]!(gateway.url, TOKEN, 'hello'));
    expect([error.status, error.status_code]).toContain(429);
    expect(error.message).toContain('test/limits.tokensPerMinute');
    if (/openai|anthropic/.test(name)) {
      expect(error.constructor.name).toBe('RateLimitError');
      expect(Number((error.headers as unknown as Headers).get('retry-after'))).toBeGreaterThan(0);
    }
    await CLIENTS[name]!(gateway.url, 'scrim-another-caller', 'hello');
    await gateway.close();
  }
});

test('what the prompt was tokenised from comes back where the model repeats the token', async () => {
  const policy = {
    restore: true,
    mask: [{ pattern: { name: 'employee-id', regex: 'EMP-[0-9]{6}' }, with: 'tokenise' }],
  };
  for (const dialect of gateways.keys()) {
    const gateway = await gatewayFor(dialect, policy);
    for (const name of Object.keys(CLIENTS).filter((it) => dialectOf(it) === dialect)) {
      upstream.script = { text: ['ok'] };
      await CLIENTS[name]!(gateway.url, TOKEN, 'who is EMP-123456?');
      const token = /tok_7[a-z2-7]+/.exec(upstream.seen.at(-1)?.body ?? '')?.[0] ?? '';
      expect(upstream.seen.at(-1)?.body).not.toContain('EMP-123456');
      const call = JSON.stringify({ id: token });
      upstream.script = {
        text: cut(`It is ${token}.`, 5),
        ...(/completions|generate/.test(name) ? {} : { tool: { name: 'save', arguments: cut(call, 5) } }),
      };
      const said = await CLIENTS[name]!(gateway.url, TOKEN, 'who is EMP-123456?');
      expect(`${name}: ${said.text}`).toBe(`${name}: It is EMP-123456.`);
      if (said.arguments === undefined) continue;
      const given = typeof said.arguments === 'string' ? JSON.parse(said.arguments) : said.arguments;
      expect(given).toEqual({ id: 'EMP-123456' });
    }
    const recorded = JSON.stringify(gateway.log, (_, it) =>
      it?.type === 'Buffer' ? Buffer.from(it.data).toString() : it,
    );
    expect(recorded).not.toContain('EMP-123456');
    await gateway.close();
  }
});
