/** A request target a caller may send, taken apart; the parts are still written as the caller wrote them. */
export interface RequestTarget {
  readonly path: string;
  /** With its question mark; empty when there is none. */
  readonly query: string;
}

/** What a guard judges and what the target is sent. */
export interface ReadPath {
  /** Dot segments resolved, else as written: what goes to the target. */
  readonly sent: string;
  /** Decoded, slashes merged. */
  readonly read: string;
  /** Other ways a server may read it. */
  readonly others: readonly string[];
}

/** Characters that mean themselves in every server's reading, so that the path has one reading (RFC 3986 section 3.3). */
const PLAIN = /^[A-Za-z0-9\-._~!$&'()*+,=:@/]*$/;
const DOT_SEGMENT = /(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i;
const ESCAPE = /%[0-9A-Fa-f]{2}/;
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what they hide behind is the point
const UNSAFE = /[\x00-\x20\x7f"<>\\^`{|}#]|[^\x00-\x7f]/;
/** Decodings deeper than this are refused instead of followed. */
const MAX_DECODINGS = 3;

/** A path or query a caller may not send: says why, quoting none of it. */
export class PathFault extends Error {}

/** Splits an origin-form or absolute-form target (RFC 9112 section 3.2). Throws PathFault on any other. */
export function parseTarget(target: string): RequestTarget {
  let rest = target;
  if (!rest.startsWith('/')) {
    const match = /^https?:\/\/[^/?#]*/i.exec(rest);
    if (!match) throw new PathFault('the request target is no path');
    rest = rest.slice(match[0].length);
    if (!rest.startsWith('/')) rest = `/${rest}`;
  }
  if (UNSAFE.test(rest)) throw new PathFault('the request target has characters no URL has');
  const mark = rest.indexOf('?');
  return mark < 0 ? { path: rest, query: '' } : { path: rest.slice(0, mark), query: rest.slice(mark) };
}

/**
 * Reads a path the way servers do. Where they differ (encoded slashes, `;` parameters, double encoding, a final slash),
 * each reading is given, because a guard that judges one and a server that acts on another is a way around the guard.
 * Throws PathFault for what no honest client sends.
 */
export function readPath(path: string): ReadPath {
  const sent = DOT_SEGMENT.test(path) ? resolveDots(path) : path;
  if (PLAIN.test(sent) && !sent.includes('//')) {
    const bare = withoutFinalSlash(sent);
    return { sent, read: sent, others: bare === sent ? NONE : [bare] };
  }
  if (BAD_ESCAPE.test(sent)) throw new PathFault('the path has a broken percent escape');
  const readings = new Set<string>();
  const add = (text: string): void => {
    for (const one of [text, text.replace(/;[^/]*/g, '')]) {
      const merged = mergeSlashes(one);
      readings.add(merged);
      readings.add(withoutFinalSlash(merged));
      readings.add(withoutFinalSlash(mergeSlashes(resolveDots(one))));
    }
  };
  add(sent);
  add(decode(sent.replace(/%(2f|5c)/gi, '%25$1')));
  let decoded = sent;
  for (let round = 0; ESCAPE.test(decoded); round++) {
    if (round === MAX_DECODINGS) throw new PathFault('the path is encoded too often');
    decoded = decode(decoded).replaceAll('\\', '/');
    // A way up hidden in an escape would leave the connection's base at servers that decode before they resolve.
    if (DOT_SEGMENT.test(decoded)) throw new PathFault('the path hides dot segments in escapes');
    if (decoded.includes('\0')) throw new PathFault('the path has an encoded NUL');
    add(decoded);
  }
  const read = mergeSlashes(BAD_ESCAPE.test(sent) ? sent : decode(sent));
  readings.delete(read);
  return { sent, read, others: [...readings] };
}

const NONE: readonly string[] = [];

function mergeSlashes(path: string): string {
  return path.includes('//') ? path.replace(/\/{2,}/g, '/') : path;
}

function withoutFinalSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function decode(text: string): string {
  if (BAD_ESCAPE.test(text)) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    // Bytes that are no UTF-8: servers of another encoding read a letter each.
    return text.replace(/%([0-9A-Fa-f]{2})/g, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  }
}

/** RFC 3986 section 5.2.4, also for dots written as escapes; never above the root. */
function resolveDots(path: string): string {
  const out: string[] = [];
  const segments = path.split('/').slice(1);
  for (const [index, segment] of segments.entries()) {
    const plain = segment.replace(/%2e/gi, '.');
    const last = index === segments.length - 1;
    if (plain === '..') out.pop();
    if (plain === '.' || plain === '..') {
      if (last) out.push('');
    } else out.push(segment);
  }
  return `/${out.join('/')}`;
}
