import { crc32 } from 'node:zlib';
import { MAX_BODY, MAX_DATA } from '../event.ts';
import type { ChainHead } from '../recorder.ts';

/** u32 payload length, u32 CRC-32 of type and payload, u8 type. */
export const RECORD_HEADER = 9;
export const RECORD = { event: 1, checkpoint: 2 } as const;
/** Longest payload of an event record: its parts at their limits. A length above it is damage. */
const MAX_EVENT = MAX_DATA + MAX_BODY + 1_024;
const MAX_CHECKPOINT = 64 * 1024 * 1024;

function checksum(type: number, payload: Uint8Array): number {
  return crc32(payload, crc32(Buffer.of(type)));
}

/** The header that goes in front of a payload. */
export function recordHeader(type: number, payload: Uint8Array): Buffer {
  const header = Buffer.allocUnsafe(RECORD_HEADER);
  header.writeUInt32BE(payload.length, 0);
  header.writeUInt32BE(checksum(type, payload), 4);
  header.writeUInt8(type, 8);
  return header;
}

export type ReadRecord =
  | { readonly state: 'good'; readonly type: number; readonly payload: Buffer; readonly size: number }
  /** More bytes are needed: `size` in all, as far as the header can be believed. */
  | { readonly state: 'short'; readonly size: number }
  /** The checksum does not hold; `size` = where the next record would begin. */
  | { readonly state: 'damaged'; readonly size: number }
  /** Not even the header makes sense. */
  | { readonly state: 'garbage' };

/** Reads the record at the start of `bytes`; payloads are views. */
export function readRecord(bytes: Buffer): ReadRecord {
  if (bytes.length < RECORD_HEADER) return { state: 'short', size: RECORD_HEADER };
  const length = bytes.readUInt32BE(0);
  const type = bytes.readUInt8(8);
  const limit = type === RECORD.event ? MAX_EVENT : type === RECORD.checkpoint ? MAX_CHECKPOINT : -1;
  if (length > limit) return { state: 'garbage' };
  const size = RECORD_HEADER + length;
  if (bytes.length < size) return { state: 'short', size };
  const payload = bytes.subarray(RECORD_HEADER, size);
  if (checksum(type, payload) !== bytes.readUInt32BE(4)) return { state: 'damaged', size };
  return { state: 'good', type, payload, size };
}

/** The heads of all open sessions: what a segment starts with, so that older segments can be deleted. */
export function encodeCheckpoint(heads: Iterable<ChainHead>): Buffer {
  const rows = [...heads].map((head) => [head.sessionId, head.seq, head.hash.toString('hex')]);
  return Buffer.from(JSON.stringify({ v: 1, heads: rows }));
}

export function decodeCheckpoint(payload: Buffer): ChainHead[] {
  const { heads } = JSON.parse(payload.toString('utf8')) as { heads: [string, number, string][] };
  return heads.map(([sessionId, seq, hash]) => ({ sessionId, seq, hash: Buffer.from(hash, 'hex') }));
}
