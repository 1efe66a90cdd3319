import { join } from 'node:path';
import { type Connection, RefusalError, refuse, type Snapshot } from '@scrim/model';
import { Pipeline, type Recording } from '@scrim/pipeline';
import type { Protocol } from '@scrim/protocol-kit';
import { Recorder, Spool } from '@scrim/recording';
import { createLog, createMetrics, type Log, type LogLevel } from '@scrim/telemetry';
import { v7 as newId } from 'uuid';
import type { EdgeConfig } from './config.ts';
import { type ControlLink, openControlLink } from './control/index.ts';
import { type HealthServer, serveHealth } from './health/server.ts';
import { createIdentifier } from './identity/index.ts';
import { type Listener, listen } from './listeners/listener.ts';
import { type EdgeMetrics, edgeMetrics } from './metrics.ts';
import { PROTOCOLS } from './protocols.ts';
import { resolveSecrets } from './secrets/resolve.ts';
import { Shipper } from './shipping/shipper.ts';
import { EdgeVault, Journal, TokenShipper } from './vault/index.ts';

export interface Edge {
  readonly listeners: readonly Listener[];
  readonly healthPort: number;
  stop(): Promise<void>;
}

const VERSION = '0.1.0';
/** How often the control plane is told of open sessions and the spool. */
const REPORT_MS = 5_000;
/** Clocks of issuer and edge may differ by this much. */
const LEEWAY_SECONDS = 5;

async function createProtocols(config: EdgeConfig): Promise<ReadonlyMap<string, Protocol>> {
  const protocols = new Map<string, Protocol>();
  for (const { protocol } of config.listeners) {
    const served = PROTOCOLS[protocol];
    if (served && !protocols.has(protocol)) protocols.set(protocol, await served.create(config.dataDir));
  }
  return protocols;
}

function capabilitiesOf(protocols: ReadonlyMap<string, Protocol>) {
  const entries = [...protocols].map(([name, { capabilities, identity }]) => [
    name,
    JSON.stringify({ ...capabilities, ...(identity === undefined ? {} : { identity }) }),
  ]);
  return { version: VERSION, protocols: Object.fromEntries(entries) as Record<string, string> };
}

/** The recorder, with what happens at the door also counted and logged. */
function recordingOf(recorder: Recorder, log: Log, metrics: EdgeMetrics): Recording {
  return {
    ready: recorder.ready,
    open: (sessionId, connection, mode, onFailure) => recorder.open(sessionId, connection, mode, onFailure),
    rejected: (data) => {
      metrics.rejected.inc({ code: String(data.code ?? 'SCRIM_UNPARSED') });
      log.warn({ event: 'rejected', ...data }, 'a caller was turned away');
      recorder.rejected(data);
    },
  };
}

/** The shipper follows the queue the snapshot names; another address means another shipper. */
class Shipping {
  readonly #create: (queue: Snapshot['queue']) => Shipper;
  #queue = '';
  #shipper: Shipper | undefined;

  constructor(create: (queue: Snapshot['queue']) => Shipper) {
    this.#create = create;
  }

