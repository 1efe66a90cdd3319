import type { BodyEntry } from '@scrim/model';
import type { BodyKind } from './content-type.ts';

/** Values read from one body; one with more is not read, and judged as the worst. */
const MOST_ENTRIES = 100_000;
const DEEPEST = 200;

/** Every value of a JSON or form body, also those of repeated keys; undefined = it cannot be read. */
export function bodyEntries(body: Buffer, kind: BodyKind): readonly BodyEntry[] | undefined {
  if (body.length === 0) return [];
  try {
    if (kind.kind === 'unnamed' || (kind.kind === 'text' && kind.form === 'json')) {
      return new JsonEntries(new TextDecoder('utf-8', { fatal: true }).decode(body)).read();
    }
    if (kind.kind === 'text' && kind.form === 'form') return formEntries(body.toString('utf8'));
  } catch {
    return undefined;
  }
  return undefined;
}

function formEntries(text: string): readonly BodyEntry[] {
  return [...new URLSearchParams(text)].map(([key, value]) => ({
    // `filter[role]=x` is how frameworks write nested keys.
    path: key.split(/[[\].]+/).filter((it) => it !== ''),
    value,
  }));
}

const STRING = /"(?:[^"\\]|\\.)*"/y;
const SCALAR = /-?\d[\d.eE+-]*|true|false|null/y;
const SPACE = /[ \t\r\n]*/y;

/** Reads JSON without letting a repeated key hide another: servers differ on which of them counts. */
class JsonEntries {
  readonly #text: string;
  readonly #entries: BodyEntry[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): readonly BodyEntry[] {
    while (this.#peek() !== '') this.#value([], 0);
    return this.#entries;
  }

  #peek(): string {
    this.#take(SPACE);
    return this.#text.charAt(this.#at);
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (!match) throw new SyntaxError('not JSON');
    this.#at = pattern.lastIndex;
    return match[0];
  }

  #value(path: readonly (string | number)[], depth: number): void {
    if (depth > DEEPEST || this.#entries.length > MOST_ENTRIES) throw new RangeError('too much to read');
    const char = this.#peek();
    if (char === '{') this.#members(path, depth);
    else if (char === '[') this.#elements(path, depth);
    else this.#entries.push({ path, value: char === '"' ? this.#string() : this.#take(SCALAR) });
  }

  #string(): string {
    return JSON.parse(this.#take(STRING)) as string;
  }

  #members(path: readonly (string | number)[], depth: number): void {
    this.#at++;
    if (this.#peek() === '}') {
      this.#at++;
      return;
    }
    do {
      this.#peek();
      const key = this.#string();
      if (this.#peek() !== ':') throw new SyntaxError('not JSON');
      this.#at++;
      this.#value([...path, key], depth + 1);
    } while (this.#goesOn('}'));
  }

  #elements(path: readonly (string | number)[], depth: number): void {
    this.#at++;
    if (this.#peek() === ']') {
      this.#at++;
      return;
    }
    let index = 0;
    do this.#value([...path, index++], depth + 1);
    while (this.#goesOn(']'));
  }

  #goesOn(end: string): boolean {
    const char = this.#peek();
    this.#at++;
    if (char === ',') return true;
    if (char === end) return false;
    throw new SyntaxError('not JSON');
  }
}
