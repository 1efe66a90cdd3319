import { DIGIT, UPPER } from '../../scan/bytes.ts';
import type { Detector, Pack, Shape, Verifier } from '../../scan/detector.ts';
import type { View } from '../../scan/view.ts';
import * as valid from '../../validators/national.ts';
import { compact, endsNumber, grouped, isOtherNumber, judgeIdentifier, startsNumber } from './number.ts';

interface NationalId {
  readonly id: string;
  readonly description: string;
  readonly source: string;
  readonly valid: (id: string) => boolean;
  /** Accepted under the key though the check fails to apply (masks in part, older issues). */
  readonly loose?: (id: string) => boolean;
  readonly phrases: readonly string[];
  readonly anchors: readonly string[];
  /** Ways of writing it that are telling enough without a key. */
  readonly shapes?: readonly { readonly at: Shape; readonly verify: Verifier }[];
  readonly positive: readonly (readonly [text: string, value: string])[];
  readonly negative: readonly string[];
  readonly packs?: readonly Pack[];
}

/** A verifier for a fixed-length run of digits and capitals that starts `back` bytes before the candidate. */
function run(length: number, back: number, check: (id: string) => boolean): Verifier {
  return (view, at, found) => {
    const start = at - back;
    if (back > 0 && !view.is(UPPER, start)) return;
    for (let i = start; i < start + length; i += 1) {
      const byte = view.at(i);
      if (byte < 0 || (DIGIT[byte] !== 1 && UPPER[byte] !== 1)) return;
    }
    if (!startsNumber(view, start) || !endsNumber(view, start + length)) return;
    if (!check(view.text(start, start + length)) || isOtherNumber(view, start)) return;
    found.add(start, start + length);
  };
}

/** `AB 12 34 56 C`. */
const spacedNino: Verifier = (view, at, found) => {
  const text = view.text(at, at + 13);
  if (!/^[A-Z]{2} \d{2} \d{2} \d{2} [A-D]$/.test(text) || view.at(at + 12) < 0) return;
  if (!startsNumber(view, at) || !endsNumber(view, at + 13) || !valid.isUkNino(compact(view, at, at + 13)))
    return;
  found.add(at, at + 13);
};

/** `yymmdd-nnnn`, `yymmdd-nnnnnnn`, `ddmmyy-nnnX`: six digits, a sign, then `tail` more. */
function dated(tail: number, check: (id: string) => boolean, signs = '-', century = false): Verifier {
  return (view: View, at, found) => {
    const head = century && [6, 7].every((k) => view.is(DIGIT, at + k)) ? 8 : 6;
    for (let k = 0; k < head; k += 1) if (!view.is(DIGIT, at + k)) return;
    const sign = view.at(at + head);
    if (sign < 0 || !signs.includes(String.fromCharCode(sign))) return;
    const end = at + head + 1 + tail;
    for (let k = at + head + 1; k < end - 1; k += 1) if (!view.is(DIGIT, k)) return;
    const last = view.at(end - 1);
    if (last < 0 || (DIGIT[last] !== 1 && UPPER[last] !== 1)) return;
    if (!startsNumber(view, at) || !endsNumber(view, end) || isOtherNumber(view, at)) return;
    if (check(view.text(at, end))) found.add(at, end);
  };
}

const plain = (check: (id: string) => boolean) => (text: string) => check(text.replace('-', ''));
const digits = (n: number) => (id: string) => new RegExp(`^\\d{${n}}$`).test(id);

