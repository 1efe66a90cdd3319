import type { TextForm } from '@scrim/protocol-kit';
import { type Document, ownChannel } from './document.ts';
import type { JsonNode } from './json-tree.ts';

/** Strings under these keys are texts of people and models. */
const TEXTS: ReadonlySet<string> = new Set([
  'text',
  'content',
  'refusal',
  'transcript',
  'thinking',
  'reasoning',
  'reasoning_content',
  'output',
  'output_text',
  'response',
  'completion',
  'prompt',
  'system',
  'instructions',
  'code',
  'stdout',
  'stderr',
]);

/** Strings under these keys are JSON themselves. */
const JSON_TEXTS: ReadonlySet<string> = new Set(['arguments', 'partial_json']);

/** Sealed by the vendor, for the vendor: a changed byte makes the next turn fail. */
const SEALED: ReadonlySet<string> = new Set([
  'signature',
  'encrypted_content',
  'encrypted_index',
  'encrypted_stdout',
  'thoughtSignature',
  'thought_signature',
  'obfuscation',
]);

/** The same text in another form: log probabilities of its tokens, its token numbers. */
const ECHOES: ReadonlySet<string> = new Set(['logprobs', 'logprobsResult']);

const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;
const DATA_ADDRESS = /^data:[\w.+-]+\/[\w.+-]+(?:;[\w.+=-]+)*;base64,[A-Za-z0-9+/_-]*={0,2}$/;
const LONGEST_NOISE = 512;

/** What of a document is not taken yet: texts that stand whole, and what passes unread. */
export function sweep(document: Document, nextChannel: () => number): void {
  walk(document, document.root, nextChannel);
}

function walk(document: Document, node: JsonNode, nextChannel: () => number): void {
  if (document.isTaken(node)) return;
  const key = nearestKey(node);
  if (node.kind === 'string') {
    string(document, node, key, nextChannel);
    return;
  }
  if (isVector(node, key)) {
    document.opaque(node, false);
    return;
  }
  for (const child of node.children) {
    if (isEcho(child)) document.echo(child, node);
    walk(document, child, nextChannel);
  }
}

function string(document: Document, node: JsonNode, key: string, nextChannel: () => number): void {
  if (SEALED.has(key) || (key === 'data' && isRedactedThinking(document, node))) {
    const value = document.raw(node).slice(1, -1);
    if (BASE64.test(value) && (key !== 'obfuscation' || value.length <= LONGEST_NOISE))
      document.opaque(node, false);
    return;
  }
  if (isMedia(document, node, key)) {
    document.opaque(node, key !== 'embedding');
    return;
  }
  const form: TextForm | undefined = JSON_TEXTS.has(key) ? 'json' : TEXTS.has(key) ? 'text' : undefined;
  if (form && node.end - node.start > 2) {
    const channel = ownChannel(nextChannel(), form, node);
    document.slot(node, channel, true);
  }
}

function isRedactedThinking(document: Document, node: JsonNode): boolean {
  return document.string(document.get(node.parent, 'type')) === 'redacted_thinking';
}

/**
 * Whether a string is a picture, a sound or a file rather than words. The vendor's structure must say so: a long key
 * under a name like `data` looks just the same.
 */
function isMedia(document: Document, node: JsonNode, key: string): boolean {
  const raw = document.raw(node).slice(1, -1).replaceAll('\\/', '/');
  if (raw.startsWith('data:')) return DATA_ADDRESS.test(raw);
  return holdsMedia(document, node, key) && BASE64.test(raw);
}

function holdsMedia(document: Document, node: JsonNode, key: string): boolean {
  const parent = node.parent;
  const has = (name: string) => parent?.children.some((child) => child.key === name) === true;
  const type = parent?.kind === 'object' ? document.string(document.get(parent, 'type')) : undefined;
  switch (key) {
    case 'b64_json':
    case 'partial_image_b64':
    case 'file_data':
    case 'embedding':
    case 'imageBytes':
    case 'videoBytes':
      return true;
    case 'images':
      return parent?.kind === 'array';
    case 'result':
      return type === 'image_generation_call';
    case 'delta':
      return type?.endsWith('audio.delta') === true;
    case 'data':
      return (
        type === 'base64' ||
        type === 'image' ||
        type === 'audio' ||
        has('format') ||
        has('mimeType') ||
        has('mime_type') ||
        parent?.key === 'audio'
      );
    default:
      return false;
  }
}

/** Ollama's `context` is the conversation as token numbers; a `context` of anything else is not. */
function isEcho(node: JsonNode): boolean {
  if (node.key === undefined || node.kind === 'null') return false;
  if (node.key === 'context')
    return node.kind === 'array' && node.children.every((child) => child.kind === 'number');
  return ECHOES.has(node.key);
}

/** Embeddings are numbers in which detectors would see account numbers. */
function isVector(node: JsonNode, key: string): boolean {
  if (node.kind !== 'array' || node.children.length === 0) return false;
  if (key !== 'embedding' && key !== 'embeddings' && key !== 'values' && key !== 'bytes') return false;
  return node.children.every((child) => child.kind === 'number' && child.end - child.start < 32);
}

function nearestKey(node: JsonNode): string {
  for (let at: JsonNode | undefined = node; at; at = at.parent) if (at.key !== undefined) return at.key;
  return '';
}
