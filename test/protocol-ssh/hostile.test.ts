import { randomBytes } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { generateHostKey, publicHostKey } from '@scrim/protocol-ssh';
import ssh2 from 'ssh2';
import { eventually, Gateway, SECRETS, Sshd, TOKEN } from './harness.ts';

let sshd: Sshd;
let gateway: Gateway;

beforeAll(async () => {
  sshd = await Sshd.start();
  gateway = await Gateway.open(sshd, [SECRETS]);
}, 120_000);

beforeEach(() => {
  gateway.recorded.length = 0;
  gateway.rejections.length = 0;
});

afterAll(async () => {
  await gateway.close();
  sshd.stop();
});

/** A bare connection: what arrives until it closes. */
function raw(write: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(gateway.port, '127.0.0.1', () => write(socket));
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(said));
  });
}

/** The edge still serves. */
async function healthy(): Promise<void> {
  expect((await gateway.ssh(['echo well'])).out).toBe('well\n');
}

const why = () => gateway.rejections.map((it) => it.why);

test('garbage instead of SSH', async () => {
  await raw((socket) => socket.write(randomBytes(4_000)));
  await raw((socket) => socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
  await eventually(() => why().length === 2);
  await healthy();
});

test('silence is ended, before and after the greeting', async () => {
  const started = Date.now();
  await Promise.all([raw(() => undefined), raw((socket) => socket.write('SSH-2.0-slow\r\n'))]);
  expect(Date.now() - started).toBeLessThan(8_000);
  await eventually(() => why().length === 2);
  expect(why()).toEqual(['the handshake took too long', 'the handshake took too long']);
  await healthy();
});

test('packets with impossible lengths', async () => {
  await raw((socket) => {
    socket.write('SSH-2.0-x\r\n');
    socket.write(Buffer.from('ffffffff00000000', 'hex'));
  });
  await raw((socket) => {
    socket.write('SSH-2.0-x\r\n');
    socket.write(randomBytes(100_000));
  });
  await healthy();
});

test('a client that asks for channels before it is known', async () => {
  const client = new ssh2.Client();
  const ended = new Promise<string>((resolve) => client.on('error', (error) => resolve(error.message)));
  client.connect({ host: '127.0.0.1', port: gateway.port, username: 'web1', password: 'wrong' });
  expect(await ended).toContain('authentication');
  await healthy();
});

test('guessing is bounded', async () => {
  let tries = 0;
  const client = new ssh2.Client();
  const ended = new Promise<void>((resolve) => client.on('close', () => resolve()));
  client.on('error', () => undefined);
  client.connect({
    host: '127.0.0.1',
    port: gateway.port,
    username: 'web1',
    authHandler: (_left, _partial, next) => {
      tries += 1;
      next({ type: 'password', username: 'web1', password: `guess ${tries}` } as never);
      return undefined as never;
    },
  });
  await ended;
  expect(tries).toBeLessThanOrEqual(7);
  expect(gateway.rejections.length).toBeLessThanOrEqual(6);
  await healthy();
});

test('a flood of channels is refused beyond a bound, and the rest goes on', async () => {
  const client = await gateway.client();
  const opened = await Promise.all(
    Array.from(
      { length: 150 },
      () =>
        new Promise<boolean>((resolve) =>
          client.exec('sleep 1; echo x', (error) => resolve(error === undefined)),
        ),
    ),
  );
  expect(opened.filter(Boolean).length).toBeLessThanOrEqual(64);
  client.destroy();
  await healthy();
});

test('a peer that ignores its window is cut off', async () => {
  gateway.apply([
    { ...SECRETS, guard: [{ when: { shell: { commands: ['cat'] } }, do: 'hold' }], approve: { by: ['dba'] } },
  ]);
  const client = await gateway.client();
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
    client.exec('cat', (error, it) => (error ? reject(error) : resolve(it))),
  );
  const protocol = (client as never as { _protocol: { channelData(id: number, data: Buffer): void } })
    ._protocol;
  const { id } = (channel as never as { outgoing: { id: number } }).outgoing;
  const piece = Buffer.alloc(32_000);
  for (let i = 0; i < 1_000; i++) protocol.channelData(id, piece);
  await closed;
  gateway.apply([SECRETS]);
  await healthy();
});

test('a caller that reads nothing stops the target instead of filling the edge', async () => {
  const client = await gateway.client();
  const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
    client.exec('yes 0123456789012345678901234567890123456789', (error, it) =>
      error ? reject(error) : resolve(it),
    ),
  );
  channel.pause();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const before = process.memoryUsage().rss;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(process.memoryUsage().rss - before).toBeLessThan(60 << 20);
  client.destroy();
  await healthy();
});

