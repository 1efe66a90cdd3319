import type { Refusal } from '@scrim/model';
import { STATUS } from '../../refuse.ts';
import type { Dialect, Framing, ModelRequest, VendorError } from '../contract.ts';
import type { Document } from '../document.ts';
import { messageOf, vendorError } from '../errors.ts';
import type { JsonNode } from '../json-tree.ts';
import { plainPath } from '../openai/request.ts';
import { RequestBody, unreadable } from '../read-request.ts';
import { wholeAnswer } from '../whole-answer.ts';
import { MessagesReader } from './stream.ts';

const ENDPOINT = /\/(messages|messages\/count_tokens|complete|messages\/batches)$/;

/**
 * Anthropic's API: messages, their token counts and batches, the legacy text completions.
 * https://docs.anthropic.com/en/api/messages
 */
export const anthropic: Dialect = {
  name: 'anthropic',
  request: (_method, path, body) => (body.length === 0 ? undefined : readAnthropic(path, body)),
  answer: (_path, body) => wholeAnswer(body, usageOf),
  framing: (contentType) => (/^text\/event-stream\b/i.test(contentType) ? 'sse' : undefined),
  reader: (_path, framing) => new MessagesReader(framing),
  error: anthropicError,
};

export function readAnthropic(path: string, body: Buffer): ModelRequest | undefined {
  const endpoint = ENDPOINT.exec(plainPath(path))?.[1];
  if (!endpoint) return undefined;
  const request = new RequestBody(body);
  const { root } = request;
  if (endpoint === 'messages/batches') return batches(request);
  prompt(request, root);
  const streams = request.flag(request.get(root, 'stream'), 'stream');
  return request.done(request.text(request.get(root, 'model'), 'model'), streams);
}

/** A batch asks several models: all must be one, or a guard that allows models could not judge it. */
function batches(request: RequestBody): ModelRequest {
  const models = new Set<string | undefined>();
  for (const entry of request.objects(request.get(request.root, 'requests'), 'requests')) {
    const params = request.get(entry, 'params');
    models.add(request.text(request.get(params, 'model'), 'model'));
    if (params) prompt(request, params);
  }
  if (models.size > 1) throw unreadable('a batch must ask one model');
  return request.done([...models][0], false);
}

function prompt(request: RequestBody, node: JsonNode): void {
  request.text(request.get(node, 'prompt'), 'prompt');
  const system = request.get(node, 'system');
  if (system && system.kind !== 'string') request.objects(system, 'system');
  for (const tool of request.objects(request.get(node, 'tools'), 'tools')) {
    const name =
      request.text(request.get(tool, 'name'), 'name') ?? request.text(request.get(tool, 'type'), 'type');
    if (name !== undefined) request.tools.push(name);
  }
  for (const server of request.objects(request.get(node, 'mcp_servers', 'mcpServers'), 'mcp_servers')) {
    const name = request.text(request.get(server, 'name'), 'name');
    if (name !== undefined) request.tools.push(name);
  }
  for (const message of request.objects(request.get(node, 'messages'), 'messages')) {
    const content = request.get(message, 'content');
    if (content?.kind === 'string') continue;
    for (const block of request.objects(content, 'content')) {
      const type = request.text(request.get(block, 'type'), 'type') ?? '';
      if (type.endsWith('tool_use')) {
        request.call(request.text(request.get(block, 'name'), 'name'), request.get(block, 'input'));
      }
      if (type.endsWith('tool_result')) request.toolOutput(request.get(block, 'content'));
    }
  }
}

function usageOf(document: Document): number {
  const usage = document.get(document.root, 'usage');
  const read = (key: string) => document.number(document.get(usage, key)) ?? 0;
  return (
    read('input_tokens') +
    read('cache_creation_input_tokens') +
    read('cache_read_input_tokens') +
    read('output_tokens')
  );
}

const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
};

export function anthropicError(refusal: Refusal, streaming?: Framing): VendorError {
  const type = TYPES[STATUS[refusal.code]] ?? 'api_error';
  const body = { type: 'error', error: { type, message: messageOf(refusal) } };
  return vendorError(refusal, { body, event: { name: 'error', data: body } }, streaming);
}
