import { ean13, isDate, isRepeated, luhn, mod97, mod1110, verhoeff, weighted } from './checksums.ts';

/** National identifiers. Each takes the identifier without separators, letters in capitals. */

const n = (text: string, from: number, to: number): number => Number(text.slice(from, to));

/** SSA: no area 000, 666 or 9xx, no group 00, no serial 0000; and not one of those printed in manuals. */
export function isUsSsn(id: string): boolean {
  if (!/^(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}$/.test(id)) return false;
  return !isRepeated(id) && !['078051120', '219099999', '123456789', '457555462', '987654321'].includes(id);
}

/** IRS: 9xx, fourth and fifth digits 50-65, 70-88, 90-92, 94-99. */
export const isUsItin = (id: string): boolean => /^9\d{2}(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])\d{4}$/.test(id);

export const isUsEin = (id: string): boolean =>
  /^(?:0[1-6]|1[0-6]|2[0-7]|3[0-9]|4[0-8]|5[0-9]|6[0-8]|7[1-7]|8[0-8]|9[0-58-9])\d{7}$/.test(id) &&
  !isRepeated(id);

export const isCaSin = (id: string): boolean => /^[1-79]\d{8}$/.test(id) && luhn(id) && !isRepeated(id);

/** HMRC NIM39110. */
export const isUkNino = (id: string): boolean =>
  /^(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]$/.test(id) &&
  !/^[A-Z]{2}(?:123456|(\d)\1{5})/.test(id);

export function isUkNhs(id: string): boolean {
  if (!/^\d{10}$/.test(id) || isRepeated(id)) return false;
  const check = 11 - (weighted(id, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11);
  return check !== 10 && (check === 11 ? 0 : check) === n(id, 9, 10);
}

/** One digit appears two or three times among the first ten, and the rest once at most. */
export function isDeSteuerId(id: string): boolean {
  return (
    /^[1-9]\d{10}$/.test(id) &&
    new Set(id.slice(0, 10)).size >= 7 &&
    new Set(id.slice(0, 10)).size <= 9 &&
    mod1110(id)
  );
}

export function isFrNir(id: string): boolean {
  if (!/^[1-478]\d{2}(?:0[1-9]|1[0-2]|[2-9]\d)(?:\d{2}|2[AB])\d{8}$/.test(id)) return false;
  const body = id.slice(0, 13).replace('2A', '19').replace('2B', '18');
  return 97 - mod97(body) === n(id, 13, 15);
}

const DNI_LETTERS = 'TRWAGMYFPDXBNJZSQVHLCKE';

export function isEsDni(id: string): boolean {
  if (!/^[XYZ]?\d{7,8}[A-Z]$/.test(id) || id.length !== 9) return false;
  const body = id.slice(0, 8).replace('X', '0').replace('Y', '1').replace('Z', '2');
  return !isRepeated(id.slice(1, 8)) && body !== '12345678' && DNI_LETTERS[Number(body) % 23] === id[8];
}

const CF_ODD: Readonly<Record<string, number>> = Object.fromEntries(
  [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'].map((c, i) => [
    c,
    [
      1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14,
      16, 10, 22, 25, 24, 23,
    ][i] as number,
  ]),
);

export function isItCodiceFiscale(id: string): boolean {
  if (!/^[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]$/.test(id))
    return false;
  let sum = 0;
  for (let i = 0; i < 15; i += 1) {
    const c = id[i] as string;
    sum += i % 2 === 0 ? (CF_ODD[c] as number) : c < 'A' ? Number(c) : c.charCodeAt(0) - 65;
  }
  return String.fromCharCode(65 + (sum % 26)) === id[15];
}

