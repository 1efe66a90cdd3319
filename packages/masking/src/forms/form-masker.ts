import type { ByteMasker } from '../stream/index.ts';
import { type FieldTextOptions, maskField } from './options.ts';
import { RecordMasker, type RecordReader } from './record-masker.ts';

const PERCENT = 0x25;
const encoder = new TextEncoder();
const plainText = new TextDecoder();

/** Masks `application/x-www-form-urlencoded`: values by their keys, keys and values by what they say. */
export function createFormMasker(options: FieldTextOptions): ByteMasker {
  return new RecordMasker(() => new FormReader(options));
}

class FormReader implements RecordReader {
  readonly #options: FieldTextOptions;

  constructor(options: FieldTextOptions) {
    this.#options = options;
  }

  end(text: string, from: number, final: boolean): number {
    const at = text.indexOf('&', from);
    if (at >= 0) return at + 1;
    return final ? text.length : -1;
  }

  mask(record: string): string {
    const rest = record.endsWith('&') ? '&' : '';
    const pair = rest === '' ? record : record.slice(0, -1);
    const equals = pair.indexOf('=');
    const key = equals < 0 ? pair : pair.slice(0, equals);
    const name = decoded(key);
    const shownKey = this.#options.leaf ? this.#options.leaf(name, undefined) : name;
    const writtenKey = shownKey === name ? key : encoded(shownKey);
    if (equals < 0) return writtenKey + rest;
    const raw = pair.slice(equals + 1);
    const value = decoded(raw);
    // `user[password]=x` is how frameworks write nested keys.
    const path = name.split(/[[\].]+/).filter((it) => it !== '');
    const shown = maskField(this.#options, path, value);
    return `${writtenKey}=${shown === value ? raw : encoded(shown)}${rest}`;
  }
}

/** What is written, with escapes that are none left as they stand. */
function decoded(text: string): string {
  const plain = text.replaceAll('+', ' ');
  if (!plain.includes('%')) return plain;
  const bytes: number[] = [];
  const written = encoder.encode(plain);
  for (let at = 0; at < written.length; at++) {
    const byte = written[at] as number;
    const hex = byte === PERCENT ? plainText.decode(written.subarray(at + 1, at + 3)) : '';
    if (/^[0-9A-Fa-f]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      at += 2;
    } else bytes.push(byte);
  }
  return plainText.decode(Uint8Array.from(bytes));
}

function encoded(text: string): string {
  return encodeURIComponent(text).replace(/%20/g, '+').replace(/%2A/gi, '*');
}
