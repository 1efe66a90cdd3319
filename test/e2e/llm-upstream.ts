import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a model says, cut into deltas as a test wants it. */
export interface Script {
  /** The words, delta by delta. */
  readonly text?: readonly string[];
  readonly thinking?: readonly string[];
  readonly refusal?: readonly string[];
  /** One tool call: its arguments as JSON, delta by delta. */
  readonly tool?: { readonly name: string; readonly arguments: readonly string[] };
  /** Further choices of a chat completion, interleaved with the first. */
  readonly more?: readonly (readonly string[])[];
  readonly logprobs?: boolean;
  /** Stops where the model ran out of tokens: a tool call may be cut off. */
  readonly cutOff?: boolean;
  /** Milliseconds between events. */
  readonly pace?: number;
  /** After so many events the stream says that it failed. */
  readonly failAfter?: number;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Base64 the vendors sign thoughts with. */
export const SIGNATURE = `EqQBCkYIBxgCKkB${'q3Zr9+/'.repeat(12)}Aw==`;
const USAGE = { input: 11, output: 7 };

/**
 * The four vendors' servers as their documentation has them: event names and order, ids, indexes, sequence numbers,
 * usage, keep-alives and terminators. One server for all, told apart by path; `script` says what the model answers.
 */
export class LlmUpstream {
  readonly seen: SeenRequest[] = [];
  script: Script = {};
  /** An answer to give instead of the model's: an error of the vendor. */
  fault:
    | { readonly status: number; readonly headers?: Record<string, string>; readonly body: unknown }
    | undefined;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString('utf8');
    const path = request.url ?? '/';
    this.seen.push({ method: request.method ?? '', path, headers: request.headers, body });
    if (this.fault) {
      response.writeHead(this.fault.status, { 'content-type': 'application/json', ...this.fault.headers });
      response.end(JSON.stringify(this.fault.body));
      return;
    }
    const asked = body === '' ? {} : JSON.parse(body);
    const answer = answerOf(path, asked, this.script);
    if (!answer) {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"error":{"message":"no such path","type":"not_found_error"}}');
      return;
    }
    if ('whole' in answer) {
      response.writeHead(200, { 'content-type': 'application/json', 'request-id': 'req_1' });
      response.end(JSON.stringify(answer.whole));
      return;
    }
    response.writeHead(200, { 'content-type': answer.type, 'cache-control': 'no-cache' });
    let sent = 0;
    for (const event of answer.events) {
      if (response.destroyed) return;
      if (this.script.failAfter === sent++) {
        response.end(answer.failure);
        return;
      }
      response.write(event);
      if (this.script.pace !== undefined) await sleep(this.script.pace);
    }
    response.end();
  }
}

type Answer =
  | { readonly whole: unknown }
  | { readonly type: string; readonly events: readonly string[]; readonly failure: string };

const SSE = 'text/event-stream; charset=utf-8';

/** Every event of the answer at once, for tests without a server. */
export function answerOf(
  path: string,
  asked: { stream?: boolean; model?: string },
  script: Script,
): Answer | undefined {
  const plain = path.replace(/\?.*$/, '');
  if (plain.endsWith('/chat/completions')) return chat(asked, script);
  if (plain.endsWith('/responses')) return responses(asked, script);
  if (plain.endsWith('/completions')) return completions(asked, script);
  if (plain.endsWith('/embeddings')) return embeddings();
  if (plain.endsWith('/messages')) return messages(asked, script);
  if (plain.endsWith('/count_tokens')) return { whole: { input_tokens: 11 } };
  if (plain.endsWith(':generateContent')) return { whole: geminiWhole(script) };
  if (plain.endsWith(':streamGenerateContent')) return geminiStream(script, path.includes('alt=sse'));
  if (plain.endsWith(':countTokens')) return { whole: { totalTokens: 11 } };
  if (plain.endsWith(':embedContent')) return { whole: { embedding: { values: VECTOR } } };
  if (plain.endsWith('/api/chat')) return ollamaChat(asked, script);
  if (plain.endsWith('/api/generate')) return ollamaGenerate(asked, script);
  if (plain.endsWith('/api/embed'))
    return { whole: { model: 'llama', embeddings: [VECTOR], prompt_eval_count: 3 } };
  return undefined;
}

