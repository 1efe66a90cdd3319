/** A text that is not JSON (RFC 8259), or nested too deep. It quotes none of the text. */
export class JsonShapeError extends Error {
  /** UTF-16 code units before the place where it stopped being JSON. */
  readonly offset: number;

  constructor(problem: string, offset: number) {
    super(`not JSON at offset ${offset}: ${problem}`);
    this.name = 'JsonShapeError';
    this.offset = offset;
  }
}

const QUOTE = 34;
const BACKSLASH = 92;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPES = '"\\/bfnrt';

/** Offset of the first character at or after `at` that is no JSON white space. */
export function skipSpace(text: string, at: number): number {
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return at;
    at++;
  }
}

/** Offset after the string whose opening quote is at `start`. @throws JsonShapeError. */
export function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code === BACKSLASH) at = endOfEscape(text, at + 1);
    else if (code < 32) throw new JsonShapeError('control character in a string', at);
  }
  throw new JsonShapeError('string without an end', text.length);
}

/** Offset of the last character of the escape whose letter is at `at`. */
function endOfEscape(text: string, at: number): number {
  const letter = text.charAt(at);
  if (letter === 'u' && /^[0-9a-fA-F]{4}$/.test(text.slice(at + 1, at + 5))) return at + 4;
  if (letter === '' || !ESCAPES.includes(letter)) throw new JsonShapeError('unknown escape', at);
  return at;
}

/** The text a string literal between the offsets means. */
export function decodeString(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end - 1);
  return inner.includes('\\') ? (JSON.parse(`"${inner}"`) as string) : inner;
}

/** Offset after the number, true, false or null at `start`. @throws JsonShapeError. */
export function endOfScalar(text: string, start: number): number {
  for (const word of ['true', 'false', 'null']) {
    if (text.startsWith(word, start)) return start + word.length;
  }
  NUMBER.lastIndex = start;
  if (!NUMBER.test(text)) throw new JsonShapeError('no value where one is due', start);
  return NUMBER.lastIndex;
}

/** Whether a whole text is one JSON number. */
export function isJsonNumber(text: string): boolean {
  NUMBER.lastIndex = 0;
  return NUMBER.test(text) && NUMBER.lastIndex === text.length;
}
