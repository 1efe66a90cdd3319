import type { Context, Part } from '../../context.ts';
import type { Issuers } from './issuers.ts';

/** Names the work to PostgreSQL, so that one replica at a time does it. */
const LOCK = 'scrim identity upkeep';
/** Issued tokens stay in the books for a week after they expired, for whoever asks later. */
const KEEP_ISSUED_MS = 7 * 86_400_000;

/**
 * Keeps issuers' keys fresh and forgets tokens that expired. Every replica wakes up; the one that gets the advisory lock
 * works, the others go back to sleep.
 */
export function createIdentityUpkeep(
  { db, log, now, config }: Pick<Context, 'db' | 'log' | 'now' | 'config'>,
  issuers: Issuers,
): Part & { run(): Promise<boolean> } {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<unknown> = Promise.resolve();

  const work = async (): Promise<void> => {
    for (const { url } of await issuers.list()) await issuers.refresh(url);
    const at = now();
    await db.prisma.revokedToken.deleteMany({ where: { until: { lt: new Date(at) } } });
    await db.prisma.issuedToken.deleteMany({ where: { expiresAt: { lt: new Date(at - KEEP_ISSUED_MS) } } });
  };

  /** False when another replica is at it. */
  const run = async (): Promise<boolean> => {
    // A connection of its own: the lock belongs to it and ends with it.
    const client = await db.pool.connect();
    try {
      const { rows } = await client.query<{ ours: boolean }>(
        'SELECT pg_try_advisory_lock(hashtext($1)) AS ours',
        [LOCK],
      );
      if (!rows[0]?.ours) return false;
      try {
        await work();
      } finally {
        await client.query('SELECT pg_advisory_unlock(hashtext($1))', [LOCK]);
      }
      return true;
    } finally {
      client.release();
    }
  };

  const schedule = (): void => {
    // Spread out, so that replicas do not wake up together.
    const delay = config.jwksRefresh * (0.75 + Math.random() / 2);
    timer = setTimeout(() => {
      running = run()
        .catch((err) => log.warn({ err }, 'identity upkeep failed; it is tried again'))
        .finally(() => timer && schedule());
    }, delay);
    timer.unref();
  };

  return {
    name: 'identity-upkeep',
    run,
    async start() {
      schedule();
    },
    async stop() {
      clearTimeout(timer);
      timer = undefined;
      await running;
    },
  };
}
