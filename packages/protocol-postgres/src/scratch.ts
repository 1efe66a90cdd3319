import type { Scratch } from '@scrim/protocol-kit';

/** Below this many bytes a loop beats the call into native code. */
const SMALL = 48;

/** Copies a stretch, short or long. */
export function copyBytes(source: Buffer, from: number, to: number, target: Buffer, at: number): void {
  if (to - from > SMALL) {
    source.copy(target, at, from, to);
    return;
  }
  let out = at;
  for (let i = from; i < to; i++) target[out++] = source[i] as number;
}

/** Appends a value and a line break behind it; returns the new length. */
export function gatherValue(
  into: Scratch,
  length: number,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  const after = length + end - start + 1;
  if (after > into.bytes.length) {
    const grown = Buffer.allocUnsafe(Math.max(after, into.bytes.length * 2));
    into.bytes.copy(grown, 0, 0, length);
    into.bytes = grown;
  }
  copyBytes(bytes, start, end, into.bytes, length);
  into.bytes[after - 1] = 0x0a;
  return after;
}

/** Big-endian, without the checks of `readInt32BE`: for loops over every value of every row. */
export function int32(bytes: Buffer, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}
