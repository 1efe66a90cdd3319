import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { type LineAtEnter, LineModel } from './line-model.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const children: ChildProcessWithoutNullStreams[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A real shell on a real terminal, with the model between. */
class Shell {
  readonly model = new LineModel({ columns: 80, rows: 24 });
  readonly lines: LineAtEnter[] = [];
  output = '';
  private last = Date.now();
  private readonly child;

  constructor(command: string) {
    const bridge = `import pty,os,sys,fcntl,termios,struct
def read(fd): return os.read(fd, 1024)
pid, fd = pty.fork()
if pid == 0: os.execvp("sh", ["sh", "-c", "stty cols 80 rows 24; exec " + sys.argv[1]])
pty._copy(fd, read, read)`;
    this.child = spawn('python3', ['-c', bridge, command], {
      env: { PATH: '/usr/bin:/bin', PS1: '$ ', TERM: 'xterm', HISTFILE: '/dev/null', INPUTRC: '/dev/null' },
      stdio: 'pipe',
    });
    children.push(this.child);
    this.child.stdout.on('data', (chunk: Buffer) => {
      this.last = Date.now();
      this.output += chunk.toString();
      this.model.screen(chunk);
    });
  }

  async quiet(): Promise<void> {
    const since = Date.now();
    while (Date.now() - Math.max(this.last, since) < 120) await sleep(20);
  }

  /** Presses keys; every line is noted at its Enter and then let through. */
  async press(keys: string): Promise<LineAtEnter[]> {
    const before = this.lines.length;
    let rest: Uint8Array = bytes(keys);
    while (rest.length > 0) {
      const taken = this.model.keys(rest);
      this.child.stdin.write(taken.pass);
      rest = taken.rest;
      await this.quiet();
      if (!taken.enter) continue;
      this.lines.push(this.model.line());
      this.child.stdin.write(taken.enter);
      this.model.entered(true);
      // What is typed ahead is given on when the answer has been shown.
      await this.quiet();
    }
    await this.quiet();
    return this.lines.slice(before);
  }
}

async function started(command: string): Promise<Shell> {
  const shell = new Shell(command);
  await sleep(400);
  await shell.quiet();
  return shell;
}

const SHELLS = ['bash --norc --noprofile -i', 'dash -i'];

test.each(SHELLS)(
  'what is typed and mended in %s is known at Enter',
  async (command) => {
    const shell = await started(command);
    expect(await shell.press('echo one\r')).toEqual([{ text: 'echo one' }]);
    expect(await shell.press('ech\x7f\x7f\x7fls -l\r')).toEqual([{ text: 'ls -l' }]);
    expect(await shell.press('rm -rf x\x15pwd\r')).toEqual([{ text: 'pwd' }]);
    expect(await shell.press('echo a\recho b\r')).toEqual([{ text: 'echo a' }, { text: 'echo b' }]);
    expect(await shell.press('\r')).toEqual([{ text: '' }]);
    expect(await shell.press(`echo ${'y'.repeat(150)}\r`)).toEqual([{ text: `echo ${'y'.repeat(150)}` }]);
    expect(await shell.press('rm x\x03echo c\r')).toEqual([{ text: 'echo c' }]);
    for (let i = 0; i < 12; i += 1) await shell.press('echo 1; echo 2; echo 3\r');
    expect(await shell.press('true\r')).toEqual([{ text: 'true' }]);
  },
  40_000,
);

test('editing in bash is followed', async () => {
  const shell = await started(SHELLS[0] as string);
  expect(await shell.press('ho x\x01ec\r')).toEqual([{ text: 'echo x' }]);
  expect(await shell.press('eco\x1b[Dh\x05 hi\r')).toEqual([{ text: 'echo hi' }]);
  expect(await shell.press('echo one two\x17three\r')).toEqual([{ text: 'echo one three' }]);
  expect(await shell.press('one\x15echo \x19\r')).toEqual([{ text: 'echo one' }]);
  expect(await shell.press('xecho\x01\x1b[3~\x05 z\r')).toEqual([{ text: 'echo z' }]);
  expect(await shell.press('echo a-b\x1bb\x1bdc\r')).toEqual([{ text: 'echo a-c' }]);
  expect(await shell.press('\x1b[200~echo pasted\x1b[201~\r')).toEqual([{ text: 'echo pasted' }]);
}, 30_000);

test('what bash recalls and completes is read from its screen', async () => {
  const shell = await started(SHELLS[0] as string);
  await shell.press('echo first\r');
  await shell.press('echo second\r');
  await shell.press('\x1b[A\x1b[A');
  expect(await shell.press('\r')).toEqual([{ text: 'echo first' }]);
  await shell.press('\x10');
  expect(await shell.press(' more\r')).toEqual([{ text: 'echo first more' }]);
  await shell.press('echo /usr/bi\t');
  expect(await shell.press('\r')).toEqual([{ text: 'echo /usr/bin/' }]);
}, 30_000);

