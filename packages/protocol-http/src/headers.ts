import type { FieldEntry } from '@scrim/protocol-kit';

/** Headers as they stood on the wire: name, value, name, value, in order, names as written. */
export type RawHeaders = readonly string[];

/** For one connection only (RFC 9110 section 7.6.1), and what is made anew on each side. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Where callers put their token. Never forwarded, whatever they hold. */
export const CREDENTIAL_HEADERS = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'] as const;

/** Of the caller's headers, what the target never gets. */
const DROPPED_FROM_CALLER: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  ...CREDENTIAL_HEADERS,
  'host',
  'content-length',
  'expect',
  'accept-encoding',
  // Two slices of a body rebuild what the whole would have shown masked.
  'range',
  'if-range',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
  // Who called is the edge's to say, and some servers route by these instead of by the path that was judged.
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-real-ip',
  'x-original-url',
  'x-rewrite-url',
  'x-original-method',
]);

/** Of the target's headers, what the caller never gets: true of other bytes than those it is sent. */
const DROPPED_FROM_TARGET: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'content-length',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
  'accept-ranges',
  'content-range',
  'alt-svc',
  'public-key-pins',
]);

/** Methods hidden in a header would be judged as what they are not. */
export const METHOD_OVERRIDES: ReadonlySet<string> = new Set([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
]);

const ETAG_MARK = 'scrim-';
const ETAG_CONDITIONS: ReadonlySet<string> = new Set(['if-none-match', 'if-match']);

/** The length first: it is told at once, and most names differ in it. */
function isNamed(written: string, name: string): boolean {
  return written.length === name.length && written.toLowerCase() === name;
}

/** Headers named by Connection are for one hop as well; undefined = none is. */
function listedIn(headers: RawHeaders): ReadonlySet<string> | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (!isNamed(headers[i] as string, 'connection')) continue;
    const names = (headers[i + 1] as string).split(',').map((it) => it.trim().toLowerCase());
    const others = names.filter((it) => it !== 'close' && it !== 'keep-alive' && it !== '');
    if (others.length > 0) return new Set(others);
  }
  return undefined;
}

/** The value of the first header of that name; undefined = there is none. */
export function headerOf(headers: RawHeaders, name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (isNamed(headers[i] as string, name)) return headers[i + 1];
  }
  return undefined;
}

/** How many headers have that name. */
export function countOf(headers: RawHeaders, name: string): number {
  let count = 0;
  for (let i = 0; i < headers.length; i += 2) if (isNamed(headers[i] as string, name)) count++;
  return count;
}

/** By name in lower case, repeated ones joined. */
export function headerMap(headers: RawHeaders): Record<string, string> {
  const map: Record<string, string> = Object.create(null);
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    const value = headers[i + 1] as string;
    map[name] = map[name] === undefined ? value : `${map[name]}, ${value}`;
  }
  return map;
}

/** What the target is sent of the caller's headers; values with the caller's token in them are left out. */
export function towardsTarget(headers: RawHeaders, token: string, keepsCoding: boolean): string[] {
  const out: string[] = [];
  const listed = listedIn(headers);
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    const value = headers[i + 1] as string;
    if (DROPPED_FROM_CALLER.has(name) || listed?.has(name) || name.startsWith(':')) continue;
    if (!keepsCoding && name === 'content-encoding') continue;
    if (token.length >= 8 && value.includes(token)) continue;
    out.push(name, ETAG_CONDITIONS.has(name) ? originalTags(value) : value);
  }
  return out;
}

/** The validators of a masked body are of another kind than the target's (RFC 9110 section 8.8.3): weak, and marked. */
function markedTag(value: string): string {
  const weak = value.startsWith('W/');
  const quoted = weak ? value.slice(2) : value;
  if (!/^"[^"]*"$/.test(quoted)) return '';
  return `W/"${ETAG_MARK}${weak ? 'w-' : 's-'}${quoted.slice(1)}`;
}

function originalTags(value: string): string {
  return value.replace(/W\/"scrim-([ws])-([^"]*)"/g, (_all, kind: string, tag: string) =>
    kind === 'w' ? `W/"${tag}"` : `"${tag}"`,
  );
}

/** How the target's addresses look from the caller's side. */
export interface Addresses {
  /** `https://api.example.com`. */
  readonly origin: string;
  /** Path the target's URL begins with, without a final slash. */
  readonly base: string;
  /** Path the caller's URLs begin with, without a final slash: `/c/shop`, or empty. */
  readonly prefix: string;
}

/** A URL of the target as the caller has to write it; any other as it is. */
export function callerAddress(url: string, { origin, base, prefix }: Addresses): string {
  let path = url;
  if (/^[a-z][a-z0-9+.-]*:/i.test(url) || url.startsWith('//')) {
    try {
      const parsed = new URL(url, origin);
      if (parsed.origin !== new URL(origin).origin) return url;
      path = parsed.pathname + parsed.search + parsed.hash;
    } catch {
      return url;
    }
  }
  if (!path.startsWith('/')) return url;
  return underPrefix(path, base, prefix);
}

