import type { Document, MessageTexts } from '../document.ts';
import type { JsonNode } from '../json-tree.ts';
import { type Carrier, ChannelReader, indexOf, membersWithout } from '../stream.ts';

/** Strings of a delta that are said once, not bit by bit. */
const FIXED: ReadonlySet<string> = new Set([
  'role',
  'type',
  'id',
  'name',
  'format',
  'signature',
  'encrypted_content',
]);
/** Members of a chunk that an event of our own must not repeat. */
const OWN: ReadonlySet<string> = new Set(['choices', 'usage', 'obfuscation', 'timings']);

/**
 * Chat completion chunks and legacy completion chunks.
 *
 *   {choices: [{index, delta: {content | refusal | reasoning_content | tool_calls[] | …}, finish_reason}]} … [DONE]
 *
 * Each string of a delta that grows is a text by itself: its channel is the choice and the way to it, where items of
 * arrays are told apart by their `index`. So a field other servers add (`reasoning_details`) is read like `content`.
 */
export class ChatReader extends ChannelReader {
  protected read(document: Document): readonly MessageTexts[] {
    const tails: MessageTexts[] = [];
    const { root } = document;
    this.usage = document.number(document.get(document.get(root, 'usage'), 'total_tokens')) ?? this.usage;
    for (const choice of document.items(document.get(root, 'choices'))) {
      const key = `${indexOf(document, choice)}.`;
      const finished = document.string(document.get(choice, 'finish_reason')) !== undefined;
      const envelope = membersWithout(document, root, OWN);
      const about = { document, finished, index: key, envelope };
      const delta = document.get(choice, 'delta');
      if (delta) this.#delta(about, delta, key, '{"delta":');
      const text = document.get(choice, 'text');
      if (text?.kind === 'string') this.#string(about, text, `${key}text`, '{"text":', '}');
      if (finished) tails.push(...this.close(key));
    }
    return tails;
  }

  /** Walks what a delta holds; `before` is the JSON up to here, for the event that takes a tail. */
  #delta(about: About, node: JsonNode, key: string, before: string, after = '}'): void {
    const { document } = about;
    node.children.forEach((child, position) => {
      if (child.key !== undefined && FIXED.has(child.key)) return;
      const inArray = node.kind === 'array';
      const at = inArray ? (document.number(document.get(child, 'index')) ?? position) : child.key;
      const path = `${key}${at}.`;
      const head = inArray
        ? `${before}[`
        : `${before}{${indexMember(document, node)}${JSON.stringify(child.key)}:`;
      const foot = `${inArray ? ']' : '}'}${after}`;
      if (child.kind === 'string') {
        if (child.key !== 'data') this.#string(about, child, path, head, foot);
      } else if (child.kind === 'object' || child.kind === 'array')
        this.#delta(about, child, path, head, foot);
    });
  }

  #string(about: About, node: JsonNode, key: string, before: string, after: string): void {
    const { document, finished, index, envelope } = about;
    const carrier = (): Carrier => ({
      before: `{${envelope}"choices":[{"index":${index.slice(0, -1)},${before.slice(1)}`,
      after: `${after.slice(0, -1)},"logprobs":null,"finish_reason":null}]}`,
    });
    const form = node.key === 'arguments' ? 'json' : 'text';
    const name = `choices.${before.startsWith('{"text"') ? '' : 'delta.'}${keyPath(key)}`;
    this.append(document, node, key, form, name, carrier, finished);
  }
}

interface About {
  readonly document: Document;
  readonly finished: boolean;
  readonly index: string;
  readonly envelope: string;
}

/** Tool calls are put together by their index: a tail must name it. */
function indexMember(document: Document, node: JsonNode): string {
  const index = document.get(node, 'index');
  return index ? `"index":${document.raw(index)},` : '';
}

function keyPath(key: string): string {
  return key
    .split('.')
    .filter((part) => part !== '' && !/^\d+$/.test(part))
    .join('.');
}
