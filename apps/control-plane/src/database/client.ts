import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../generated/prisma/client.ts';

export { Prisma, type PrismaClient } from '../generated/prisma/client.ts';

/** Prisma for the modules' records; the pool under it for COPY, unnest and hot reads. */
export interface Database {
  readonly prisma: PrismaClient;
  readonly pool: pg.Pool;
  /** Ends both; waits for queries under way. */
  close(): Promise<void>;
}

/** What a store works with: the client itself, or the client of an open transaction. */
export type Db = Omit<PrismaClient, '$connect' | '$disconnect' | '$on' | '$transaction' | '$extends'>;

/** Connects lazily: nothing is dialled before the first query. `onError` hears of idle connections that broke. */
export function openDatabase(url: string, poolSize: number, onError: (error: Error) => void): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    // A request must not hang on a database that is away: it is answered 503 instead.
    connectionTimeoutMillis: 5_000,
    statement_timeout: 30_000,
    application_name: 'scrim-control-plane',
  });
  // Without a listener a broken idle connection would end the process.
  pool.on('error', onError);
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  return {
    prisma,
    pool,
    async close() {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}
