import { create } from '@bufbuild/protobuf';
import type { Snapshot } from '@scrim/model';
import type { Decision, HeldOperation } from '@scrim/pipeline';
import { PutTokensRequestSchema, type SealedToken } from '@scrim/rpc';
import { ApprovalClient, type OnPending } from './approval-client.ts';
import { type EdgeClient, edgeClient } from './channel.ts';
import { certificateFingerprint, type EdgeIdentity, IdentityStore } from './edge-identity.ts';
import { type EdgeCapabilities, enrol } from './enrolment.ts';
import { Renewer } from './renewer.ts';
import { SnapshotShelf } from './snapshot-shelf.ts';
import { Watcher } from './watcher.ts';

/** The edge's one line to the control plane. Everything it knows, it keeps serving while the line is down. */
export interface ControlLink {
  readonly edgeId: string;
  /** The snapshot in force. Undefined when there is none or its lifetime is over: refuse new sessions then. */
  current(): Snapshot | undefined;
  /**
   * Called with each new snapshot before it is in force (not with the one already there). A listener that throws
   * refuses it: listeners called before are called again with the old one, and the control plane learns the reason.
   */
  onSnapshot(listener: (snapshot: Snapshot) => void): void;
  /** Called once for each revoked token, so that its running sessions can be ended. */
  onRevocation(listener: (tokenId: string) => void): void;
  /** See {@link ApprovalClient.ask}. */
  requestApproval(request: HeldOperation, signal: AbortSignal, onPending?: OnPending): Promise<Decision>;
  /** Resolves when the control plane has stored the tokens. @throws what gRPC says when it has not */
  putTokens(tokens: readonly SealedToken[]): Promise<void>;
  /** What the next heartbeat says. */
  reportSessions(open: number, spoolBytes: number): void;
  /** Ed25519 signature by the edge's key. */
  sign(bytes: Uint8Array): Uint8Array;
  /** SHA-256 of the certificate `sign` is vouched for by, lower-case hex. */
  certificateFingerprint(): string;
  /** Whether the control plane is there at this moment. */
  connected(): boolean;
  /** Resolves once there is a snapshot to serve by. @throws the signal's reason */
  ready(signal: AbortSignal): Promise<Snapshot>;
  close(): Promise<void>;
}

export interface ControlLinkOptions {
  /** Where identity and snapshot are kept; this edge's alone. */
  readonly dataDir: string;
  /** `host:port` of the control plane's gRPC listener. */
  readonly address: string;
  /** Needed at the first start only. */
  readonly joinToken?: string;
  readonly name: string;
  readonly capabilities: EdgeCapabilities;
  /** Addresses callers reach this edge at, by listener, for display. */
  readonly listeners?: () => Readonly<Record<string, string>>;
  /** Told of everything that is not fatal; never holds a secret. */
  readonly onProblem?: (what: string, error?: unknown) => void;
  /** Ends a first enrolment that is still trying. */
  readonly signal?: AbortSignal;
  readonly heartbeatMs?: number;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

async function identify(store: IdentityStore, options: ControlLinkOptions): Promise<EdgeIdentity> {
  const known = await store.load();
  if (known !== undefined) return known;
  if (options.joinToken === undefined) {
    throw new Error(
      'this edge has not enrolled yet: start it once with a join token (`scrim edge --join TOKEN`)',
    );
  }
  return enrol({
    store,
    address: options.address,
    joinToken: options.joinToken,
    name: options.name,
    capabilities: options.capabilities,
    signal: options.signal ?? new AbortController().signal,
  });
}

/** Clients of certificates that were replaced stay open this long for the approvals that still wait on them. */
const OLD_CLIENT_MS = 60_000;
const PUT_TOKENS_MS = 5_000;

class Link implements ControlLink {
  readonly edgeId: string;
  readonly #shelf: SnapshotShelf;
  readonly #watcher: Watcher;
  readonly #approvals: ApprovalClient;
  readonly #stop = new AbortController();
  readonly #now: () => number;
  readonly #options: ControlLinkOptions;
  readonly #snapshotListeners: ((snapshot: Snapshot) => void)[] = [];
  readonly #revocationListeners: ((tokenId: string) => void)[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #retired = new Map<EdgeClient, NodeJS.Timeout>();
  readonly #runs: Promise<unknown>;
  #identity: EdgeIdentity;
  #client: EdgeClient;
  #load = { openSessions: 0, spoolBytes: 0 };

  constructor(
    identity: EdgeIdentity,
    store: IdentityStore,
    shelf: SnapshotShelf,
    options: ControlLinkOptions,
  ) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#identity = identity;
    this.edgeId = identity.edgeId;
    this.#shelf = shelf;
    this.#client = edgeClient(options.address, identity);
    this.#approvals = new ApprovalClient(() => this.#client, this.#now);
    const renewer = this.#renewer(store);
    this.#watcher = this.#makeWatcher(renewer);
    this.#runs = Promise.all([this.#watcher.run(this.#stop.signal), renewer.run(this.#stop.signal)]);
  }

