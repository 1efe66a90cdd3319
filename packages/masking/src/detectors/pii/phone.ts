import { parsePhoneNumberFromString } from 'libphonenumber-js';
import { byteClass, DIGIT } from '../../scan/bytes.ts';
import type { Detector, ValueJudge, Verifier } from '../../scan/detector.ts';
import { startsWord } from '../../scan/pattern.ts';
import type { View } from '../../scan/view.ts';
import { endsNumber, isOtherNumber, keyedText, startsNumber } from './number.ts';

const PHONE = byteClass('0-9 ().\\-/');

/** Where digits with phone punctuation end, at most 15 digits on; never more than one separator pair between. */
function phoneEnd(view: View, start: number): number {
  let end = start;
  let digits = 0;
  let p = start;
  while (p < start + 32 && digits < 16) {
    const byte = view.at(p);
    if (byte < 0 || PHONE[byte] === 0) break;
    if (DIGIT[byte] === 1) {
      digits += 1;
      end = p + 1;
    } else if (p - end >= 2) break;
    p += 1;
  }
  return end;
}

/** `+` and a country's number (ITU-T E.164). */
const international: Verifier = (view, at, found) => {
  if (view.at(at) !== 0x2b || view.at(at + 1) === 0x30) return;
  const before = view.at(at - 1);
  if (before === 0x2b || before === 0x5f || before === 0x2f || before === 0x29 || !startsWord(view, at))
    return;
  let end = phoneEnd(view, at + 1);
  while (end > at + 7) {
    const text = view.text(at, end);
    if (endsNumber(view, end)) {
      const parsed = parsePhoneNumberFromString(text);
      if (
        !DECIMAL.test(text) &&
        parsed?.isPossible() &&
        (parsed.isValid() || /[ ().-]/.test(text) || text.length > 10)
      ) {
        found.add(at, end);
        return;
      }
    }
    const cut = Math.max(text.lastIndexOf(' '), text.lastIndexOf('/'), text.lastIndexOf('('));
    if (cut < 8) return;
    end = at + cut;
    while (end > at && DIGIT[view.at(end - 1)] === 0) end -= 1;
  }
};

/** A number with a fraction; RFC 5733 writes telephone numbers with one full stop too, but with more behind it. */
const DECIMAL = /^\+\d+\.\d{1,6}$/;

/** North American numbers, which have a shape of their own: `(415) 555-2671`, `415-555-2671`, `415.555.2671`. */
const national: Verifier = (view, at, found) => {
  let p = at;
  for (let k = 0; k < 3; k += 1) if (!view.is(DIGIT, p + k)) return;
  const open = view.at(at - 1) === 0x28;
  p += 3;
  const first = view.at(p);
  if (open) {
    if (first !== 0x29) return;
    p += 1;
    if (view.at(p) === 0x20 || view.at(p) === 0x2d) p += 1;
  } else {
    if (first !== 0x2d && first !== 0x2e) return;
    p += 1;
  }
  for (let k = 0; k < 3; k += 1) if (!view.is(DIGIT, p + k)) return;
  const second = view.at(p + 3);
  if (second !== 0x2d && second !== 0x2e && !(open && second === 0x20)) return;
  if (!open && second !== first) return;
  const end = p + 8;
  for (let k = p + 4; k < end; k += 1) if (!view.is(DIGIT, k)) return;
  const start = open ? at - 1 : at;
  let from = start;
  if (view.at(start - 1) === 0x20 || view.at(start - 1) === 0x2d || view.at(start - 1) === 0x2e)
    if (view.at(start - 2) === 0x31 && !view.is(DIGIT, start - 3))
      from = view.at(start - 3) === 0x2b ? start - 3 : start - 2;
  if (!startsNumber(view, from) && view.at(from) !== 0x2b) return;
  if (!endsNumber(view, end)) return;
  const parsed = parsePhoneNumberFromString(view.text(start, end), 'US');
  if (!parsed?.isPossible() || (!open && !plausible(view, at))) return;
  if (isOtherNumber(view, from)) return;
  found.add(from, end);
};

/** The numbering plan's area and exchange codes start with 2-9, and neither is a service code. */
const plausible = (view: View, at: number): boolean =>
  view.at(at) >= 0x32 && view.at(at + 4) >= 0x32 && !(view.at(at + 1) === 0x31 && view.at(at + 2) === 0x31);

const KEYED = byteClass('0-9 ().+/-');

/** Under a key that says so, anything of seven to fifteen digits. */
const keyed: ValueJudge = (view, value) => {
  let [start, end] = keyedText(view, value, KEYED, 32);
  if (view.at(start) !== 0x2b && view.at(start) !== 0x28 && DIGIT[view.at(start)] !== 1) return null;
  let text = view.text(start, end);
  const extension = / ?(?:x|ext\.?) ?\d{1,6}$/i.exec(text);
  if (extension) end -= extension[0].length;
  text = view.text(start, end);
  if (!/^[\d ().+/-]+$/.test(text)) return null;
  const count = text.replace(/\D/g, '').length;
  if (
    count < 7 ||
    count > 15 ||
    /^\d{13}$/.test(text) ||
    /^\d{4}-\d{2}-\d{2}/.test(text) ||
    /^\d+\.\d+$/.test(text)
  )
    return null;
  return [start, end];
};

export const PHONE_NUMBER: Detector = {
  id: 'pii.phone',
  group: 'pii',
  packs: ['gdpr', 'hipaa'],
  description:
    'Phone numbers: international with "+", North American by shape, any national form under a telling key',
  source: 'https://www.itu.int/rec/T-REC-E.164',
  rank: 45,
  examples: () => ({
    positive: [
      { text: 'call +44 20 7946 0958 today', value: '+44 20 7946 0958' },
      { text: 'desk (415) 555-2671', value: '(415) 555-2671' },
      { text: '{"phone":"0171 5550123"}', value: '0171 5550123' },
    ],
    negative: ['2024-11-05 10:11:12', 'order 415-555-2671', 'GMT+0100', 'a+1234567', '0.4155552671'],
  }),
  shapes: [
    { at: 'plus', verify: international },
    { at: 'digits', verify: national },
  ],
  keys: [
    {
      phrases: [
        'phone',
        'telephone',
        'tel',
        'mobile',
        'cell',
        'cellphone',
        'fax',
        'whatsapp',
        'msisdn',
        'phone number',
        'phone no',
        'telephone number',
        'mobile number',
        'cell number',
        'contact number',
        'fax number',
        'mobile no',
        'tel no',
        'handy',
        'telefon',
        'telefono',
        'home phone',
        'work phone',
        'phone 1',
        'phone 2',
        'phone home',
        'phone work',
        'phone mobile',
      ],
      anchors: ['phone', 'tel', 'mobile', 'cell', 'fax', 'whatsapp', 'msisdn', 'contact', 'handy', 'telefon'],
      judge: keyed,
    },
  ],
};
