import type { ByteMasker } from '../stream/index.ts';
import { type FieldTextOptions, maskField } from './options.ts';
import { RecordMasker, type RecordReader } from './record-masker.ts';

/**
 * Masks XML and HTML: texts by the elements around them, attributes by their name (without a prefix), and all of them by
 * what they say, entities read as what they stand for. Markup stays as it was written.
 */
export function createXmlMasker(options: FieldTextOptions): ByteMasker {
  return new RecordMasker(() => new XmlReader(options));
}

/** Elements remembered around a text; deeper ones are judged by the outer ones and their own name. */
const DEEPEST = 256;
const VOID = /^(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)$/i;
const ATTRIBUTE = /([^\s"'<>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'<>`]+)/g;
const ENTITY = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(lt|gt|amp|quot|apos|nbsp|commat|period));/gi;
const NAMED: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  commat: '@',
  period: '.',
};

class XmlReader implements RecordReader {
  readonly #options: FieldTextOptions;
  readonly #open: string[] = [];

  constructor(options: FieldTextOptions) {
    this.#options = options;
  }

  /** A record is a tag, a comment, a CDATA section or the text up to the next of them. */
  end(text: string, from: number, final: boolean): number {
    const rest = final ? text.length : -1;
    if (text[from] !== '<') {
      const next = text.indexOf('<', from);
      return next < 0 ? rest : next;
    }
    if (!final && text.length - from < 9) return -1;
    if (text.startsWith('<!--', from)) return after(text, '-->', from + 4, rest);
    if (text.startsWith('<![CDATA[', from)) return after(text, ']]>', from + 9, rest);
    return tagEnd(text, from, rest);
  }

  mask(record: string): string {
    if (record[0] !== '<') return this.#text(record);
    if (record.startsWith('<![CDATA[')) return this.#cdata(record);
    if (record.startsWith('<!') || record.startsWith('<?')) return this.#said(record);
    const close = /^<\/\s*([^\s>]+)/.exec(record);
    if (close) {
      this.#close(local(close[1] as string));
      return record;
    }
    return this.#tag(record);
  }

  #tag(record: string): string {
    const name = local(/^<\s*([^\s/>]+)/.exec(record)?.[1] ?? '');
    const shown = record.replace(ATTRIBUTE, (all, key: string, equals: string, value: string) => {
      const quote = value[0] === '"' || value[0] === "'" ? (value[0] as string) : '';
      const raw = quote === '' ? value : value.slice(1, -1);
      const said = decoded(raw);
      const masked = maskField(this.#options, [...this.#open, name, local(key)], said);
      if (masked === said) return all;
      return `${key}${equals}${quote || '"'}${encoded(masked)}${quote || '"'}`;
    });
    if (!/\/\s*>$/.test(record) && !VOID.test(name) && this.#open.length < DEEPEST) this.#open.push(name);
    return shown;
  }

  #close(name: string): void {
    const at = this.#open.lastIndexOf(name);
    if (at >= 0) this.#open.length = at;
  }

  #text(record: string): string {
    if (record.trim() === '') return record;
    const said = decoded(record);
    const masked = maskField(this.#options, this.#open, said);
    return masked === said ? record : encoded(masked);
  }

  #cdata(record: string): string {
    const inside = record.slice(9, record.endsWith(']]>') ? -3 : undefined);
    const masked = maskField(this.#options, this.#open, inside);
    return masked === inside ? record : `<![CDATA[${masked.replaceAll(']]>', ']] >')}]]>`;
  }

  #said(record: string): string {
    return this.#options.leaf ? this.#options.leaf(record, undefined) : record;
  }
}

function after(text: string, end: string, from: number, rest: number): number {
  const at = text.indexOf(end, from);
  return at < 0 ? rest : at + end.length;
}

/** A tag ends with the first `>` outside quotes; a quote is one only in an attribute's place. */
function tagEnd(text: string, from: number, rest: number): number {
  let quote = '';
  for (let at = from + 1; at < text.length; at++) {
    const char = text[at] as string;
    if (quote !== '') {
      if (char === quote) quote = '';
    } else if ((char === '"' || char === "'") && /=\s*$/.test(text.slice(Math.max(from, at - 8), at)))
      quote = char;
    else if (char === '>') return at + 1;
  }
  return rest;
}

/** Rules name elements as people do, without the prefix of a namespace. */
function local(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function decoded(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(ENTITY, (all, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return NAMED[name.toLowerCase()] ?? all;
    const code = decimal === undefined ? Number.parseInt(hex as string, 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)
      ? String.fromCodePoint(code)
      : all;
  });
}

function encoded(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
