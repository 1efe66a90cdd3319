import type { Fields } from '@scrim/protocol-kit';
import { cstring, message, stringEnd, TYPE, WireFault } from './wire.ts';

type Entry = { readonly name: string; readonly value: string };

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
  readonly entries: readonly Entry[];
  readonly #type: number;
  readonly #all: readonly (readonly [number, string])[];

  constructor(bytes: Buffer) {
    this.#type = bytes[0] as number;
    this.#all = reportFields(bytes);
    const entries: Entry[] = [];
    for (const [code, value] of this.#all) {
      const name = REPORT_TEXTS[code];
      if (name !== undefined) entries.push({ name, value });
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

/** NotificationResponse: channel and payload. */
export class NotificationFields implements Fields {
  readonly entries: readonly Entry[];
  readonly #pid: Buffer;

  constructor(bytes: Buffer) {
    if (bytes.length < 11) throw new WireFault('a notification is too short');
    this.#pid = bytes.subarray(5, 9);
    const channelEnd = stringEnd(bytes, 9, bytes.length);
    const payloadEnd = stringEnd(bytes, channelEnd + 1, bytes.length);
    this.entries = [
      { name: 'channel', value: bytes.toString('utf8', 9, channelEnd) },
      { name: 'payload', value: bytes.toString('utf8', channelEnd + 1, payloadEnd) },
    ];
  }

  rewrite(values: readonly string[]): Buffer {
    return message(TYPE.notification, this.#pid, cstring(values[0] ?? ''), cstring(values[1] ?? ''));
  }
}

/** ParameterStatus: one entry, named as the setting. */
export class StatusFields implements Fields {
  readonly entries: readonly Entry[];

  constructor(bytes: Buffer) {
    const nameEnd = stringEnd(bytes, 5, bytes.length);
    const valueEnd = stringEnd(bytes, nameEnd + 1, bytes.length);
    const name = bytes.toString('utf8', 5, nameEnd);
    this.entries = [{ name, value: bytes.toString('utf8', nameEnd + 1, valueEnd) }];
  }

  rewrite(values: readonly string[]): Buffer {
    return message(TYPE.parameterStatus, cstring(this.entries[0]?.name ?? ''), cstring(values[0] ?? ''));
  }
}

/** FunctionCallResponse: its value in whatever format, shown as Latin-1 so that every byte survives. */
export class ResultFields implements Fields {
  readonly entries: readonly Entry[];

  constructor(bytes: Buffer) {
    if (bytes.length < 9) throw new WireFault('a function result is too short');
    this.entries = bytes.readInt32BE(5) < 0 ? [] : [{ name: 'result', value: bytes.toString('latin1', 9) }];
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
