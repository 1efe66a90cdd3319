import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { RenewRequestSchema } from '@scrim/rpc';
import { Backoff } from './backoff.ts';
import type { EdgeClient } from './channel.ts';
import type { EdgeIdentity, IdentityStore } from './edge-identity.ts';

export interface RenewerOptions {
  readonly identity: () => EdgeIdentity;
  readonly client: () => EdgeClient;
  readonly store: IdentityStore;
  /** Called with the identity that is now on disk. */
  readonly renewed: (identity: EdgeIdentity) => void;
  readonly problem: (what: string, error?: unknown) => void;
  readonly now: () => number;
}

/** Timers hold 2^31 ms at most; looking again every hour also notices a clock that was set. */
const LONGEST_SLEEP_MS = 3_600_000;

/** When a third of the certificate's life is left: time enough to try through a long outage. */
export function renewalDue(identity: EdgeIdentity): number {
  const end = Date.parse(identity.certificate.validTo);
  return identity.obtainedAt + ((end - identity.obtainedAt) * 2) / 3;
}

/** Renews the certificate around the same key before it ends, and tries on until it has one. */
export class Renewer {
  readonly #options: RenewerOptions;
  #wake = new AbortController();
  #asked = false;

  constructor(options: RenewerOptions) {
    this.#options = options;
  }

  /** The control plane did not take the certificate: renew now. */
  hurry(): void {
    this.#asked = true;
    this.#wake.abort();
  }

  /** Runs until the signal aborts. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(1_000, 60_000);
    while (!signal.aborted) {
      if (!this.#asked) await this.#untilDue(signal);
      if (signal.aborted) return;
      this.#asked = false;
      try {
        await this.#renew();
        backoff.reset();
      } catch (error) {
        this.#options.problem('the certificate could not be renewed yet', error);
        this.#asked = true;
        await backoff.wait(signal);
      }
    }
  }

  async #untilDue(signal: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    const either = AbortSignal.any([signal, this.#wake.signal]);
    for (;;) {
      const left = renewalDue(this.#options.identity()) - this.#options.now();
      if (left <= 0 || either.aborted) return;
      const pause = Math.min(left, LONGEST_SLEEP_MS);
      await sleep(pause, undefined, { signal: either, ref: false }).catch(() => {});
    }
  }

  async #renew(): Promise<void> {
    const held = this.#options.identity();
    const csr = await held.key.request();
    const answer = await this.#options.client().renew(create(RenewRequestSchema, { csr }), 10_000);
    const certified = {
      edgeId: held.edgeId,
      chain: answer.certificateChain,
      authority: held.authority,
      snapshotKey: held.snapshotKey.export({ format: 'der', type: 'spki' }),
    };
    this.#options.renewed(await this.#options.store.save(held.key, certified, this.#options.now()));
  }
}
