import { setTimeout as sleep } from 'node:timers/promises';
import {
  EVENT_QUEUE,
  encodeEvent,
  FormatError,
  type ReadShipment,
  readShipment,
  type SessionRun,
  shipmentOf,
  verifyBatch,
} from '@scrim/recording';
import { counter, type Log, type Registry } from '@scrim/telemetry';
import { DelayedError, type Job, UnrecoverableError, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import type { Pool } from 'pg';
import type { Part } from '../context.ts';
import { isPassing } from './away.ts';
import { fileDeadLetter } from './dead-letters.ts';
import type { EdgeKeys } from './edge-keys.ts';
import { type StoreResult, storeShipment } from './event-store.ts';
import type { RunProblem } from './run-problem.ts';

export interface PersisterOptions {
  readonly pool: Pool;
  readonly redisUrl: string;
  readonly prefix: string;
  readonly edgeKeys: EdgeKeys;
  readonly log: Log;
  readonly metrics: Registry;
  readonly newId: () => string;
  readonly concurrency?: number;
  /** How often a job may come before the events it continues, until it becomes a dead letter. */
  readonly gapAttempts?: number;
  /** How often an error of the database that is not its absence is tried again. */
  readonly errorAttempts?: number;
  /** Milliseconds a worker may be silent before another one takes its job over. */
  readonly lockDuration?: number;
}

/** About 40 minutes with the delays of {@link retryDelay}: a queue that was long away comes back out of order. */
const GAP_ATTEMPTS = 500;
const ERROR_ATTEMPTS = 10;
const CONCURRENCY = 8;
const LOCK_DURATION = 30_000;

/** Milliseconds before attempt `attempts + 1`. */
function retryDelay(attempts: number): number {
  return Math.min(100 * 2 ** Math.min(attempts, 12), 5_000);
}

/** Something of a job could not be stored yet, and is worth another attempt. */
class TryAgain extends Error {}

/** Checks a shipment's signatures; runs whose signature does not hold are reported instead of stored. */
export async function checkSignatures(
  shipment: ReadShipment,
  edgeKeys: EdgeKeys,
): Promise<{ readonly good: ReadShipment; readonly problems: RunProblem[] }> {
  const runs: SessionRun[] = [];
  const problems: RunProblem[] = [];
  for (const run of shipment.runs) {
    const key = await edgeKeys(shipment.edgeId, run.batch.keyId);
    const { sessionId } = run;
    if (key === undefined)
      problems.push({ kind: 'signature', sessionId, why: 'the edge has no valid certificate with this key' });
    else if (!verifyBatch(run.batch, key))
      problems.push({ kind: 'signature', sessionId, why: 'the signature does not hold' });
    else runs.push(run);
  }
  return { good: { edgeId: shipment.edgeId, runs }, problems };
}

/**
 * Takes shipments from the queue into the database: at least once in, exactly once stored. Signatures, hashes and the
 * chain's continuation are checked first, so the queue needs no trust. With the database away a job waits as long as it
 * takes; what can never be stored becomes a dead letter, session by session, and is counted as an alert.
 */
export class Persister implements Part {
  readonly name = 'persister';
  readonly #options: PersisterOptions;
  readonly #stopping = new AbortController();
  /** The end of each edge's queue in this process: jobs of one edge are stored in the order they were taken. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #stored;
  readonly #refused;
  #worker: Worker | undefined;
  #redis: Redis | undefined;

  constructor(options: PersisterOptions) {
    this.#options = options;
    this.#stored = counter(options.metrics, 'persister_events_total', 'Session events stored');
    this.#refused = counter(
      options.metrics,
      'persister_refused_total',
      'Session runs that became dead letters; tampered and signature mean someone changed a recording',
      ['kind'],
    );
  }

  async start(): Promise<void> {
    const { redisUrl, prefix, log } = this.#options;
    const lockDuration = this.#options.lockDuration ?? LOCK_DURATION;
    this.#redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
    this.#redis.on('error', () => undefined);
    const worker = new Worker(EVENT_QUEUE, (job, token) => this.#work(job, token), {
      connection: this.#redis,
      prefix,
      concurrency: this.#options.concurrency ?? CONCURRENCY,
      lockDuration,
      stalledInterval: lockDuration,
      // A job whose worker was killed is taken over, however often that happens.
      maxStalledCount: 1_000_000,
      settings: { backoffStrategy: (attempts: number) => retryDelay(attempts) },
      skipVersionCheck: true,
    });
    // Redis away, a permission missing: the worker tries on by itself, and says so once in a while.
    let silentUntil = 0;
    worker.on('error', (err) => {
      if (Date.now() < silentUntil) return;
      silentUntil = Date.now() + 10_000;
      log.warn({ err }, 'the event queue does not answer');
    });
    worker.on('failed', (job, err) => void this.#failed(job, err));
    this.#worker = worker;
  }

  /** Finishes the jobs under way, unless the database is away: then they go back to the queue. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#worker?.close();
    this.#redis?.disconnect();
  }

  /**
   * Checks and stores one shipment now. `value` is what the queue carried.
   * Throws a FormatError when it is no shipment, and what the database throws.
   */
  async store(value: unknown): Promise<StoreResult & { readonly shipment: ReadShipment }> {
    const shipment = readShipment(value);
    const { good, problems } = await checkSignatures(shipment, this.#options.edgeKeys);
    const result = await storeShipment(this.#options.pool, good);
    this.#stored.inc(result.stored);
    return { shipment, stored: result.stored, problems: [...problems, ...result.problems] };
  }

  #work(job: Job, token: string | undefined): Promise<void> {
    const edge = String((job.data as { edgeId?: unknown } | null)?.edgeId);
    const turn = (this.#turns.get(edge) ?? Promise.resolve()).then(() => this.#process(job, token));
    const quiet = turn.catch(() => undefined);
    this.#turns.set(edge, quiet);
    void quiet.then(() => {
      if (this.#turns.get(edge) === quiet) this.#turns.delete(edge);
    });
    return turn;
  }

  async #process(job: Job, token: string | undefined): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      if (this.#stopping.signal.aborted) return this.#giveBack(job, token);
      try {
        return await this.#attempt(job);
      } catch (error) {
        if (!isPassing(error)) throw error;
        // Waiting here and not in the queue keeps the order of the jobs behind this one.
        this.#options.log.warn({ err: error, job: job.id }, 'the database is away, a job waits');
        await sleep(retryDelay(attempt), undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      }
    }
  }

  async #giveBack(job: Job, token: string | undefined): Promise<never> {
    await job.moveToDelayed(Date.now(), token);
    throw new DelayedError();
  }

  async #attempt(job: Job): Promise<void> {
    const tries = job.attemptsMade + 1;
    try {
      const { shipment, problems } = await this.store(job.data);
      const lasting = problems.filter(
        ({ kind }) => kind !== 'gap' || tries >= (this.#options.gapAttempts ?? GAP_ATTEMPTS),
      );
      for (const problem of lasting) await this.#file(job, shipment, problem);
      const waiting = problems.find((problem) => !lasting.includes(problem));
      if (waiting !== undefined) throw new TryAgain(`session ${waiting.sessionId}: ${waiting.why}`);
    } catch (error) {
      const hopeless =
        error instanceof FormatError || tries >= (this.#options.errorAttempts ?? ERROR_ATTEMPTS);
      if (error instanceof TryAgain || isPassing(error) || !hopeless) throw error;
      await this.#fileWhole(job, error as Error);
    }
  }

  async #file(job: Job, shipment: ReadShipment, problem: RunProblem): Promise<void> {
    const run = shipment.runs.find(({ sessionId }) => sessionId === problem.sessionId) as SessionRun;
    const payload = shipmentOf(shipment.edgeId, run, (event) => encodeEvent(event).bytes);
    await this.#keep(job, `${job.id}:${problem.sessionId}`, payload, `${problem.kind}: ${problem.why}`);
    this.#refused.inc({ kind: problem.kind });
    const { sessionId, kind, why } = problem;
    this.#options.log.error({ sessionId, edgeId: shipment.edgeId, kind, why }, 'a recording was not stored');
  }

  async #fileWhole(job: Job, error: Error): Promise<void> {
    await this.#keep(job, String(job.id), job.data, error.message);
    this.#refused.inc({ kind: 'malformed' });
    this.#options.log.error({ err: error, job: job.id }, 'a job of the event queue was not stored');
  }

  #keep(job: Job, jobId: string, payload: unknown, error: string): Promise<void> {
    const { pool, newId } = this.#options;
    const attempts = job.attemptsMade + 1;
    return fileDeadLetter(pool, { id: newId(), queue: EVENT_QUEUE, jobId, payload, error, attempts });
  }

  /** A job the queue itself gave up (one put there with too few attempts): it becomes a dead letter like the others. */
  async #failed(job: Job | undefined, error: Error): Promise<void> {
    if (job === undefined || error instanceof DelayedError) return;
    const final = job.attemptsMade >= (job.opts.attempts ?? 1) || error instanceof UnrecoverableError;
    if (!final) return;
    try {
      await this.#fileWhole(job, error);
      await job.remove();
    } catch (err) {
      this.#options.log.error({ err, job: job.id }, 'a failed job stays in the queue');
    }
  }
}
