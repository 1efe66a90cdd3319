import { expect, test } from '@jest/globals';
import { decodeBase64 } from './base64.ts';
import { isCardNumber } from './card.ts';
import { ean13, luhn, mod97, mod1110, verhoeff } from './checksums.ts';
import { base62Crc, crc32 } from './crc32.ts';
import { isIban } from './iban.ts';
import * as national from './national.ts';

test('checksums agree with published vectors', () => {
  expect(luhn('79927398713')).toBe(true);
  expect(luhn('79927398710')).toBe(false);
  expect(mod97('3214282912345698765432161182')).toBe(1);
  expect(verhoeff('2363')).toBe(true);
  expect(verhoeff('2364')).toBe(false);
  expect(mod1110('86095742719')).toBe(true);
  expect(ean13('4006381333931')).toBe(true);
  expect(crc32('123456789')).toBe(0xcbf43926);
  expect(base62Crc('')).toBe('000000');
});

test('base64 in both alphabets', () => {
  expect(decodeBase64('aGk_aGk-')).toBe(decodeBase64('aGk/aGk+'));
  expect(decodeBase64('a')).toBeNull();
  expect(decodeBase64('not base64!')).toBeNull();
});

test('cards need an issuer, a length and the check digit', () => {
  for (const card of [
    '4111111111111111',
    '5555555555554444',
    '378282246310005',
    '6011111111111117',
    '3530111333300000',
  ])
    expect(isCardNumber(card)).toBe(true);
  for (const other of ['4111111111111112', '1111111111111117', '411111111111111', '0000000000000000'])
    expect(isCardNumber(other)).toBe(false);
});

test('IBANs from the registry', () => {
  for (const iban of [
    'DE89370400440532013000',
    'GB29NWBK60161331926819',
    'FR1420041010050500013M02606',
    'NO9386011117947',
  ])
    expect(isIban(iban)).toBe(true);
  expect(isIban('DE89370400440532013001')).toBe(false);
  expect(isIban('DE8937040044053201300')).toBe(false);
});

const VALID: readonly (readonly [keyof typeof national, string, string])[] = [
  ['isUsSsn', '536228411', '666228411'],
  ['isCaSin', '130692544', '130692545'],
  ['isUkNino', 'AB473159C', 'BG473159C'],
  ['isUkNhs', '9434765919', '9434765918'],
  ['isDeSteuerId', '86095742719', '86095742718'],
  ['isFrNir', '255081416802538', '255081416802539'],
  ['isItCodiceFiscale', 'RSSMRA85T10A562S', 'RSSMRA85T10A562T'],
  ['isPlPesel', '44051401359', '44051401358'],
  ['isBrCpf', '52998224725', '52998224726'],
  ['isBrCnpj', '11222333000181', '11222333000182'],
  ['isInAadhaar', '234123412346', '234123412345'],
  ['isAuTfn', '123456782', '123456783'],
  ['isNlBsn', '111222333', '111222334'],
  ['isSePersonnummer', '8112189876', '8112189875'],
  ['isJpMyNumber', '123456789018', '123456789019'],
  ['isCnResidentId', '11010519491231002X', '110105194912310021'],
  ['isTrTckn', '10000000146', '10000000147'],
  ['isFiHetu', '131052-308T', '131052-308U'],
  ['isNoFnr', '15076500565', '15076500566'],
  ['isBeNational', '93051822361', '93051822362'],
  ['isChAhv', '7569217076985', '7569217076984'],
  ['isMxCurp', 'HEGG560427MVZRRL04', 'HEGG560427MVZRRL05'],
  ['isZaId', '8001015009087', '8001015009088'],
  ['isPtNif', '501442600', '501442601'],
  ['isIePps', '1234567T', '1234567A'],
  ['isUsRouting', '021000021', '021000022'],
];

const checks: ReadonlyMap<string, (id: string) => boolean> = new Map(Object.entries(national));

test.each(VALID)('%s takes %s and not %s', (name, good, bad) => {
  expect(checks.get(name)?.(good)).toBe(true);
  expect(checks.get(name)?.(bad)).toBe(false);
});
