import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { Ollama } from 'ollama';
import OpenAI from 'openai';

/** What a caller holds in hands when an answer is over, whatever the vendor. */
export interface Said {
  text: string;
  thinking: string;
  /** Arguments of the tool call, as the SDK gives them: text or an object. */
  arguments?: unknown;
  signature?: string | undefined;
  finish?: string | null | undefined;
  tokens?: number | undefined;
  /** Everything the SDK gave, as JSON: nothing of a secret may be anywhere in it. */
  everything: string;
}

const DISPATCHER = Symbol.for('undici.globalDispatcher.1');

/**
 * Google's SDK looks for fetch's own dispatcher on `globalThis`, which is another object inside a test of jest.
 * To be called before its clients are used there.
 */
export async function lendDispatcher(): Promise<void> {
  await fetch('data:,');
  const outside = fetch.constructor('return globalThis')() as { [DISPATCHER]?: unknown };
  (globalThis as { [DISPATCHER]?: unknown })[DISPATCHER] ??= outside[DISPATCHER];
}

/** Asks a model through one vendor's own SDK. */
export type Client = (base: string, key: string, prompt: string) => Promise<Said>;

const TOOL = {
  name: 'save',
  description: 'saves a note',
  parameters: { type: 'object', properties: {} },
} as const;

function openai(base: string, key: string): OpenAI {
  return new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
}

function anthropic(base: string, key: string): Anthropic {
  return new Anthropic({ baseURL: base, apiKey: key, maxRetries: 0 });
}

function gemini(base: string, key: string): GoogleGenAI {
  return new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: base } });
}

function ollama(base: string, key: string): Ollama {
  return new Ollama({ host: base, headers: { authorization: `Bearer ${key}` } });
}

type Choice = OpenAI.Chat.Completions.ChatCompletion.Choice;

function chatSaid({ message, finish_reason }: Choice, everything: unknown, tokens: number | undefined): Said {
  const [call] = message.tool_calls ?? [];
  return {
    text: message.content ?? message.refusal ?? '',
    thinking: (message as { reasoning_content?: string }).reasoning_content ?? '',
    arguments: call?.type === 'function' ? call.function.arguments : undefined,
    finish: finish_reason,
    tokens,
    everything: JSON.stringify(everything),
  };
}

const chat = (prompt: string) => ({
  model: 'gpt-5',
  messages: [
    { role: 'system', content: 'be short' },
    { role: 'user', content: [{ type: 'text', text: prompt }] },
  ] satisfies OpenAI.Chat.ChatCompletionMessageParam[],
  tools: [{ type: 'function', function: { ...TOOL } }] satisfies OpenAI.Chat.ChatCompletionTool[],
});

function responseSaid(response: OpenAI.Responses.Response, everything: unknown): Said {
  const call = response.output.find((it) => it.type === 'function_call');
  const reasoning = response.output.find((it) => it.type === 'reasoning');
  return {
    text: response.output_text,
    thinking: reasoning?.summary.map((it) => it.text).join('') ?? '',
    arguments: call?.type === 'function_call' ? call.arguments : undefined,
    signature: reasoning?.type === 'reasoning' ? (reasoning.encrypted_content ?? undefined) : undefined,
    finish: response.status,
    tokens: response.usage?.total_tokens,
    everything: JSON.stringify(everything),
  };
}

const responseTools = [{ type: 'function', strict: null, ...TOOL }] satisfies OpenAI.Responses.Tool[];

function messageSaid(message: Anthropic.Message, everything: unknown): Said {
  let text = '';
  let thinking = '';
  let input: unknown;
  let signature: string | undefined;
  for (const block of message.content) {
    if (block.type === 'text') text += block.text;
    else if (block.type === 'thinking') {
      thinking += block.thinking;
      signature = block.signature;
    } else if (block.type === 'tool_use') input = block.input;
  }
  const tokens = message.usage.input_tokens + message.usage.output_tokens;
  return {
    text,
    thinking,
    arguments: input,
    signature,
    finish: message.stop_reason,
    tokens,
    everything: JSON.stringify(everything),
  };
}

const message = (prompt: string) => ({
  model: 'claude-opus-5',
  max_tokens: 1000,
  system: [{ type: 'text', text: 'be short' }] satisfies Anthropic.TextBlockParam[],
  messages: [{ role: 'user', content: prompt }] satisfies Anthropic.MessageParam[],
  tools: [{ name: 'save', input_schema: { type: 'object' } }] satisfies Anthropic.Tool[],
});

interface GeminiPart {
  readonly text?: string;
  readonly thought?: boolean;
  readonly thoughtSignature?: string;
  readonly functionCall?: { readonly args?: unknown };
}

function geminiSaid(
  parts: readonly GeminiPart[],
  finish: string | undefined,
  tokens: number | undefined,
  everything: unknown,
): Said {
  const words = parts.filter((it) => it.text !== undefined);
  return {
    text: words
      .filter((it) => !it.thought)
      .map((it) => it.text)
      .join(''),
    thinking: words
      .filter((it) => it.thought)
      .map((it) => it.text)
      .join(''),
    arguments: parts.find((it) => it.functionCall)?.functionCall?.args,
    signature: parts.find((it) => it.thoughtSignature)?.thoughtSignature,
    finish,
    tokens,
    everything: JSON.stringify(everything),
  };
}

