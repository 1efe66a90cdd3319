/** Bytes of the longest token. Text tokens have at most 46; only a numeric with hundreds of decimals is longer. */
export const MAX_TOKEN = 256;
/** Bytes of the largest value kept. Larger ones are documents, not values. */
export const MAX_VALUE = 64 * 1024;
/** Bytes of the largest sealed value: version, public key, nonce and tag come on top. */
export const MAX_SEALED = MAX_VALUE + 61;