const VECTOR = [-0.006929283495992422, -0.005336422007530928, 4111111111111111, 0.0001];
const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;
const named = (value: { type: string }) => `event: ${value.type}\n${data(value)}`;
const whole = (parts: readonly string[] | undefined) => (parts ? parts.join('') : '');

function logprobsOf(token: string) {
  const bytes = [...Buffer.from(token)];
  return {
    content: [{ token, logprob: -0.1, bytes, top_logprobs: [{ token, logprob: -0.1, bytes }] }],
    refusal: null,
  };
}

function chat({ stream, model = 'gpt-5' }: { stream?: boolean; model?: string }, script: Script): Answer {
  const { text = [], thinking = [], refusal = [], tool, more = [], logprobs, cutOff } = script;
  const finish = cutOff ? 'length' : tool ? 'tool_calls' : 'stop';
  const usage = { prompt_tokens: USAGE.input, completion_tokens: USAGE.output, total_tokens: 18 };
  if (!stream) {
    const message = {
      role: 'assistant',
      content: text.length > 0 ? whole(text) : null,
      refusal: refusal.length > 0 ? whole(refusal) : null,
      ...(thinking.length > 0 ? { reasoning_content: whole(thinking) } : {}),
      annotations: [],
      ...(tool
        ? {
            tool_calls: [
              {
                id: 'call_1',
                type: 'function',
                function: { name: tool.name, arguments: whole(tool.arguments) },
              },
            ],
          }
        : {}),
    };
    const choices = [
      message,
      ...more.map((parts) => ({ role: 'assistant', content: whole(parts), refusal: null })),
    ];
    return {
      whole: {
        id: 'chatcmpl-A1',
        object: 'chat.completion',
        created: 1741569952,
        model,
        choices: choices.map((it, index) => ({
          index,
          message: it,
          logprobs: logprobs ? logprobsOf(whole(text)) : null,
          finish_reason: finish,
        })),
        usage,
      },
    };
  }
  const envelope = {
    id: 'chatcmpl-A1',
    object: 'chat.completion.chunk',
    created: 1741569952,
    model,
    system_fingerprint: 'fp_1',
  };
  const chunk = (index: number, delta: object, finish_reason: string | null = null, probs: unknown = null) =>
    data({ ...envelope, choices: [{ index, delta, logprobs: probs, finish_reason }], obfuscation: 'q9Zk' });
  const events = [': OPENROUTER PROCESSING\n\n', chunk(0, { role: 'assistant', content: '', refusal: null })];
  for (const part of thinking) events.push(chunk(0, { reasoning_content: part }));
  more.forEach((_, at) => {
    events.push(chunk(at + 1, { role: 'assistant', content: '' }));
  });
  text.forEach((part, at) => {
    events.push(chunk(0, { content: part }, null, logprobs ? logprobsOf(part) : null));
    more.forEach((parts, other) => {
      if (parts[at] !== undefined) events.push(chunk(other + 1, { content: parts[at] }));
    });
  });
  for (const part of refusal) events.push(chunk(0, { refusal: part }));
  if (tool) {
    const head = { index: 0, id: 'call_1', type: 'function', function: { name: tool.name, arguments: '' } };
    events.push(chunk(0, { tool_calls: [head] }));
    for (const part of tool.arguments)
      events.push(chunk(0, { tool_calls: [{ index: 0, function: { arguments: part } }] }));
  }
  events.push(chunk(0, {}, finish), ...more.map((_, at) => chunk(at + 1, {}, 'stop')));
  events.push(data({ ...envelope, choices: [], usage }), 'data: [DONE]\n\n');
  return {
    type: SSE,
    events,
    failure: data({ error: { message: 'The server had an error', type: 'server_error', code: null } }),
  };
}