export function isPlPesel(id: string): boolean {
  if (!/^\d{11}$/.test(id) || !isDate(n(id, 0, 2), n(id, 2, 4) % 20, n(id, 4, 6))) return false;
  return (10 - (weighted(id, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)) % 10 === n(id, 10, 11);
}

export function isBrCpf(id: string): boolean {
  if (!/^\d{11}$/.test(id) || isRepeated(id)) return false;
  const check = (length: number) => {
    const rest =
      weighted(
        id,
        Array.from({ length }, (_, i) => length + 1 - i),
      ) % 11;
    return rest < 2 ? 0 : 11 - rest;
  };
  return check(9) === n(id, 9, 10) && check(10) === n(id, 10, 11);
}

export function isBrCnpj(id: string): boolean {
  if (!/^\d{14}$/.test(id) || isRepeated(id)) return false;
  const check = (weights: number[]) => {
    const rest = weighted(id, weights) % 11;
    return rest < 2 ? 0 : 11 - rest;
  };
  const first = [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
  return check(first) === n(id, 12, 13) && check([6, ...first]) === n(id, 13, 14);
}

export const isInAadhaar = (id: string): boolean =>
  /^[2-9]\d{11}$/.test(id) && verhoeff(id) && !isRepeated(id);

/** The fourth letter says what kind of holder it is. */
export const isInPan = (id: string): boolean => /^[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]$/.test(id);

export const isAuTfn = (id: string): boolean =>
  /^\d{9}$/.test(id) && !isRepeated(id) && weighted(id, [1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 === 0;

export const isAuMedicare = (id: string): boolean =>
  /^[2-6]\d{9,10}$/.test(id) && weighted(id, [1, 3, 7, 9, 1, 3, 7, 9]) % 10 === n(id, 8, 9);

export const isNlBsn = (id: string): boolean =>
  /^\d{8,9}$/.test(id) &&
  !isRepeated(id) &&
  weighted(id.padStart(9, '0'), [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0;

export function isSePersonnummer(id: string): boolean {
  const short = id.length === 12 ? id.slice(2) : id;
  if (!/^\d{10}$/.test(short)) return false;
  const day = n(short, 4, 6);
  return isDate(2000, n(short, 2, 4), day > 60 ? day - 60 : day) && luhn(short);
}

export function isJpMyNumber(id: string): boolean {
  if (!/^\d{12}$/.test(id) || isRepeated(id)) return false;
  const rest = weighted(id, [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
  return (rest <= 1 ? 0 : 11 - rest) === n(id, 11, 12);
}

/** The check digit is no longer filled in for numbers issued since October 2020, so date and century digit decide. */
export const isKrRrn = (id: string): boolean =>
  /^\d{6}[1-8]\d{6}$/.test(id) && isDate(2000, n(id, 2, 4), n(id, 4, 6));

export function isCnResidentId(id: string): boolean {
  if (!/^[1-9]\d{16}[\dX]$/.test(id)) return false;
  const year = n(id, 6, 10);
  if (year < 1900 || year > 2099 || !isDate(year, n(id, 10, 12), n(id, 12, 14))) return false;
  return '10X98765432'[weighted(id, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11] === id[17];
}

export function isTrTckn(id: string): boolean {
  if (!/^[1-9]\d{10}$/.test(id) || isRepeated(id)) return false;
  const odd = weighted(id, [1, 0, 1, 0, 1, 0, 1, 0, 1]);
  const even = weighted(id, [0, 1, 0, 1, 0, 1, 0, 1]);
  if ((((odd * 7 - even) % 10) + 10) % 10 !== n(id, 9, 10)) return false;
  return weighted(id, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]) % 10 === n(id, 10, 11);
}

export function isFiHetu(id: string): boolean {
  if (!/^\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]$/.test(id) || !isDate(2000, n(id, 2, 4), n(id, 0, 2)))
    return false;
  return '0123456789ABCDEFHJKLMNPRSTUVWXY'[Number(id.slice(0, 6) + id.slice(7, 10)) % 31] === id[10];
}

export const isDkCpr = (id: string): boolean => /^\d{10}$/.test(id) && isDate(2000, n(id, 2, 4), n(id, 0, 2));

export function isNoFnr(id: string): boolean {
  if (!/^\d{11}$/.test(id)) return false;
  const day = n(id, 0, 2);
  if (!isDate(2000, n(id, 2, 4) % 40, day > 40 ? day - 40 : day)) return false;
  const first = (11 - (weighted(id, [3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11)) % 11;
  const second = (11 - (weighted(id, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11)) % 11;
  return first === n(id, 9, 10) && second === n(id, 10, 11);
}

export function isBeNational(id: string): boolean {
  if (!/^\d{11}$/.test(id) || n(id, 2, 4) > 12) return false;
  const check = n(id, 9, 11);
  return 97 - (n(id, 0, 9) % 97) === check || 97 - (Number(`2${id.slice(0, 9)}`) % 97) === check;
}

export const isChAhv = (id: string): boolean => id.startsWith('756') && ean13(id);

const CURP_ALPHABET = '0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ';

export function isMxCurp(id: string): boolean {
  if (!/^[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}[0-9A-Z]\d$/.test(id)) return false;
  let sum = 0;
  for (let i = 0; i < 17; i += 1) sum += CURP_ALPHABET.indexOf(id[i] as string) * (18 - i);
  return (10 - (sum % 10)) % 10 === n(id, 17, 18);
}

export function isSgNric(id: string): boolean {
  if (!/^[STFGM]\d{7}[A-Z]$/.test(id)) return false;
  const prefix = id[0] as string;
  const sum =
    weighted(id.slice(1), [2, 7, 6, 5, 4, 3, 2]) +
    (prefix === 'T' || prefix === 'G' ? 4 : prefix === 'M' ? 3 : 0);
  const letters =
    prefix === 'S' || prefix === 'T' ? 'JZIHGFEDCBA' : prefix === 'M' ? 'KLJNPQRTUWX' : 'XWUTRQPNMLK';
  return letters[prefix === 'M' ? 10 - (sum % 11) : sum % 11] === id[8];
}

export const isZaId = (id: string): boolean =>
  /^\d{10}[01][89]\d$/.test(id) && isDate(2000, n(id, 2, 4), n(id, 4, 6)) && luhn(id);

export function isPtNif(id: string): boolean {
  if (!/^[1-35689]\d{8}$/.test(id)) return false;
  const rest = weighted(id, [9, 8, 7, 6, 5, 4, 3, 2]) % 11;
  return (rest < 2 ? 0 : 11 - rest) === n(id, 8, 9);
}

export function isIePps(id: string): boolean {
  if (!/^\d{7}[A-W][A-IW]?$/.test(id)) return false;
  const extra = id.length === 9 && id[8] !== 'W' ? id.charCodeAt(8) - 64 : 0;
  const rest = (weighted(id, [8, 7, 6, 5, 4, 3, 2]) + extra * 9) % 23;
  return (rest === 0 ? 'W' : String.fromCharCode(64 + rest)) === id[7];
}

/** ABA: the routing number's checksum and the ranges in use. */
export const isUsRouting = (id: string): boolean =>
  /^(?:0\d|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2]|80)\d{7}$/.test(id) &&
  weighted(id, [3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 === 0;
