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
import { waitForDatabase } from './database/wait.ts';
import { serveConsole } from './http/console.ts';
import { registerHealth } from './http/health.ts';
import { registerOpenApi, serveOpenApi } from './http/openapi.ts';
import { createServer, type Server } from './http/server.ts';
import { registerAudit } from './modules/audit/routes.ts';
import { registerConnections } from './modules/connections/routes.ts';
import { createConnections } from './modules/connections/service.ts';
import { registerCredentials } from './modules/credentials/routes.ts';
import { createCredentials } from './modules/credentials/service.ts';
import { registerDocuments } from './modules/documents/routes.ts';
import { type Configuration, createConfiguration } from './modules/documents/service.ts';
import { registerIdentities } from './modules/identities/index.ts';
import { createIssuers } from './modules/identities/issuers.ts';
import { createTokens } from './modules/identities/tokens.ts';
import { createIdentityUpkeep } from './modules/identities/upkeep.ts';
import { createTokenVerifier } from './modules/identities/verifier.ts';
import { registerInfo } from './modules/info/routes.ts';
import { createPolicyChecker } from './modules/policies/checker.ts';
import { registerPolicies } from './modules/policies/routes.ts';
import { createPolicies } from './modules/policies/service.ts';
import { registerDeadLetters } from './modules/sessions/dead-letter-routes.ts';
import { registerSessions } from './modules/sessions/routes.ts';
import { registerVault } from './modules/vault/routes.ts';
import { Vault } from './modules/vault/service.ts';
import { createEdgeSide } from './rpc/edge-side.ts';
import { createRun } from './run.ts';
import { createSnapshotSources, type Sources } from './snapshot-sources.ts';
import { createEdgeKeys } from './workers/edge-keys.ts';
import { Persister } from './workers/persister.ts';

/** A control plane, built but not yet serving. */
export interface ControlPlane {
  readonly server: Server;
  readonly context: Context;
  readonly configuration: Configuration;
  readonly sources: Sources;
  /** Port edges dial; undefined before it serves. */
  grpcPort(): number | undefined;
  /** Starts the parts and listens; resolves with where, once everything serves. */
  start(): Promise<{ readonly host: string; readonly port: number }>;
  /** Takes nothing new, finishes what is under way, closes everything. May be called twice. */
  stop(): Promise<void>;
}

/** What a test replaces. */
export interface Overrides {
  readonly now?: () => number;
  readonly log?: Log;
  readonly sources?: Sources;
}

/** Everything modules share, connected. Brings the database up to date first. */
async function createContext(config: Config, { log: given, now = Date.now }: Overrides): Promise<Context> {
  const log = given ?? createLog({ name: 'control-plane', level: config.logLevel });
  const url = config.databaseUrl.reveal();
  await waitForDatabase(url, log);
  const applied = await migrate(url);
  if (applied.length > 0) log.info({ applied }, 'database migrated');
  const db = openDatabase(url, config.databasePool, (err) =>
    log.warn({ err }, 'a database connection broke'),
  );
  const bus = await openBus(config.redisUrl.reveal(), log);
  const envelope = createEnvelope(config.masterKey, config.previousMasterKey);
  const keys = createSigningKeys(db, envelope);
  try {
    await keys.check();
  } catch (error) {
    await Promise.all([bus.close(), db.close()]);
    throw error;
  }
  return { config, log, metrics: createMetrics(), db, bus, envelope, keys, now, newId: () => uuidv7() };
}

function createPersister({ config, db, log, metrics, newId, now }: Context): Persister {
  return new Persister({
    pool: db.pool,
    redisUrl: config.redisUrl.reveal(),
    prefix: config.queuePrefix,
    edgeKeys: createEdgeKeys(db.pool, now),
    log,
    metrics,
    newId,
  });
}

/** Connects to the stores and builds everything. Throws, and holds on to nothing, when something is wrong. */
export async function createControlPlane(config: Config, overrides: Overrides = {}): Promise<ControlPlane> {
  const context = await createContext(config, overrides);
  try {
    return await build(context, overrides);
  } catch (error) {
    await context.bus.close();
    await context.db.close();
    throw error;
  }
}

/** Everything, in reading order. */
async function build(context: Context, overrides: Overrides): Promise<ControlPlane> {
  const { config } = context;
  const credentials = createCredentials(context.envelope);
  const connections = createConnections(context, credentials);
  const policies = createPolicies(context);
  const configuration = createConfiguration(
    context,
    connections,
    policies,
    createPolicyChecker(config.vault),
  );
  const issuers = createIssuers(context);
  const verifier = createTokenVerifier(context, issuers);
  const tokens = createTokens(context, verifier);
  const sources =
    overrides.sources ?? createSnapshotSources(context, { connections, policies, issuers, tokens });
  const vault = new Vault({ ...context, policies });
  const edgeSide = createEdgeSide(context, sources, vault);
  const persister = createPersister(context);
  const parts: readonly Part[] = [createIdentityUpkeep(context, issuers), edgeSide.part, persister];

  const server = await createServer(config, context.log, createAuthenticate(context, verifier.verify));
  const running = createRun(context, server, parts);
  await registerOpenApi(server);
  registerHealth(server, context, running.started);
  registerInfo(server, context);
  registerConnections(server, configuration);
  registerCredentials(server, context, credentials);
  registerPolicies(server, configuration);
  registerDocuments(server, configuration);
  registerIdentities(server, context, issuers, tokens);
  registerVault(server, vault);
  registerAudit(server, context);
  edgeSide.register(server);
  registerSessions(server, context);
  registerDeadLetters(server, context, persister);
  await serveOpenApi(server);
  serveConsole(server);

  const { start, stop } = running;
  return { server, context, configuration, sources, grpcPort: edgeSide.port, start, stop };
}
