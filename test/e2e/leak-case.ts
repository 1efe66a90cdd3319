/** One way a masked value could get out. */
export interface LeakCase {
  readonly name: string;
  /** Texts sent one after the other in one session, inside a transaction that is rolled back. */
  readonly steps: readonly string[];
  /** No transaction around it, simple queries only. */
  readonly plain?: boolean;
  /** Run as administrator of the target afterwards. */
  readonly clean?: string;
  /** Sent in a second session after the first is through. */
  readonly elsewhere?: readonly string[];
}

export function one(name: string, ...steps: string[]): LeakCase {
  return { name, steps };
}
