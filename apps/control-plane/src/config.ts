import { readFileSync } from 'node:fs';
import { parseDuration, parseSize, Secret } from '@scrim/model';

/** How this control plane is set up, read from environment variables. Keys: docs/configuration/control-plane.md. */
export interface Config {
  readonly mode: 'development' | 'production';
  readonly databaseUrl: Secret;
  readonly databasePool: number;
  readonly redisUrl: Secret;
  /** Redis as edges reach it; goes into every edge's snapshot. */
  readonly edgeRedisUrl: Secret;
  /** Prefix of the queues' keys in Redis. */
  readonly queuePrefix: string;
  /** 32 bytes: wraps every data key. */
  readonly masterKey: Uint8Array;
  /** The key before it, so that a rotation can open what it wrapped. */
  readonly previousMasterKey?: Uint8Array;
  readonly http: Address;
  readonly grpc: Address;
  /** Host names and IPs edges dial; subject alternative names of the gRPC server's certificate. */
  readonly grpcNames: readonly string[];
  readonly publicUrl: string;
  /** The built-in administrator's bearer text; development mode only. */
  readonly adminToken?: Secret;
  readonly adminGroups: readonly string[];
  readonly logLevel: LogLevel;
  /** Requests a minute and client address. */
  readonly rateLimit: number;
  readonly bodyLimit: number;
  /** Number of reverse proxies whose X-Forwarded-For entry is believed. */
  readonly trustedProxies: number;
  /** Whether policies may ask for reversible tokens. */
  readonly vault: boolean;
  /** Tokens a caller may have opened in an hour. */
  readonly detokeniseLimit: number;
  /** Milliseconds. */
  readonly snapshotLifetime: number;
  readonly edgeCertificateLifetime: number;
  readonly maxTokenLifetime: number;
  readonly shutdownGrace: number;
  readonly jwksRefresh: number;
  /** End in good order when standard input closes: the supervisor has died. */
  readonly supervised: boolean;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
type LogLevel = (typeof LOG_LEVELS)[number];
type Environment = Readonly<Record<string, string | undefined>>;

export interface ConfigProblem {
  readonly variable: string;
  readonly problem: string;
  readonly mend: string;
}

/** Every wrong setting at once: which variable, what is wrong, what to write instead. Never quotes a secret. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map((p) => `${p.variable} ${p.problem}; ${p.mend}`).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Reads variables and collects what is wrong with them, so that one start shows every mistake. */
class Reader {
  readonly problems: ConfigProblem[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  complain(variable: string, problem: string, mend: string): void {
    this.problems.push({ variable, problem, mend });
  }

  text(variable: string): string | undefined {
    const value = this.#env[variable]?.trim();
    return value === '' ? undefined : value;
  }

  list(variable: string): readonly string[] {
    const entries = (this.text(variable) ?? '').split(',').map((entry) => entry.trim());
    return entries.filter((entry) => entry !== '');
  }

  choice<T extends string>(variable: string, allowed: readonly T[], fallback: T): T {
    const value = this.text(variable) ?? fallback;
    if ((allowed as readonly string[]).includes(value)) return value as T;
    this.complain(variable, `is "${value}"`, `write one of ${allowed.join(', ')}`);
    return fallback;
  }

  integer(variable: string, fallback: number, low: number, high: number): number {
    const text = this.text(variable) ?? String(fallback);
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= low && value <= high) return value;
    this.complain(variable, `is "${text}"`, `write a whole number from ${low} to ${high}`);
    return fallback;
  }

  duration(variable: string, fallback: string, shortest: number): number {
    const text = this.text(variable) ?? fallback;
    const value = parseDuration(text);
    if (value !== undefined && value >= shortest) return value;
    const mend = `write a number with a unit (30s, 10m, 1h, 7d), at least ${shortest / 1000}s`;
    this.complain(variable, `is "${text}"`, mend);
    return parseDuration(fallback) as number;
  }

  size(variable: string, fallback: string): number {
    const text = this.text(variable) ?? fallback;
    const value = parseSize(text);
    if (value !== undefined && value >= 1024) return value;
    this.complain(variable, `is "${text}"`, 'write a number with a unit (64KiB, 1MiB), at least 1KiB');
    return parseSize(fallback) as number;
  }

