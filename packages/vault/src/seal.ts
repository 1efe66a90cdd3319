import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';

const VERSION = 1;
const KEY_LENGTH = 32;
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;
const HEAD = 1 + KEY_LENGTH + NONCE_LENGTH;
/** DER in front of the 32 raw bytes of an X25519 public key (RFC 8410). */
const SPKI = Buffer.from('302a300506032b656e032100', 'hex');

/** Why a sealed value, or a key, cannot be used. Never quotes either. */
export class VaultError extends Error {
  override readonly name = 'VaultError';
}

function publicKey(der: Uint8Array): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
  } catch {
    // Said below, in words of our own.
  }
  if (key?.asymmetricKeyType !== 'x25519') throw new VaultError('the vault key is no X25519 public key');
  return key;
}

function rawOf(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI.length);
}

function deriveKey(shared: Buffer, ephemeral: Uint8Array, recipient: Uint8Array): Buffer {
  const salt = Buffer.concat([ephemeral, recipient]);
  return Buffer.from(hkdfSync('sha256', shared, salt, 'scrim.vault.v1', KEY_LENGTH));
}

/**
 * Seals values to the vault's public key: an ephemeral X25519 pair, HKDF-SHA-256, AES-256-GCM with a counter as nonce and
 * the token as associated data. The private half of the pair is dropped at once: what a sealer has written only the
 * vault's private key opens, and this process for as long as it keeps the sealer. Make a new one now and then.
 *
 * Layout: version (1 byte, 1), ephemeral public key (32), nonce (12), ciphertext, tag (16).
 */
export class VaultSealer {
  readonly #key: Buffer;
  readonly #head: Buffer;
  #count = 0;

  /** @param vaultKey SPKI DER of an X25519 key. @throws VaultError when it is none */
  constructor(vaultKey: Uint8Array) {
    const recipient = publicKey(vaultKey);
    const pair = generateKeyPairSync('x25519');
    const ephemeral = rawOf(pair.publicKey);
    const shared = diffieHellman({ privateKey: pair.privateKey, publicKey: recipient });
    this.#key = deriveKey(shared, ephemeral, rawOf(recipient));
    this.#head = Buffer.concat([Buffer.of(VERSION), ephemeral]);
  }

  /** How many values it has sealed. */
  get count(): number {
    return this.#count;
  }

  seal(value: string, token: string): Buffer<ArrayBuffer> {
    const nonce = Buffer.alloc(NONCE_LENGTH);
    nonce.writeBigUInt64BE(BigInt(this.#count++), 4);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    cipher.setAAD(Buffer.from(token));
    return Buffer.concat([
      this.#head,
      nonce,
      cipher.update(value, 'utf8'),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
  }
}

/**
 * The value a {@link VaultSealer} sealed for this token.
 * @param vaultKey PKCS #8 DER of the private key
 * @throws VaultError when the key is another one, or the text was altered or belongs to another token
 */
export function openSealed(sealed: Uint8Array, token: string, vaultKey: Uint8Array): string {
  if (sealed.length < HEAD + TAG_LENGTH || sealed[0] !== VERSION)
    throw new VaultError('the sealed value is cut short or of a version not known here');
  const privateKey = createPrivateKey({ key: Buffer.from(vaultKey), format: 'der', type: 'pkcs8' });
  const ephemeral = sealed.subarray(1, 1 + KEY_LENGTH);
  try {
    const other = publicKey(Buffer.concat([SPKI, ephemeral]));
    const shared = diffieHellman({ privateKey, publicKey: other });
    const key = deriveKey(shared, ephemeral, rawOf(createPublicKey(privateKey)));
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1 + KEY_LENGTH, HEAD), {
      authTagLength: TAG_LENGTH,
    });
    decipher.setAAD(Buffer.from(token));
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_LENGTH));
    const body = sealed.subarray(HEAD, sealed.length - TAG_LENGTH);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
  } catch {
    // The cause may quote ciphertext.
    throw new VaultError('the sealed value does not open: another key or token, or it was altered');
  }
}

/** A new key pair of the vault: PKCS #8 and SPKI DER. */
export function generateVaultKey(): { readonly secret: Uint8Array; readonly public: Uint8Array } {
  const { privateKey, publicKey: open } = generateKeyPairSync('x25519');
  return {
    secret: privateKey.export({ format: 'der', type: 'pkcs8' }),
    public: open.export({ format: 'der', type: 'spki' }),
  };
}
