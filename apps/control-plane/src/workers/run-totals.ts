import { DOOR, FormatError, readData, type SessionEvent } from '@scrim/recording';
import { z } from 'zod';

const count = z.int().min(0);
const text = z.string();

const openedData = z.looseObject({
  edgeId: z.uuid(),
  connection: text.min(1).max(200),
  protocol: text.min(1).max(64),
  caller: z.looseObject({ subject: text.max(512), groups: z.array(text), kind: text.max(64) }),
  claimedName: text,
  policies: z.record(text, z.int()),
});
export type OpenedData = z.infer<typeof openedData>;

const trafficData = z.looseObject({
  operations: count,
  rows: count,
  bytes: count,
  statements: z.array(
    z.looseObject({
      verb: text.max(64),
      digest: text.regex(/^[A-Za-z0-9_-]{43}$/),
      text: text.optional(),
      count,
      stopped: count.optional(),
    }),
  ),
  masks: z.array(z.looseObject({ rule: text, place: text, count })),
});

/** What new events add to a statement of a session. */
export interface StatementTotals {
  readonly digest: Buffer;
  readonly verb: string;
  text: string;
  count: number;
  refusals: number;
  readonly firstSeq: number;
  readonly firstAt: number;
  lastAt: number;
}

/** What new events add to their session's row. */
export interface RunTotals {
  operations: number;
  rows: number;
  bytes: number;
  maskedValues: number;
  refusals: number;
  coverage: string | null;
  closed: { readonly at: number; readonly ending: string } | null;
  readonly statements: Map<string, StatementTotals>;
}

function parse<T>(schema: z.ZodType<T>, event: SessionEvent): T {
  const parsed = schema.safeParse(readData(event));
  if (parsed.success) return parsed.data;
  throw new FormatError(`data of event ${event.seq} (${event.kind})`, z.prettifyError(parsed.error));
}

/** Throws a FormatError when the event does not say what the session's row needs. */
export function readOpened(event: SessionEvent): OpenedData {
  return parse(openedData, event);
}

/** True for the chain that keeps what belongs to no session. */
export function isDoor(opened: OpenedData): boolean {
  return opened.connection === DOOR;
}

/** PostgreSQL's text cannot hold U+0000, a statement can. The exact text is in the event. */
export function storable(value: string): string {
  return value.replaceAll('\u0000', '\ufffd');
}

function addTraffic(totals: RunTotals, event: SessionEvent): void {
  const data = parse(trafficData, event);
  totals.operations += data.operations;
  totals.rows += data.rows;
  totals.bytes += data.bytes;
  for (const mask of data.masks) totals.maskedValues += mask.count;
  for (const statement of data.statements) {
    const known = totals.statements.get(statement.digest);
    if (known === undefined) {
      totals.statements.set(statement.digest, {
        digest: Buffer.from(statement.digest, 'base64url'),
        verb: storable(statement.verb),
        text: storable(statement.text ?? ''),
        count: statement.count,
        refusals: statement.stopped ?? 0,
        firstSeq: event.seq,
        firstAt: event.at,
        lastAt: event.at,
      });
      continue;
    }
    known.text ||= storable(statement.text ?? '');
    known.count += statement.count;
    known.refusals += statement.stopped ?? 0;
    known.lastAt = event.at;
  }
}

/** Adds up events. Throws a FormatError when one of them does not hold what its kind must. */
export function totalsOf(events: readonly SessionEvent[]): RunTotals {
  const totals: RunTotals = {
    operations: 0,
    rows: 0,
    bytes: 0,
    maskedValues: 0,
    refusals: 0,
    coverage: null,
    closed: null,
    statements: new Map(),
  };
  for (const event of events) {
    if (event.kind === 'traffic') addTraffic(totals, event);
    else if (event.kind === 'refused') totals.refusals++;
    else if (event.kind === 'coverage') totals.coverage = event.data;
    else if (event.kind === 'closed') {
      const { ending } = parse(z.looseObject({ ending: text.max(64) }), event);
      totals.closed = { at: event.at, ending: storable(ending) };
    }
  }
  return totals;
}
