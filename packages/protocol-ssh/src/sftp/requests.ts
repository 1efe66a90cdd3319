import { posix } from 'node:path';
import { refuse } from '@scrim/model';
import { SshReader, string, uint32, uint64 } from '../ssh-bytes.ts';
import { limitsReply, type Question, type SftpChannel } from './channel.ts';
import type { MaskedCopy } from './copies.ts';
import { type Opened, openMasked } from './masked-file.ts';
import { type Attributes, FLAG, isRegular, packet, readAttributes, STATUS, status, TYPE } from './packets.ts';
import { followed, placed, type ResolvedPath } from './paths.ts';
import { SftpStatus, type SftpTarget } from './target.ts';

type Handle =
  | { readonly kind: 'copy'; readonly path: string; readonly copy: MaskedCopy; readonly attributes: Buffer }
  | { readonly kind: 'opaque'; readonly path: string; readonly remote: Buffer; readonly why: string }
  | { readonly kind: 'write'; readonly path: string; readonly remote: Buffer; refused: boolean }
  | { readonly kind: 'folder'; readonly path: string; readonly remote: Buffer };

type Fail = (error: unknown) => void;

const MAX_HANDLES = 128;
/** Largest piece of one READ's answer. */
const MAX_READ = 255 * 1024;

/** Each request of a caller, from its paths to its answer. */
export class Requests {
  readonly #channel: SftpChannel;
  readonly #target: SftpTarget;
  readonly #handles = new Map<string, Handle>();
  #next = 0;

  constructor(channel: SftpChannel, target: SftpTarget) {
    this.#channel = channel;
    this.#target = target;
  }

  /** Frees the copies. */
  close(): void {
    for (const handle of this.#handles.values()) if (handle.kind === 'copy') handle.copy.free();
    this.#handles.clear();
  }

  /** Resolves once the next request may be handled. Throws an SftpStatus, RefusalError or RangeError for this one. */
  async handle(id: number, type: number, reader: SshReader, fail: Fail): Promise<void> {
    switch (type) {
      case TYPE.open:
        return await this.#open(id, reader);
      case TYPE.close:
        return this.#close(id, reader, fail);
      case TYPE.read:
        return this.#read(id, reader, fail);
      case TYPE.write:
        return await this.#write(id, reader, fail);
      case TYPE.fstat:
        return this.#fstat(id, reader, fail);
      case TYPE.stat:
      case TYPE.lstat:
        return await this.#stat(id, type, reader);
      case TYPE.setstat:
      case TYPE.fsetstat:
        return await this.#setstat(id, type, reader, fail);
      case TYPE.opendir:
        return await this.#opendir(id, reader);
      case TYPE.readdir:
        return await this.#readdir(id, reader);
      case TYPE.realpath:
      case TYPE.readlink:
        return await this.#resolve(id, type, reader);
      case TYPE.remove:
      case TYPE.rmdir:
      case TYPE.mkdir:
        return await this.#one(id, type, reader, fail);
      case TYPE.rename:
      case TYPE.symlink:
        return await this.#two(id, type, reader, fail);
      case TYPE.extended:
        return await this.#extended(id, reader, fail);
      default:
        this.#channel.send(status(id, STATUS.unsupported));
    }
  }

  /** Asks; false when the answer was no, and the caller has it. */
  async #may(id: number, question: Question): Promise<boolean> {
    const refusal = await this.#channel.ask(question);
    if (refusal) this.#channel.deny(id, refusal);
    return refusal === undefined;
  }

