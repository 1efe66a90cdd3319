import { refuse } from '@scrim/model';
import { SshReader, string, uint32, uint64 } from '../ssh-bytes.ts';
import type { SftpChannel } from './channel.ts';
import { MaskedCopy } from './copies.ts';
import { type Attributes, isRegular, readAttributes, STATUS, TYPE } from './packets.ts';
import { SftpStatus, type SftpTarget } from './target.ts';

/** A file opened for a caller: its masked copy, or why there can be none. */
export type Opened =
  | {
      readonly kind: 'masked';
      readonly copy: MaskedCopy;
      readonly attributes: Buffer;
      readonly told: Attributes;
    }
  | { readonly kind: 'opaque'; readonly why: string };

/** Bytes of one READ, and how many are asked for at once. */
const PIECE = 32 * 1024;
const AHEAD = 16;
/** Bytes masked at a time. */
const STEP = 256 * 1024;

/** First bytes of what is compressed or packed: text inside it would be looked at in vain. */
const PACKED = [
  '1f8b',
  '504b0304',
  '425a68',
  'fd377a585a',
  '28b52ffd',
  '377abcaf',
  '52617221',
  '04224d18',
].map((it) => Buffer.from(it, 'hex'));
/** Control characters that texts have: backspace to return, and ESC. */
const TEXT_CONTROLS: ReadonlySet<number> = new Set([8, 9, 10, 11, 12, 13, 27]);

function isBinary(pieces: readonly Buffer[]): boolean {
  const [first] = pieces;
  if (first && PACKED.some((magic) => first.subarray(0, magic.length).equals(magic))) return true;
  for (const piece of pieces) {
    for (const byte of piece) if (byte < 32 && !TEXT_CONTROLS.has(byte)) return true;
  }
  return false;
}

/** Reads the file to its end; undefined when it is longer than `limit`. Throws an SftpStatus. */
async function readWhole(target: SftpTarget, handle: Buffer, limit: number): Promise<Buffer[] | undefined> {
  const pieces: Buffer[] = [];
  let at = 0;
  for (;;) {
    const asked = Array.from({ length: AHEAD }, (_, i) => readPiece(target, handle, at + i * PIECE));
    const answers = await Promise.all(asked);
    for (const data of answers) {
      if (data === undefined) return pieces;
      pieces.push(data);
      at += data.length;
      if (at > limit) return undefined;
      // A short piece: what was asked for behind it would leave a gap.
      if (data.length < PIECE) break;
    }
  }
}

/** Undefined at the end of the file. */
async function readPiece(target: SftpTarget, handle: Buffer, at: number): Promise<Buffer | undefined> {
  try {
    const answer = await target.expect(
      TYPE.data,
      TYPE.read,
      string(handle),
      uint64(BigInt(at)),
      uint32(PIECE),
    );
    const data = answer.string();
    return data.length === 0 ? undefined : data;
  } catch (error) {
    if (error instanceof SftpStatus && error.code === STATUS.eof) return undefined;
    throw error;
  }
}

/**
 * Reads and masks an open file. Throws a RefusalError for what is no regular file, and when no more copies can be held;
 * an SftpStatus for what the target says.
 */
export async function openMasked(
  target: SftpTarget,
  handle: Buffer,
  channel: SftpChannel,
  number: number,
): Promise<Opened> {
  const attributes = (await target.expect(TYPE.attrs, TYPE.fstat, string(handle))).rest();
  const told = readAttributes(new SshReader(attributes));
  if (!isRegular(told)) {
    throw refuse('SCRIM_UNSUPPORTED', { message: 'only regular files can be read' });
  }
  const limit = channel.host.limits.maxMessage;
  const tooLong = { kind: 'opaque', why: `a file longer than ${limit} bytes` } as const;
  if (told.size !== undefined && told.size > BigInt(limit)) return tooLong;
  const pieces = await readWhole(target, handle, limit);
  if (!pieces) return tooLong;
  if (isBinary(pieces)) return { kind: 'opaque', why: 'a file that is no text' };
  const copy = new MaskedCopy();
  try {
    await mask(pieces, channel, number, copy);
  } catch (error) {
    copy.free();
    throw error;
  }
  const patched = Buffer.from(attributes);
  if (told.sizeAt !== undefined) patched.writeBigUInt64BE(BigInt(copy.size), told.sizeAt);
  return { kind: 'masked', copy, attributes: patched, told };
}

async function mask(pieces: Buffer[], channel: SftpChannel, number: number, copy: MaskedCopy): Promise<void> {
  const whole = Buffer.concat(pieces.splice(0));
  for (let at = 0; at === 0 || at < whole.length; at += STEP) {
    const shown = await channel.shown(number, whole.subarray(at, at + STEP), at + STEP >= whole.length);
    if (!copy.add(shown)) {
      throw refuse('SCRIM_LIMIT', {
        message: 'too many files are open at once',
        hint: 'try again when others are closed',
      });
    }
  }
}
