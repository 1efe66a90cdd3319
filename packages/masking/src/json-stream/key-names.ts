import { JsonShapeError } from '../places/index.ts';
import type { Scanner } from '../scan/scanner.ts';

/** Keys remembered with their bytes; a document with more spells each anew. */
const MOST_KNOWN = 2_048;
const LONGEST_KNOWN = 64;

interface Known {
  readonly bytes: Uint8Array;
  readonly name: string;
}

/**
 * Strings of a document. The same few keys come back in every row: they are known by their bytes, which is much cheaper
 * than to decode them again.
 */
export class KeyNames {
  readonly #scanner: Scanner | undefined;
  readonly #known = new Map<number, Known>();
  readonly #telling = new Map<string, boolean>();
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(scanner: Scanner | undefined) {
    this.#scanner = scanner;
  }

  /** The key between the offsets, quotes left out. Throws JsonShapeError when it is no UTF-8. */
  name(bytes: Uint8Array, start: number, end: number, escaped: boolean): string {
    if (escaped || end - start > LONGEST_KNOWN) return this.text(bytes, start, end, escaped);
    let hash = end - start;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0;
    const known = this.#known.get(hash);
    if (known && isSame(known.bytes, bytes, start, end)) return known.name;
    const name = this.text(bytes, start, end, escaped);
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.set(hash, { bytes: bytes.slice(start, end), name });
    return name;
  }

  /** The text between the offsets. Throws JsonShapeError when it is no UTF-8. */
  text(bytes: Uint8Array, start: number, end: number, escaped: boolean): string {
    let text: string;
    try {
      text = this.#decoder.decode(bytes.subarray(start, end));
    } catch {
      throw new JsonShapeError('a string is no UTF-8', start);
    }
    return escaped ? (JSON.parse(`"${text}"`) as string) : text;
  }

  ascii(bytes: Uint8Array, start: number, end: number): string {
    let text = '';
    for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at] as number);
    return text;
  }

  /** Whether the key alone makes its values suspect. */
  isTelling(key: string | undefined): boolean {
    if (key === undefined || !this.#scanner) return false;
    let telling = this.#telling.get(key);
    if (telling === undefined) {
      telling = this.#scanner.isSensitiveKey(key);
      if (this.#telling.size >= MOST_KNOWN) this.#telling.clear();
      this.#telling.set(key, telling);
    }
    return telling;
  }
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let at = start; at < end; at++) if (known[at - start] !== bytes[at]) return false;
  return true;
}