const IDS: readonly NationalId[] = [
  {
    id: 'us-ssn',
    description: 'US Social Security numbers',
    source: 'https://www.ssa.gov/employer/randomization.html',
    valid: valid.isUsSsn,
    loose: (id) => /^(?!000|9)\d{9}$/.test(id),
    phrases: [
      'ssn',
      'social security',
      'social security number',
      'social security no',
      'social',
      'soc sec',
      'ss number',
      'ssn number',
      'social security num',
      'ssnumber',
      'ssn itin',
    ],
    anchors: ['ssn', 'social', 'soc sec', 'ss_number'],
    shapes: [{ at: 'digits', verify: grouped([3, 2, 4], '-', valid.isUsSsn) }],
    positive: [
      ['ssn on file: 536-22-8411', '536-22-8411'],
      ['{"ssn":"536228411"}', '536228411'],
    ],
    negative: ['078-05-1120', '000-12-3456', 'part 536-22-8411', '1536-22-8411'],
    packs: ['gdpr', 'hipaa'],
  },
  {
    id: 'us-itin',
    description: 'US individual taxpayer identification numbers',
    source: 'https://www.irs.gov/individuals/itin',
    valid: valid.isUsItin,
    phrases: [
      'itin',
      'individual taxpayer identification number',
      'taxpayer identification number',
      'taxpayer id',
    ],
    anchors: ['itin', 'taxpayer'],
    shapes: [{ at: 'digits', verify: grouped([3, 2, 4], '-', valid.isUsItin) }],
    positive: [['itin 912-74-3456', '912-74-3456']],
    negative: ['912-47-3456 is none'],
  },
  {
    id: 'us-ein',
    description: 'US employer identification numbers, under a key',
    source:
      'https://www.irs.gov/businesses/small-businesses-self-employed/how-eins-are-assigned-and-valid-ein-prefixes',
    valid: valid.isUsEin,
    phrases: [
      'ein',
      'fein',
      'employer identification number',
      'employer id number',
      'federal tax id',
      'employer id',
    ],
    anchors: ['ein', 'employer', 'federal'],
    positive: [['EIN: 12-3456789', '12-3456789']],
    negative: ['range 12-3456789'],
  },
  {
    id: 'ca-sin',
    description: 'Canadian social insurance numbers',
    source: 'https://www.canada.ca/en/employment-social-development/services/sin.html',
    valid: valid.isCaSin,
    phrases: ['sin', 'social insurance number', 'social insurance', 'sin number', 'social insurance no'],
    anchors: ['sin', 'social insurance'],
    positive: [['SIN: 130 692 544', '130 692 544']],
    negative: ['130 692 545', 'sin: 130692545'],
  },
  {
    id: 'uk-nino',
    description: 'UK National Insurance numbers',
    source: 'https://www.gov.uk/hmrc-internal-manuals/national-insurance-manual/nim39110',
    valid: valid.isUkNino,
    phrases: [
      'nino',
      'ni number',
      'national insurance',
      'national insurance number',
      'ni no',
      'national insurance no',
    ],
    anchors: [
      'nino',
      'ni number',
      'ni_number',
      'ni no',
      'national insurance',
      'national_insurance',
      'nationalinsurance',
    ],
    shapes: [
      { at: 'capitals', verify: run(9, 0, valid.isUkNino) },
      { at: 'capitals', verify: spacedNino },
    ],
    positive: [
      ['starts AB 47 31 59 C today', 'AB 47 31 59 C'],
      ['nino AB473159C', 'AB473159C'],
    ],
    negative: ['AB123456C', 'GB473159C', 'XAB473159C'],
  },
  {
    id: 'uk-nhs',
    description: 'UK NHS numbers, under a key',
    source: 'https://www.datadictionary.nhs.uk/attributes/nhs_number.html',
    valid: valid.isUkNhs,
    phrases: ['nhs', 'nhs number', 'nhs no', 'nhsnumber', 'nhs id'],
    anchors: ['nhs', 'nhsnumber'],
    positive: [['NHS number: 943 476 5919', '943 476 5919']],
    negative: ['NHS number: 943 476 5918'],
    packs: ['gdpr', 'hipaa'],
  },
  {
    id: 'de-steuer-id',
    description: 'German tax identification numbers, under a key',
    source:
      'https://www.bzst.de/DE/Privatpersonen/SteuerlicheIdentifikationsnummer/steuerlicheidentifikationsnummer_node.html',
    valid: valid.isDeSteuerId,
    phrases: [
      'steuer id',
      'steuerid',
      'steueridnr',
      'steuer idnr',
      'idnr',
      'steuer identifikationsnummer',
      'steueridentifikationsnummer',
      'steuernummer',
    ],
    anchors: ['steuer', 'idnr'],
    positive: [['Steuer-ID: 86095742719', '86095742719']],
    negative: ['Steuer-ID: 86095742718'],
  },
  {
    id: 'fr-nir',
    description: 'French social security numbers (NIR)',
    source: 'https://www.insee.fr/fr/metadonnees/definition/c1409',
    valid: valid.isFrNir,
    phrases: [
      'nir',
      'numero de securite sociale',
      'securite sociale',
      'num secu',
      'numero secu',
      'insee',
      'secu',
    ],
    anchors: ['nir', 'secu', 'securite', 'insee'],
    shapes: [
      { at: 'digits', verify: run(15, 0, valid.isFrNir) },
      { at: 'digits', verify: grouped([1, 2, 2, 2, 3, 3, 2], ' ', valid.isFrNir) },
    ],
    positive: [['NIR 255081416802538', '255081416802538']],
    negative: ['255081416802539'],
  },
  {
    id: 'es-dni',
    description: 'Spanish DNI and NIE numbers',
    source:
      'https://www.interior.gob.es/opencms/es/servicios-al-ciudadano/tramites-y-gestiones/dni/calculo-del-digito-de-control-del-nif-nie/',
    valid: valid.isEsDni,
    phrases: ['dni', 'nie', 'nif', 'dni nie', 'nif nie'],
    anchors: ['dni', 'nie', 'nif'],
    shapes: [
      { at: 'digits', verify: run(9, 0, valid.isEsDni) },
      { at: 'digits', verify: run(9, 1, valid.isEsDni) },
    ],
    positive: [['titular 53178294V firma', '53178294V']],
    negative: ['12345678Z', '53178294A', 'sku: 53178294V'],
  },
  {
    id: 'it-codice-fiscale',
    description: 'Italian fiscal codes',
    source: 'https://www.agenziaentrate.gov.it/portale/web/guest/schede/istanze/richiesta-ts_cf',
    valid: valid.isItCodiceFiscale,
    phrases: ['codice fiscale', 'codicefiscale', 'cf'],
    anchors: ['codice', '"cf"', 'cf:'],
    shapes: [{ at: 'capitals', verify: run(16, 0, valid.isItCodiceFiscale) }],
    positive: [['RSSMRA85T10A562S', 'RSSMRA85T10A562S']],
    negative: ['RSSMRA85T10A562T'],
  },
  {
    id: 'pl-pesel',
    description: 'Polish PESEL numbers, under a key',
    source: 'https://www.gov.pl/web/gov/czym-jest-numer-pesel',
    valid: valid.isPlPesel,
    phrases: ['pesel', 'pesel number', 'numer pesel'],
    anchors: ['pesel'],
    positive: [['PESEL: 44051401359', '44051401359']],
    negative: ['PESEL: 44051401358'],
  },
  {
    id: 'br-cpf',
    description: 'Brazilian CPF numbers',
    source: 'https://www.gov.br/receitafederal/pt-br/assuntos/meu-cpf',
    valid: valid.isBrCpf,
    phrases: ['cpf', 'cpf number'],
    anchors: ['cpf'],
    shapes: [{ at: 'digits', verify: punctuated('ddd.ddd.ddd-dd', valid.isBrCpf) }],
    positive: [
      ['cliente 529.982.247-25 ativo', '529.982.247-25'],
      ['cpf=52998224725', '52998224725'],
    ],
    negative: ['529.982.247-26', '52998224725'],
  },
  {
    id: 'br-cnpj',
    description: 'Brazilian CNPJ numbers',
    source: 'https://www.gov.br/receitafederal/pt-br/assuntos/orientacao-tributaria/cadastros/cnpj',
    valid: valid.isBrCnpj,
    phrases: ['cnpj'],
    anchors: ['cnpj'],
    shapes: [{ at: 'digits', verify: punctuated('dd.ddd.ddd/dddd-dd', valid.isBrCnpj) }],
    positive: [['CNPJ 11.222.333/0001-81', '11.222.333/0001-81']],
    negative: ['11.222.333/0001-82'],
  },
  {
    id: 'in-aadhaar',
    description: 'Indian Aadhaar numbers, under a key',
    source: 'https://uidai.gov.in/en/my-aadhaar/about-your-aadhaar.html',
    valid: valid.isInAadhaar,
    phrases: ['aadhaar', 'aadhar', 'aadhaar number', 'aadhar number', 'aadhaar no', 'uidai'],
    anchors: ['aadha', 'uidai'],
    positive: [['Aadhaar: 2341 2341 2346', '2341 2341 2346']],
    negative: ['Aadhaar: 2341 2341 2345'],
  },
  {
    id: 'in-pan',
    description: 'Indian permanent account numbers, under a key',
    source: 'https://incometaxindia.gov.in/Pages/pan.aspx',
    valid: valid.isInPan,
    phrases: ['pan', 'pan number', 'pan no', 'pan card', 'permanent account number'],
    anchors: ['pan', 'permanent account'],
    positive: [['PAN: BKXPS4821K', 'BKXPS4821K']],
    negative: ['BKXPS4821K', 'PAN: BKXXS4821'],
  },
  {
    id: 'au-tfn',
    description: 'Australian tax file numbers, under a key',
    source: 'https://www.ato.gov.au/individuals-and-families/tax-file-number',
    valid: valid.isAuTfn,
    phrases: ['tfn', 'tax file number', 'tfn number'],
    anchors: ['tfn', 'tax file', 'tax_file', 'taxfile'],
    positive: [['TFN: 123 456 782', '123 456 782']],
    negative: ['TFN: 123 456 783'],
  },
  {
    id: 'au-medicare',
    description: 'Australian Medicare numbers, under a key',
    source: 'https://www.servicesaustralia.gov.au/medicare-card',
    valid: valid.isAuMedicare,
    phrases: ['medicare', 'medicare number', 'medicare no', 'medicare card'],
    anchors: ['medicare'],
    positive: [['Medicare: 2123 45670 1', '2123 45670 1']],
    negative: ['Medicare: 2123 45671 1'],
    packs: ['gdpr', 'hipaa'],
  },
  {
    id: 'nl-bsn',
    description: 'Dutch citizen service numbers, under a key',
    source: 'https://www.rvig.nl/bsn',
    valid: valid.isNlBsn,
    phrases: ['bsn', 'burgerservicenummer', 'sofinummer', 'bsn number'],
    anchors: ['bsn', 'burgerservice', 'sofinummer'],
    positive: [['BSN: 111222333', '111222333']],
    negative: ['BSN: 111222334'],
  },
  {
    id: 'se-personnummer',
    description: 'Swedish personal identity numbers',
    source: 'https://www.skatteverket.se/privat/folkbokforing/personnummer.4.3810a01c150939e893f18c29.html',
    valid: valid.isSePersonnummer,
    phrases: ['personnummer', 'personal identity number', 'personnr', 'samordningsnummer', 'personal number'],
    anchors: ['personn', 'personal', 'samordnings'],
    shapes: [{ at: 'digits', verify: dated(4, plain(valid.isSePersonnummer), '-', true) }],
    positive: [['kund 811218-9876', '811218-9876']],
    negative: ['811218-9875', '20240101-1234'],
  },
  {
    id: 'fi-hetu',
    description: 'Finnish personal identity codes',
    source: 'https://dvv.fi/en/personal-identity-code',
    valid: valid.isFiHetu,
    loose: (id) => /^\d{6}[A-FU-Y]?\d{3}[0-9A-Y]$/.test(id),
    phrases: ['hetu', 'henkilotunnus'],
    anchors: ['hetu', 'henkil'],
    shapes: [{ at: 'digits', verify: dated(4, valid.isFiHetu, '-+A') }],
    positive: [['asiakas 131052-308T', '131052-308T']],
    negative: ['131052-308U'],
  },
  {
    id: 'dk-cpr',
    description: 'Danish CPR numbers, under a key',
    source: 'https://cpr.dk/cpr-systemet/opbygning-af-cpr-nummeret',
    valid: valid.isDkCpr,
    phrases: ['cpr', 'cpr number', 'cpr nummer', 'cpr nr'],
    anchors: ['cpr'],
    positive: [['CPR: 211062-5629', '211062-5629']],
    negative: ['CPR: 991362-5629'],
  },
  {
    id: 'no-fnr',
    description: 'Norwegian national identity numbers, under a key',
    source: 'https://www.skatteetaten.no/en/person/national-registry/identity-number-and-status/',
    valid: valid.isNoFnr,
    phrases: ['fodselsnummer', 'fnr', 'personnummer'],
    anchors: ['fnr', 'fodsels', 'personn'],
    positive: [['fnr: 15076500565', '15076500565']],
    negative: ['fnr: 15076500566'],
  },
  {
    id: 'be-national-number',
    description: 'Belgian national numbers',
    source: 'https://www.ibz.rrn.fgov.be/fr/registre-national/',
    valid: valid.isBeNational,
    phrases: ['rijksregisternummer', 'numero national', 'niss', 'insz', 'national number'],
    anchors: [
      'rijksregister',
      'numero national',
      'numero_national',
      'niss',
      'insz',
      'national number',
      'national_number',
    ],
    shapes: [{ at: 'digits', verify: punctuated('dd.dd.dd-ddd.dd', valid.isBeNational) }],
    positive: [['93.05.18-223.61', '93.05.18-223.61']],
    negative: ['93.05.18-223.62'],
  },
  {
    id: 'ch-ahv',
    description: 'Swiss social security numbers (AHV/AVS)',
    source: 'https://www.ahv-iv.ch/en/Social-insurances/Glossary/term/neue-ahv-nummer',
    valid: valid.isChAhv,
    phrases: ['ahv', 'avs', 'ahv nummer', 'ahv number', 'avs number', 'ahv nr'],
    anchors: ['ahv', 'avs'],
    shapes: [{ at: 'digits', verify: punctuated('ddd.dddd.dddd.dd', valid.isChAhv) }],
    positive: [['756.9217.0769.85', '756.9217.0769.85']],
    negative: ['756.9217.0769.84'],
  },
  {
    id: 'jp-my-number',
    description: 'Japanese individual numbers, under a key',
    source: 'https://www.digital.go.jp/en/policies/mynumber',
    valid: valid.isJpMyNumber,
    phrases: ['my number', 'mynumber', 'individual number', 'kojin bango'],
    anchors: ['my number', 'my_number', 'mynumber', 'individual', 'kojin'],
    positive: [['my_number: 123456789018', '123456789018']],
    negative: ['my_number: 123456789019'],
  },
  {
    id: 'kr-rrn',
    description: 'Korean resident registration numbers',
    source: 'https://www.mois.go.kr/eng/main.do',
    valid: valid.isKrRrn,
    phrases: ['rrn', 'resident registration number', 'jumin', 'jumin number'],
    anchors: ['rrn', 'resident', 'jumin'],
    shapes: [{ at: 'digits', verify: dated(7, plain(valid.isKrRrn)) }],
    positive: [['880412-1045678', '880412-1045678']],
    negative: ['889912-1045678', '880412-9045678'],
  },
  {
    id: 'cn-resident-id',
    description: 'Chinese resident identity card numbers',
    source: 'https://openstd.samr.gov.cn/bzgk/gb/newGbInfo?hcno=080D6FBF2BB468F9007657F26D60013E',
    valid: valid.isCnResidentId,
    phrases: [
      'resident id',
      'id card',
      'id card number',
      'idcard',
      'shenfenzheng',
      'resident identity',
      'citizen id',
    ],
    anchors: ['resident', 'id card', 'id_card', 'idcard', 'shenfen', 'citizen'],
    shapes: [{ at: 'digits', verify: run(18, 0, valid.isCnResidentId) }],
    positive: [['11010519491231002X', '11010519491231002X']],
    negative: ['110105194912310021', '110105199913310021'],
  },
  {
    id: 'tr-tckn',
    description: 'Turkish identity numbers, under a key',
    source: 'https://www.nvi.gov.tr/',
    valid: valid.isTrTckn,
    phrases: ['tckn', 'tc kimlik', 'tc kimlik no', 'kimlik no', 'tc no'],
    anchors: ['tckn', 'kimlik', 'tc no', 'tc_no'],
    positive: [['TCKN: 10000000146', '10000000146']],
    negative: ['TCKN: 10000000147'],
  },
  {
    id: 'mx-curp',
    description: 'Mexican CURP codes',
    source: 'https://www.gob.mx/curp/',
    valid: valid.isMxCurp,
    phrases: ['curp'],
    anchors: ['curp'],
    shapes: [{ at: 'capitals', verify: run(18, 0, valid.isMxCurp) }],
    positive: [['HEGG560427MVZRRL04', 'HEGG560427MVZRRL04']],
    negative: ['HEGG560427MVZRRL05'],
  },
  {
    id: 'sg-nric',
    description: 'Singaporean NRIC and FIN numbers',
    source: 'https://www.ica.gov.sg/',
    valid: valid.isSgNric,
    phrases: ['nric', 'fin number', 'nric fin'],
    anchors: ['nric', 'fin number', 'fin_number'],
    shapes: [{ at: 'digits', verify: run(9, 1, valid.isSgNric) }],
    positive: [['S4812379A', 'S4812379A']],
    negative: ['S4812379B'],
  },
  {
    id: 'za-id',
    description: 'South African identity numbers, under a key',
    source: 'https://www.dha.gov.za/',
    valid: valid.isZaId,
    phrases: ['id number', 'sa id', 'sa id number', 'rsa id', 'identity number'],
    anchors: ['id number', 'id_number', 'idnumber', 'sa id', 'sa_id', 'rsa id', 'rsa_id', 'identity'],
    positive: [['identity_number: 8001015009087', '8001015009087']],
    negative: ['identity_number: 8001015009088'],
  },
  {
    id: 'pt-nif',
    description: 'Portuguese tax numbers, under a key',
    source: 'https://www.portaldasfinancas.gov.pt/',
    valid: valid.isPtNif,
    phrases: ['nif', 'contribuinte', 'numero de contribuinte'],
    anchors: ['nif', 'contribuinte'],
    positive: [['NIF: 501442600', '501442600']],
    negative: ['NIF: 501442601'],
  },
  {
    id: 'ie-pps',
    description: 'Irish personal public service numbers, under a key',
    source: 'https://www.gov.ie/en/service/12e6de-get-a-personal-public-service-pps-number/',
    valid: valid.isIePps,
    phrases: ['pps', 'ppsn', 'pps number', 'pps no'],
    anchors: ['pps', 'ppsn'],
    positive: [['PPSN: 1234567T', '1234567T']],
    negative: ['PPSN: 1234567A'],
  },
];

