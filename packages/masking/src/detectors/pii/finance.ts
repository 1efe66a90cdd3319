import { byteClass, DIGIT, UPPER } from '../../scan/bytes.ts';
import type { Detector, ValueJudge, Verifier } from '../../scan/detector.ts';
import { isCardLike, isCardNumber } from '../../validators/card.ts';
import { ibanLength, isIban } from '../../validators/iban.ts';
import { isUsRouting } from '../../validators/national.ts';
import { compact, endsNumber, groupsEnd, isOtherNumber, judgeIdentifier, startsNumber } from './number.ts';

const CARD_GROUPS: readonly (readonly number[])[] = [
  [4, 4, 4, 4],
  [4, 6, 5],
  [4, 6, 4],
  [4, 4, 4, 4, 3],
];

const card: Verifier = (view, at, found) => {
  if (!view.is(DIGIT, at) || !startsNumber(view, at)) return;
  const run = view.run(DIGIT, at, 20);
  let end = -1;
  if (run - at >= 14) end = run;
  else if (run - at === 4)
    for (const groups of CARD_GROUPS) {
      const stop = groupsEnd(view, at, groups, ' -.');
      if (stop > 0 && endsNumber(view, stop)) end = stop;
    }
  if (end < 0 || !endsNumber(view, end)) return;
  const digits = compact(view, at, end);
  if (!isCardNumber(digits) || isOtherNumber(view, at)) return;
  found.add(at, end);
};

const CARD: Detector = {
  id: 'pii.card',
  group: 'pii',
  packs: ['pci', 'gdpr'],
  description: 'Payment card numbers: issuer range, length and Luhn digit',
  source: 'https://www.iso.org/standard/70484.html',
  rank: 60,
  examples: () => ({
    positive: [
      { text: 'paid with 4539 5787 6362 1486 today', value: '4539 5787 6362 1486' },
      { text: '{"pan":"5425233430109903"}', value: '5425233430109903' },
    ],
    negative: [
      'order 4539578763621486',
      '4539 5787 6362 1487',
      '0.4539578763621486',
      '1700000000000000',
      'gtin 04539578763621',
    ],
  }),
  shapes: [{ at: 'digits', verify: card }],
  keys: [
    {
      phrases: [
        'card',
        'card number',
        'cardnumber',
        'card no',
        'card num',
        'credit card',
        'creditcard',
        'credit card number',
        'debit card',
        'cc',
        'cc number',
        'ccnum',
        'cc num',
        'cc no',
        'pan',
        'payment card',
        'primary account number',
      ],
      anchors: ['card', 'cc_n', 'ccnum', 'cc n', 'pan', '"cc"', 'ccn', 'primary account'],
      judge: judgeIdentifier(isCardLike),
    },
  ],
};

const SECURITY_CODE: Detector = {
  id: 'pii.card-security-code',
  group: 'pii',
  packs: ['pci'],
  description: 'Card security codes (CVV, CVC) under a key that says so',
  source: 'https://www.pcisecuritystandards.org/document_library/',
  rank: 40,
  examples: () => ({
    positive: [{ text: '{"cvv":"731"}', value: '731' }],
    negative: ['cvv: required', 'cvv length 3'],
  }),
  keys: [
    {
      phrases: [
        'cvv',
        'cvv2',
        'cvc',
        'cvc2',
        'csc',
        'cid code',
        'security code',
        'card security code',
        'card verification value',
        'card code',
        'card cvc',
        'card cvv',
      ],
      anchors: ['cvv', 'cvc', 'csc', 'security code', 'security_code', 'securitycode', 'verification'],
      judge: judgeIdentifier((id) => /^\d{3,4}$/.test(id), 4),
    },
  ],
};

const iban: Verifier = (view, at, found) => {
  if (!view.is(UPPER, at) || !view.is(UPPER, at + 1) || !view.is(DIGIT, at + 2) || !view.is(DIGIT, at + 3))
    return;
  if (!startsNumber(view, at)) return;
  const length = ibanLength(view.text(at, at + 2));
  if (length === 0) return;
  let p = at + 4;
  let count = 4;
  while (count < length) {
    const byte = view.at(p);
    if ((byte === 0x20 || byte === 0x2d) && count % 4 === 0 && view.at(p - 1) !== byte) p += 1;
    else if (byte >= 0 && (DIGIT[byte] === 1 || UPPER[byte] === 1)) {
      p += 1;
      count += 1;
    } else return;
  }
  if (!endsNumber(view, p) || !isIban(compact(view, at, p))) return;
  found.add(at, p);
};

