/**
 * Makes a checkout ready to run: dependencies installed with the pinned pnpm, TypeScript built. Plain Node without
 * packages, as it runs before there are any. Says on stderr what it does, and nothing when there is nothing to do, so
 * that the output of a command run after it is that command's alone.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The checkout this script lies in. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const stamp = join(root, 'node_modules', '.scrim-installed');
const lock = join(root, '.cache', 'prepare.lock');

/** A step that failed; what it printed is the message. */
class StepError extends Error {}

function say(line) {
  process.stderr.write(`scrim: ${line}\n`);
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new StepError(`Scrim needs Node 20.19 or newer, this is ${process.version}. Install a newer Node.`);
}

function canWrite(folder) {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The environment package tools run in. */
function toolEnv() {
  // Without CI pnpm stops to ask before it replaces a node_modules folder, and there may be no one to answer.
  const env = { ...process.env, CI: 'true' };
  if (!env.HOME || !canWrite(env.HOME)) env.HOME = join(root, '.cache', 'home');
  mkdirSync(env.HOME, { recursive: true });
  // pnpm does not read npm's nodedir: native add-ons would try to download the headers this machine has.
  if (
    !env.npm_config_nodedir &&
    existsSync('/usr/include/node/node.h') &&
    process.execPath === '/usr/bin/node'
  ) {
    env.npm_config_nodedir = '/usr';
  }
  return env;
}

/** Runs a command to its end, ended with us; resolves with what it printed, throws that when it fails. */
function run(command, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    const end = (signal) => {
      child.kill(signal);
      release();
      process.exit(signal === 'SIGINT' ? 130 : 143);
    };
    process.once('SIGINT', end);
    process.once('SIGTERM', end);
    const done = () => {
      process.off('SIGINT', end);
      process.off('SIGTERM', end);
    };
    child.once('error', (error) => {
      done();
      reject(new StepError(`${command} cannot be run: ${error.message}`));
    });
    child.once('close', (code, signal) => {
      done();
      const text = Buffer.concat(output).toString();
      if (code === 0) resolve(text);
      else
        reject(
          new StepError(`${basename(command)} ${args[0]} failed (${signal ?? `exit ${code}`}):\n${text}`),
        );
    });
  });
}

/** What the installed dependencies depend on: the manifests, the lockfile, and the Node add-ons are built for. */
function installKey() {
  const manifests = ['apps', 'packages'].flatMap((house) =>
    readdirSync(join(root, house)).map((room) => join(house, room, 'package.json')),
  );
  const files = [
    'package.json',
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    '.npmrc',
    'test/package.json',
    ...manifests,
  ];
  const hash = createHash('sha256');
  for (const file of files.sort()) {
    const path = join(root, file);
    hash
      .update(`${file}\0`)
      .update(existsSync(path) ? readFileSync(path) : '')
      .update('\0');
  }
  return hash.update(`${process.versions.modules} ${process.platform} ${process.arch}`).digest('hex');
}

function pinnedPnpm() {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const version = /^pnpm@(\d+\.\d+\.\d+)/.exec(packageManager)?.[1];
  if (!version)
    throw new StepError(`package.json names no pnpm version: packageManager is ${packageManager}`);
  return version;
}

/**
 * Command line that runs the pinned pnpm: the one on the PATH when it is that very version, else npm fetches it for the
 * occasion. Corepack is not used: the one that comes with Node 20 no longer knows the registry's signing keys.
 */
function pnpmCommand(version, env) {
  const own = spawnSync('pnpm', ['--version'], { cwd: root, env, encoding: 'utf8', timeout: 20_000 });
  if (own.status === 0 && own.stdout.trim() === version) return ['pnpm'];
  // Under "npm start" npm says where it is, which holds even where no npx is on the PATH.
  const npm = process.env.npm_execpath ?? '';
  const exec = ['exec', '--yes', `--package=pnpm@${version}`, '--', 'pnpm'];
  return basename(npm) === 'npm-cli.js' ? [process.execPath, npm, ...exec] : ['npm', ...exec];
}

async function install() {
  const key = installKey();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return;
  const version = pinnedPnpm();
  const env = toolEnv();
  const since = performance.now();
  say(`installing the dependencies with pnpm ${version} …`);
  const [command, ...args] = pnpmCommand(version, env);
  await run(command, [...args, 'install', '--frozen-lockfile'], env);
  writeFileSync(stamp, key);
  say(`dependencies installed in ${seconds(since)}`);
}

async function build() {
  const since = performance.now();
  const notice = setTimeout(() => say('building …'), 1500);
  try {
    await run(
      process.execPath,
      [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '--build'],
      process.env,
    );
  } finally {
    clearTimeout(notice);
  }
  if (performance.now() - since > 1500) say(`built in ${seconds(since)}`);
}

/** No preparation takes this long: a lock this old was left by a process that was killed. */
const LOCK_LIFETIME_MS = 20 * 60_000;

function isHeld() {
  try {
    if (Date.now() - statSync(lock).mtimeMs > LOCK_LIFETIME_MS) return false;
    const holder = Number(readFileSync(lock, 'utf8'));
    // 0 and below mean whole groups of processes to kill(2): no holder, and always there.
    return holder > 0 && process.kill(holder, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function release() {
  rmSync(lock, { force: true });
}

/** Takes the lock in one step, so that it is never seen without its owner's number; false when it is taken. */
function take() {
  const own = `${lock}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, lock);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

/** Two commands started at once in a fresh checkout must not install over each other. */
async function acquire() {
  mkdirSync(dirname(lock), { recursive: true });
  for (let waited = false; !take(); ) {
    if (!isHeld()) {
      release();
      continue;
    }
    if (!waited) say(`another command is preparing this checkout (${lock}), waiting for it …`);
    waited = true;
    await sleep(200);
  }
}

/** Resolves when the checkout can run; otherwise says why on stderr and ends this process with exit code 1. */
export async function prepare() {
  try {
    checkNode();
    await acquire();
    try {
      await install();
      await build();
    } finally {
      release();
    }
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    say(error.message);
    process.exit(1);
  }
}

/**
 * Runs the command line program in this very process, with `args` as its own: signals, exit code and terminal are then
 * its own too. It stands in the folder the user called npm from, where the files they name are.
 */
export async function runCli(args) {
  const main = join(root, 'apps', 'cli', 'dist', 'main.js');
  if (!existsSync(main)) {
    say(`${main} was not built: is apps/cli/src/main.ts there?`);
    process.exit(1);
  }
  const { INIT_CWD: calledFrom } = process.env;
  if (calledFrom && existsSync(calledFrom)) process.chdir(calledFrom);
  process.argv = [process.execPath, main, ...args];
  await import(pathToFileURL(main).href);
}
