import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the ports Linux (from 32768) and macOS and IANA (from 49152) give to outgoing connections. A kept port inside
 * that range is lost to the first client, of anything on the machine, whose connection happens to be given it.
 */
const LOWEST = 15_000;
const HIGHEST = 32_000;
const TRIES = 100;

/**
 * A TCP port on 127.0.0.1 that nothing listened on a moment ago, and that no outgoing connection is given.
 *
 * It is not reserved: another process may take it before the caller does, so whoever binds it must be ready to
 * ask again (`startPostgres` and `startRedis` do when no port was given).
 *
 * @throws Error when no port could be had
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port among ${TRIES} tried from ${LOWEST} to ${HIGHEST} of 127.0.0.1`);
}

/** Whether nobody listens on this port of 127.0.0.1 now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.unref();
    probe.once('error', () => resolve(false));
    probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
