import { refuse } from '@scrim/model';
import type { Verdict } from '@scrim/policy';
import type { Enforcement } from './enforcement.ts';

/** The guard step towards the caller: how much one operation may return, and which responses people must release. */
export class ResponseGuard {
  #enforcement: Enforcement;
  #bytes = 0;

  constructor(enforcement: Enforcement) {
    this.#enforcement = enforcement;
  }

  enforce(enforcement: Enforcement): void {
    this.#enforcement = enforcement;
  }

  operationStarted(): void {
    this.#bytes = 0;
  }

  /** Counts response bytes of the operation; throws SCRIM_GUARD_BLOCKED when policy lets no more through. */
  received(bytes: number): void {
    this.#bytes += bytes;
    const limit = this.#enforcement.maxResponse;
    if (!limit || this.#bytes <= limit.bytes) return;
    throw refuse('SCRIM_GUARD_BLOCKED', {
      message: `the response is larger than the ${limit.bytes} bytes policy lets through`,
      hint: 'ask for fewer rows or columns',
      rule: limit.rule,
    });
  }

  /** The rule that holds a response, as a verdict people are asked about. */
  verdictOf(rule: string): Verdict {
    return this.#enforcement.responseVerdict(rule);
  }
}
