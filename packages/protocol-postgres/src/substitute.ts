import type { CallerRun } from './caller-run.ts';
import { cstring, int32, message, SYNC, TYPE } from './wire.ts';

/**
 * A text no PostgreSQL parses. The target fails on it where the refused statement stood, so the order of replies, the
 * discarding up to Sync and the transaction state are the target's own truth; its error is replaced by ours. Whoever
 * reads the target's log sees what happened.
 */
const UNPARSABLE = 'scrim refused this statement';
/** A portal nobody has: executing it fails without touching the unnamed statement a caller may use again. */
const NO_PORTAL = 'scrim refused this statement';

/** The run's bytes with messages of ours before its statement. */
export function withInsert(run: CallerRun, insert: Buffer): Uint8Array[] {
  return [run.bytes.subarray(0, run.coreStart), insert, run.bytes.subarray(run.coreStart)];
}

/**
 * The run's bytes with its one statement replaced by one that fails. Undefined = the message has no stand-in, the
 * session must end.
 */
export function substitute(run: CallerRun): Uint8Array[] | undefined {
  const core = standIn(run);
  return core && [run.bytes.subarray(0, run.coreStart), core, run.bytes.subarray(run.coreEnd)];
}

/** Describe of a portal. */
export function describePortal(name: string): Buffer {
  return message(TYPE.describe, Buffer.from('P'), cstring(name));
}

const PROBE = cstring('scrim columns');
const STATEMENT = Buffer.from('S');

/** Asks for the columns of `query` in the caller's own session, where its search path and temporary tables hold. */
export function describeQuery(query: string, sync: boolean): Buffer {
  const parts = [
    message(TYPE.parse, PROBE, cstring(query), Buffer.alloc(2)),
    message(TYPE.describe, STATEMENT, PROBE),
    message(TYPE.close, STATEMENT, PROBE),
  ];
  return Buffer.concat(sync ? [...parts, SYNC] : parts);
}

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
