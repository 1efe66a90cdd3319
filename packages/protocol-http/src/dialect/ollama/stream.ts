import type { Document, MessageTexts } from '../document.ts';
import type { JsonNode } from '../json-tree.ts';
import { ChannelReader, membersWithout } from '../stream.ts';

/** Members of a line that a line of our own must not repeat. */
const OWN: ReadonlySet<string> = new Set([
  'message',
  'response',
  'thinking',
  'done',
  'done_reason',
  'context',
  'logprobs',
  'total_duration',
  'load_duration',
  'prompt_eval_count',
  'prompt_eval_duration',
  'eval_count',
  'eval_duration',
]);

/**
 * Lines of /api/chat and /api/generate: `{message: {content, thinking, tool_calls}, done}` or `{response, thinking,
 * done}`. Texts end with the line that says `done: true`, which has room for their tails when it has the string.
 * Arguments of tool calls come whole, as JSON inside the line.
 */
export class OllamaReader extends ChannelReader {
  protected read(document: Document): readonly MessageTexts[] {
    const { root } = document;
    const done = document.get(root, 'done')?.kind === 'true';
    this.usage = usageOf(document) || this.usage;
    const message = document.get(root, 'message');
    const inMessage = message?.kind === 'object';
    for (const key of ['content', 'thinking', 'response']) {
      const node = document.get(inMessage ? message : root, key);
      if (node?.kind === 'string') this.#text(document, node, key, inMessage, done);
    }
    const context = document.get(root, 'context');
    if (context && this.isOpen('response')) document.drop(context);
    return done ? this.closeAll() : [];
  }

  #text(document: Document, node: JsonNode, key: string, inMessage: boolean, done: boolean): void {
    const carrier = () => {
      const head = membersWithout(document, document.root, OWN);
      const role = key === 'content' ? '' : ',"content":""';
      return inMessage
        ? { before: `{${head}"message":{"role":"assistant","${key}":`, after: `${role}},"done":false}` }
        : {
            before: `{${head}"${key}":`,
            after: `${key === 'response' ? '' : ',"response":""'},"done":false}`,
          };
    };
    const name = inMessage ? `message.${key}` : key;
    this.append(document, node, key, 'text', name, carrier, done);
  }
}

export function usageOf(document: Document): number {
  const read = (key: string) => document.number(document.get(document.root, key)) ?? 0;
  return read('prompt_eval_count') + read('eval_count');
}
