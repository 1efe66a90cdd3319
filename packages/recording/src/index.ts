export { type BatchFields, batchBytes, digestFor, type SignedBatch, verifyBatch } from './batch.ts';
export { FormatError } from './bytes.ts';
export {
  type ChainExpectation,
  type ChainVerdict,
  ChainVerifier,
  type PublicKeys,
  verifyChain,
} from './chain.ts';
export {
  decodeEvent,
  type EncodedEvent,
  EVENT_KINDS,
  type EventFields,
  type EventKind,
  encodeEvent,
  genesisHash,
  HASH_LENGTH,
  hashEvent,
  readData,
  type SessionEvent,
} from './event.ts';
export { readIdentity, readRecipient } from './recipient.ts';
export {
  type ChainHead,
  DOOR,
  type EventSink,
  Recorder,
  type RecorderOptions,
} from './recorder.ts';
export { type DecodedItem, Replay, type ReplayItem, type ResponseDecoder, replay } from './replay.ts';
export { isSealed, openSealed, Sealer } from './seal.ts';
export type {
  RecordedCoverage,
  RecordedOperation,
  SessionRecorder,
} from './session-recorder.ts';
export {
  batchesOf,
  EVENT_QUEUE,
  type ReadShipment,
  readShipment,
  type SessionRun,
  type Shipment,
  shipmentId,
  shipmentOf,
  writeShipment,
} from './shipment.ts';
export type { SpoolBatch, SpoolRecord } from './spool/reader.ts';
export { Spool, type SpoolOptions, type SpoolState } from './spool/spool.ts';
export {
  type BlockMask,
  type BlockStatement,
  readTraffic,
  type TrafficEntry,
  type TrafficSummary,
  VERDICTS,
  type Verdict,
} from './traffic.ts';
