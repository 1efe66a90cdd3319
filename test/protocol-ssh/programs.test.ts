import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type ssh2 from 'ssh2';
import { eventually, Gateway, GITHUB, SECRETS, Sshd, TOKEN } from './harness.ts';

const MASK = '***MASKED***';
let sshd: Sshd;
let gateway: Gateway;

beforeAll(async () => {
  sshd = await Sshd.start();
  gateway = await Gateway.open(sshd, [SECRETS]);
}, 120_000);

beforeEach(() => {
  gateway.recorded.length = 0;
  gateway.apply([SECRETS]);
});

afterAll(async () => {
  await gateway.close();
  sshd.stop();
});

/** Runs a command by ssh2 and collects what comes. */
async function exec(
  client: ssh2.Client,
  command: string,
  options: ssh2.ExecOptions = {},
  started: (channel: ssh2.ClientChannel) => void = () => undefined,
) {
  const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
    client.exec(command, options, (error, opened) => (error ? reject(error) : resolve(opened))),
  );
  const said = { out: '', err: '', exit: [] as unknown[] };
  channel.on('data', (chunk: Buffer) => {
    said.out += chunk;
  });
  channel.stderr.on('data', (chunk: Buffer) => {
    said.err += chunk;
  });
  channel.on('exit', (...exit: unknown[]) => {
    said.exit = exit;
  });
  started(channel);
  await new Promise((resolve) => channel.once('close', resolve));
  return said;
}

test('a command runs, its exit status comes back and its text is masked', async () => {
  const said = await gateway.ssh([`echo hello ${GITHUB}; exit 7`]);
  expect(said).toMatchObject({ err: '', out: `hello ${MASK}\n`, code: 7 });
  expect(gateway.kept()).not.toContain(GITHUB);
  expect(gateway.operations()).toMatchObject([
    { verb: 'exec', text: `echo hello ${MASK}; exit 7`, verdict: 'allow' },
  ]);
});

test('standard error is apart, and masked', async () => {
  const said = await gateway.ssh([`echo out; echo ${GITHUB} >&2`]);
  expect([said.out, said.err, said.code]).toEqual(['out\n', `${MASK}\n`, 0]);
});

test('a secret written letter by letter is found', async () => {
  const letters = [...GITHUB].map((it) => `printf ${it}; sleep 0.01;`).join(' ');
  const said = await gateway.ssh([`${letters} echo`]);
  expect(said.out).toBe(`${MASK}\n`);
});

test('a secret half on stdout and half on stderr stays two halves, whole on neither', async () => {
  const said = await gateway.ssh([`printf ${GITHUB.slice(0, 20)}; printf ${GITHUB.slice(20)} >&2`]);
  expect(said.out).not.toContain(GITHUB);
  expect(said.err).not.toContain(GITHUB);
});

test('on a terminal a secret broken by colours is found', async () => {
  const coloured = `${GITHUB.slice(0, 12)}\\033[31m${GITHUB.slice(12, 25)}\\033[0m${GITHUB.slice(25)}`;
  const said = await gateway.ssh(['-tt', '--', `printf '${coloured}\\n'`]);
  expect(said.out.replaceAll('\u001b[31m', '').replaceAll('\u001b[0m', '')).not.toContain(GITHUB);
  expect(said.out).toContain(MASK);
});

test('the environment of a process is masked', async () => {
  const said = await gateway.ssh([`env SECRET=${GITHUB} cat /proc/self/environ`]);
  expect(said.out).toContain('SECRET=');
  expect(said.out).not.toContain(GITHUB);
});

test('a signal that ends a command comes back as that signal', async () => {
  const client = await gateway.client();
  const said = await exec(client, 'kill -TERM $$');
  expect(said.exit.slice(0, 2)).toEqual([null, 'SIGTERM']);
  client.end();
});

test('standard input reaches the command and its end ends it', async () => {
  const text = randomBytes(300_000).toString('hex');
  const said = await gateway.ssh(['wc -c'], { input: text });
  expect(said.out.trim()).toBe(String(text.length));
});