  /** Passes a request on and its status back, without making the next one wait. */
  #passOn(id: number, fail: Fail, type: number, ...parts: readonly Uint8Array[]): void {
    this.#target.request(type, ...parts).then((answer) => {
      // Whatever a status says in words may quote what the caller shall not read.
      const code = answer.type === TYPE.status ? answer.body.readUInt32BE(4) : STATUS.badMessage;
      this.#channel.send(status(id, code));
    }, fail);
  }

  #handle(reader: SshReader): Handle {
    const handle = this.#handles.get(reader.string().toString('latin1'));
    if (!handle) throw new SftpStatus(STATUS.failure);
    return handle;
  }

  #keep(id: number, handle: Handle): void {
    const name = `h${++this.#next}`;
    this.#handles.set(name, handle);
    this.#channel.send(packet(TYPE.handle, uint32(id), string(name)));
  }

  async #open(id: number, reader: SshReader): Promise<void> {
    const given = reader.string();
    const flags = reader.uint32();
    const attributes = reader.rest();
    if (this.#handles.size >= MAX_HANDLES) throw refuse('SCRIM_LIMIT', { message: 'too many open files' });
    const path = await followed(this.#target, given);
    const reads = (flags & FLAG.read) !== 0;
    const writes = (flags & ~FLAG.read) !== 0;
    if (reads && writes) {
      throw refuse('SCRIM_UNSUPPORTED', {
        message: 'a file cannot be opened for reading and writing at once',
        hint: 'read it, then write it',
      });
    }
    if (!(await this.#may(id, { operation: reads ? 'read' : 'write', paths: [path] }))) return;
    const name = path.sure ? Buffer.from(path.path) : given;
    const opened = await this.#target.expect(TYPE.handle, TYPE.open, string(name), uint32(flags), attributes);
    const remote = opened.string();
    try {
      if (path.sure) await this.#stillThere(path.path, name);
      if (reads) await this.#openToRead(id, path, remote);
      else this.#keep(id, { kind: 'write', path: path.path, remote, refused: false });
    } catch (error) {
      void this.#target.request(TYPE.close, string(remote)).catch(() => undefined);
      throw error;
    }
  }

  /** A link put in the file's place between the judgement and the opening would have been followed. */
  async #stillThere(path: string, name: Buffer): Promise<void> {
    const now = await this.#target.realpath(name);
    if (now.toString('utf8') === path) return;
    throw refuse('SCRIM_GUARD_BLOCKED', { message: 'the path changed its meaning while it was opened' });
  }

  async #openToRead(id: number, path: ResolvedPath, remote: Buffer): Promise<void> {
    const opened: Opened = await openMasked(this.#target, remote, this.#channel, ++this.#next + 16);
    if (opened.kind === 'masked') {
      const { copy, attributes, told } = opened;
      if (told.size !== undefined)
        this.#channel.sizes.learn(path.path, told.size, told.mtime ?? 0, copy.size);
      void this.#target.request(TYPE.close, string(remote)).catch(() => undefined);
      this.#keep(id, { kind: 'copy', path: path.path, copy, attributes });
      return;
    }
    const question = { operation: 'read', paths: [path], uninspected: opened.why } as const;
    const refusal = await this.#channel.ask(question);
    if (refusal) {
      void this.#target.request(TYPE.close, string(remote)).catch(() => undefined);
      this.#channel.deny(id, refusal);
    } else this.#keep(id, { kind: 'opaque', path: path.path, remote, why: opened.why });
  }

  #close(id: number, reader: SshReader, fail: Fail): void {
    const name = reader.string().toString('latin1');
    const handle = this.#handles.get(name);
    if (!handle) throw new SftpStatus(STATUS.failure);
    this.#handles.delete(name);
    if (handle.kind === 'copy') {
      handle.copy.free();
      this.#channel.send(status(id, STATUS.ok));
    } else this.#passOn(id, fail, TYPE.close, string(handle.remote));
  }

  #read(id: number, reader: SshReader, fail: Fail): void {
    const handle = this.#handle(reader);
    const offset = reader.uint64();
    const length = Math.min(reader.uint32(), MAX_READ);
    if (handle.kind === 'copy') {
      const data = handle.copy.read(offset, length);
      if (data.length === 0 && length > 0) this.#channel.send(status(id, STATUS.eof));
      else this.#channel.send(packet(TYPE.data, uint32(id), string(data)));
      return;
    }
    if (handle.kind !== 'opaque') throw new SftpStatus(STATUS.permissionDenied);
    const { why } = handle;
    this.#target
      .expect(TYPE.data, TYPE.read, string(handle.remote), uint64(offset), uint32(length))
      .then(async (answer) => {
        const data = answer.string();
        await this.#channel.opaque(data, why);
        this.#channel.send(packet(TYPE.data, uint32(id), string(data)));
      })
      .catch(fail);
  }

  async #write(id: number, reader: SshReader, fail: Fail): Promise<void> {
    const handle = this.#handle(reader);
    const offset = reader.uint64();
    const data = reader.string();
    if (handle.kind !== 'write' || handle.refused) throw new SftpStatus(STATUS.permissionDenied);
    const refusal = await this.#channel.sent(data);
    if (refusal) {
      // A file with a part missing is no file: nothing more of it is written.
      handle.refused = true;
      this.#channel.deny(id, refusal);
      return;
    }
    this.#passOn(id, fail, TYPE.write, string(handle.remote), uint64(offset), string(data));
  }

  #fstat(id: number, reader: SshReader, fail: Fail): void {
    const handle = this.#handle(reader);
    if (handle.kind === 'copy') {
      this.#channel.send(packet(TYPE.attrs, uint32(id), handle.attributes));
      return;
    }
    this.#target.expect(TYPE.attrs, TYPE.fstat, string(handle.remote)).then((answer) => {
      this.#channel.send(packet(TYPE.attrs, uint32(id), answer.rest()));
    }, fail);
  }

  async #stat(id: number, type: number, reader: SshReader): Promise<void> {
    const given = reader.string();
    const path = await (type === TYPE.stat ? followed : placed)(this.#target, given);
    if (!(await this.#may(id, { operation: 'stat', paths: [path], quiet: true }))) return;
    const answer = await this.#target.expect(TYPE.attrs, type, string(path.sure ? path.path : given));
    this.#channel.send(packet(TYPE.attrs, uint32(id), this.#seen(path.path, answer.rest())));
  }

  /** Attributes with the size the caller finds when it reads the file. */
  #seen(path: string, attributes: Buffer): Buffer {
    const told: Attributes = readAttributes(new SshReader(attributes));
    if (told.size === undefined || told.sizeAt === undefined || !isRegular(told)) return attributes;
    const masked = this.#channel.sizes.of(path, told.size, told.mtime ?? 0);
    if (masked === undefined) return attributes;
    const patched = Buffer.from(attributes);
    patched.writeBigUInt64BE(BigInt(masked), told.sizeAt);
    return patched;
  }

  async #setstat(id: number, type: number, reader: SshReader, fail: Fail): Promise<void> {
    if (type === TYPE.fsetstat) {
      const handle = this.#handle(reader);
      const attributes = reader.rest();
      if (handle.kind === 'copy') throw new SftpStatus(STATUS.permissionDenied);
      const path = { path: handle.path, sure: handle.path !== '' };
      if (!(await this.#may(id, { operation: 'setstat', paths: [path] }))) return;
      this.#passOn(id, fail, type, string(handle.remote), attributes);
      return;
    }
    const given = reader.string();
    const attributes = reader.rest();
    const path = await followed(this.#target, given);
    if (!(await this.#may(id, { operation: 'setstat', paths: [path] }))) return;
    this.#passOn(id, fail, type, string(path.sure ? path.path : given), attributes);
  }

  async #opendir(id: number, reader: SshReader): Promise<void> {
    const given = reader.string();
    if (this.#handles.size >= MAX_HANDLES) throw refuse('SCRIM_LIMIT', { message: 'too many open files' });
    const path = await followed(this.#target, given);
    if (!(await this.#may(id, { operation: 'list', paths: [path] }))) return;
    const answer = await this.#target.expect(
      TYPE.handle,
      TYPE.opendir,
      string(path.sure ? path.path : given),
    );
    this.#keep(id, { kind: 'folder', path: path.path, remote: answer.string() });
  }

  async #readdir(id: number, reader: SshReader): Promise<void> {
    const handle = this.#handle(reader);
    if (handle.kind !== 'folder') throw new SftpStatus(STATUS.failure);
    await this.#names(id, await this.#target.expect(TYPE.name, TYPE.readdir, string(handle.remote)));
  }

  async #resolve(id: number, type: number, reader: SshReader): Promise<void> {
    const given = reader.string();
    const path = await (type === TYPE.realpath ? followed : placed)(this.#target, given);
    if (!(await this.#may(id, { operation: 'stat', paths: [path], quiet: true }))) return;
    await this.#names(id, await this.#target.expect(TYPE.name, type, string(given)));
  }

  /** Names of files are masked like any text; each byte keeps its place, whatever its encoding. */
  async #names(id: number, answer: SshReader): Promise<void> {
    const count = answer.uint32();
    const values: string[] = [];
    const attributes: Buffer[] = [];
    const whole = answer.rest();
    const reader = new SshReader(whole);
    for (let i = 0; i < count; i++) {
      values.push(reader.string().toString('latin1'), reader.string().toString('latin1'));
      const from = reader.at;
      readAttributes(reader);
      attributes.push(whole.subarray(from, reader.at));
    }
    const shown = await this.#channel.names(values);
    const parts = attributes.flatMap((bytes, index) => [
      string(nameBytes(shown[2 * index] as string)),
      string(nameBytes(shown[2 * index + 1] as string)),
      bytes,
    ]);
    this.#channel.send(packet(TYPE.name, uint32(id), uint32(count), ...parts));
  }

  async #one(id: number, type: number, reader: SshReader, fail: Fail): Promise<void> {
    const given = reader.string();
    const rest = reader.rest();
    const path = await placed(this.#target, given);
    const operation = type === TYPE.remove ? 'remove' : type === TYPE.rmdir ? 'rmdir' : 'mkdir';
    if (!(await this.#may(id, { operation, paths: [path] }))) return;
    this.#passOn(id, fail, type, string(path.sure ? path.path : given), rest);
  }

  async #two(id: number, type: number, reader: SshReader, fail: Fail): Promise<void> {
    const [first, second] = [reader.string(), reader.string()];
    if (type === TYPE.rename) {
      const paths = [await placed(this.#target, first), await placed(this.#target, second)];
      if (!(await this.#may(id, { operation: 'rename', paths }))) return;
      this.#passOn(id, fail, type, string(pathOr(paths[0], first)), string(pathOr(paths[1], second)));
      return;
    }
    // OpenSSH sends the target first, the draft the link: each is judged as either.
    const paths = [await this.#linked(first, second), await this.#linked(second, first)];
    if (!(await this.#may(id, { operation: 'link', paths: paths.flat() }))) return;
    this.#passOn(id, fail, type, string(first), string(second));
  }

  /** Where `name` is, and what it means seen from a link at `link`. */
  async #linked(name: Buffer, link: Buffer): Promise<ResolvedPath[]> {
    const text = name.toString('utf8');
    const from = posix.isAbsolute(text) ? text : posix.join(posix.dirname(link.toString('utf8')), text);
    return [await followed(this.#target, Buffer.from(from)), await placed(this.#target, name)];
  }

  async #extended(id: number, reader: SshReader, fail: Fail): Promise<void> {
    const name = reader.text();
    if (name === 'limits@openssh.com') {
      this.#channel.send(limitsReply(id));
      return;
    }
    if (!this.#target.extensions.has(name)) throw new SftpStatus(STATUS.unsupported);
    switch (name) {
      case 'fsync@openssh.com':
      case 'fstatvfs@openssh.com':
        return this.#onHandle(id, name, reader, fail);
      case 'posix-rename@openssh.com':
      case 'hardlink@openssh.com':
        return await this.#onTwo(id, name, reader, fail);
      default:
        return await this.#onPath(id, name, reader, fail);
    }
  }

  #onHandle(id: number, name: string, reader: SshReader, fail: Fail): void {
    const handle = this.#handle(reader);
    if (handle.kind === 'copy') throw new SftpStatus(STATUS.unsupported);
    if (name === 'fsync@openssh.com')
      this.#passOn(id, fail, TYPE.extended, string(name), string(handle.remote));
    else this.#numbers(id, name, handle.remote, fail);
  }

  async #onTwo(id: number, name: string, reader: SshReader, fail: Fail): Promise<void> {
    const [first, second] = [reader.string(), reader.string()];
    const hard = name === 'hardlink@openssh.com';
    const paths = [await (hard ? followed : placed)(this.#target, first), await placed(this.#target, second)];
    if (!(await this.#may(id, { operation: hard ? 'link' : 'rename', paths }))) return;
    const names = [string(pathOr(paths[0], first)), string(pathOr(paths[1], second))];
    this.#passOn(id, fail, TYPE.extended, string(name), ...names);
  }

  async #onPath(id: number, name: string, reader: SshReader, fail: Fail): Promise<void> {
    const given = reader.string();
    if (name === 'lsetstat@openssh.com') {
      const attributes = reader.rest();
      const path = await placed(this.#target, given);
      if (!(await this.#may(id, { operation: 'setstat', paths: [path] }))) return;
      this.#passOn(id, fail, TYPE.extended, string(name), string(pathOr(path, given)), attributes);
      return;
    }
    if (name === 'expand-path@openssh.com') {
      await this.#names(id, await this.#target.expect(TYPE.name, TYPE.extended, string(name), string(given)));
      return;
    }
    const path = await followed(this.#target, given);
    if (!(await this.#may(id, { operation: 'stat', paths: [path], quiet: true }))) return;
    this.#numbers(id, name, Buffer.from(pathOr(path, given)), fail);
  }

  /** Free space and the like: numbers, no text. */
  #numbers(id: number, name: string, argument: Buffer, fail: Fail): void {
    this.#target.expect(TYPE.extendedReply, TYPE.extended, string(name), string(argument)).then((answer) => {
      this.#channel.send(packet(TYPE.extendedReply, uint32(id), answer.rest()));
    }, fail);
  }
}

function pathOr(path: ResolvedPath | undefined, given: Buffer): string | Buffer {
  return path?.sure ? path.path : given;
}

/** A mask may hold letters beyond latin1; names read as latin1 never do. */
function nameBytes(name: string): Buffer {
  return Buffer.from(name, /[\u0100-\uffff]/.test(name) ? 'utf8' : 'latin1');
}
