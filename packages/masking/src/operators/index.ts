export { canonicalText } from './canonical.ts';
export { ff1Decrypt, ff1Encrypt, SMALLEST_DOMAIN } from './format-preserving.ts';
export { containsMask, createMaskRecogniser, isMasked, type MaskRecogniser } from './mark.ts';
export { createOperator } from './operator.ts';
export { MASKED_TEXT, MASKED_UUID } from './stand-in.ts';
export { type FoundToken, findTokens } from './token-text.ts';
export * from './types.ts';
export type { TokenVault } from './vault.ts';
