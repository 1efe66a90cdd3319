import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type ssh2 from 'ssh2';
import { Gateway, GITHUB, SECRETS, Sshd } from './harness.ts';

const MASK = '***MASKED***';
let sshd: Sshd;
let gateway: Gateway;

beforeAll(async () => {
  sshd = await Sshd.start();
  gateway = await Gateway.open(sshd, [SECRETS]);
  sshd.file('notes.txt', `first line\ntoken ${GITHUB}\nlast line\n`);
  sshd.file('picture.png', Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), randomBytes(3_000)]));
  mkdirSync(sshd.path('secret'));
  sshd.file('secret/key.txt', 'hidden');
  symlinkSync(sshd.path('secret/key.txt'), sshd.path('innocent.txt'));
  mkdirSync(sshd.path('folder'));
}, 120_000);

beforeEach(() => {
  gateway.recorded.length = 0;
  gateway.apply([SECRETS]);
});

afterAll(async () => {
  await gateway.close();
  sshd.stop();
});

function local(name: string): string {
  return join(gateway.folder, name);
}

async function session(): Promise<{ sftp: ssh2.SFTPWrapper; end: () => void }> {
  const client = await gateway.client();
  const sftp = await new Promise<ssh2.SFTPWrapper>((resolve, reject) =>
    client.sftp((error, opened) => (error ? reject(error) : resolve(opened))),
  );
  return { sftp, end: () => client.end() };
}

const guard = (when: unknown, reason = 'not this') => [
  { ...SECRETS, guard: [{ when: { sftp: when }, do: 'block', reason }] },
];

test('a file read over sftp is masked, and its size is that of what is read', async () => {
  const said = await gateway.sftp(`get ${sshd.path('notes.txt')} ${local('notes')}\nls -l ${sshd.home}\n`);
  expect([said.code, said.err]).toEqual([0, '']);
  const text = readFileSync(local('notes'), 'utf8');
  expect(text).toBe(`first line\ntoken ${MASK}\nlast line\n`);
  expect(gateway.kept()).not.toContain(GITHUB);
  expect(gateway.operations().map((it) => it.text)).toContain(`read ${sshd.path('notes.txt')}`);
});

test('parts of a file read at any offset come from the masked copy', async () => {
  const { sftp, end } = await session();
  const whole = readFileSync(sshd.path('notes.txt'), 'utf8').replace(GITHUB, MASK);
  const handle = await new Promise<Buffer>((resolve, reject) =>
    sftp.open(sshd.path('notes.txt'), 'r', (error, opened) => (error ? reject(error) : resolve(opened))),
  );
  const read = (at: number, length: number) =>
    new Promise<string>((resolve) => {
      const bytes = Buffer.alloc(length);
      sftp.read(handle, bytes, 0, length, at, (error, count) =>
        resolve(error ? '' : bytes.toString('utf8', 0, count)),
      );
    });
  for (let at = 0; at < whole.length + 20; at += 7) expect(await read(at, 7)).toBe(whole.slice(at, at + 7));
  const size = await new Promise((resolve) => sftp.fstat(handle, (_error, stats) => resolve(stats.size)));
  expect(size).toBe(whole.length);
  const stat = await new Promise((resolve) =>
    sftp.stat(sshd.path('notes.txt'), (_error, stats) => resolve(stats.size)),
  );
  expect(stat).toBe(whole.length);
  end();
});

test('a file renamed and rewritten while it is read shows what it held when it was opened', async () => {
  writeFileSync(sshd.path('moving.txt'), `a ${GITHUB}\n`);
  const { sftp, end } = await session();
  const handle = await new Promise<Buffer>((resolve) =>
    sftp.open(sshd.path('moving.txt'), 'r', (_e, opened) => resolve(opened)),
  );
  renameSync(sshd.path('moving.txt'), sshd.path('moved.txt'));
  writeFileSync(sshd.path('moving.txt'), `${GITHUB}\n`);
  const bytes = Buffer.alloc(100);
  const count = await new Promise<number>((resolve) =>
    sftp.read(handle, bytes, 0, 100, 0, (_e, n) => resolve(n)),
  );
  expect(bytes.toString('utf8', 0, count)).toBe(`a ${MASK}\n`);
  end();
});

