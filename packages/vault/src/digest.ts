import { createHmac } from 'node:crypto';

const LENGTH = 16;

/**
 * Tells the values of one token apart without holding them: HMAC-SHA-256 under a key derived from the masking key, cut
 * to 16 bytes. Every edge gives the same digest for the same pair. Who has the masking key can check a guess, as with
 * the token itself; who has only the database cannot.
 */
export class TokenDigest {
  readonly #key: Buffer;

  /** @param maskingKey the 32 bytes tokens are made with */
  constructor(maskingKey: Uint8Array) {
    this.#key = createHmac('sha256', maskingKey).update('scrim/vault/digest/v1').digest();
  }

  of(token: string, value: string): Buffer<ArrayBuffer> {
    // No token holds a NUL, so no two pairs share an input.
    return createHmac('sha256', this.#key).update(`${token}\0${value}`).digest().subarray(0, LENGTH);
  }
}
