import { type Refusal, RefusalError, refuse } from '@scrim/model';
import type { ResponseRule, Verdict } from '@scrim/policy';
import type { Masked } from '../mask/masker.ts';
import type { Enforcement } from './enforcement.ts';
import { Lanes } from './lanes.ts';

/** Parts of messages to and from models that no rule can read, as refusals and the coverage of a session name them. */
export const UNREAD = 'images, sound, files or token numbers';

/** Bytes of an uninspected body kept to know a credential that a chunk's border cuts. */
const LONGEST_TAIL = 1024;

/** What one operation has returned so far. */
interface Returned {
  bytes: number;
  largest: number;
  readonly found: Set<string>;
  /** Rules that have spoken for this operation, by name and version: each asks once, also over a policy's reload. */
  readonly spoken: Set<string>;
}

/** The guard step towards the caller: how much one operation may return, and what people must release. */
export class ResponseGuard {
  #enforcement: Enforcement;
  /**
   * By lane, until the target says the operation is over. Not until the caller sends the next one: it may pipeline
   * small ones while a large answer flows, and would start the count anew each time.
   */
  readonly #returned = new Lanes<Returned>(() => ({
    bytes: 0,
    largest: 0,
    found: new Set(),
    spoken: new Set(),
  }));

  /** What was last seen of a body nothing can look into, by lane. */
  readonly #tails = new Lanes<{ bytes: Buffer }>(() => ({ bytes: Buffer.alloc(0) }));

  constructor(enforcement: Enforcement) {
    this.#enforcement = enforcement;
  }

  enforce(enforcement: Enforcement): void {
    this.#enforcement = enforcement;
  }

  /** The operation whose answer flows in the lane is over. */
  ended(lane: number): void {
    this.#returned.forget(lane);
    this.#tails.forget(lane);
  }

  /** Counts a part of the response; the worst verdict of the rules it satisfies now, or undefined. */
  judge(lane: number, bytes: number, masked: Masked): Verdict | undefined {
    const { responses } = this.#enforcement;
    if (responses.length === 0) return undefined;
    const returned = this.#returned.of(lane);
    returned.bytes += bytes;
    returned.largest = Math.max(returned.largest, masked.largestValue);
    for (const detector of masked.found) returned.found.add(detector);
    let worstRule: ResponseRule | undefined;
    for (const rule of responses) {
      if (returned.spoken.has(nameOf(rule)) || !this.#satisfied(rule, returned)) continue;
      if (!worstRule || SEVERITY[rule.verdict.action] > SEVERITY[worstRule.verdict.action]) worstRule = rule;
    }
    if (!worstRule) return undefined;
    returned.spoken.add(nameOf(worstRule));
    return worstRule.verdict;
  }

  /**
   * Content nothing can look into: passes only where a policy lets it, or where no rule would have looked.
   * Throws SCRIM_UNMASKABLE.
   */
  judgeOpaque(lane: number, bytes: Buffer, why: string): Verdict | undefined {
    const refusal = this.#enforcement.refusesUnread(bytes.length, why) ?? this.#repeated(lane, bytes);
    if (refusal) throw new RefusalError(refusal);
    return this.judge(lane, bytes.length, { bytes, largestValue: bytes.length, found: [] });
  }

  /** Bytes nothing can be masked in must not hold the target's credential either. */
  #repeated(lane: number, bytes: Buffer): Refusal | undefined {
    const { credential } = this.#enforcement;
    if (!credential) return undefined;
    const tail = this.#tails.of(lane);
    const seen = tail.bytes.length === 0 ? bytes : Buffer.concat([tail.bytes, bytes]);
    tail.bytes = Buffer.from(seen.subarray(-LONGEST_TAIL));
    if (credential.scanner.findInBytes(seen, 0, seen.length).length === 0) return undefined;
    return refuse('SCRIM_UNMASKABLE', {
      message: "the content repeats the connection's credential",
      hint: 'ask for a text form of it, in which the credential can be masked',
      rule: credential.rule.id,
    }).refusal;
  }

  /** All conditions a rule names must hold together. */
  #satisfied(rule: ResponseRule, returned: Returned): boolean {
    const { largerThan, blobLargerThan } = rule;
    if (largerThan !== undefined && returned.bytes <= largerThan) return false;
    if (blobLargerThan !== undefined && returned.largest <= blobLargerThan) return false;
    return rule.detect === undefined || this.#enforcement.anyDetected(rule, returned.found);
  }
}

const SEVERITY = { allow: 0, warn: 1, hold: 2, block: 3 } as const;

function nameOf(rule: ResponseRule): string {
  return `${rule.verdict.rule}@${rule.verdict.policyVersion}`;
}

/** What a blocked response ends its operation with. */
export function responseRefused(verdict: Verdict): RefusalError {
  return refuse('SCRIM_GUARD_BLOCKED', {
    message: verdict.reason
      ? `response blocked by policy: ${verdict.reason}`
      : 'a guard blocked the response',
    hint: 'ask for fewer rows, or for less of each value',
    ...(verdict.rule === undefined ? {} : { rule: verdict.rule }),
  });
}