const IBAN: Detector = {
  id: 'pii.iban',
  group: 'pii',
  packs: ['gdpr', 'pci'],
  description: 'International bank account numbers: length by country and MOD 97-10',
  source: 'https://www.swift.com/standards/data-standards/iban-international-bank-account-number',
  rank: 60,
  examples: () => ({
    positive: [
      { text: 'IBAN: DE89 3704 0044 0532 0130 00.', value: 'DE89 3704 0044 0532 0130 00' },
      { text: 'to GB29NWBK60161331926819 now', value: 'GB29NWBK60161331926819' },
    ],
    negative: ['DE89 3704 0044 0532 0130 01', 'AB12CDEF3456GH78', 'XX00'],
  }),
  shapes: [{ at: 'capitals', verify: iban }],
  keys: [
    {
      phrases: ['iban', 'iban number', 'iban no', 'bank iban'],
      anchors: ['iban'],
      judge: judgeIdentifier((id) => isIban(id) || /^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(id), 42),
    },
  ],
};

const SWIFT: Detector = {
  id: 'pii.swift',
  group: 'pii',
  packs: ['gdpr'],
  description: 'SWIFT/BIC codes under a key that says so',
  source: 'https://www.iso.org/standard/84108.html',
  rank: 40,
  examples: () => ({
    positive: [{ text: 'BIC: DEUTDEFF500', value: 'DEUTDEFF500' }],
    negative: ['swift: language', 'BIC code unknown'],
  }),
  keys: [
    {
      phrases: ['swift', 'bic', 'swift code', 'bic code', 'swift bic', 'bic swift', 'swiftcode'],
      anchors: ['swift', 'bic'],
      judge: (view, value) => {
        const end = view.run(byteClass('A-Z0-9'), value.start, 12);
        const text = view.text(value.start, end);
        return /^[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?$/.test(text) && ibanOrKnown(text.slice(4, 6))
          ? [value.start, end]
          : null;
      },
    },
  ],
};

const ibanOrKnown = (country: string): boolean =>
  ibanLength(country) > 0 ||
  'US CA AU NZ JP CN HK SG IN KR ZA MX AR CL CO PE TH MY ID PH VN TW RU KE NG MA'.includes(country);

const accountNumber: ValueJudge = judgeIdentifier(
  (id) => /^(?=.*\d{4})[A-Z0-9]{6,20}$/.test(id) && /\d/.test(id) && !/^\d{13}$|(?:TCP|UDP|SCTP)$/.test(id),
  26,
);

const BANK_ACCOUNT: Detector = {
  id: 'pii.bank-account',
  group: 'pii',
  packs: ['gdpr', 'hipaa'],
  description: 'Bank account, routing and sort codes under a key that says so',
  source: 'https://www.aba.com/about-us/routing-number',
  rank: 38,
  examples: () => ({
    positive: [
      { text: 'account_number: 0049281773', value: '0049281773' },
      { text: '"routing_number":"021000021"', value: '021000021' },
      { text: 'Sort code: 20-45-53', value: '20-45-53' },
    ],
    negative: ['account_number: pending', 'routing_key: orders'],
  }),
  keys: [
    {
      phrases: [
        'account number',
        'account no',
        'accountnumber',
        'acct number',
        'acct no',
        'acct',
        'bank account',
        'bank account number',
        'accountno',
        'kontonummer',
        'bank acct',
      ],
      anchors: ['account', 'acct', 'kontonummer'],
      judge: accountNumber,
    },
    {
      phrases: [
        'routing number',
        'routing',
        'aba',
        'aba number',
        'routing no',
        'aba routing',
        'aba routing number',
      ],
      anchors: ['routing', 'aba'],
      judge: judgeIdentifier(isUsRouting, 9),
    },
    {
      phrases: ['sort code', 'sortcode'],
      anchors: ['sort code', 'sort_code', 'sortcode', 'sort-code'],
      judge: judgeIdentifier((id) => /^\d{6}$/.test(id), 8),
    },
  ],
};

export const FINANCE: readonly Detector[] = [CARD, SECURITY_CODE, IBAN, SWIFT, BANK_ACCOUNT];