test('a command may answer after its input has ended, and may close its output early', async () => {
  expect((await gateway.ssh(['cat; sleep 0.3; echo late'], { input: 'x\n' })).out).toBe('x\nlate\n');
  const early = await gateway.ssh(['exec >&- 2>&-; sleep 0.2; exit 5'], { input: '' });
  expect(early.code).toBe(5);
});

test('large output arrives whole, past several key exchanges', async () => {
  const command = 'yes "0123456789 abcdefghij" | head -c 30000000';
  const said = await gateway.ssh([command], { more: ['RekeyLimit=4M'], timeout: 30_000 });
  const expected = Buffer.from('0123456789 abcdefghij\n'.repeat(1_400_000)).subarray(0, 30_000_000);
  expect(createHash('sha256').update(said.bytes).digest('hex')).toBe(
    createHash('sha256').update(expected).digest('hex'),
  );
});

test('large output on both streams at once loses and repeats nothing', async () => {
  const said = await gateway.ssh(
    [
      'for i in $(seq 1 20000); do echo "out $i xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"; echo "err $i yyyyyyyyyyyyyyyyyyyyyyyyy" >&2; done',
    ],
    { timeout: 30_000 },
  );
  expect(said.out.split('\n').length).toBe(20_001);
  expect(said.err.split('\n').length).toBe(20_001);
  expect(said.err).toContain('err 20000 ');
});

test('a terminal has its size, follows changes and passes interrupts', async () => {
  const client = await gateway.client();
  const said = await exec(
    client,
    `stty size; trap 'stty size; exit 0' WINCH; while :; do sleep 0.05; done`,
    { pty: { cols: 91, rows: 31, term: 'xterm' } as never },
    (channel) => channel.once('data', () => channel.setWindow(40, 132, 0, 0)),
  );
  expect(said.out).toContain('31 91');
  expect(said.out).toContain('40 132');
  const cut = await exec(client, 'echo begun; sleep 30', { pty: true }, (channel) =>
    channel.once('data', () => channel.write('\u0003')),
  );
  expect(cut.out).toContain('begun');
  client.end();
});

test('only variables that show text right are passed on', async () => {
  const client = await gateway.client();
  const said = await exec(client, 'echo "$LC_ALL/$LD_PRELOAD/$LANG"', {
    env: { LC_ALL: 'C.UTF-8', LD_PRELOAD: 'x', LANG: 'C' },
  });
  expect(said.out).toBe('C.UTF-8//C\n');
  client.end();
});

test('several channels of one connection do not wait for each other', async () => {
  const client = await gateway.client();
  const slow = exec(client, 'sleep 0.7; echo slow');
  const quick = await Promise.all(Array.from({ length: 9 }, (_, i) => exec(client, `echo quick ${i}`)));
  expect(quick.map((it) => it.out)).toEqual(Array.from({ length: 9 }, (_, i) => `quick ${i}\n`));
  expect((await slow).out).toBe('slow\n');
  client.end();
});

test('ControlMaster shares one connection', async () => {
  const socket = join(gateway.folder, 'mux');
  const master = spawn(
    'ssh',
    [
      ...gateway.options([`ControlPath=${socket}`, 'ControlMaster=yes']),
      '-p',
      String(gateway.port),
      '-l',
      'web1',
      '-N',
      '127.0.0.1',
    ],
    {
      env: gateway.env,
      stdio: 'ignore',
    },
  );
  await eventually(() => existsSync(socket));
  const more = [`ControlPath=${socket}`, 'ControlMaster=no'];
  const said = await Promise.all([1, 2, 3].map((i) => gateway.ssh([`echo shared ${i}`], { more })));
  expect(said.map((it) => it.out)).toEqual(['shared 1\n', 'shared 2\n', 'shared 3\n']);
  expect(gateway.recorded.filter((it) => it.what === 'opened')).toHaveLength(1);
  master.kill();
});

