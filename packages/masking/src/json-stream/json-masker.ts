import type { FieldRule, LeafMask } from '../places/index.ts';
import { JsonShapeError, maskJson } from '../places/index.ts';
import type { ByteMasker } from '../stream/index.ts';

export interface JsonMaskerOptions {
  readonly fields: readonly FieldRule[];
  /** Called for each value a field rule replaced; never with the value. */
  readonly onHit: (rule: string) => void;
  /** What detectors make of a string, a key or a long number. */
  readonly leaf?: LeafMask;
  /** Bytes of one document held at most. */
  readonly maxHold?: number;
}

const DEFAULT_HOLD = 8 * 1024 * 1024;

/**
 * Masks JSON as it flows.
 * @throws JsonShapeError from `push` and `flush` when the bytes are no JSON, or more must be held than allowed.
 */
export function createJsonMasker(options: JsonMaskerOptions): ByteMasker {
  const { fields, onHit, leaf, maxHold = DEFAULT_HOLD } = options;
  let held: Uint8Array[] = [];
  let length = 0;
  const nothing = new Uint8Array(0);
  return {
    get held() {
      return length;
    },
    push(chunk) {
      length += chunk.length;
      if (length > maxHold) throw new JsonShapeError(`is longer than ${maxHold} bytes`, maxHold);
      held.push(chunk.slice());
      return nothing;
    },
    flush() {
      const bytes = new Uint8Array(length);
      let at = 0;
      for (const piece of held) {
        bytes.set(piece, at);
        at += piece.length;
      }
      held = [];
      length = 0;
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
      if (text.trim() === '') return bytes;
      return new TextEncoder().encode(maskJson(text, fields, onHit, leaf));
    },
    release: () => nothing,
  };
}
