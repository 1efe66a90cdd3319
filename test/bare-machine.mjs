/** The part of test/bare-machine that clones, starts, looks and judges. Plain Node without packages. */
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const flags = process.argv.slice(2);
const READY = /Scrim is up/;
const START_LIMIT_MS = 300_000;
const STOP_LIMIT_MS = 30_000;
const TEST_LIMIT_MS = 3_000_000;

/** A base system: what Debian marks essential, git, apt and Node. */
const BASE =
  `node npm npx sh bash dash env cat cp mv rm ln ls mkdir rmdir chmod chown touch head tail sed grep egrep awk
  mawk gawk tr cut sort uniq wc find xargs dirname basename readlink realpath uname id whoami hostname date sleep test true
  false tee mktemp stat ps kill git tar gzip gunzip xz zstd bzip2 apt-get apt-cache apt-config dpkg dpkg-deb dpkg-query
  dpkg-split gpgv which printf expr nproc getconf ldd mount umount useradd install diff`.split(/\s+/);

/** Must not be found: the start and the tests get these themselves, or do without. */
const HIDDEN = [
  'pnpm',
  'yarn',
  'postgres',
  'initdb',
  'pg_ctl',
  'psql',
  'pgbench',
  'redis-server',
  'redis-cli',
  'cc',
  'gcc',
  'g++',
  'make',
  'python3',
  'ssh',
  'sshd',
  'docker',
];

/** Of the caller's environment only what reaching the package registries may need. */
const KEPT =
  /^(LANG|TERM|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|https?_proxy|no_proxy|npm_config_registry|npm_config_cafile)$/i;

const results = [];

function say(line) {
  process.stdout.write(`bare-machine: ${line}\n`);
}

function record(name, ok, detail) {
  results.push({ name, ok });
  say(`${ok ? 'ok  ' : 'FAIL'} ${name}${detail ? ` (${detail})` : ''}`);
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function which(name, path = process.env.PATH) {
  const folders = (path ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

function bareEnvironment(place) {
  const bin = join(place, 'bin');
  const home = join(place, 'home');
  mkdirSync(bin);
  mkdirSync(home);
  for (const name of BASE) {
    const found = which(name, `${process.env.PATH}:/usr/bin:/bin:/usr/sbin:/sbin`);
    if (found) symlinkSync(realpathSync(found), join(bin, name));
  }
  const env = { PATH: bin, HOME: home, SCRIM_PG_SEARCH: 'embedded' };
  for (const [name, value] of Object.entries(process.env)) if (KEPT.test(name)) env[name] = value;
  // Where the kept cache of the system could not be hidden, an empty one takes its place.
  if (process.env.SCRIM_BARE_HIDDEN !== 'yes') env.SCRIM_CACHE_DIR = join(place, 'cache');
  const found = HIDDEN.filter((name) => which(name, bin));
  record(
    'nothing but a base system is on the PATH',
    found.length === 0 && readdirSync(home).length === 0,
    found.join(', '),
  );
  return env;
}

function clone(place, env) {
  const dirty = spawnSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' }).stdout;
  if (dirty) say('this checkout has uncommitted changes: they are not part of the clone');
  const target = join(place, 'scrim');
  const done = spawnSync('git', ['clone', '--quiet', '--no-hardlinks', root, target], {
    env,
    encoding: 'utf8',
  });
  record('git clone', done.status === 0, done.stderr.trim());
  return target;
}

function processes() {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^[0-9]+$/.test(name)) return [];
    try {
      const program = basename(readlinkSync(`/proc/${name}/exe`));
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').join(' ').trim();
      return [{ pid: Number(name), program, words }];
    } catch {
      return [];
    }
  });
}

/** Servers and commands that run now and did not before. In a process namespace of our own that is all there is. */
function leftSince(before) {
  const known = new Set(before.map((each) => each.pid));
  const ours = /^(node|postgres|redis-server|redis-check-rdb|npm|sh|dash)$/;
  return processes().filter((each) => !known.has(each.pid) && ours.test(each.program));
}

function launch(args, cwd, env) {
  const child = spawn('npm', args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const run = { child, output: '', closed: undefined };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk) => {
      run.output += chunk;
      process.stdout.write(chunk.replace(/^/gm, '  | ').replace(/ {2}\| $/, ''));
    });
  }
  run.ended = new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      run.closed = signal ?? code;
      resolve(run.closed);
    });
  });
  return run;
}

async function until(condition, ms) {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    if (condition()) return true;
    await sleep(50);
  }
  return false;
}

async function probe(run) {
  const urls = [...new Set(run.output.match(/http:\/\/(127\.0\.0\.1|localhost):\d+[^\s"'),]*/g) ?? [])];
  if (urls.length === 0) return record('it says where to look', false, 'no http address in what it printed');
  for (const url of urls) {
    const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(5000) }).catch(
      (error) => error,
    );
    const status = answer.status ?? answer.message;
    record(`${url} answers`, typeof status === 'number' && status < 500, String(status));
  }
}

async function start(name, cwd, env, looking) {
  const before = processes();
  const since = performance.now();
  const run = launch(['start'], cwd, env);
  await until(() => READY.test(run.output) || run.closed !== undefined, START_LIMIT_MS);
  const ready = READY.test(run.output) && run.closed === undefined;
  record(`${name}: ready`, ready, run.closed === undefined ? seconds(since) : `ended: ${run.closed}`);
  if (ready && looking) await probe(run);
  const stopping = performance.now();
  // As Ctrl-C in a terminal does: to the whole group in front.
  if (run.closed === undefined) process.kill(-run.child.pid, 'SIGINT');
  await until(() => run.closed !== undefined, STOP_LIMIT_MS);
  record(`${name}: stopped by SIGINT`, ready && run.closed !== undefined, seconds(stopping));
  await until(() => leftSince(before).length === 0, 3000);
  const left = leftSince(before);
  record(
    `${name}: nothing is left running`,
    left.length === 0,
    left.map((each) => `${each.pid} ${each.words}`).join('; '),
  );
  for (const { pid } of left) spawnSync('kill', ['-9', String(pid)]);
}

async function test(cwd, env) {
  const since = performance.now();
  const run = launch(['test'], cwd, env);
  const late = setTimeout(() => process.kill(-run.child.pid, 'SIGKILL'), TEST_LIMIT_MS);
  const code = await run.ended;
  clearTimeout(late);
  const closing = /^(\d+) passed, (\d+) failed\s*$/m.exec(run.output);
  const detail = `${closing?.[0].trim() ?? 'no closing line'}, exit ${code}, ${seconds(since)}`;
  record('npm test', code === 0 && Number(closing?.[1]) > 0 && closing?.[2] === '0', detail);
}

const since = performance.now();
const place = mkdtempSync(join(tmpdir(), 'scrim-bare-'));
try {
  const env = bareEnvironment(place);
  const checkout = clone(place, env);
  if (!flags.includes('--test-only')) {
    await start('first npm start', checkout, env, true);
    await start('second npm start', checkout, env, false);
  }
  if (!flags.includes('--start-only')) await test(checkout, env);
} finally {
  rmSync(place, { recursive: true, force: true });
}
const failed = results.filter((each) => !each.ok);
say(
  `${failed.length === 0 ? 'PASSED' : `FAILED: ${failed.map((each) => each.name).join('; ')}`} in ${seconds(since)}`,
);
process.exit(failed.length === 0 ? 0 : 1);
