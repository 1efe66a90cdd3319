import { type Answer, data, named, type Script, SIGNATURE, SSE, USAGE, VECTOR, whole } from './llm-script.ts';

function logprobsOf(token: string) {
  const bytes = [...Buffer.from(token)];
  return {
    content: [{ token, logprob: -0.1, bytes, top_logprobs: [{ token, logprob: -0.1, bytes }] }],
    refusal: null,
  };
}

function wholeChat(model: string, script: Script, finish: string, usage: object): Answer {
  const { text = [], thinking = [], refusal = [], tool, more = [], logprobs } = script;
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

export function chat(
  { stream, model = 'gpt-5' }: { stream?: boolean; model?: string },
  script: Script,
): Answer {
  const { text = [], thinking = [], refusal = [], tool, more = [], logprobs, cutOff } = script;
  const finish = cutOff ? 'length' : tool ? 'tool_calls' : 'stop';
  const usage = { prompt_tokens: USAGE.input, completion_tokens: USAGE.output, total_tokens: 18 };
  if (!stream) return wholeChat(model, script, finish, usage);
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

export function completions({ stream }: { stream?: boolean }, { text = [] }: Script): Answer {
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

export function embeddings(): Answer {
  return {
    whole: {
      object: 'list',
      model: 'text-embedding-3-small',
      data: [{ object: 'embedding', index: 0, embedding: VECTOR }],
      usage: { prompt_tokens: 3, total_tokens: 3 },
    },
  };
}

/** One streamed answer under way: what was said, and the items that are done. */
class ResponseEvents {
  readonly events: string[] = [];
  readonly output: unknown[] = [];
  #number = 0;

  say(event: { type: string; [key: string]: unknown }): void {
    this.events.push(named({ ...event, sequence_number: this.#number++ } as { type: string }));
  }

  reasoning(thinking: readonly string[]): void {
    const output_index = this.output.length;
    const at = { item_id: 'rs_1', output_index, summary_index: 0 };
    const item = { id: 'rs_1', type: 'reasoning', summary: [] as unknown[], encrypted_content: SIGNATURE };
    this.say({ type: 'response.output_item.added', output_index, item });
    this.say({
      type: 'response.reasoning_summary_part.added',
      ...at,
      part: { type: 'summary_text', text: '' },
    });
    for (const delta of thinking) this.say({ type: 'response.reasoning_summary_text.delta', ...at, delta });
    this.say({ type: 'response.reasoning_summary_text.done', ...at, text: whole(thinking) });
    const part = { type: 'summary_text', text: whole(thinking) };
    this.say({ type: 'response.reasoning_summary_part.done', ...at, part });
    this.#done(output_index, { ...item, summary: [part] });
  }

  message(text: readonly string[], probs: (value: string) => unknown): void {
    const output_index = this.output.length;
    const at = { item_id: 'msg_1', output_index, content_index: 0 };
    const item = {
      id: 'msg_1',
      type: 'message',
      status: 'in_progress',
      role: 'assistant',
      content: [] as unknown[],
    };
    this.say({ type: 'response.output_item.added', output_index, item });
    const empty = { type: 'output_text', text: '', annotations: [], logprobs: [] };
    this.say({ type: 'response.content_part.added', ...at, part: empty });
    for (const delta of text) {
      const more = { logprobs: probs(delta), obfuscation: 'a8Kd0' };
      this.say({ type: 'response.output_text.delta', ...at, delta, ...more });
    }
    const logprobs = probs(whole(text));
    this.say({ type: 'response.output_text.done', ...at, text: whole(text), logprobs });
    const part = { type: 'output_text', text: whole(text), annotations: [], logprobs };
    this.say({ type: 'response.content_part.done', ...at, part });
    this.#done(output_index, { ...item, status: 'completed', content: [part] });
  }

  call(tool: { readonly name: string; readonly arguments: readonly string[] }, status: string): void {
    const output_index = this.output.length;
    const at = { item_id: 'fc_1', output_index };
    const { name } = tool;
    const item = {
      id: 'fc_1',
      type: 'function_call',
      status: 'in_progress',
      call_id: 'call_1',
      name,
      arguments: '',
    };
    this.say({ type: 'response.output_item.added', output_index, item });
    for (const delta of tool.arguments) {
      this.say({ type: 'response.function_call_arguments.delta', ...at, delta });
    }
    const said = whole(tool.arguments);
    this.say({ type: 'response.function_call_arguments.done', ...at, name, arguments: said });
    this.#done(output_index, { ...item, status, arguments: said });
  }

  #done(output_index: number, item: unknown): void {
    this.say({ type: 'response.output_item.done', output_index, item });
    this.output.push(item);
  }
}

/** The Responses API says each text four times: deltas, its done, the part's and the item's, and the last event. */
export function responses(
  { stream, model = 'gpt-5' }: { stream?: boolean; model?: string },
  script: Script,
): Answer {
  const { text = [], thinking = [], tool, cutOff, logprobs } = script;
  const said = new ResponseEvents();
  const response = (status: string, output: readonly unknown[], usage: unknown) => ({
    id: 'resp_1',
    object: 'response',
    created_at: 1741569952,
    status,
    model,
    output,
    parallel_tool_calls: true,
    tools: [],
    metadata: {},
    error: null,
    incomplete_details: null,
    instructions: null,
    text: { format: { type: 'text' } },
    usage,
  });
  said.say({ type: 'response.created', response: response('in_progress', [], null) });
  said.say({ type: 'response.in_progress', response: response('in_progress', [], null) });
  if (thinking.length > 0) said.reasoning(thinking);
  if (text.length > 0) said.message(text, (value) => (logprobs ? logprobsOf(value).content : []));
  if (tool) said.call(tool, cutOff ? 'incomplete' : 'completed');
  const usage = { input_tokens: USAGE.input, output_tokens: USAGE.output, total_tokens: 18 };
  const status = cutOff ? 'incomplete' : 'completed';
  if (!stream) return { whole: response(status, said.output, usage) };
  said.say({ type: `response.${status}`, response: response(status, said.output, usage) });
  const error = { type: 'error', code: 'server_error', message: 'failed', param: null };
  return { type: SSE, events: said.events, failure: named(error) };
}
