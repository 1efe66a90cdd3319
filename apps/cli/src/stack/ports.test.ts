import { createServer, type Server } from 'node:net';
import { expect, test } from '@jest/globals';
import { freePort } from '@scrim/embedded-stores';
import { Failure } from '../failure.ts';
import { waitForPorts } from './ports.ts';

const NEVER = new AbortController().signal;

async function squat(): Promise<{ port: number; server: Server }> {
  const port = await freePort();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { port, server };
}

test('a taken port is named with what it is for, and how to mend it', async () => {
  const { port, server } = await squat();
  const waiting = waitForPorts(
    { REST: await freePort(), 'PostgreSQL callers': port },
    '/d/stack.json',
    NEVER,
    200,
  );
  const error = await waiting.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Failure);
  expect((error as Failure).message).toBe(
    `port ${port}, which this data folder keeps for PostgreSQL callers, is taken by another program`,
  );
  expect((error as Failure).mend).toContain('write another port into /d/stack.json');
  server.close();
});

test('a port that an ending run still holds is waited for', async () => {
  const { port, server } = await squat();
  setTimeout(() => server.close(), 150);
  const since = performance.now();
  await waitForPorts({ REST: port }, '/d/stack.json', NEVER, 5_000);
  expect(performance.now() - since).toBeGreaterThan(100);
});

test('the wait ends when the start is stopped', async () => {
  const { port, server } = await squat();
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  await expect(waitForPorts({ REST: port }, 'f', stop.signal, 5_000)).rejects.toThrow(/abort/);
  expect(stop.signal.aborted).toBe(true);
  server.close();
});
