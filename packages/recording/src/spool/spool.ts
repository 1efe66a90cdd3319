import {
  close,
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  rmSync,
  writeSync,
  writevSync,
} from 'node:fs';
import { join } from 'node:path';
import { refuse } from '@scrim/model';
import type { EncodedEvent } from '../event.ts';
import type { ChainHead, EventSink } from '../recorder.ts';
import { AckCursor } from './cursor.ts';
import { lockFolder } from './lock.ts';
import { type SpoolBatch, SpoolReader } from './reader.ts';
import { RECORD, RECORD_HEADER, recordHeader } from './record.ts';
import {
  createSegment,
  followHead,
  listSegments,
  recoverSegment,
  reopenSegment,
  type Segment,
  segmentAt,
} from './segment.ts';

export interface SpoolOptions {
  /** Created with mode 0700 when missing. One process at a time. */
  readonly folder: string;
  /** Bytes on disk above which no new session may start. Open sessions may write a quarter more. */
  readonly maxBytes: number;
  readonly segmentBytes?: number;
  /** Milliseconds between writing and fdatasync: what a crash of the machine (not of the process) can cost. */
  readonly syncInterval?: number;
}

const SEGMENT_BYTES = 16 * 1024 * 1024;
const SYNC_INTERVAL = 50;
/** Appended but not yet with the operating system. */
const MAX_PENDING = 1024 * 1024;
/** Milliseconds between attempts to write after one failed. */
const RETRY_INTERVAL = 1_000;
const MAX_STUCK = 16 * 1024 * 1024;

export interface SpoolState {
  /** On disk, including what is already acknowledged but shares a segment with what is not. */
  readonly bytes: number;
  /** Bytes the queue has not taken yet. */
  readonly lag: number;
  readonly full: boolean;
  /** Records the reader had to skip because the disk gave back something else than was written. */
  readonly damaged: number;
  /** Bytes of a half-written record cut off when the spool was opened. */
  readonly torn: number;
}

/**
 * The edge's journal: a bounded, append-only run of segment files that outlives a kill of the process at any moment.
 * Appending is synchronous; a timer syncs to the disk in batches; a reader hands out synced records; what is
 * acknowledged is deleted a segment at a time. Records are plain (their content is masked already), files are 0600.
 */
export class Spool implements EventSink {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #segmentBytes: number;
  readonly #syncInterval: number;
  readonly #release: () => void;
  readonly #ack: AckCursor;
  readonly #reader: SpoolReader;
  readonly #segments: Segment[];
  readonly #heads: Map<string, ChainHead>;
  readonly #torn: number;
  #fd: number;
  /** Length of the last segment on disk. */
  #length: number;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #synced: number;
  #syncing = false;
  #timer: NodeJS.Timeout | undefined;
  /** Why the last write failed; undefined once one works again. */
  #failure: unknown;
  #retry: NodeJS.Timeout | undefined;
  /** A sync failed: nothing is written any more. */
  #broken: Error | undefined;
  #closed = false;
  #waiting: (() => void)[] = [];

