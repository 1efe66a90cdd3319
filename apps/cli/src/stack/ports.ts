import { setTimeout as sleep } from 'node:timers/promises';
import { isFree } from '@scrim/embedded-stores';
import { Failure } from '../failure.ts';

/** What the last run on a data folder left running ends within this: its parts saw their supervisor go. */
const LEFTOVER_MS = 15_000;

/**
 * Waits until the ports kept by an earlier run are free. Starting on a taken one would be worse than failing: the
 * readiness probe would be answered by whoever has it.
 *
 * @param ports by what they are for
 * @param file where they are kept, for the message
 * @param patienceMs how long an earlier run may take to end
 * @throws Failure that names the port, what it is for and how to mend it; the signal's reason
 */
export async function waitForPorts(
  ports: Readonly<Record<string, number>>,
  file: string,
  signal: AbortSignal,
  patienceMs = LEFTOVER_MS,
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (const [purpose, port] of Object.entries(ports)) {
    while (!(await isFree(port))) {
      signal.throwIfAborted();
      if (Date.now() > deadline) {
        throw new Failure(
          `port ${port}, which this data folder keeps for ${purpose}, is taken by another program`,
          `stop that program (ss -ltnp 'sport = :${port}' names it), or write another port into ${file}`,
        );
      }
      await sleep(100);
    }
  }
}
