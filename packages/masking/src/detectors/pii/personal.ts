import { byteClass } from '../../scan/bytes.ts';
import type { Detector, KeyRule, Pack, ValueJudge } from '../../scan/detector.ts';
import { luhn } from '../../validators/checksums.ts';
import { isPlaceholder } from '../keyed/placeholder.ts';
import { judgeIdentifier } from './number.ts';

interface KeyedDetector {
  readonly id: string;
  readonly description: string;
  readonly source: string;
  readonly packs: readonly Pack[];
  readonly rank?: number;
  readonly optIn?: boolean;
  readonly keys: readonly KeyRule[];
  readonly positive: readonly (readonly [text: string, value: string])[];
  readonly negative: readonly string[];
}

const detectorOf = (entry: KeyedDetector): Detector => ({
  id: `pii.${entry.id}`,
  group: 'pii',
  packs: entry.packs,
  description: entry.description,
  source: entry.source,
  rank: entry.rank ?? 42,
  ...(entry.optIn ? { optIn: true } : {}),
  examples: () => ({
    positive: entry.positive.map(([text, value]) => ({ text, value })),
    negative: entry.negative,
  }),
  keys: entry.keys,
});

const DATE_TEXT = byteClass('0-9A-Za-z ,./-');
const MONTH = '(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*';
const DATE = new RegExp(
  `^(?:(?:19|20)\\d{2}[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\\d|3[01])|(?:0?[1-9]|[12]\\d|3[01])[-/.](?:0?[1-9]|[12]\\d|3[01])[-/.](?:19|20)?\\d{2}|(?:19|20)\\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\\d|3[01])|\\d{1,2}(?:st|nd|rd|th)?[ -.]${MONTH}[ ,.-]+(?:19|20)\\d{2}|${MONTH} \\d{1,2}(?:st|nd|rd|th)?,? (?:19|20)\\d{2})(?![\\d])`,
  'i',
);

const date: ValueJudge = (view, value) => {
  const end = view.run(DATE_TEXT, value.start, 32);
  const match = DATE.exec(view.text(value.start, end));
  return match ? [value.start, value.start + match[0].length] : null;
};

const documentNumber = (pattern: RegExp, longest: number): ValueJudge =>
  judgeIdentifier(
    (id) =>
      pattern.test(id) &&
      !isPlaceholder(id) &&
      !/^20[0-3]\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$/.test(id),
    longest,
  );

const TEXT = byteClass('^\\n\\r"\\\\<>|{}[\\];');

/** The whole text of a value, as people's names and addresses are written; nothing that looks like code. */
const freeText =
  (pattern: RegExp): ValueJudge =>
  (view, value) => {
    const whole = value.form === 'quoted' || value.form === 'cell';
    let end = whole ? value.end : view.run(TEXT, value.start, 120);
    while (end > value.start && view.at(end - 1) === 0x20) end -= 1;
    const bytes = view.bytes.subarray(value.start, end);
    const text = new TextDecoder().decode(bytes);
    return pattern.test(text) && !isPlaceholder(text) ? [value.start, end] : null;
  };