  current(): Snapshot | undefined {
    const held = this.#shelf.held;
    return held !== undefined && this.#now() < held.expiresAt ? held : undefined;
  }

  onSnapshot(listener: (snapshot: Snapshot) => void): void {
    this.#snapshotListeners.push(listener);
  }

  onRevocation(listener: (tokenId: string) => void): void {
    this.#revocationListeners.push(listener);
  }

  requestApproval(request: HeldOperation, signal: AbortSignal, onPending?: OnPending) {
    return this.#approvals.ask(request, AbortSignal.any([signal, this.#stop.signal]), onPending);
  }

  async putTokens(tokens: readonly SealedToken[]): Promise<void> {
    await this.#client.putTokens(create(PutTokensRequestSchema, { tokens: [...tokens] }), PUT_TOKENS_MS);
  }

  reportSessions(openSessions: number, spoolBytes: number): void {
    this.#load = { openSessions, spoolBytes };
  }

  sign(bytes: Uint8Array): Uint8Array {
    return this.#identity.key.sign(bytes);
  }

  certificateFingerprint(): string {
    return certificateFingerprint(this.#identity);
  }

  connected(): boolean {
    return this.#watcher.connected;
  }

  async ready(signal: AbortSignal): Promise<Snapshot> {
    for (;;) {
      const snapshot = this.current();
      if (snapshot !== undefined) return snapshot;
      await this.#nextSnapshot(signal);
    }
  }

  #nextSnapshot(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done);
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#runs;
    this.#client.close();
    for (const [client, timer] of this.#retired) {
      clearTimeout(timer);
      client.close();
    }
    await this.#shelf.settled();
  }

  #problem(what: string, error?: unknown): void {
    this.#options.onProblem?.(what, error);
  }

  #apply(snapshot: Snapshot): void {
    const before = this.#shelf.held;
    const told: ((snapshot: Snapshot) => void)[] = [];
    try {
      for (const listener of this.#snapshotListeners) {
        listener(snapshot);
        told.push(listener);
      }
    } catch (error) {
      if (before !== undefined) for (const listener of told) listener(before);
      throw error;
    }
    // Whoever waits looks again once the snapshot is in force, which it is when this tick ends.
    queueMicrotask(() => {
      for (const wake of [...this.#waiting]) wake();
    });
  }

  #revoke(tokenId: string, until: number): void {
    if (!this.#shelf.revoke({ tokenId, until }, this.#now())) return;
    for (const listener of this.#revocationListeners) listener(tokenId);
    void this.#shelf
      .save()
      .catch((error: unknown) => this.#problem('a revocation was not kept on disk', error));
  }

  #makeWatcher(renewer: Renewer): Watcher {
    return new Watcher({
      client: () => this.#client,
      shelf: this.#shelf,
      capabilities: this.#options.capabilities,
      listeners: this.#options.listeners ?? (() => ({})),
      load: () => this.#load,
      apply: (snapshot) => this.#apply(snapshot),
      revoked: ({ tokenId, until }) => this.#revoke(tokenId, until),
      unauthenticated: () => renewer.hurry(),
      castOut: () => this.#shelf.forget(),
      problem: (what, error) => this.#problem(what, error),
      now: this.#now,
      heartbeatMs: this.#options.heartbeatMs ?? 10_000,
    });
  }

  #renewer(store: IdentityStore): Renewer {
    return new Renewer({
      identity: () => this.#identity,
      client: () => this.#client,
      store,
      renewed: (identity) => this.#renewed(identity),
      problem: (what, error) => this.#problem(what, error),
      now: this.#now,
    });
  }

  #renewed(identity: EdgeIdentity): void {
    const old = this.#client;
    this.#identity = identity;
    this.#client = edgeClient(this.#options.address, identity);
    this.#watcher.redial();
    const close = () => {
      this.#retired.delete(old);
      old.close();
    };
    this.#retired.set(old, setTimeout(close, OLD_CLIENT_MS).unref());
  }
}

/**
 * Opens the line: with the identity in the data folder, or by enrolling with the join token. Resolves without waiting
 * for the control plane when the edge has enrolled before, serving the snapshot it kept.
 *
 * @throws EnrolmentRefused, or Error when there is neither identity nor join token
 */
export async function openControlLink(options: ControlLinkOptions): Promise<ControlLink> {
  const store = new IdentityStore(options.dataDir);
  const identity = await identify(store, options);
  const shelf = new SnapshotShelf(identity, options.dataDir);
  await shelf.load((options.now ?? Date.now)()).catch((error: unknown) => {
    options.onProblem?.('the snapshot on disk is not used', error);
  });
  return new Link(identity, store, shelf, options);
}
