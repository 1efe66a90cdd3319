import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import {
  isFree,
  type PostgresStore,
  type RedisStore,
  startPostgres,
  startRedis,
} from '@scrim/embedded-stores';
import type { ScrimDocument } from '@scrim/model';
import { Api } from '../api.ts';
import { Failure } from '../failure.ts';
import { CONTROL_PLANE, EDGE } from '../programs.ts';
import { type Kept, keep, keptFile, moveStore } from './keep.ts';
import { waitForPorts } from './ports.ts';
import { httpProbe, SupervisedProcess } from './process.ts';

export interface StackOptions {
  readonly document: ScrimDocument;
  readonly dataDir: string;
  readonly readyFile?: string;
  readonly report: (text: string) => void;
  /** Ends a start that is under way: what runs already is stopped. */
  readonly signal: AbortSignal;
}

/** A running control plane, edge and their stores, all on 127.0.0.1. */
export interface Stack {
  readonly api: string;
  readonly adminToken: string;
  readonly postgres: { readonly host: string; readonly port: number };
  readonly http: { readonly host: string; readonly port: number };
  /** `knownHosts` is the line an OpenSSH client's known_hosts file needs. */
  readonly ssh: { readonly host: string; readonly port: number; readonly knownHosts: string };
  readonly dataDir: string;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';

/** Every group the document names: the built-in administrator of `up` belongs to all of them (DESIGN section 11). */
export function groupsOf(document: ScrimDocument): readonly string[] {
  const groups = document.policies.flatMap((it) => [
    ...(it.match.groups ?? []),
    ...(it.approve?.by ?? []),
    ...(it.detokenise ?? []),
  ]);
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
    program: CONTROL_PLANE,
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
    signal: options.signal,
  });
}

