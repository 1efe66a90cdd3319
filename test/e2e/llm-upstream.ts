import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, named, type Script, SIGNATURE, SSE, USAGE, VECTOR, whole } from './llm-script.ts';
import { chat, completions, embeddings, responses } from './llm-upstream-openai.ts';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

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