  follow(snapshot: Snapshot): void {
    const queue = JSON.stringify(snapshot.queue);
    if (queue === this.#queue) return;
    this.#queue = queue;
    const old = this.#shipper;
    const next = this.#create(snapshot.queue);
    this.#shipper = next;
    void Promise.resolve(old?.stop()).then(() => next.start());
  }

  async close(): Promise<void> {
    await this.#shipper?.stop();
  }
}

async function openLink(
  config: EdgeConfig,
  protocols: ReadonlyMap<string, Protocol>,
  log: Log,
): Promise<ControlLink> {
  return openControlLink({
    dataDir: config.dataDir,
    address: config.controlPlane,
    ...(config.joinToken === undefined ? {} : { joinToken: config.joinToken }),
    name: config.name,
    capabilities: capabilitiesOf(protocols),
    listeners: () =>
      Object.fromEntries(
        // A connection's own port would not do for the other connections of the protocol.
        config.listeners
          .filter((it) => it.connection === undefined)
          .map((it) => [it.protocol, `${config.publicHost ?? it.host}:${it.port}`]),
      ),
    onProblem: (what, error) => log.warn({ err: error }, what),
  });
}

function createPipeline(
  config: EdgeConfig,
  link: ControlLink,
  recording: Recording,
  log: Log,
  metrics: EdgeMetrics,
  vault: EdgeVault,
): Pipeline {
  const identifier = createIdentifier({
    snapshot: () => {
      const snapshot = link.current();
      if (!snapshot)
        throw refuse('SCRIM_POLICY_EXPIRED', { hint: 'the edge cannot reach the control plane' });
      return snapshot;
    },
    now: Date.now,
    leewaySeconds: LEEWAY_SECONDS,
  });
  return new Pipeline({
    identify: (token, certificate) =>
      certificate ? identifier.identifyCertificate(certificate) : identifier.identify(token),
    snapshot: () => link.current(),
    secrets: (connection: Connection) => resolveSecrets(connection),
    approvals: { request: (held, signal, pending) => link.requestApproval(held, signal, pending) },
    recording,
    vault,
    now: Date.now,
    newId: () => newId(),
    failed: (sessionId, error) => {
      metrics.failures.inc();
      const level = error instanceof RefusalError ? 'info' : 'error';
      log[level]({ err: error, sessionId }, 'a session was ended by the edge');
    },
    accept: {
      limits: config.limits,
      requireTls: config.requireTls,
      ...(config.tls ? { tls: config.tls } : {}),
      rejected: (why) => recording.rejected({ why }),
    },
  });
}

/** What takes reversible tokens in, and what brings them to the control plane. */
function createVault(journal: Journal, link: ControlLink, log: Log, metrics: EdgeMetrics) {
  const vault = new EdgeVault({
    journal,
    kept: () => metrics.tokens.inc(),
    problem: (error) => log.error({ err: error }, 'a reversible token could not be kept'),
  });
  const shipper = new TokenShipper({
    journal,
    put: (tokens) => link.putTokens(tokens),
    problem: (what, error) => log.warn({ err: error }, what),
  });
  return { vault, shipper };
}

async function startListeners(
  config: EdgeConfig,
  protocols: ReadonlyMap<string, Protocol>,
  pipeline: Pipeline,
): Promise<Listener[]> {
  const listeners: Listener[] = [];
  for (const listener of config.listeners) {
    const protocol = protocols.get(listener.protocol);
    if (protocol) listeners.push(await listen(listener, protocol, pipeline));
  }
  return listeners;
}

/**
 * Builds an edge in reading order and resolves once it serves. It waits for its first snapshot (from the control plane,
 * or the one kept on disk); `stop` ends sessions first and flushes their last events to the spool.
 */
export async function startEdge(config: EdgeConfig): Promise<Edge> {
  const log = createLog({ level: config.logLevel as LogLevel, name: 'edge' });
  const registry = createMetrics({ edge: config.name });
  const protocols = await createProtocols(config);
  const link = await openLink(config, protocols, log);
  const spool = new Spool({ folder: join(config.dataDir, 'spool'), maxBytes: config.spoolBytes });
  const journal = new Journal({ folder: join(config.dataDir, 'vault'), maxBytes: config.vaultSpoolBytes });
  const recorder = new Recorder({ sink: spool, edgeId: link.edgeId });
  const lost = recorder.closeLost();
  if (lost > 0) log.warn({ sessions: lost }, 'sessions of an earlier run were closed as edge-lost');
  const metrics = edgeMetrics(registry, {
    spool: () => spool.state,
    sessions: () => pipeline.openSessions,
    vault: () => journal,
  });
  const { vault, shipper: tokens } = createVault(journal, link, log, metrics);
  const pipeline = createPipeline(config, link, recordingOf(recorder, log, metrics), log, metrics, vault);
  const shipping = new Shipping(
    (queue) =>
      new Shipper({
        spool,
        edgeId: link.edgeId,
        signer: () => ({
          keyId: link.certificateFingerprint(),
          sign: (bytes) => Buffer.from(link.sign(bytes)),
        }),
        queue,
        onFailure: (error, attempt) => log.warn({ err: error, attempt }, 'the queue does not take events'),
      }),
  );
  const follow = (snapshot: Snapshot): void => {
    vault.follow(snapshot);
    pipeline.applySnapshot(snapshot);
    shipping.follow(snapshot);
  };
  link.onSnapshot(follow);
  link.onRevocation((tokenId) => pipeline.revoke(tokenId));
  const ready = link.current();
  if (ready) follow(ready);
  tokens.start();
  const listeners = await startListeners(config, protocols, pipeline);
  const health: HealthServer = await serveHealth(config.health, {
    notReady: () => notReady(link, spool),
    metrics: () => registry.metrics(),
  });
  const report = setInterval(
    () => link.reportSessions(pipeline.openSessions, spool.state.bytes),
    REPORT_MS,
  ).unref();
  return {
    listeners,
    healthPort: health.port,
    stop: async () => {
      clearInterval(report);
      await Promise.all(listeners.map((it) => it.close()));
      await pipeline.stop();
      recorder.stop();
      await shipping.close();
      await tokens.stop();
      await journal.close();
      await spool.close();
      await link.close();
      health.close();
    },
  };
}

function notReady(link: ControlLink, spool: Spool): string | undefined {
  if (!link.current()) return 'no valid policy snapshot';
  if (spool.state.full) return 'the event spool is full';
  return undefined;
}
