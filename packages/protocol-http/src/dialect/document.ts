import type { Piece, TextForm, Texts } from '@scrim/protocol-kit';
import { bytesOf, completionOf, textOfHalves } from './json-text.ts';
import { type JsonNode, JsonReadError, placeOf, readJson, sameplace, unquoted } from './json-tree.ts';

/** Texts of one message, and how much of it leaves unread. */
export interface MessageTexts extends Texts {
  /** Bytes of images, sound, files and token numbers that no rule can look into. */
  readonly uninspected: number;
}

/** A text that flows over messages: what of it the reader has been shown so far. */
export class TextChannel {
  readonly number: number;
  readonly form: TextForm;
  readonly name: string;
  #owed = Buffer.alloc(0);
  #clean = true;
  #json = '';

  constructor(number: number, form: TextForm, name: string) {
    this.number = number;
    this.form = form;
    this.name = name;
  }

  /** Takes note of what was shown for a piece; true when all of the text so far is shown, and as it was. */
  shown(given: Uint8Array, text: Uint8Array): boolean {
    if (!this.#clean) return false;
    const owed = this.#owed.length === 0 ? Buffer.from(given) : Buffer.concat([this.#owed, given]);
    this.#clean = owed.length >= text.length && owed.subarray(0, text.length).equals(text);
    this.#owed = this.#clean ? owed.subarray(text.length) : Buffer.alloc(0);
    return this.#clean && this.#owed.length === 0;
  }

  /** Remembers JSON as it comes, so that its end can be completed when the model was cut off. */
  said(text: string): void {
    if (this.form === 'json') this.#json += text;
  }

  /** What is missing at the end of the JSON said so far; empty when nothing, or when nothing helps. */
  missing(): string {
    return this.form !== 'json' || this.#json.trim() === '' ? '' : (completionOf(this.#json) ?? '');
  }
}

/** A string of the document that is masked as a text of its own. */
interface Slot {
  readonly node: JsonNode;
  readonly channel: TextChannel;
  readonly last: boolean;
  readonly given: Buffer;
  /** Written behind JSON that was cut off, and taken away again. */
  readonly missing: string;
}

/** Nodes that repeat texts in another form (log probabilities, token numbers): they go when a text does not stay. */
interface Echo {
  readonly node: JsonNode;
  readonly of: JsonNode;
}

/**
 * A JSON document with texts in it that are masked by themselves, and the rest as JSON around them. Everything that is
 * not masked is written back exactly as it stood.
 */
export class Document {
  readonly text: string;
  readonly root: JsonNode;
  readonly slots: Slot[] = [];
  readonly #taken = new Set<JsonNode>();
  readonly #opaque: JsonNode[] = [];
  readonly #echoes: Echo[] = [];
  readonly #dropped: JsonNode[] = [];
  #uninspected = 0;

  /** @throws JsonReadError */
  constructor(text: string, unique: boolean) {
    this.text = text;
    this.root = readJson(text, unique);
  }

  get uninspected(): number {
    return this.#uninspected;
  }

  raw(node: JsonNode): string {
    return this.text.slice(node.start, node.end);
  }

  /** The string a node spells; undefined for other kinds. */
  string(node: JsonNode | undefined): string | undefined {
    return node?.kind === 'string' ? unquoted(this.raw(node)) : undefined;
  }

  number(node: JsonNode | undefined): number | undefined {
    return node?.kind === 'number' ? Number(this.raw(node)) : undefined;
  }

  /** @throws JsonReadError when the key stands twice: readers differ on which one counts. */
  get(node: JsonNode | undefined, key: string): JsonNode | undefined {
    if (node?.kind !== 'object') return undefined;
    let found: JsonNode | undefined;
    for (const child of node.children) {
      if (child.key !== key) continue;
      if (found) throw new JsonReadError(`${key} stands twice`, child.start);
      found = child;
    }
    return found;
  }

  items(node: JsonNode | undefined): readonly JsonNode[] {
    return node?.kind === 'array' ? node.children : [];
  }

  isTaken(node: JsonNode): boolean {
    return this.#taken.has(node);
  }

  /** The string is (the next piece of) a channel's text. */
  slot(node: JsonNode, channel: TextChannel, last: boolean): void {
    const text = this.string(node) ?? '';
    channel.said(text);
    const missing = last ? channel.missing() : '';
    this.#taken.add(node);
    this.slots.push({ node, channel, last, given: bytesOf(text + missing), missing });
  }

  /** The node leaves exactly as it came. `media` = it carries content nobody looked into. */
  opaque(node: JsonNode, media: boolean): void {
    this.#taken.add(node);
    this.#opaque.push(node);
    if (media) this.#uninspected += node.end - node.start;
  }

  /** `node` repeats texts that stand under `of`. */
  echo(node: JsonNode, of: JsonNode): void {
    this.#echoes.push({ node, of });
  }

  /** The node repeats what may be masked and leaves empty in any case. */
  drop(node: JsonNode): void {
    this.#taken.add(node);
    this.#dropped.push(node);
  }