const NAME_TEXT = /^[\p{L}][\p{L}'’.-]*(?: [\p{L}][\p{L}'’.-]*){0,4}$/u;
const ADDRESS_TEXT = /^(?=.*\d)(?=.*\p{L}{2})[\p{L}\d ,.'’#/°-]{5,120}$/u;

const KEYED: readonly KeyedDetector[] = [
  {
    id: 'date-of-birth',
    description: 'Dates of birth under a key that says so',
    source: 'https://www.hhs.gov/hipaa/for-professionals/privacy/special-topics/de-identification/index.html',
    packs: ['gdpr', 'hipaa'],
    keys: [
      {
        phrases: [
          'dob',
          'date of birth',
          'birth date',
          'birthdate',
          'birthday',
          'dateofbirth',
          'born',
          'born on',
          'birth day',
          'geburtsdatum',
          'date naissance',
          'date de naissance',
          'fecha nacimiento',
          'fecha de nacimiento',
          'data nascita',
          'bday',
        ],
        anchors: ['dob', 'd.o.b', 'birth', 'born', 'geburt', 'naissance', 'nacimiento', 'nascita', 'bday'],
        judge: date,
      },
    ],
    positive: [
      ['{"dob":"1984-07-19"}', '1984-07-19'],
      ['Date of birth: 19 July 1984', '19 July 1984'],
    ],
    negative: ['date: 1984-07-19', 'dob: unknown'],
  },
  {
    id: 'passport',
    description: 'Passport numbers under a key that says so',
    source: 'https://www.icao.int/publications/pages/publication.aspx?docnum=9303',
    packs: ['gdpr', 'hipaa'],
    keys: [
      {
        phrases: [
          'passport',
          'passport number',
          'passport no',
          'passport num',
          'passport id',
          'passportnumber',
          'passportno',
          'reisepass',
          'pasaporte',
          'passeport',
        ],
        anchors: ['passport', 'reisepass', 'pasaporte', 'passeport'],
        judge: documentNumber(/^(?=(?:.*\d){4})[A-Z]{0,3}\d[A-Z0-9]{4,9}$/, 12),
      },
    ],
    positive: [
      ['Passport No: C01X00T47', 'C01X00T47'],
      ['passport_number=533401927', '533401927'],
    ],
    negative: ['passport.use(strategy)', 'passport: required'],
  },
  {
    id: 'driver-license',
    description: "Driver's licence numbers under a key that says so",
    source: 'https://www.aamva.org/identity/anti-fraud-security/drivers-license-identification-card',
    packs: ['gdpr', 'hipaa'],
    keys: [
      {
        phrases: [
          'driver license',
          'drivers license',
          'driver s license',
          'driver licence',
          'driving licence',
          'driving license',
          'driver license number',
          'drivers license number',
          'driver s license number',
          'drivers licence',
          'driving licence number',
          'dl number',
          'dl no',
          'license number',
          'licence number',
          'license no',
          'driverlicense',
          'fuhrerschein',
          'driver license no',
        ],
        anchors: [
          'driver',
          'driving',
          'dl_n',
          'dl n',
          'dlnumber',
          'license_n',
          'license n',
          'licensen',
          'licence_n',
          'licence n',
          'licencen',
          'fuhrerschein',
        ],
        judge: documentNumber(/^(?=(?:.*\d){4})[A-Z0-9]{5,20}$/, 24),
      },
    ],
    positive: [
      ["driver's license: D123-4567-8901", 'D123-4567-8901'],
      ['dl_number: F2551234', 'F2551234'],
    ],
    negative: ['driver: postgres', 'license: MIT'],
  },
  {
    id: 'medical-record',
    description: 'Medical record, patient and health-plan numbers under a key that says so',
    source: 'https://www.hhs.gov/hipaa/for-professionals/privacy/special-topics/de-identification/index.html',
    packs: ['hipaa', 'gdpr'],
    keys: [
      {
        phrases: [
          'mrn',
          'medical record',
          'medical record number',
          'medical record no',
          'patient id',
          'patient number',
          'patient no',
          'health plan',
          'health plan number',
          'member id',
          'subscriber id',
          'insurance number',
          'insurance id',
          'health insurance number',
          'policy number',
          'beneficiary id',
          'mbi',
          'health card',
          'health card number',
          'nhi',
          'versichertennummer',
        ],
        anchors: [
          'mrn',
          'medical',
          'patient',
          'health',
          'member_id',
          'member id',
          'memberid',
          'subscriber',
          'insurance',
          'policy_n',
          'policy n',
          'policyn',
          'beneficiary',
          'mbi',
          'nhi',
          'versicherten',
        ],
        judge: documentNumber(/^(?=(?:.*\d){4})[A-Z0-9]{5,18}$/, 22),
      },
    ],
    positive: [
      ['MRN: 00482917', '00482917'],
      ['patient_id: P-2294817', 'P-2294817'],
    ],
    negative: ['patient: stable', 'health: ok'],
  },
  {
    id: 'imei',
    description: 'IMEI numbers under a key, with their Luhn digit',
    source: 'https://www.gsma.com/solutions-and-impact/industry-services/device-services/',
    packs: ['gdpr'],
    keys: [
      {
        phrases: ['imei', 'imei number', 'imei1', 'imei2'],
        anchors: ['imei'],
        judge: judgeIdentifier((id) => /^\d{15}$/.test(id) && luhn(id), 18),
      },
    ],
    positive: [['imei: 490154203237518', '490154203237518']],
    negative: ['imei: 490154203237519'],
  },
  {
    id: 'person-name',
    description: 'Names of people under a key that says so; only when asked for',
    source: 'https://eur-lex.europa.eu/eli/reg/2016/679/oj',
    packs: ['gdpr', 'hipaa'],
    optIn: true,
    keys: [
      {
        phrases: [
          'first name',
          'last name',
          'full name',
          'middle name',
          'maiden name',
          'surname',
          'given name',
          'family name',
          'firstname',
          'lastname',
          'fullname',
          'customer name',
          'patient name',
          'patient',
          'contact name',
          'cardholder',
          'cardholder name',
          'card holder',
          'account holder',
          'employee name',
          'person name',
          'billing name',
          'shipping name',
          'recipient',
          'vorname',
          'nachname',
          'nom',
          'prenom',
          'apellido',
          'nombre',
          'name',
          'customer',
          'display name',
          'author name',
          'owner name',
        ],
        anchors: ['name', 'holder', 'patient', 'recipient', 'nom', 'apellido', 'customer'],
        judge: freeText(NAME_TEXT),
      },
    ],
    positive: [['{"full_name":"Ada Byron"}', 'Ada Byron']],
    negative: ['filename: report', 'full_name: null'],
  },
  {
    id: 'address',
    description: 'Postal addresses under a key that says so; only when asked for',
    source: 'https://eur-lex.europa.eu/eli/reg/2016/679/oj',
    packs: ['gdpr', 'hipaa'],
    optIn: true,
    keys: [
      {
        phrases: [
          'address',
          'street',
          'street address',
          'home address',
          'postal address',
          'mailing address',
          'billing address',
          'shipping address',
          'delivery address',
          'address line',
          'address line 1',
          'address line 2',
          'address 1',
          'address 2',
          'address1',
          'address2',
          'addr',
          'strasse',
          'adresse',
          'direccion',
          'street name',
          'residence',
        ],
        anchors: ['address', 'street', 'addr', 'strasse', 'adresse', 'direccion', 'residence'],
        judge: freeText(ADDRESS_TEXT),
      },
    ],
    positive: [['{"street_address":"12 Analytical Row, Leeds"}', '12 Analytical Row, Leeds']],
    negative: ['ip address: unknown', 'street_address: null'],
  },
];

/** Personal data without a check digit: only a key can say what it is. */
export const PERSONAL: readonly Detector[] = KEYED.map(detectorOf);
