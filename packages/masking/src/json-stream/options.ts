import type { FieldRule, LeafMask } from '../places/index.ts';
import type { Scanner } from '../scan/scanner.ts';
import type { ByteMasker } from '../stream/index.ts';

export interface JsonMaskerOptions {
  readonly fields: readonly FieldRule[];
  /** Called for each value a field rule replaced; never with the value. */
  readonly onHit: (rule: string) => void;
  /** What detectors make of a string, a key or a long number. */
  readonly leaf?: LeafMask;
  /** The scanner behind `leaf`: what it finds nothing in is not shown to `leaf`. */
  readonly scanner?: Scanner;
  /** Masks the inside of a string too long to be held, as `jsonStringView` reads it; without it such a string is refused. */
  readonly stream?: () => ByteMasker;
}