/** A fixed layout of digits (`d`) and separators. */
function punctuated(layout: string, check: (id: string) => boolean): Verifier {
  return (view, at, found) => {
    for (let k = 0; k < layout.length; k += 1) {
      const byte = view.at(at + k);
      if (layout[k] === 'd' ? byte < 0 || DIGIT[byte] !== 1 : byte !== layout.charCodeAt(k)) return;
    }
    const end = at + layout.length;
    if (!startsNumber(view, at) || !endsNumber(view, end) || !check(compact(view, at, end))) return;
    found.add(at, end);
  };
}

const detectorOf = (entry: NationalId): Detector => ({
  id: `pii.${entry.id}`,
  group: 'pii',
  packs: entry.packs ?? ['gdpr'],
  description: entry.description,
  source: entry.source,
  rank: entry.shapes ? 55 : 50,
  examples: () => ({
    positive: entry.positive.map(([text, value]) => ({ text, value })),
    negative: entry.negative,
  }),
  ...(entry.shapes ? { shapes: entry.shapes } : {}),
  keys: [
    {
      phrases: entry.phrases,
      anchors: entry.anchors,
      judge: judgeIdentifier((id) => entry.valid(id) || (entry.loose?.(id) ?? false)),
    },
  ],
});

const anyId = (id: string): boolean =>
  IDS.some((entry) => entry.valid(id)) || (digits(9)(id) && valid.isUsSsn(id));

