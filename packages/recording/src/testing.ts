import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { RecordingMode, SessionInfo } from '@scrim/model';
import { type BatchFields, batchBytes, digestFor, type SignedBatch } from './batch.ts';
import { decodeEvent, type EncodedEvent, encodeEvent, type SessionEvent } from './event.ts';
import type { ChainHead, EventSink, Recorder } from './recorder.ts';
import type { DecodedItem, ResponseDecoder } from './replay.ts';
import type { SessionRecorder } from './session-recorder.ts';
import { batchesOf, type Shipment, writeShipment } from './shipment.ts';
import { followHead } from './spool/segment.ts';

/** A sink in memory that keeps what a spool would hand on. */
export class MemorySink implements EventSink {
  readonly events: SessionEvent[] = [];
  readonly #heads = new Map<string, ChainHead>();
  full = false;
  drains = 0;
  broken: Error | undefined;

  append(event: EncodedEvent): void {
    if (this.broken !== undefined) throw this.broken;
    this.events.push(decodeEvent(event.bytes));
    followHead(this.#heads, event);
  }

  drain(): void {
    if (this.broken !== undefined) throw this.broken;
    this.drains++;
  }

  openHeads(): ChainHead[] {
    return [...this.#heads.values()];
  }
}

/** An edge's key with a name to find it by. */
export interface TestKey {
  readonly keyId: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export function newKey(type: 'ed25519' | 'p256' = 'ed25519'): TestKey {
  const pair =
    type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = pair.publicKey.export({ format: 'der', type: 'spki' });
  return { keyId: createHash('sha256').update(der).digest('hex'), ...pair };
}

export function signBatch(fields: BatchFields, key: TestKey): SignedBatch {
  const signature = sign(digestFor(key.privateKey), batchBytes(fields), key.privateKey);
  return { ...fields, keyId: key.keyId, signature };
}

/** Shipments of `size` events each, as an edge would queue them. */
export function shipmentsOf(
  edgeId: string,
  events: readonly SessionEvent[],
  key: TestKey,
  size = 50,
): Shipment[] {
  const shipments: Shipment[] = [];
  for (let first = 0; first < events.length; first += size) {
    const encoded = events.slice(first, first + size).map((event) => encodeEvent(event).bytes);
    const batches = batchesOf(encoded).map((fields) => signBatch(fields, key));
    shipments.push(writeShipment(edgeId, encoded, batches));
  }
  return shipments;
}

/** One batch for each run of `size` events. */
export function signAll(events: readonly SessionEvent[], key: TestKey, size = 3): SignedBatch[] {
  const batches: SignedBatch[] = [];
  for (let first = 0; first < events.length; first += size) {
    const run = events.slice(first, first + size);
    const last = run.at(-1) as SessionEvent;
    const range = { firstSeq: (run[0] as SessionEvent).seq, lastSeq: last.seq };
    batches.push(signBatch({ sessionId: last.sessionId, ...range, headHash: last.hash }, key));
  }
  return batches;
}

export function openingInfo(
  sessionId: string,
  record: RecordingMode = { content: 'masked', maxContent: 1024 * 1024 },
  connection = 'shop',
): SessionInfo {
  return {
    sessionId,
    connection,
    protocol: 'postgres',
    caller: {
      subject: 'alice@example.com',
      groups: ['agents'],
      kind: 'machine',
      issuer: 'scrim',
      tokenId: 'token-1',
      expiresAt: 0,
      attributes: { repository: 'shop' },
    },
    claimedName: 'app',
    attributes: { application_name: 'psql' },
    policies: { production: 3 },
    record,
  };
}

/** Reads `name,name` descriptions and `value,value\n` rows: enough of a protocol to see that replay decodes. */
export class CsvDecoder implements ResponseDecoder {
  #columns = 0;

  shape(description: Uint8Array): DecodedItem[] {
    const names = Buffer.from(description).toString().split(',');
    this.#columns = names.length;
    return [{ kind: 'columns', names }];
  }

  response(bytes: Uint8Array): DecodedItem[] {
    const lines = Buffer.from(bytes).toString().trimEnd().split('\n');
    return lines.map((line) => {
      const values = line.split(',');
      if (values.length !== this.#columns) throw new Error('a row does not fit its columns');
      return { kind: 'row', values };
    });
  }
}

/** Opens a session as the pipeline does. */
export function openSession(recorder: Recorder, sessionId: string, record?: RecordingMode): SessionRecorder {
  const info = openingInfo(sessionId, record);
  const session = recorder.open(sessionId, info.connection, info.record);
  session.opened(info);
  return session;
}
