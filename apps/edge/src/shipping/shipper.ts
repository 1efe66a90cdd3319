import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BatchFields,
  batchBytes,
  batchesOf,
  EVENT_QUEUE,
  type Shipment,
  type SignedBatch,
  type Spool,
  shipmentId,
  writeShipment,
} from '@scrim/recording';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';

/** The edge's key as it is now; renewing the certificate changes both. */
export interface EventSigner {
  /** SHA-256 of the DER certificate, lower-case hex. */
  readonly keyId: string;
  /** Ed25519, or ECDSA over SHA-256 in DER. May work in the thread pool. */
  sign(bytes: Buffer): Buffer | Promise<Buffer>;
}

export interface ShipperOptions {
  readonly spool: Spool;
  readonly edgeId: string;
  /** Asked for each shipment. */
  readonly signer: () => EventSigner;
  readonly queue: { readonly url: string; readonly prefix: string };
  /** Told of every failed attempt, for the log; the next one follows by itself. */
  readonly onFailure?: (error: unknown, attempt: number) => void;
}

export interface ShipperState {
  /** Events the queue has taken since the start. */
  readonly shipped: number;
  /** Failed attempts since the last success; 0 = the queue is there. */
  readonly failures: number;
  /** Milliseconds the oldest waiting event has waited for the queue; 0 = none waits. */
  readonly delay: number;
}

interface Line {
  readonly redis: Redis;
  readonly queue: Queue;
}

const BOUNDS = { events: 200, bytes: 256 * 1024 };
const FIRST_DELAY = 100;
const LONGEST_DELAY = 15_000;
/** Milliseconds for one job to be taken. */
const ADD_TIMEOUT = 5_000;
/** After so many failures in a row the connection is made anew. */
const RENEWAL = 5;
/** The persister decides when to give up; the queue itself never does. */
const ATTEMPTS = 1_000_000;

/**
 * Moves events from the spool to the queue, in order, for as long as it takes: with Redis away it tries again for ever,
 * and the spool lets go of an event only when Redis has taken it. An event may be sent twice (an answer was lost, the
 * process was killed before the acknowledgement); the persister stores it once.
 */
export class Shipper {
  readonly #options: ShipperOptions;
  #line: Line;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #shipped = 0;
  #failures = 0;
  #waitingSince = 0;

  constructor(options: ShipperOptions) {
    this.#options = options;
    this.#line = openLine(options.queue);
  }

  get state(): ShipperState {
    const delay = this.#waitingSince === 0 ? 0 : Date.now() - this.#waitingSince;
    return { shipped: this.#shipped, failures: this.#failures, delay };
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the loop after the shipment under way; what is left waits in the spool. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    closeLine(this.#line);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#options.spool.arrival(signal);
      if (signal.aborted) return;
      try {
        await this.#shipNext();
        this.#failures = 0;
      } catch (error) {
        this.#failures++;
        this.#options.onFailure?.(error, this.#failures);
        // A queue object whose first contact failed keeps failing: now and then it is made anew.
        if (this.#failures % RENEWAL === 0) {
          closeLine(this.#line);
          this.#line = openLine(this.#options.queue);
        }
        const longest = Math.min(FIRST_DELAY * 2 ** (this.#failures - 1), LONGEST_DELAY);
        // Jitter: a thousand edges must not come back to Redis in step.
        await sleep(longest * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Rejects within {@link ADD_TIMEOUT}; the job may be there all the same, under the same name. */
  async #add(shipment: Shipment, jobId: string): Promise<void> {
    const { redis, queue } = this.#line;
    // The queue would wait for a connection as long as it takes, and nobody could stop it.
    if (redis.status !== 'ready') throw new Error(`the event queue is away (${redis.status})`);
    const added = queue.add('events', shipment, {
      jobId,
      attempts: ATTEMPTS,
      backoff: { type: 'custom' },
      removeOnComplete: true,
      removeOnFail: false,
    });
    const waited = new AbortController();
    const late = sleep(ADD_TIMEOUT, undefined, { signal: waited.signal, ref: false }).then(
      () => {
        throw new Error('the event queue does not answer');
      },
      () => undefined,
    );
    // The loser of the race may reject later, heard by nobody else.
    added.catch(() => undefined);
    try {
      await Promise.race([added, late]);
    } finally {
      waited.abort();
    }
  }

  async #shipNext(): Promise<void> {
    const { spool, edgeId } = this.#options;
    const batch = await spool.read(BOUNDS);
    const first = batch.records[0];
    if (first === undefined) return;
    if (this.#waitingSince === 0) this.#waitingSince = Date.now();
    const events = batch.records.map((record) => record.event);
    const signer = this.#options.signer();
    const batches = await Promise.all(batchesOf(events).map((fields) => signed(fields, signer)));
    await this.#add(writeShipment(edgeId, events, batches), shipmentId(edgeId, first.offset, events));
    spool.acknowledge(batch.end);
    this.#shipped += events.length;
    this.#waitingSince = 0;
  }
}

function openLine({ url, prefix }: ShipperOptions['queue']): Line {
  // With ioredis' defaults add() hangs for as long as Redis is away; these make it fail within seconds.
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    commandTimeout: 3_000,
    maxRetriesPerRequest: 1,
    retryStrategy: (times) => Math.min(100 * times, 2_000),
  });
  const queue = new Queue(EVENT_QUEUE, { connection: redis, prefix, skipVersionCheck: true });
  // A connection error is seen by the next add(); unheard it would end the process.
  for (const emitter of [redis, queue]) emitter.on('error', () => undefined);
  return { redis, queue };
}

function closeLine({ redis, queue }: Line): void {
  // Nothing is under way: add() is awaited. Waiting for the queue's own close could take as long as Redis is away.
  queue.close().catch(() => undefined);
  redis.disconnect();
}

async function signed(fields: BatchFields, signer: EventSigner): Promise<SignedBatch> {
  return { ...fields, keyId: signer.keyId, signature: await signer.sign(batchBytes(fields)) };
}
