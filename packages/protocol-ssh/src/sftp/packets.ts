/** SFTP version 3 (draft-ietf-secsh-filexfer-02), as OpenSSH speaks it. */
import { type SshReader, string, uint32 } from '../ssh-bytes.ts';

export const TYPE = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attrs: 105,
  extended: 200,
  extendedReply: 201,
} as const;

export const STATUS = {
  ok: 0,
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  unsupported: 8,
} as const;

/** What servers say of each status; the target's own texts may quote what a caller shall not read. */
const WORDS: Readonly<Record<number, string>> = {
  0: 'Success',
  1: 'End of file',
  2: 'No such file',
  3: 'Permission denied',
  4: 'Failure',
  5: 'Bad message',
  6: 'No connection',
  7: 'Connection lost',
  8: 'Operation unsupported',
};

/** Open flags. */
export const FLAG = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const;

/** Which parts attributes hold. */
const ATTR = { size: 1, owner: 2, permissions: 4, times: 8, extended: 0x80000000 } as const;

/** Largest packet OpenSSH takes. */
export const MAX_PACKET = 256 * 1024;

export interface Packet {
  readonly type: number;
  /** Everything behind the type; requests and answers begin with their number. */
  readonly body: Buffer;
}

/** Cuts a stream into packets. Throws a RangeError for one that is too long. */
export class PacketFramer {
  #pieces: Buffer[] = [];
  #held = 0;

  get held(): number {
    return this.#held;
  }

  push(chunk: Buffer): Packet[] {
    this.#pieces.push(chunk);
    this.#held += chunk.length;
    const packets: Packet[] = [];
    while (this.#held >= 5) {
      // Joined only when a packet needs it: one large write arrives in many chunks.
      const head = this.#join(5);
      const length = head.readUInt32BE(0);
      if (length < 1 || length > MAX_PACKET) throw new RangeError('an SFTP packet has an impossible length');
      if (this.#held < 4 + length) break;
      const whole = this.#join(4 + length);
      packets.push({ type: whole[4] as number, body: whole.subarray(5, 4 + length) });
      this.#pieces[0] = whole.subarray(4 + length);
      this.#held -= 4 + length;
      if (this.#pieces[0].length === 0) this.#pieces.shift();
    }
    return packets;
  }

  /** The first piece, with at least `length` bytes in it. */
  #join(length: number): Buffer {
    const [first] = this.#pieces;
    if (first && first.length >= length) return first;
    const whole = Buffer.concat(this.#pieces);
    this.#pieces = [whole];
    return whole;
  }
}

export function packet(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 1);
  return Buffer.concat([uint32(length), Buffer.from([type]), ...parts]);
}

export function status(id: number, code: number, text = WORDS[code] ?? 'Failure'): Buffer {
  return packet(TYPE.status, uint32(id), uint32(code), string(text), string('en'));
}

export interface Attributes {
  readonly size?: bigint;
  readonly permissions?: number;
  readonly mtime?: number;
  /** Where in the packet the size stands, to be replaced. */
  readonly sizeAt?: number;
}

/** Reads attributes and leaves the reader behind them. */
export function readAttributes(reader: SshReader): Attributes {
  const flags = reader.uint32();
  const sizeAt = reader.at;
  const size = flags & ATTR.size ? reader.uint64() : undefined;
  if (flags & ATTR.owner) {
    reader.uint32();
    reader.uint32();
  }
  const permissions = flags & ATTR.permissions ? reader.uint32() : undefined;
  let mtime: number | undefined;
  if (flags & ATTR.times) {
    reader.uint32();
    mtime = reader.uint32();
  }
  if (flags & ATTR.extended) {
    for (let count = reader.uint32(); count > 0; count--) {
      reader.string();
      reader.string();
    }
  }
  return {
    ...(size === undefined ? {} : { size, sizeAt }),
    ...(permissions === undefined ? {} : { permissions }),
    ...(mtime === undefined ? {} : { mtime }),
  };
}

const TYPE_MASK = 0o170000;
const REGULAR = 0o100000;

export function isRegular({ permissions }: Attributes): boolean {
  return permissions !== undefined && (permissions & TYPE_MASK) === REGULAR;
}
