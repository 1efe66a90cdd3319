import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { Encoded, Hello, WatchRequest, WatchResponse } from '@scrim/rpc';
import type { Pool } from 'pg';
import type { Attached, Distribution } from '../modules/edges/distribution.ts';
import type { EdgeReports } from '../modules/edges/reports.ts';
import { capabilitiesOf, listenersOf } from './capabilities.ts';
import { edgeRevoked, RpcFailure, statusOf, toFailure } from './failure.ts';
import { checkPeer, type Peer, peerOf } from './peer.ts';

export interface WatchParts {
  readonly pool: Pool;
  readonly distribution: Distribution;
  readonly reports: EdgeReports;
  readonly problem: (what: string, error: unknown) => void;
}

type Call = ServerDuplexStream<WatchRequest, WatchResponse>;

const HELLO_MS = 10_000;
const MAX_REASON = 1_000;
/** An edge that talks without pause must not make us ask the database without pause. */
const RECHECK_MS = 5_000;

/** One edge's Watch stream: Hello first, then what it reports; what goes down is the distribution's. */
class WatchStream {
  readonly #parts: WatchParts;
  readonly #call: Call;
  #peer: Peer | undefined;
  #attached: Attached | undefined;
  #greeted = false;
  #over = false;
  #checkedAt = performance.now();

  constructor(parts: WatchParts, call: Call) {
    this.#parts = parts;
    this.#call = call;
  }

  async run(): Promise<void> {
    const over = () => this.#finish();
    this.#call.on('cancelled', over);
    this.#call.on('error', over);
    const hello = setTimeout(
      () => this.#fail(new RpcFailure(status.DEADLINE_EXCEEDED, 'no hello came')),
      HELLO_MS,
    );
    try {
      this.#peer = await peerOf(this.#call, this.#parts.pool);
    } catch (error) {
      clearTimeout(hello);
      this.#fail(error);
      return;
    }
    // Only now does the call start to flow: nothing of a stranger is read.
    this.#call.on('data', ({ message }: WatchRequest) => {
      clearTimeout(hello);
      this.#take(message);
    });
    this.#call.on('drain', () => this.#attached?.drained());
    this.#call.on('end', () => {
      this.#finish();
      this.#call.end();
    });
  }

  #take(message: WatchRequest['message']): void {
    const { reports } = this.#parts;
    const peer = this.#peer;
    if (this.#over || peer === undefined) return;
    const { edgeId } = peer;
    if (message.case === 'hello') void this.#greet(message.value, peer);
    else if (!this.#greeted)
      this.#fail(new RpcFailure(status.FAILED_PRECONDITION, 'the first message must be hello'));
    else if (message.case === 'ack')
      reports.add(edgeId, { seen: true, acked: message.value.version.slice(0, 64), nack: '' });
    else if (message.case === 'nack') {
      this.#attached?.refused(message.value.version);
      reports.add(edgeId, {
        seen: true,
        nack: message.value.reason.slice(0, MAX_REASON) || 'no reason given',
      });
    } else if (message.case === 'heartbeat') {
      const { openSessions, spoolBytes } = message.value;
      const open = Math.min(openSessions, 2 ** 31 - 1);
      reports.add(edgeId, { seen: true, open, spool: BigInt.asIntN(63, spoolBytes).toString() });
      void this.#recheck(peer);
    }
  }

  /** Heals a lost notice: a revoked edge or an ended certificate loses its stream at the next heartbeat. */
  async #recheck(peer: Peer): Promise<void> {
    if (performance.now() - this.#checkedAt < RECHECK_MS) return;
    this.#checkedAt = performance.now();
    try {
      await checkPeer(this.#parts.pool, peer.fingerprint, peer.edgeId);
    } catch (error) {
      if (error instanceof RpcFailure) this.#fail(error);
      else this.#parts.problem('an edge certificate could not be looked up', error);
    }
  }

  async #greet(hello: Hello, peer: Peer): Promise<void> {
    if (this.#greeted) return;
    this.#greeted = true;
    const { distribution, reports } = this.#parts;
    reports.add(peer.edgeId, {
      seen: true,
      capabilities: capabilitiesOf(hello.capabilities),
      listeners: listenersOf(hello.listeners),
      // What it holds is in force there, whoever gave it.
      ...(hello.version === '' ? {} : { acked: hello.version.slice(0, 64) }),
    });
    const attached = await distribution.attach({
      edgeId: peer.edgeId,
      edgeName: peer.edgeName,
      held: hello.version,
      send: (message) => this.#send(message),
      end: (why) =>
        this.#fail(why === 'revoked' ? edgeRevoked() : new RpcFailure(status.UNAVAILABLE, 'dial again')),
    });
    this.#attached = attached;
    if (this.#over) attached.detach();
  }

  #send(message: Encoded): boolean {
    if (this.#over) return true;
    // The codec passes encoded bytes through: one encoding for however many edges.
    return this.#call.write(message as unknown as WatchResponse);
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    const failure = toFailure(error);
    if (failure !== error) this.#parts.problem('a watch stream failed', error);
    this.#finish();
    this.#call.emit('error', statusOf(failure));
  }

  #finish(): void {
    this.#over = true;
    this.#attached?.detach();
  }
}

/** EdgeService.Watch. */
export function watch(parts: WatchParts, call: Call): void {
  void new WatchStream(parts, call).run();
}
