import type { Meaning, Run } from '@scrim/protocol-kit';
import type { Due, Prepared } from './session.ts';

/** A run of the caller's messages with what forwarding or refusing it takes. */
export interface CallerRun extends Run {
  readonly meaning: Meaning;
  /** Answers the messages will cause, in order. */
  readonly dues: readonly Due[];
  /** Byte range of the one message a refusal replaces; equal = there is none. */
  readonly coreStart: number;
  readonly coreEnd: number;
  /** Index in `dues` of that message's answer; the Describe we inject stands before it. */
  readonly coreDue: number;
  readonly coreType: number;
  /** Name in a Parse that is refused. */
  readonly prepared?: Prepared;
  /** Messages of ours that go before the one a refusal replaces. */
  readonly insert?: Buffer;
  readonly terminates: boolean;
}
