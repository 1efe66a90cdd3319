import { expect, test } from '@jest/globals';
import type { Texts } from '@scrim/protocol-kit';
import { createFramer, DIALECTS } from './index.ts';

const body = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const whole = (texts: Texts) => texts.pieces.map((it) => it.bytes);
/** A masker that knows one word, and sees each piece by itself. */
const mask = (texts: Texts) => texts.rewrite(texts.pieces.map((it) => hide(it.bytes))).toString();
const hide = (bytes: Uint8Array) =>
  Buffer.from(Buffer.from(bytes).toString('latin1').replaceAll('secret', '#'), 'latin1');
const ask = (path: string, value: unknown, name: keyof typeof DIALECTS = 'openai') =>
  DIALECTS[name].request('POST', path, body(value));

test('what is not masked leaves byte for byte, requests and answers', () => {
  const texts = [
    '{ "model" : "m",\r\n "messages":[{"role":"user","content":"h\\u0069 \\ud83d"}],"seed":12345678901234567890,"temperature":1.0e-3 }\n',
    '{"messages":[{"role":"user","content":[{"type":"text","text":"a\\/b"},{"type":"image_url","image_url":{"url":"data:image\\/png;base64,AAAA"}}]}]}',
    '{"messages":[]}',
  ];
  for (const text of texts) {
    const request = ask('/v1/chat/completions', text);
    expect(request?.texts.rewrite(whole(request.texts)).toString()).toBe(text);
    const answer = DIALECTS.openai.answer('/v1/chat/completions', body(text));
    expect(answer.rewrite(whole(answer)).toString()).toBe(text);
  }
});

test('only the masked string changes', () => {
  const text =
    '{"a":1.50,"a":2,"choices":[{"message":{"content":"my secret\\u0021"},"x":[1e400]}],"z":"secret"}';
  expect(mask(DIALECTS.openai.answer('/v1/chat/completions', body(text)))).toBe(
    '{"a":1.50,"a":2,"choices":[{"message":{"content":"my #!"},"x":[1e400]}],"z":"#"}',
  );
});

test('requests that two readers could read differently are refused', () => {
  const bad = [
    '{"model":"a","model":"b","messages":[]}',
    '{"model":"a","mod\\u0065l":"b","messages":[]}',
    '{"model":"a","Model":"b","messages":[]}',
    '{"Model":"b","messages":[]}',
    '{"messages":[{"role":"user","content":"x","content":"y"}]}',
    '\ufeff{"messages":[]}',
    '{"messages":[]} // yes',
    '{"messages":[],}',
    "{'messages':[]}",
    '{"messages":{}}',
    '{"messages":["hi"]}',
    '{"model":["a"],"messages":[]}',
    '{"stream":"true","messages":[]}',
    '{"messages":[{"role":"user","content":{"text":"x"}}]}',
    '{"tools":{},"messages":[]}',
    '[]',
    '"x"',
    '',
    '{"messages":[]}{"messages":[]}',
    `{"messages":${'['.repeat(600)}${']'.repeat(600)}}`,
    '{"a":"\u0001","messages":[]}',
    '{"a":"\\x41","messages":[]}',
    '{"a":01,"messages":[]}',
    '{"a":NaN,"messages":[]}',
  ];
  for (const text of bad) {
    if (text === '') expect(ask('/v1/chat/completions', text)).toBeUndefined();
    else expect(() => ask('/v1/chat/completions', text)).toThrow(/cannot be read/);
  }
  expect(() =>
    DIALECTS.openai.request('POST', '/v1/chat/completions', Buffer.from([0x7b, 0xff, 0x7d])),
  ).toThrow();
  expect(() => ask('/api/chat', '{"MODEL":"x","messages":[]}', 'ollama')).toThrow();
  expect(() =>
    ask('/v1beta/models/g:generateContent', '{"systemInstruction":{},"system_instruction":{}}', 'gemini'),
  ).toThrow();
});

