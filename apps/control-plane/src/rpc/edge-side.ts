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

/** Builds the edge side over what snapshots are made of; nothing listens before the part is started. */
export async function createEdgeSide(context: Context, sources: SnapshotSources): Promise<EdgeSide> {
  const { db, bus, config, keys, log, newId, now } = context;
  const problem = (what: string, err: unknown) => log.warn({ err }, what);
  const authority = await openAuthority(context);
  const snapshotKey = await keys.current('snapshot');
  if (snapshotKey.public === null) throw new Error('the snapshot key has no public half');
  const store = new EdgeStore(db.pool);
  const edges = new Edges({ store, authority, bus, newId });
  const approvals = new Approvals({ store: new ApprovalStore(db.pool), bus, newId, now, problem });
  const enrolment = new Enrolment({
    pool: db.pool,
    authority,
    certificateLife: config.edgeCertificateLifetime,
    now,
  });
  const reports = new EdgeReports(db.pool, problem);
  const signer = new SnapshotSigner(privateKeyOf(snapshotKey), config.snapshotLifetime);
  const sent = (edgeId: string, version: string) => reports.add(edgeId, { sent: version });
  let distribution: Distribution | undefined;
  let rpc: RpcServer | undefined;
  let stopListening = () => {};

  return {
    register(server) {
      registerEdges(server, edges);
      registerApprovals(server, approvals);
    },
    port: () => rpc?.port,
    part: {
      name: 'edges',
      async start() {
        distribution = new Distribution({ sources, signer, sent, problem, now });
        await approvals.start();
        stopListening = await listen(context, distribution, store);
        rpc = await startRpc({
          host: config.grpc.host,
          port: config.grpc.port,
          names: config.grpcNames,
          pool: db.pool,
          authority,
          enrolment,
          snapshotKey: snapshotKey.public as Uint8Array,
          distribution,
          reports,
          approvals,
          publicUrl: config.publicUrl,
          problem,
          now,
        });
      },
      async stop() {
        approvals.close();
        stopListening();
        distribution?.close();
        await rpc?.close();
        await reports.flush();
      },
    },
  };
}
