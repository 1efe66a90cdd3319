import type { Refusal } from '@scrim/model';
import { STATUS } from '../../refuse.ts';
import type { AnswerReader, Dialect, Framing, VendorError } from '../contract.ts';
import type { Document } from '../document.ts';
import { messageOf, vendorError } from '../errors.ts';
import { wholeAnswer } from '../whole-answer.ts';
import { ChatReader } from './chat-stream.ts';
import { endpointOf, readOpenAi } from './request.ts';
import { ResponsesReader } from './responses-stream.ts';

/**
 * OpenAI's API and what speaks like it (Azure, vLLM, OpenRouter, DeepSeek, Ollama's /v1): chat completions, responses,
 * legacy completions, embeddings. Audio, images, files and models are plain HTTP.
 * https://platform.openai.com/docs/api-reference
 */
export const openai: Dialect = {
  name: 'openai',
  request: (_method, path, body) => (body.length === 0 ? undefined : readOpenAi(path, body)),
  answer: (_path, body) => wholeAnswer(body, usageOf),
  framing: (contentType) => (/^text\/event-stream\b/i.test(contentType) ? 'sse' : undefined),
  reader: openAiReader,
  error: openAiError,
};

/** A stored response is streamed by GET as well (`/responses/ID?stream=true`). */
export function openAiReader(path: string, framing: Framing): AnswerReader {
  const responses = endpointOf(path) === 'responses' || /\/responses\//.test(path);
  return responses ? new ResponsesReader(framing) : new ChatReader(framing);
}

function usageOf(document: Document): number | undefined {
  return document.number(document.get(document.get(document.root, 'usage'), 'total_tokens'));
}

const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'invalid_request_error',
  429: 'rate_limit_error',
};

export function openAiError(refusal: Refusal, streaming?: Framing): VendorError {
  const error = {
    message: messageOf(refusal),
    type: TYPES[STATUS[refusal.code]] ?? 'server_error',
    param: null,
    code: refusal.code,
  };
  // Clients of both APIs must see it: chat reads `error`, the Responses API an event of type `error`.
  const data = { ...error, type: 'error', error };
  return vendorError(refusal, { body: { error }, event: { name: 'error', data } }, streaming);
}