  /** A value that may be secret: from `<variable>`, or from the file that `<variable>_FILE` names. */
  secret(variable: string): string | undefined {
    const direct = this.text(variable);
    const file = this.text(`${variable}_FILE`);
    if (file === undefined) return direct;
    if (direct === undefined) return this.#fileText(`${variable}_FILE`, file);
    this.complain(variable, `is set and so is ${variable}_FILE`, 'keep one of them');
    return undefined;
  }

  /** A URL that may hold a password, from its variable or its file. */
  secretUrl(variable: string, protocols: readonly string[]): string {
    const before = this.problems.length;
    const text = this.secret(variable);
    // One mistake, one line: that the file is not readable was said already.
    return this.problems.length > before ? 'invalid:' : this.#checkedUrl(variable, protocols, text);
  }

  url(variable: string, protocols: readonly string[], fallback: string): string {
    return this.#checkedUrl(variable, protocols, this.text(variable) ?? fallback);
  }

  /** Never quotes it: people put passwords into any URL. */
  #checkedUrl(variable: string, protocols: readonly string[], text: string | undefined): string {
    const forms = protocols.map((protocol) => `${protocol}//…`).join(' or ');
    if (text === undefined) this.complain(variable, 'is not set', `write ${forms}`);
    else if (!URL.canParse(text)) this.complain(variable, 'is no URL', `write ${forms}`);
    else if (!protocols.includes(new URL(text).protocol))
      this.complain(variable, `has the scheme ${new URL(text).protocol}`, `write ${forms}`);
    else return text;
    return 'invalid:';
  }

  /** 32 bytes in base64 from `<variable>` or the file that `<variable>_FILE` names. */
  key(variable: string): Uint8Array | undefined {
    const mend = 'write 32 bytes in base64 (openssl rand -base64 32)';
    const from = this.text(`${variable}_FILE`) === undefined ? variable : `${variable}_FILE`;
    const text = this.secret(variable);
    if (text === undefined) return undefined;
    const bytes = Buffer.from(text, 'base64');
    if (bytes.length === 32 && /^[A-Za-z0-9+/]{43}=$/.test(text)) return bytes;
    this.complain(from, 'is not 32 bytes in base64', mend);
    return undefined;
  }

  #fileText(variable: string, file: string): string | undefined {
    try {
      return readFileSync(file, 'utf8').trim();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
      this.complain(variable, `names a file that cannot be read (${code})`, 'name a readable file');
      return undefined;
    }
  }
}

function edgeRedisUrl(reader: Reader, redisUrl: string): string {
  const set = ['SCRIM_EDGE_REDIS_URL', 'SCRIM_EDGE_REDIS_URL_FILE'].some(
    (name) => reader.text(name) !== undefined,
  );
  if (!set) return redisUrl;
  return reader.secretUrl('SCRIM_EDGE_REDIS_URL', ['redis:', 'rediss:']);
}

function masterKeys(reader: Reader): Pick<Config, 'masterKey' | 'previousMasterKey'> {
  const before = reader.problems.length;
  const masterKey = reader.key('SCRIM_MASTER_KEY');
  if (masterKey === undefined && reader.problems.length === before) {
    const mend =
      'write 32 bytes in base64 (openssl rand -base64 32), or name a file by SCRIM_MASTER_KEY_FILE';
    reader.complain('SCRIM_MASTER_KEY', 'is not set', mend);
  }
  const previousMasterKey = reader.key('SCRIM_MASTER_KEY_PREVIOUS');
  return { masterKey: masterKey ?? new Uint8Array(32), ...(previousMasterKey && { previousMasterKey }) };
}

