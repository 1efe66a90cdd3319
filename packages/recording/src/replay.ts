import { readData, type SessionEvent } from './event.ts';
import { isSealed } from './seal.ts';
import { type BlockStatement, readTraffic, type TrafficEntry, type TrafficSummary } from './traffic.ts';

/** The shape of protocol-kit's `TranscriptItem`, which this package may not import. */
export type DecodedItem =
  | { readonly kind: 'columns'; readonly names: readonly string[] }
  | { readonly kind: 'row'; readonly values: readonly (string | null)[] }
  | { readonly kind: 'fields'; readonly severity: string; readonly fields: Readonly<Record<string, string>> }
  | { readonly kind: 'text'; readonly text: string; readonly channel?: string }
  | { readonly kind: 'outcome'; readonly ok: boolean; readonly tag: string; readonly count: number | null };

/** Decodes recorded response bytes; protocol-kit's `Transcriber` fits. One per lane: it keeps the current columns. */
export interface ResponseDecoder {
  shape(description: Uint8Array): DecodedItem[];
  response(bytes: Uint8Array): DecodedItem[];
  /** Texts the caller sent; a protocol whose callers send none has none. */
  request?(bytes: Uint8Array): DecodedItem[];
}

/** One line of a replay. `kind` says what the other fields are (docs/recording.md "Replay"). */
export interface ReplayItem {
  readonly seq: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly kind: string;
  readonly [field: string]: unknown;
}

interface LaneState {
  readonly decoder: ResponseDecoder;
  shapeId: number;
}

/** Lanes with a live decoder; a lane met again after it was dropped is told its shape again. */
const MAX_LANES = 1_024;

/**
 * A session as its caller saw it, item by item in order, with memory for one event: operations with verdicts, result
 * columns and rows, notices, outcomes, masks, holds and decisions. Content that cannot be shown says so
 * (`omitted`, `sealed`, `undecoded`) instead of missing silently.
 */
export class Replay {
  readonly #newDecoder: () => ResponseDecoder;
  #statements = new Map<number, BlockStatement>();
  #shapes = new Map<number, Buffer>();
  readonly #lanes = new Map<number, LaneState>();
  #operations = 0;

  constructor(newDecoder: () => ResponseDecoder) {
    this.#newDecoder = newDecoder;
  }

  /** The items of the next event. Feed events in order. */
  *items(event: SessionEvent): Generator<ReplayItem> {
    const { seq, at } = event;
    let data: Record<string, unknown>;
    try {
      data = readData(event);
    } catch (error) {
      yield { seq, at, kind: 'undecoded', bytes: event.data.length, why: (error as Error).message };
      return;
    }
    if (event.kind !== 'traffic') {
      yield { ...data, seq, at, kind: event.kind };
      return;
    }
    yield* this.#traffic(event, data as unknown as TrafficSummary);
  }

