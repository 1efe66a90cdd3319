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

/**
 * How long characters are in encodings whose second bytes may look like ASCII: `pairs` = two bytes from 0x80 on; `sjis`
 * = the same, but half-width katakana are one byte; `gb18030` = two, or four when the second is a digit; `plain` = every
 * ASCII byte is an ASCII character. Source: src/common/wchar.c (pg_*_mblen).
 */
export type Characters = 'plain' | 'pairs' | 'sjis' | 'gb18030';

const EMBEDDING: Readonly<Record<string, Characters>> = {
  BIG5: 'pairs',
  WIN950: 'pairs',
  WINDOWS950: 'pairs',
  GBK: 'pairs',
  WIN936: 'pairs',
  WINDOWS936: 'pairs',
  UHC: 'pairs',
  WIN949: 'pairs',
  WINDOWS949: 'pairs',
  JOHAB: 'pairs',
  SJIS: 'sjis',
  SHIFTJIS: 'sjis',
  MSKANJI: 'sjis',
  WIN932: 'sjis',
  WINDOWS932: 'sjis',
  SHIFTJIS2004: 'sjis',
  SHIFT_JIS_2004: 'sjis',
  GB18030: 'gb18030',
};

/** How to find characters in bytes of an encoding, or undefined for one that is not known. */
export function charactersOf(name: string): Characters | undefined {
  const bare = name.toUpperCase().replace(/[^A-Z0-9]/g, '');
  const embedding = EMBEDDING[bare] ?? EMBEDDING[name.toUpperCase()];
  if (embedding) return embedding;
  return textEncoding(name) === 'unreadable' && !/^(EUC|MULE|ISO|ABC|ALT|VSCII|TCVN|KOI|WIN)/.test(bare)
    ? undefined
    : 'plain';
}

/** Bytes of the character at `at`, one for all that is no lead byte. */
export function characterLength(bytes: Buffer, at: number, characters: Characters): number {
  const byte = bytes[at] as number;
  if (byte < 0x80 || characters === 'plain') return 1;
  if (characters === 'sjis') return byte >= 0xa1 && byte <= 0xdf ? 1 : 2;
  if (characters === 'pairs') return 2;
  const second = bytes[at + 1] ?? 0;
  return second >= 0x30 && second <= 0x39 ? 4 : 2;
}
