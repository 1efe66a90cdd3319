import type { ValueType } from './types.ts';

/** Types that carry any text once it is wrapped; the others need a stand-in of their own. */
const CARRIERS: ReadonlySet<ValueType> = new Set(['text', 'unknown', 'json', 'xml', 'bytes']);

export function carriesText(type: ValueType): boolean {
  return CARRIERS.has(type);
}

/** `text` as a value of that type: a JSON string, an XML element, bytes in hex, or as it is. */
export function wrapText(text: string, type: ValueType): string {
  switch (type) {
    case 'json':
      return JSON.stringify(text);
    case 'xml':
      return `<masked>${text.replace(/[&<>]/g, (char) => XML_ESCAPES[char]!)}</masked>`;
    case 'bytes':
      return toHex(text);
    default:
      return text;
  }
}

/**
 * The text a value means, so that a JSON string and the plain text get the same token. A value
 * that is no wrapped text (a JSON object, arbitrary bytes) means itself.
 */
export function unwrapText(value: string, type: ValueType): string {
  switch (type) {
    case 'json':
      return jsonString(value) ?? value;
    case 'xml':
      return xmlText(value) ?? value;
    case 'bytes':
      return textOfHex(value) ?? value;
    default:
      return value;
  }
}

const XML_ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** The string a JSON text is, or undefined when it is another kind of JSON (or none). */
export function jsonString(json: string): string | undefined {
  if (!/^\s*"/.test(json)) return undefined;
  try {
    const parsed: unknown = JSON.parse(json);
    return typeof parsed === 'string' ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function toHex(text: string): string {
  let hex = '\\x';
  for (const byte of new TextEncoder().encode(text)) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes in PostgreSQL's hex form that are UTF-8; undefined for anything else. */
function textOfHex(value: string): string | undefined {
  if (!/^\\x(?:[0-9a-f]{2})*$/i.test(value)) return undefined;
  const bytes = new Uint8Array(value.length / 2 - 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(value.slice(2 * i + 2, 2 * i + 4), 16);
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function xmlText(value: string): string | undefined {
  const inner = /^<masked>([^<]*)<\/masked>$/.exec(value)?.[1];
  return inner?.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
