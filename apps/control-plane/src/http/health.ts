import { setTimeout as sleep } from 'node:timers/promises';
import { latency } from '@scrim/telemetry';
import { z } from 'zod';
import type { Context } from '../context.ts';
import type { Server } from './server.ts';

const health = z
  .object({ status: z.enum(['ok', 'unavailable']), checks: z.record(z.string(), z.string()).optional() })
  .meta({ id: 'Health' });

/** A store that does not answer in this time counts as away: probes have deadlines of their own. */
const CHECK_TIMEOUT = 2_000;

async function check(work: () => Promise<unknown>): Promise<string> {
  const timeout = new AbortController();
  try {
    const late = sleep(CHECK_TIMEOUT, undefined, { signal: timeout.signal }).then(() => {
      throw new Error('no answer');
    });
    await Promise.race([work(), late]);
    return 'ok';
  } catch {
    // Anybody may ask, so the cause (addresses, user names) stays out of the answer.
    return 'away';
  } finally {
    timeout.abort();
  }
}

/**
 * `/healthz`: the process answers. `/readyz`: it can do its work (database, Redis, every part started). `/metrics`:
 * Prometheus text. All three are open, as probes and scrapers carry no token; none tells more than names and numbers.
 */
export function registerHealth(
  server: Server,
  { db, bus, metrics }: Pick<Context, 'db' | 'bus' | 'metrics'>,
  started: () => boolean,
): void {
  const seconds = latency(metrics, 'http_request_seconds', 'Time to answer a REST request', [
    'method',
    'route',
    'status',
  ]);
  server.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    const status = `${Math.trunc(reply.statusCode / 100)}xx`;
    seconds.observe({ method: request.method, route, status }, reply.elapsedTime / 1000);
    request.log.debug(
      { method: request.method, route, status: reply.statusCode, ms: reply.elapsedTime },
      'answered',
    );
  });
  const open = { access: 'public', rateLimit: false } as const;
  const described = (summary: string) => ({ tags: ['health'], summary });
  server.get(
    '/healthz',
    { config: open, schema: { ...described('Is the process alive'), response: { 200: health } } },
    async () => ({ status: 'ok' as const }),
  );
  server.get(
    '/readyz',
    { config: open, schema: { ...described('Can it serve'), response: { 200: health, 503: health } } },
    async (_request, reply) => {
      const [postgres, redis] = await Promise.all([
        check(() => db.pool.query('SELECT 1')),
        check(() => bus.ping()),
      ]);
      const checks = { postgres, redis, parts: started() ? 'ok' : 'starting' };
      if (Object.values(checks).every((state) => state === 'ok')) return { status: 'ok' as const, checks };
      return reply.code(503).send({ status: 'unavailable', checks });
    },
  );
  server.get(
    '/metrics',
    { config: open, schema: described('Prometheus metrics') },
    async (_request, reply) => {
      return reply.type(metrics.contentType).send(await metrics.metrics());
    },
  );
}