function administrator(reader: Reader, mode: Config['mode']): Pick<Config, 'adminToken' | 'adminGroups'> {
  const token = reader.text('SCRIM_ADMIN_TOKEN');
  const adminGroups = reader.list('SCRIM_ADMIN_GROUPS');
  if (mode === 'production') {
    const mend =
      'remove it, and make the first administrator an API key: node dist/main.js admin-key SUBJECT';
    for (const variable of ['SCRIM_ADMIN_TOKEN', 'SCRIM_ADMIN_GROUPS'])
      if (reader.text(variable) !== undefined)
        reader.complain(variable, 'is refused in production mode', mend);
    return { adminGroups: [] };
  }
  if (token !== undefined && token.length < 16)
    reader.complain('SCRIM_ADMIN_TOKEN', 'is shorter than 16 characters', 'write a long random text');
  return { adminGroups, ...(token !== undefined && { adminToken: new Secret(token) }) };
}

function addresses(reader: Reader): Pick<Config, 'http' | 'grpc' | 'grpcNames' | 'publicUrl'> {
  const http = {
    host: reader.text('SCRIM_HTTP_HOST') ?? '127.0.0.1',
    port: reader.integer('SCRIM_HTTP_PORT', 7080, 0, 65535),
  };
  const grpc = {
    host: reader.text('SCRIM_GRPC_HOST') ?? '127.0.0.1',
    port: reader.integer('SCRIM_GRPC_PORT', 7443, 0, 65535),
  };
  const names = reader.list('SCRIM_GRPC_NAMES');
  const grpcNames = names.length > 0 ? names : [...new Set(['localhost', '127.0.0.1', grpc.host])];
  const fallback = `http://${http.host.includes(':') ? `[${http.host}]` : http.host}:${http.port}`;
  const publicUrl = reader.url('SCRIM_PUBLIC_URL', ['http:', 'https:'], fallback).replace(/\/+$/, '');
  return { http, grpc, grpcNames, publicUrl };
}

/** Reads and checks every setting. Throws one {@link ConfigError} that lists all that is wrong. */
export function readConfig(env: Environment): Config {
  const reader = new Reader(env);
  // Production is the default: whoever forgets the variable gets the strict rules.
  const mode = reader.choice('SCRIM_MODE', ['development', 'production'], 'production');
  const redisUrl = reader.secretUrl('REDIS_URL', ['redis:', 'rediss:']);
  const config: Config = {
    mode,
    databaseUrl: new Secret(reader.secretUrl('DATABASE_URL', ['postgres:', 'postgresql:'])),
    databasePool: reader.integer('SCRIM_DATABASE_POOL', 10, 2, 200),
    redisUrl: new Secret(redisUrl),
    edgeRedisUrl: new Secret(edgeRedisUrl(reader, redisUrl)),
    queuePrefix: reader.text('SCRIM_QUEUE_PREFIX') ?? 'scrim',
    ...masterKeys(reader),
    ...addresses(reader),
    ...administrator(reader, mode),
    logLevel: reader.choice('SCRIM_LOG_LEVEL', LOG_LEVELS, 'info'),
    rateLimit: reader.integer('SCRIM_RATE_LIMIT', 1200, 1, 1_000_000),
    bodyLimit: reader.size('SCRIM_BODY_LIMIT', '1MiB'),
    trustedProxies: reader.integer('SCRIM_TRUSTED_PROXIES', 0, 0, 16),
    vault: reader.choice('SCRIM_TOKEN_VAULT', ['on', 'off'], 'on') === 'on',
    detokeniseLimit: reader.integer('SCRIM_DETOKENISE_LIMIT', 10_000, 1, 10_000_000),
    snapshotLifetime: reader.duration('SCRIM_SNAPSHOT_LIFETIME', '1h', 10_000),
    edgeCertificateLifetime: reader.duration('SCRIM_EDGE_CERTIFICATE_LIFETIME', '24h', 60_000),
    maxTokenLifetime: reader.duration('SCRIM_TOKEN_MAX_LIFETIME', '24h', 60_000),
    shutdownGrace: reader.duration('SCRIM_SHUTDOWN_GRACE', '20s', 1_000),
    jwksRefresh: reader.duration('SCRIM_JWKS_REFRESH', '5m', 1_000),
    supervised: reader.choice('SCRIM_SUPERVISED', ['true', 'false'], 'false') === 'true',
  };
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  return config;
}
