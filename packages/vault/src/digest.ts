import { createHmac } from 'node:crypto';

const LENGTH = 16;

/**
 * Tells values apart without holding them: HMAC-SHA-256 under a key derived from the masking key, cut to 16 bytes. Every
 * edge gives the same digest for the same value, whatever its token (those differ by type and by room). Who has the
 * masking key can check a guess, as with the token itself; who has only the database cannot.
 */
export class ValueDigest {
  readonly #key: Buffer;

  /** @param maskingKey the 32 bytes tokens are made with */
  constructor(maskingKey: Uint8Array) {
    this.#key = createHmac('sha256', maskingKey).update('scrim/vault/digest/v1').digest();
  }

  /** @param value canonical, as a token stands for it */
  of(value: string): Buffer<ArrayBuffer> {
    return createHmac('sha256', this.#key).update(value).digest().subarray(0, LENGTH);
  }
}
