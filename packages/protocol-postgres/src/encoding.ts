/**
 * Client encodings the proxy can read. In the multi-byte ones left out here a trailing byte may look like ASCII
 * (a quote, a backslash), so a text would parse differently here and in the target: such text counts as unparsed.
 * Source: PostgreSQL documentation, "Character Set Support".
 */
const SINGLE_BYTE = /^(LATIN\d+|WIN\d+|ISO_8859_\d|KOI8[RU]|SQL_ASCII|EUC_(JP|CN|KR|TW|JIS_2004))$/;

export type TextEncoding = 'utf8' | 'latin1' | 'unreadable';

/** How to read bytes of a session whose `client_encoding` is `name`. */
export function textEncoding(name: string): TextEncoding {
  const upper = name.toUpperCase().replaceAll('-', '');
  if (upper === 'UTF8' || upper === 'UNICODE') return 'utf8';
  // SQL_ASCII passes bytes through; reading them as UTF-8 keeps the usual case right and never changes the ASCII part.
  if (upper === 'SQL_ASCII') return 'utf8';
  return SINGLE_BYTE.test(upper) ? 'latin1' : 'unreadable';
}

/** Text of `bytes[start, end)`. */
export function decodeText(bytes: Buffer, start: number, end: number, encoding: TextEncoding): string {
  return encoding === 'utf8' ? bytes.toString('utf8', start, end) : bytes.toString('latin1', start, end);
}
