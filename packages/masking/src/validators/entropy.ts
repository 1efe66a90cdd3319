import type { View } from '../scan/view.ts';

/** Shannon entropy of the bytes in bits per byte. */
export function entropy(view: View, start: number, end: number): number {
  const counts = new Uint32Array(256);
  for (let i = start; i < end; i += 1) counts[view.at(i)]! += 1;
  let bits = 0;
  const n = end - start;
  for (const count of counts) if (count > 0) bits -= (count / n) * Math.log2(count / n);
  return bits;
}

/**
 * Whether a token's body looks drawn at random rather than typed by hand for a manual: no long run of one
 * character, no counting up (`12345678`, `abcdefgh`), no EXAMPLE inside, and enough different characters.
 */
export function looksRandom(view: View, start: number, end: number): boolean {
  let same = 1;
  let rising = 1;
  const seen = new Uint8Array(256);
  let distinct = 0;
  for (let i = start; i < end && i < start + 512; i += 1) {
    const byte = view.at(i);
    if (seen[byte] === 0) {
      seen[byte] = 1;
      distinct += 1;
    }
    const previous = i === start ? -1 : view.at(i - 1);
    same = byte === previous ? same + 1 : 1;
    rising = byte === previous + 1 ? rising + 1 : 1;
    if (same >= 6 || rising >= 7) return false;
    if ((byte === 0x45 || byte === 0x65) && view.hasFolded(EXAMPLE, i)) return false;
  }
  return distinct >= Math.min(8, (end - start) / 2);
}

const EXAMPLE = Uint8Array.from('example', (c) => c.charCodeAt(0));