test('paths that carry prompts are known however they are written, others are plain', () => {
  for (const path of [
    '/v1/chat/completions?x=1',
    '/v1/chat%2Fcompletions',
    '/v1/chat//completions/',
    '/openai/deployments/d/chat/completions?api-version=1',
    '/v1/responses',
    '/v1/responses/input_tokens',
    '/v1/completions',
    '/v1/embeddings',
  ]) {
    expect(ask(path, {})).toBeDefined();
  }
  expect(ask('/openai/deployments/gpt-x/chat/completions', { model: 'other' })?.model).toBe('gpt-x');
  for (const path of ['/v1/models', '/v1/audio/speech', '/v1/files']) expect(ask(path, {})).toBeUndefined();
  expect(ask('/v1/messages/count_tokens', { model: 'c' }, 'anthropic')?.model).toBe('c');
  expect(ask('/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse', {}, 'gemini')).toMatchObject({
    model: 'gemini-2.5-flash',
    streams: true,
  });
  expect(ask('/v1beta/models/gemini%2D2:countTokens', { generateContentRequest: {} }, 'gemini')?.model).toBe(
    'gemini-2',
  );
  expect(ask('/api/chat', { model: 'l' }, 'ollama')?.streams).toBe(true);
  expect(ask('/v1/chat/completions', { model: 'l' }, 'ollama')?.streams).toBe(false);
  expect(ask('/v1/messages', { model: 'l', stream: true }, 'ollama')?.streams).toBe(true);
});

test('model, tools and calls are what a guard judges', () => {
  const chat = ask('/v1/chat/completions', {
    model: 'gpt-5',
    tools: [
      { type: 'function', function: { name: 'save' } },
      { type: 'custom', custom: { name: 'free' } },
      { type: 'web_search' },
    ],
    messages: [
      {
        role: 'assistant',
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'save', arguments: '{"a":"secret"}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: '{"password":"secret"}' },
    ],
  });
  expect(chat).toMatchObject({
    model: 'gpt-5',
    tools: ['save', 'free', 'web_search'],
    calls: [{ name: 'save', arguments: '{"a":"secret"}' }],
  });
  const forms = chat?.texts.pieces
    .filter((it) => Buffer.from(it.bytes).includes('secret'))
    .map((it) => it.form);
  expect(forms).toEqual(['json', 'json']);
  const responses = ask('/v1/responses', {
    input: [
      { type: 'function_call', name: 'f', arguments: '{}', call_id: 'c' },
      { type: 'local_shell_call', action: { command: ['rm'] } },
      { type: 'function_call_output', call_id: 'c', output: 'secret' },
    ],
    tools: [{ type: 'mcp', server_label: 'deepwiki' }],
  });
  expect(responses?.calls).toEqual([
    { name: 'f', arguments: '{}' },
    { name: 'local_shell_call', arguments: '{"command":["rm"]}' },
  ]);
  expect(responses?.tools).toEqual(['mcp', 'deepwiki']);
  const claude = ask(
    '/v1/messages',
    {
      system: [{ type: 'text', text: 'secret' }],
      tools: [{ name: 'bash', description: 'secret' }],
      messages: [
        {
          role: 'assistant',
          content: [{ type: 'tool_use', name: 'bash', input: { command: 'echo secret' } }],
        },
        { role: 'user', content: [{ type: 'tool_result', content: [{ type: 'text', text: 'secret' }] }] },
      ],
    },
    'anthropic',
  );
  expect(claude?.calls).toEqual([{ name: 'bash', arguments: '{"command":"echo secret"}' }]);
  expect(claude && mask(claude.texts)).not.toContain('secret');
  const google = ask(
    '/v1beta/models/g:generateContent',
    {
      systemInstruction: { parts: [{ text: 'secret' }] },
      tools: [{ functionDeclarations: [{ name: 'f', description: 'secret' }] }, { googleSearch: {} }],
      contents: [{ role: 'model', parts: [{ functionCall: { name: 'f', args: { a: 'secret' } } }] }],
    },
    'gemini',
  );
  expect(google).toMatchObject({
    tools: ['f', 'googleSearch'],
    calls: [{ name: 'f', arguments: '{"a":"secret"}' }],
  });
  expect(google && mask(google.texts)).not.toContain('secret');
});

test('pictures, sounds, files and token numbers pass unread and are counted; words that look alike are read', () => {
  const image = `data:image/png;base64,${'QUJD'.repeat(30)}`;
  const request = ask('/v1/chat/completions', {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: image } },
          { type: 'input_audio', input_audio: { data: 'QUJD'.repeat(30), format: 'wav' } },
          { type: 'file', file: { file_data: `data:application/pdf;base64,${'QUJD'.repeat(9)}` } },
        ],
      },
    ],
  });
  expect(request?.texts.uninspected).toBeGreaterThan(280);
  expect(Buffer.concat(request?.texts.pieces.map((it) => it.bytes) as Buffer[]).toString()).not.toContain(
    'QUJD',
  );
  expect(ask('/v1/embeddings', { input: [1, 2, 3] })?.texts.uninspected).toBe(7);
  const tool = ask(
    '/v1beta/models/g:generateContent',
    {
      contents: [
        { parts: [{ functionResponse: { name: 'f', response: { data: 'secret', result: 'secret' } } }] },
      ],
    },
    'gemini',
  );
  expect(tool?.texts.uninspected).toBe(0);
  expect(tool && mask(tool.texts)).not.toContain('secret');
});

