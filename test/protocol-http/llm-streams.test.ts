import { expect, test } from '@jest/globals';
import { DIALECTS } from '@scrim/protocol-http/dialect';
import { MASK, maskStream, StreamMask } from './mask-harness.ts';

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

/** Texts by choice, as a client puts them together. */
function byChoice(text: string): Record<number, string> {
  const said: Record<number, string> = {};
  for (const { choices } of events(text)) {
    for (const { index, delta } of choices) said[index] = (said[index] ?? '') + (delta?.content ?? '');
  }
  return said;
}

test('choices that come interleaved do not mix, each ends by itself', () => {
  const of = (index: number, content: string | undefined, finish_reason: string | null = null) => ({
    id: 'c',
    choices: [{ index, delta: content === undefined ? {} : { content }, finish_reason }],
  });
  const out = maskStream(
    DIALECTS.openai,
    CHAT,
    'sse',
    sse(
      of(0, 'EMP-12'),
      of(1, 'mail ada@ana'),
      of(0, '3456'),
      of(1, undefined, 'stop'),
      of(1, 'x'),
      of(0, ' 99', 'stop'),
    ),
  );
  expect(byChoice(out)).toEqual({ 0: `${MASK} 99`, 1: 'mail ada@anax' });
  expect(out.indexOf('"finish_reason":"stop"')).toBeGreaterThan(out.indexOf('ada@ana'));
});

test('a tool call that is whole in the chunk that finishes it is masked there', () => {
  const call = { index: 0, id: 'call_1', function: { name: 'f', arguments: '{"password":"kX9-quartz-31"}' } };
  const out = maskStream(
    DIALECTS.openai,
    CHAT,
    'sse',
    sse(chunk({ tool_calls: [call] }, { finish_reason: 'tool_calls' })),
  );
  expect(events(out)).toHaveLength(1);
  expect(events(out)[0].choices[0].delta.tool_calls[0]).toEqual({
    ...call,
    function: { name: 'f', arguments: `{"password":"${MASK}"}` },
  });
});

test('data over several lines, CRLF, a stream without its end: the tail leaves all the same', () => {
  const given = [
    'data: {"choices":[{"index":0,\r\ndata: "delta":{"content":"a EMP-123"}}],\r\ndata:  "n":1}\r\n\r\n',
    'data: {"choices":[{"index":0,"delta":{"content":"456"}}]}\r\n\r\n',
  ].join('');
  const out = maskStream(DIALECTS.openai, CHAT, 'sse', [Buffer.from(given)]);
  const read = out.split('\r\n\r\n').filter((it) => it !== '');
  const datas = read.map((it) =>
    JSON.parse(
      it
        .split('\r\n')
        .map((line) => line.slice(6))
        .join('\n'),
    ),
  );
  expect(datas.map((it) => it.choices[0].delta.content).join('')).toBe(`a ${MASK}`);
  expect(datas[0].n).toBe(1);
});

test('a JSON array of chunks stays one when a tail is added before the last', () => {
  const chunkOf = (parts: object[], finishReason?: string) => ({
    candidates: [{ content: { parts, role: 'model' }, ...(finishReason ? { finishReason } : {}), index: 0 }],
    modelVersion: 'g',
  });
  const array = [
    chunkOf([{ text: 'to EMP-1' }, { text: '23' }]),
    chunkOf([{ text: '456' }]),
    chunkOf([], 'STOP'),
  ];
  const path = '/v1beta/models/g:streamGenerateContent';
  for (const space of [0, 2]) {
    const bytes = Buffer.from(JSON.stringify(array, null, space));
    for (let at = 0; at <= bytes.length; at += 5) {
      const out = maskStream(DIALECTS.gemini, path, 'json-array', [
        bytes.subarray(0, at),
        bytes.subarray(at),
      ]);
      const read = JSON.parse(out) as ReturnType<typeof chunkOf>[];
      const texts = read.flatMap((it) => it.candidates[0]?.content.parts as { text?: string }[]);
      expect(texts.map((it) => it.text ?? '').join('')).toBe(`to ${MASK}`);
      expect(read.at(-1)?.candidates[0]?.finishReason).toBe('STOP');
    }
  }
});

test('a stream that broke off keeps its tail', () => {
  const stream = new StreamMask(DIALECTS.openai, CHAT, 'sse');
  const out = stream.push(Buffer.from('data: {"choices":[{"index":0,"delta":{"content":"EMP-123"}}]}\n\n'));
  expect(out.toString()).not.toContain('123');
});

test('blocks of Anthropic end with their tail, signatures stay, a cut tool call stays cut', () => {
  const named = (type: string, more: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
  const start = (index: number, content_block: object) =>
    named('content_block_start', { index, content_block });
  const delta = (index: number, it: object) => named('content_block_delta', { index, delta: it });
  const stop = (index: number) => named('content_block_stop', { index });
  const given = [
    start(0, { type: 'thinking', thinking: '', signature: '' }),
    delta(0, { type: 'thinking_delta', thinking: 'it is EMP-12' }),
    delta(0, { type: 'thinking_delta', thinking: '3456' }),
    delta(0, { type: 'signature_delta', signature: 'EqQB+/AKIA==' }),
    stop(0),
    start(1, { type: 'text', text: 'so EMP' }),
    delta(1, { type: 'text_delta', text: '-123456' }),
    delta(1, {
      type: 'citations_delta',
      citation: { cited_text: 'by EMP-123456', encrypted_index: 'EqQB+/8=' },
    }),
    stop(1),
    start(2, {
      type: 'web_search_tool_result',
      content: [{ title: 'EMP-123456', encrypted_content: 'EqQB+/9=' }],
    }),
    stop(2),
    start(3, { type: 'tool_use', id: 't', name: 'f', input: {} }),
    delta(3, { type: 'input_json_delta', partial_json: '{"a":"EMP-123456 \\u00' }),
    stop(3),
    named('message_stop', {}),
  ].join('');
  const out = maskStream(DIALECTS.anthropic, '/v1/messages', 'sse', [Buffer.from(given)]);
  expect(out).not.toMatch(/EMP-\d|3456/);
  for (const sealed of ['EqQB+/AKIA==', 'EqQB+/8=', 'EqQB+/9=']) expect(out).toContain(sealed);
  const read = out
    .split('\n\n')
    .filter((it) => it !== '')
    .map((it) => JSON.parse(it.split('\n')[1]?.slice(6) ?? ''));
  const order = read.map((it) => `${it.type}${it.index ?? ''}`);
  expect(order.indexOf('content_block_stop0')).toBeLessThan(order.indexOf('content_block_start1'));
  const said = (index: number, key: string) =>
    read
      .filter((it) => it.index === index && it.delta?.[key] !== undefined)
      .map((it) => it.delta[key])
      .join('');
  expect(said(0, 'thinking')).toBe(`it is ${MASK}`);
  expect(
    (read.find((it) => it.content_block?.type === 'text').content_block.text as string) + said(1, 'text'),
  ).toBe(`so ${MASK}`);
  expect(said(3, 'partial_json')).toBe(`{"a":"${MASK} \\u00`);
});
