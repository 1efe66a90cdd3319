import { setTimeout as sleep } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { type SealedToken, SealedTokenSchema } from '@scrim/rpc';
import { Backoff } from '../control/backoff.ts';
import type { Journal } from './journal.ts';

export interface TokenShipperOptions {
  readonly journal: Journal;
  /** Resolves when the control plane has stored them. May be called again with the same ones. */
  readonly put: (tokens: readonly SealedToken[]) => Promise<void>;
  readonly problem: (what: string, error?: unknown) => void;
  /** Milliseconds tokens gather before they are sent. */
  readonly gatherMs?: number;
}

const GATHER_MS = 50;
const MAX_TOKENS = 1_000;
/** Well below the control plane's bound of a message. */
const MAX_BYTES = 1024 * 1024;

/** Brings what the journal holds to the control plane, for as long as it takes. */
export class TokenShipper {
  readonly #options: TokenShipperOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: TokenShipperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends after the call under way; what is left waits on the disk. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { journal, problem, gatherMs = GATHER_MS } = this.#options;
    const backoff = new Backoff(100, 5_000);
    while (!signal.aborted) {
      await journal.arrival(signal);
      if (signal.aborted) return;
      await sleep(gatherMs, undefined, { signal, ref: false }).catch(() => undefined);
      try {
        await this.#shipNext(signal);
        backoff.reset();
      } catch (error) {
        if (!signal.aborted) problem('tokens wait: the control plane does not take them', error);
        await backoff.wait(signal);
      }
    }
  }

  async #shipNext(signal: AbortSignal): Promise<void> {
    const batch = await this.#options.journal.next();
    if (batch === undefined) return;
    if (batch.damaged)
      this.#options.problem('a file of the vault spool is cut or damaged; its tokens are lost from there');
    for (const records of portions(batch.records)) {
      if (signal.aborted) return;
      await this.#options.put(records.map((record) => fromBinary(SealedTokenSchema, record)));
    }
    batch.done();
  }
}

function* portions(records: readonly Buffer[]): Generator<readonly Buffer[]> {
  let portion: Buffer[] = [];
  let bytes = 0;
  for (const record of records) {
    if (portion.length >= MAX_TOKENS || (bytes > 0 && bytes + record.length > MAX_BYTES)) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(record);
    bytes += record.length;
  }
  if (portion.length > 0) yield portion;
}
