/**
 * A persister in a process of its own, to be killed. Arguments: database URL, Redis URL, lock duration. Brings the
 * database up to date first and prints `ready`.
 */
import { createLog, createMetrics } from '@scrim/telemetry';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { migrate } from '../database/migrate.ts';
import { createEdgeKeys } from './edge-keys.ts';
import { Persister } from './persister.ts';

const [databaseUrl, redisUrl, lockDuration] = process.argv.slice(2) as [string, string, string];
await migrate(databaseUrl);
const pool = new pg.Pool({ connectionString: databaseUrl });
pool.on('error', () => undefined);
await new Persister({
  pool,
  redisUrl,
  prefix: 'scrim',
  edgeKeys: createEdgeKeys(pool, Date.now),
  log: createLog({ name: 'child', level: 'error' }),
  metrics: createMetrics(),
  newId: () => uuidv7(),
  lockDuration: Number(lockDuration),
}).start();
process.stdout.write('ready\n');
