import { refuse } from '@scrim/model';
import type { TextForm } from '@scrim/protocol-kit';
import type { ModelRequest, ToolCall } from './contract.ts';
import { Document, ownChannel } from './document.ts';
import { textOf } from './json-text.ts';
import type { JsonNode } from './json-tree.ts';
import { sweep } from './sweep.ts';

/** The body of a request to a model, read so that the guard and the model cannot read it differently. */
export class RequestBody {
  readonly document: Document;
  readonly tools: string[] = [];
  readonly calls: ToolCall[] = [];
  readonly #original: Buffer;
  #next = 1;

  /** @throws RefusalError (SCRIM_UNPARSED) */
  constructor(body: Buffer) {
    this.#original = body;
    try {
      this.document = new Document(textOf(body), true);
    } catch (cause) {
      throw unreadable('the body is not JSON that every reader reads alike', cause);
    }
    if (this.document.root.kind !== 'object') throw unreadable('the body must be a JSON object');
  }

  get root(): JsonNode {
    return this.document.root;
  }

  /**
   * A member by any of its spellings. Servers that are not strict take others for the same one (Go's JSON ignores
   * case, protocol buffers take snake case and camel case): a second spelling is refused, wherever it stands.
   */
  get(node: JsonNode | undefined, ...spellings: readonly string[]): JsonNode | undefined {
    if (node?.kind !== 'object') return undefined;
    const folded = fold(spellings[0] as string);
    const found = node.children.filter((child) => child.key !== undefined && fold(child.key) === folded);
    if (found.length === 0) return undefined;
    const [member] = found as [JsonNode];
    if (found.length > 1) throw unreadable(`"${spellings[0]}" stands twice`);
    if (!spellings.includes(member.key as string)) throw unreadable(`"${spellings[0]}" is spelt another way`);
    return member.kind === 'null' ? undefined : member;
  }

  /** A string, or nothing. */
  text(node: JsonNode | undefined, what: string): string | undefined {
    if (!node) return undefined;
    const text = this.document.string(node);
    if (text === undefined) throw unreadable(`"${what}" must be a string`);
    return text;
  }

  list(node: JsonNode | undefined, what: string): readonly JsonNode[] {
    if (!node) return [];
    if (node.kind !== 'array') throw unreadable(`"${what}" must be an array`);
    return node.children;
  }

  objects(node: JsonNode | undefined, what: string): readonly JsonNode[] {
    const list = this.list(node, what);
    if (list.some((item) => item.kind !== 'object')) throw unreadable(`"${what}" must hold objects`);
    return list;
  }

  flag(node: JsonNode | undefined, what: string, absent = false): boolean {
    if (!node) return absent;
    if (node.kind !== 'true' && node.kind !== 'false') throw unreadable(`"${what}" must be true or false`);
    return node.kind === 'true';
  }

  /** A string that is masked as a text of its own, JSON where it is JSON (the output of a tool mostly is). */
  toolOutput(node: JsonNode | undefined): void {
    if (!node) return;
    if (node.kind === 'array') {
      for (const part of node.children)
        this.toolOutput(part.kind === 'object' ? this.get(part, 'text') : part);
      return;
    }
    const text = this.document.string(node);
    if (text !== undefined && text !== '') this.#slot(node, isJsonContainer(text) ? 'json' : 'text');
  }

  /** The string of a call's arguments. */
  arguments(node: JsonNode | undefined, form: TextForm): void {
    if (node?.kind === 'string' && node.end - node.start > 2) this.#slot(node, form);
  }

  /** Token numbers spell a text no rule can read. */
  tokens(node: JsonNode): boolean {
    const numbers = node.kind === 'array' && node.children.length > 0;
    if (!numbers || !node.children.every((child) => child.kind === 'number')) return false;
    this.document.opaque(node, true);
    return true;
  }

  call(name: string | undefined, argument: JsonNode | undefined): void {
    if (name === undefined) return;
    const text = argument && (this.document.string(argument) ?? this.document.raw(argument));
    this.calls.push({ name, arguments: text ?? '' });
  }

  done(model: string | undefined, streams: boolean): ModelRequest {
    const { document, tools, calls } = this;
    sweep(document, () => this.#next++);
    const texts = document.texts(this.#original, (json) => Buffer.from(json));
    return { model, tools: [...new Set(tools)], calls, streams, texts };
  }

  #slot(node: JsonNode, form: TextForm): void {
    if (!this.document.isTaken(node)) this.document.slot(node, ownChannel(this.#next++, form, node), true);
  }
}

export function unreadable(message: string, cause?: unknown) {
  return refuse('SCRIM_UNPARSED', {
    message: `the request to the model cannot be read: ${message}`,
    hint: 'send plain JSON as the vendor documents it, each key once',
    ...(cause === undefined ? {} : { cause }),
  });
}

function fold(key: string): string {
  return key.normalize('NFKC').toLowerCase().replaceAll('_', '').replaceAll('ſ', 's');
}

function isJsonContainer(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
