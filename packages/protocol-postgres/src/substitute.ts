import type { Refusal } from '@scrim/model';
import type { CallerRun } from './caller-run.ts';
import { cstring, int32, message, TYPE } from './wire.ts';

/**
 * A text no PostgreSQL parses. The target fails on it where the refused statement stood, so the order of replies, the
 * discarding up to Sync and the transaction state are the target's own truth; its error is replaced by ours. Whoever
 * reads the target's log sees what happened.
 */
const UNPARSABLE = 'scrim refused this statement';
/** A portal nobody has: executing it fails without touching the unnamed statement a caller may use again. */
const NO_PORTAL = 'scrim refused this statement';

/**
 * The run's bytes with its one statement replaced by one that fails (`refusal`), or with our Describe before its
 * Execute (null). Undefined = the message has no stand-in, the session must end.
 */
export function substitute(run: CallerRun, refusal: Refusal): Uint8Array[] | undefined;
export function substitute(run: CallerRun, refusal: null): Uint8Array[];
export function substitute(run: CallerRun, refusal: Refusal | null): Uint8Array[] | undefined {
  const before = run.bytes.subarray(0, run.coreStart);
  if (refusal === null) {
    const describe = message(TYPE.describe, PORTAL, cstring(run.describe ?? ''));
    return [before, describe, run.bytes.subarray(run.coreStart)];
  }
  const core = standIn(run);
  return core && [before, core, run.bytes.subarray(run.coreEnd)];
}

const PORTAL = Buffer.from('P');

function standIn(run: CallerRun): Buffer | undefined {
  switch (run.coreType) {
    case TYPE.query:
    case TYPE.functionCall:
      return message(TYPE.query, cstring(UNPARSABLE));
    case TYPE.parse:
      return message(TYPE.parse, cstring(run.prepared?.name ?? ''), cstring(UNPARSABLE), Buffer.alloc(2));
    case TYPE.execute:
      return message(TYPE.execute, cstring(NO_PORTAL), int32(0));
    case TYPE.copyData:
      return message(TYPE.copyFail, cstring(UNPARSABLE));
    default:
      return undefined;
  }
}
