import { cstring, int32, message, stringEnd, TYPE, WireFault } from './wire.ts';

/** Longest start-up packet, checked before anything is kept (PostgreSQL's MAX_STARTUP_PACKET_LENGTH). */
export const MAX_STARTUP = 10_000;
const CANCEL = 80877102;
const SSL = 80877103;
const GSS = 80877104;
/** Newest minor version of protocol 3 we speak. */
export const MINOR = 2;

/** The first packet of a connection: it has no type byte (documentation, "Message Formats"). */
export type StartupPacket =
  | { readonly kind: 'ssl' }
  | { readonly kind: 'gss' }
  | { readonly kind: 'cancel'; readonly pid: number; readonly secret: Buffer }
  | { readonly kind: 'unsupported'; readonly major: number; readonly minor: number }
  | {
      readonly kind: 'startup';
      readonly minor: number;
      readonly parameters: ReadonlyMap<string, string>;
      /** `_pq_.` options: none are known, so all are named in NegotiateProtocolVersion. */
      readonly extensions: readonly string[];
    };

/** Reads the packet behind its length. Throws {@link WireFault} for what no PostgreSQL client sends. */
export function parseStartup(body: Buffer): StartupPacket {
  if (body.length < 4) throw new WireFault('the start-up packet is too short');
  const code = body.readInt32BE(0);
  if (code === SSL && body.length === 4) return { kind: 'ssl' };
  if (code === GSS && body.length === 4) return { kind: 'gss' };
  if (code === CANCEL) {
    if (body.length < 12 || body.length > 8 + 256)
      throw new WireFault('the cancel request has a wrong length');
    return { kind: 'cancel', pid: body.readInt32BE(4), secret: Buffer.from(body.subarray(8)) };
  }
  const major = code >>> 16;
  const minor = code & 0xffff;
  // PostgreSQL takes any number for a version; far-off ones are other protocols (HTTP, SSH) knocking at our port.
  if (major === 0 || major > 1000) throw new WireFault('the first bytes are not the PostgreSQL protocol');
  if (major !== 3) return { kind: 'unsupported', major, minor };
  return { kind: 'startup', minor, ...parseParameters(body) };
}

function parseParameters(body: Buffer): { parameters: Map<string, string>; extensions: string[] } {
  const parameters = new Map<string, string>();
  const extensions: string[] = [];
  let at = 4;
  while (body[at] !== 0) {
    const nameEnd = stringEnd(body, at, body.length);
    const valueEnd = stringEnd(body, nameEnd + 1, body.length);
    const name = body.toString('utf8', at, nameEnd);
    if (name.startsWith('_pq_.')) extensions.push(name);
    else parameters.set(name, body.toString('utf8', nameEnd + 1, valueEnd));
    at = valueEnd + 1;
  }
  if (at !== body.length - 1) throw new WireFault('the start-up packet does not end where its parameters do');
  return { parameters, extensions };
}

/** NegotiateProtocolVersion: the newest version we speak and the options we do not know. */
export function negotiateVersion(extensions: readonly string[]): Buffer {
  return message(
    TYPE.negotiate,
    int32((3 << 16) | MINOR),
    int32(extensions.length),
    ...extensions.map(cstring),
  );
}

/** A start-up packet for protocol 3.0. */
export function startupPacket(parameters: ReadonlyMap<string, string>): Buffer {
  const parts: Buffer[] = [int32(3 << 16)];
  for (const [name, value] of parameters) parts.push(cstring(name), cstring(value));
  parts.push(Buffer.from([0]));
  const body = Buffer.concat(parts);
  return Buffer.concat([int32(body.length + 4), body]);
}

export const SSL_REQUEST: Buffer = Buffer.concat([int32(8), int32(SSL)]);

/** Asks a target to cancel what the session of this key runs. */
export function cancelRequest(pid: number, secret: Buffer): Buffer {
  return Buffer.concat([int32(12 + secret.length), int32(CANCEL), int32(pid), secret]);
}
