import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { storeAccount } from './account.ts';
import { cacheFolder } from './cache-folder.ts';

/** Packages unpacked together into one private tree. */
export interface PackageSet {
  /** Name of the tree in the cache folder. */
  readonly name: string;
  /**
   * Always fetched, even when the system says they are installed. A pattern picks, from what the package before it
   * depends on, the one whose name carries the version (`postgresql-client` -> `postgresql-client-15`).
   */
  readonly roots: readonly (string | { readonly of: string; readonly like: RegExp })[];
  /** What the wanted programs need; those of their dependencies that the system lacks are fetched. */
  readonly needs?: readonly string[];
}

/** A private tree: its root and the environment its programs need to find their libraries. */
export interface PackageTree {
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Fetching from a slow mirror; past this something is wrong. */
const APT_TIMEOUT_MS = 300_000;
const MAX_OUTPUT = 64 * 1024 * 1024;

/** Never taken along: mixing another C library with the system's loader breaks every program of the tree. */
const SYSTEM_ONLY =
  /^(libc6|libc-bin|libgcc-s1|gcc-\d+-base|dpkg|apt|base-files|init-system-helpers|systemd.*)$/;

function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      cwd,
      env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
      timeout: APT_TIMEOUT_MS,
      maxBuffer: MAX_OUTPUT,
    };
    execFile(command, [...args], options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const said = stderr.trim().split('\n').slice(-5).join('\n');
      reject(new Error(`${command} ${args.at(0)} failed: ${said || error.message}`));
    });
  });
}

