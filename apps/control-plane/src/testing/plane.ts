import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres, startRedis } from '@scrim/embedded-stores';
import { createLog } from '@scrim/telemetry';
import type { InjectOptions } from 'fastify';
import { type ControlPlane, createControlPlane } from '../app.ts';
import { type Config, readConfig } from '../config.ts';

/** A real PostgreSQL and a real Redis of a test file's own. */
export interface TestStores {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  stop(): Promise<void>;
}

export async function startTestStores(): Promise<TestStores> {
  const folder = mkdtempSync(join(tmpdir(), 'scrim-control-plane-'));
  const password = randomBytes(12).toString('hex');
  const [postgres, redis] = await Promise.all([
    startPostgres({ dataDir: join(folder, 'postgres'), password, settings: { fsync: 'off' } }),
    startRedis({ dataDir: join(folder, 'redis') }),
  ]);
  return {
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    async stop() {
      await Promise.all([postgres.stop(), redis.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const ADMIN_TOKEN = 'test-administrator-token';
export const TEST_MASTER_KEY = Buffer.alloc(32, 7).toString('base64');

export interface TestPlane {
  readonly plane: ControlPlane;
  readonly config: Config;
  /** Every log line, as one text. */
  logText(): string;
  /** A request as the built-in administrator, or with `bearer` (null = none at all). */
  call(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    url: string,
    options?: CallOptions,
  ): Promise<Answer>;
  stop(): Promise<void>;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly bearer?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers of every shape
  readonly body: any;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** A whole control plane on the stores, its routes reached by `inject`; its log is kept for the test to read. */
export async function startTestPlane(
  stores: TestStores,
  environment: Readonly<Record<string, string>> = {},
  now?: () => number,
): Promise<TestPlane> {
  const lines: string[] = [];
  const config = readConfig({
    DATABASE_URL: stores.databaseUrl,
    REDIS_URL: stores.redisUrl,
    SCRIM_MASTER_KEY: TEST_MASTER_KEY,
    SCRIM_MODE: 'development',
    SCRIM_ADMIN_TOKEN: ADMIN_TOKEN,
    SCRIM_HTTP_PORT: '0',
    SCRIM_GRPC_PORT: '0',
    SCRIM_RATE_LIMIT: '1000000',
    ...environment,
  });
  const log = createLog({
    name: 'test',
    level: 'trace',
    destination: { write: (line) => void lines.push(line) },
  });
  const plane = await createControlPlane(config, { log, ...(now && { now }) });
  await plane.server.ready();
  return {
    plane,
    config,
    logText: () => lines.join(''),
    async call(method, url, { body, bearer = ADMIN_TOKEN, headers = {} } = {}) {
      const auth = bearer === null ? {} : { authorization: `Bearer ${bearer}` };
      const request: InjectOptions = { method, url, headers: { ...auth, ...headers } };
      const answer = await plane.server.inject(
        body === undefined ? request : { ...request, payload: body as object },
      );
      const json = String(answer.headers['content-type']).includes('json') && answer.body !== '';
      return {
        status: answer.statusCode,
        text: answer.body,
        body: json ? JSON.parse(answer.body) : undefined,
        headers: answer.headers,
      };
    },
    stop: () => plane.stop(),
  };
}
