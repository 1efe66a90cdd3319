import type { ClientChannel } from 'ssh2';
import { SshReader, string, uint32 } from '../ssh-bytes.ts';
import { type Packet, PacketFramer, packet, STATUS, TYPE } from './packets.ts';

/** Requests under way at once; more wait. */
const MAX_UNDER_WAY = 128;
const VERSION = 3;

/** The target answered with a status. */
export class SftpStatus extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`status ${code}`);
    this.code = code;
  }
}

/** Extensions the edge passes on, where the target has them; what it does not know is never offered. */
const EXTENSIONS: ReadonlySet<string> = new Set([
  'posix-rename@openssh.com',
  'statvfs@openssh.com',
  'fstatvfs@openssh.com',
  'hardlink@openssh.com',
  'fsync@openssh.com',
  'lsetstat@openssh.com',
  'expand-path@openssh.com',
]);

/** The edge as an SFTP client of the target: requests by number, answers as they come. */
export class SftpTarget {
  readonly #channel: ClientChannel;
  readonly #framer = new PacketFramer();
  readonly #waiting = new Map<
    number,
    { resolve: (answer: Packet) => void; reject: (error: Error) => void }
  >();
  readonly #room: (() => void)[] = [];
  /** Names with their data. */
  readonly extensions = new Map<string, Buffer>();
  #next = 1;
  #version: ((packet: Packet) => void) | undefined;
  #gone: Error | undefined;

  private constructor(channel: ClientChannel) {
    this.#channel = channel;
    channel.on('data', (chunk: Buffer) => this.#received(chunk));
    // What an SFTP server writes beside its answers is for the log of who runs it, not for callers.
    channel.stderr.resume();
    channel.on('error', () => undefined);
    channel.on('close', () => this.#ended(new Error('the target closed the channel')));
  }

  /** Agrees on version 3. Throws an Error when the target speaks no SFTP. */
  static async open(channel: ClientChannel): Promise<SftpTarget> {
    const target = new SftpTarget(channel);
    const answered = new Promise<Packet>((resolve, reject) => {
      target.#version = resolve;
      channel.on('close', () => reject(new Error('the target closed the channel')));
    });
    channel.write(packet(TYPE.init, uint32(VERSION)));
    const { body } = await answered;
    const reader = new SshReader(body);
    if (reader.uint32() < VERSION) throw new Error('the target speaks an older SFTP');
    while (reader.left > 0) {
      const name = reader.text();
      const data = reader.string();
      if (EXTENSIONS.has(name)) target.extensions.set(name, data);
    }
    return target;
  }

  /** Sends a request and gives its answer, whatever that is. Rejects when the channel goes. */
  async request(type: number, ...parts: readonly Uint8Array[]): Promise<Packet> {
    if (this.#gone) throw this.#gone;
    if (this.#waiting.size >= MAX_UNDER_WAY) {
      await new Promise<void>((resolve) => this.#room.push(resolve));
      if (this.#gone) throw this.#gone;
    }
    const id = this.#next++ >>> 0;
    const answered = new Promise<Packet>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    if (!this.#channel.write(packet(type, uint32(id), ...parts))) {
      await new Promise<void>((resolve) => this.#channel.once('drain', resolve));
    }
    return await answered;
  }

  /** The same, where only one kind of answer will do. Throws an SftpStatus for a status. */
  async expect(wanted: number, type: number, ...parts: readonly Uint8Array[]): Promise<SshReader> {
    const answer = await this.request(type, ...parts);
    if (answer.type === TYPE.status) throw new SftpStatus(new SshReader(answer.body, 4).uint32());
    if (answer.type !== wanted) throw new SftpStatus(STATUS.badMessage);
    return new SshReader(answer.body, 4);
  }

  /** The path as the target resolves it, symbolic links followed. Throws an SftpStatus. */
  async realpath(path: Uint8Array): Promise<Buffer> {
    const reader = await this.expect(TYPE.name, TYPE.realpath, string(path));
    if (reader.uint32() !== 1) throw new SftpStatus(STATUS.badMessage);
    return reader.string();
  }

  close(): void {
    this.#channel.close();
  }

  #received(chunk: Buffer): void {
    try {
      for (const answer of this.#framer.push(chunk)) {
        if (answer.type === TYPE.version) {
          this.#version?.(answer);
          continue;
        }
        const id = answer.body.readUInt32BE(0);
        const waiting = this.#waiting.get(id);
        if (!waiting) throw new RangeError('the target answered what nobody asked');
        this.#waiting.delete(id);
        waiting.resolve(answer);
        this.#room.shift()?.();
      }
    } catch (error) {
      this.#ended(error as Error);
      this.#channel.close();
    }
  }

  #ended(error: Error): void {
    this.#gone ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    for (const room of this.#room.splice(0)) room();
  }
}
