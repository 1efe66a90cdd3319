import type { TextForm } from '@scrim/protocol-kit';
import type { AnswerReader, Framing } from './contract.ts';
import { Document, type Edit, type MessageTexts, TextChannel } from './document.ts';
import { textOf, textOfHalves } from './json-text.ts';
import type { JsonNode } from './json-tree.ts';
import { commentTexts, fixedTexts, readSse, writeSse } from './sse.ts';
import { sweep } from './sweep.ts';

/** A JSON text with a hole in it where a string goes: an event of our own, ready to carry the tail of a text. */
export interface Carrier {
  readonly before: string;
  readonly after: string;
  /** The `event:` field, where the vendor names events. */
  readonly event?: string;
}

interface OpenText {
  readonly channel: TextChannel;
  readonly carrier: Carrier;
}

interface Frame {
  readonly eol: string;
  readonly event: string | undefined;
}

interface Unframed {
  /** Undefined = a terminator, '' = nothing but space. */
  readonly json: string | undefined;
  readonly write: (json: string) => Buffer;
  /** What leaves when nothing is masked, if that is not the event as it came. */
  readonly original?: Buffer;
}

/** Fields of an event that say nothing: numbers of events and the time to wait before reconnecting. */
const HARMLESS_LINE = /^(?:id|retry): ?[0-9a-f-]{0,36}$/;

const NOTHING = Buffer.alloc(0);
/** 0 is the rest of each message, 1 its comments. */
const FIRST_CHANNEL = 2;
/** Of English text; what vendors name as the rule of thumb. */
const BYTES_PER_TOKEN = 4;
/** Texts under way at once; more is no answer of a model. */
const MOST_OPEN = 4096;

/** What all vendors' streams have in common: frames around JSON, texts that go on from event to event. */
export abstract class ChannelReader implements AnswerReader {
  readonly #framing: Framing;
  readonly #open = new Map<string, OpenText>();
  #next = FIRST_CHANNEL;
  #frame: Frame = { eol: '\n', event: undefined };
  /** Tokens as the vendor counts them, for the request and the answer together; 0 until it says so. */
  protected usage = 0;
  #said = 0;

  constructor(framing: Framing) {
    this.#framing = framing;
  }

