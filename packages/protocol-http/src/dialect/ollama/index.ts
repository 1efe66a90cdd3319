import type { Refusal } from '@scrim/model';
import { readAnthropic } from '../anthropic/index.ts';
import { MessagesReader } from '../anthropic/stream.ts';
import type { AnswerReader, Dialect, Framing, ModelRequest, VendorError } from '../contract.ts';
import { messageOf, vendorError } from '../errors.ts';
import { openAiError, openAiReader, openai } from '../openai/index.ts';
import { plainPath } from '../openai/request.ts';
import { RequestBody } from '../read-request.ts';
import { wholeAnswer } from '../whole-answer.ts';
import { OllamaReader, usageOf } from './stream.ts';

const ENDPOINT = /\/api\/(chat|generate|embed|embeddings)$/;
const ANTHROPIC = /\/v1\/messages(?:\/count_tokens)?$/;
const COMPATIBLE = /\/v1\//;

/**
 * Ollama's own API (chat, generate, embed), and the OpenAI and Anthropic ones it serves below /v1.
 * https://github.com/ollama/ollama/blob/main/docs/api.md
 */
export const ollama: Dialect = {
  name: 'ollama',
  request: readOllama,
  answer(path, body) {
    if (COMPATIBLE.test(path)) return openai.answer(path, body);
    return wholeAnswer(body, usageOf);
  },
  framing: (contentType) => {
    if (/^text\/event-stream\b/i.test(contentType)) return 'sse';
    return /^application\/(?:x-)?ndjson\b/i.test(contentType) ? 'ndjson' : undefined;
  },
  reader(path, framing): AnswerReader {
    if (ANTHROPIC.test(plainPath(path))) return new MessagesReader(framing);
    return COMPATIBLE.test(path) ? openAiReader(path, framing) : new OllamaReader(framing);
  },
  error: ollamaError,
};

function readOllama(method: string, path: string, body: Buffer): ModelRequest | undefined {
  const plain = plainPath(path);
  if (body.length === 0) return undefined;
  if (ANTHROPIC.test(plain)) return readAnthropic(plain, body);
  if (COMPATIBLE.test(plain)) return openai.request(method, plain, body);
  const endpoint = ENDPOINT.exec(plain)?.[1];
  if (!endpoint) return undefined;
  const request = new RequestBody(body);
  const { root } = request;
  for (const key of ['prompt', 'system', 'suffix', 'template']) request.text(request.get(root, key), key);
  const context = request.get(root, 'context');
  if (context) request.tokens(context);
  for (const tool of request.objects(request.get(root, 'tools'), 'tools')) {
    const name = request.text(request.get(request.get(tool, 'function') ?? tool, 'name'), 'name');
    if (name !== undefined) request.tools.push(name);
  }
  for (const message of request.objects(request.get(root, 'messages'), 'messages')) {
    const content = request.get(message, 'content');
    request.text(content, 'content');
    if (request.text(request.get(message, 'role'), 'role') === 'tool') request.toolOutput(content);
    for (const call of request.objects(request.get(message, 'tool_calls'), 'tool_calls')) {
      const made = request.get(call, 'function');
      request.call(request.text(request.get(made, 'name'), 'name'), request.get(made, 'arguments'));
    }
  }
  // A stream is the default here.
  const always = endpoint === 'chat' || endpoint === 'generate';
  const streams = always && request.flag(request.get(root, 'stream'), 'stream', true);
  return request.done(request.text(request.get(root, 'model'), 'model'), streams);
}

function ollamaError(refusal: Refusal, streaming?: Framing): VendorError {
  // Events are only sent by the OpenAI API it serves.
  if (streaming === 'sse') return openAiError(refusal, streaming);
  const body = { error: messageOf(refusal) };
  return vendorError(refusal, { body, event: { data: body } }, streaming);
}