test('log probabilities and token numbers go when the text they repeat does not stay', () => {
  const probs = { content: [{ token: 'secret', bytes: [115], top_logprobs: [] }] };
  const answer = (content: string) =>
    mask(DIALECTS.openai.answer('/', body({ choices: [{ message: { content }, logprobs: probs }] })));
  expect(JSON.parse(answer('my secret')).choices[0].logprobs).toBeNull();
  const clean = { content: [{ token: 'hi', bytes: [104], top_logprobs: [] }] };
  const kept = DIALECTS.openai.answer(
    '/',
    body({ choices: [{ message: { content: 'hi' }, logprobs: clean }] }),
  );
  expect(JSON.parse(mask(kept)).choices[0].logprobs).toEqual(clean);
  const generate = (response: string) =>
    JSON.parse(mask(DIALECTS.ollama.answer('/api/generate', body({ response, context: [1, 2], done: true }))))
      .context;
  expect(generate('my secret')).toEqual([]);
  expect(generate('mine')).toEqual([1, 2]);
  const part = { type: 'output_text', text: 'secret', logprobs: [{ token: 'secret' }] };
  expect(
    JSON.parse(mask(DIALECTS.openai.answer('/', body({ output: [{ content: [part] }] })))).output[0]
      .content[0].logprobs,
  ).toEqual([]);
});

test('a rule that masks a text by its place is not undone', () => {
  const texts = DIALECTS.openai.answer('/', body({ choices: [{ message: { content: 'hello' } }] }));
  const shown = texts.pieces.map((it, at) =>
    at === 0 ? Buffer.from('{"choices":[{"message":{"content":"***"}}]}') : Buffer.from(it.bytes),
  );
  expect(texts.rewrite(shown).toString()).toBe('{"choices":[{"message":{"content":"***"}}]}');
  const gone = texts.pieces.map((it, at) =>
    at === 0 ? Buffer.from('{"choices":null}') : Buffer.from(it.bytes),
  );
  expect(texts.rewrite(gone).toString()).toBe('{"choices":null}');
});

