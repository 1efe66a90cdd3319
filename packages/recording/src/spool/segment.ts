import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { decodeEvent } from '../event.ts';
import type { ChainHead } from '../recorder.ts';
import { decodeCheckpoint, encodeCheckpoint, RECORD, readRecord, recordHeader } from './record.ts';

const NAME = /^(\d{16})\.seg$/;

/** One file of the spool. `start` is the offset of its first byte in the spool as a whole. */
export interface Segment {
  readonly start: number;
  readonly path: string;
}

export function segmentAt(folder: string, start: number): Segment {
  return { start, path: join(folder, `${String(start).padStart(16, '0')}.seg`) };
}

/** Oldest first. */
export function listSegments(folder: string): Segment[] {
  return readdirSync(folder)
    .flatMap((name) => {
      const start = NAME.exec(name)?.[1];
      return start === undefined ? [] : [segmentAt(folder, Number(start))];
    })
    .sort((a, b) => a.start - b.start);
}

/** Makes a created or deleted name durable. */
function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Creates a segment whose checkpoint is on the disk before this returns, so that the ones before may be deleted.
 * Leaves no file behind when it fails.
 */
export function createSegment(
  folder: string,
  start: number,
  heads: Iterable<ChainHead>,
): { fd: number; length: number } {
  const { path } = segmentAt(folder, start);
  const payload = encodeCheckpoint(heads);
  const bytes = Buffer.concat([recordHeader(RECORD.checkpoint, payload), payload]);
  const fd = openSync(path, 'wx+', 0o600);
  try {
    for (let written = 0; written < bytes.length; )
      written += writeSync(fd, bytes, written, bytes.length - written, written);
    fdatasyncSync(fd);
    syncFolder(folder);
  } catch (error) {
    closeSync(fd);
    rmSync(path, { force: true });
    throw error;
  }
  return { fd, length: bytes.length };
}

export interface RecoveredSegment {
  readonly length: number;
  readonly heads: Map<string, ChainHead>;
  /** Bytes behind the last whole record: what a kill cut in the middle of writing. */
  readonly torn: number;
}

/**
 * Reads the last segment after a stop of any kind: the heads of open sessions and where the whole records end. Returns
 * undefined when not even its checkpoint was written. Throws when the checkpoint is damaged: then the heads are lost,
 * and going on would break the chains.
 */
export function recoverSegment(segment: Segment): RecoveredSegment | undefined {
  const bytes = readFileSync(segment.path);
  const first = readRecord(bytes);
  if (first.state === 'short') return undefined;
  if (first.state !== 'good' || first.type !== RECORD.checkpoint)
    throw new Error(
      `the spool file ${segment.path} is damaged at its start: move it away to go on without it`,
    );
  const heads = new Map(decodeCheckpoint(first.payload).map((head) => [head.sessionId, head]));
  let position = first.size;
  for (;;) {
    const record = readRecord(bytes.subarray(position));
    if (record.state !== 'good') break;
    if (record.type === RECORD.event) followHead(heads, decodeEvent(record.payload));
    position += record.size;
  }
  return { length: position, heads, torn: bytes.length - position };
}

/** Keeps the heads of open sessions while events go by. */
export function followHead(
  heads: Map<string, ChainHead>,
  event: { sessionId: string; seq: number; kind: string; hash: Buffer },
): void {
  if (event.kind === 'closed') heads.delete(event.sessionId);
  else
    heads.set(event.sessionId, {
      sessionId: event.sessionId,
      seq: event.seq,
      // A view would keep the whole event in memory for as long as the session lives.
      hash: Buffer.from(event.hash),
    });
}

/** Opens a recovered segment for writing at its end. */
export function reopenSegment(segment: Segment, length: number): number {
  const fd = openSync(segment.path, 'r+');
  ftruncateSync(fd, length);
  fdatasyncSync(fd);
  return fd;
}
