const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Bytes as text. A byte order mark stays in the text, so that reading it as JSON fails as it should.
 * @throws TypeError when the bytes are not UTF-8: what is read otherwise could not be written back.
 */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/**
 * A string's UTF-8. Half a surrogate pair, which a JSON escape can cut off at the end of a delta, is kept as its own
 * three bytes, so that both halves meet again in what the caller puts together.
 */
export function bytesOf(text: string): Buffer {
  if (wellFormed(text)) return Buffer.from(text);
  const parts: Buffer[] = [];
  for (const char of text) {
    const code = char.codePointAt(0) as number;
    const half = code >= 0xd800 && code <= 0xdfff;
    parts.push(
      half ? Buffer.from([0xed, 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)]) : Buffer.from(char),
    );
  }
  return Buffer.concat(parts);
}

/** The text of {@link bytesOf}'s bytes. */
export function textOfHalves(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let out = '';
  let from = 0;
  for (let at = buffer.indexOf(0xed); at !== -1; at = buffer.indexOf(0xed, at + 1)) {
    const second = buffer[at + 1] ?? 0;
    const third = buffer[at + 2] ?? 0;
    if (second < 0xa0 || second > 0xbf || third < 0x80 || third > 0xbf) continue;
    out += buffer.toString('utf8', from, at);
    out += String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | (third & 0x3f));
    from = at + 3;
  }
  return from === 0 ? buffer.toString('utf8') : out + buffer.toString('utf8', from);
}

const HALF = /[\ud800-\udfff]/;

function wellFormed(text: string): boolean {
  return !HALF.test(text) || Buffer.from(text).toString('utf8') === text;
}

/** What must be written behind a JSON text that was cut off so that it can be read; undefined when nothing helps. */
export function completionOf(text: string): string | undefined {
  const open: string[] = [];
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (inString) {
      if (char === '\\') at++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{') open.push('}');
    else if (char === '[') open.push(']');
    else if (char === '}' || char === ']') open.pop();
  }
  const closing = open.reverse().join('');
  for (const middle of inString ? STRING_ENDS : VALUE_ENDS) {
    if (readable(text + middle + closing)) return middle + closing;
  }
  return undefined;
}

/** What may be missing inside a string: its end, the rest of an escape, and a value when the string was a key. */
const STRING_ENDS = ['"', '\\"', '0"', '00"', '000"', '0000"'].flatMap((end) => [end, `${end}:0`]);
/** What may be missing elsewhere: a value, the rest of a literal or number, another key. */
const VALUE_ENDS = ['', ':0', '0', '"":0', 'rue', 'ue', 'e', 'alse', 'lse', 'se', 'ull', 'll', 'l'];

function readable(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
