import { format } from 'node:util';
import { RefusalError, Secret } from '@scrim/model';
import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/**
 * Names that hold a secret wherever they stand in a logged object, compared in lower case without `-` and `_`. What is
 * not named here is still safe when it is a {@link Secret}: that type prints as `[secret]` by itself.
 */
const SECRET_NAMES = new Set([
  'accesstoken',
  'apikey',
  'authorization',
  'clientsecret',
  'cookie',
  'credential',
  'credentials',
  'databaseurl',
  'idtoken',
  'jointoken',
  'masterkey',
  'maskingkey',
  'passphrase',
  'password',
  'plaintext',
  'privatekey',
  'proxyauthorization',
  'redisurl',
  'refreshtoken',
  'secret',
  'setcookie',
  'token',
  'xapikey',
  'xgoogapikey',
]);
const REDACTED = '[redacted]';
/** Deeper objects are cut: a log line is bounded, and so is the walk over what is logged. */
const MAX_DEPTH = 8;
const MAX_ENTRIES = 200;
const MAX_OBJECTS = 1_000;
const MAX_TEXT = 8_192;

/** Text that carries a secret in its form: `scheme://user:password@host`, our own keys and tokens, bearer headers. */
const SECRET_TEXTS: readonly [RegExp, string][] = [
  [/([a-z][a-z0-9+.-]{0,31}:\/\/[^\s:/@]{0,256}):[^\s@]{1,1024}@/gi, `$1:${REDACTED}@`],
  [/\bscrim_(ak|jt)_[0-9a-f]{4,64}_[A-Za-z0-9_-]+/g, `scrim_$1_${REDACTED}`],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+/g, REDACTED],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${REDACTED}`],
];

function cleanText(text: string): string {
  let clean = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  for (const [pattern, replacement] of SECRET_TEXTS) clean = clean.replace(pattern, replacement);
  return clean;
}

function isSecretName(name: string): boolean {
  return SECRET_NAMES.has(name.toLowerCase().replaceAll(/[-_]/g, ''));
}

/** One walk over one logged value: what is being walked (cycles) and how much may still be (size). */
interface Walk {
  readonly within: Set<object>;
  left: number;
}

function cleanError(error: Error, depth: number, walk: Walk): Record<string, unknown> {
  const clean: Record<string, unknown> = { type: error.name, message: cleanText(error.message) };
  if (error.stack !== undefined) clean.stack = cleanText(error.stack);
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string' || typeof code === 'number') clean.code = code;
  if (error instanceof RefusalError) clean.refusal = cleanPart(error.refusal, depth + 1, walk);
  if (error.cause !== undefined) clean.cause = cleanPart(error.cause, depth + 1, walk);
  // An error's other own properties are left out: drivers hang whole connection configurations on them.
  return clean;
}

function cleanObject(value: object, depth: number, walk: Walk): unknown {
  if (Array.isArray(value))
    return value.slice(0, MAX_ENTRIES).map((entry) => cleanPart(entry, depth + 1, walk));
  if (value instanceof Map) return cleanObject(Object.fromEntries(value), depth, walk);
  if (value instanceof Set) return cleanObject([...value], depth, walk);
  const entries = Object.entries(value).slice(0, MAX_ENTRIES);
  // fromEntries defines properties: a key named __proto__ sets nothing.
  return Object.fromEntries(
    entries.map(([name, entry]) => {
      const secret = isSecretName(name) && entry !== undefined;
      return [cleanText(name), secret ? REDACTED : cleanPart(entry, depth + 1, walk)];
    }),
  );
}

function cleanPart(value: unknown, depth: number, walk: Walk): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value === 'number' || typeof value === 'boolean' || value === undefined)
    return value;
  if (typeof value !== 'object') return `[${typeof value}]`;
  if (value instanceof Secret) return value.toJSON();
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  walk.left -= 1;
  if (depth >= MAX_DEPTH || walk.left < 0 || walk.within.has(value)) return '[cut]';
  walk.within.add(value);
  try {
    return value instanceof Error ? cleanError(value, depth, walk) : cleanObject(value, depth, walk);
  } catch {
    // A getter or proxy of the logged object threw: the line goes out without it.
    return '[unprintable]';
  } finally {
    walk.within.delete(value);
  }
}

/**
 * A printable copy of any value: secrets by type, by name and by form are replaced; functions, symbols and bytes become
 * a short description; cycles, great depth and great size are cut. Never throws.
 */
export function cleanValue(value: unknown): unknown {
  return cleanPart(value, 0, { within: new Set(), left: MAX_OBJECTS });
}

/** The object and the message of one call of a log method, both safe to print. */
function cleanCall(args: readonly unknown[]): readonly [object, string?] {
  const [first, ...rest] = args;
  if (typeof first !== 'object' || first === null || first instanceof Secret)
    return [{}, cleanText(format(...args.map(cleanValue)))];
  const entry = first instanceof Error ? { err: cleanValue(first) } : (cleanValue(first) as object);
  if (rest.length > 0) return [entry, cleanText(format(...rest.map(cleanValue)))];
  const message = (entry as { err?: { message?: unknown } }).err?.message;
  return typeof message === 'string' ? [entry, message] : [entry];
}

export interface LogOptions {
  readonly level: LogLevel;
  /** What writes the line: `control-plane`, `edge`. */
  readonly name: string;
  /** Where lines go; standard error by default, so that standard output stays free for machine-read output. */
  readonly destination?: DestinationStream;
}

/**
 * Structured log, one JSON object a line. It cannot print a {@link Secret}, a value under a known secret name, or text
 * in the form of a credential (DESIGN rule 4.8): everything passes {@link cleanValue}, messages included.
 */
export function createLog(options: LogOptions): Log {
  const log = pino(
    {
      level: options.level,
      base: { name: options.name, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // What arrives is clean already; pino's own serialiser would look for an Error and find a plain object.
      serializers: { err: (error: unknown) => error },
      hooks: {
        logMethod(args, method) {
          const [entry, message] = cleanCall(args);
          if (message === undefined) method.call(this, entry);
          // As an argument of %s the message is printed as it is, whatever percent signs it holds.
          else method.call(this, entry, '%s', message);
        },
      },
    },
    options.destination ?? pino.destination({ dest: 2, sync: false }),
  );
  // Bindings of children pass no hook. Children inherit the method, so theirs are clean as well.
  const child = log.child;
  log.child = function cleanChild(this: Log, bindings: object, childOptions?: object) {
    return child.call(this, cleanValue(bindings) as object, childOptions);
  } as typeof log.child;
  return log;
}
