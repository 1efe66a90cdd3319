import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { FormatError } from './bytes.ts';
import type { SessionEvent } from './event.ts';
import { publicKeyFromRaw, rawPublicKey } from './recipient.ts';

const MAGIC = Buffer.from('scrim-sealed-v1\0');
const KEY_LENGTH = 32;
const TAG_LENGTH = 16;
/** What a sealed body is longer than what it seals. */
export const SEAL_OVERHEAD = MAGIC.length + KEY_LENGTH + TAG_LENGTH;

function deriveKey(shared: Buffer, ephemeral: Buffer, recipient: Buffer, sessionId: string): Buffer {
  const salt = Buffer.concat([ephemeral, recipient]);
  return Buffer.from(hkdfSync('sha256', shared, salt, `scrim.sealed.v1\0${sessionId}`, KEY_LENGTH));
}

/** The sequence number as nonce: a key belongs to one session, and a session uses each number once. */
function nonceOf(seq: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(seq), 4);
  return nonce;
}

/**
 * Encrypts the bodies of one session to an X25519 public key: an ephemeral key pair a session, HKDF-SHA-256,
 * AES-256-GCM. The private half is dropped at once, so neither the edge's disk nor the control plane can open a body;
 * the edge's memory can while the session is open.
 */
export class Sealer {
  readonly #ephemeral: Buffer;
  readonly #key: Buffer;
  readonly #sessionId: string;

  constructor(recipient: KeyObject, sessionId: string) {
    const pair = generateKeyPairSync('x25519');
    this.#ephemeral = rawPublicKey(pair.publicKey);
    const shared = diffieHellman({ privateKey: pair.privateKey, publicKey: recipient });
    this.#key = deriveKey(shared, this.#ephemeral, rawPublicKey(recipient), sessionId);
    this.#sessionId = sessionId;
  }

  /** The sealed form of the body of event `seq`. Each `seq` once: the nonce is made of it. */
  seal(body: Uint8Array, seq: number): Buffer {
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonceOf(seq));
    cipher.setAAD(Buffer.from(`${this.#sessionId}\0${seq}`));
    return Buffer.concat([MAGIC, this.#ephemeral, cipher.update(body), cipher.final(), cipher.getAuthTag()]);
  }
}

/** True when a body is in the sealed form. A block's first byte is an entry type and never the magic's. */
export function isSealed(body: Uint8Array): boolean {
  return Buffer.compare(body.subarray(0, MAGIC.length), MAGIC) === 0;
}

/**
 * The event with its body opened by the auditor's private key (X25519). An event that is not sealed comes back as it
 * is. Throws a {@link FormatError} when the key is not the recipient's or the body was changed or moved.
 */
export function openSealed(event: SessionEvent, identity: KeyObject): SessionEvent {
  const { body } = event;
  if (body === null || !isSealed(body)) return event;
  if (body.length < SEAL_OVERHEAD) throw new FormatError('body', 'is cut short');
  const ephemeral = body.subarray(MAGIC.length, MAGIC.length + KEY_LENGTH);
  const shared = diffieHellman({ privateKey: identity, publicKey: publicKeyFromRaw(ephemeral) });
  const key = deriveKey(shared, ephemeral, rawPublicKey(createPublicKey(identity)), event.sessionId);
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(event.seq));
  decipher.setAAD(Buffer.from(`${event.sessionId}\0${event.seq}`));
  decipher.setAuthTag(body.subarray(body.length - TAG_LENGTH));
  const sealed = body.subarray(MAGIC.length + KEY_LENGTH, body.length - TAG_LENGTH);
  try {
    return { ...event, body: Buffer.concat([decipher.update(sealed), decipher.final()]) };
  } catch {
    throw new FormatError('body', 'does not open: another key, or the body was changed');
  }
}
