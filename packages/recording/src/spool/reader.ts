import { type FileHandle, open } from 'node:fs/promises';
import { RECORD, readRecord } from './record.ts';
import type { Segment } from './segment.ts';

/** One event in the spool. */
export interface SpoolRecord {
  /** Where it begins in the spool as a whole; grows for ever. */
  readonly offset: number;
  /** Where it ends. */
  readonly end: number;
  /** The event in its canonical encoding, hash included. */
  readonly event: Buffer;
}

/** What one read gave. */
export interface SpoolBatch {
  readonly records: readonly SpoolRecord[];
  /** Everything before it was read: what to acknowledge when the records are safe. */
  readonly end: number;
}

/** Reads records across segments without blocking the data path: file reads go to the thread pool. */
export class SpoolReader {
  readonly #segments: () => readonly Segment[];
  #open: { readonly segment: Segment; readonly file: FileHandle } | undefined;
  #damaged = 0;

  constructor(segments: () => readonly Segment[]) {
    this.#segments = segments;
  }

  get damaged(): number {
    return this.#damaged;
  }

  /** Records in `[from, limit)`; stops before a bound is passed, but gives at least one when there is one. */
  async read(from: number, limit: number, bounds: { events: number; bytes: number }): Promise<SpoolBatch> {
    const records: SpoolRecord[] = [];
    let position = from;
    let bytes = 0;
    while (position < limit && records.length < bounds.events && bytes < bounds.bytes) {
      const segments = this.#segments();
      const index = segments.findLastIndex((segment) => segment.start <= position);
      const segment = segments[index];
      if (segment === undefined) throw new Error(`the spool holds nothing at offset ${position}`);
      const end = Math.min(limit, segments[index + 1]?.start ?? limit);
      const chunk = await this.#chunk(segment, position, end, bounds.bytes);
      let used = 0;
      while (records.length < bounds.events) {
        const record = readRecord(chunk.subarray(used));
        if (record.state === 'short') break;
        const size = record.state === 'garbage' ? end - position - used : record.size;
        if (record.state === 'garbage' || record.state === 'damaged') this.#damaged++;
        else if (record.type === RECORD.event) {
          if (records.length > 0 && bytes + size > bounds.bytes) return { records, end: position + used };
          const offset = position + used;
          records.push({ offset, end: offset + size, event: record.payload });
          bytes += size;
        }
        used += size;
        if (position + used >= end) break;
      }
      if (used === 0) {
        // What was synced as a whole is cut short: nothing readable is left in this segment.
        this.#damaged++;
        used = end - position;
      }
      position += used;
    }
    return { records, end: position };
  }

  forget(segment: Segment): void {
    if (this.#open?.segment.start === segment.start) void this.close();
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.file.close();
  }

  /** Bytes from `position` on: a good portion, and never less than the whole first record. */
  async #chunk(segment: Segment, position: number, end: number, portion: number): Promise<Buffer> {
    const file = await this.#file(segment);
    const chunk = await readAt(file, position - segment.start, Math.min(end - position, portion + 4_096));
    const first = readRecord(chunk);
    if (first.state !== 'short' || first.size > end - position || first.size <= chunk.length) return chunk;
    return readAt(file, position - segment.start, first.size);
  }

  async #file(segment: Segment): Promise<FileHandle> {
    if (this.#open?.segment.start === segment.start) return this.#open.file;
    await this.close();
    const file = await open(segment.path, 'r');
    this.#open = { segment, file };
    return file;
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
