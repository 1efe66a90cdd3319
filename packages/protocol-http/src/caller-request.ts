import { isIP } from 'node:net';
import { CREDENTIAL_HEADERS, countOf, headerOf, METHOD_OVERRIDES, type RawHeaders } from './headers.ts';
import { PathFault, parseTarget, type ReadPath, readPath } from './path.ts';

/** A request as the door reads it: whom it is for, who proves itself with what, and what is asked. */
export interface CallerRequest {
  readonly method: string;
  /** The connection's name; undefined = none is named. */
  readonly connection: string | undefined;
  /** What the caller's URLs begin with in front of the target's own paths: `/c/<connection>`, or empty. */
  readonly prefix: string;
  readonly token: string | undefined;
  readonly path: ReadPath;
  /** With the token taken out; with its question mark, or empty. */
  readonly query: string;
}

const PREFIX = /^\/c\/([^/]+)/;
const METHOD = /^[A-Z][A-Z-]{0,31}$/;

/**
 * Reads what the door must know. `own` is the connection the listener serves alone, where it does.
 * Throws PathFault for what no honest client sends; it quotes nothing of it.
 */
export function readRequest(
  method: string,
  target: string,
  headers: RawHeaders,
  own?: string,
): CallerRequest {
  if (!METHOD.test(method)) throw new PathFault('the method is no word in capital letters');
  const { path, query } = parseTarget(target);
  const named = own === undefined ? connectionIn(path, headers) : { connection: own, prefix: '' };
  const given = tokenIn(headers);
  const read = readPath(path.slice(named.prefix.length) || '/');
  const { token, rest } =
    given === undefined ? tokenInQuery(query) : { token: given, rest: withoutToken(query, given) };
  return { method, ...named, token, path: read, query: rest };
}

function connectionIn(path: string, headers: RawHeaders): { connection: string | undefined; prefix: string } {
  const match = PREFIX.exec(path);
  if (match) return { connection: match[1] as string, prefix: match[0] };
  const host = (headerOf(headers, ':authority') ?? headerOf(headers, 'host') ?? '').replace(/:\d+$/, '');
  const dot = host.indexOf('.');
  if (dot <= 0 || isIP(host) !== 0) return { connection: undefined, prefix: '' };
  return { connection: host.slice(0, dot).toLowerCase(), prefix: '' };
}

function tokenIn(headers: RawHeaders): string | undefined {
  for (const name of CREDENTIAL_HEADERS) {
    const value = headerOf(headers, name)?.trim();
    if (!value) continue;
    if (name !== 'authorization') return value;
    const [scheme = '', rest = ''] = value.split(/ +/, 2);
    if (/^bearer$/i.test(scheme)) return rest;
    // git and curl -u know nothing but Basic: the password is the token.
    if (/^basic$/i.test(scheme))
      return Buffer.from(rest, 'base64').toString('utf8').split(':').slice(1).join(':');
  }
  return undefined;
}

/** The Gemini SDKs of some languages, and curl examples, write the key into the URL. */
function tokenInQuery(query: string): { token: string | undefined; rest: string } {
  let token: string | undefined;
  const kept = parametersOf(query).filter((parameter) => {
    if (!parameter.startsWith('key=')) return true;
    token ??= decodeValue(parameter.slice(4));
    return false;
  });
  return { token, rest: kept.length > 0 ? `?${kept.join('&')}` : '' };
}

function withoutToken(query: string, token: string): string {
  if (query === '') return query;
  const all = parametersOf(query);
  const kept = all.filter((it) => !decodeValue(it.slice(it.indexOf('=') + 1)).includes(token));
  return kept.length === all.length ? query : kept.length > 0 ? `?${kept.join('&')}` : '';
}

function parametersOf(query: string): string[] {
  return query === '' ? [] : query.slice(1).split('&');
}

function decodeValue(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/** Why the message's own framing or tricks make it one that two servers could read in two ways; undefined = none. */
export function framingFault(headers: RawHeaders): string | undefined {
  const lengths = countOf(headers, 'content-length');
  if (lengths > 1) return 'two content-length headers';
  if (lengths > 0 && countOf(headers, 'transfer-encoding') > 0)
    return 'content-length beside transfer-encoding';
  const coding = headerOf(headers, 'transfer-encoding');
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked')
    return 'a transfer coding other than chunked';
  if (countOf(headers, 'host') > 1) return 'two host headers';
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    // All of them begin with an x, 120 in either case once folded.
    if ((name.charCodeAt(0) | 0x20) === 0x78 && METHOD_OVERRIDES.has(name.toLowerCase()))
      return 'a method in a header';
  }
  return undefined;
}