test('arguments that were cut off are masked as what they are, and stay cut off', () => {
  for (const cut of [
    '{"a":"sec',
    '{"a":"secret',
    '{"a":"x\\',
    '{"a":"x\\u00',
    '{"a":tr',
    '{"a":1,',
    '{"a":[1,{"b',
    '{"a":-',
    '{',
  ]) {
    const call = { function: { name: 'f', arguments: cut } };
    const texts = DIALECTS.openai.answer('/', body({ choices: [{ message: { tool_calls: [call] } }] }));
    const piece = texts.pieces.find((it) => it.form === 'json' && it.channel !== 0);
    expect(() => JSON.parse(Buffer.from(piece?.bytes ?? []).toString())).not.toThrow();
    const shown = JSON.parse(mask(texts)).choices[0].message.tool_calls[0].function.arguments;
    expect(shown).toBe(cut.replace('secret', '#'));
  }
});

test('streams that cannot be read are refused', () => {
  const read = (name: keyof typeof DIALECTS, text: string) => () =>
    DIALECTS[name].reader('/v1/chat/completions', name === 'ollama' ? 'sse' : 'sse').event(Buffer.from(text));
  for (const text of [
    'data: {"a"\n\n',
    'data: []\n\n',
    'data: hello\n\n',
    'data: {"choices":[{"delta":{},"delta":{}}]}\n\n',
  ])
    for (const name of ['openai', 'anthropic', 'gemini'] as const) {
      if (name !== 'openai' && text.includes('delta')) continue;
      expect(read(name, text)).toThrow();
    }
  expect(read('openai', 'event: se cret\ndata: {}\n\n')).toThrow();
});

test('comments are looked at, beside data they go', () => {
  const reader = DIALECTS.openai.reader('/v1/chat/completions', 'sse');
  expect(reader.event(Buffer.from(': secret\n\n')).map(mask)).toEqual([': \n\n']);
  expect(reader.event(Buffer.from(': ping\r\n\r\n')).map(mask)).toEqual([': ping\r\n\r\n']);
  expect(reader.event(Buffer.from(': secret\nid: 7\ndata: {"a":1}\n\n')).map(mask)).toEqual([
    'id: 7\ndata: {"a":1}\n\n',
  ]);
});

test('streams are cut into messages wherever their bytes are cut', () => {
  const streams = {
    sse: ['data: 1\n\n', ': c\r\n\r\n', 'event: a\r\rdata: 2\n\r\n', '\n', 'data: é\n\n', 'data: 3'],
    ndjson: ['{"a":1}\n', '{"b":"é"}\r\n', '{}'],
    'json-array': ['[{"a":"]}\\""}', ',\n{"b":[1,[2]]}', ',{}', '\n]\n'],
  } as const;
  for (const [framing, messages] of Object.entries(streams)) {
    const bytes = Buffer.from(messages.join(''));
    const expected = cutBy(framing as keyof typeof streams, [bytes]);
    expect(expected.join('')).toBe(bytes.toString());
    if (framing !== 'sse') expect(expected).toEqual([...messages]);
    for (let at = 0; at <= bytes.length; at++) {
      expect(cutBy(framing as keyof typeof streams, [bytes.subarray(0, at), bytes.subarray(at)])).toEqual(
        expected,
      );
    }
    expect(
      cutBy(
        framing as keyof typeof streams,
        [...bytes].map((it) => Buffer.from([it])),
      ),
    ).toEqual(expected);
  }
  expect(() => createFramer('ndjson', 10).push(Buffer.alloc(11))).toThrow(RangeError);
});

function cutBy(framing: 'sse' | 'ndjson' | 'json-array', chunks: readonly Buffer[]): string[] {
  const framer = createFramer(framing, 1000);
  return [...chunks.flatMap((chunk) => framer.push(chunk)), ...framer.end()].map((it) => it.toString());
}

test('an emoji cut in half by escapes stays whole', () => {
  const reader = DIALECTS.openai.reader('/v1/chat/completions', 'sse');
  const events = ['"a \\ud83d"', '"\\ude00 secret"'].map((it) =>
    Buffer.from(`data: {"choices":[{"index":0,"delta":{"content":${it}}}]}\n\n`),
  );
  const out = events.flatMap((event) => reader.event(event).map(mask));
  const texts = out.map((it) => JSON.parse(it.slice(6)).choices[0].delta.content);
  expect(texts.join('')).toBe('a 😀 #');
});