/** Keys that say "a national identifier" without saying whose: any country's check will do. */
const NATIONAL_ID: Detector = {
  id: 'pii.national-id',
  group: 'pii',
  packs: ['gdpr', 'hipaa'],
  description: 'National identifiers under a general key, valid for some country',
  source: 'https://en.wikipedia.org/wiki/National_identification_number',
  rank: 36,
  examples: () => ({
    positive: [{ text: '{"national_id":"44051401359"}', value: '44051401359' }],
    negative: ['national_id: 11111111111'],
  }),
  keys: [
    {
      phrases: [
        'national id',
        'national id number',
        'nationalid',
        'id number',
        'identity number',
        'tax id',
        'tax number',
        'taxid',
        'personal id',
        'citizen id',
        'government id',
        'govt id',
        'identity card',
        'id no',
        'national identifier',
        'national identity number',
        'document number',
        'tin',
        'taxpayer id',
      ],
      anchors: [
        'national',
        'id number',
        'id_number',
        'idnumber',
        'identity',
        'tax',
        'personal',
        'citizen',
        'government',
        'govt',
        'id no',
        'document_n',
        'document n',
        'documentn',
        'tin',
      ],
      judge: judgeIdentifier(anyId),
    },
  ],
};

export const NATIONAL: readonly Detector[] = [...IDS.map(detectorOf), NATIONAL_ID];
