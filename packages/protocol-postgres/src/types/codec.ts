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
  /** Longest text of the type in characters. */
  readonly maxLength?: number;
  /** No binary form is known: NULL stands for a binary value. */
  readonly textOnly?: boolean;
  /**
   * What stands for every value, whatever an operator would write; null = NULL. For types whose input no operator's
   * text is (a point), or that have none.
   */
  readonly cover?: Cover | null;
  /** Canonical text of a binary value. Throws {@link ValueFault}. */
  decode(bytes: Buffer, start: number, end: number): string;
  /** Binary value of a text. Throws {@link ValueFault} when the text is no value of the type. */
  encode(text: string): Buffer;
  /** Values made of others: takes one apart. Throws {@link ValueFault} when it is no value of the type. */
  open?(bytes: Buffer, start: number, end: number, binary: boolean): Opened;
  /** Types of the values such a value can hold, however deep. */
  readonly holds?: ReadonlySet<ValueType>;
  /** Whether values inside go by names of their own. */
  readonly named?: boolean;
}

/** One value in both formats. */
export interface Cover {
  readonly text: Buffer;
  readonly binary: Buffer;
}

/** A value inside another, in the format of the whole. */
export interface Part {
  readonly codec: TypeCodec;
  /** The name it goes by inside (a field of a composite, a key of an hstore). */
  readonly key: string | null;
  readonly bytes: Buffer | null;
}

/** A value taken apart. */
export interface Opened {
  readonly parts: readonly Part[];
  /**
   * The whole around other parts: one for each, the same buffer where nothing changed. Null = NULL. What would be no
   * value of the type any more (a range whose bounds changed) becomes a smaller one that is.
   */
  close(parts: readonly (Buffer | null)[]): Buffer | null;
  /** Stands for a value without parts that says something all the same (an unbounded range). */
  readonly blank?: Buffer;
}

/** Text and binary form of a type made of others, as one shape in between. */
export interface Form<Shape extends { readonly parts: readonly Part[] }> {
  readonly name: string;
  readonly holds: ReadonlySet<ValueType>;
  readonly textual: boolean;
  readonly named?: boolean;
  /** Texts are Latin-1: each byte a character, so that every encoding survives. */
  readText(text: string): Shape;
  writeText(shape: Shape, parts: readonly (string | null)[]): string;
  readBinary(bytes: Buffer): Shape;
  writeBinary(shape: Shape, parts: readonly (Buffer | null)[]): Buffer;
  /** The shape that holds the new parts, and the parts it holds; absent = the same shape holds any. */
  settle?(
    shape: Shape,
    parts: readonly (Buffer | null)[],
    changed: readonly boolean[],
  ): { readonly shape: Shape; readonly parts: readonly (Buffer | null)[] };
  /** For {@link Opened.blank}. */
  blank?(shape: Shape): Shape | undefined;
}

const latin1 = (bytes: Buffer | null): string | null => bytes?.toString('latin1') ?? null;

/** A codec from the two forms of a type made of others. */
export function structured<Shape extends { readonly parts: readonly Part[] }>(form: Form<Shape>): TypeCodec {
  const write = (shape: Shape, parts: readonly (Buffer | null)[], binary: boolean): Buffer =>
    binary ? form.writeBinary(shape, parts) : Buffer.from(form.writeText(shape, parts.map(latin1)), 'latin1');
  return {
    name: form.name,
    valueType: 'unknown',
    textual: form.textual,
    holds: form.holds,
    named: form.named === true,
    decode(bytes, start, end) {
      const shape = form.readBinary(bytes.subarray(start, end));
      const texts = shape.parts.map(({ codec, bytes: part }) =>
        part === null ? null : Buffer.from(codec.decode(part, 0, part.length)).toString('latin1'),
      );
      return Buffer.from(form.writeText(shape, texts), 'latin1').toString('utf8');
    },
    encode(text) {
      const shape = form.readText(Buffer.from(text).toString('latin1'));
      const parts = shape.parts.map(({ codec, bytes }) =>
        bytes === null ? null : codec.encode(bytes.toString('utf8')),
      );
      return form.writeBinary(shape, parts);
    },
    open(bytes, start, end, binary) {
      const shape = binary
        ? form.readBinary(bytes.subarray(start, end))
        : form.readText(bytes.toString('latin1', start, end));
      const blank = form.blank?.(shape);
      return {
        parts: shape.parts,
        ...(blank === undefined ? {} : { blank: write(blank, [], binary) }),
        close(parts) {
          // A value of which nothing is left is not there: an operator that writes NULL means the whole.
          const had = shape.parts.some((part) => part.bytes !== null);
          if (had && parts.every((part) => part === null)) return null;
          const changed = parts.map((part, i) => part !== shape.parts[i]?.bytes);
          const settled = form.settle?.(shape, parts, changed) ?? { shape, parts };
          return write(settled.shape, settled.parts, binary);
        },
      };
    },
  };
}

/** Types a value of the type, and of those inside it, can be of. */
export function holding(...codecs: readonly TypeCodec[]): ReadonlySet<ValueType> {
  return new Set(codecs.flatMap((codec) => (codec.holds ? [...codec.holds] : [codec.valueType])));
}

/** Length-prefixed values one after the other, -1 for NULL. */
export class BinaryReader {
  readonly #bytes: Buffer;
  readonly #name: string;
  at = 0;

  constructor(bytes: Buffer, name: string) {
    this.#bytes = bytes;
    this.#name = name;
  }

  get done(): boolean {
    return this.at === this.#bytes.length;
  }

  take(size: number): Buffer {
    const end = this.at + size;
    if (size < 0 || end > this.#bytes.length) throw new ValueFault(this.#name, 'a value has a wrong length');
    const taken = this.#bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }

  int32(): number {
    return this.take(4).readInt32BE(0);
  }

  /** How many there are of what takes at least `least` bytes each. */
  count(least: number): number {
    const count = this.int32();
    if (count < 0 || count * least > this.#bytes.length - this.at) {
      throw new ValueFault(this.#name, 'a value has a wrong length');
    }
    return count;
  }

  value(): Buffer | null {
    const length = this.int32();
    return length === -1 ? null : this.take(length);
  }

  end(): void {
    if (!this.done) throw new ValueFault(this.#name, 'a value has a wrong length');
  }
}

export function int32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeInt32BE(value | 0);
  return out;
}

/** A value behind its length, as {@link BinaryReader.value} reads it. */
export function sizedValue(value: Buffer | null): Buffer {
  return value === null ? int32(-1) : Buffer.concat([int32(value.length), value]);
}

/** The value taken apart; undefined for what is no value of the type as we know it: nothing inside it can be told. */
export function opened(
  codec: TypeCodec,
  bytes: Buffer,
  start: number,
  end: number,
  binary: boolean,
): Opened | undefined {
  try {
    return codec.open?.(bytes, start, end, binary);
  } catch (error) {
    if (error instanceof ValueFault) return undefined;
    throw error;
  }
}