function completions({ stream }: { stream?: boolean }, { text = [] }: Script): Answer {
  const envelope = {
    id: 'cmpl-1',
    object: 'text_completion',
    created: 1741569952,
    model: 'gpt-3.5-turbo-instruct',
  };
  const choice = (part: string, finish_reason: string | null) => ({
    text: part,
    index: 0,
    logprobs: null,
    finish_reason,
  });
  if (!stream)
    return { whole: { ...envelope, choices: [choice(whole(text), 'stop')], usage: { total_tokens: 18 } } };
  const events = [
    ...text.map((part) => data({ ...envelope, choices: [choice(part, null)] })),
    data({ ...envelope, choices: [choice('', 'stop')] }),
    'data: [DONE]\n\n',
  ];
  return { type: SSE, events, failure: data({ error: { message: 'failed', type: 'server_error' } }) };
}

function embeddings(): Answer {
  return {
    whole: {
      object: 'list',
      model: 'text-embedding-3-small',
      data: [{ object: 'embedding', index: 0, embedding: VECTOR }],
      usage: { prompt_tokens: 3, total_tokens: 3 },
    },
  };
}

/** The Responses API says each text four times: deltas, its done, the part's and the item's, and the last event. */
function responses(
  { stream, model = 'gpt-5' }: { stream?: boolean; model?: string },
  script: Script,
): Answer {
  const { text = [], thinking = [], tool, cutOff, logprobs } = script;
  const output: unknown[] = [];
  const events: string[] = [];
  let number = 0;
  const say = (event: { type: string; [key: string]: unknown }) => {
    events.push(named({ ...event, sequence_number: number++ } as { type: string }));
  };
  const response = (status: string, done: readonly unknown[], usage: unknown) => ({
    id: 'resp_1',
    object: 'response',
    created_at: 1741569952,
    status,
    model,
    output: done,
    parallel_tool_calls: true,
    tools: [],
    metadata: {},
    error: null,
    incomplete_details: null,
    instructions: null,
    text: { format: { type: 'text' } },
    usage,
  });
  say({ type: 'response.created', response: response('in_progress', [], null) });
  say({ type: 'response.in_progress', response: response('in_progress', [], null) });
  if (thinking.length > 0) {
    const at = { item_id: 'rs_1', output_index: output.length, summary_index: 0 };
    const item = { id: 'rs_1', type: 'reasoning', summary: [] as unknown[], encrypted_content: SIGNATURE };
    say({ type: 'response.output_item.added', output_index: at.output_index, item });
    say({ type: 'response.reasoning_summary_part.added', ...at, part: { type: 'summary_text', text: '' } });
    for (const part of thinking) say({ type: 'response.reasoning_summary_text.delta', ...at, delta: part });
    say({ type: 'response.reasoning_summary_text.done', ...at, text: whole(thinking) });
    const part = { type: 'summary_text', text: whole(thinking) };
    say({ type: 'response.reasoning_summary_part.done', ...at, part });
    say({
      type: 'response.output_item.done',
      output_index: at.output_index,
      item: { ...item, summary: [part] },
    });
    output.push({ ...item, summary: [part] });
  }
  if (text.length > 0) {
    const at = { item_id: 'msg_1', output_index: output.length, content_index: 0 };
    const item = {
      id: 'msg_1',
      type: 'message',
      status: 'in_progress',
      role: 'assistant',
      content: [] as unknown[],
    };
    const probs = (value: string) => (logprobs ? logprobsOf(value).content : []);
    say({ type: 'response.output_item.added', output_index: at.output_index, item });
    const empty = { type: 'output_text', text: '', annotations: [], logprobs: [] };
    say({ type: 'response.content_part.added', ...at, part: empty });
    for (const part of text) {
      say({
        type: 'response.output_text.delta',
        ...at,
        delta: part,
        logprobs: probs(part),
        obfuscation: 'a8Kd0',
      });
    }
    say({ type: 'response.output_text.done', ...at, text: whole(text), logprobs: probs(whole(text)) });
    const part = { type: 'output_text', text: whole(text), annotations: [], logprobs: probs(whole(text)) };
    say({ type: 'response.content_part.done', ...at, part });
    const done = { ...item, status: 'completed', content: [part] };
    say({ type: 'response.output_item.done', output_index: at.output_index, item: done });
    output.push(done);
  }
  if (tool) {
    const at = { item_id: 'fc_1', output_index: output.length };
    const item = {
      id: 'fc_1',
      type: 'function_call',
      status: 'in_progress',
      call_id: 'call_1',
      name: tool.name,
      arguments: '',
    };
    say({ type: 'response.output_item.added', output_index: at.output_index, item });
    for (const part of tool.arguments)
      say({ type: 'response.function_call_arguments.delta', ...at, delta: part });
    say({
      type: 'response.function_call_arguments.done',
      ...at,
      name: tool.name,
      arguments: whole(tool.arguments),
    });
    const done = { ...item, status: cutOff ? 'incomplete' : 'completed', arguments: whole(tool.arguments) };
    say({ type: 'response.output_item.done', output_index: at.output_index, item: done });
    output.push(done);
  }
  const usage = { input_tokens: USAGE.input, output_tokens: USAGE.output, total_tokens: 18 };
  const status = cutOff ? 'incomplete' : 'completed';
  if (!stream) return { whole: response(status, output, usage) };
  say({ type: `response.${status}`, response: response(status, output, usage) });
  const failure = named({ type: 'error', code: 'server_error', message: 'failed', param: null } as {
    type: string;
  });
  return { type: SSE, events, failure };
}

