import type { Context, Part } from '../context.ts';
import { privateKeyOf } from '../crypto/signing-keys.ts';
import type { Server } from '../http/server.ts';
import { registerApprovals } from '../modules/approvals/routes.ts';
import { Approvals } from '../modules/approvals/service.ts';
import { ApprovalStore } from '../modules/approvals/store.ts';
import { Authority, makeAuthority } from '../modules/edges/authority.ts';
import { Distribution } from '../modules/edges/distribution.ts';
import { Enrolment } from '../modules/edges/enrolment.ts';
import { EdgeReports } from '../modules/edges/reports.ts';
import { registerEdges } from '../modules/edges/routes.ts';
import { Edges } from '../modules/edges/service.ts';
import { SnapshotSigner, type SnapshotSources } from '../modules/edges/snapshot.ts';
import { EdgeStore } from '../modules/edges/store.ts';
import type { Vault } from '../modules/vault/service.ts';
import { type RpcServer, startRpc } from './server.ts';

/** All of the control plane that edges see: the gRPC listener, and the routes over edges and approvals. */
export interface EdgeSide {
  readonly part: Part;
  register(server: Server): void;
  /** Port of the gRPC listener; undefined before it serves. */
  port(): number | undefined;
}

async function openAuthority({ keys, now }: Context): Promise<Authority> {
  const key = await keys.current('ca', async () => {
    const { privateKey, certificate } = await makeAuthority(now());
    return { secret: privateKey, public: certificate };
  });
  if (key.public === null) throw new Error('the authority of edges has no certificate');
  return Authority.open({ privateKey: key.secret, certificate: key.public });
}

/** Hears what other replicas did and brings this replica's edges up to it. */
async function listen(context: Context, distribution: Distribution, store: EdgeStore): Promise<() => void> {
  const { bus, log } = context;
  const castOut = async (names: readonly string[]) => {
    for (const id of await store.revokedOf(names)) distribution.castOut(id);
  };
  const stops = [
    await bus.subscribe('scrim:changes', ({ what, names }) => {
      if (what !== 'edges') void distribution.refresh();
      else
        castOut(names).catch((err: unknown) => log.warn({ err }, 'revoked edges were not cast out at once'));
    }),
    await bus.subscribe('scrim:revocations', ({ tokenId, until }) => distribution.revoke(tokenId, until)),
    bus.onReconnect(() => void distribution.refresh()),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Runs `make` at the first call; a failure is not kept. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

/** What runs while the part is started. */
interface Running {
  readonly rpc: RpcServer;
  readonly distribution: Distribution;
  readonly reports: EdgeReports;
  readonly stopListening: () => void;
}

async function run(
  context: Context,
  sources: SnapshotSources,
  parts: {
    readonly authority: Authority;
    readonly store: EdgeStore;
    readonly approvals: Approvals;
    readonly vault: Vault;
  },
): Promise<Running> {
  const { db, config, keys, log, now } = context;
  const { authority, store, approvals, vault } = parts;
  const problem = (what: string, err: unknown) => log.warn({ err }, what);
  const key = await keys.current('snapshot');
  if (key.public === null) throw new Error('the snapshot key has no public half');
  const reports = new EdgeReports(db.pool, problem);
  const signer = new SnapshotSigner(privateKeyOf(key), config.snapshotLifetime);
  const sent = (edgeId: string, version: string) => reports.add(edgeId, { sent: version });
  const distribution = new Distribution({ sources, signer, sent, problem, now });
  const stopListening = await listen(context, distribution, store);
  const certificateLife = config.edgeCertificateLifetime;
  const rpc = await startRpc({
    host: config.grpc.host,
    port: config.grpc.port,
    names: config.grpcNames,
    pool: db.pool,
    authority,
    enrolment: new Enrolment({ pool: db.pool, authority, certificateLife, now }),
    snapshotKey: key.public,
    distribution,
    reports,
    approvals,
    vault,
    publicUrl: config.publicUrl,
    problem,
    now,
  });
  return { rpc, distribution, reports, stopListening };
}

/** Builds the edge side over what snapshots are made of; nothing is opened before it is used or the part started. */
export function createEdgeSide(context: Context, sources: SnapshotSources, vault: Vault): EdgeSide {
  const { db, bus, log, newId, now } = context;
  const authority = once(() => openAuthority(context));
  const store = new EdgeStore(db.pool);
  const fingerprint = async () => (await authority()).fingerprint;
  const edges = new Edges({ store, fingerprint, bus, newId });
  const problem = (what: string, err: unknown) => log.warn({ err }, what);
  const approvals = new Approvals({ store: new ApprovalStore(db.pool), bus, newId, now, problem });
  let running: Running | undefined;

  return {
    register(server) {
      registerEdges(server, edges);
      registerApprovals(server, approvals);
    },
    port: () => running?.rpc.port,
    part: {
      name: 'edges',
      async start() {
        await approvals.start();
        running = await run(context, sources, { authority: await authority(), store, approvals, vault });
      },
      async stop() {
        approvals.close();
        running?.stopListening();
        running?.distribution.close();
        await running?.rpc.close();
        await running?.reports.flush();
      },
    },
  };
}
