import { inspect } from 'node:util';
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

function cleanError(error: Error, depth: number, seen: Set<object>): Record<string, unknown> {
  const clean: Record<string, unknown> = { type: error.name, message: cleanText(error.message) };
  if (error.stack !== undefined) clean.stack = cleanText(error.stack);
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string' || typeof code === 'number') clean.code = code;
  if (error instanceof RefusalError) clean.refusal = cleanValue(error.refusal, depth + 1, seen);
  if (error.cause !== undefined) clean.cause = cleanValue(error.cause, depth + 1, seen);
  // An error's other own properties are left out: drivers hang whole connection configurations on them.
  return clean;
}

function cleanObject(value: object, depth: number, seen: Set<object>): unknown {
  if (Array.isArray(value))
    return value.slice(0, MAX_ENTRIES).map((entry) => cleanValue(entry, depth + 1, seen));
  if (value instanceof Map) return cleanObject(Object.fromEntries(value), depth, seen);
  if (value instanceof Set) return cleanObject([...value], depth, seen);
  const clean: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(value).slice(0, MAX_ENTRIES))
    clean[name] = isSecretName(name) && entry !== undefined ? REDACTED : cleanValue(entry, depth + 1, seen);
  return clean;
}

/**
 * A printable copy of any value: secrets by type, by name and by form are replaced; functions, symbols and bytes become
 * a short description; cycles and great depth are cut. Never throws.
 */
export function cleanValue(value: unknown, depth = 0, seen: Set<object> = new Set()): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value === 'number' || typeof value === 'boolean' || value === undefined)
    return value;
  if (typeof value !== 'object') return `[${typeof value}]`;
  if (value instanceof Secret) return value.toJSON();
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (depth >= MAX_DEPTH || seen.has(value)) return '[cut]';
  seen.add(value);
  try {
    return value instanceof Error ? cleanError(value, depth, seen) : cleanObject(value, depth, seen);
  } catch (error) {
    // A getter or proxy of the logged object threw: the line goes out without it.
    return `[unprintable: ${cleanText(inspect((error as Error)?.message))}]`;
  } finally {
    seen.delete(value);
  }
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
  return pino(
    {
      level: options.level,
      base: { name: options.name, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (entry) => cleanValue(entry) as Record<string, unknown>,
        bindings: (bindings) => cleanValue(bindings) as Record<string, unknown>,
      },
      // pino's own err serialiser would run before the formatter and copy an error's every property.
      serializers: {
        err: (error: unknown) => cleanValue(error),
        error: (error: unknown) => cleanValue(error),
      },
      hooks: {
        // Messages and their printf arguments do not pass the formatter.
        logMethod(args, method) {
          method.apply(
            this,
            args.map((arg) => (typeof arg === 'string' ? cleanText(arg) : arg)) as typeof args,
          );
        },
      },
    },
    options.destination ?? pino.destination({ dest: 2, sync: false }),
  );
}
