import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/** A sealed value as it is stored: AES-256-GCM, every part base64. */
export interface Sealed {
  readonly ciphertext: string;
  readonly iv: string;
  readonly tag: string;
}

/** A record's data key, encrypted by a master key. */
export interface WrappedKey {
  readonly wrappedKey: Uint8Array<ArrayBuffer>;
  /** Names the master key. */
  readonly keyId: string;
}

/**
 * Envelope encryption: each record has a data key of its own, kept wrapped by the master key, so that a rotation
 * re-wraps 32 bytes a record and never touches the secrets themselves. `owner` (the record) and `field` are bound into
 * every ciphertext: one that is moved to another record or field does not open.
 */
export interface Envelope {
  /** The master key new keys are wrapped with. */
  readonly keyId: string;
  newDataKey(owner: string): WrappedKey & { readonly dataKey: Uint8Array };
  /** Throws when the master key is not at hand or the wrapped key was altered. */
  unwrap(wrapped: WrappedKey, owner: string): Uint8Array;
  /** The same data key under the present master key; undefined when it already is. */
  rewrap(wrapped: WrappedKey, owner: string): WrappedKey | undefined;
}

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Seals `plaintext`; the iv is random, safe for far more values than a data key ever seals. */
export function seal(
  dataKey: Uint8Array,
  plaintext: string | Uint8Array,
  owner: string,
  field: string,
): Sealed {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', dataKey, iv);
  cipher.setAAD(context('value', owner, field));
  const bytes = typeof plaintext === 'string' ? Buffer.from(plaintext, 'utf8') : plaintext;
  const ciphertext = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return {
    ciphertext: ciphertext.toString('base64'),
    iv: iv.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
  };
}

/** Opens what {@link seal} made; throws when key, owner, field or any byte differs. */
export function open(dataKey: Uint8Array, sealed: Sealed, owner: string, field: string): Buffer {
  const iv = Buffer.from(sealed.iv, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', dataKey, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(context('value', owner, field));
  decipher.setAuthTag(Buffer.from(sealed.tag, 'base64'));
  return Buffer.concat([decipher.update(Buffer.from(sealed.ciphertext, 'base64')), decipher.final()]);
}

/** Lengths go in front, so that no two triples give the same bytes. */
function context(...parts: readonly string[]): Buffer {
  return Buffer.from(parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join(''), 'utf8');
}

/** Public name of a master key: tells keys apart, says nothing of the key. */
export function masterKeyId(masterKey: Uint8Array): string {
  return createHash('sha256').update('scrim master key\0').update(masterKey).digest('hex').slice(0, 16);
}

function wrap(masterKey: Uint8Array, keyId: string, dataKey: Uint8Array, owner: string): WrappedKey {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', masterKey, iv);
  cipher.setAAD(context('data key', keyId, owner));
  const body = Buffer.concat([cipher.update(dataKey), cipher.final()]);
  return { wrappedKey: new Uint8Array(Buffer.concat([iv, cipher.getAuthTag(), body])), keyId };
}

function unwrap(masterKey: Uint8Array, { wrappedKey, keyId }: WrappedKey, owner: string): Uint8Array {
  const bytes = Buffer.from(wrappedKey);
  const decipher = createDecipheriv('aes-256-gcm', masterKey, bytes.subarray(0, IV_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(context('data key', keyId, owner));
  decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
}

/** An envelope over the present master key and, during a rotation, the one before. */
export function createEnvelope(masterKey: Uint8Array, previous?: Uint8Array): Envelope {
  const keyId = masterKeyId(masterKey);
  const keys = new Map([[keyId, masterKey]]);
  if (previous) keys.set(masterKeyId(previous), previous);
  const openKey = (wrapped: WrappedKey, owner: string): Uint8Array => {
    const key = keys.get(wrapped.keyId);
    if (key) return unwrap(key, wrapped, owner);
    throw new Error(
      `a secret is wrapped by the master key ${wrapped.keyId}, which is not configured; ` +
        'set SCRIM_MASTER_KEY_PREVIOUS to it and call POST /v1/credentials/rotate',
    );
  };
  return {
    keyId,
    newDataKey(owner) {
      const dataKey = randomBytes(32);
      return { dataKey, ...wrap(masterKey, keyId, dataKey, owner) };
    },
    unwrap: openKey,
    rewrap(wrapped, owner) {
      if (wrapped.keyId === keyId) return undefined;
      return wrap(masterKey, keyId, openKey(wrapped, owner), owner);
    },
  };
}
