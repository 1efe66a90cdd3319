/**
 * `npm test [-- jest arguments]`: all tests. Closes with the line "N passed, N failed", counted by jest; a test file that
 * did not even load counts as one failed. Exit code 1 when a test failed or none ran.
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

await prepare();
const folder = mkdtempSync(join(tmpdir(), 'scrim-test-result-'));
const resultFile = join(folder, 'result.json');
const ended = await jest(process.argv.slice(2), resultFile);
const result = readResult(resultFile);
rmSync(folder, { recursive: true, force: true });

if (!result) {
  process.stderr.write(`scrim: jest ended without a result (${ended})\n`);
  process.exit(ended === 0 ? 0 : 1);
}
const passed = result.numPassedTests;
const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exit(ended === 0 && failed === 0 && passed > 0 ? 0 : 1);
