import { setImmediate as yieldLoop } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { type Encoded, encodeOnce, RevocationSchema, WatchResponseSchema } from '@scrim/rpc';
import { SnapshotContent, type SnapshotSigner, type SnapshotSources } from './snapshot.ts';

/** One edge's open stream on this replica. */
export interface EdgeStream {
  readonly edgeId: string;
  readonly edgeName: string;
  /** Version the edge said it holds; empty when none. */
  readonly held: string;
  /** Writes one message. False = the peer is slow: nothing more until {@link Attached.drained}. */
  send(message: Encoded): boolean;
  /** Ends the stream: `revoked` for good, `dropped` to be dialled again. */
  end(why: 'revoked' | 'dropped'): void;
}

export interface Attached {
  drained(): void;
  /** The edge did not take this version: no lease is given on it. */
  refused(version: string): void;
  detach(): void;
}

export interface DistributionOptions {
  readonly sources: SnapshotSources;
  readonly signer: SnapshotSigner;
  /** A version went out to an edge. */
  readonly sent: (edgeId: string, version: string) => void;
  readonly problem: (what: string, error: unknown) => void;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** How often content is loaded without being told to, which heals lost notices; default 30 s, less if lives are short. */
  readonly refreshMs?: number;
  /** How often lifetimes are extended; default a twelfth of the lifetime. */
  readonly leaseMs?: number;
}

interface Watching {
  readonly stream: EdgeStream;
  /** Version last written to it, or held by it. */
  version: string;
  leasedAt: number;
  /** The edge refused the version; it keeps an older one, whose lifetime is not extended. */
  refused: boolean;
  blocked: boolean;
  /** Revocations written while it was slow; bounded, because all are sent again to a stream that dials anew. */
  queued: number;
}

const YIELD_EVERY = 100;
const MAX_QUEUED = 1_000;
const FRESH_MS = 5_000;
/** A stream that broke unseen and the one after it; more is an edge gone wrong, or two that share one identity. */
const MAX_STREAMS = 4;

function revocation(tokenId: string, until: number): Encoded {
  const value = create(RevocationSchema, { tokenId, untilMs: BigInt(until) });
  return encodeOnce(
    WatchResponseSchema,
    create(WatchResponseSchema, { message: { case: 'revocation', value } }),
  );
}

/**
 * Keeps every edge connected to this replica on the newest content. Content is loaded once for all of them, whatever
 * number of changes came meanwhile; a slow edge gets only the newest version when it can take it.
 */