test('/proc is read and masked although it says that it is empty', async () => {
  const said = await gateway.sftp(`get /proc/self/status ${local('status')}\n`);
  expect(said.err).toBe('');
  expect(readFileSync(local('status'), 'utf8')).toContain('sftp-server');
});

test('what is no text is refused, and passes where a policy says so', async () => {
  const refused = await gateway.sftp(`get ${sshd.path('picture.png')} ${local('picture')}\n`);
  expect(refused.code).not.toBe(0);
  expect(refused.err).toContain('uninspected: allow');
  gateway.apply([{ ...SECRETS, uninspected: 'allow' }]);
  const passed = await gateway.sftp(`get ${sshd.path('picture.png')} ${local('picture')}\n`);
  expect(passed.err).toBe('');
  expect(readFileSync(local('picture')).equals(readFileSync(sshd.path('picture.png')))).toBe(true);
});

test('a file too long to hold is refused, and passes where a policy says so', async () => {
  sshd.file('long.txt', 'line of text\n'.repeat(500_000));
  expect((await gateway.sftp(`get ${sshd.path('long.txt')} ${local('long')}\n`)).err).toContain(
    'longer than',
  );
  gateway.apply([{ ...SECRETS, uninspected: 'allow' }]);
  expect((await gateway.sftp(`get ${sshd.path('long.txt')} ${local('long')}\n`)).code).toBe(0);
  expect(readFileSync(local('long')).length).toBe(6_500_000);
});

test('a megabyte of text keeps every byte that is no secret', async () => {
  const lines = Array.from({ length: 30_000 }, (_, i) => `line ${i} of some text that holds nothing`).join(
    '\n',
  );
  sshd.file('many.txt', `${lines}\n${GITHUB}\n`);
  await gateway.sftp(`get ${sshd.path('many.txt')} ${local('many')}\n`);
  expect(readFileSync(local('many'), 'utf8')).toBe(`${lines}\n${MASK}\n`);
});

test('files are written, and everything else is done that sftp does', async () => {
  writeFileSync(local('up'), 'x'.repeat(500_000));
  const to = sshd.path('folder');
  const said = await gateway.sftp(
    [
      `put ${local('up')} ${to}/up`,
      `rename ${to}/up ${to}/down`,
      `mkdir ${to}/sub`,
      `rmdir ${to}/sub`,
      `ln -s ${to}/down ${to}/link`,
      `chmod 600 ${to}/down`,
      `ln ${to}/down ${to}/hard`,
      `rm ${to}/link`,
      `cd ${to}`,
      'pwd',
      'df',
      '',
    ].join('\n'),
  );
  expect([said.code, said.err]).toEqual([0, '']);
  expect(readFileSync(sshd.path('folder/down')).length).toBe(500_000);
  expect(existsSync(sshd.path('folder/hard'))).toBe(true);
  const verbs = gateway.operations().map((it) => it.text.split(' ')[0]);
  expect(verbs).toEqual(
    expect.arrayContaining(['write', 'rename', 'mkdir', 'rmdir', 'link', 'setstat', 'remove']),
  );
});

test('masks are not written back', async () => {
  writeFileSync(local('masked'), `token ${MASK}\n`);
  const said = await gateway.sftp(`put ${local('masked')} ${sshd.path('notes.txt')}.new\n`);
  expect(said.err).toContain('SCRIM_WRITE_BACK');
  expect(readFileSync(`${sshd.path('notes.txt')}.new`, 'utf8')).toBe('');
});

