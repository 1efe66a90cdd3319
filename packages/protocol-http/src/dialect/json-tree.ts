/** One value of a JSON text and where it stands: `[start, end)` of the text, a string's quotes included. */
export interface JsonNode {
  readonly kind: 'object' | 'array' | 'string' | 'number' | 'true' | 'false' | 'null';
  readonly start: number;
  end: number;
  readonly parent: JsonNode | undefined;
  /** Which member or item of its parent it is. */
  readonly at: number;
  /** Its key, unescaped, when the parent is an object. */
  readonly key: string | undefined;
  /** Values of an object or array, in the order of the text. */
  readonly children: readonly JsonNode[];
}

/** The text is no JSON, or says a thing twice. `message` never quotes the text. */
export class JsonReadError extends Error {
  constructor(problem: string, at: number) {
    super(`${problem} at character ${at}`);
    this.name = 'JsonReadError';
  }
}

/** Containers within each other; deeper texts are refused, so that nobody exhausts the stack. */
const DEEPEST = 500;

const NONE: readonly JsonNode[] = [];
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/**
 * Reads a JSON text by RFC 8259 to the letter: no comments, no byte order mark, no trailing text. Nothing is decoded
 * but keys, so that everything can be written back exactly as it stood.
 *
 * @param unique refuses keys that stand twice in one object: readers differ on which one counts.
 * @throws JsonReadError
 */
export function readJson(text: string, unique: boolean): JsonNode {
  const reader = new TreeReader(text, unique);
  return reader.whole();
}

class TreeReader {
  readonly #text: string;
  readonly #unique: boolean;
  #at = 0;
  #depth = 0;

  constructor(text: string, unique: boolean) {
    this.#text = text;
    this.#unique = unique;
  }

  whole(): JsonNode {
    this.#space();
    const root = this.#value(undefined, 0, undefined);
    this.#space();
    if (this.#at < this.#text.length) throw this.#error('text after the value');
    return root;
  }

  #value(parent: JsonNode | undefined, at: number, key: string | undefined): JsonNode {
    switch (this.#text.charCodeAt(this.#at)) {
      case 0x7b:
      case 0x5b:
        return this.#container(parent, at, key);
      case 0x22: {
        const start = this.#at;
        this.#string();
        return { kind: 'string', start, end: this.#at, parent, at, key, children: NONE };
      }
      case 0x74:
        return this.#literal('true', parent, at, key);
      case 0x66:
        return this.#literal('false', parent, at, key);
      case 0x6e:
        return this.#literal('null', parent, at, key);
    }
    const start = this.#at;
    NUMBER.lastIndex = start;
    if (!NUMBER.test(this.#text)) throw this.#error('no value where one is due');
    this.#at = NUMBER.lastIndex;
    return { kind: 'number', start, end: this.#at, parent, at, key, children: NONE };
  }

  #container(parent: JsonNode | undefined, at: number, key: string | undefined): JsonNode {
    if (++this.#depth > DEEPEST) throw this.#error(`nested deeper than ${DEEPEST}`);
    const kind = this.#text.charCodeAt(this.#at) === 0x7b ? 'object' : 'array';
    const children: JsonNode[] = [];
    const node: JsonNode = { kind, start: this.#at, end: 0, parent, at, key, children };
    const close = kind === 'object' ? 0x7d : 0x5d;
    const keys = kind === 'object' && this.#unique ? new Set<string>() : undefined;
    this.#at++;
    this.#space();
    if (this.#text.charCodeAt(this.#at) !== close) {
      for (;;) {
        const name = kind === 'object' ? this.#key(keys) : undefined;
        children.push(this.#value(node, children.length, name));
        this.#space();
        const next = this.#text.charCodeAt(this.#at);
        if (next === close) break;
        if (next !== 0x2c) throw this.#error('neither a comma nor the end of the container');
        this.#at++;
        this.#space();
      }
    }
    this.#at++;
    this.#depth--;
    node.end = this.#at;
    return node;
  }

  #key(keys: Set<string> | undefined): string {
    if (this.#text.charCodeAt(this.#at) !== 0x22) throw this.#error('no key where one is due');
    const start = this.#at;
    this.#string();
    const key = unquoted(this.#text.slice(start, this.#at));
    if (keys?.has(key)) throw this.#error('a key stands twice in one object');
    keys?.add(key);
    this.#space();
    if (this.#text.charCodeAt(this.#at) !== 0x3a) throw this.#error('no colon after a key');
    this.#at++;
    this.#space();
    return key;
  }

  #string(): void {
    for (let at = this.#at + 1; ; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === 0x22) {
        this.#at = at + 1;
        return;
      }
      if (code === 0x5c) {
        ESCAPE.lastIndex = at;
        if (!ESCAPE.test(this.#text)) throw this.#error('a wrong escape in a string');
        at = ESCAPE.lastIndex - 1;
      } else if (!(code >= 0x20))
        throw this.#error('a string without an end, or with a control character in it');
    }
  }

  #literal(
    kind: 'true' | 'false' | 'null',
    parent: JsonNode | undefined,
    at: number,
    key: string | undefined,
  ): JsonNode {
    const start = this.#at;
    if (!this.#text.startsWith(kind, start)) throw this.#error('no value where one is due');
    this.#at += kind.length;
    return { kind, start, end: this.#at, parent, at, key, children: NONE };
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #error(problem: string): JsonReadError {
    return new JsonReadError(problem, this.#at);
  }
}

/** What a string literal spells; most of them hold no escape, and are their own inside. */
export function unquoted(literal: string): string {
  return literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
}

/** The node of another tree that stands where `node` stands in its own; undefined when the way there is gone. */
export function sameplace(node: JsonNode, root: JsonNode): JsonNode | undefined {
  if (!node.parent) return root;
  const parent = sameplace(node.parent, root);
  return parent?.kind === node.parent.kind ? parent.children[node.at] : undefined;
}

/** Keys on the way to the node, joined by dots; items of arrays do not count, so that names stay few. */
export function placeOf(node: JsonNode): string {
  const keys: string[] = [];
  for (let at: JsonNode | undefined = node; at; at = at.parent)
    if (at.key !== undefined) keys.unshift(at.key);
  return keys.join('.');
}
