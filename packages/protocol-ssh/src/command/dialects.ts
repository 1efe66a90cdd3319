/**
 * Places where shells of the Bourne family cut a line differently: text that is a string to one may be a command to
 * another, so a line that has one is not understood. Returns why, or null.
 *
 * bash reads `$'a\'b'` as one string, dash ends it at the second quote; fish does the reverse to `'a\'`. A carriage
 * return is white space to none of them, but a line end to a terminal.
 */
export function ambiguity(text: string): string | null {
  if (/\0/.test(text)) return 'it holds a NUL';
  if (text.includes('\r')) return 'it holds a carriage return';
  if (text.includes('\ufffd')) return 'it is not valid UTF-8';
  if (text.includes("\\'") && quoteAfterBackslash(text)) return 'shells end its quotes at different places';
  return null;
}

/** Whether a backslash stands before a single quote inside single quotes or `$'…'`. */
function quoteAfterBackslash(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const letter = text[i];
    if (letter === '\\') i += 1;
    else if (letter === '"') i = endOfDouble(text, i + 1);
    else if (letter === "'") {
      const end = text.indexOf("'", i + 1);
      if (end < 0) return true;
      if (text[end - 1] === '\\' && end - 1 > i) return true;
      i = end;
    }
  }
  return false;
}

function endOfDouble(text: string, from: number): number {
  let i = from;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i;
}

/**
 * What an interactive shell does to a line before it parses it: history expansion (bash manual 9.3) puts an earlier
 * line in place of `!…` and of `^old^new`.
 */
export function recallsHistory(line: string): boolean {
  if (/^\s*\^/.test(line)) return true;
  return /(?:^|[^\\])![^\s=(]/.test(line.replace(/'[^']*'/g, "''")) && /![^\s=(]/.test(line);
}