test('connections dropped at any moment leave nothing open', async () => {
  for (const wait of [0, 5, 20, 60, 120]) {
    const socket = connect(gateway.port, '127.0.0.1');
    socket.on('error', () => undefined);
    const client = new ssh2.Client();
    client.on('error', () => undefined);
    client.on('ready', () => client.exec('yes', () => undefined));
    client.connect({ sock: socket, username: 'web1', password: TOKEN });
    await new Promise((resolve) => setTimeout(resolve, wait));
    socket.destroy();
  }
  const client = await gateway.client();
  client.exec('yes', () => undefined);
  await new Promise((resolve) => setTimeout(resolve, 100));
  client.destroy();
  await eventually(() => gateway.pipeline.openSessions === 0);
  await healthy();
});

test('SFTP that makes no sense ends its channel alone', async () => {
  const client = await gateway.client();
  const talk = (bytes: Buffer) =>
    new Promise<string>((resolve, reject) =>
      client.subsys('sftp', (error, channel) => {
        if (error) return reject(error);
        let said = '';
        channel.stderr.on('data', (chunk: Buffer) => {
          said += chunk;
        });
        channel.on('data', () => undefined);
        channel.on('close', () => resolve(said));
        channel.write(bytes);
      }),
    );
  expect(await talk(Buffer.from('ffffffff01', 'hex'))).toContain('impossible length');
  expect(await talk(Buffer.from('000000050100000001', 'hex'))).toContain('only SFTP version 3');
  // A request before the greeting.
  expect(await talk(Buffer.from('0000000503000000ff', 'hex'))).toContain('cut');
  client.end();
  await healthy();
});

test('a target with another host key is refused, and nothing is sent to it', async () => {
  const wrong = await Gateway.open(sshd, [SECRETS], { hostKey: publicHostKey(generateHostKey()) });
  const said = await wrong.ssh(['true'], { more: ['LogLevel=INFO'] });
  expect(said.code).toBe(255);
  expect(said.err).toContain("the target's host key is not the one registered");
  await wrong.close();
});

test('a target that hangs, or is not there, is told in words', async () => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const { port } = silent.address() as { port: number };
  const hanging = await Gateway.open(sshd, [SECRETS], { port });
  expect((await hanging.ssh(['true'], { more: ['LogLevel=INFO'] })).err).toContain('did not answer in time');
  await hanging.close();
  silent.close();
  const gone = await Gateway.open(sshd, [SECRETS], { port: 1 });
  expect((await gone.ssh(['true'], { more: ['LogLevel=INFO'] })).err).toContain(
    'the target could not be reached',
  );
  await gone.close();
});

test('signals, BREAK and core dumps pass as they are', async () => {
  const seen: string[] = [];
  const server = new ssh2.Server({ hostKeys: [generateHostKey()] }, (peer) => {
    peer.on('error', () => undefined);
    peer.on('authentication', (attempt) => attempt.accept());
    peer.on('session', (accept) => {
      const session = accept();
      session.on('signal', (_accept, _reject, info) => seen.push(info.name));
      session.on('exec', (acceptExec) => {
        const channel = acceptExec();
        channel.write('ready\n');
        channel.on('data', () => {
          (channel as never as { exit(name: string, core: boolean, text: string): void }).exit(
            'SEGV',
            true,
            'core',
          );
          channel.end();
        });
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const key = await new Promise<string>((resolve) => {
    const probe = new ssh2.Client();
    probe.on('error', () => undefined);
    probe.connect({
      host: '127.0.0.1',
      port: portOf(server),
      username: 'x',
      hostVerifier: (shown: Buffer) => {
        resolve(`ssh-ed25519 ${shown.toString('base64')}`);
        return false;
      },
    });
  });
  const before = await Gateway.open(sshd, [SECRETS], { port: portOf(server), hostKey: key });
  const client = await before.client();
  const exit = await new Promise<unknown[]>((resolve, reject) =>
    client.exec('anything', (error, channel) => {
      if (error) return reject(error);
      channel.once('data', () => {
        channel.signal('USR2');
        channel.write('go');
      });
      channel.on('exit', (...told: unknown[]) => resolve(told));
    }),
  );
  expect(exit).toEqual([null, 'SIGSEGV', true, 'core']);
  expect(seen).toEqual(['USR2']);
  client.end();
  await before.close();
  server.close();
});

function portOf(server: ssh2.Server): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server has no port');
  return address.port;
}
