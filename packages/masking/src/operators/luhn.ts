/** Check digit of ISO/IEC 7812-1 Annex B for the digits before it. */
export function luhnCheckDigit(payload: readonly number[]): number {
  let sum = 0;
  for (let i = payload.length - 1, double = true; i >= 0; i--, double = !double) {
    const digit = payload[i]!;
    const twice = digit * 2;
    sum += double ? (twice > 9 ? twice - 9 : twice) : digit;
  }
  return (10 - (sum % 10)) % 10;
}

/** Whether the digits, the last one included, pass the Luhn check. */
export function isLuhnValid(digits: readonly number[]): boolean {
  return digits.length > 1 && luhnCheckDigit(digits.slice(0, -1)) === digits.at(-1);
}

/** Whether a digits-only text has a payment card's length (13 to 19) and passes the Luhn check. */
export function isCardNumber(digits: string): boolean {
  return digits.length >= 13 && digits.length <= 19 && isLuhnValid(Array.from(digits, Number));
}
