// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are shell, not templates
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { shellFacts } from './shell-line.ts';

/*
 * Real shells against the grammar: lines are put together at random from what shells can nest, around a program
 * `zap` that leaves a file behind. Whatever makes a real shell run it, the facts must say so.
 */

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'shell-line-'));
  writeFileSync(join(folder, 'zap'), `#!/bin/sh\n: > ${folder}/ran\n`);
  chmodSync(join(folder, 'zap'), 0o755);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NAMES = [
  'zap',
  "z'a'p",
  'z\\ap',
  '"zap"',
  "$'\\x7aap'",
  'z""ap',
  '${y:-zap}',
  'za?',
  '{zap,a}',
  '$"zap"',
];

const AROUND: ((inner: string, quoted: string) => string)[] = [
  (it) => `echo $(${it})`,
  (it) => `echo "$(${it})"`,
  (it) => `(${it})`,
  (it) => `{ ${it}; }`,
  (it) => `true && ${it}`,
  (it) => `false || ${it}`,
  (it) => `echo a | ${it}`,
  (it) => `${it} | cat`,
  (it) => `if ${it}; then :; fi`,
  (it) => `if true; then ${it}; fi`,
  (it) => `for i in 1; do ${it}; done`,
  (it) => `case a in a) ${it};; esac`,
  (it) => `f() { ${it}; }; f`,
  (it) => `x=$(${it})`,
  (it) => `echo \${x:-$(${it})}`,
  (it) => `echo $((0$(${it})))`,
  (it) => `cat <<EOF\n$(${it})\nEOF`,
  (it) => `cat <<'EOF'\n$(${it})\nEOF`,
  (it) => `: # ${it}`,
  (it) => `! ${it}`,
  (it) => `[ -n "$(${it})" ]`,
  (it) => `: > $(${it})/dev/null`,
  (_, quoted) => `sh -c ${quoted}`,
  (_, quoted) => `bash -c ${quoted}`,
  (_, quoted) => `eval ${quoted}`,
  (_, quoted) => `echo ${quoted}`,
  (_, quoted) => `echo ${quoted} | sh`,
  (_, quoted) => `env A=b sh -c ${quoted}`,
  (_, quoted) => `timeout 5 sh -ec ${quoted}`,
  (_, quoted) => `echo a | xargs sh -c ${quoted}`,
  (_, quoted) => `find / -maxdepth 0 -exec sh -c ${quoted} \\;`,
  (_, quoted) => `trap ${quoted} EXIT`,
  (_, quoted) => `nice -n 1 nohup bash -c ${quoted}`,
  (_, quoted) => `x=${quoted}; eval "$x"`,
  (_, quoted) => `bash <<< ${quoted}`,
  (_, quoted) => `[[ a && ${quoted} ]]`,
  (_, quoted) => `printf %s ${quoted}`,
  (it) => `true\n${it}`,
  (it) => `true \\\n; ${it}`,
  (it) => `true & ${it}`,
  (it) => `((${it}))`,
  (it) => `echo \`${it.replace(/[\\`$]/g, '\\$&')}\``,
  (it) => `cat <(${it})`,
  (it) => `set -- ${it}; "$@"`,
  (it) => `a=(${it}); "\${a[@]}"`,
  (it) => `exec ${it}`,
  (it) => `command ${it}`,
];

function quote(text: string, how: number): string {
  if (how === 0) return `'${text.replaceAll("'", `'\\''`)}'`;
  if (how === 1) return `"${text.replace(/[\\"$`]/g, '\\$&')}"`;
  return `$'${text.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n')}'`;
}

function randomLine(next: (below: number) => number): string {
  let line = NAMES[next(NAMES.length)] as string;
  for (let depth = 1 + next(4); depth > 0; depth -= 1) {
    const around = AROUND[next(AROUND.length)] as (typeof AROUND)[number];
    line = around(line, quote(line, next(3)));
  }
  return line;
}

function runs(shell: string, line: string): boolean {
  rmSync(join(folder, 'ran'), { force: true });
  try {
    execFileSync(shell, ['-c', line], {
      cwd: folder,
      env: { PATH: `${folder}:/usr/bin:/bin` },
      stdio: 'ignore',
      timeout: 5000,
    });
  } catch {
    // A line the shell refuses may have run part of itself before.
  }
  return existsSync(join(folder, 'ran'));
}

test.each(['bash', 'dash'])('whatever makes %s run a program, the facts say so', (shell) => {
  let seed = 20_231;
  const next = (below: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return (seed >>> 8) % below;
  };
  const rounds = Number(process.env.SHELL_ROUNDS ?? 250);
  const missed: string[] = [];
  let ran = 0;
  for (let round = 0; round < rounds; round += 1) {
    const line = randomLine(next);
    const facts = shellFacts(line);
    const seen = !facts.complete || [...facts.commands, ...(facts.mayRun ?? [])].includes('zap');
    // Where the facts already say it may run, the shell is asked only now and then: starting one is slow.
    if (seen && round % 8 !== 0) continue;
    if (!runs(shell, line)) continue;
    ran += 1;
    if (!seen) missed.push(line);
  }
  expect(missed).toEqual([]);
  expect(ran).toBeGreaterThan(5);
});