test('tokens are what the vendor says, and counted by length where it says nothing', () => {
  const said = (events: readonly object[]) => {
    const reader = DIALECTS.openai.reader('/v1/chat/completions', 'sse');
    for (const event of events) reader.event(Buffer.from(`data: ${JSON.stringify(event)}\n\n`));
    return reader.tokens;
  };
  const words = { choices: [{ index: 0, delta: { content: 'twenty letters long.' } }] };
  expect(said([words])).toBe(5);
  expect(said([words, { choices: [], usage: { total_tokens: 18 } }])).toBe(18);
});

test('a field nobody knows is put together over deltas as well, and ends with its choice', () => {
  const reader = DIALECTS.openai.reader('/v1/chat/completions', 'sse');
  const chunk = (delta: object, finish: string | null = null) =>
    Buffer.from(
      `data: ${JSON.stringify({ id: 'c', choices: [{ index: 2, delta, finish_reason: finish }] })}\n\n`,
    );
  const pieces = [
    chunk({ reasoning_details: [{ type: 'reasoning.text', index: 1, text: 'sec' }] }),
    chunk({ reasoning_details: [{ type: 'reasoning.text', index: 1, text: 'ret' }] }),
  ].flatMap((event) => reader.event(event).flatMap((texts) => texts.pieces.filter((it) => it.channel !== 0)));
  expect(new Set(pieces.map((it) => it.channel)).size).toBe(1);
  expect(Buffer.concat(pieces.map((it) => it.bytes)).toString()).toBe('secret');
  const [tail, end] = reader.event(chunk({}, 'stop'));
  expect(tail?.pieces.at(-1)).toMatchObject({ channel: pieces[0]?.channel, last: true });
  const shown = tail?.rewrite(tail.pieces.map((it, at) => (at === 0 ? it.bytes : Buffer.from('#'))));
  expect(JSON.parse(shown?.toString().slice(6) ?? '').choices[0]).toMatchObject({
    index: 2,
    delta: { reasoning_details: [{ index: 1, text: '#' }] },
    finish_reason: null,
  });
  expect(end && mask(end)).toContain('"finish_reason":"stop"');
});

test('events of the Responses API stay numbered without gaps when tails are added', () => {
  const reader = DIALECTS.openai.reader('/v1/responses', 'sse');
  let number = 0;
  const event = (type: string, more: object) =>
    Buffer.from(`event: ${type}\ndata: ${JSON.stringify({ type, ...more, sequence_number: number++ })}\n\n`);
  const at = (output_index: number) => ({ item_id: `i${output_index}`, output_index, content_index: 0 });
  const events = [0, 1].flatMap((index) => [
    event('response.output_text.delta', { ...at(index), delta: 'x', logprobs: [] }),
    event('response.output_text.done', { ...at(index), text: 'x' }),
  ]);
  // A masker that holds everything until its channel ends.
  const held = new Map<number, Buffer>();
  const out = events.flatMap((bytes) =>
    reader.event(bytes).map((texts) =>
      texts
        .rewrite(
          texts.pieces.map(({ channel, bytes: given, last }) => {
            const all = Buffer.concat([held.get(channel) ?? Buffer.alloc(0), given]);
            held.set(channel, last ? Buffer.alloc(0) : all);
            return last ? all : Buffer.alloc(0);
          }),
        )
        .toString(),
    ),
  );
  const read = out.map((it) => JSON.parse(it.split('\n')[1]?.slice(6) ?? ''));
  expect(read.map((it) => it.sequence_number)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(read.map((it) => it.delta ?? it.text)).toEqual(['', 'x', 'x', '', 'x', 'x']);
  expect(out[1]).toMatch(/^event: response\.output_text\.delta\n/);
});
