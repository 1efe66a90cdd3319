import type { ValueType } from '@scrim/model';

/** A value is no value of its type, or its type cannot be written. Holds no part of the value. */
export class ValueFault extends Error {
  constructor(type: string, what = 'the replacement does not fit the type') {
    super(`${what} (${type})`);
    this.name = 'ValueFault';
  }
}

/** How values of one type look: binary on the wire, canonical as text (what the server prints with DateStyle ISO). */
export interface TypeCodec {
  readonly name: string;
  readonly valueType: ValueType;
  /** Whether content detectors look at values of the type. */
  readonly textual: boolean;
  /**
   * Text-like types: binary is the text itself behind `skip` bytes (1 for jsonb's version), so a cell needs no
   * decoding.
   */
  readonly plain?: { readonly skip: number };
  /** Canonical text of a binary value. Throws {@link ValueFault}. */
  decode(bytes: Buffer, start: number, end: number): string;
  /** Binary value of a text. Throws {@link ValueFault} when the text is no value of the type. */
  encode(text: string): Buffer;
  /**
   * Bytes of a replacement where they depend on the value replaced (an array keeps its dimensions).
   * `binary` = the wire's format. Throws {@link ValueFault}.
   */
  replace?(text: string, raw: Buffer, start: number, end: number, binary: boolean): Buffer;
}
