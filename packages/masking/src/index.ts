export * from './forms/index.ts';
export * from './json-stream/index.ts';
export * from './operators/index.ts';
export * from './places/index.ts';
export {
  type DetectorInfo,
  listDetectors,
  resolveDetectors,
  UnknownDetectorError,
} from './scan/catalogue.ts';
export { type CustomPattern, checkPattern, UnsafePatternError } from './scan/custom.ts';
export { type KnownTexts, SHORTEST_KNOWN } from './scan/literals.ts';
export { createScanner, type Scanner, type ScannerOptions } from './scan/scanner.ts';
export type { Finding } from './scan/settle.ts';
export * from './stream/index.ts';
