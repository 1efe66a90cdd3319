import type { Document, MessageTexts } from '../document.ts';
import { type Carrier, ChannelReader, indexOf, membersWithout } from '../stream.ts';

/** Strings of a delta that are said once and whole. */
const FIXED: ReadonlySet<string> = new Set(['type', 'signature', 'encrypted_content', 'data']);
const COMPLETION: ReadonlySet<string> = new Set(['completion', 'stop_reason', 'stop', 'log_id']);

/**
 * Events of the Messages API.
 *
 *   message_start (content_block_start content_block_delta* content_block_stop)* message_delta message_stop
 *
 * with `ping` and `error` anywhere. A block is one text per kind of delta; the block's stop ends them.
 * The legacy completions send `completion` events until `stop_reason` is set.
 */
export class MessagesReader extends ChannelReader {
  #input = 0;
  #output = 0;

  protected read(document: Document, event: string | undefined): readonly MessageTexts[] {
    const { root } = document;
    const type = document.string(document.get(root, 'type')) ?? event ?? '';
    switch (type) {
      case 'message_start':
        this.#usage(document, 'message');
        return [];
      case 'message_delta':
        this.#usage(document);
        return this.closeAll();
      case 'message_stop':
      case 'error':
        return this.closeAll();
      case 'content_block_start':
        this.#start(document);
        return [];
      case 'content_block_delta':
        this.#delta(document);
        return [];
      case 'content_block_stop':
        return this.close(`${indexOf(document, root)}.`);
      case 'completion':
        return this.#completion(document);
      default:
        return [];
    }
  }

  /** Counts are cumulative; the first message has the input's, the last the output's. */
  #usage(document: Document, under?: string): void {
    const { root } = document;
    const usage = document.get(under ? document.get(root, under) : root, 'usage');
    const read = (key: string) => document.number(document.get(usage, key)) ?? 0;
    const input =
      read('input_tokens') + read('cache_creation_input_tokens') + read('cache_read_input_tokens');
    this.#input = Math.max(this.#input, input);
    this.#output = Math.max(this.#output, read('output_tokens'));
    this.usage = this.#input + this.#output;
  }

  /** A block can begin with words already; blocks of tool results come whole and are read as such. */
  #start(document: Document): void {
    const { root } = document;
    const block = document.get(root, 'content_block');
    const type = document.string(document.get(block, 'type'));
    const key = type === 'text' ? 'text' : type === 'thinking' ? 'thinking' : undefined;
    const text = key && document.get(block, key);
    if (text?.kind !== 'string') return;
    const index = indexOf(document, root);
    this.append(document, text, `${index}.${key}_delta.${key}`, 'text', `delta.${key}`, () =>
      carrier(index, `{"type":"${key}_delta","${key}":`),
    );
  }

  #delta(document: Document): void {
    const { root } = document;
    const delta = document.get(root, 'delta');
    if (delta?.kind !== 'object') return;
    const type = document.string(document.get(delta, 'type')) ?? '';
    const index = indexOf(document, root);
    for (const child of delta.children) {
      if (child.kind !== 'string' || child.key === undefined || FIXED.has(child.key)) continue;
      const head = `{"type":${JSON.stringify(type)},${JSON.stringify(child.key)}:`;
      const form = child.key === 'partial_json' ? 'json' : 'text';
      const name = `delta.${child.key}`;
      this.append(document, child, `${index}.${type}.${child.key}`, form, name, () => carrier(index, head));
    }
  }

  #completion(document: Document): readonly MessageTexts[] {
    const { root } = document;
    const text = document.get(root, 'completion');
    const over = document.string(document.get(root, 'stop_reason')) !== undefined;
    if (text?.kind === 'string') {
      const head = membersWithout(document, root, COMPLETION);
      this.append(
        document,
        text,
        'completion',
        'text',
        'completion',
        () => ({ event: 'completion', before: `{${head}"completion":`, after: ',"stop_reason":null}' }),
        over,
      );
    }
    return over ? this.closeAll() : [];
  }
}

function carrier(index: number, head: string): Carrier {
  return {
    event: 'content_block_delta',
    before: `{"type":"content_block_delta","index":${index},"delta":${head}`,
    after: '}}',
  };
}
