import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import {
  hasDebianTools,
  type PackageSet,
  type PackageTree,
  unpackedPackages,
  unpackPackages,
} from './debian-packages.ts';

/** A `redis-server` that can be run. */
export interface RedisProgram {
  readonly path: string;
  /** To be set for it, beside the usual. */
  readonly env: Readonly<Record<string, string>>;
  /** Where it was found, in words for a log line. */
  readonly from: string;
}

// In Debian 12 the program itself lies in redis-tools, redis-server holds a link to it.
const REDIS: PackageSet = { name: 'redis', roots: ['redis-server', 'redis-tools'] };

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The first executable file of that name in the folders of PATH, or undefined. */
export function onPath(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function inTree(tree: PackageTree): RedisProgram {
  return {
    path: join(tree.root, 'usr', 'bin', 'redis-server'),
    env: tree.env,
    from: `packages in ${tree.root}`,
  };
}

function named(value: string): RedisProgram {
  const path = [value, join(value, 'redis-server')].find(isExecutable);
  if (path) return { path, env: {}, from: 'SCRIM_REDIS_BIN' };
  throw new Error(
    `SCRIM_REDIS_BIN is ${value}, which is no redis-server and holds none. Correct or unset it.`,
  );
}

function unavailable(reason: string): Error {
  return new Error(
    `no Redis server could be had: none on the PATH, and ${reason}. Three ways to mend: ` +
      'install Redis 6.2 or newer so that "redis-server" is on the PATH (Debian, Ubuntu: apt-get install redis-server; ' +
      'macOS: brew install redis); or set SCRIM_REDIS_BIN to a redis-server; ' +
      'or use a Redis that runs elsewhere by setting REDIS_URL.',
  );
}

/**
 * The Redis server program to use, in this order: `$SCRIM_REDIS_BIN` (the program or its folder), `redis-server` on the
 * PATH, a private tree unpacked from Debian's packages without root (fetched at the first use, kept in the cache folder).
 *
 * @throws Error saying why there is none and the three ways to mend.
 */
export async function findRedis(
  options: { log?: ((line: string) => void) | undefined; env?: NodeJS.ProcessEnv } = {},
): Promise<RedisProgram> {
  const { log = () => {}, env = process.env } = options;
  if (env.SCRIM_REDIS_BIN) return named(env.SCRIM_REDIS_BIN);
  const found = onPath('redis-server', env);
  if (found) return { path: found, env: {}, from: found };
  const kept = unpackedPackages(REDIS);
  if (kept) return inTree(kept);
  if (!hasDebianTools(env)) throw unavailable('this system has no Debian packages to take it from');
  try {
    return inTree(await unpackPackages(REDIS, log));
  } catch (error) {
    throw unavailable(`fetching it from the Debian packages failed (${(error as Error).message})`);
  }
}
