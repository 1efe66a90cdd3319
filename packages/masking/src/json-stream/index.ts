export { createJsonMasker, type JsonMaskerOptions } from './json-masker.ts';
