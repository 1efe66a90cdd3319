const CHARSET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

/** Whether lower-case text is Bech32 or Bech32m with a correct checksum (BIP 173, BIP 350). */
export function isBech32(text: string): boolean {
  const separator = text.lastIndexOf('1');
  if (separator < 1 || text.length - separator < 7) return false;
  const prefix = [...text.slice(0, separator)].map((c) => c.charCodeAt(0));
  const data = [...text.slice(separator + 1)].map((c) => CHARSET.indexOf(c));
  if (data.includes(-1)) return false;
  let check = 1;
  for (const value of [...prefix.map((c) => c >> 5), 0, ...prefix.map((c) => c & 31), ...data]) {
    const top = check >>> 25;
    check = ((check & 0x1ffffff) << 5) ^ value;
    for (let i = 0; i < 5; i += 1) if ((top >> i) & 1) check ^= GENERATOR[i] as number;
  }
  return check === 1 || check === 0x2bc830a3;
}