function messages(
  { stream, model = 'claude-sonnet-4-5' }: { stream?: boolean; model?: string },
  script: Script,
): Answer {
  const { text = [], thinking = [], tool, cutOff } = script;
  const stop_reason = cutOff ? 'max_tokens' : tool ? 'tool_use' : 'end_turn';
  const blocks: { start: object; deltas: object[]; done: object }[] = [];
  if (thinking.length > 0) {
    blocks.push({
      start: { type: 'thinking', thinking: '', signature: '' },
      deltas: [
        ...thinking.map((it) => ({ type: 'thinking_delta', thinking: it })),
        { type: 'signature_delta', signature: SIGNATURE },
      ],
      done: { type: 'thinking', thinking: whole(thinking), signature: SIGNATURE },
    });
    const sealed = { type: 'redacted_thinking', data: SIGNATURE };
    blocks.push({ start: sealed, deltas: [], done: sealed });
  }
  if (text.length > 0) {
    blocks.push({
      start: { type: 'text', text: '' },
      deltas: text.map((it) => ({ type: 'text_delta', text: it })),
      done: { type: 'text', text: whole(text) },
    });
  }
  if (tool) {
    blocks.push({
      start: { type: 'tool_use', id: 'toolu_1', name: tool.name, input: {} },
      deltas: ['', ...tool.arguments].map((it) => ({ type: 'input_json_delta', partial_json: it })),
      done: {
        type: 'tool_use',
        id: 'toolu_1',
        name: tool.name,
        input: cutOff ? {} : JSON.parse(whole(tool.arguments)),
      },
    });
  }
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model, stop_sequence: null };
  if (!stream) {
    const usage = { input_tokens: USAGE.input, output_tokens: USAGE.output };
    return { whole: { ...message, content: blocks.map((it) => it.done), stop_reason, usage } };
  }
  const events = [
    named({
      type: 'message_start',
      message: {
        ...message,
        content: [],
        stop_reason: null,
        usage: { input_tokens: USAGE.input, output_tokens: 1 },
      },
    } as { type: string }),
  ];
  blocks.forEach(({ start, deltas }, index) => {
    events.push(named({ type: 'content_block_start', index, content_block: start } as { type: string }));
    if (index === 0) events.push(named({ type: 'ping' }));
    for (const delta of deltas)
      events.push(named({ type: 'content_block_delta', index, delta } as { type: string }));
    events.push(named({ type: 'content_block_stop', index } as { type: string }));
  });
  const delta = { stop_reason, stop_sequence: null };
  events.push(
    named({ type: 'message_delta', delta, usage: { output_tokens: USAGE.output } } as { type: string }),
  );
  events.push(named({ type: 'message_stop' }));
  const failure = named({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } } as {
    type: string;
  });
  return { type: SSE, events, failure };
}

const GEMINI_USAGE = {
  promptTokenCount: USAGE.input,
  candidatesTokenCount: USAGE.output,
  totalTokenCount: 18,
};

