const TABLE = new Uint32Array(256);
for (let n = 0; n < 256; n += 1) {
  let c = n;
  for (let k = 0; k < 8; k += 1) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  TABLE[n] = c >>> 0;
}

/** CRC-32 as in IEEE 802.3 and zlib, of a latin1 string. */
export function crc32(text: string): number {
  let crc = 0xffffffff;
  for (let i = 0; i < text.length; i += 1)
    crc = ((TABLE[(crc ^ text.charCodeAt(i)) & 0xff] as number) ^ (crc >>> 8)) >>> 0;
  return (crc ^ 0xffffffff) >>> 0;
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The checksum GitHub and npm tokens end with: CRC-32 in base 62, six characters. */
export function base62Crc(text: string): string {
  let value = crc32(text);
  let out = '';
  for (let i = 0; i < 6; i += 1) {
    out = (BASE62[value % 62] as string) + out;
    value = Math.floor(value / 62);
  }
  return out;
}
