export { createJsonMasker } from './json-masker.ts';
export type { JsonMaskerOptions } from './options.ts';