function geminiWhole({ text = [], thinking = [], tool }: Script) {
  const parts: object[] = [];
  if (thinking.length > 0) parts.push({ text: whole(thinking), thought: true, thoughtSignature: SIGNATURE });
  for (const part of text) parts.push({ text: part });
  if (tool) parts.push({ functionCall: { name: tool.name, args: JSON.parse(whole(tool.arguments)) } });
  const candidates = [{ content: { parts, role: 'model' }, finishReason: 'STOP', index: 0 }];
  return { candidates, usageMetadata: GEMINI_USAGE, modelVersion: 'gemini-2.5-flash', responseId: 'r1' };
}

function geminiStream({ text = [], thinking = [], tool }: Script, events: boolean): Answer {
  const chunk = (part: object, finish = false) => ({
    candidates: [
      { content: { parts: [part], role: 'model' }, ...(finish ? { finishReason: 'STOP' } : {}), index: 0 },
    ],
    usageMetadata: GEMINI_USAGE,
    modelVersion: 'gemini-2.5-flash',
    responseId: 'r1',
  });
  const chunks: object[] = [
    ...thinking.map((it) => chunk({ text: it, thought: true })),
    ...text.map((it) => chunk({ text: it })),
  ];
  if (tool)
    chunks.push(chunk({ functionCall: { name: tool.name, args: JSON.parse(whole(tool.arguments)) } }));
  chunks.push(chunk({ text: '' }, true));
  const error = { error: { code: 503, message: 'The model is overloaded', status: 'UNAVAILABLE' } };
  if (events) {
    const all = chunks.map((it) => `data: ${JSON.stringify(it)}\r\n\r\n`);
    return { type: 'text/event-stream', events: all, failure: `data: ${JSON.stringify(error)}\r\n\r\n` };
  }
  const all = chunks.map((it, at) => `${at === 0 ? '[' : ',\r\n'}${JSON.stringify(it, null, 2)}`);
  return {
    type: 'application/json; charset=UTF-8',
    events: [...all, '\r\n]'],
    failure: `,\r\n${JSON.stringify(error)}]`,
  };
}

const TIMINGS = {
  total_duration: 174560334,
  load_duration: 101397084,
  prompt_eval_count: USAGE.input,
  eval_count: USAGE.output,
};

function ollamaChat(
  { stream = true }: { stream?: boolean },
  { text = [], thinking = [], tool }: Script,
): Answer {
  const head = { model: 'llama3.2', created_at: '2025-10-26T17:15:24.097767Z' };
  const calls = tool && [{ function: { name: tool.name, arguments: JSON.parse(whole(tool.arguments)) } }];
  const last = { done: true, done_reason: 'stop', ...TIMINGS };
  if (!stream) {
    const message = {
      role: 'assistant',
      content: whole(text),
      ...(thinking.length > 0 ? { thinking: whole(thinking) } : {}),
      ...(calls ? { tool_calls: calls } : {}),
    };
    return { whole: { ...head, message, ...last } };
  }
  const line = (message: object, more: object = { done: false }) =>
    `${JSON.stringify({ ...head, message: { role: 'assistant', ...message }, ...more })}\n`;
  const events = [
    ...thinking.map((it) => line({ content: '', thinking: it })),
    ...text.map((it) => line({ content: it })),
    ...(calls ? [line({ content: '', tool_calls: calls })] : []),
    line({ content: '' }, last),
  ];
  return { type: 'application/x-ndjson', events, failure: '{"error":"model runner has stopped"}\n' };
}

function ollamaGenerate({ stream = true }: { stream?: boolean }, { text = [] }: Script): Answer {
  const head = { model: 'llama3.2', created_at: '2025-10-26T17:15:24.097767Z' };
  const last = { done: true, done_reason: 'stop', context: [1, 2, 3], ...TIMINGS };
  if (!stream) return { whole: { ...head, response: whole(text), ...last } };
  const events = [
    ...text.map((it) => `${JSON.stringify({ ...head, response: it, done: false })}\n`),
    `${JSON.stringify({ ...head, response: '', ...last })}\n`,
  ];
  return { type: 'application/x-ndjson', events, failure: '{"error":"model runner has stopped"}\n' };
}
