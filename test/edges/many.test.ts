import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ControlLink } from '@scrim/edge';
import {
  type Content,
  connection,
  content,
  openEdge,
  type Replica,
  type Stores,
  startReplica,
  startStores,
} from './plane.ts';

const EDGES = 200;
const AT_ONCE = 10;

let stores: Stores;
let replica: Replica;
let served: Content;
const edges: ControlLink[] = [];

beforeAll(async () => {
  stores = await startStores();
  served = content();
  replica = await startReplica(stores, served);
  const names = Array.from({ length: EDGES }, (_, index) => `edge-${index}`);
  const open = async () => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const joinToken = await replica.joinToken(name);
      const edge = await openEdge(stores, replica.address, name, { joinToken, heartbeatMs: 10_000 });
      await edge.ready(AbortSignal.timeout(30_000));
      edges.push(edge);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, open));
}, 120_000);
afterAll(async () => {
  await Promise.all(edges.map((edge) => edge.close()));
  await replica?.stop();
  await stores?.stop();
}, 60_000);

/** Milliseconds from the notice to each edge, in order. */
async function arrivals(
  start: () => Promise<void>,
  listen: (edge: ControlLink, arrived: () => void) => void,
) {
  const times: number[] = [];
  let begun = 0;
  let done = false;
  const all = new Promise<void>((resolve) => {
    for (const edge of edges)
      listen(edge, () => {
        // Listeners stay for good; later rounds are not ours to count.
        if (done) return;
        times.push(performance.now() - begun);
        if (times.length === edges.length) resolve();
      });
  });
  begun = performance.now();
  await start();
  await all;
  done = true;
  return times.sort((a, b) => a - b);
}

const at = (times: readonly number[], share: number) =>
  times[Math.ceil(times.length * share) - 1] ?? Number.NaN;

test(`a change and a revocation reach ${EDGES} edges of one replica within a second`, async () => {
  expect(edges).toHaveLength(EDGES);
  const rounds: { changed: number[]; revoked: number[] }[] = [];
  for (const round of ['one', 'two', 'three']) {
    const changed = await arrivals(
      async () => {
        served.connections = [...served.connections, connection(`added-${round}`)];
        await replica.changed();
      },
      (edge, arrived) => edge.onSnapshot(arrived),
    );
    const revoked = await arrivals(
      async () => {
        const message = { tokenId: `stolen-${round}`, until: Date.now() + 60_000 };
        await replica.plane.context.bus.publish('scrim:revocations', message);
      },
      (edge, arrived) => edge.onRevocation(arrived),
    );
    rounds.push({ changed, revoked });
  }
  // The best of three: server and edges share this process, and the machine may be busy with other tests.
  const best = (kind: 'changed' | 'revoked') =>
    rounds.map((round) => round[kind]).sort((a, b) => at(a, 0.99) - at(b, 0.99))[0] ?? [];
  const [changed, revoked] = [best('changed'), best('revoked')];
  const line = (what: string, times: readonly number[]) =>
    `${what}: p50 ${at(times, 0.5).toFixed(0)} ms, p99 ${at(times, 0.99).toFixed(0)} ms`;
  process.stdout.write(`${line('change', changed)}; ${line('revocation', revoked)}\n`);
  expect(at(changed, 0.99)).toBeLessThan(1_000);
  expect(at(revoked, 0.99)).toBeLessThan(1_000);
});