function edgeOf(kept: Kept, options: StackOptions, joinToken: string | undefined): SupervisedProcess {
  const { ports } = kept;
  return new SupervisedProcess({
    name: 'edge',
    program: EDGE,
    logFile: join(options.dataDir, 'edge.log'),
    env: {
      SCRIM_EDGE_NAME: 'local',
      SCRIM_EDGE_DATA: join(options.dataDir, 'edge'),
      SCRIM_CONTROL_PLANE: `${HOST}:${ports.grpc}`,
      ...(joinToken === undefined ? {} : { SCRIM_JOIN_TOKEN: joinToken }),
      SCRIM_EDGE_POSTGRES: `${HOST}:${ports.edgePostgres}`,
      SCRIM_EDGE_HTTP: `${HOST}:${ports.edgeHttp}`,
      SCRIM_EDGE_SSH: `${HOST}:${ports.edgeSsh}`,
      SCRIM_EDGE_HEALTH: `${HOST}:${ports.edgeHealth}`,
    },
    probe: httpProbe(`http://${HOST}:${ports.edgeHealth}/readyz`),
    report: options.report,
    signal: options.signal,
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
  stack: Omit<Stack, 'stop'>,
  edge: SupervisedProcess,
  controlPlane: SupervisedProcess,
): void {
  const content = {
    api: stack.api,
    console: stack.api,
    adminToken: stack.adminToken,
    postgres: stack.postgres,
    http: stack.http,
    ssh: stack.ssh,
    edgePid: edge.pid,
    controlPlanePid: controlPlane.pid,
  };
  const part = `${file}.part`;
  mkdirSync(dirname(resolve(file)), { recursive: true });
  writeFileSync(part, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(part, file);
}

/** What PostgreSQL and Redis say of a port they cannot have. */
const PORT_TAKEN = /could not bind|listening socket|Address already in use/;

/** Starts one store; when somebody took its port meanwhile it moves to another one, which nobody outside speaks to. */
async function startStore<T>(
  store: 'postgres' | 'redis',
  options: StackOptions,
  start: (kept: Kept) => Promise<T>,
): Promise<T> {
  const kept = await keep(options.dataDir);
  try {
    return await start(kept);
  } catch (error) {
    const port = kept.ports[store];
    // Only then: a store of a stack that runs on this folder has its port, too, and must keep it.
    if (!PORT_TAKEN.test(String(error)) || (await isFree(port))) throw error;
    options.report(`port ${port} of ${store} is taken by another program; it moves to another one`);
    return start(await moveStore(options.dataDir, kept, store));
  }
}

function postgresIn(dataDir: string, { ports, postgresPassword }: Kept): Promise<PostgresStore> {
  return startPostgres({
    dataDir: join(dataDir, 'postgres'),
    port: ports.postgres,
    password: postgresPassword,
    database: 'scrim',
  });
}

function redisIn(dataDir: string, { ports, redisPassword }: Kept): Promise<RedisStore> {
  return startRedis({ dataDir: join(dataDir, 'redis'), port: ports.redis, password: redisPassword });
}

type Stops = (() => Promise<void>)[];

/** Both stores, revived when they die. The second waits for the first: each may write the kept ports. */
async function startStores(
  options: StackOptions,
  stops: Stops,
): Promise<{ postgres: PostgresStore; redis: RedisStore }> {
  const { dataDir, report } = options;
  report('starting PostgreSQL and Redis');
  const postgres = await startStore('postgres', options, (kept) => postgresIn(dataDir, kept));
  const againPostgres = async () => postgresIn(dataDir, await keep(dataDir));
  stops.push(reviveStore('PostgreSQL', postgres, againPostgres, report).stop);
  const redis = await startStore('redis', options, (kept) => redisIn(dataDir, kept));
  const againRedis = async () => redisIn(dataDir, await keep(dataDir));
  stops.push(reviveStore('Redis', redis, againRedis, report).stop);
  return { postgres, redis };
}

/** A join token for the edge's first start; none once it has enrolled. */
async function joinTokenFor(dataDir: string, client: Api): Promise<string | undefined> {
  if (existsSync(join(dataDir, 'edge', 'identity.json'))) return undefined;
  const wanted = { edgeName: 'local', ttlSeconds: 600 };
  return (await client.call<{ token: string }>('POST', '/v1/join-tokens', wanted)).token;
}

/** The edge has written its public host key beside its own. */
function sshOf(dataDir: string, port: number): Stack['ssh'] {
  const key = readFileSync(join(dataDir, 'edge', 'ssh_host_ed25519_key.pub'), 'utf8').trim();
  return { host: HOST, port, knownHosts: `[${HOST}]:${port} ${key}` };
}

async function startParts(options: StackOptions, stops: Stops): Promise<Omit<Stack, 'stop'>> {
  const { dataDir, readyFile, report, signal } = options;
  // What an earlier run wrote is not true any more, and somebody may be waiting for the file.
  if (readyFile !== undefined) rmSync(readyFile, { force: true });
  const { postgres, redis } = await startStores(options, stops);
  const kept = await keep(dataDir);
  const { ports, adminToken } = kept;
  await waitForPorts(
    {
      REST: ports.http,
      'gRPC (edges)': ports.grpc,
      'PostgreSQL callers': ports.edgePostgres,
      'HTTP callers': ports.edgeHttp,
      'SSH callers': ports.edgeSsh,
      'the health of the edge': ports.edgeHealth,
    },
    keptFile(dataDir),
    signal,
  );
  const controlPlane = controlPlaneOf(kept, options, postgres, redis);
  stops.push(() => controlPlane.stop());
  report('starting the control plane');
  await controlPlane.start();
  const api = `http://${HOST}:${ports.http}`;
  const client = new Api({ api, token: adminToken });
  await client.call('POST', '/v1/apply', options.document);
  const edge = edgeOf(kept, options, await joinTokenFor(dataDir, client));
  stops.push(() => edge.stop());
  report('starting the edge');
  await edge.start();
  const stack = {
    api,
    adminToken,
    postgres: { host: HOST, port: ports.edgePostgres },
    http: { host: HOST, port: ports.edgeHttp },
    ssh: sshOf(dataDir, ports.edgeSsh),
    dataDir,
  };
  if (readyFile !== undefined) {
    const write = (): void => writeReadyFile(readyFile, stack, edge, controlPlane);
    write();
    edge.onRestart(write);
    controlPlane.onRestart(write);
    stops.push(async () => rmSync(readyFile, { force: true }));
  }
  return stack;
}

/** Starts the whole product and returns when it serves; throws a Failure and stops what runs when a part does not. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const stops: Stops = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    return { ...(await startParts(options, stops)), stop };
  } catch (error) {
    await stop();
    throw options.signal.aborted ? new Failure('stopped before it was up') : error;
  }
}