  /** The document as texts; `write` puts its JSON back into the message. */
  texts(
    original: Buffer,
    write: (json: string) => Buffer,
    edit?: (document: Document) => Edit[],
  ): MessageTexts {
    const parts = { opaque: this.#opaque, echoes: this.#echoes, dropped: this.#dropped };
    return new DocumentTexts(this, parts, original, write, edit);
  }
}

interface Parts {
  readonly opaque: readonly JsonNode[];
  readonly echoes: readonly Echo[];
  readonly dropped: readonly JsonNode[];
}

/** Text to stand in place of a node's. */
export interface Edit {
  readonly node: JsonNode;
  readonly text: string;
}

class DocumentTexts implements MessageTexts {
  readonly pieces: readonly Piece[];
  readonly uninspected: number;
  /** Numbering and echoes depend on what was shown before: the masker must not pass the message by. */
  readonly always = true;
  readonly #document: Document;
  readonly #parts: Parts;
  readonly #original: Buffer;
  readonly #write: (json: string) => Buffer;
  readonly #edit: ((document: Document) => Edit[]) | undefined;
  readonly #rest: Buffer;
  /** What the first writing decided: echoes that go, numbers. */
  #decided: readonly Edit[] | undefined;

  constructor(
    document: Document,
    parts: Parts,
    original: Buffer,
    write: (json: string) => Buffer,
    edit: ((document: Document) => Edit[]) | undefined,
  ) {
    this.#document = document;
    this.#parts = parts;
    this.#original = original;
    this.#write = write;
    this.#edit = edit;
    this.uninspected = document.uninspected;
    const blanks = [...document.slots.map((slot) => slot.node), ...parts.opaque];
    this.#rest = Buffer.from(
      replaced(
        document.text,
        blanks.map((node) => ({ node, text: '""' })),
      ),
    );
    this.pieces = [
      { channel: REST, form: 'json', name: 'body', bytes: this.#rest, last: true },
      ...document.slots.map(({ channel, given, last }) => ({
        channel: channel.number,
        form: channel.form,
        name: channel.name,
        bytes: given,
        last,
      })),
    ];
  }

  rewrite(texts: readonly Uint8Array[]): Buffer {
    const { slots } = this.#document;
    if (texts.length !== this.pieces.length) throw new RangeError('as many texts as pieces are due');
    this.#decided ??= this.#decide(texts);
    const edits: Edit[] = [...this.#decided];
    slots.forEach((slot, index) => {
      const text = texts[index + 1] as Uint8Array;
      if (slot.missing !== '' || !slot.given.equals(text))
        edits.push({ node: slot.node, text: written(slot, text) });
    });
    const rest = texts[0] as Uint8Array;
    if (this.#rest.equals(rest)) {
      return edits.length === 0 ? this.#original : this.#write(replaced(this.#document.text, edits));
    }
    return this.#write(this.#around(textOfHalves(rest), edits));
  }

  #decide(texts: readonly Uint8Array[]): readonly Edit[] {
    const unclean = this.#document.slots
      .filter(({ channel, given }, index) => !channel.shown(given, texts[index + 1] as Uint8Array))
      .map((slot) => slot.node);
    const echoes = this.#parts.echoes.filter(({ of }) => unclean.some((it) => isWithin(it, of)));
    return [
      ...echoes.map(({ node }) => emptied(node)),
      ...this.#parts.dropped.map(emptied),
      ...(this.#edit?.(this.#document) ?? []),
    ];
  }

  /** The masked rest with the texts back in their places; what a rule masked by its place stays masked. */
  #around(rest: string, edits: readonly Edit[]): string {
    const root = readJson(rest, false);
    const back = new Map<JsonNode, string>();
    for (const { node } of this.#document.slots) back.set(node, this.#document.raw(node));
    for (const node of this.#parts.opaque) back.set(node, this.#document.raw(node));
    for (const { node, text } of edits) back.set(node, text);
    const moved: Edit[] = [];
    for (const [node, text] of back) {
      const place = sameplace(node, root);
      if (!place) continue;
      const blank = rest.slice(place.start, place.end) === '""';
      if (blank || this.#goes(node) || place.kind === 'number') moved.push({ node: place, text });
    }
    return replaced(rest, moved);
  }

  #goes(node: JsonNode): boolean {
    return this.#parts.echoes.some((echo) => echo.node === node) || this.#parts.dropped.includes(node);
  }
}

function emptied(node: JsonNode): Edit {
  return { node, text: node.kind === 'array' ? '[]' : 'null' };
}

/** The channel of a message's rest: every message ends it. */
export const REST = 0;

function written(slot: Slot, shown: Uint8Array): string {
  const text = textOfHalves(shown);
  const { missing } = slot;
  return JSON.stringify(missing !== '' && text.endsWith(missing) ? text.slice(0, -missing.length) : text);
}

function isWithin(node: JsonNode, of: JsonNode): boolean {
  for (let at: JsonNode | undefined = node; at; at = at.parent) if (at === of) return true;
  return false;
}

/** Nodes lying in one that is replaced itself go with it. */
function replaced(text: string, edits: readonly Edit[]): string {
  let out = '';
  let from = 0;
  for (const { node, text: inserted } of [...edits].sort((a, b) => a.node.start - b.node.start)) {
    if (node.start < from) continue;
    out += text.slice(from, node.start) + inserted;
    from = node.end;
  }
  return out + text.slice(from);
}

/** A channel for one string alone. */
export function ownChannel(number: number, form: TextForm, node: JsonNode): TextChannel {
  return new TextChannel(number, form, placeOf(node));
}
