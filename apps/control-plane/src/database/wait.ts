import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '@scrim/telemetry';
import pg from 'pg';

/** Not there yet, or starting up: worth waiting for. A wrong password or database is not. */
const NOT_YET = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', '57P03']);

/**
 * Resolves once the database takes connections: services that start together come up in any order. Throws the last
 * error after `patience` milliseconds, or at once when waiting would not help.
 */
export async function waitForDatabase(url: string, log: Log, patience = 60_000): Promise<void> {
  const end = performance.now() + patience;
  for (let delay = 100; ; delay = Math.min(delay * 2, 2_000)) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    try {
      await client.connect();
      return;
    } catch (err) {
      const code = (err as { code?: string }).code ?? '';
      if (!NOT_YET.has(code) || performance.now() + delay > end) throw err;
      log.warn({ code, delay }, 'the database is not there yet');
      await sleep(delay);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
