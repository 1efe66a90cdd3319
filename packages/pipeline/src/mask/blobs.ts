import type { Piece } from '@scrim/protocol-kit';

/** Lanes times channels remembered at once; one forgotten counts its run anew. */
const MOST = 4_096;

/** Bytes base64 and base64url are written in (RFC 4648). */
const BASE64 = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_') {
  BASE64[char.charCodeAt(0)] = 1;
}

/** Measures the longest base64-like run of texts that flow, over the borders of their pieces. */
export class Blobs {
  readonly #open = new Map<string, number>();

  forget(lane: number): void {
    for (const key of this.#open.keys()) if (key.startsWith(`${lane}/`)) this.#open.delete(key);
  }

  /** Bytes of the longest run that ends in this piece or goes on after it. */
  of(lane: number, { channel, bytes, last }: Piece): number {
    const key = `${lane}/${channel}`;
    let run = this.#open.get(key) ?? 0;
    let longest = run;
    for (let at = 0; at < bytes.length; at++) {
      run = BASE64[bytes[at] as number] === 1 ? run + 1 : 0;
      if (run > longest) longest = run;
    }
    this.#open.delete(key);
    if (!last && run > 0) this.#open.set(key, run);
    if (this.#open.size > MOST) this.#open.delete(this.#open.keys().next().value as string);
    return longest;
  }
}
