import { create } from '@bufbuild/protobuf';
import { type ClientDuplexStream, type ServiceError, status } from '@grpc/grpc-js';
import type { Snapshot } from '@scrim/model';
import {
  AckSchema,
  CapabilitiesSchema,
  HeartbeatSchema,
  HelloSchema,
  NackSchema,
  type SignedSnapshot,
  type WatchRequest,
  WatchRequestSchema,
  type WatchResponse,
} from '@scrim/rpc';
import { Backoff } from './backoff.ts';
import type { EdgeClient } from './channel.ts';
import type { EdgeCapabilities } from './enrolment.ts';
import type { Revoked, SnapshotShelf } from './snapshot-shelf.ts';

export interface WatcherOptions {
  /** The client of the certificate in use now. */
  readonly client: () => EdgeClient;
  readonly shelf: SnapshotShelf;
  readonly capabilities: EdgeCapabilities;
  /** Addresses callers reach this edge at, by listener. */
  readonly listeners: () => Readonly<Record<string, string>>;
  readonly load: () => { readonly openSessions: number; readonly spoolBytes: number };
  /** Puts a checked snapshot to work; what it throws becomes the NACK, and the old one stays. */
  readonly apply: (snapshot: Snapshot) => void;
  readonly revoked: (revoked: Revoked) => void;
  /** The control plane does not take our certificate: a new one may help. */
  readonly unauthenticated: () => void;
  /** The control plane has cast this edge out. */
  readonly castOut: () => Promise<void>;
  readonly problem: (what: string, error?: unknown) => void;
  readonly now: () => number;
  readonly heartbeatMs: number;
}

type Stream = ClientDuplexStream<WatchRequest, WatchResponse>;

const LIVED_MS = 5_000;
const CAST_OUT_PAUSE_MS = 30_000;
const MAX_REASON = 500;

/** Set by the control plane on the status of a revoked edge, so that no proxy's error can be taken for it. */
function isCastOut(error: ServiceError): boolean {
  return (
    error.code === status.PERMISSION_DENIED && error.metadata?.get('scrim-reason').includes('edge-revoked')
  );
}

/**
 * Keeps one Watch stream open for as long as the edge lives: says what it holds, takes what comes, answers ACK or
 * NACK, and dials again with jitter when the stream breaks. gRPC never reopens a stream by itself.
 */
export class Watcher {
  readonly #options: WatcherOptions;
  readonly #backoff = new Backoff(200, 5_000);
  #stream: Stream | undefined;
  #connected = false;
  /** Answers go up in the order of what they answer, although an ACK waits for the disk and a NACK does not. */
  #answers: Promise<void> = Promise.resolve();

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  /** True from the control plane's first answer until the stream ends. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Dials again at once, with the client of the moment. */
  redial(): void {
    this.#backoff.reset();
    this.#stream?.cancel();
  }

  /** Runs until the signal aborts. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.#stream?.cancel();
    signal.addEventListener('abort', stop);
    while (!signal.aborted) {
      const started = performance.now();
      const error = await this.#follow();
      this.#connected = false;
      if (signal.aborted) break;
      if (performance.now() - started > LIVED_MS) this.#backoff.reset();
      await this.#recover(error, signal);
    }
    signal.removeEventListener('abort', stop);
    await this.#answers;
  }

  async #recover(error: ServiceError | undefined, signal: AbortSignal): Promise<void> {
    if (error && isCastOut(error)) {
      this.#options.problem('the control plane has revoked this edge: it serves nothing any more');
      await this.#options.castOut();
      await new Backoff(CAST_OUT_PAUSE_MS, CAST_OUT_PAUSE_MS).wait(signal);
      return;
    }
    if (error?.code === status.UNAUTHENTICATED) this.#options.unauthenticated();
    if (error && error.code !== status.CANCELLED) this.#options.problem('the control plane is away', error);
    await this.#backoff.wait(signal);
  }

  /** One stream from Hello to its end; resolves with the error that ended it. */
  #follow(): Promise<ServiceError | undefined> {
    const { heartbeatMs } = this.#options;
    return new Promise((resolve) => {
      const stream = this.#options.client().watch();
      this.#stream = stream;
      const beat = setInterval(() => this.#send(stream, this.#heartbeat()), heartbeatMs);
      beat.unref();
      const finish = (error?: ServiceError) => {
        clearInterval(beat);
        resolve(error);
      };
      stream.on('data', (message: WatchResponse) => {
        this.#connected = true;
        this.#take(stream, message);
      });
      stream.once('error', finish);
      stream.once('end', () => finish());
      // A stream cancelled twice may emit a second error; nobody is left to hear it.
      stream.on('error', () => {});
      this.#send(stream, this.#hello());
    });
  }

