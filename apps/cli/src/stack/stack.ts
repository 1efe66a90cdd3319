import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PostgresStore, type RedisStore, startPostgres, startRedis } from '@scrim/embedded-stores';
import type { ScrimDocument } from '@scrim/model';
import { Api } from '../api.ts';
import { type Kept, keep } from './keep.ts';
import { httpProbe, SupervisedProcess } from './process.ts';

export interface StackOptions {
  readonly document: ScrimDocument;
  readonly dataDir: string;
  readonly readyFile?: string;
  readonly report: (text: string) => void;
}

/** A running control plane, edge and their stores, all on 127.0.0.1. */
export interface Stack {
  readonly api: string;
  readonly adminToken: string;
  readonly postgres: { readonly host: string; readonly port: number };
  readonly dataDir: string;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const APPS = fileURLToPath(new URL('../../../', import.meta.url));

function entryOf(app: string): string {
  return join(APPS, app, 'dist', 'main.js');
}

/** Every group the document names: the built-in administrator of `up` belongs to all of them (DESIGN section 11). */
export function groupsOf(document: ScrimDocument): readonly string[] {
  const groups = document.policies.flatMap((it) => [...(it.match.groups ?? []), ...(it.approve?.by ?? [])]);
  return [...new Set(groups)];
}

function withoutPath(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((it): it is [string, string] => it[1] !== undefined));
}

function controlPlaneOf(
  kept: Kept,
  options: StackOptions,
  postgres: PostgresStore,
  redis: RedisStore,
): SupervisedProcess {
  const { ports } = kept;
  return new SupervisedProcess({
    name: 'control plane',
    entry: entryOf('control-plane'),
    logFile: join(options.dataDir, 'control-plane.log'),
    env: {
      ...withoutPath(process.env),
      DATABASE_URL: postgres.url,
      REDIS_URL: redis.url,
      SCRIM_MODE: 'development',
      SCRIM_MASTER_KEY: kept.masterKey,
      SCRIM_HTTP_HOST: HOST,
      SCRIM_HTTP_PORT: String(ports.http),
      SCRIM_GRPC_HOST: HOST,
      SCRIM_GRPC_PORT: String(ports.grpc),
      SCRIM_PUBLIC_URL: `http://${HOST}:${ports.http}`,
      SCRIM_ADMIN_TOKEN: kept.adminToken,
      SCRIM_ADMIN_GROUPS: groupsOf(options.document).join(','),
    },
    probe: httpProbe(`http://${HOST}:${ports.http}/readyz`),
    report: options.report,
  });
}

function edgeOf(kept: Kept, options: StackOptions, joinToken: string | undefined): SupervisedProcess {
  const { ports } = kept;
  return new SupervisedProcess({
    name: 'edge',
    entry: entryOf('edge'),
    logFile: join(options.dataDir, 'edge.log'),
    env: {
      SCRIM_EDGE_NAME: 'local',
      SCRIM_EDGE_DATA: join(options.dataDir, 'edge'),
      SCRIM_CONTROL_PLANE: `${HOST}:${ports.grpc}`,
      ...(joinToken === undefined ? {} : { SCRIM_JOIN_TOKEN: joinToken }),
      SCRIM_EDGE_POSTGRES: `${HOST}:${ports.edgePostgres}`,
      SCRIM_EDGE_HEALTH: `${HOST}:${ports.edgeHealth}`,
    },
    probe: httpProbe(`http://${HOST}:${ports.edgeHealth}/readyz`),
    report: options.report,
  });
}

/** A store that died is started again on its data; what leans on it reconnects by itself. */
function reviveStore<T extends { readonly exited: Promise<unknown>; stop(): Promise<void> }>(
  name: string,
  first: T,
  start: () => Promise<T>,
  report: (text: string) => void,
): { stop(): Promise<void> } {
  let current = first;
  let stopping = false;
  const watch = (): void => {
    void current.exited.then(async () => {
      if (stopping) return;
      report(`${name} ended; starting it again`);
      for (let pause = 100; !stopping; pause = Math.min(pause * 2, 5_000)) {
        try {
          current = await start();
          report(`${name} serves again`);
          return watch();
        } catch {
          await new Promise((resolve) => setTimeout(resolve, pause));
        }
      }
    });
  };
  watch();
  return {
    stop: async () => {
      stopping = true;
      await current.stop();
    },
  };
}

/** Everything someone needs to use the stack, written in one step so that a reader never sees half of it. */
function writeReadyFile(
  file: string,
  stack: Stack,
  edge: SupervisedProcess,
  controlPlane: SupervisedProcess,
): void {
  const content = {
    api: stack.api,
    console: stack.api,
    adminToken: stack.adminToken,
    postgres: stack.postgres,
    edgePid: edge.pid,
    controlPlanePid: controlPlane.pid,
  };
  const part = `${file}.part`;
  mkdirSync(dirname(resolve(file)), { recursive: true });
  writeFileSync(part, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(part, file);
}

/** Starts the whole product and returns when it serves; throws a Failure and stops what runs when a part does not. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const kept = await keep(options.dataDir);
  const { ports } = kept;
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    const newPostgres = () =>
      startPostgres({
        dataDir: join(options.dataDir, 'postgres'),
        port: ports.postgres,
        password: kept.postgresPassword,
        database: 'scrim',
      });
    const newRedis = () =>
      startRedis({
        dataDir: join(options.dataDir, 'redis'),
        port: ports.redis,
        password: kept.redisPassword,
      });
    options.report('starting PostgreSQL and Redis');
    const [postgres, redis] = await Promise.all([newPostgres(), newRedis()]);
    stops.push(reviveStore('PostgreSQL', postgres, newPostgres, options.report).stop);
    stops.push(reviveStore('Redis', redis, newRedis, options.report).stop);
    const controlPlane = controlPlaneOf(kept, options, postgres, redis);
    stops.push(() => controlPlane.stop());
    options.report('starting the control plane');
    await controlPlane.start();
    const api = `http://${HOST}:${ports.http}`;
    const client = new Api({ api, token: kept.adminToken });
    await client.call('POST', '/v1/apply', options.document);
    const joined = existsSync(join(options.dataDir, 'edge', 'identity.json'));
    const join_ = joined
      ? undefined
      : await client.call<{ token: string }>('POST', '/v1/join-tokens', {
          edgeName: 'local',
          ttlSeconds: 600,
        });
    const edge = edgeOf(kept, options, join_?.token);
    stops.push(() => edge.stop());
    options.report('starting the edge');
    await edge.start();
    const stack: Stack = {
      api,
      adminToken: kept.adminToken,
      postgres: { host: HOST, port: ports.edgePostgres },
      dataDir: options.dataDir,
      stop,
    };
    const { readyFile } = options;
    if (readyFile !== undefined) {
      const write = (): void => writeReadyFile(readyFile, stack, edge, controlPlane);
      write();
      edge.onRestart(write);
      controlPlane.onRestart(write);
    }
    return stack;
  } catch (error) {
    await stop();
    throw error;
  }
}
