/**
 * Bytes of PostgreSQL messages: type codes, the few builders the proxy needs, and cursors over bodies.
 * Source: PostgreSQL documentation, "Message Formats" (protocol-message-formats).
 */

/** Message type bytes, named by who sends them where one byte means two things. */
export const TYPE = {
  // from the caller
  query: 0x51, // Q
  parse: 0x50, // P
  bind: 0x42, // B
  describe: 0x44, // D
  execute: 0x45, // E
  close: 0x43, // C
  flush: 0x48, // H
  sync: 0x53, // S
  functionCall: 0x46, // F
  terminate: 0x58, // X
  password: 0x70, // p
  copyFail: 0x66, // f
  // both ways
  copyData: 0x64, // d
  copyDone: 0x63, // c
  // from the target
  authentication: 0x52, // R
  backendKey: 0x4b, // K
  parameterStatus: 0x53, // S
  ready: 0x5a, // Z
  rowDescription: 0x54, // T
  dataRow: 0x44, // D
  complete: 0x43, // C
  emptyQuery: 0x49, // I
  suspended: 0x73, // s
  parseDone: 0x31, // 1
  bindDone: 0x32, // 2
  closeDone: 0x33, // 3
  noData: 0x6e, // n
  parameters: 0x74, // t
  error: 0x45, // E
  notice: 0x4e, // N
  notification: 0x41, // A
  copyIn: 0x47, // G
  copyOut: 0x48, // H
  copyBoth: 0x57, // W
  functionResult: 0x56, // V
  negotiate: 0x76, // v
} as const;

export const EMPTY: Buffer = Buffer.alloc(0);

/** The peer broke the wire format. `reason` names the fault and holds none of the peer's bytes. */
export class WireFault extends Error {
  readonly reason: string;
  readonly tooLarge: boolean;

  constructor(reason: string, tooLarge = false) {
    super(reason);
    this.name = 'WireFault';
    this.reason = reason;
    this.tooLarge = tooLarge;
  }
}

/** One whole message around `body`. */
export function message(type: number, ...body: readonly Uint8Array[]): Buffer {
  let length = 4;
  for (const part of body) length += part.length;
  const out = Buffer.allocUnsafe(length + 1);
  out[0] = type;
  out.writeInt32BE(length, 1);
  let at = 5;
  for (const part of body) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function int32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeInt32BE(value | 0);
  return out;
}

/** UTF-8 text with its closing zero. A zero inside would end the string early for the reader, so it is cut there. */
export function cstring(text: string): Buffer {
  const zero = text.indexOf('\0');
  return Buffer.from(`${zero < 0 ? text : text.slice(0, zero)}\0`);
}

/** Index of the zero that ends the string at `from`; throws when the message ends first. */
export function stringEnd(bytes: Buffer, from: number, limit: number): number {
  const zero = bytes.indexOf(0, from);
  if (zero < 0 || zero >= limit) throw new WireFault('a string has no end');
  return zero;
}

/** Fields of an ErrorResponse or NoticeResponse by their one-letter codes, in the order given. */
export function report(type: number, fields: readonly (readonly [string, string])[]): Buffer {
  const parts: Buffer[] = [];
  for (const [code, value] of fields) parts.push(Buffer.from(code), cstring(value));
  parts.push(Buffer.from([0]));
  return message(type, ...parts);
}

export const AUTHENTICATION_OK: Buffer = message(TYPE.authentication, int32(0));
export const AUTHENTICATION_CLEARTEXT: Buffer = message(TYPE.authentication, int32(3));
export const SYNC: Buffer = message(TYPE.sync);
export const FLUSH: Buffer = message(TYPE.flush);
export const TERMINATE: Buffer = message(TYPE.terminate);
