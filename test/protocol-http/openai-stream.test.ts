import { expect, test } from '@jest/globals';
import { DIALECTS } from '@scrim/protocol-http/dialect';
import { MASK, maskStream } from './mask-harness.ts';

const CHAT = '/v1/chat/completions';
const sse = (...events: readonly unknown[]) => [
  Buffer.from([...events.map((it) => `data: ${JSON.stringify(it)}\n\n`), 'data: [DONE]\n\n'].join('')),
];
const chunk = (delta: object, more: object = {}) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1741569952,
  model: 'gpt-5',
  choices: [{ index: 0, delta, logprobs: null, finish_reason: null, ...more }],
});
const events = (text: string) =>
  text
    .split('\n\n')
    .filter((it) => it.startsWith('data: {'))
    .map((it) => JSON.parse(it.slice(6)));
const joined = (text: string) =>
  events(text)
    .map((it) => it.choices[0]?.delta?.content ?? '')
    .join('');

test('a clean stream leaves byte for byte', () => {
  const given = [
    ': keep-alive\n\n',
    'data: {"id":"c1","created":17415699529007199254740993, "n":1e400,"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\r\n\r\n',
    'data:{"choices":[{"index":0,"delta":{"content":"Hello, \\u0077orld. "},"finish_reason":null}],"a":1,"a":2}\n\n',
    'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    'data: {"choices":[],"usage":{"total_tokens":12}}\n\n',
    'data: [DONE]\n\n',
  ].join('');
  expect(maskStream(DIALECTS.openai, CHAT, 'sse', [Buffer.from(given)])).toBe(given);
});

test('a secret over deltas is masked, its tail leaves before the finish', () => {
  const out = maskStream(
    DIALECTS.openai,
    CHAT,
    'sse',
    sse(
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'id EMP-' }),
      chunk({ content: '123' }),
      chunk({ content: '456' }),
      chunk({}, { finish_reason: 'stop' }),
    ),
  );
  expect(out).not.toContain('123');
  expect(joined(out)).toBe(`id ${MASK}`);
  const finishes = events(out).map((it) => it.choices[0].finish_reason);
  expect(finishes.at(-1)).toBe('stop');
  expect(finishes.filter((it) => it !== null)).toHaveLength(1);
  expect(new Set(events(out).map((it) => it.id))).toEqual(new Set(['chatcmpl-1']));
});