  /** Opens or creates a spool. Throws when another process has it, or a file is damaged where it must not be. */
  constructor(options: SpoolOptions) {
    this.#folder = options.folder;
    this.#maxBytes = options.maxBytes;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#syncInterval = options.syncInterval ?? SYNC_INTERVAL;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    this.#release = lockFolder(options.folder);
    try {
      const opened = openLast(options.folder);
      this.#segments = opened.segments;
      this.#heads = opened.heads;
      this.#fd = opened.fd;
      this.#length = opened.length;
      this.#torn = opened.torn;
      this.#ack = new AckCursor(join(options.folder, 'ack'));
    } catch (error) {
      this.#release();
      throw error;
    }
    this.#synced = this.#end;
    const first = this.#segments[0] as Segment;
    // An acknowledgement lost with the machine is older than the segments deleted since; one from the future means the
    // disk lost what was synced.
    const ack = Math.min(Math.max(this.#ack.value, first.start), this.#end);
    if (ack !== this.#ack.value) this.#ack.set(ack);
    this.#reader = new SpoolReader(() => this.#segments);
    this.#deleteAcked();
  }

  get full(): boolean {
    return this.#failure !== undefined || this.#broken !== undefined || this.#bytes >= this.#maxBytes;
  }

  get state(): SpoolState {
    return {
      bytes: this.#bytes,
      lag: this.#end + this.#pendingBytes - this.#ack.value,
      full: this.full,
      damaged: this.#reader.damaged,
      torn: this.#torn,
    };
  }

  /** Offset up to which the queue has taken everything. */
  get acked(): number {
    return this.#ack.value;
  }

  append(event: EncodedEvent, last: boolean): void {
    const size = event.bytes.length + RECORD_HEADER;
    // The reserve is for endings: a full spool must still be able to say that a session is over.
    const limit = this.#maxBytes * (last ? 1.5 : 1.25);
    if (this.#closed) throw new Error('the spool is closed');
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#bytes + size > limit) throw refuse('SCRIM_SPOOL_FULL');
    if (this.#pendingBytes > MAX_STUCK)
      throw new Error('the spool cannot be written', { cause: this.#failure });
    this.#pending.push(recordHeader(RECORD.event, event.bytes), event.bytes);
    this.#pendingBytes += size;
    followHead(this.#heads, event);
    if (this.#pendingBytes > MAX_PENDING) this.drain();
  }

  drain(): void {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#pendingBytes === 0 && this.#failure === undefined) return;
    try {
      if (this.#pendingBytes > 0) this.#write();
      this.#failure = undefined;
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    if (this.#length >= this.#segmentBytes) this.#roll();
    this.#scheduleSync();
  }

  openHeads(): ChainHead[] {
    return [...this.#heads.values()];
  }

  /**
   * Records from the acknowledged offset on, oldest first, as many as fit the bounds but at least one; none when nothing
   * synced is left. Only synced records are handed out: what the queue has seen must not be lost here, or the
   * chain would go on from an older event.
   */
  async read(bounds: { readonly events: number; readonly bytes: number }): Promise<SpoolBatch> {
    const batch = await this.#reader.read(this.#ack.value, this.#synced, bounds);
    // Only a segment's checkpoint, or what cannot be read any more: nothing to send, nothing to wait for.
    if (batch.records.length === 0 && !this.#closed) this.acknowledge(batch.end);
    return batch;
  }

  /** The queue has taken everything before `offset`: the {@link SpoolBatch.end} of what was sent. */
  acknowledge(offset: number): void {
    if (offset <= this.#ack.value) return;
    if (offset > this.#synced) throw new Error('an acknowledgement beyond what was read');
    this.#ack.set(offset);
    this.#deleteAcked();
  }

  /** Resolves when a record waits to be read, the spool closes, or `signal` aborts. */
  arrival(signal: AbortSignal): Promise<void> {
    if (this.#synced > this.#ack.value || this.#closed || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      signal.addEventListener('abort', wake, { once: true });
      this.#waiting.push(wake);
    });
  }

  /** Writes and syncs everything, then lets go of the folder. */
  async close(): Promise<void> {
    if (this.#closed) return;
    try {
      this.drain();
      fdatasyncSync(this.#fd);
      this.#synced = this.#end;
    } finally {
      this.#closed = true;
      clearTimeout(this.#timer);
      clearTimeout(this.#retry);
      // A sync on its way closes the descriptor itself.
      if (!this.#syncing) closeSync(this.#fd);
      this.#wake();
      await this.#reader.close();
      this.#ack.close();
      this.#release();
    }
  }

  get #last(): Segment {
    return this.#segments[this.#segments.length - 1] as Segment;
  }

  get #end(): number {
    return this.#last.start + this.#length;
  }

  get #bytes(): number {
    return this.#end + this.#pendingBytes - (this.#segments[0] as Segment).start;
  }

  #write(): void {
    const total = this.#pendingBytes;
    try {
      let written = writevSync(this.#fd, this.#pending, this.#length);
      if (written < total) {
        const all = Buffer.concat(this.#pending);
        while (written < total)
          written += writeSync(this.#fd, all, written, total - written, this.#length + written);
      }
    } catch (error) {
      // A half-written record would hide every later one from recovery; what is pending is tried again.
      ftruncateSync(this.#fd, this.#length);
      throw error;
    }
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#length += total;
  }

  /** Begins a new segment. When that fails the old one simply grows on, and the next drain tries again. */
  #roll(): void {
    const old = this.#fd;
    try {
      fdatasyncSync(old);
      const start = this.#end;
      const next = createSegment(this.#folder, start, this.#heads.values());
      this.#segments.push(segmentAt(this.#folder, start));
      this.#fd = next.fd;
      this.#length = next.length;
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#synced = this.#end;
    this.#wake();
    // A sync on its way in the thread pool still uses the descriptor; it closes it then.
    if (!this.#syncing) closeSync(old);
  }

  /** No new sessions until writing works again, which is tried by itself: with none open nobody else would. */
  #fail(error: unknown): void {
    this.#failure = error;
    if (this.#retry !== undefined || this.#closed) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      try {
        this.drain();
      } catch {
        // It has set the next retry.
      }
    }, RETRY_INTERVAL);
  }

  #scheduleSync(): void {
    if (this.#timer !== undefined || this.#syncing || this.#synced === this.#end) return;
    this.#timer = setTimeout(() => this.#sync(), this.#syncInterval);
  }

  #sync(): void {
    this.#timer = undefined;
    this.#syncing = true;
    const target = this.#end;
    const fd = this.#fd;
    fdatasync(fd, (error) => {
      this.#syncing = false;
      if (fd !== this.#fd || this.#closed) close(fd);
      // The system may have dropped what it could not write (and say nothing the next time): only a restart, which
      // reads what is really there, can go on from here.
      if (error) this.#broken = error;
      else if (target > this.#synced) this.#synced = target;
      if (this.#closed) return;
      this.#wake();
      this.#scheduleSync();
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #deleteAcked(): void {
    for (
      let next = this.#segments[1];
      next !== undefined && next.start <= this.#ack.value;
      next = this.#segments[1]
    ) {
      const done = this.#segments.shift() as Segment;
      this.#reader.forget(done);
      rmSync(done.path, { force: true });
    }
  }
}

interface OpenedSegments {
  readonly segments: Segment[];
  readonly heads: Map<string, ChainHead>;
  readonly fd: number;
  readonly length: number;
  readonly torn: number;
}

function openLast(folder: string): OpenedSegments {
  const segments = listSegments(folder);
  for (let last = segments.at(-1); last !== undefined; last = segments.at(-1)) {
    const recovered = recoverSegment(last);
    if (recovered !== undefined) {
      const fd = reopenSegment(last, recovered.length);
      return { segments, heads: recovered.heads, fd, length: recovered.length, torn: recovered.torn };
    }
    // Killed while it was being created: nothing can have followed the checkpoint.
    rmSync(last.path);
    segments.pop();
  }
  const { fd, length } = createSegment(folder, 0, []);
  return { segments: [segmentAt(folder, 0)], heads: new Map(), fd, length, torn: 0 };
}
