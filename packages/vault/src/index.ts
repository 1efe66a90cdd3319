export { ValueDigest } from './digest.ts';
export { MAX_SEALED, MAX_TOKEN, MAX_VALUE } from './limits.ts';
export { generateVaultKey, openSealed, VaultError, VaultSealer } from './seal.ts';
