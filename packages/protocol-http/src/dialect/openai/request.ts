import type { ModelRequest } from '../contract.ts';
import type { JsonNode } from '../json-tree.ts';
import { RequestBody, unreadable } from '../read-request.ts';

/** Paths that carry prompts, after any base path (`/v1`, `/openai/deployments/NAME`, `/api/v1`). */
export type OpenAiPath = 'chat' | 'responses' | 'completions' | 'embeddings';

const ENDPOINT = /\/(chat\/completions|responses|completions|embeddings)$/;
const DEPLOYMENT = /\/deployments\/([^/]+)\//;
/** Below /responses: tokens are counted and conversations compacted from the same body. */
const RESPONSES_BELOW = /\/responses\/(?:input_tokens|compact)$/;

export function endpointOf(path: string): OpenAiPath | undefined {
  const plain = plainPath(path);
  if (RESPONSES_BELOW.test(plain)) return 'responses';
  const found = ENDPOINT.exec(plain)?.[1];
  return found === 'chat/completions' ? 'chat' : (found as OpenAiPath | undefined);
}

/** The path without query and without a slash at its end, percent escapes undone: servers route by that. */
export function plainPath(path: string): string {
  const plain = path.replace(/[?#].*$/, '');
  try {
    return decodeURIComponent(plain)
      .replace(/\/{2,}/g, '/')
      .replace(/(?<=.)\/+$/, '');
  } catch {
    throw unreadable('its path is not percent-encoded UTF-8');
  }
}

export function readOpenAi(path: string, body: Buffer): ModelRequest | undefined {
  const endpoint = endpointOf(path);
  if (!endpoint) return undefined;
  const request = new RequestBody(body);
  const { root } = request;
  const model = request.text(request.get(root, 'model'), 'model');
  const deployment = DEPLOYMENT.exec(plainPath(path))?.[1];
  const streams = request.flag(request.get(root, 'stream'), 'stream');
  tools(request);
  if (endpoint === 'chat') messages(request);
  else if (endpoint === 'responses') input(request);
  else prompts(request, request.get(root, endpoint === 'completions' ? 'prompt' : 'input'));
  // An Azure deployment is what answers, whatever the body says.
  return request.done(deployment ?? model, streams);
}

function tools(request: RequestBody): void {
  const { root } = request;
  for (const tool of request.objects(request.get(root, 'tools'), 'tools')) {
    const type = request.text(request.get(tool, 'type'), 'type');
    const inner = request.get(tool, 'function') ?? request.get(tool, 'custom');
    const name = request.text(request.get(inner ?? tool, 'name'), 'name') ?? type;
    if (name !== undefined) request.tools.push(name);
    if (type === 'mcp') {
      const label = request.text(request.get(tool, 'server_label', 'serverLabel'), 'server_label');
      if (label !== undefined) request.tools.push(label);
    }
  }
  for (const offered of request.objects(request.get(root, 'functions'), 'functions')) {
    const name = request.text(request.get(offered, 'name'), 'name');
    if (name !== undefined) request.tools.push(name);
  }
}

function messages(request: RequestBody): void {
  for (const message of request.objects(request.get(request.root, 'messages'), 'messages')) {
    const role = request.text(request.get(message, 'role'), 'role');
    const content = request.get(message, 'content');
    contentOf(request, content);
    if (role === 'tool' || role === 'function') request.toolOutput(content);
    for (const call of request.objects(request.get(message, 'tool_calls'), 'tool_calls')) {
      toolCall(request, request.get(call, 'function'), 'arguments');
      toolCall(request, request.get(call, 'custom'), 'input');
    }
    toolCall(request, request.get(message, 'function_call'), 'arguments');
  }
}

function contentOf(request: RequestBody, content: JsonNode | undefined): void {
  if (!content || content.kind === 'string') return;
  for (const part of request.list(content, 'content')) {
    if (part.kind !== 'object' && part.kind !== 'string') throw unreadable('"content" must hold parts');
  }
}

function toolCall(request: RequestBody, call: JsonNode | undefined, key: 'arguments' | 'input'): void {
  if (!call) return;
  const given = request.get(call, key);
  request.call(request.text(request.get(call, 'name'), 'name'), given);
  request.arguments(given, key === 'arguments' ? 'json' : 'text');
}

function input(request: RequestBody): void {
  const node = request.get(request.root, 'input');
  if (node?.kind === 'string') return;
  for (const item of request.objects(node, 'input')) {
    const type = request.text(request.get(item, 'type'), 'type');
    contentOf(request, request.get(item, 'content'));
    if (type === 'function_call' || type === 'mcp_call' || type === 'mcp_approval_request') {
      toolCall(request, item, 'arguments');
    } else if (type === 'custom_tool_call') toolCall(request, item, 'input');
    else if (type?.endsWith('_call') === true) request.call(type, request.get(item, 'action'));
    if (type?.endsWith('_output') === true) request.toolOutput(request.get(item, 'output'));
  }
}

/** A prompt, several, or either as token numbers, which nobody can look into. */
function prompts(request: RequestBody, node: JsonNode | undefined): void {
  if (!node || node.kind === 'string' || request.tokens(node)) return;
  for (const item of request.list(node, 'prompt')) {
    if (item.kind !== 'string' && !request.tokens(item) && item.kind !== 'object')
      throw unreadable('a prompt must be text or token numbers');
  }
}
