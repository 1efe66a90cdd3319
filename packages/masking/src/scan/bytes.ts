/**
 * Byte classes. A class is a 256-entry table, so that a scanner asks "is this byte one of mine?" with one load
 * and nothing is decoded before something has been found.
 */
export type ByteClass = Uint8Array;

const classes = new Map<string, ByteClass>();

/**
 * The class written like the inside of a regex bracket: ranges (`a-z`), `\w`, `\d`, `\s`, escaped or plain ASCII
 * characters, a leading `^` to negate. Bytes of multi-byte UTF-8 characters are in a class only when it is negated.
 */
export function byteClass(source: string): ByteClass {
  const known = classes.get(source);
  if (known) return known;
  const table = new Uint8Array(256);
  const negated = source.startsWith('^');
  const chars = expand(negated ? source.slice(1) : source);
  for (const code of chars) table[code] = 1;
  if (negated) for (let i = 0; i < 256; i += 1) table[i] = table[i] === 1 ? 0 : 1;
  classes.set(source, table);
  return table;
}

const SHORTHANDS: Readonly<Record<string, string>> = {
  w: 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_',
  d: '0123456789',
  s: ' \t\r\n\f\v',
  n: '\n',
  r: '\r',
  t: '\t',
};

function expand(body: string): number[] {
  const out: number[] = [];
  for (let i = 0; i < body.length; i += 1) {
    const char = body[i] as string;
    if (char === '\\') {
      i += 1;
      const escaped = body[i] as string;
      for (const c of SHORTHANDS[escaped] ?? escaped) out.push(c.charCodeAt(0));
    } else if (body[i + 1] === '-' && i + 2 < body.length) {
      for (let c = char.charCodeAt(0); c <= body.charCodeAt(i + 2); c += 1) out.push(c);
      i += 2;
    } else {
      out.push(char.charCodeAt(0));
    }
  }
  return out;
}

export const DIGIT = byteClass('0-9');
export const UPPER = byteClass('A-Z');
export const LOWER_LETTER = byteClass('a-z');
export const LETTER = byteClass('A-Za-z');
export const ALNUM = byteClass('A-Za-z0-9');
export const WORD = byteClass('\\w');
export const HEX = byteClass('0-9a-fA-F');
export const BASE64 = byteClass('A-Za-z0-9+/');
export const BASE64URL = byteClass('\\w-');
export const BLANK = byteClass(' \\t');
export const SPACE = byteClass('\\s');
export const QUOTE = byteClass('"\'`');
/** Characters of an identifier as written in code, env files, YAML, headers and dotted paths. */
export const KEY_CHAR = byteClass('\\w.-');

export const code = (char: string): number => char.charCodeAt(0);

/** The bytes of an ASCII literal. */
export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

/** Lower case for ASCII letters, every other byte unchanged. */
export const fold = (byte: number): number => (byte >= 65 && byte <= 90 ? byte | 32 : byte);
