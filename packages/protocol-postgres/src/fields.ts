import type { FieldEntry, Fields, Relation } from '@scrim/protocol-kit';
import { cstring, message, stringEnd, TYPE, WireFault } from './wire.ts';

/** Relations a text may quote; see {@link Fields.reach}. */
export type Reach = readonly Relation[] | 'unknown';

/** Fields of errors and notices that may carry data or names of the target (documentation, "Error and Notice Message Fields"). */
const REPORT_TEXTS: Readonly<Record<number, string>> = {
  77: 'message', // M
  68: 'detail', // D
  72: 'hint', // H
  87: 'where', // W
  113: 'internal_query', // q
  115: 'schema', // s
  116: 'table', // t
  99: 'column', // c
  100: 'type', // d
  110: 'constraint', // n
};

/** ErrorResponse and NoticeResponse: its texts are shown, its codes and positions kept. */
export class ReportFields implements Fields {
  readonly entries: readonly FieldEntry[];
  readonly reach: Reach;
  readonly #type: number;
  readonly #all: readonly (readonly [number, string])[];

  constructor(bytes: Buffer, reach: Reach) {
    this.reach = reach;
    this.#type = bytes[0] as number;
    this.#all = reportFields(bytes);
    const entries: FieldEntry[] = [];
    const quotes = quotesData((code) => this.get(code));
    // RAISE sets these fields to whatever a function likes.
    const said = this.get('W') !== undefined;
    for (const [code, value] of this.#all) {
      const name = REPORT_TEXTS[code];
      if (name !== undefined)
        entries.push({ name, value, quotesData: quotes && (said || !OBJECT_NAMES.has(name)) });
    }
    this.entries = entries;
  }

  /** Value of a field by its one-letter code. */
  get(code: string): string | undefined {
    const wanted = code.charCodeAt(0);
    return this.#all.find(([found]) => found === wanted)?.[1];
  }

  rewrite(values: readonly string[]): Buffer {
    let next = 0;
    const parts: Buffer[] = [];
    for (const [code, value] of this.#all) {
      const shown = REPORT_TEXTS[code] !== undefined;
      parts.push(Buffer.from([code]), cstring(shown ? (values[next] ?? '') : value));
      if (shown) next += 1;
    }
    parts.push(Buffer.from([0]));
    return message(this.#type, ...parts);
  }
}

const OBJECT_NAMES: ReadonlySet<string> = new Set(['schema', 'table', 'column', 'type', 'constraint']);
/** Classes whose messages name objects, states and limits: connection, transaction, login, resources, cancellation. */
const NAMING_CLASSES: ReadonlySet<string> = new Set([
  '08',
  '25',
  '28',
  '2D',
  '3D',
  '40',
  '53',
  '54',
  '55',
  '57',
]);

/**
 * Whether the texts of an error or notice may repeat data. Anything said from inside a function carries its context
 * (W) and may have any SQLSTATE. Class 42 names what the caller wrote when it points into the caller's text (P);
 * without a position it may be a value turned into a name at run time (`ssn::regclass`).
 */
function quotesData(get: (code: string) => string | undefined): boolean {
  if (get('W') !== undefined || get('q') !== undefined) return true;
  const state = get('C') ?? '';
  const kind = state.slice(0, 2);
  if (NAMING_CLASSES.has(kind) || state === '42501') return false;
  if (kind === '42') return get('P') === undefined;
  if (kind === '00' || kind === '01') return !['NOTICE', 'WARNING'].includes(get('V') ?? '');
  return true;
}

/** All fields of an ErrorResponse or NoticeResponse in order. Throws {@link WireFault}. */
export function reportFields(bytes: Buffer): [number, string][] {
  const fields: [number, string][] = [];
  let at = 5;
  while (at < bytes.length && bytes[at] !== 0) {
    const zero = stringEnd(bytes, at + 1, bytes.length);
    fields.push([bytes[at] as number, bytes.toString('utf8', at + 1, zero)]);
    at = zero + 1;
  }
  if (at !== bytes.length - 1) throw new WireFault('an error message does not end where its fields do');
  return fields;
}

const POSITION = 'P'.charCodeAt(0);

/** An error about a text of our own, for a caller who never saw it: without the position in that text. */
export function withoutPosition(bytes: Buffer): Buffer {
  const parts = reportFields(bytes).filter(([code]) => code !== POSITION);
  const fields = parts.flatMap(([code, value]) => [Buffer.from([code]), cstring(value)]);
  return message(bytes[0] as number, ...fields, Buffer.from([0]));
}

/**
 * NotificationResponse: channel and payload. Any session may have sent it, and `pg_notify` takes any value, so what
 * the payload can repeat is unknown; a channel is only heard by who named it in LISTEN.
 */
export class NotificationFields implements Fields {
  readonly entries: readonly FieldEntry[];
  readonly reach = 'unknown';
  readonly #pid: Buffer;