function underPrefix(path: string, base: string, prefix: string): string {
  const inside = base === '' || path === base || path.startsWith(`${base}/`) || path.startsWith(`${base}?`);
  const rest = inside ? path.slice(base.length) : path;
  return prefix + (rest.startsWith('/') || rest === '' ? rest || '/' : `/${rest}`);
}

/** A cookie as the caller's client must keep it: for the edge's host and the connection's part of it alone. */
export function callerCookie(value: string, { base, prefix }: Addresses): string {
  const [pair = '', ...attributes] = value.split(';');
  const kept: string[] = [];
  for (const attribute of attributes) {
    const [name = '', path = ''] = attribute.split('=', 2);
    const key = name.trim().toLowerCase();
    if (key === 'domain') continue;
    if (key === 'path') kept.push(` Path=${underPrefix(path.trim() || '/', base, prefix)}`);
    else kept.push(attribute);
  }
  return [pair, ...kept].join(';');
}

/** One header on its way to the caller, and the entries of it that rules are asked about. */
export interface AnswerHead {
  readonly status: number;
  readonly reason: string;
  /** Names in lower case, values as the caller shall see them before masking. */
  readonly headers: string[];
}

/** The target's headers as the caller may see them. */
export function towardsCaller(headers: RawHeaders, addresses: Addresses, changesBody: boolean): string[] {
  const out: string[] = [];
  const listed = listedIn(headers);
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    if (DROPPED_FROM_TARGET.has(name) || listed?.has(name) || name.startsWith(':')) continue;
    const value = headers[i + 1] as string;
    switch (name) {
      case 'content-encoding':
        if (!changesBody) out.push(name, value);
        break;
      case 'etag': {
        const tag = changesBody ? markedTag(value) : value;
        if (tag !== '') out.push(name, tag);
        break;
      }
      case 'location':
      case 'content-location':
        out.push(name, callerAddress(value, addresses));
        break;
      case 'link':
        out.push(
          name,
          value.replace(/<([^>]*)>/g, (_all, url: string) => `<${callerAddress(url, addresses)}>`),
        );
        break;
      case 'refresh':
        out.push(
          name,
          value.replace(
            /(url=)(.*)$/i,
            (_all, url: string, to: string) => url + callerAddress(to, addresses),
          ),
        );
        break;
      case 'set-cookie':
        out.push(name, callerCookie(value, addresses));
        break;
      default:
        out.push(name, value);
    }
  }
  return out;
}

/** Values that are numbers, dates or lists of words by their definition are not worth a detector's look. */
const DULL: ReadonlySet<string> = new Set([
  'date',
  'age',
  'vary',
  'cache-control',
  'expires',
  'last-modified',
  'content-type',
  'content-encoding',
  'connection',
  'strict-transport-security',
]);
const DULL_VALUE = /^[\w\-=.,:;/+*"' ]{0,60}$/;

/** What rules are asked about: each header by name, and each cookie also as `cookie.<name>`. */
export class HeadEntries {
  readonly entries: FieldEntry[] = [];
  /** For each entry: where its header's value stands. */
  readonly #places: number[] = [];
  readonly #headers: string[];

  constructor(headers: string[]) {
    this.#headers = headers;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string;
      const value = headers[i + 1] as string;
      if (DULL.has(name) && DULL_VALUE.test(value) && !/\d{9}/.test(value)) continue;
      if (name === 'set-cookie') this.#add(`cookie.${cookieName(value)}`, cookieValue(value), i + 1);
      this.#add(name, value, i + 1);
    }
  }

  /** The headers around other values, given in the order of `entries`. */
  with(values: readonly string[]): string[] {
    const out = [...this.#headers];
    for (const [index, value] of values.entries()) {
      const entry = this.entries[index] as FieldEntry;
      if (value === entry.value) continue;
      const place = this.#places[index] as number;
      const shown = headerSafe(value);
      if (!entry.name.startsWith('cookie.')) out[place] = shown;
      else out[place] = withCookieValue(out[place] as string, shown.replace(/[;,\s"\\]/g, ''));
    }
    return out;
  }

  #add(name: string, value: string, place: number): void {
    this.entries.push({ name, value, quotesData: false });
    this.#places.push(place);
  }
}

function cookieName(cookie: string): string {
  return (cookie.split(/[=;]/, 1)[0] as string).trim();
}

function cookieValue(cookie: string): string {
  const pair = cookie.split(';', 1)[0] as string;
  const equals = pair.indexOf('=');
  return equals < 0 ? '' : pair.slice(equals + 1).trim();
}

function withCookieValue(cookie: string, value: string): string {
  const end = cookie.indexOf(';');
  return `${cookieName(cookie)}=${value}${end < 0 ? '' : cookie.slice(end)}`;
}

/** A mask may hold any letter; a header's value is visible ASCII (RFC 9110 section 5.5). */
function headerSafe(value: string): string {
  return value.replace(/[^\x20-\x7e\t]/g, '?');
}
