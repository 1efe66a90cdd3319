/**
 * How a session's texts are recorded: frames of one byte of kind, four of length, and the bytes. `o` is standard output
 * or the terminal, `e` standard error, `r` a new size of the terminal as `COLSxROWS`, `f` a file's content, `n` names of files.
 */
export type FrameKind = 'o' | 'e' | 'r' | 'f' | 'n';

const HEAD = 5;

export function frame(kind: FrameKind, bytes: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(HEAD + bytes.length);
  out[0] = kind.charCodeAt(0);
  out.writeUInt32BE(bytes.length, 1);
  out.set(bytes, HEAD);
  return out;
}

/** The bytes inside one frame. */
export function content(framed: Uint8Array): Buffer {
  return Buffer.from(framed.buffer, framed.byteOffset + HEAD, framed.byteLength - HEAD);
}

/** Frames one after the other. Throws a RangeError when the last one is cut. */
export function* frames(bytes: Uint8Array): Generator<{ kind: string; bytes: Buffer }> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < buffer.length; ) {
    const end = at + HEAD + buffer.readUInt32BE(at + 1);
    if (end > buffer.length) throw new RangeError('a recorded frame is cut');
    yield { kind: String.fromCharCode(buffer[at] as number), bytes: buffer.subarray(at + HEAD, end) };
    at = end;
  }
}