  #take(stream: Stream, { message }: WatchResponse): void {
    if (message.case === 'snapshot') this.#snapshot(stream, message.value);
    else if (message.case === 'lease') this.#lease(stream, message.value);
    else if (message.case === 'revocation') {
      const { tokenId, untilMs } = message.value;
      this.#options.revoked({ tokenId, until: Number(untilMs) });
    }
  }

  #snapshot(stream: Stream, signed: SignedSnapshot): void {
    const { shelf, apply, now } = this.#options;
    try {
      const snapshot = shelf.check(signed, signed.version, now());
      apply(snapshot);
      shelf.put(signed, snapshot);
    } catch (error) {
      const reason = (error instanceof Error ? error.message : String(error)).slice(0, MAX_REASON);
      this.#options.problem(`snapshot ${signed.version} was not taken`, error);
      const nack = create(NackSchema, { version: signed.version, reason });
      const message = create(WatchRequestSchema, { message: { case: 'nack', value: nack } });
      this.#answers = this.#answers.then(() => this.#send(stream, message));
      return;
    }
    this.#acknowledge(stream, signed.version);
  }

  #lease(stream: Stream, lease: { payload: Uint8Array; signature: Uint8Array }): void {
    try {
      this.#options.shelf.extend(lease);
    } catch (error) {
      // A lease that does not fit means the two sides disagree on what is held: say Hello again.
      this.#options.problem('a lease was not taken', error);
      stream.cancel();
      return;
    }
    const version = this.#options.shelf.held?.version;
    if (version !== undefined) this.#acknowledge(stream, version);
  }

  /** In force is in force, also when the disk is full: then a restart needs the control plane, and the log says so. */
  async #keep(): Promise<void> {
    await this.#options.shelf.save().catch((error: unknown) => {
      this.#options.problem('the snapshot could not be kept on disk', error);
    });
  }

  #acknowledge(stream: Stream, version: string): void {
    const ack = create(AckSchema, { version });
    const message = create(WatchRequestSchema, { message: { case: 'ack', value: ack } });
    this.#answers = this.#answers.then(() => this.#keep()).then(() => this.#send(stream, message));
  }

  #hello(): WatchRequest {
    const { capabilities, shelf, listeners } = this.#options;
    const hello = create(HelloSchema, {
      version: shelf.held?.version ?? '',
      capabilities: create(CapabilitiesSchema, {
        version: capabilities.version,
        protocols: { ...capabilities.protocols },
      }),
      listeners: { ...listeners() },
    });
    return create(WatchRequestSchema, { message: { case: 'hello', value: hello } });
  }

  #heartbeat(): WatchRequest {
    const { openSessions, spoolBytes } = this.#options.load();
    const beat = create(HeartbeatSchema, {
      atMs: BigInt(this.#options.now()),
      openSessions,
      spoolBytes: BigInt(spoolBytes),
    });
    return create(WatchRequestSchema, { message: { case: 'heartbeat', value: beat } });
  }

  #send(stream: Stream, request: WatchRequest): void {
    if (!stream.writableEnded && !stream.destroyed) stream.write(request);
  }
}
