export type { AnswerReader, Dialect, ModelRequest, VendorError } from './dialect/contract.ts';
