import { ByteReader, FormatError } from './bytes.ts';

/** First byte of each entry in a traffic body (docs/recording.md "Traffic body"). */
export const ENTRY = { operation: 1, shape: 2, response: 3, omitted: 4, outcome: 5, request: 6 } as const;

/** What the guards said of an operation when it was let through or not. The index is its byte. */
export const VERDICTS = ['allow', 'warn', 'hold', 'block'] as const;
export type Verdict = (typeof VERDICTS)[number];

interface EntryBase {
  /** Order holds inside a lane: one for PostgreSQL, the channel for SSH, the stream for HTTP/2. */
  readonly lane: number;
  /** Milliseconds after the event's `at`. */
  readonly offset: number;
}

export type TrafficEntry = EntryBase &
  (
    | {
        readonly type: 'operation';
        readonly statementId: number;
        readonly verdict: Verdict;
        readonly rule: string | null;
        /** null = not recorded. */
        readonly parameters: readonly (string | null)[] | null;
      }
    | { readonly type: 'shape'; readonly shapeId: number; readonly description: Buffer }
    | { readonly type: 'response'; readonly shapeId: number; readonly rows: number; readonly bytes: Buffer }
    /** Texts the caller sent, as the target received them. */
    | { readonly type: 'request'; readonly bytes: Buffer }
    /** What was passed and the recording leaves out, since the lane's last outcome. */
    | { readonly type: 'omitted'; readonly rows: number; readonly bytes: number }
    | {
        readonly type: 'outcome';
        readonly ok: boolean;
        readonly count: number | null;
        readonly tag: string;
      }
  );

/** A statement a block used; `text` is there the first time after the session's start or a `reset`. */
export interface BlockStatement {
  readonly id: number;
  readonly verb: string;
  readonly text?: string;
  /** SHA-256 of the whole text, base64url: by it runs of one statement are added up over blocks and sessions. */
  readonly digest: string;
  /** Bytes of the whole text where `text` was cut. */
  readonly textBytes?: number;
  readonly count: number;
  /** Runs of it that were refused or held in this block. */
  readonly stopped?: number;
}

export interface BlockMask {
  readonly rule: string;
  readonly place: string;
  readonly count: number;
}

/** `data` of a traffic event: what lists, search and statistics need without opening the body. */
export interface TrafficSummary {
  /** Milliseconds from the event's `at` to its last entry. */
  readonly until: number;
  readonly operations: number;
  readonly outcomes: number;
  readonly failed: number;
  /** As the outcomes counted them: returned or affected. */
  readonly rows: number;
  /** Response bytes that reached the caller, recorded or not. */
  readonly bytes: number;
  readonly statements: readonly BlockStatement[];
  readonly masks: readonly BlockMask[];
  readonly omitted?: { readonly rows: number; readonly bytes: number };
  /** Statement and shape ids of earlier events are not used any more from this event on. */
  readonly reset?: true;
}

function readParameters(reader: ByteReader): (string | null)[] | null {
  const count = reader.varint('parameters') - 1;
  if (count < 0) return null;
  if (count > reader.left) throw new FormatError('parameters', 'are cut short');
  const parameters: (string | null)[] = [];
  for (let index = 0; index < count; index++) {
    const length = reader.varint('parameter') - 1;
    parameters.push(length < 0 ? null : reader.text(length, 'parameter'));
  }
  return parameters;
}

/** Entries of a traffic body in order. Throws a {@link FormatError} where the body does not follow the format. */
export function* readTraffic(body: Uint8Array): Generator<TrafficEntry> {
  const reader = new ByteReader(body);
  while (reader.left > 0) {
    const type = reader.u8('entry');
    const base = { lane: reader.varint('lane'), offset: reader.varint('offset') };
    yield { ...base, ...readEntry(type, reader) } as TrafficEntry;
  }
}

function readEntry(type: number, reader: ByteReader): Omit<TrafficEntry, keyof EntryBase> {
  switch (type) {
    case ENTRY.operation: {
      const statementId = reader.varint('statement');
      const verdict = VERDICTS[reader.u8('verdict')];
      if (verdict === undefined) throw new FormatError('verdict', 'is unknown');
      const rule = reader.text(reader.varint('rule'), 'rule');
      return {
        type: 'operation',
        statementId,
        verdict,
        rule: rule === '' ? null : rule,
        parameters: readParameters(reader),
      } as TrafficEntry;
    }
    case ENTRY.shape: {
      const shapeId = reader.varint('shape');
      return {
        type: 'shape',
        shapeId,
        description: reader.take(reader.varint('shape'), 'shape'),
      } as TrafficEntry;
    }
    case ENTRY.response: {
      const shapeId = reader.varint('response');
      const rows = reader.varint('response');
      const bytes = reader.take(reader.varint('response'), 'response');
      return { type: 'response', shapeId, rows, bytes } as TrafficEntry;
    }
    case ENTRY.request:
      return { type: 'request', bytes: reader.take(reader.varint('request'), 'request') } as TrafficEntry;
    case ENTRY.omitted:
      return { type: 'omitted', rows: reader.varint('rows'), bytes: reader.varint('bytes') } as TrafficEntry;
    case ENTRY.outcome: {
      const ok = reader.u8('outcome') === 1;
      const count = reader.varint('outcome') - 1;
      const tag = reader.text(reader.varint('tag'), 'tag');
      return { type: 'outcome', ok, count: count < 0 ? null : count, tag } as TrafficEntry;
    }
    default:
      throw new FormatError('entry', `has the unknown type ${type}`);
  }
}