  /** Where the vendor says nothing (OpenAI's chat streams unless asked), what was said is counted by its length. */
  get tokens(): number {
    return this.usage || Math.ceil(this.#said / BYTES_PER_TOKEN);
  }

  /** Marks the event's texts, and names (by {@link close}) those that end with it. */
  protected abstract read(document: Document, event: string | undefined): readonly MessageTexts[];

  event(bytes: Buffer): readonly MessageTexts[] {
    const found = this.#unframed(bytes);
    if (!found) return [commentTexts(bytes, this.#frame.eol)];
    const { json, write, original } = found;
    if (json === undefined) return [...this.closeAll(), fixedTexts(original ?? bytes)];
    if (json === '') return [fixedTexts(bytes)];
    const document = new Document(json, false);
    if (document.root.kind !== 'object') throw new TypeError('an event that is no JSON object');
    const tails = this.read(document, this.#frame.event);
    for (const { given } of document.slots) this.#said += given.length;
    sweep(document, () => this.#next++);
    return [...tails, document.texts(original ?? bytes, write, (it) => this.edits(it))];
  }

  end(): readonly MessageTexts[] {
    return this.closeAll();
  }

  /** Changes to an event besides its texts, asked when it is written. */
  protected edits(_document: Document): Edit[] {
    return [];
  }

  /** Changes to an event of our own that is sent for certain. */
  protected editsOfTail(_document: Document): Edit[] {
    return [];
  }

  /**
   * The string goes on where the text of this key stopped. `carrier` makes the event that takes the text's tail when
   * it ends without a string to put it in; asked once, when the text begins.
   */
  protected append(
    document: Document,
    node: JsonNode,
    key: string,
    form: TextForm,
    name: string,
    carrier: () => Carrier,
    last = false,
  ): void {
    let open = this.#open.get(key);
    if (!open) {
      if (this.#open.size >= MOST_OPEN) throw new RangeError('too many texts under way at once');
      open = { channel: new TextChannel(this.#next++, form, name), carrier: carrier() };
      this.#open.set(key, open);
    }
    document.slot(node, open.channel, last);
    if (last) this.#open.delete(key);
  }

  protected isOpen(key: string): boolean {
    return this.#open.has(key);
  }

  /** Ends the open texts whose key begins so: their tails as events of our own. */
  protected close(prefix: string): MessageTexts[] {
    const tails: MessageTexts[] = [];
    for (const [key, open] of this.#open) {
      if (!key.startsWith(prefix)) continue;
      this.#open.delete(key);
      tails.push(this.#tail(open));
    }
    return tails;
  }

  protected closeAll(): MessageTexts[] {
    return this.close('');
  }

  #tail({ channel, carrier }: OpenText): MessageTexts {
    const document = new Document(`${carrier.before}""${carrier.after}`, false);
    const node = stringAt(document.root, carrier.before.length);
    if (!node) throw new Error('a carrier without its hole');
    document.slot(node, channel, true);
    sweep(document, () => this.#next++);
    const { eol } = this.#frame;
    const write = (json: string) => this.#framed(json, carrier.event, eol);
    const inner = document.texts(NOTHING, write, (it) => this.editsOfTail(it));
    const missing = document.slots[0]?.missing ?? '';
    return {
      pieces: inner.pieces,
      uninspected: 0,
      always: true,
      rewrite: (texts) => {
        const text = textOfHalves(texts[1] as Uint8Array);
        return text === '' || text === missing ? NOTHING : inner.rewrite(texts);
      },
    };
  }

  #framed(json: string, event: string | undefined, eol: string): Buffer {
    if (this.#framing === 'sse') return writeSse({ name: event, others: [], eol }, json);
    if (this.#framing === 'ndjson') return Buffer.from(`${json.replaceAll('\n', ' ')}${eol}`);
    return Buffer.from(`,${eol}${json}`);
  }

  /** The JSON of a message; undefined = a comment. */
  #unframed(bytes: Buffer): Unframed | undefined {
    if (this.#framing === 'sse') {
      const event = readSse(bytes);
      this.#frame = { eol: event.eol, event: event.name };
      if (event.data === undefined) return undefined;
      const others = event.others.filter((line) => HARMLESS_LINE.test(line));
      const write = (json: string) => writeSse({ name: event.name, others, eol: event.eol }, json);
      if (event.data.trim() === '[DONE]') return { json: undefined, write, original: write('[DONE]') };
      // Nobody looks into comments beside data: the event leaves without them.
      if (others.length < event.others.length)
        return { json: event.data, write, original: write(event.data) };
      return { json: event.data, write };
    }
    const text = textOf(bytes);
    const [, lead = '', json = '', trail = ''] = /^([\s[,]*)([\s\S]*?)(\s*)$/.exec(text) ?? [];
    if (this.#framing === 'ndjson') {
      this.#frame = { eol: trail.includes('\r\n') ? '\r\n' : '\n', event: undefined };
      return { json: text.trim(), write: (it) => Buffer.from(`${lead}${it}${trail}`) };
    }
    this.#frame = { eol: text.includes('\r\n') ? '\r\n' : '\n', event: undefined };
    const over = json === ']' || json === '';
    if (over && lead.includes(',')) throw new TypeError('a comma without an element');
    return {
      json: over ? (json === ']' ? undefined : '') : json,
      write: (it) => Buffer.from(`${lead}${it}${trail}`),
    };
  }
}

/** The empty string that begins at this place. */
function stringAt(node: JsonNode, start: number): JsonNode | undefined {
  if (node.start === start && node.kind === 'string') return node;
  for (const child of node.children)
    if (start >= child.start && start < child.end) return stringAt(child, start);
  return undefined;
}

/** Members of an object as they stand in the text, but for the named ones; for the head of a carrier. */
export function membersWithout(document: Document, node: JsonNode, names: ReadonlySet<string>): string {
  return node.children
    .filter((child) => child.key !== undefined && !names.has(child.key))
    .map((child) => `${JSON.stringify(child.key)}:${document.raw(child)},`)
    .join('');
}

/** An index member; 0 where the vendor leaves it out. */
export function indexOf(document: Document, node: JsonNode, key = 'index'): number {
  return document.number(document.get(node, key)) ?? 0;
}
