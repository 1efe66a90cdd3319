import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DIALECTS, type Dialect } from '@scrim/protocol-http/dialect';
import { CLIENTS, lendDispatcher } from '../e2e/llm-clients.ts';
import { LlmUpstream, SIGNATURE } from '../e2e/llm-upstream.ts';
import { MASK, masked } from './mask-harness.ts';
import { MaskProxy } from './mask-proxy.ts';

const upstream = new LlmUpstream();
let proxy: MaskProxy;
let base: string;

beforeAll(async () => {
  await lendDispatcher();
  proxy = new MaskProxy(DIALECTS.openai, await upstream.listen());
  base = await proxy.listen();
});
beforeEach(() => {
  upstream.script = {};
  upstream.fault = undefined;
  proxy.refusal = undefined;
});
afterAll(async () => {
  await proxy.close();
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
  const ask = CLIENTS[name] as (typeof CLIENTS)[string];
  beforeAll(() => {
    proxy.dialect = DIALECTS[name.split(' ')[0] as Dialect['name']];
  });

  test.each([1, 3, 7, 1000])('words and thoughts in deltas of %d', async (size) => {
    upstream.script = { text: cut(TEXT, size), thinking: cut(THOUGHT, size), logprobs: true };
    const said = await ask(base, 'token', 'hello');
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
    const said = await ask(base, 'token', 'hello');
    const given = typeof said.arguments === 'string' ? JSON.parse(said.arguments) : said.arguments;
    expect(given).toEqual({ to: MASK, password: MASK, note: `a "quoted"\n ${MASK} é`, n: 12 });
    for (const secret of SECRETS) expect(said.everything).not.toContain(secret);
  });

  test('prompts are masked on their way up', async () => {
    upstream.script = { text: ['ok'] };
    await ask(base, 'token', 'I am EMP-123456, "ada@analytical.io"\n');
    const { body } = upstream.seen.at(-1) ?? { body: '' };
    expect(body).not.toContain('EMP-123456');
    expect(body).toContain(`I am ${MASK}, \\"${MASK}\\"\\n`);
  });
});

test('a secret cut at every place, in words, thoughts and arguments: what the SDK holds is the masked whole', async () => {
  const text = 'to EMP-123456, a@b.co!';
  const given = '{"a":"EMP-123456 \\u0041","password":"kX9-quartz-31"}';
  for (const name of Object.keys(CLIENTS).filter((it) => it.endsWith('streamed'))) {
    proxy.dialect = DIALECTS[name.split(' ')[0] as Dialect['name']];
    const plain = name.includes('completions') || name.includes('generate');
    for (let at = 1; at < given.length; at++) {
      const halves = (it: string) => [it.slice(0, at), it.slice(at)].filter((half) => half !== '');
      upstream.script = {
        text: halves(text),
        thinking: halves(text),
        ...(plain ? {} : { tool: { name: 'save', arguments: halves(given) } }),
      };
      const said = await CLIENTS[name]!(base, 'token', 'hello');
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

test('refusals raise the error class of the SDK, once', async () => {
  const refusal = {
    code: 'SCRIM_GUARD_BLOCKED',
    message: 'a guard blocked the operation',
    rule: 'production/guard[0]',
    ticket: 'T1',
  } as const;
  for (const [name, ask] of Object.entries(CLIENTS)) {
    proxy.dialect = DIALECTS[name.split(' ')[0] as Dialect['name']];
    proxy.refusal = { refusal };
    const error = await ask(base, 'token', 'hello').then(
      () => undefined,
      (it: Error & { status?: number; status_code?: number }) => it,
    );
    expect([error?.status, error?.status_code]).toContain(403);
    if (/openai|anthropic/.test(name)) expect(error?.constructor.name).toBe('PermissionDeniedError');
    expect(error?.message).toContain('production/guard[0]');
  }
});

test('a refusal amid the stream reaches the caller as the error of its vendor', async () => {
  for (const name of Object.keys(CLIENTS).filter((it) => it.endsWith('streamed'))) {
    proxy.dialect = DIALECTS[name.split(' ')[0] as Dialect['name']];
    upstream.script = { text: ['one ', 'two ', 'three'], pace: 15 };
    proxy.refusal = { refusal: { code: 'SCRIM_GUARD_BLOCKED', message: 'this answer is blocked' }, after: 3 };
    await expect(CLIENTS[name]!(base, 'token', 'hello')).rejects.toThrow(/this answer is blocked/);
  }
});

test("the vendor's own errors pass, at once and amid the stream", async () => {
  proxy.dialect = DIALECTS.anthropic;
  upstream.fault = {
    status: 529,
    body: { type: 'error', error: { type: 'overloaded_error', message: 'EMP-123456 Overloaded' } },
  };
  const error = await CLIENTS.anthropic!(base, 'token', 'hello').catch((it) => it);
  expect(error.status).toBe(529);
  expect(error.message).toContain(`${MASK} Overloaded`);
  upstream.fault = undefined;
  upstream.script = { text: ['one ', 'two '], failAfter: 4 };
  await expect(CLIENTS['anthropic streamed']!(base, 'token', 'hello')).rejects.toThrow(/Overloaded/);
  proxy.dialect = DIALECTS.openai;
  await expect(CLIENTS['openai chat streamed']!(base, 'token', 'hello')).rejects.toThrow(/had an error/);
});

test('an exhausted budget is a 429 that says when to come back', () => {
  const refusal = { code: 'SCRIM_BUDGET', message: 'the budget is used up', retryAfter: 12.2 } as const;
  for (const dialect of Object.values(DIALECTS)) {
    const { status, headers } = dialect.error(refusal);
    expect([status, headers['retry-after'], headers['x-should-retry']]).toEqual([429, '13', 'true']);
    expect(dialect.error({ ...refusal, retryAfter: 4000 }).headers['x-should-retry']).toBe('false');
  }
});
