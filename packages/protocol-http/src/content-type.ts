import type { TextForm } from '@scrim/protocol-kit';

/** How a body is read. */
export type BodyKind =
  /** Text of one form, in an encoding whose `TextDecoder` label is given; undefined = it is UTF-8 already. */
  | { readonly kind: 'text'; readonly form: TextForm; readonly charset: string | undefined }
  /** A stream of server-sent events (HTML standard, section 9.2). */
  | { readonly kind: 'events' }
  | { readonly kind: 'multipart'; readonly boundary: string }
  /** No type is named: what it begins with decides. */
  | { readonly kind: 'unnamed' }
  /** Nothing can look into it. */
  | { readonly kind: 'opaque'; readonly why: string };

const JSON_TYPES: ReadonlySet<string> = new Set([
  'application/json',
  'text/json',
  'application/x-json',
  'application/ndjson',
  'application/x-ndjson',
  'application/jsonl',
  'application/x-jsonlines',
  'application/json-lines',
  'application/jsonlines',
  'application/json-seq',
  'application/stream+json',
]);

/** Text in types whose names do not begin with `text/`. */
const TEXT_TYPES: ReadonlySet<string> = new Set([
  'application/javascript',
  'application/ecmascript',
  'application/x-javascript',
  'application/typescript',
  'application/yaml',
  'application/x-yaml',
  'application/toml',
  'application/sql',
  'application/graphql',
  'application/x-sh',
  'application/x-pem-file',
  'application/pgp-keys',
  'application/jwt',
  'application/jose',
]);

const UTF8: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii', 'ascii']);

const kinds = new Map<string, BodyKind>();
const MOST_KINDS = 500;

/** Reads a Content-Type value (RFC 9110 section 8.3); undefined = the message has none. */
export function bodyKind(contentType: string | undefined): BodyKind {
  const text = contentType ?? '';
  let kind = kinds.get(text);
  if (!kind) {
    kind = classify(text);
    if (kinds.size >= MOST_KINDS) kinds.clear();
    kinds.set(text, kind);
  }
  return kind;
}

/** The media type without parameters, in lower case. */
export function mediaType(contentType: string): string {
  return (contentType.split(';', 1)[0] as string).trim().toLowerCase();
}

/** A parameter's value, or null when it is there twice: readers differ on which one counts. */
export function parameterOf(contentType: string, name: string): string | null | undefined {
  const pattern = /;\s*([!#$%&'*+\-.^_`|~\w]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"\s]*))/g;
  const found: string[] = [];
  for (const [, key, quoted, plain] of contentType.matchAll(pattern)) {
    if ((key as string).toLowerCase() === name) found.push(quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '');
  }
  return found.length > 1 ? null : found[0];
}

function classify(contentType: string): BodyKind {
  const type = mediaType(contentType);
  if (type === '') return { kind: 'unnamed' };
  if (contentType.includes(',')) return { kind: 'opaque', why: 'several content types' };
  if (type.startsWith('multipart/')) {
    const boundary = parameterOf(contentType, 'boundary');
    return boundary
      ? { kind: 'multipart', boundary }
      : { kind: 'opaque', why: 'multipart without a boundary' };
  }
  if (type === 'text/event-stream') return { kind: 'events' };
  const form = formOf(type);
  if (!form) return { kind: 'opaque', why: type };
  const charset = parameterOf(contentType, 'charset');
  if (charset === null) return { kind: 'opaque', why: `${type} in two charsets` };
  const label = charset?.trim().toLowerCase();
  if (label === undefined || label === '' || UTF8.has(label))
    return { kind: 'text', form, charset: undefined };
  return isDecodable(label)
    ? { kind: 'text', form, charset: label }
    : { kind: 'opaque', why: `charset ${label}` };
}

function formOf(type: string): TextForm | undefined {
  if (JSON_TYPES.has(type) || type.endsWith('+json')) return 'json';
  if (type === 'application/x-www-form-urlencoded') return 'form';
  if (type === 'text/csv' || type === 'text/tab-separated-values' || type === 'application/csv') return 'csv';
  if (type === 'text/xml' || type === 'application/xml' || type.endsWith('+xml') || type === 'text/html')
    return 'xml';
  if (type.startsWith('text/') || TEXT_TYPES.has(type)) return 'text';
  return undefined;
}

function isDecodable(label: string): boolean {
  try {
    // `replacement` is what the encodings that once hid scripts decode to; it shows nothing of the text.
    return new TextDecoder(label).encoding !== 'replacement';
  } catch {
    return false;
  }
}