  *#traffic(event: SessionEvent, summary: TrafficSummary): Generator<ReplayItem> {
    const { seq, at, body } = event;
    if (summary.reset === true) {
      this.#statements = new Map();
      this.#shapes = new Map();
    }
    for (const statement of summary.statements ?? [])
      if (statement.text !== undefined) this.#statements.set(statement.id, statement);
    if (body !== null && isSealed(body)) {
      const statements = summary.statements.map(({ id, count }) => ({ ...this.#name(id), count }));
      yield { seq, at, kind: 'sealed', bytes: body.length, operations: summary.operations, statements };
    } else if (body !== null) yield* this.#entries(event, body);
    for (const mask of summary.masks ?? []) yield { seq, at: at + summary.until, kind: 'masked', ...mask };
  }

  *#entries(event: SessionEvent, body: Buffer): Generator<ReplayItem> {
    try {
      for (const entry of readTraffic(body)) {
        const head = {
          seq: event.seq,
          at: event.at + entry.offset,
          ...(entry.lane !== 0 && { lane: entry.lane }),
        };
        for (const item of this.#entry(entry)) yield { ...head, ...item } as ReplayItem;
      }
    } catch (error) {
      yield {
        seq: event.seq,
        at: event.at,
        kind: 'undecoded',
        bytes: body.length,
        why: (error as Error).message,
      };
    }
  }

  #entry(entry: TrafficEntry): readonly object[] {
    switch (entry.type) {
      case 'operation':
        return [
          {
            kind: 'operation',
            operation: ++this.#operations,
            ...this.#name(entry.statementId),
            parameters: entry.parameters,
            verdict: entry.verdict,
            ...(entry.rule !== null && { rule: entry.rule }),
          },
        ];
      case 'shape': {
        this.#shapes.set(entry.shapeId, entry.description);
        return this.#shape(this.#lane(entry.lane), entry.shapeId);
      }
      case 'response':
        return this.#response(entry);
      case 'request':
        return this.#request(entry);
      case 'omitted':
        return [{ kind: 'omitted', rows: entry.rows, bytes: entry.bytes }];
      case 'outcome':
        // The next result of the same shape shows its columns again.
        this.#lane(entry.lane).shapeId = 0;
        return [{ kind: 'outcome', ok: entry.ok, tag: entry.tag, count: entry.count }];
    }
  }

  #response(entry: TrafficEntry & { type: 'response' }): readonly object[] {
    const lane = this.#lane(entry.lane);
    const items: object[] = [];
    if (entry.shapeId !== 0 && lane.shapeId !== entry.shapeId)
      items.push(...this.#shape(lane, entry.shapeId));
    try {
      // Outcomes are entries of their own; the decoder's would show them twice.
      items.push(...lane.decoder.response(entry.bytes).filter((item) => item.kind !== 'outcome'));
    } catch (error) {
      items.push({ kind: 'undecoded', bytes: entry.bytes.length, why: (error as Error).message });
    }
    return items;
  }

  #request(entry: TrafficEntry & { type: 'request' }): readonly object[] {
    const { decoder } = this.#lane(entry.lane);
    try {
      if (decoder.request) return decoder.request(entry.bytes).map((item) => ({ ...item, from: 'caller' }));
    } catch (error) {
      return [{ kind: 'undecoded', bytes: entry.bytes.length, why: (error as Error).message }];
    }
    return [{ kind: 'undecoded', bytes: entry.bytes.length, why: 'the protocol decodes no requests' }];
  }

  #shape(lane: LaneState, shapeId: number): readonly object[] {
    const description = this.#shapes.get(shapeId);
    if (description === undefined) return [];
    lane.shapeId = shapeId;
    try {
      return lane.decoder.shape(description);
    } catch (error) {
      return [{ kind: 'undecoded', bytes: description.length, why: (error as Error).message }];
    }
  }

  #lane(number: number): LaneState {
    let lane = this.#lanes.get(number);
    if (lane === undefined) {
      if (this.#lanes.size >= MAX_LANES) this.#lanes.delete(this.#lanes.keys().next().value as number);
      lane = { decoder: this.#newDecoder(), shapeId: 0 };
      this.#lanes.set(number, lane);
    }
    return lane;
  }

  #name(statementId: number): { verb: string; text: string | null; textBytes?: number } {
    const statement = this.#statements.get(statementId);
    if (statement?.text === undefined) return { verb: '', text: null };
    const { verb, text, textBytes } = statement;
    return { verb, text, ...(textBytes !== undefined && { textBytes }) };
  }
}

/** Replays events from any source; see {@link Replay}. `newDecoder` is called once a lane. */
export async function* replay(
  events: Iterable<SessionEvent> | AsyncIterable<SessionEvent>,
  newDecoder: () => ResponseDecoder,
): AsyncGenerator<ReplayItem> {
  const session = new Replay(newDecoder);
  for await (const event of events) yield* session.items(event);
}
