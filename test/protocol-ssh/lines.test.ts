import { existsSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type ssh2 from 'ssh2';
import { eventually, Gateway, GITHUB, Sshd } from './harness.ts';

let sshd: Sshd;
let gateway: Gateway;

const LINES = {
  match: {},
  mask: [{ detect: ['secrets'] }],
  interactive: 'lines',
  guard: [{ when: { shell: { commands: ['touch', 'rm'] } }, do: 'block', reason: 'look, do not touch' }],
};

beforeAll(async () => {
  sshd = await Sshd.start();
  gateway = await Gateway.open(sshd, [LINES]);
}, 120_000);

beforeEach(() => {
  gateway.recorded.length = 0;
  gateway.apply([LINES]);
});

afterAll(async () => {
  await gateway.close();
  sshd.stop();
});

/** A shell on a terminal. */
class Shell {
  shown = '';
  closed = false;
  readonly channel: ssh2.ClientChannel;
  readonly client: ssh2.Client;

  private constructor(client: ssh2.Client, channel: ssh2.ClientChannel) {
    this.client = client;
    this.channel = channel;
    channel.on('data', (chunk: Buffer) => {
      this.shown += chunk;
    });
    channel.on('close', () => {
      this.closed = true;
    });
  }

  static async open(): Promise<Shell> {
    const client = await gateway.client();
    const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
      client.shell({ term: 'xterm', cols: 100, rows: 30 }, (error, it) =>
        error ? reject(error) : resolve(it),
      ),
    );
    const shell = new Shell(client, channel);
    await eventually(() => /[#$] $/.test(shell.shown));
    return shell;
  }

  type(keys: string): void {
    this.channel.write(keys);
  }

  async sees(text: string): Promise<void> {
    await eventually(() => this.shown.includes(text)).catch(() => {
      throw new Error(`never saw ${JSON.stringify(text)} in ${JSON.stringify(this.shown)}`);
    });
  }
}

const lines = () =>
  gateway
    .operations()
    .filter((it) => it.verb === 'line')
    .map((it) => `${it.verdict} ${it.text}`);

test('lines are judged at Enter, and recorded as operations', async () => {
  const shell = await Shell.open();
  shell.type('echo $((40+2))\r');
  await shell.sees('42');
  shell.type(`touch ${sshd.path('a')}\r`);
  await shell.sees('look, do not touch');
  shell.type('echo $((40+3))\r');
  await shell.sees('43');
  expect(existsSync(sshd.path('a'))).toBe(false);
  expect(lines()).toEqual(
    expect.arrayContaining(['allow echo $((40+2))', `block touch ${sshd.path('a')}`, 'allow echo $((40+3))']),
  );
  shell.client.end();
});

test('a line recalled from the history is judged by what it is', async () => {
  const shell = await Shell.open();
  shell.type('echo one\r');
  await shell.sees('one\r\n');
  gateway.apply([
    { ...LINES, guard: [{ when: { shell: { commands: ['echo'] } }, do: 'block', reason: 'no more' }] },
  ]);
  shell.type('\u001b[A');
  await new Promise((resolve) => setTimeout(resolve, 150));
  shell.type('\r');
  await shell.sees('no more');
  shell.client.end();
});

test('several lines in one go are judged one by one', async () => {
  const shell = await Shell.open();
  shell.type(`echo first\rtouch ${sshd.path('b')}\recho $((50+1))\r`);
  await shell.sees('51');
  expect(existsSync(sshd.path('b'))).toBe(false);
  expect(lines().filter((it) => it.startsWith('block'))).toHaveLength(1);
  shell.client.end();
});

test('a shell without a terminal is judged by its lines, too, also the last without an end', async () => {
  const said = await gateway.ssh(['-T'], {
    input: `echo $((60+1))\ntouch ${sshd.path('c')}\necho $((60+2))\ntouch ${sshd.path('d')}`,
  });
  expect(said.out).toBe('61\n62\n');
  expect(said.err).toContain('look, do not touch');
  expect([existsSync(sshd.path('c')), existsSync(sshd.path('d'))]).toEqual([false, false]);
});

test('what a terminal shows is masked', async () => {
  const shell = await Shell.open();
  shell.type(`echo ${GITHUB.slice(0, 20)}"${GITHUB.slice(20)}"\r`);
  await shell.sees('MASKED');
  expect(shell.shown).not.toContain(GITHUB);
  shell.client.end();
});

test('a held line waits and Ctrl-C takes it back', async () => {
  gateway.apply([
    { ...LINES, guard: [{ when: { shell: { commands: ['date'] } }, do: 'hold' }], approve: { by: ['dba'] } },
  ]);
  gateway.asked.length = 0;
  const shell = await Shell.open();
  shell.type('date\r');
  const asked = await eventually(() => gateway.asked[0]);
  await shell.sees('approval');
  shell.type('\u0003');
  await shell.sees('SCRIM_CANCELLED');
  expect(asked.signal.aborted).toBe(true);
  shell.type('echo $((70+1))\r');
  await shell.sees('71');
  shell.client.end();
});
