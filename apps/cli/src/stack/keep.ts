import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@scrim/embedded-stores';
import { Failure } from '../failure.ts';

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
    readonly edgeHttp: number;
    readonly edgeSsh: number;
    readonly edgeHealth: number;
  };
}

async function fresh(): Promise<Kept> {
  const ports: number[] = [];
  while (ports.length < 8) {
    const port = await freePort();
    if (!ports.includes(port)) ports.push(port);
  }
  const [postgres, redis, http, grpc, edgePostgres, edgeHealth, edgeHttp, edgeSsh] = ports as [
    number,
    number,
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
    ports: { postgres, redis, http, grpc, edgePostgres, edgeHttp, edgeSsh, edgeHealth },
  };
}

/** Where it is kept. */
export function keptFile(dataDir: string): string {
  return join(dataDir, 'stack.json');
}

function save(dataDir: string, kept: Kept): Kept {
  const part = `${keptFile(dataDir)}.part`;
  writeFileSync(part, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 });
  // A kill in between leaves the old file: its keys open everything else in the folder.
  renameSync(part, keptFile(dataDir));
  return kept;
}

/** Another port for a store, whose old one somebody else took: only the stack itself speaks to it. */
export async function moveStore(dataDir: string, kept: Kept, store: 'postgres' | 'redis'): Promise<Kept> {
  return save(dataDir, { ...kept, ports: { ...kept.ports, [store]: await freePort() } });
}

/** Reads what an earlier run in `dataDir` kept, or chooses anew. Throws a Failure when the file is damaged. */
export async function keep(dataDir: string): Promise<Kept> {
  mkdirSync(dataDir, { recursive: true, mode: 0o755 });
  const file = keptFile(dataDir);
  if (!existsSync(file)) return save(dataDir, await fresh());
  try {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Kept;
    const { edgeHttp, edgeSsh } = kept.ports;
    if (edgeHttp !== undefined && edgeSsh !== undefined) return kept;
    const added = { edgeHttp: edgeHttp ?? (await freePort()), edgeSsh: edgeSsh ?? (await freePort()) };
    return save(dataDir, { ...kept, ports: { ...kept.ports, ...added } });
  } catch {
    throw new Failure(
      `${file} is damaged`,
      'put it back from a backup, or use another --data folder: without its keys what is stored here stays closed',
    );
  }
}
