import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const [script = '', ...rest] = args;
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'scripts', script), ...rest], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

test('npm test fails when no test ran, and still closes with the count', () => {
  const ended = run('test.mjs', 'no-test-has-this-name');
  expect(ended.stdout.trim().split('\n').at(-1)).toBe('0 passed, 0 failed');
  expect(ended.status).toBe(1);
}, 90_000);

test.each(['', '0', '-1', '999999999', 'no number'])(
  'a lock of a dead command, holding "%s", is taken over',
  (content) => {
    const lock = join(root, '.cache', 'prepare.lock');
    mkdirSync(dirname(lock), { recursive: true });
    writeFileSync(lock, content);
    const ended = run('test.mjs', '--listTests', 'layers-of-nothing');
    expect(ended.stderr).not.toContain('waiting');
    expect(ended.status).not.toBeNull();
  },
  90_000,
);
