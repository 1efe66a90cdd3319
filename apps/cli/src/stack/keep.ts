import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@scrim/embedded-stores';

/** What a stack keeps between runs, so that its addresses and keys stay the same: `stack.json`, mode 0600. */
export interface Kept {
  readonly masterKey: string;
  readonly adminToken: string;
  readonly postgresPassword: string;
  readonly redisPassword: string;
  readonly ports: {
    readonly postgres: number;
    readonly redis: number;
    readonly http: number;
    readonly grpc: number;
    readonly edgePostgres: number;
    readonly edgeHealth: number;
  };
}

async function fresh(): Promise<Kept> {
  const ports: number[] = [];
  while (ports.length < 6) {
    const port = await freePort();
    if (!ports.includes(port)) ports.push(port);
  }
  const [postgres, redis, http, grpc, edgePostgres, edgeHealth] = ports as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return {
    masterKey: randomBytes(32).toString('base64'),
    adminToken: `scrim_admin_${randomBytes(24).toString('base64url')}`,
    postgresPassword: randomBytes(18).toString('base64url'),
    redisPassword: randomBytes(18).toString('base64url'),
    ports: { postgres, redis, http, grpc, edgePostgres, edgeHealth },
  };
}

/** Reads what an earlier run in `dataDir` kept, or chooses anew. */
export async function keep(dataDir: string): Promise<Kept> {
  mkdirSync(dataDir, { recursive: true, mode: 0o755 });
  const file = join(dataDir, 'stack.json');
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Kept;
  const kept = await fresh();
  writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 });
  return kept;
}