export class Distribution {
  readonly #options: DistributionOptions;
  readonly #watching = new Set<Watching>();
  readonly #timer: NodeJS.Timeout;
  readonly #revoked = new Map<string, number>();
  #content: SnapshotContent | undefined;
  #loadedAt = Number.NEGATIVE_INFINITY;
  #wanted = false;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: DistributionOptions) {
    this.#options = options;
    // Leases go out with this tick, so several of them must fit into a lifetime.
    const tick = options.refreshMs ?? Math.min(30_000, options.signer.lifetime / 6);
    this.#timer = setInterval(() => void this.refresh(), tick);
    this.#timer.unref();
  }

  get size(): number {
    return this.#watching.size;
  }

  /** True while an edge has a stream on this replica. */
  has(edgeId: string): boolean {
    return [...this.#watching].some(({ stream }) => stream.edgeId === edgeId);
  }

  /** Takes a stream in: first every revocation in force, then the snapshot, or a lease when it holds the right one. */
  async attach(stream: EdgeStream): Promise<Attached> {
    const watching: Watching = {
      stream,
      version: stream.held,
      leasedAt: Number.NEGATIVE_INFINITY,
      refused: false,
      blocked: false,
      queued: 0,
    };
    // In the set before the load: a change that lands between the two is pushed, not missed.
    this.#watching.add(watching);
    this.#endOldest(stream.edgeId);
    if (performance.now() - this.#loadedAt > FRESH_MS) await this.refresh();
    for (const [tokenId, until] of this.#revoked) this.#write(watching, revocation(tokenId, until));
    if (this.#content) this.#bring(watching, this.#content);
    return {
      drained: () => {
        watching.blocked = false;
        watching.queued = 0;
        if (this.#content) this.#bring(watching, this.#content);
      },
      refused: (version) => {
        watching.refused = watching.version === version;
      },
      detach: () => void this.#watching.delete(watching),
    };
  }

  #endOldest(edgeId: string): void {
    const streams = [...this.#watching].filter(({ stream }) => stream.edgeId === edgeId);
    for (const { stream } of streams.slice(0, -MAX_STREAMS)) stream.end('dropped');
  }

  /** Loads the content and brings every edge to it. Calls that come meanwhile share one more round. Never throws. */
  refresh(): Promise<void> {
    this.#wanted = true;
    this.#running ??= this.#rounds();
    return this.#running;
  }

  async #rounds(): Promise<void> {
    try {
      while (this.#wanted && !this.#closed) {
        this.#wanted = false;
        await this.#round();
      }
    } finally {
      // In the same tick as the last look at `wanted`: a call after this starts anew.
      this.#running = undefined;
    }
  }

  async #round(): Promise<void> {
    try {
      this.#content = await SnapshotContent.load(this.#options.sources);
      this.#loadedAt = performance.now();
    } catch (error) {
      // Edges keep what they have; no lease is given on content nobody could look at.
      this.#options.problem('the content of snapshots could not be loaded', error);
      return;
    }
    const content = this.#content;
    for (const { tokenId, until } of content.revoked) this.revoke(tokenId, until);
    let written = 0;
    for (const watching of [...this.#watching]) {
      if (this.#bring(watching, content)) written += 1;
      if (written % YIELD_EVERY === YIELD_EVERY - 1) await yieldLoop();
    }
  }

  /** Sends what the edge lacks: a newer snapshot, or a lease that is due. */
  #bring(watching: Watching, content: SnapshotContent): boolean {
    const { signer, now, sent } = this.#options;
    if (watching.blocked || !this.#watching.has(watching)) return false;
    const { edgeId, edgeName } = watching.stream;
    const body = content.body(edgeName);
    const at = now();
    if (watching.version !== body.version) {
      this.#write(watching, signer.snapshot(edgeId, body, at));
      watching.version = body.version;
      watching.refused = false;
      watching.leasedAt = at;
      sent(edgeId, body.version);
      return true;
    }
    if (watching.refused || at - watching.leasedAt < (this.#options.leaseMs ?? signer.lifetime / 12))
      return false;
    this.#write(watching, signer.lease(edgeId, body.version, at));
    watching.leasedAt = at;
    return true;
  }

  #write(watching: Watching, message: Encoded): void {
    if (!watching.stream.send(message)) watching.blocked = true;
  }

  /** Pushes a revocation to every edge at once, ahead of anything else. Known ones are not sent again. */
  revoke(tokenId: string, until: number): void {
    const at = this.#options.now();
    if (until <= at || this.#revoked.has(tokenId)) return;
    for (const [id, end] of this.#revoked) if (end <= at) this.#revoked.delete(id);
    this.#revoked.set(tokenId, until);
    const message = revocation(tokenId, until);
    for (const watching of this.#watching) {
      if (watching.blocked) watching.queued += 1;
      // It will get all of them again on its next stream; without bound they would pile up in our memory.
      if (watching.queued > MAX_QUEUED) watching.stream.end('dropped');
      else this.#write(watching, message);
    }
  }

  /** Ends the streams of a revoked edge. */
  castOut(edgeId: string): void {
    for (const { stream } of this.#watching) if (stream.edgeId === edgeId) stream.end('revoked');
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const { stream } of this.#watching) stream.end('dropped');
    this.#watching.clear();
  }
}
