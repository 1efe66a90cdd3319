/**
 * How raw bytes map to the text a person or a program reads. The masker looks for values in the visible text and
 * replaces them in the raw bytes.
 */
export interface TextView {
  /** A fresh reader; it may keep state from one unit to the next. */
  reader(): UnitReader;
  /** A replacement as raw bytes. */
  encode(text: string): Uint8Array;
}

/** Splits raw bytes into units: an escape, a control sequence, or one byte of text. */
export interface UnitReader {
  /**
   * Reads the unit at raw[at]; returns how many raw bytes it takes, or 0 when more bytes are needed to tell (never
   * when `final`). Leaves its visible bytes in `visible[0, count)`.
   */
  read(raw: Uint8Array, at: number, end: number, final: boolean): number;
  readonly visible: Uint8Array;
  count: number;
}

const utf8 = new TextEncoder();

const SIMPLE: Readonly<Record<number, number>> = { 98: 8, 102: 12, 110: 10, 114: 13, 116: 9 };

function hex4(raw: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + 4; i += 1) {
    const byte = raw[i] as number;
    const digit = byte < 58 ? byte - 48 : (byte | 32) - 87;
    if (digit < 0 || digit > 15) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/** The inside of a JSON string (RFC 8259 section 7): escapes are read as what they stand for. */
export const jsonStringView: TextView = {
  encode: (text) => utf8.encode(JSON.stringify(text).slice(1, -1)),
  reader: () => {
    const visible = new Uint8Array(4);
    const one = (byte: number, length: number): number => {
      visible[0] = byte;
      reader.count = 1;
      return length;
    };
    const point = (value: number, length: number): number => {
      reader.count = utf8.encodeInto(String.fromCodePoint(value), visible).written;
      return length;
    };
    const unicode = (raw: Uint8Array, at: number, end: number, final: boolean): number => {
      if (end - at < 6) return final ? one(0x5c, 1) : 0;
      const high = hex4(raw, at + 2);
      if (high < 0) return one(0x5c, 1);
      if (high < 0xd800 || high > 0xdbff) return point(high, 6);
      if (end - at < 12) return final ? point(high, 6) : 0;
      const low = raw[at + 6] === 0x5c && raw[at + 7] === 0x75 ? hex4(raw, at + 8) : -1;
      if (low < 0xdc00 || low > 0xdfff) return point(high, 6);
      return point(0x10000 + (high - 0xd800) * 0x400 + (low - 0xdc00), 12);
    };
    const reader: UnitReader = {
      visible,
      count: 0,
      read(raw, at, end, final) {
        const byte = raw[at] as number;
        if (byte !== 0x5c) return one(byte, 1);
        if (at + 1 >= end) return final ? one(byte, 1) : 0;
        const escaped = raw[at + 1] as number;
        if (escaped === 0x75) return unicode(raw, at, end, final);
        return one(SIMPLE[escaped] ?? escaped, 2);
      },
    };
    return reader;
  },
};

/** The longest control sequence that is waited for; what is longer is text. */
const LONGEST_SEQUENCE = 4096;

/** Where the control sequence at `at` ends (ECMA-48 section 5.4 and 5.6), 0 when it is cut off. */
function sequenceEnd(raw: Uint8Array, at: number, end: number): number {
  const kind = raw[at + 1];
  if (kind === undefined || at + 1 >= end) return 0;
  if (kind === 0x5b) {
    for (let i = at + 2; i < end; i += 1)
      if ((raw[i] as number) >= 0x40 && (raw[i] as number) <= 0x7e) return i + 1;
    return 0;
  }
  if (kind === 0x5d || kind === 0x50 || kind === 0x58 || kind === 0x5e || kind === 0x5f) {
    for (let i = at + 2; i < end; i += 1) {
      if (raw[i] === 0x07) return i + 1;
      if (raw[i] === 0x1b && i + 1 < end && raw[i + 1] === 0x5c) return i + 2;
    }
    return 0;
  }
  if (kind >= 0x20 && kind <= 0x2f) return at + 2 < end ? at + 3 : 0;
  return at + 2;
}

/** Terminal output: colours, cursor moves and titles are not part of the text, but stay where they are. */
export const terminalView: TextView = {
  encode: (text) => utf8.encode(text),
  reader: () => {
    const visible = new Uint8Array(4);
    const reader: UnitReader = {
      visible,
      count: 0,
      read(raw, at, end, final) {
        const byte = raw[at] as number;
        reader.count = 0;
        if (byte === 0x1b) {
          const stop = sequenceEnd(raw, at, end);
          if (stop > 0) return stop - at;
          if (!final && end - at < LONGEST_SEQUENCE) return 0;
        } else if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return 1;
        visible[0] = byte;
        reader.count = 1;
        return 1;
      },
    };
    return reader;
  },
};
