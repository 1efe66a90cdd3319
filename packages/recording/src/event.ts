import { hash } from 'node:crypto';
import { ByteReader, FormatError } from './bytes.ts';

/** SHA-256, in bytes. */
export const HASH_LENGTH = 32;
/** Longest `data` and `body` of one event, in bytes. What is larger is cut by the recorder or refused. */
export const MAX_DATA = 4 * 1024 * 1024;
export const MAX_BODY = 8 * 1024 * 1024;

/**
 * What an event says. `traffic` is a block of operations and responses; the others are single, rare facts.
 * Readers meet kinds they do not know in recordings of a newer edge: they show them as they are.
 */
export const EVENT_KINDS = [
  'opened',
  'traffic',
  'warned',
  'held',
  'decided',
  'refused',
  'cancelled',
  'error',
  'coverage',
  'rejected',
  'closed',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** One link of a session's chain. `data` is JSON text, kept exactly as it was hashed. */
export interface SessionEvent {
  readonly sessionId: string;
  /** From 1, without gaps. */
  readonly seq: number;
  /** Epoch milliseconds on the edge's clock. */
  readonly at: number;
  readonly kind: string;
  readonly data: string;
  readonly body: Buffer | null;
  readonly prevHash: Buffer;
  /** SHA-256 of everything above in the canonical encoding. */
  readonly hash: Buffer;
}

/** An event as bytes together with what its writer needs to go on: canonical encoding, then the hash. */
export interface EncodedEvent {
  readonly sessionId: string;
  readonly seq: number;
  readonly kind: string;
  readonly hash: Buffer;
  readonly bytes: Buffer;
}

export type EventFields = Omit<SessionEvent, 'hash'>;

function sha256(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer');
}

function prefixed(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/**
 * The `prevHash` of a session's first event: it binds the chain to session, edge and connection, so that a chain cannot
 * be passed off as another one's.
 */
export function genesisHash(sessionId: string, edgeId: string, connection: string): Buffer {
  return sha256(
    Buffer.concat([
      Buffer.from('scrim.chain.v1\0'),
      prefixed(sessionId),
      prefixed(edgeId),
      prefixed(connection),
    ]),
  );
}

/**
 * The canonical encoding (docs/recording.md "Event") followed by its SHA-256.
 * Throws a {@link FormatError} when a field is longer than the format allows.
 */
export function encodeEvent(fields: EventFields): EncodedEvent {
  const sessionLength = Buffer.byteLength(fields.sessionId);
  const kindLength = Buffer.byteLength(fields.kind);
  const dataLength = Buffer.byteLength(fields.data);
  const bodyLength = fields.body?.length ?? 0;
  if (sessionLength > 255) throw new FormatError('sessionId', 'is longer than 255 bytes');
  if (kindLength > 255) throw new FormatError('kind', 'is longer than 255 bytes');
  if (dataLength > MAX_DATA) throw new FormatError('data', `is longer than ${MAX_DATA} bytes`);
  if (bodyLength > MAX_BODY) throw new FormatError('body', `is longer than ${MAX_BODY} bytes`);
  const signedLength =
    HASH_LENGTH + 1 + sessionLength + 16 + 1 + kindLength + 4 + dataLength + 5 + bodyLength;
  const bytes = Buffer.allocUnsafe(signedLength + HASH_LENGTH);
  let at = fields.prevHash.copy(bytes, 0);
  at = bytes.writeUInt8(sessionLength, at);
  at += bytes.write(fields.sessionId, at, 'utf8');
  at = writeU64(bytes, at, fields.seq);
  at = writeU64(bytes, at, fields.at);
  at = bytes.writeUInt8(kindLength, at);
  at += bytes.write(fields.kind, at, 'utf8');
  at = bytes.writeUInt32BE(dataLength, at);
  at += bytes.write(fields.data, at, 'utf8');
  at = bytes.writeUInt8(fields.body === null ? 0 : 1, at);
  at = bytes.writeUInt32BE(bodyLength, at);
  if (fields.body !== null) at += fields.body.copy(bytes, at);
  const digest = sha256(bytes.subarray(0, at));
  digest.copy(bytes, at);
  return { sessionId: fields.sessionId, seq: fields.seq, kind: fields.kind, hash: digest, bytes };
}

function writeU64(buffer: Buffer, at: number, value: number): number {
  buffer.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  return buffer.writeUInt32BE(value >>> 0, at + 4);
}

/** The hash an event must have. */
export function hashEvent(fields: EventFields): Buffer {
  return encodeEvent(fields).hash;
}

/**
 * Reads one encoded event and checks that its hash is right. Fields are views of `bytes`.
 * Throws a {@link FormatError} on anything else than exactly one well-formed event.
 */
export function decodeEvent(bytes: Uint8Array): SessionEvent {
  const reader = new ByteReader(bytes);
  const prevHash = reader.take(HASH_LENGTH, 'prevHash');
  const sessionId = reader.text(reader.u8('sessionId'), 'sessionId');
  const seq = reader.u64('seq');
  const at = reader.u64('at');
  const kind = reader.text(reader.u8('kind'), 'kind');
  const data = reader.text(bounded(reader.u32('data'), MAX_DATA, 'data'), 'data');
  const hasBody = reader.u8('body');
  const bodyLength = bounded(reader.u32('body'), MAX_BODY, 'body');
  if (hasBody > 1 || (hasBody === 0 && bodyLength > 0)) throw new FormatError('body', 'has a wrong flag');
  const body = reader.take(bodyLength, 'body');
  const signed = Buffer.from(bytes.buffer, bytes.byteOffset, reader.position);
  const digest = reader.take(HASH_LENGTH, 'hash');
  if (reader.left > 0) throw new FormatError('event', 'is followed by other bytes');
  if (!sha256(signed).equals(digest)) throw new FormatError('hash', 'does not fit the event');
  return { sessionId, seq, at, kind, data, body: hasBody === 1 ? body : null, prevHash, hash: digest };
}

function bounded(length: number, limit: number, field: string): number {
  if (length > limit) throw new FormatError(field, `is longer than ${limit} bytes`);
  return length;
}

/** The event's `data` as an object; a `data` that is no JSON object throws a {@link FormatError}. */
export function readData(event: Pick<SessionEvent, 'data'>): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(event.data);
  } catch {
    throw new FormatError('data', 'is no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FormatError('data', 'is no JSON object');
  return value as Record<string, unknown>;
}
