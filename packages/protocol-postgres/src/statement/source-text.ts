/**
 * Walking SQL text by tokens without parsing it, to cut out the text of an inner statement: the tree has no end
 * positions. It is only ever used on text the real parser has accepted, with standard_conforming_strings on.
 */

const SPACE = /\s/;
const WORD_START = /[A-Za-z_\u0080-\uffff]/;
const WORD = /[A-Za-z0-9_$\u0080-\uffff]/;

/** Index after the token that starts at `at`: a run of spaces, a comment, a string, a quoted name, a word or one sign. */
export function tokenEnd(sql: string, at: number): number {
  const sign = sql[at] ?? '';
  if (sign === '-' && sql[at + 1] === '-') return lineEnd(sql, at);
  if (sign === '/' && sql[at + 1] === '*') return commentEnd(sql, at);
  if (sign === "'") return quotedEnd(sql, at + 1, "'", false);
  if (sign === '"') return quotedEnd(sql, at + 1, '"', false);
  if ((sign === 'E' || sign === 'e') && sql[at + 1] === "'") return quotedEnd(sql, at + 2, "'", true);
  if (sign === '$') return dollarEnd(sql, at);
  if (WORD_START.test(sign)) return runEnd(sql, at, WORD);
  if (SPACE.test(sign)) return runEnd(sql, at, SPACE);
  return at + 1;
}

function lineEnd(sql: string, at: number): number {
  const match = /[\n\r]/.exec(sql.slice(at));
  return match ? at + match.index + 1 : sql.length;
}

function commentEnd(sql: string, at: number): number {
  let depth = 0;
  for (let i = at; i < sql.length; i++) {
    if (sql[i] === '/' && sql[i + 1] === '*') {
      depth++;
      i++;
    } else if (sql[i] === '*' && sql[i + 1] === '/') {
      depth--;
      i++;
      if (depth === 0) return i + 1;
    }
  }
  return sql.length;
}

function quotedEnd(sql: string, from: number, quote: string, backslashes: boolean): number {
  for (let i = from; i < sql.length; i++) {
    if (backslashes && sql[i] === '\\') i++;
    else if (sql[i] === quote) {
      if (sql[i + 1] !== quote) return i + 1;
      i++;
    }
  }
  return sql.length;
}

function dollarEnd(sql: string, at: number): number {
  const tag = /^\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/.exec(sql.slice(at, at + 130))?.[0];
  if (tag === undefined) return at + 1;
  const end = sql.indexOf(tag, at + tag.length);
  return end < 0 ? sql.length : end + tag.length;
}

function runEnd(sql: string, at: number, set: RegExp): number {
  let i = at + 1;
  while (i < sql.length && set.test(sql[i] ?? '')) i++;
  return i;
}

/** Text between the first parenthesis at depth 0 and its partner: the query of `COPY (query) TO`. */
export function firstParenthesised(sql: string): string | undefined {
  let depth = 0;
  let start = -1;
  for (let at = 0; at < sql.length; ) {
    const end = tokenEnd(sql, at);
    if (end === at + 1 && sql[at] === '(') {
      if (depth === 0) start = end;
      depth++;
    } else if (end === at + 1 && sql[at] === ')') {
      depth--;
      if (depth === 0) return sql.slice(start, at).trim();
    }
    at = end;
  }
  return undefined;
}

/** Text after the first bare word `word` outside parentheses: the statement of `PREPARE name (types) AS statement`. */
export function afterWord(sql: string, word: string): string | undefined {
  let depth = 0;
  for (let at = 0; at < sql.length; ) {
    const end = tokenEnd(sql, at);
    const token = sql.slice(at, end);
    if (token === '(') depth++;
    else if (token === ')') depth--;
    else if (depth === 0 && token.toLowerCase() === word) return sql.slice(end).trim();
    at = end;
  }
  return undefined;
}

/**
 * Splits a PL/pgSQL assignment `target := value` (also `=`), with subscripts of the target kept on its side.
 * Undefined when there is no assignment sign.
 */
export function splitAssignment(code: string): { target: string; value: string } | undefined {
  let depth = 0;
  for (let at = 0; at < code.length; ) {
    const end = tokenEnd(code, at);
    const token = code.slice(at, end);
    if (token === '[' || token === '(') depth++;
    else if (token === ']' || token === ')') depth--;
    else if (depth === 0 && token === ':' && code[end] === '=') {
      return { target: code.slice(0, at), value: code.slice(end + 1) };
    } else if (depth === 0 && token === '=') return { target: code.slice(0, at), value: code.slice(end) };
    at = end;
  }
  return undefined;
}