/** Each API of each vendor, streamed and not. */
export const CLIENTS: Readonly<Record<string, Client>> = {
  'openai chat': async (base, key, prompt) => {
    const answer = await openai(base, key).chat.completions.create(chat(prompt));
    return chatSaid(answer.choices[0] as Choice, answer, answer.usage?.total_tokens);
  },
  'openai chat streamed': async (base, key, prompt) => {
    const seen: unknown[] = [];
    const stream = openai(base, key).chat.completions.stream({
      ...chat(prompt),
      stream_options: { include_usage: true },
    });
    let thinking = '';
    for await (const event of stream) {
      seen.push(event);
      thinking += (event.choices[0]?.delta as { reasoning_content?: string })?.reasoning_content ?? '';
    }
    const answer = await stream.finalChatCompletion();
    return {
      ...chatSaid(answer.choices[0] as Choice, [seen, answer], answer.usage?.total_tokens),
      thinking,
    };
  },
  'openai responses': async (base, key, prompt) => {
    const answer = await openai(base, key).responses.create({
      model: 'gpt-5',
      input: prompt,
      tools: responseTools,
    });
    return responseSaid(answer, answer);
  },
  'openai responses streamed': async (base, key, prompt) => {
    const seen: { sequence_number?: number }[] = [];
    const stream = openai(base, key).responses.stream({
      model: 'gpt-5',
      input: prompt,
      tools: responseTools,
    });
    let deltas = '';
    for await (const event of stream) {
      seen.push(event);
      if (event.type === 'response.output_text.delta') deltas += event.delta;
    }
    const numbers = seen.map((it) => it.sequence_number);
    if (numbers.some((number, at) => number !== at)) throw new Error(`numbered ${numbers.join(' ')}`);
    const answer = await stream.finalResponse();
    if (deltas !== answer.output_text) throw new Error('the deltas say something else than the whole');
    return responseSaid(answer as unknown as OpenAI.Responses.Response, [seen, answer]);
  },
  'openai completions streamed': async (base, key, prompt) => {
    const stream = await openai(base, key).completions.create({ model: 'x', prompt, stream: true });
    const seen: unknown[] = [];
    let text = '';
    let finish: string | null = null;
    for await (const event of stream) {
      seen.push(event);
      text += event.choices[0]?.text ?? '';
      finish = event.choices[0]?.finish_reason ?? finish;
    }
    return { text, thinking: '', finish, everything: JSON.stringify(seen) };
  },
  anthropic: async (base, key, prompt) => {
    const answer = await anthropic(base, key).messages.create(message(prompt));
    return messageSaid(answer, answer);
  },
  'anthropic streamed': async (base, key, prompt) => {
    const seen: unknown[] = [];
    const stream = anthropic(base, key).messages.stream(message(prompt));
    stream.on('streamEvent', (event) => seen.push(event));
    const answer = await stream.finalMessage();
    return messageSaid(answer, [seen, answer]);
  },
  gemini: async (base, key, prompt) => {
    const answer = await gemini(base, key).models.generateContent({
      model: 'gemini-2.5-flash',
      contents: prompt,
    });
    const [candidate] = answer.candidates ?? [];
    const parts = (candidate?.content?.parts ?? []) as GeminiPart[];
    return geminiSaid(parts, candidate?.finishReason, answer.usageMetadata?.totalTokenCount, answer);
  },
  'gemini streamed': async (base, key, prompt) => {
    const stream = await gemini(base, key).models.generateContentStream({
      model: 'gemini-2.5-flash',
      contents: prompt,
    });
    const parts: GeminiPart[] = [];
    const seen: unknown[] = [];
    let finish: string | undefined;
    let tokens: number | undefined;
    for await (const chunk of stream) {
      seen.push(chunk);
      const [candidate] = chunk.candidates ?? [];
      parts.push(...((candidate?.content?.parts ?? []) as GeminiPart[]));
      finish = candidate?.finishReason ?? finish;
      tokens = chunk.usageMetadata?.totalTokenCount ?? tokens;
    }
    return geminiSaid(parts, finish, tokens, seen);
  },
  ollama: async (base, key, prompt) => {
    const answer = await ollama(base, key).chat({
      model: 'llama3.2',
      messages: [{ role: 'user', content: prompt }],
    });
    return ollamaSaid([answer]);
  },
  'ollama streamed': async (base, key, prompt) => {
    const messages = [{ role: 'user', content: prompt }];
    const stream = await ollama(base, key).chat({ model: 'llama3.2', messages, stream: true });
    const seen = [];
    for await (const line of stream) seen.push(line);
    return ollamaSaid(seen);
  },
  'ollama generate streamed': async (base, key, prompt) => {
    const stream = await ollama(base, key).generate({ model: 'llama3.2', prompt, stream: true });
    const seen = [];
    for await (const line of stream) seen.push(line);
    const last = seen.at(-1);
    return {
      text: seen.map((it) => it.response).join(''),
      thinking: '',
      finish: last?.done_reason,
      everything: JSON.stringify(seen),
    };
  },
};

type OllamaLine = Awaited<ReturnType<Ollama['chat']>>;

function ollamaSaid(lines: readonly OllamaLine[]): Said {
  const last = lines.at(-1);
  return {
    text: lines.map((it) => it.message.content).join(''),
    thinking: lines.map((it) => it.message.thinking ?? '').join(''),
    arguments: lines.find((it) => it.message.tool_calls)?.message.tool_calls?.[0]?.function.arguments,
    finish: last?.done_reason,
    tokens: last && last.prompt_eval_count + last.eval_count,
    everything: JSON.stringify(lines),
  };
}