test('a prompt without a line feed arrives while the command waits', async () => {
  const client = await gateway.client();
  const said = await exec(client, 'printf "name? "; read name; echo "hi $name"', {}, (channel) =>
    channel.once('data', (chunk: Buffer) => {
      expect(chunk.toString()).toBe('name? ');
      channel.write('bob\n');
    }),
  );
  expect(said.out).toBe('name? hi bob\n');
  client.end();
});

test('a blocked command says so, and never runs', async () => {
  gateway.apply([
    { ...SECRETS, guard: [{ when: { shell: { commands: ['touch'] } }, do: 'block', reason: 'no touching' }] },
  ]);
  const said = await gateway.ssh([`touch ${sshd.path('touched')}`]);
  expect(said.code).toBe(126);
  expect(said.err).toContain('SCRIM_GUARD_BLOCKED: blocked by policy: no touching');
  expect(existsSync(sshd.path('touched'))).toBe(false);
});

const HOLD = {
  ...SECRETS,
  guard: [{ when: { shell: { commands: ['date'] } }, do: 'hold' }],
  approve: { by: ['dba'] },
};

test('a held command waits, says why, and runs once approved', async () => {
  gateway.apply([HOLD]);
  gateway.asked.length = 0;
  const running = gateway.ssh(['date +%Y']);
  const asked = await eventually(() => gateway.asked[0]);
  asked.answer({ state: 'approved', by: ['bob'], redeem: async () => true } as never);
  const said = await running;
  expect(said.err).toContain('approval');
  expect([said.code, /^20\d\d\n$/.test(said.out)]).toEqual([0, true]);
});

test('Ctrl-C on a terminal takes a held command back', async () => {
  gateway.apply([HOLD]);
  gateway.asked.length = 0;
  const client = await gateway.client();
  const said = exec(client, 'date +%Y', { pty: true }, (channel) => {
    void eventually(() => gateway.asked[0]).then(() => channel.write('\u0003'));
  });
  expect((await said).out).toContain('SCRIM_CANCELLED');
  client.end();
});

test('a caller that leaves withdraws what it waits for', async () => {
  gateway.apply([HOLD]);
  gateway.asked.length = 0;
  const client = await gateway.client();
  void exec(client, 'date').catch(() => undefined);
  const asked = await eventually(() => gateway.asked[0]);
  client.destroy();
  await eventually(() => asked.signal.aborted);
});

test('masks are not written back through standard input', async () => {
  const said = await gateway.ssh([`cat > ${sshd.path('config')}`], { input: `key=${MASK}\n` });
  expect(said.code).toBe(126);
  expect(said.err).toContain('SCRIM_WRITE_BACK');
});

test('more input than a policy allows is stopped', async () => {
  gateway.apply([{ ...SECRETS, guard: [{ when: { request: { largerThan: '64KiB' } }, do: 'block' }] }]);
  const said = await gateway.ssh(['wc -c'], { input: 'x'.repeat(200_000) });
  expect(said.err).toContain('SCRIM_GUARD_BLOCKED');
});

test('a blocked response ends its channel and no other', async () => {
  gateway.apply([
    { ...SECRETS, guard: [{ when: { response: { detect: ['secrets.github'] } }, do: 'block' }] },
  ]);
  const client = await gateway.client();
  const other = exec(client, 'sleep 0.5; echo fine');
  const said = await exec(client, `echo ${GITHUB}`);
  expect(said.out).toBe('');
  expect(said.err).toContain('SCRIM_GUARD_BLOCKED');
  expect((await other).out).toBe('fine\n');
  client.end();
});

test('shells: refused for machines, opened for people, held or recorded by policy', async () => {
  const { caller } = gateway;
  gateway.caller = { ...caller, kind: 'machine' };
  const refused = await gateway.ssh(['-tt'], { input: 'exit\n' });
  expect(refused.out + refused.err).toContain('a machine identity runs commands');
  gateway.apply([{ ...SECRETS, interactive: 'record' }]);
  const opened = await gateway.ssh(['-tt'], { input: `echo $((40+2))\nexit 4\n` });
  expect(opened.out).toContain('42');
  expect(opened.code).toBe(4);
  gateway.caller = caller;
  const person = await gateway.ssh(['-T'], { input: 'echo $((40+3))\n' });
  expect(person.out).toBe('43\n');
});

