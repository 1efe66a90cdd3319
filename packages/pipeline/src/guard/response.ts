import type { ResponseRule, Verdict } from '@scrim/policy';
import type { Masked } from '../mask/masker.ts';
import type { Enforcement } from './enforcement.ts';

/** The guard step towards the caller: how much one operation may return, and what people must release. */
export class ResponseGuard {
  #enforcement: Enforcement;
  #bytes = 0;
  #largest = 0;
  readonly #found = new Set<string>();
  /** Rules that have spoken for this operation: each asks once. */
  readonly #spoken = new Set<ResponseRule>();

  constructor(enforcement: Enforcement) {
    this.#enforcement = enforcement;
  }

  enforce(enforcement: Enforcement): void {
    this.#enforcement = enforcement;
  }

  operationStarted(): void {
    this.#bytes = 0;
    this.#largest = 0;
    this.#found.clear();
    this.#spoken.clear();
  }

  /** Counts a part of the response; the first rule it satisfies now, or undefined. */
  judge(bytes: number, masked: Masked): Verdict | undefined {
    const { responses } = this.#enforcement;
    if (responses.length === 0) return undefined;
    this.#bytes += bytes;
    this.#largest = Math.max(this.#largest, masked.largestValue);
    for (const detector of masked.found) this.#found.add(detector);
    const rule = responses.find((it) => !this.#spoken.has(it) && this.#satisfied(it));
    if (!rule) return undefined;
    this.#spoken.add(rule);
    return rule.verdict;
  }

  /** All conditions a rule names must hold together. */
  #satisfied(rule: ResponseRule): boolean {
    const { largerThan, blobLargerThan } = rule;
    if (largerThan !== undefined && this.#bytes <= largerThan) return false;
    if (blobLargerThan !== undefined && this.#largest <= blobLargerThan) return false;
    return rule.detect === undefined || this.#enforcement.anyDetected(rule, this.#found);
  }
}
