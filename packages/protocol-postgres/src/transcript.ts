import type { Transcriber, TranscriptItem } from '@scrim/protocol-kit';
import { countOf } from './command-tag.ts';
import type { CopyFormat } from './copy.ts';
import { tupleEnd } from './copy-binary.ts';
import { readRecord, recordEnd } from './copy-text.ts';
import { NotificationFields, ReportFields, StatusFields } from './fields.ts';
import { type FieldDescription, parseRowDescription } from './shape.ts';
import { builtinType } from './types/builtin.ts';
import { TYPE, WireFault } from './wire.ts';

/** Decodes a recorded PostgreSQL session; see {@link Transcriber}. */
export function createTranscriber(): Transcriber {
  return new PostgresTranscriber();
}

class PostgresTranscriber implements Transcriber {
  #columns: readonly FieldDescription[] = [];
  #copy: CopyFormat | null = null;
  /** COPY data before its first row: a binary header, a line of names. */
  #copyStarts = false;

  shape(description: Uint8Array): TranscriptItem[] {
    const bytes = view(description);
    const copied = bytes[0] === TYPE.copyOut;
    const start = copied ? 1 + bytes.readInt32BE(1) : 0;
    const end = start + 1 + bytes.readInt32BE(start + 1);
    this.#columns = parseRowDescription(bytes.subarray(start, end));
    this.#copy = copied ? (JSON.parse(bytes.toString('utf8', end)) as CopyFormat) : null;
    this.#copyStarts = copied;
    return [{ kind: 'columns', names: this.#columns.map(({ name }) => name) }];
  }

  response(recorded: Uint8Array): TranscriptItem[] {
    const bytes = view(recorded);
    const items: TranscriptItem[] = [];
    for (let at = 0; at < bytes.length; ) {
      if (at + 5 > bytes.length) throw new WireFault('a recorded message is cut');
      const end = at + 1 + bytes.readInt32BE(at + 1);
      if (end < at + 5 || end > bytes.length) throw new WireFault('a recorded message is cut');
      this.#message(bytes.subarray(at, end), items);
      at = end;
    }
    return items;
  }

  #message(bytes: Buffer, items: TranscriptItem[]): void {
    switch (bytes[0]) {
      case TYPE.dataRow:
        items.push({ kind: 'row', values: this.#values(bytes, 5) });
        break;
      case TYPE.copyData:
        this.#copied(bytes, items);
        break;
      case TYPE.complete: {
        const tag = bytes.toString('latin1', 5, bytes.length - 1);
        items.push({ kind: 'outcome', ok: true, tag, count: countOf(tag) });
        break;
      }
      case TYPE.error:
      case TYPE.notice:
        items.push(reported(new ReportFields(bytes, [])));
        if (bytes[0] === TYPE.error) items.push({ kind: 'outcome', ok: false, tag: 'ERROR', count: null });
        break;
      case TYPE.notification:
        items.push(named('NOTIFY', new NotificationFields(bytes).entries));
        break;
      case TYPE.parameterStatus:
        items.push(named('SET', new StatusFields(bytes, []).entries));
        break;
      default:
        break;
    }
  }

  /** Values of a DataRow, or of a binary COPY row: both are a count and length-prefixed values. */
  #values(bytes: Buffer, from: number, binary?: boolean): (string | null)[] {
    const count = bytes.readUInt16BE(from);
    const values: (string | null)[] = [];
    let at = from + 2;
    for (let i = 0; i < count; i++) {
      const length = bytes.readInt32BE(at);
      at += 4;
      if (length < 0) {
        values.push(null);
        continue;
      }
      if (at + length > bytes.length) throw new WireFault('a recorded row is cut');
      const column = this.#columns[i];
      values.push(shown(bytes, at, at + length, column?.type ?? 0, binary ?? column?.binary ?? false));
      at += length;
    }
    return values;
  }

  #copied(bytes: Buffer, items: TranscriptItem[]): void {
    const copy = this.#copy;
    if (!copy) {
      items.push({ kind: 'text', text: bytes.toString('utf8', 5) });
      return;
    }
    let at = 5;
    if (this.#copyStarts && copy.format === 'binary') at += 19;
    if (this.#copyStarts && copy.format !== 'binary' && copy.header)
      at = recordEnd(bytes, at, bytes.length, copy);
    this.#copyStarts = false;
    while (at >= 0 && at < bytes.length) {
      const end =
        copy.format === 'binary'
          ? tupleEnd(bytes, at, bytes.length)
          : recordEnd(bytes, at, bytes.length, copy);
      if (end < 0) throw new WireFault('a recorded COPY row is cut');
      if (copy.format !== 'binary') items.push({ kind: 'row', values: readRecord(bytes, at, end, copy) });
      else if (bytes.readInt16BE(at) >= 0) items.push({ kind: 'row', values: this.#values(bytes, at, true) });
      at = end;
    }
  }
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A value as a reader wants it; what cannot be decoded is shown as its bytes. */
function shown(bytes: Buffer, start: number, end: number, type: number, binary: boolean): string {
  if (!binary) return bytes.toString('utf8', start, end);
  try {
    const text = builtinType(type)?.decode(bytes, start, end);
    if (text !== undefined) return text;
  } catch {
    // a mask of another length, say: its bytes are still what the caller saw
  }
  return `\\x${bytes.toString('hex', start, end)}`;
}

function reported(fields: ReportFields): TranscriptItem {
  const all: Record<string, string> = {};
  const state = fields.get('C');
  if (state !== undefined) all.sqlstate = state;
  for (const { name, value } of fields.entries) all[name] = value;
  return { kind: 'fields', severity: fields.get('V') ?? fields.get('S') ?? 'ERROR', fields: all };
}

function named(severity: string, entries: readonly { name: string; value: string }[]): TranscriptItem {
  return {
    kind: 'fields',
    severity,
    fields: Object.fromEntries(entries.map(({ name, value }) => [name, value])),
  };
}
