import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from '@jest/globals';
import ssh2 from 'ssh2';
import { intercept, protocolOf, sessionIds } from './internals.ts';

const require = createRequire(import.meta.url);

test('ssh2 is the version whose inside is known here', () => {
  const { version } = JSON.parse(readFileSync(require.resolve('ssh2/package.json'), 'utf8'));
  expect(version).toBe('1.17.0');
});

test('what is taken from inside ssh2 is there', async () => {
  const Protocol = require('ssh2/lib/protocol/Protocol.js') as { prototype: Record<string, unknown> };
  const calls = [
    'channelData',
    'channelExtData',
    'channelEOF',
    'channelClose',
    'channelSuccess',
    'exitStatus',
    'exitSignal',
    'windowChange',
    'signal',
  ];
  for (const name of calls) expect([name, typeof Protocol.prototype[name]]).toEqual([name, 'function']);
  const client = new ssh2.Client();
  client.on('error', () => undefined);
  client.connect({ host: '127.0.0.1', port: 1, username: 'x' });
  const protocol = protocolOf(client);
  expect(typeof protocol._handlers.CHANNEL_WINDOW_ADJUST).toBe('function');
  expect(typeof protocol._cipher.encrypt).toBe('function');
  expect(typeof protocol._packetRW.write.alloc).toBe('function');
  client.destroy();
});

test('an intercepted message reaches ssh2 unless it is dealt with', () => {
  const seen: string[] = [];
  const fake = {
    _protocol: { _handlers: { CHANNEL_REQUEST: (_p: unknown, id: number) => seen.push(`own ${id}`) } },
  };
  intercept(fake as never, 'CHANNEL_REQUEST', {
    before: (id) => id === 1,
    after: (id) => void seen.push(`after ${id}`),
  });
  fake._protocol._handlers.CHANNEL_REQUEST(null, 1);
  fake._protocol._handlers.CHANNEL_REQUEST(null, 2);
  expect(seen).toEqual(['own 2', 'after 2']);
});

test('the numbers of a session', () => {
  const side = { window: 0, state: 'open' };
  const session = {
    _chanInfo: { incoming: { ...side, id: 3, packetSize: 1 }, outgoing: { ...side, id: 9, packetSize: 7 } },
  };
  expect(sessionIds(session)).toEqual({ local: 3, remote: 9, packetSize: 7 });
});
