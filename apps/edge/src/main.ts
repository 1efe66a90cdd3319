import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startEdge } from './app.ts';
import { ConfigError, readConfig } from './config.ts';
import { PROTOCOLS } from './protocols.ts';

// A vetted pattern that still backtracks falls back to V8's linear engine instead of stopping the event loop.
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');
setFlagsFromString('--regexp-backtracks-before-fallback=20000');

const STOP_TIMEOUT_MS = 12_000;

/** Loading leaves half the heap as garbage; an edge that then idles would keep it for ever. */
function returnStartupMemory(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

async function main(): Promise<void> {
  const variables = Object.fromEntries(
    Object.entries(PROTOCOLS).map(([protocol, { variable, ownPorts = false }]) => [
      variable,
      { protocol, ownPorts },
    ]),
  );
  const edge = await startEdge(readConfig(process.env, variables));
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    // Whatever hangs must not keep the process: what matters is on disk already.
    setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref();
    edge.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  if (process.env.SCRIM_SUPERVISED === 'true') process.stdin.on('end', stop).resume();
  setTimeout(returnStartupMemory, 2_000).unref();
  for (const { protocol, host, port } of edge.listeners) {
    process.stdout.write(`scrim edge: ${protocol} on ${host}:${port}\n`);
  }
}

main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`scrim edge: ${message}\n`);
  process.exit(error instanceof ConfigError ? 2 : 1);
});
