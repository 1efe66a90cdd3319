import { JsonShapeError } from '../places/index.ts';
import type { Scanner } from '../scan/scanner.ts';

/** Keys remembered with their bytes; a document with more spells each anew. */
const MOST_KNOWN = 2_048;
const LONGEST_KNOWN = 64;
const QUOTE = 0x22;

/** A key with what is known of it. */
export interface Key {
  readonly name: string;
  /** Its bytes as written; empty when it is not remembered. */
  readonly bytes: Uint8Array;
  /** No detector can find anything in the key itself. */
  readonly clean: boolean;
  /** The key alone makes its values suspect. */
  readonly telling: boolean;
  /** The key that followed it last time: rows repeat themselves. */
  next: Key | undefined;
}

const NOTHING = new Uint8Array(0);
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Keys of the documents one scanner looks at. The same few come back in every row: they are known by their bytes, which
 * is much cheaper than to decode and judge them again.
 */
export class KeyNames {
  readonly #scanner: Scanner | undefined;
  readonly #known = new Map<number, Key>();

  constructor(scanner: Scanner | undefined) {
    this.#scanner = scanner;
  }

  /** The names shared by all documents of a scanner. */
  static of(scanner: Scanner | undefined): KeyNames {
    if (!scanner) return unscanned;
    let names = byScanner.get(scanner);
    if (!names) {
      names = new KeyNames(scanner);
      byScanner.set(scanner, names);
    }
    return names;
  }

  /** The key between the offsets, quotes left out. Throws JsonShapeError when it is no UTF-8. */
  key(bytes: Uint8Array, start: number, end: number, escaped: boolean): Key {
    if (escaped || end - start > LONGEST_KNOWN)
      return this.#judged(textOf(bytes, start, end, escaped), NOTHING);
    let hash = end - start;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0;
    const known = this.#known.get(hash);
    if (known && isSame(known.bytes, bytes, start, end)) return known;
    const key = this.#judged(textOf(bytes, start, end, escaped), bytes.slice(start, end));
    if (this.#known.size >= MOST_KNOWN) this.#forget();
    this.#known.set(hash, key);
    return key;
  }

  /** One key must not keep all that ever followed it. */
  #forget(): void {
    for (const key of this.#known.values()) key.next = undefined;
    this.#known.clear();
  }

  #judged(name: string, bytes: Uint8Array): Key {
    const scanner = this.#scanner;
    const clean = scanner !== undefined && bytes.length > 0 && !scanner.mayContain(bytes, 0, bytes.length);
    const telling = scanner?.isSensitiveKey(name) ?? false;
    return { name, bytes, clean, telling, next: undefined };
  }
}

const byScanner = new WeakMap<Scanner, KeyNames>();
const unscanned = new KeyNames(undefined);

/** Whether the string at `start`, behind its quote, is the key. */
export function isKeyAt(key: Key, bytes: Uint8Array, start: number, end: number): boolean {
  const known = key.bytes;
  const length = known.length;
  if (length === 0 || start + length >= end || bytes[start + length] !== QUOTE) return false;
  for (let i = 0; i < length; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
}

/** The text between the offsets of a string's inside. Throws JsonShapeError when it is no UTF-8. */
export function textOf(bytes: Uint8Array, start: number, end: number, escaped: boolean): string {
  let text: string;
  try {
    text = decoder.decode(bytes.subarray(start, end));
  } catch {
    throw new JsonShapeError('a string is no UTF-8', start);
  }
  return escaped ? (JSON.parse(`"${text}"`) as string) : text;
}

export function asciiOf(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let at = start; at < end; at++) if (known[at - start] !== bytes[at]) return false;
  return true;
}