/** apt-get with settings of our own, so that neither root nor the system's state is needed or changed. */
class Apt {
  readonly #home: string;
  #options: string[] = [
    '-o',
    'Debug::NoLocking=1',
    '-o',
    'Acquire::Retries=2',
    '-o',
    'Acquire::http::Timeout=20',
  ];

  constructor(home: string) {
    this.#home = home;
    // Root's apt would drop to the user _apt, who may not write here.
    if (storeAccount()) this.#options.push('-o', 'APT::Sandbox::User=root');
  }

  /** Fetches the package lists into a private folder and uses those from now on. */
  async update(log: (line: string) => void): Promise<void> {
    log('fetching the Debian package lists (once, about 10 MB)');
    const lists = join(this.#home, 'lists');
    const cache = join(this.#home, 'cache');
    for (const folder of [join(lists, 'partial'), join(cache, 'archives', 'partial')]) {
      mkdirSync(folder, { recursive: true });
    }
    this.#options.push('-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${cache}`);
    const noExtras = [
      '-o',
      'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
      '-o',
      'Acquire::Languages=none',
    ];
    // A source of another vendor that is out of reach must not stop us: what is missing shows at the next step.
    await run('apt-get', ['update', ...this.#options, ...noExtras], this.#home).catch((error: Error) => {
      log(`some package lists could not be fetched: ${error.message.split('\n').at(-1)}`);
    });
  }

  /** Whether `name` is a package that can be fetched by the lists at hand. */
  async knows(name: string): Promise<boolean> {
    const said = await run('apt-cache', ['policy', name, ...this.#options], this.#home).catch(() => '');
    return /Candidate: (?!\(none\))/.test(said);
  }

  /** Names `name` depends on directly. */
  async dependencies(name: string): Promise<string[]> {
    const said = await run('apt-cache', ['depends', name, ...this.#options], this.#home);
    return [...said.matchAll(/^\s*\|?(?:Pre)?Depends: ([^<\s]+)/gm)].flatMap((match) => match[1] ?? []);
  }

  /** Packages an installation of `names` would newly bring; upgrades of installed ones are left out. */
  async missing(names: readonly string[]): Promise<string[]> {
    const args = ['install', '-s', '-y', '--no-install-recommends', ...this.#options, ...names];
    const said = await run('apt-get', args, this.#home);
    return [...said.matchAll(/^Inst (\S+) \((\S+)/gm)].flatMap((match) => match[1] ?? []);
  }

  /** Fetches the package files (checked by apt against the signed lists) into `folder`. */
  async download(names: readonly string[], folder: string): Promise<void> {
    await run('apt-get', ['download', ...this.#options, ...names], folder);
  }
}

async function resolveRoots(apt: Apt, set: PackageSet): Promise<string[]> {
  const names: string[] = [];
  for (const root of set.roots) {
    if (typeof root === 'string') {
      names.push(root);
      continue;
    }
    const named = (await apt.dependencies(root.of)).find((name) => root.like.test(name));
    if (!named) throw new Error(`the package ${root.of} names no package like ${root.like.source}`);
    names.push(named);
  }
  return names;
}

async function fetchInto(apt: Apt, set: PackageSet, folder: string): Promise<string[]> {
  const roots = await resolveRoots(apt, set);
  const missing = await apt.missing(set.needs ?? roots);
  const names = [...new Set([...roots, ...missing])].filter((name) => !SYSTEM_ONLY.test(name));
  await apt.download(names, folder);
  return names;
}

function libraryFolders(root: string): string[] {
  const bases = [join(root, 'usr', 'lib'), join(root, 'lib')].filter((path) => existsSync(path));
  return bases.flatMap((base) => {
    const multiarch = readdirSync(base).filter((name) => /-linux-gnu/.test(name));
    const own = multiarch.map((name) => join(base, name));
    // libpulse names the folder of its other half by its place in the system, which is not where it is here.
    const halves = own.map((folder) => join(folder, 'pulseaudio')).filter((path) => existsSync(path));
    return [...own, ...halves, base];
  });
}

function treeAt(root: string): PackageTree {
  const libraries = libraryFolders(root);
  return { root, env: libraries.length > 0 ? { LD_LIBRARY_PATH: libraries.join(delimiter) } : {} };
}

async function unpack(set: PackageSet, folder: string, log: (line: string) => void): Promise<void> {
  const debs = join(folder, 'debs');
  const tree = join(folder, 'tree');
  for (const each of [folder, debs, tree]) {
    mkdirSync(each, { recursive: true });
    chmodSync(each, 0o755);
  }
  const apt = new Apt(folder);
  const rootNames = set.roots.map((root) => (typeof root === 'string' ? root : root.of));
  const known = await Promise.all(rootNames.map((name) => apt.knows(name)));
  const fresh = !known.every(Boolean);
  if (fresh) await apt.update(log);
  log(`fetching ${rootNames.join(', ')} from the Debian packages`);
  const names = await fetchInto(apt, set, debs).catch(async (error: Error) => {
    if (fresh) throw error;
    // Old lists name files the mirror has replaced since.
    await apt.update(log);
    return fetchInto(apt, set, debs);
  });
  for (const deb of readdirSync(debs).filter((name) => name.endsWith('.deb'))) {
    await run('dpkg', ['-x', join(debs, deb), tree], folder);
  }
  writeFileSync(join(tree, 'packages'), `${names.join('\n')}\n`);
}

/** Whether this system has the two programs that fetching and unpacking needs. */
export function hasDebianTools(env: NodeJS.ProcessEnv = process.env): boolean {
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean);
  return ['apt-get', 'apt-cache', 'dpkg', 'dpkg-deb', 'tar'].every((name) =>
    folders.some((folder) => existsSync(join(folder, name))),
  );
}

/** The tree of an earlier {@link unpackPackages}, if it is in the cache. */
export function unpackedPackages(set: PackageSet): PackageTree | undefined {
  const root = join(cacheFolder(storeAccount()), 'debian', set.name);
  return existsSync(root) ? treeAt(root) : undefined;
}

/**
 * Fetches packages from the Debian mirrors this system is set up with and unpacks them into the cache folder: nothing is
 * installed, root is not needed, no script of a package is run. Found there at once the next time.
 *
 * @throws Error with apt's own last lines when they cannot be had.
 */
export async function unpackPackages(set: PackageSet, log: (line: string) => void): Promise<PackageTree> {
  const home = join(cacheFolder(storeAccount()), 'debian');
  mkdirSync(home, { recursive: true });
  chmodSync(home, 0o755);
  const root = join(home, set.name);
  if (existsSync(root)) return treeAt(root);
  const part = join(home, `${set.name}.${process.pid}.part`);
  try {
    await unpack(set, part, log);
    renameSync(join(part, 'tree'), root);
  } catch (error) {
    // Another process may have finished the same tree meanwhile: then that one serves.
    if (!existsSync(root)) throw error;
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
  return treeAt(root);
}
