import type { Refusal } from '@scrim/model';
import { STATUS } from '../../refuse.ts';
import type { Dialect, Framing, ModelRequest, VendorError } from '../contract.ts';
import { type Document, TextChannel } from '../document.ts';
import { messageOf, vendorError } from '../errors.ts';
import type { JsonNode } from '../json-tree.ts';
import { plainPath } from '../openai/request.ts';
import { RequestBody } from '../read-request.ts';
import { wholeAnswer } from '../whole-answer.ts';
import { GenerateReader, textParts, usageOf } from './stream.ts';

const MODEL =
  /\/(?:models|tunedModels|endpoints|publishers\/[^/]+\/models)\/([^/:]+):(generateContent|streamGenerateContent|countTokens|embedContent|batchEmbedContents|batchGenerateContent|computeTokens|predict)$/;

/**
 * Google's Gemini API (and Vertex AI's form of it): generateContent, streamGenerateContent as events or as a JSON
 * array, countTokens, embedContent. The model stands in the path.
 * https://ai.google.dev/api/generate-content
 */
export const gemini: Dialect = {
  name: 'gemini',
  request: (_method, path, body) => (body.length === 0 ? undefined : readGemini(path, body)),
  answer: (_path, body) => wholeAnswer(body, usageOf, markCandidates),
  framing: geminiFraming,
  reader: (_path, framing) => new GenerateReader(framing),
  error: geminiError,
};

function geminiFraming(contentType: string, path: string): Framing | undefined {
  if (/^text\/event-stream\b/i.test(contentType)) return 'sse';
  const streams = MODEL.exec(plainPath(path))?.[2] === 'streamGenerateContent';
  return streams && /^application\/json\b/i.test(contentType) ? 'json-array' : undefined;
}

function readGemini(path: string, body: Buffer): ModelRequest | undefined {
  const found = MODEL.exec(plainPath(path));
  if (!found) return undefined;
  const request = new RequestBody(body);
  prompt(request, request.root);
  const nested = request.get(request.root, 'generateContentRequest', 'generate_content_request');
  if (nested) prompt(request, nested);
  for (const entry of request.objects(request.get(request.root, 'requests'), 'requests'))
    prompt(request, entry);
  return request.done(found[1], found[2] === 'streamGenerateContent');
}

function prompt(request: RequestBody, node: JsonNode): void {
  for (const tool of tools(request, node)) {
    const declared = request.get(tool, 'functionDeclarations', 'function_declarations');
    for (const entry of request.objects(declared, 'functionDeclarations')) {
      const name = request.text(request.get(entry, 'name'), 'name');
      if (name !== undefined) request.tools.push(name);
    }
    // Tools of the vendor's own are members: {"googleSearch": {}}.
    for (const child of tool.children) if (child !== declared && child.key) request.tools.push(child.key);
  }
  const system = request.get(node, 'systemInstruction', 'system_instruction');
  const contents = request.get(node, 'contents');
  const list = contents?.kind === 'object' ? [contents] : request.objects(contents, 'contents');
  const content = request.get(node, 'content');
  for (const entry of [
    ...list,
    ...(system?.kind === 'object' ? [system] : []),
    ...(content ? [content] : []),
  ]) {
    const parts = request.get(entry, 'parts');
    // One part alone may stand without its array.
    const all = parts?.kind === 'object' ? [parts] : request.objects(parts, 'parts');
    for (const part of all) {
      const call = request.get(part, 'functionCall', 'function_call');
      request.call(request.text(request.get(call, 'name'), 'name'), request.get(call, 'args'));
    }
  }
}

function tools(request: RequestBody, node: JsonNode): readonly JsonNode[] {
  const given = request.get(node, 'tools');
  return given?.kind === 'object' ? [given] : request.objects(given, 'tools');
}

/** Clients join the texts of all parts: a value over two of them is found as in a stream. */
function markCandidates(document: Document, nextChannel: () => number): void {
  for (const candidate of document.items(document.get(document.root, 'candidates'))) {
    const parts = textParts(document, candidate);
    const channels = new Map<string, TextChannel>();
    parts.forEach(({ node, kind }, at) => {
      const channel = channels.get(kind) ?? new TextChannel(nextChannel(), 'text', `candidates.${kind}`);
      channels.set(kind, channel);
      document.slot(node, channel, !parts.slice(at + 1).some((part) => part.kind === kind));
    });
  }
}

/** google.rpc.Code names by status. */
const NAMES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  413: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
};

function geminiError(refusal: Refusal, streaming?: Framing): VendorError {
  const code = STATUS[refusal.code];
  const info = {
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason: refusal.code,
    domain: 'scrim',
    metadata: {
      ...(refusal.rule === undefined ? {} : { rule: refusal.rule }),
      ...(refusal.ticket === undefined ? {} : { ticket: refusal.ticket }),
    },
  };
  const wait = refusal.retryAfter;
  const retry =
    wait === undefined
      ? []
      : [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${wait}s` }];
  const body = {
    error: {
      code,
      message: messageOf(refusal),
      status: NAMES[code] ?? 'INTERNAL',
      details: [info, ...retry],
    },
  };
  return vendorError(refusal, { body, event: { data: body } }, streaming);
}