test('what cannot be told is unknown', async () => {
  const shell = await started(SHELLS[0] as string);
  await shell.press('echo first\r');
  const unknown = { unknown: expect.any(String) };
  await shell.press('\x12fir');
  expect(await shell.press('\r')).toEqual([unknown]);
  // bash ignores Ctrl-Z here: what was typed before it is still there.
  expect(await shell.press('echo a;\x1aecho b\r')).toEqual([unknown]);
  // So is what was typed before a Ctrl-C that is ignored; it is erased.
  await shell.press("trap '' INT\r");
  expect(await shell.press('echo bad;\x03echo good\r')).toEqual([{ text: 'echo good' }]);
  expect(shell.output.slice(-40)).not.toContain('bad\r\ngood');
  await shell.press('set -o vi\r');
  await shell.press('ab\x1bxxiecho');
  expect(await shell.press('\r')).toEqual([unknown]);
  await shell.press('set -o emacs\r');
  await shell.press('\x1b[A\x1b[A\x1b[D');
  expect(await shell.press('\r')).toEqual([unknown]);
  expect(await shell.press('sleep 0.1; stty -echo; cat >/dev/null\r')).toHaveLength(1);
  expect(await shell.press('rm x\r')).toEqual([unknown]);
}, 30_000);

test('every key at which something may run is held', () => {
  for (const key of ['\r', '\n', '\x0f', '\x18', '\x1ba', '\x1bv', '\x1b\r', '\x1bx']) {
    const model = new LineModel({ columns: 80, rows: 24 });
    const taken = model.keys(bytes(`ls${key}rest`));
    expect([Buffer.from(taken.pass).toString(), Buffer.from(taken.enter ?? []).toString()]).toEqual([
      'ls',
      key,
    ]);
    expect(Buffer.from(taken.rest).toString()).toBe('rest');
  }
  const end = new LineModel({ columns: 80, rows: 24 });
  expect(end.keys(bytes('\x04')).enter).toBeUndefined();
  expect(end.keys(bytes('rm x\x04')).enter).toEqual(bytes('\x04'));
});

test('a line nobody echoes, a full screen, a changed window and a painted line are unknown', () => {
  const start = () => {
    const model = new LineModel({ columns: 80, rows: 24 });
    model.screen(bytes('$ '));
    return model;
  };
  const silent = start();
  silent.keys(bytes('rm x\r'));
  expect(silent.line()).toEqual({ unknown: 'what was typed is not shown' });
  const full = start();
  full.screen(bytes('\x1b[?1049h'));
  full.keys(bytes('x\r'));
  expect(full.line()).toEqual({ unknown: 'a full-screen program reads the keys' });
  const changed = start();
  changed.keys(bytes('l'));
  changed.resize(40, 10);
  changed.screen(bytes('l'));
  changed.keys(bytes('\r'));
  expect('unknown' in changed.line()).toBe(true);
  const painted = start();
  painted.keys(bytes('rm x'));
  painted.screen(bytes('rm x\r$ ls  '));
  painted.keys(bytes('\r'));
  expect('unknown' in painted.line()).toBe(true);
  const strict = new LineModel({ columns: 80, rows: 24, trustScreen: false });
  strict.screen(bytes('$ '));
  strict.keys(bytes('\x1b[A'));
  strict.screen(bytes('ls'));
  strict.keys(bytes('\r'));
  expect(strict.line()).toEqual({ unknown: 'it was recalled or completed by the target' });
  const suggested = start();
  suggested.keys(bytes('\t'));
  suggested.screen(bytes('ls\x1b[90m -rf\x1b[0m\x1b[4D'));
  suggested.keys(bytes('\r'));
  expect(suggested.line()).toEqual({ unknown: 'text stands behind the cursor' });
});

test('a key cut in two is one key, and what was passed is not passed again', () => {
  const model = new LineModel({ columns: 80, rows: 24 });
  model.screen(bytes('$ '));
  const all = '\x1b[Aé\x1b[Dx\r';
  let passed = '';
  for (const byte of bytes(all)) {
    const taken = model.keys(Uint8Array.of(byte));
    passed += Buffer.from(taken.pass).toString('latin1');
    if (taken.enter) passed += Buffer.from(taken.enter).toString('latin1');
  }
  expect(Buffer.from(passed, 'latin1').toString()).toBe(all);
});

test('what was typed and not yet shown is the echo', () => {
  const model = new LineModel({ columns: 80, rows: 24 });
  model.keys(bytes('abc'));
  expect(model.echo).toEqual(bytes('abc'));
  model.screen(bytes('ab'));
  expect(model.echo).toEqual(bytes('c'));
});
