import { type KeyObject, verify } from 'node:crypto';

/** A run of one session's events as the edge signed it. */
export interface SignedBatch {
  readonly sessionId: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Hash of event `lastSeq`. */
  readonly headHash: Buffer;
  /** Which key signed: SHA-256 of the edge's DER certificate, lower-case hex. */
  readonly keyId: string;
  readonly signature: Buffer;
}

export type BatchFields = Omit<SignedBatch, 'keyId' | 'signature'>;

/**
 * The bytes a batch signature is made over (docs/recording.md "Batch"). The prefix keeps a signature from being taken
 * for one the same key made for another purpose.
 */
export function batchBytes(batch: BatchFields): Buffer {
  const session = Buffer.from(batch.sessionId, 'utf8');
  const head = Buffer.from('scrim.batch.v1\0');
  const fixed = Buffer.alloc(18);
  fixed.writeUInt16BE(session.length, 0);
  fixed.writeBigUInt64BE(BigInt(batch.firstSeq), 2);
  fixed.writeBigUInt64BE(BigInt(batch.lastSeq), 10);
  return Buffer.concat([head, fixed.subarray(0, 2), session, fixed.subarray(2), batch.headHash]);
}

/** The digest a key signs with: none for Ed25519 (it has its own), SHA-256 for ECDSA on P-256. */
export function digestFor(key: KeyObject): 'sha256' | null {
  return key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
}

/**
 * True when `key` made the batch's signature. Ed25519, or ECDSA on P-256 over SHA-256 with a DER-encoded signature;
 * any other key type is no edge key and makes it false.
 */
export function verifyBatch(batch: SignedBatch, key: KeyObject): boolean {
  if (key.asymmetricKeyType !== 'ed25519' && key.asymmetricKeyType !== 'ec') return false;
  try {
    return verify(digestFor(key), batchBytes(batch), key, batch.signature);
  } catch {
    return false;
  }
}