test('rules on paths see through links, .. and relative names', async () => {
  gateway.apply(guard({ paths: [`${sshd.home}/secret/**`] }));
  for (const path of ['secret/key.txt', 'folder/../secret/key.txt', 'innocent.txt', './/secret/./key.txt']) {
    const said = await gateway.sftp(`get ${sshd.home}/${path} ${local('stolen')}\n`);
    expect([path, said.code]).toEqual([path, 1]);
  }
  const { sftp, end } = await session();
  const opened = (path: string) =>
    new Promise((resolve) => sftp.open(path, 'r', (error) => resolve(error === undefined)));
  const home = await new Promise<string>((resolve) => sftp.realpath('.', (_e, path) => resolve(path)));
  const up = home
    .split('/')
    .filter(Boolean)
    .map(() => '..')
    .join('/');
  expect(await opened(`${up}${sshd.home}/secret/key.txt`)).toBe(false);
  expect(await opened(`${up}${sshd.home}/notes.txt`)).toBe(true);
  end();
  expect(existsSync(local('stolen'))).toBe(false);
});

test('a link made to reach a guarded file is judged by where it leads', async () => {
  gateway.apply(guard({ paths: [`${sshd.home}/secret/**`], operations: ['link', 'read'] }));
  const said = await gateway.sftp(`ln -s ${sshd.home}/secret/key.txt ${sshd.home}/way\n`);
  expect([said.code, existsSync(sshd.path('way'))]).toEqual([1, false]);
  const relative = await gateway.sftp(`cd ${sshd.home}\nln -s secret/key.txt way\n`);
  expect([relative.code, existsSync(sshd.path('way'))]).toEqual([1, false]);
});

test('operations are guarded by name', async () => {
  gateway.apply(guard({ operations: ['remove', 'write'] }, 'read only'));
  const said = await gateway.sftp(`rm ${sshd.path('notes.txt')}\n`);
  expect(said.err).toContain('blocked by policy: read only');
  expect(existsSync(sshd.path('notes.txt'))).toBe(true);
  expect((await gateway.sftp(`put ${local('notes')} ${sshd.path('new')}\n`)).code).toBe(1);
  expect(existsSync(sshd.path('new'))).toBe(false);
});

test('scp takes the same way', async () => {
  const down = await gateway.scp([`127.0.0.1:${sshd.path('notes.txt')}`, local('copied')]);
  expect([down.code, down.err]).toEqual([0, '']);
  expect(readFileSync(local('copied'), 'utf8')).toContain(MASK);
  const up = await gateway.scp([local('copied'), `127.0.0.1:${sshd.path('back')}`]);
  expect(up.err).toContain('SCRIM_WRITE_BACK');
  const tree = await gateway.scp(['-r', `127.0.0.1:${sshd.path('folder')}`, local('tree')]);
  expect([tree.code, existsSync(local('tree/down'))]).toEqual([0, true]);
});

test('the older scp is a stream nobody looks into', async () => {
  const refused = await gateway.scp(['-O', `127.0.0.1:${sshd.path('notes.txt')}`, local('old')]);
  expect(refused.code).not.toBe(0);
  expect(existsSync(local('old'))).toBe(false);
  gateway.apply([{ ...SECRETS, uninspected: 'allow' }]);
  expect((await gateway.scp(['-O', `127.0.0.1:${sshd.path('notes.txt')}`, local('old')])).code).toBe(0);
});

test('names of files are masked', async () => {
  sshd.file(`folder/${GITHUB}`, 'x');
  const said = await gateway.sftp(`ls -1 ${sshd.path('folder')}\n`);
  expect(said.out).toContain(MASK);
  expect(said.out).not.toContain(GITHUB);
});

test('a file cannot be opened for reading and writing at once', async () => {
  const { sftp, end } = await session();
  const opened = await new Promise((resolve) =>
    sftp.open(sshd.path('notes.txt'), 'r+', (error) => resolve(error?.message)),
  );
  expect(String(opened)).toContain('reading and writing at once');
  end();
});

test('sftp as a whole is guarded as the command sftp', async () => {
  gateway.apply([{ ...SECRETS, guard: [{ when: { shell: { commands: ['sftp'] } }, do: 'block' }] }]);
  const said = await gateway.sftp('pwd\n');
  expect(said.err).toContain('SCRIM_GUARD_BLOCKED');
});
