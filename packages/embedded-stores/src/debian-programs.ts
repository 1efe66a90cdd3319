import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { hasDebianTools, type PackageSet, unpackPackages } from './debian-packages.ts';
import { onPath } from './redis-programs.ts';

/** A client or server program, wherever it came from. */
export interface FoundProgram {
  /** Absolute. */
  readonly path: string;
  /** To be set for it, beside the usual: empty when it is the system's own. */
  readonly env: Readonly<Record<string, string>>;
}

/** `*` stands for the one version folder that is there. */
interface Packaged {
  readonly set: PackageSet;
  readonly at: string;
}

const CLIENT: PackageSet = {
  name: 'postgresql-client',
  roots: [{ of: 'postgresql-client', like: /^postgresql-client-\d+$/ }],
};
// pgbench comes with the server package, but needs only the client library of what that depends on.
const SERVER: PackageSet = {
  name: 'postgresql-server',
  roots: [{ of: 'postgresql', like: /^postgresql-\d+$/ }],
  needs: ['libpq5'],
};
const SSH: PackageSet = {
  name: 'openssh',
  roots: ['openssh-client', 'openssh-server', 'openssh-sftp-server'],
};
const PGBOUNCER: PackageSet = { name: 'pgbouncer', roots: ['pgbouncer'] };
const NGINX: PackageSet = { name: 'nginx', roots: ['nginx'] };
const WRK: PackageSet = { name: 'wrk', roots: ['wrk'] };
const CHROMIUM: PackageSet = { name: 'chromium', roots: ['chromium', 'fonts-dejavu-core'] };

const PROGRAMS = {
  psql: { set: CLIENT, at: 'usr/lib/postgresql/*/bin/psql' },
  pg_dump: { set: CLIENT, at: 'usr/lib/postgresql/*/bin/pg_dump' },
  pgbench: { set: SERVER, at: 'usr/lib/postgresql/*/bin/pgbench' },
  pgbouncer: { set: PGBOUNCER, at: 'usr/sbin/pgbouncer' },
  nginx: { set: NGINX, at: 'usr/sbin/nginx' },
  wrk: { set: WRK, at: 'usr/bin/wrk' },
  ssh: { set: SSH, at: 'usr/bin/ssh' },
  scp: { set: SSH, at: 'usr/bin/scp' },
  sftp: { set: SSH, at: 'usr/bin/sftp' },
  'ssh-keygen': { set: SSH, at: 'usr/bin/ssh-keygen' },
  sshd: { set: SSH, at: 'usr/sbin/sshd' },
  'sftp-server': { set: SSH, at: 'usr/lib/openssh/sftp-server' },
  // Not usr/bin/chromium: that script looks for the rest of the browser in the system's folders.
  chromium: { set: CHROMIUM, at: 'usr/lib/chromium/chromium' },
} as const satisfies Record<string, Packaged>;

/** Programs {@link findProgram} can find or fetch. */
export type ProgramName = keyof typeof PROGRAMS;

function expand(root: string, pattern: string): string {
  let path = root;
  for (const part of pattern.split('/')) {
    path = join(path, part === '*' ? (readdirSync(path).sort().at(-1) ?? '') : part);
  }
  return path;
}

/**
 * Finds a program that tests, benchmarks and the demonstration run: on the PATH, else unpacked from Debian's packages
 * into the cache folder without root (`sshd` then needs what its package's scripts would have made: as root the user
 * `sshd` and the folder `/run/sshd`).
 *
 * @throws Error naming the package to install when it cannot be had.
 */
export async function findProgram(
  name: ProgramName,
  options: { log?: (line: string) => void; env?: NodeJS.ProcessEnv } = {},
): Promise<FoundProgram> {
  const { log = () => {}, env = process.env } = options;
  const onSystem = onPath(name, env);
  if (onSystem) return { path: onSystem, env: {} };
  const { set, at }: Packaged = PROGRAMS[name];
  const mend = `Install the package ${set.name} so that "${name}" is on the PATH.`;
  if (!hasDebianTools(env)) throw new Error(`${name} is not on the PATH. ${mend}`);
  const tree = await unpackPackages(set, log).catch((error: Error) => {
    throw new Error(`${name} could not be fetched from the Debian packages: ${error.message}. ${mend}`);
  });
  const path = expand(tree.root, at);
  if (!existsSync(path)) throw new Error(`the package ${set.name} holds no ${at}. ${mend}`);
  return { path, env: tree.env };
}
