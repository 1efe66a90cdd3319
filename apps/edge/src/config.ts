import { existsSync, readFileSync } from 'node:fs';
import { parseDuration, parseSize, resourceName } from '@scrim/model';
import type { Limits } from '@scrim/protocol-kit';

/** How this edge is set up; everything else comes from the control plane. Keys: docs/configuration/edge.md. */
export interface EdgeConfig {
  readonly name: string;
  readonly dataDir: string;
  readonly controlPlane: string;
  readonly joinToken?: string;
  readonly listeners: readonly ListenerConfig[];
  /** Host name callers reach this edge by, for display; the listener's own address when absent. */
  readonly publicHost?: string;
  readonly health: Address;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly requireTls: boolean;
  readonly limits: Limits;
  readonly spoolBytes: number;
  readonly vaultSpoolBytes: number;
  readonly logLevel: string;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ListenerConfig extends Address {
  readonly protocol: string;
  /** The only connection it serves; absent = callers name theirs. */
  readonly connection?: string;
}

/** Whose addresses a variable gives. */
export interface ListenerVariable {
  readonly protocol: string;
  /** Whether an address can be one connection's own (`HOST:PORT=connection`). */
  readonly ownPorts: boolean;
}

/** A wrong setting: names the variable, what is wrong and what to write instead. */
export class ConfigError extends Error {
  constructor(variable: string, problem: string, mend: string) {
    super(`${variable}: ${problem}; ${mend}`);
    this.name = 'ConfigError';
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

function address(variable: string, text: string): Address {
  const match = /^(.+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65535) {
    throw new ConfigError(variable, `"${text}" is no address`, 'write HOST:PORT, for example 127.0.0.1:6432');
  }
  return { host: match[1] as string, port };
}

/** `HOST:PORT` or `HOST:PORT=connection`, several parted by commas. */
function listenersOf(variable: string, text: string, { protocol, ownPorts }: ListenerVariable) {
  const listeners = text.split(',').map((entry): ListenerConfig => {
    const [at = '', connection, ...more] = entry.trim().split('=');
    const place = { protocol, ...address(variable, at) };
    if (connection === undefined) return place;
    if (!ownPorts) {
      const problem = `${protocol} callers name their connection themselves, so a port cannot stand for one`;
      throw new ConfigError(variable, problem, 'write HOST:PORT alone');
    }
    if (more.length > 0 || !resourceName.safeParse(connection).success) {
      const problem = `"${entry.trim()}" names no connection`;
      throw new ConfigError(variable, problem, 'write HOST:PORT=connection, as in 0.0.0.0:8081=openai');
    }
    return { ...place, connection };
  });
  if (listeners.filter((it) => it.connection === undefined).length > 1) {
    const problem = 'several addresses stand for all connections';
    throw new ConfigError(variable, problem, 'write one HOST:PORT, and the others as HOST:PORT=connection');
  }
  return listeners;
}

function duration(env: Environment, variable: string, fallback: string): number {
  const text = env[variable] ?? fallback;
  const value = parseDuration(text);
  if (value === undefined || value === 0) {
    throw new ConfigError(
      variable,
      `"${text}" is no duration`,
      'write a number with a unit, for example 10s',
    );
  }
  return value;
}

function size(env: Environment, variable: string, fallback: string): number {
  const text = env[variable] ?? fallback;
  const value = parseSize(text);
  if (value === undefined || value === 0) {
    throw new ConfigError(variable, `"${text}" is no size`, 'write a number with a unit, for example 64MiB');
  }
  return value;
}

function flag(env: Environment, variable: string): boolean {
  const text = env[variable] ?? 'false';
  if (text !== 'true' && text !== 'false') {
    throw new ConfigError(variable, `"${text}" is neither yes nor no`, 'write true or false');
  }
  return text === 'true';
}

function certificate(env: Environment): EdgeConfig['tls'] {
  const keyFile = env.SCRIM_EDGE_TLS_KEY_FILE;
  const certFile = env.SCRIM_EDGE_TLS_CERT_FILE;
  if (keyFile === undefined && certFile === undefined) return undefined;
  for (const [variable, file] of [
    ['SCRIM_EDGE_TLS_KEY_FILE', keyFile],
    ['SCRIM_EDGE_TLS_CERT_FILE', certFile],
  ] as const) {
    if (file === undefined || !existsSync(file)) {
      throw new ConfigError(
        variable,
        'there is no such file',
        'name a readable PEM file, or leave both TLS variables out',
      );
    }
  }
  return { key: readFileSync(keyFile as string, 'utf8'), cert: readFileSync(certFile as string, 'utf8') };
}

/**
 * The join token, from its variable or a file. A file that is not there is no token: it is needed on the first start
 * only, and whoever takes the spent secret away must still be able to restart the edge.
 */
function joinToken(env: Environment): string | undefined {
  const file = env.SCRIM_JOIN_TOKEN_FILE;
  if (env.SCRIM_JOIN_TOKEN || !file || !existsSync(file)) return env.SCRIM_JOIN_TOKEN;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError('SCRIM_JOIN_TOKEN_FILE', `cannot be read (${code})`, 'name a readable file');
  }
}

/**
 * Reads the edge's settings from environment variables. `listenerVariables` says which variable is whose.
 * Throws a ConfigError that names the variable, the problem and the mend.
 */
export function readConfig(
  env: Environment,
  listenerVariables: Readonly<Record<string, ListenerVariable>>,
): EdgeConfig {
  const controlPlane = env.SCRIM_CONTROL_PLANE;
  if (!controlPlane) {
    throw new ConfigError(
      'SCRIM_CONTROL_PLANE',
      'is not set',
      'write the HOST:PORT the control plane takes edges at',
    );
  }
  address('SCRIM_CONTROL_PLANE', controlPlane);
  const listeners = Object.entries(listenerVariables).flatMap(([variable, whose]) => {
    const text = env[variable];
    return text ? listenersOf(variable, text, whose) : [];
  });
  if (listeners.length === 0) {
    const variables = Object.keys(listenerVariables).join(', ');
    throw new ConfigError(
      variables,
      'no listener is set',
      'give at least one an address such as 127.0.0.1:6432',
    );
  }
  const tls = certificate(env);
  const requireTls = flag(env, 'SCRIM_EDGE_REQUIRE_TLS');
  if (requireTls && !tls) {
    throw new ConfigError(
      'SCRIM_EDGE_REQUIRE_TLS',
      'is true without a certificate',
      'set SCRIM_EDGE_TLS_KEY_FILE and SCRIM_EDGE_TLS_CERT_FILE',
    );
  }
  const token = joinToken(env);
  return {
    name: env.SCRIM_EDGE_NAME ?? 'edge',
    dataDir: env.SCRIM_EDGE_DATA ?? '/var/lib/scrim/edge',
    controlPlane,
    ...(token ? { joinToken: token } : {}),
    listeners,
    ...(env.SCRIM_EDGE_PUBLIC_HOST ? { publicHost: env.SCRIM_EDGE_PUBLIC_HOST } : {}),
    health: address('SCRIM_EDGE_HEALTH', env.SCRIM_EDGE_HEALTH ?? '127.0.0.1:0'),
    ...(tls ? { tls } : {}),
    requireTls,
    limits: {
      handshakeTimeout: duration(env, 'SCRIM_EDGE_HANDSHAKE_TIMEOUT', '15s'),
      maxMessage: size(env, 'SCRIM_EDGE_MAX_MESSAGE', '64MiB'),
      maxHeldInput: size(env, 'SCRIM_EDGE_MAX_HELD_INPUT', '1MiB'),
      targetTimeout: duration(env, 'SCRIM_EDGE_TARGET_TIMEOUT', '10s'),
      holdTimeout: duration(env, 'SCRIM_EDGE_HOLD_TIMEOUT', '55s'),
    },
    spoolBytes: size(env, 'SCRIM_EDGE_SPOOL', '1GiB'),
    vaultSpoolBytes: size(env, 'SCRIM_EDGE_VAULT_SPOOL', '256MiB'),
    logLevel: env.SCRIM_LOG_LEVEL ?? 'info',
  };
}
