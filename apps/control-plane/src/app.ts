import type { AddressInfo } from 'node:net';
import { createLog, createMetrics, type Log } from '@scrim/telemetry';
import { v7 as uuidv7 } from 'uuid';
import { createAuthenticate } from './auth/authenticate.ts';
import { openBus } from './bus.ts';
import type { Config } from './config.ts';
import type { Context, Part } from './context.ts';
import { createEnvelope } from './crypto/envelope.ts';
import { createSigningKeys } from './crypto/signing-keys.ts';
import { openDatabase } from './database/client.ts';
import { migrate } from './database/migrate.ts';
import { registerHealth } from './http/health.ts';
import { registerOpenApi, serveOpenApi } from './http/openapi.ts';
import { createServer, type Server } from './http/server.ts';
import { registerInfo } from './modules/info/routes.ts';

/** A control plane, built but not yet serving. */
export interface ControlPlane {
  readonly server: Server;
  readonly context: Context;
  /** Starts the parts and listens; resolves with where, once everything serves. */
  start(): Promise<{ readonly host: string; readonly port: number }>;
  /** Takes nothing new, finishes what is under way, closes everything. May be called twice. */
  stop(): Promise<void>;
}

/** What a test replaces. */
export interface Overrides {
  readonly now?: () => number;
  readonly log?: Log;
}

/** Brings the database up to date and builds everything, in reading order. */
export async function createControlPlane(config: Config, overrides: Overrides = {}): Promise<ControlPlane> {
  const log = overrides.log ?? createLog({ name: 'control-plane', level: config.logLevel });
  const metrics = createMetrics();
  const applied = await migrate(config.databaseUrl.reveal());
  if (applied.length > 0) log.info({ applied }, 'database migrated');
  const db = openDatabase(config.databaseUrl.reveal(), config.databasePool, (err) =>
    log.warn({ err }, 'a database connection broke'),
  );
  const bus = await openBus(config.redisUrl.reveal(), log);
  const envelope = createEnvelope(config.masterKey, config.previousMasterKey);
  const keys = createSigningKeys(db, envelope);
  const now = overrides.now ?? Date.now;
  const context: Context = { config, log, metrics, db, bus, envelope, keys, now, newId: () => uuidv7() };

  const server = await createServer(
    config,
    log,
    createAuthenticate(context, async () => undefined),
  );
  await registerOpenApi(server);
  const parts: Part[] = [];
  let started = false;
  registerHealth(server, context, () => started);
  registerInfo(server, context);
  await serveOpenApi(server);

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    started = false;
    await server.close();
    for (const part of parts.toReversed()) await part.stop();
    await bus.close();
    await db.close();
  };
  return {
    server,
    context,
    async start() {
      await server.ready();
      for (const part of parts) await part.start();
      await server.listen({ host: config.http.host, port: config.http.port });
      started = true;
      const { address, port } = server.server.address() as AddressInfo;
      return { host: address, port };
    },
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
}