test('agent, X11, reverse and stream forwarding are refused, and the asking is recorded', async () => {
  const client = await gateway.client();
  const opened = await new Promise((resolve) =>
    client.forwardIn('127.0.0.1', 0, (error) => resolve(error === undefined)),
  );
  expect(opened).toBe(false);
  const stream = await new Promise((resolve) =>
    client.openssh_forwardOutStreamLocal('/tmp/x', (error) => resolve(error === undefined)),
  );
  expect(stream).toBe(false);
  client.end();
  const agent = await gateway.ssh(['-A', '--', 'echo "[$SSH_AUTH_SOCK]"'], { env: { SSH_AUTH_SOCK: '' } });
  expect(agent.out).toBe('[]\n');
  expect(gateway.operations().map((it) => `${it.text} ${it.verdict}`)).toContain(
    'forward tcpip-forward block',
  );
});

test('a forwarded port opens only where a policy names it and says that nobody looks into it', async () => {
  const through = (): Promise<string> =>
    gateway.client().then(
      (client) =>
        new Promise((resolve) =>
          client.forwardOut('127.0.0.1', 1, '127.0.0.1', sshd.port, (error, channel) => {
            if (error) {
              client.end();
              return resolve('refused');
            }
            channel.once('data', (chunk: Buffer) => {
              client.end();
              resolve(chunk.toString());
            });
          }),
        ),
    );
  expect(await through()).toBe('refused');
  gateway.apply([{ ...SECRETS, forward: ['127.0.0.1:*'] }]);
  expect(await through()).toBe('refused');
  gateway.apply([{ ...SECRETS, forward: ['10.0.0.1:*'], uninspected: 'allow' }]);
  expect(await through()).toBe('refused');
  gateway.apply([{ ...SECRETS, forward: ['127.0.0.1:*'], uninspected: 'allow' }]);
  expect(await through()).toMatch(/^SSH-2.0-OpenSSH/);
});

test('git is refused where masks apply, and served where a policy lets it pass', async () => {
  const repository = sshd.path('repo.git');
  await gateway.run('sh', [
    '-c',
    `git init -q ${repository}.w && cd ${repository}.w && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m first && git clone -q --bare . ${repository}`,
  ]);
  const clone = (name: string) =>
    gateway.run(
      'git',
      ['clone', '-q', `ssh://web1@127.0.0.1:${gateway.port}${repository}`, join(gateway.folder, name)],
      {
        env: { GIT_SSH_COMMAND: `ssh ${gateway.options().join(' ')}` },
      },
    );
  const refused = await clone('one');
  expect(refused.code).not.toBe(0);
  expect(refused.err).toContain('uninspected: allow');
  gateway.apply([{ ...SECRETS, uninspected: 'allow' }]);
  const cloned = await clone('two');
  expect([cloned.err, cloned.code]).toEqual(['', 0]);
  expect(readFileSync(join(gateway.folder, 'two/.git/HEAD'), 'utf8')).toContain('refs/heads');
});

test('a revoked token ends the session at once', async () => {
  const client = await gateway.client();
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  void exec(client, 'sleep 30').catch(() => undefined);
  await eventually(() => gateway.pipeline.openSessions > 0 && gateway.operations().length > 0);
  gateway.pipeline.revoke('token-1');
  await closed;
});

test('a wrong token is refused, and nothing tells a connection that exists from one that does not', async () => {
  const wrong = (user: string) => gateway.ssh(['true'], { user, env: { SCRIM_TEST_TOKEN: 'nonsense' } });
  const [known, unknown] = await Promise.all([wrong('web1'), wrong('nowhere')]);
  expect(known.code).toBe(255);
  expect(known.err.replace('web1', 'X')).toBe(unknown.err.replace('nowhere', 'X'));
  expect((await gateway.ssh(['echo in'], { user: 'alice@web1', env: { SCRIM_TEST_TOKEN: TOKEN } })).out).toBe(
    'in\n',
  );
});
