export { ff1Decrypt, ff1Encrypt, SMALLEST_DOMAIN } from './format-preserving.ts';
export { containsMask, createMaskRecogniser, isMasked, type MaskRecogniser } from './mark.ts';
export { createOperator } from './operator.ts';
export { MASKED_TEXT, MASKED_UUID } from './stand-in.ts';
export * from './types.ts';
export { openValue, sealValue, type TokenVault } from './vault.ts';
