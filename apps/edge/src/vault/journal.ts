import {
  closeSync,
  fdatasync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

export interface JournalOptions {
  /** Created with mode 0700 when missing. One process at a time: the lock of the event spool beside it sees to that. */
  readonly folder: string;
  /** Bytes on disk; what would go beyond is refused. */
  readonly maxBytes: number;
  readonly segmentBytes?: number;
  /** Milliseconds between writing and fdatasync: what a crash of the machine (not of the process) can cost. */
  readonly syncInterval?: number;
}

/** What waits, oldest first. */
export interface JournalBatch {
  readonly records: readonly Buffer[];
  /** Records that were cut or damaged; nothing behind the first of them is read. */
  readonly damaged: boolean;
  /** It is safe elsewhere: forget it. */
  done(): void;
}

interface Segment {
  readonly number: number;
  readonly path: string;
  bytes: number;
}

/** A file under way. Syncs run in the thread pool: the descriptor is closed by the last of them. */
interface OpenSegment {
  readonly segment: Segment;
  readonly fd: number;
  syncs: number;
  rolled: boolean;
}

const SEGMENT_BYTES = 1024 * 1024;
const SYNC_INTERVAL = 50;
const HEADER = 8;
const NAME = /^(\d{12})\.tokens$/;

/** Thrown when the bound is reached. */
export class JournalFull extends Error {
  constructor() {
    super('the vault spool is full');
    this.name = 'JournalFull';
  }
}

/**
 * A bounded, append-only run of small files that outlives a kill of the process at any moment: when {@link append}
 * returns, the record is with the operating system. Records are handed out a file at a time and forgotten likewise, so
 * the same record may be handed out twice, after a kill.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #closed: Segment[] = [];
  #current: OpenSegment | undefined;
  #next = 1;
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #broken: Error | undefined;
  #waiting: (() => void)[] = [];

  constructor(options: JournalOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    const numbers = readdirSync(options.folder).flatMap((name) => NAME.exec(name)?.[1] ?? []);
    for (const number of numbers.map(Number).sort((a, b) => a - b)) {
      const segment = this.#segment(number);
      segment.bytes = statSync(segment.path).size;
      this.#closed.push(segment);
      this.#bytes += segment.bytes;
      this.#next = number + 1;
    }
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The next record of ordinary size would be refused. */
  get full(): boolean {
    return this.#broken !== undefined || this.#bytes + 1024 > this.#options.maxBytes;
  }

  /** @throws JournalFull, or what the disk says */
  append(record: Uint8Array): void {
    if (this.#broken !== undefined) throw this.#broken;
    const size = HEADER + record.length;
    if (this.#bytes + size > this.#options.maxBytes) throw new JournalFull();
    const { segment, fd } = this.#writable();
    const framed = Buffer.allocUnsafe(size);
    framed.writeUInt32BE(record.length, 0);
    framed.writeUInt32BE(crc32(record), 4);
    framed.set(record, HEADER);
    try {
      for (let written = 0; written < size; )
        written += writeSync(fd, framed, written, size - written, segment.bytes + written);
    } catch (error) {
      // Half a record would hide every later one.
      ftruncateSync(fd, segment.bytes);
      throw error;
    }
    segment.bytes += size;
    this.#bytes += size;
    this.#scheduleSync();
    this.#wake();
  }

  /** Resolves when something waits, or the signal aborts. */
  arrival(signal: AbortSignal): Promise<void> {
    if (this.#closed.length > 0 || this.#current !== undefined || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      signal.addEventListener('abort', wake, { once: true });
      this.#waiting.push(wake);
    });
  }

  /** The oldest file's records; undefined when nothing waits. */
  async next(): Promise<JournalBatch | undefined> {
    if (this.#closed.length === 0) this.#roll();
    const segment = this.#closed[0];
    if (segment === undefined) return undefined;
    const read = readRecords(await readFile(segment.path));
    const done = (): void => {
      if (this.#closed[0] !== segment) return;
      this.#closed.shift();
      this.#bytes -= segment.bytes;
      rmSync(segment.path, { force: true });
    };
    return { ...read, done };
  }

  /** Syncs and lets go of the files; what waits stays on the disk. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const current = this.#current;
    this.#broken ??= new Error('the vault spool is closed');
    if (current !== undefined) await new Promise<void>((resolve) => this.#roll(resolve));
    this.#wake();
  }

  #segment(number: number): Segment {
    const path = join(this.#options.folder, `${String(number).padStart(12, '0')}.tokens`);
    return { number, path, bytes: 0 };
  }

  #writable(): OpenSegment {
    const full = (this.#current?.segment.bytes ?? 0) >= (this.#options.segmentBytes ?? SEGMENT_BYTES);
    if (full) this.#roll();
    if (this.#current === undefined) {
      const segment = this.#segment(this.#next);
      this.#current = { segment, fd: openSync(segment.path, 'wx', 0o600), syncs: 0, rolled: false };
      this.#next += 1;
    }
    return this.#current;
  }

  /** Nothing more is written to the file under way. */
  #roll(synced?: () => void): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#current = undefined;
    current.rolled = true;
    this.#closed.push(current.segment);
    this.#sync(current, synced);
  }

  #scheduleSync(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#current !== undefined) this.#sync(this.#current);
    }, this.#options.syncInterval ?? SYNC_INTERVAL).unref();
  }

  #sync(open: OpenSegment, then?: () => void): void {
    open.syncs += 1;
    fdatasync(open.fd, (error) => {
      // The system may have dropped what it could not write: only a restart, which reads what is there, can go on.
      if (error) this.#broken ??= error;
      open.syncs -= 1;
      if (open.rolled && open.syncs === 0) closeSync(open.fd);
      then?.();
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function readRecords(bytes: Buffer): { readonly records: Buffer[]; readonly damaged: boolean } {
  const records: Buffer[] = [];
  let at = 0;
  while (at + HEADER <= bytes.length) {
    const end = at + HEADER + bytes.readUInt32BE(at);
    const record = bytes.subarray(at + HEADER, end);
    if (end > bytes.length || crc32(record) !== bytes.readUInt32BE(at + 4)) break;
    records.push(record);
    at = end;
  }
  return { records, damaged: at < bytes.length };
}
