/**
 * `npm test [-- jest arguments]`: all tests. Files with a failure run once more, alone: tests here start real databases
 * and browsers, several files at a time, and a machine that is too busy for a moment must not look like a defect. What
 * fails alone, too, has failed; what passes alone is named. Closes with the line "N passed, N failed", counted by jest; a
 * test file that did not even load counts as one failed. Exit code 1 when a test failed or none ran.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

/** Tests bring their own stores: never those (or the control plane) that the user's shell points at. */
const NOT_FOR_TESTS = [
  'DATABASE_URL',
  'REDIS_URL',
  'SCRIM_API',
  'SCRIM_TOKEN',
  'PGHOST',
  'PGPORT',
  'PGUSER',
  'PGPASSWORD',
];

function jest(args, resultFile) {
  const env = { ...process.env };
  for (const name of NOT_FOR_TESTS) delete env[name];
  const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const program = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const child = spawn(process.execPath, [...node, program, '--json', `--outputFile=${resultFile}`, ...args], {
    cwd: root,
    env,
    // --json would also print the result here; the reporters speak on stderr.
    stdio: ['inherit', 'ignore', 'inherit'],
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? code));
  });
}

function readResult(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Runs jest and gives its result; ends the process when there is none. */
async function run(args) {
  const folder = mkdtempSync(join(tmpdir(), 'scrim-test-result-'));
  const resultFile = join(folder, 'result.json');
  const ended = await jest(args, resultFile);
  const result = readResult(resultFile);
  rmSync(folder, { recursive: true, force: true });
  if (result) return { ...result, ended };
  process.stderr.write(`scrim: jest ended without a result (${ended})\n`);
  process.exit(ended === 0 ? 0 : 1);
}

/** More files than this do not fail because of a busy moment. */
const MOST_AGAIN = 5;

const failuresOf = (file) => file.assertionResults.filter((it) => it.status === 'failed');

await prepare();
const first = await run(process.argv.slice(2));
const failing = first.testResults.filter((it) => it.status === 'failed');
let passed = first.numPassedTests;
let failed = first.numFailedTests + first.numRuntimeErrorTestSuites;
let clean = first.ended === 0;
if (failing.length > 0 && failing.length <= MOST_AGAIN) {
  process.stderr.write(`\n${failing.length} files failed; each once more, alone\n`);
  // In one process a handle some library keeps open would hold jest for ever; workers are ended by themselves.
  const again = await run([
    '--runInBand',
    '--forceExit',
    '--runTestsByPath',
    ...failing.map((it) => it.name),
  ]);
  for (const file of failing) passed -= file.assertionResults.filter((it) => it.status === 'passed').length;
  passed += again.numPassedTests;
  failed = again.numFailedTests + again.numRuntimeErrorTestSuites;
  clean = again.ended === 0;
  const stillFailing = new Set(again.testResults.flatMap(failuresOf).map((it) => it.fullName));
  for (const { fullName } of failing.flatMap(failuresOf)) {
    if (!stillFailing.has(fullName)) process.stderr.write(`passed only alone: ${fullName}\n`);
  }
}
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exit(clean && failed === 0 && passed > 0 ? 0 : 1);
