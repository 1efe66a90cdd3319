import type { Document, Edit, MessageTexts } from '../document.ts';
import type { JsonNode } from '../json-tree.ts';
import { type Carrier, ChannelReader, membersWithout } from '../stream.ts';

/** Members of a delta event that an event of our own must not repeat as they are. */
const OWN: ReadonlySet<string> = new Set(['delta', 'obfuscation', 'logprobs', 'type', 'sequence_number']);
const SEQUENCE = 'sequence_number';
const INDEX = /_index$/;
const OVER: ReadonlySet<string> = new Set([
  'response.completed',
  'response.failed',
  'response.incomplete',
  'response.cancelled',
  'error',
]);

/**
 * Events of the Responses API.
 *
 *   response.created … output_item.added, content_part.added, X.delta*, X.done, content_part.done, output_item.done …
 *   response.completed | failed | incomplete
 *
 * `X.delta` events of one item and part are one text, whatever X is. Every text is said again whole in `X.done`, the
 * part's and the item's `done` and the last event; those are masked as wholes, which gives the same.
 * Events are numbered: one of our own takes the number of the one before which it is sent, and all later ones move up.
 */
export class ResponsesReader extends ChannelReader {
  #moved = 0;

  protected read(document: Document): readonly MessageTexts[] {
    const { root } = document;
    const type = document.string(document.get(root, 'type')) ?? '';
    const usage = document.get(document.get(root, 'response'), 'usage');
    this.usage = document.number(document.get(usage, 'total_tokens')) ?? this.usage;
    if (type.endsWith('.delta')) {
      this.#delta(document, type.slice(0, -'.delta'.length));
      return [];
    }
    if (OVER.has(type)) return this.#numbered(document, this.closeAll());
    if (!type.endsWith('.done')) return [];
    const place = placeOf(document);
    if (type === 'response.output_item.done') {
      return this.#numbered(document, this.close(`${indexAt(document, 'output_index')}/`));
    }
    if (type === 'response.content_part.done' || type.endsWith('_part.done')) {
      return this.#numbered(document, this.close(`${place}/`));
    }
    return this.#numbered(document, this.close(`${place}/${type.slice(0, -'.done'.length)}/`));
  }

  #delta(document: Document, base: string): void {
    const delta = document.get(document.root, 'delta');
    if (!delta || base.endsWith('audio')) return;
    this.#texts(document, delta, `${placeOf(document)}/${base}/`, base, '', '');
  }

  /** A delta is a string; of some tools an object of strings (`stdout`, `stderr`). */
  #texts(document: Document, node: JsonNode, key: string, base: string, before: string, after: string): void {
    if (node.kind === 'string') {
      const carrier = (): Carrier => ({
        event: `${base}.delta`,
        before:
          `{"type":${JSON.stringify(`${base}.delta`)},` +
          `${membersWithout(document, document.root, OWN)}"delta":${before}`,
        after: `${after}${document.get(document.root, 'logprobs') ? ',"logprobs":[]' : ''},"${SEQUENCE}":0}`,
      });
      const form = base.endsWith('arguments') ? 'json' : 'text';
      this.append(document, node, key, form, base, carrier);
      return;
    }
    if (node.kind !== 'object') return;
    for (const child of node.children) {
      if (child.key === 'type') continue;
      this.#texts(
        document,
        child,
        `${key}${child.key}/`,
        base,
        `${before}{${JSON.stringify(child.key)}:`,
        `}${after}`,
      );
    }
  }

  #due = 0;

  /** Tails sent before this event take its number. */
  #numbered(document: Document, tails: MessageTexts[]): MessageTexts[] {
    const due = document.number(document.get(document.root, SEQUENCE));
    if (due === undefined) return tails;
    return tails.map((tail) => ({
      ...tail,
      rewrite: (texts) => {
        this.#due = due;
        return tail.rewrite(texts);
      },
    }));
  }

  protected override edits(document: Document): Edit[] {
    const node = document.get(document.root, SEQUENCE);
    if (!node || this.#moved === 0) return [];
    return [{ node, text: String((document.number(node) ?? 0) + this.#moved) }];
  }

  protected override editsOfTail(document: Document): Edit[] {
    const node = document.get(document.root, SEQUENCE);
    return node ? [{ node, text: String(this.#due + this.#moved++) }] : [];
  }
}

/** Item and part an event is about: `output_index/content_index/…/item_id`, the item first. */
function placeOf(document: Document): string {
  const { root } = document;
  const rest = root.children
    .filter((child) => child.key !== undefined && INDEX.test(child.key) && child.key !== 'output_index')
    .map((child) => `${child.key}=${document.raw(child)}`)
    .sort();
  return [indexAt(document, 'output_index'), ...rest].join('/');
}

function indexAt(document: Document, key: string): string {
  const index = document.get(document.root, key);
  return index ? document.raw(index) : (document.string(document.get(document.root, 'item_id')) ?? '');
}