  /** @param obscure the session ran what nobody could read: it may have named a channel after a value */
  constructor(bytes: Buffer, obscure = false) {
    if (bytes.length < 11) throw new WireFault('a notification is too short');
    this.#pid = bytes.subarray(5, 9);
    const channelEnd = stringEnd(bytes, 9, bytes.length);
    const payloadEnd = stringEnd(bytes, channelEnd + 1, bytes.length);
    this.entries = [
      { name: 'channel', value: bytes.toString('utf8', 9, channelEnd), quotesData: obscure },
      { name: 'payload', value: bytes.toString('utf8', channelEnd + 1, payloadEnd), quotesData: true },
    ];
  }

  rewrite(values: readonly string[]): Buffer {
    return message(TYPE.notification, this.#pid, cstring(values[0] ?? ''), cstring(values[1] ?? ''));
  }
}

/** Reported settings that take any text, so `set_config` can carry data out in them. */
const FREE_SETTINGS: ReadonlySet<string> = new Set(['application_name', 'search_path', 'timezone']);

/** ParameterStatus: one entry, named as the setting. */
export class StatusFields implements Fields {
  readonly entries: readonly FieldEntry[];
  readonly reach: Reach;

  constructor(bytes: Buffer, reach: Reach) {
    this.reach = reach;
    const nameEnd = stringEnd(bytes, 5, bytes.length);
    const valueEnd = stringEnd(bytes, nameEnd + 1, bytes.length);
    const name = bytes.toString('utf8', 5, nameEnd);
    const value = bytes.toString('utf8', nameEnd + 1, valueEnd);
    this.entries = [{ name, value, quotesData: FREE_SETTINGS.has(name.toLowerCase()) }];
  }

  rewrite(values: readonly string[]): Buffer {
    return message(TYPE.parameterStatus, cstring(this.entries[0]?.name ?? ''), cstring(values[0] ?? ''));
  }
}

/** FunctionCallResponse: its value in whatever format, shown as Latin-1 so that every byte survives. */
export class ResultFields implements Fields {
  readonly entries: readonly FieldEntry[];
  readonly reach = 'unknown';

  /** @param quotesData false for results that are numbers of the server's own (a descriptor, a position) */
  constructor(bytes: Buffer, quotesData = true) {
    if (bytes.length < 9) throw new WireFault('a function result is too short');
    const value = bytes.toString('latin1', 9);
    this.entries = bytes.readInt32BE(5) < 0 ? [] : [{ name: 'result', value, quotesData }];
  }

  rewrite(values: readonly string[]): Buffer {
    const value = values[0];
    const length = Buffer.allocUnsafe(4);
    if (value === undefined) {
      length.writeInt32BE(-1);
      return message(TYPE.functionResult, length);
    }
    const bytes = Buffer.from(value, 'latin1');
    length.writeInt32BE(bytes.length);
    return message(TYPE.functionResult, length, bytes);
  }
}
