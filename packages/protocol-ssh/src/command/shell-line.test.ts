import { expect, test } from '@jest/globals';
import type { ShellFacts } from '@scrim/model';
import { HARMLESS, UNKNOWN } from './shell-line.calm.ts';
import { DODGES, PLAIN } from './shell-line.cases.ts';
import { LONGEST_LINE, shellFacts } from './shell-line.ts';

/** What a guard on a command name asks: may the line run it? */
function mayRun(name: string, facts: ShellFacts): boolean {
  const base = (one: string) => one.slice(one.lastIndexOf('/') + 1);
  return !facts.complete || [...facts.commands, ...(facts.mayRun ?? [])].some((one) => base(one) === name);
}

test.each(PLAIN)('%j runs %s', (line, commands) => {
  const facts = shellFacts(line);
  expect({ commands: [...facts.commands].sort().join(' '), opaque: facts.opaque }).toEqual({
    commands: commands.split(' ').sort().join(' '),
    opaque: [],
  });
});

test.each(DODGES)('%j is seen to run rm', (line) => {
  expect(mayRun('rm', shellFacts(line))).toBe(true);
});

test.each(UNKNOWN)('%j is not understood', (line) => {
  const facts = shellFacts(line);
  expect(facts.complete).toBe(false);
  expect(facts.opaque?.length).toBeGreaterThan(0);
});

test.each(HARMLESS)('%j runs neither rm nor sudo', (line) => {
  const facts = shellFacts(line);
  expect({ rm: mayRun('rm', facts), sudo: mayRun('sudo', facts), opaque: facts.opaque }).toEqual({
    rm: false,
    sudo: false,
    opaque: [],
  });
});

test.each([
  ['cat x > out', 'read write', 'out'],
  ['ls >> log 2>&1', 'read write', 'log'],
  ['ls > /dev/null 2>&1', 'read', ''],
  ['ls &> both', 'read write', 'both'],
  ['echo a > "$f"', 'read write', '*'],
  ['>only', 'write', 'only'],
  ['{ ls; pwd; } > all', 'read write', 'all'],
  ['echo x > /dev/tcp/10.0.0.1/80', 'network read', '/dev/tcp/10.0.0.1/80'],
  ['cat < in', 'read', ''],
  ['diff <(ls a) <(ls b)', 'read', ''],
  ['ls | tee copy', 'read write', ''],
  ['sudo ls', 'privileged read', ''],
  ['curl http://x', 'network read', ''],
  ['curl -o f http://x', 'network read write', ''],
  ['find . -name x', 'read', ''],
  ['find . -delete', 'read write', ''],
  ['find . -fprint list', 'read write', 'list'],
  ['sort f', 'read', ''],
  ['sort -o f f', 'write', ''],
  ['sed -n 1p f', 'read', ''],
  ['sed -i s/a/b/ f', 'write', ''],
  ['git status', 'read', ''],
  ['git push', 'network write', ''],
  ['systemctl status x', 'read', ''],
  ['systemctl restart x', 'write', ''],
  ['docker ps', 'read', ''],
  ['kubectl get pods', 'network read', ''],
  ['kubectl delete pod x', 'network write', ''],
  ['./deploy', 'unknown', ''],
  ['/tmp/ls', 'read unknown', ''],
  ['mytool x', 'unknown', ''],
  ['uniq a b', 'read write', ''],
])('%j has the effects %s and writes %j', (line, effects, writes) => {
  const facts = shellFacts(line, { terminal: false });
  expect([...(facts.effects ?? [])].sort().join(' ')).toBe(effects);
  expect(facts.writes?.join(' ')).toBe(writes);
});

test('pagers are programs somebody types into only where there is a terminal', () => {
  expect(shellFacts('less f', { terminal: true })).toMatchObject({ complete: false, screens: ['less'] });
  expect(shellFacts('less f', { terminal: false })).toMatchObject({ complete: true, screens: ['less'] });
  expect(shellFacts('vi f', { terminal: false })).toMatchObject({ complete: false, screens: ['vi'] });
  expect(shellFacts('top', { terminal: true })).toMatchObject({ complete: true, screens: ['top'] });
});

test('history expansion is judged where a shell reads lines from a person', () => {
  for (const line of ['!!', '!rm', 'echo "!rm"', 'ls !$', '^ls^rm', 'sudo !!']) {
    expect(shellFacts(line, { interactive: true }).complete).toBe(false);
  }
  for (const line of ['! ls', "echo '!rm'", '[ a != b ]', 'echo hi!'])
    expect(shellFacts(line, { interactive: true }).complete).toBe(true);
});

test('a program nobody listed may run any word it is given', () => {
  expect(shellFacts('mywrap rm -rf x')).toMatchObject({ commands: ['mywrap'], mayRun: ['rm', '-rf', 'x'] });
  expect(mayRun('rm', shellFacts("mywrap 'rm -rf x'"))).toBe(true);
});

test('bytes that are no text, too many of them, and NUL are not understood', () => {
  expect(shellFacts(Uint8Array.of(0x6c, 0x73, 0x20, 0xff)).complete).toBe(false);
  expect(shellFacts('ls \0').complete).toBe(false);
  expect(shellFacts('l'.repeat(LONGEST_LINE + 1)).complete).toBe(false);
  expect(shellFacts(new TextEncoder().encode('ls é')).complete).toBe(true);
});

test('hostile nesting is answered in bounded time', () => {
  const pieces = [
    '(',
    '$(',
    '`',
    '"$(',
    '{',
    '${x:-',
    '$((',
    'if ',
    '{a,',
    '<(',
    'a|',
    'cat <<A ',
    '[[ (',
    '((',
    'case x in a) ',
    '$[',
    'a[',
    '"',
    "'",
    '\\',
    '<<<',
    'f(){ ',
    '!',
    '&',
    ';',
    '\n',
    'sudo ',
    'env ',
    'eval ',
    'sh -c ',
  ];
  for (const piece of pieces) {
    const line = piece.repeat(Math.floor(LONGEST_LINE / piece.length));
    const before = performance.now();
    expect(() => shellFacts(line)).not.toThrow();
    expect(performance.now() - before).toBeLessThan(2000);
  }
});

test('any bytes at all are answered', () => {
  let seed = 7;
  const next = () => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed;
  };
  const letters = [...'$(){}[]`\'"\\|&;<>!#*?~= \n\tabrm01-:/@^%'];
  for (let round = 0; round < 3000; round += 1) {
    let line = '';
    for (let i = 0; i < next() % 40; i += 1) line += letters[next() % letters.length];
    expect(() => shellFacts(line)).not.toThrow();
  }
});
