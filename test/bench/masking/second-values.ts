/** Values for the second corpus, drawn from a seeded source and assembled at run time. */
export class Dice {
  private state: number;
  constructor(seed: number) {
    this.state = seed >>> 0 || 1;
  }

  /** A number in [0, n). */
  next(n: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.next(items.length)] as T;
  }

  chars(alphabet: string, n: number): string {
    let out = '';
    for (let i = 0; i < n; i += 1) out += alphabet[this.next(alphabet.length)];
    return out;
  }
}

const D = '0123456789';
const L = 'abcdefghijklmnopqrstuvwxyz';
const U = L.toUpperCase();
const HEX = `${D}abcdef`;
const AN = U + L + D;
const B64 = `${AN}+/`;
const URL64 = `${AN}-_`;
const B32 = `${U}234567`;
const OPENAI_MARK = 'T3Blbk' + 'FJ';

export type Maker = (d: Dice) => string;
const digits = (d: Dice, n: number) => d.chars(D, n);
const b64 = (text: string) => btoa(text);
const b64url = (text: string) => btoa(text).replace(/=+$/, '').replace(/\+/g, '-').replace(/\//g, '_');
const WORDS =
  'amber basin cedar delta ember fjord grove haven inlet jolly kernel lumen maple north ocean pearl quartz ridge stone tidal umber vivid willow xenon yield zephyr'.split(
    ' ',
  );
const NAMES =
  'jane.doe john.smith maria.garcia li.wei p.kowalski anna-lena.berg omar.haddad t.nguyen k.ito sofia.rossi user17 bob_99 j.o.connor'.split(
    ' ',
  );
const DOMAINS =
  'gmail.com example.org example.com acme-corp.io mail.brightwave.net firma.de uni-koeln.de outlook.com corp.internal-tools.dev yahoo.co.uk'.split(
    ' ',
  );

const luhnDigit = (body: string): string => {
  let sum = 0;
  for (let i = 0; i < body.length; i += 1) {
    let v = Number(body[body.length - 1 - i]);
    if (i % 2 === 0) {
      v *= 2;
      if (v > 9) v -= 9;
    }
    sum += v;
  }
  return String((10 - (sum % 10)) % 10);
};
const mod97 = (text: string): number => {
  let r = 0;
  for (const c of text) r = Number(String(r) + String(Number.parseInt(c, 36))) % 97;
  return r;
};
const iban: Maker = (d) => {
  const [country, body] = d.pick<[string, string]>([
    ['DE', digits(d, 18)],
    ['GB', d.pick(['NWBK', 'BARC', 'MIDL']) + digits(d, 14)],
    ['FR', digits(d, 23)],
    ['ES', digits(d, 20)],
    ['NL', d.pick(['ABNA', 'INGB']) + digits(d, 10)],
    ['CH', digits(d, 17)],
    ['PL', digits(d, 24)],
  ]);
  return country + String(98 - mod97(`${body}${country}00`)).padStart(2, '0') + body;
};
const grouped = (text: string) => (text.match(/.{1,4}/g) ?? []).join(' ');
const cardNumber: Maker = (d) => {
  const body = d.pick([
    () => `4${digits(d, 14)}`,
    () => `5${1 + d.next(5)}${digits(d, 13)}`,
    () => `34${digits(d, 12)}`,
    () => `6011${digits(d, 11)}`,
    () => `2${d.pick(['221', '345', '600'])}${digits(d, 11)}`,
  ])();
  return body + luhnDigit(body);
};
const weighted = (body: string, weights: readonly number[]) =>
  [...body].reduce((sum, c, i) => sum + Number(c) * (weights[i] as number), 0);

export const email: Maker = (d) => `${d.pick(NAMES)}@${d.pick(DOMAINS)}`;
export const jwt: Maker = (d) =>
  `${b64url(JSON.stringify({ alg: d.pick(['HS256', 'RS256', 'ES256']), typ: 'JWT', kid: d.chars(HEX, 8) }))}.${b64url(JSON.stringify({ sub: digits(d, 8), iss: 'https://id.acme.io', exp: 1_790_000_000 + d.next(1e6) }))}.${d.chars(URL64, 43)}`;
export const pemBody = (d: Dice, lines: number): string =>
  [
    `MII${d.chars(B64, 61)}`,
    ...Array.from({ length: lines }, () => d.chars(B64, 64)),
    `${d.chars(B64, 30)}==`,
  ].join('\n');
export const pemKind: Maker = (d) =>
  `${d.pick(['RSA ', '', 'EC ', 'OPENSSH ', 'ENCRYPTED ', 'DSA '])}PRIVATE KEY`;

/** Values that can be told by themselves. */
export const SELF: Readonly<Record<string, Maker>> = {
  'aws-id': (d) => d.pick(['AKIA', 'ASIA']) + d.chars(B32, 16),
  github: (d) => d.pick(['ghp_', 'gho_', 'ghs_', 'ghr_', 'ghu_']) + d.chars(AN, 36),
  'github-fine': (d) => `github_pat_${d.chars(AN, 22)}_${d.chars(AN, 59)}`,
  gitlab: (d) => d.pick(['glpat-', 'gldt-', 'glrt-', 'glptt-']) + d.chars(URL64, 19) + d.chars(AN, 1),
  'gitlab-routable': (d) => `glpat-${d.chars(URL64, 27)}.${d.chars(D + L, 2)}.${d.chars(D + L, 9)}`,
  slack: (d) => `${d.pick(['xoxb', 'xoxp'])}-${digits(d, 12)}-${digits(d, 13)}-${d.chars(AN, 24)}`,
  'slack-app': (d) => `xapp-1-A${d.chars(U + D, 10)}-${digits(d, 13)}-${d.chars(HEX, 64)}`,
  'slack-hook': (d) =>
    `https://hooks.slack.com/services/T${d.chars(U + D, 9)}/B${d.chars(U + D, 10)}/${d.chars(AN, 24)}`,
  'discord-hook': (d) =>
    `https://discord.com/api/webhooks/${1 + d.next(9)}${digits(d, 18)}/${d.chars(URL64, 68)}`,
  'discord-bot': (d) =>
    `${b64url(`${1 + d.next(9)}${digits(d, 17 + d.next(2))}`)}.${d.chars(AN, 6)}.${d.chars(URL64, d.pick([26, 37]))}A`,
  telegram: (d) => `${1 + d.next(9)}${digits(d, 9)}:AA${d.chars(URL64, 32)}x`,
  stripe: (d) => d.pick(['sk_live_', 'rk_live_', 'sk_test_']) + d.chars(AN, d.pick([24, 99])),
  'stripe-hook': (d) => `whsec_${d.chars(AN, 32)}`,
  openai: (d) => `sk-proj-${d.chars(URL64, 74)}${OPENAI_MARK}${d.chars(URL64, 73)}A`,
  'openai-legacy': (d) => `sk-${d.chars(AN, 20)}${OPENAI_MARK}${d.chars(AN, 20)}`,
  anthropic: (d) => `sk-ant-${d.pick(['api03', 'admin01'])}-${d.chars(URL64, 93)}AA`,
  groq: (d) => `gsk_${d.chars(AN, 52)}`,
  openrouter: (d) => `sk-or-v1-${d.chars(HEX, 64)}`,
  huggingface: (d) => `hf_${d.chars(U + L, 34)}`,
  replicate: (d) => `r8_${d.chars(AN, 37)}`,
  google: (d) => `AIza${d.chars(URL64, 34)}k`,
  'google-oauth': (d) => `ya29.${d.chars(URL64, 120)}z`,
  'google-secret': (d) => `GOCSPX-${d.chars(URL64, 27)}q`,
  'azure-ad': (d) => `${d.chars(AN, 3)}8Q~${d.chars(`${AN}_`, 33)}Z`,
  digitalocean: (d) => d.pick(['dop_v1_', 'doo_v1_']) + d.chars(HEX, 64),
  databricks: (d) => `dapi${d.chars(HEX, 32)}`,
  vault: (d) => `hvs.${d.chars(URL64, 94)}A`,
  terraform: (d) => `${d.chars(AN, 14)}.atlasv1.${d.chars(AN, 67)}`,
  npm: (d) => `npm_${d.chars(AN, 36)}`,
  pypi: (d) => `pypi-AgEIcHlwaS5vcmc${d.chars(URL64, 139)}A`,
  docker: (d) => `dckr_pat_${d.chars(URL64, 26)}Q`,
  sendgrid: (d) => `SG.${d.chars(URL64, 22)}.${d.chars(URL64, 42)}Q`,
  mailgun: (d) => `key-${d.chars(HEX, 32)}`,
  mailchimp: (d) => `${d.chars(HEX, 32)}-us${1 + d.next(20)}`,
  twilio: (d) => `SK${d.chars(HEX, 32)}`,
  shopify: (d) => d.pick(['shpat_', 'shpss_', 'shpca_']) + d.chars(HEX, 32),
  square: (d) => `EAAA${d.chars(URL64, 59)}Q`,
  newrelic: (d) => `NRAK-${d.chars(U + D, 27)}`,
  grafana: (d) => `glsa_${d.chars(AN, 32)}_${d.chars(HEX, 8)}`,
  doppler: (d) => `dp.st.${d.pick(['dev', 'prd'])}.${d.chars(AN, 40)}`,
  postman: (d) => `PMAK-${d.chars(HEX, 24)}-${d.chars(HEX, 34)}`,
  linear: (d) => `lin_api_${d.chars(AN, 40)}`,
  atlassian: (d) => `ATATT3xFfGF0${d.chars(URL64, 160)}=${d.chars(HEX.toUpperCase(), 8)}`,
  age: (d) => `AGE-SECRET-KEY-1${d.chars('QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L', 58)}`,
  jwt,
  bcrypt: (d) => `$2${d.pick(['a', 'b', 'y'])}$1${d.next(3)}$${d.chars(`${AN}./`, 53)}`,
  argon2: (d) => `$argon2id$v=19$m=65536,t=3,p=4$${d.chars(B64, 22)}$${d.chars(B64, 43)}`,
  'sha512-crypt': (d) => `$6$${d.chars(`${AN}./`, 16)}$${d.chars(`${AN}./`, 86)}`,
  yescrypt: (d) => `$y$j9T$${d.chars(`${AN}./`, 22)}$${d.chars(`${AN}./`, 43)}`,
  scram: (d) => `SCRAM-SHA-256$4096:${b64(d.chars(AN, 16))}$${d.chars(B64, 43)}=:${d.chars(B64, 43)}=`,
  email,
  'phone-e164': (d) =>
    d.pick([
      `+1415${d.pick(['555', '624', '882'])}${digits(d, 4)}`,
      `+49 171 ${2 + d.next(7)}${digits(d, 6)}`,
      `+44 7${d.pick(['700', '911'])} ${digits(d, 6)}`,
      `+33 6 ${1 + d.next(9)}${digits(d, 1)} ${digits(d, 2)} ${digits(d, 2)} ${digits(d, 2)}`,
      `+1 (212) 555-${digits(d, 4)}`,
    ]),
  'phone-us': (d) =>
    d.pick([`(415) 555-${digits(d, 4)}`, `212-664-${digits(d, 4)}`, `(646) 882-${digits(d, 4)}`]),
  card: cardNumber,
  'card-spaced': (d) => {
    const body = `4${digits(d, 14)}`;
    return grouped(body + luhnDigit(body)).replaceAll(' ', d.pick([' ', '-']));
  },
  iban,
  'iban-spaced': (d) => grouped(iban(d)),
  ssn: (d) => `${100 + d.next(560)}-${10 + d.next(89)}-${1000 + d.next(8999)}`,
};

const strong: Maker = (d) => {
  const kind = d.next(6);
  if (kind === 0) return d.chars(AN, 12 + d.next(12));
  if (kind === 1) return d.chars(`${AN}!@#%^*_-+`, 14 + d.next(10)).replace(/^[^A-Za-z]/, 'k');
  if (kind === 2) return `${d.pick(WORDS)}-${d.pick(WORDS)}-${d.pick(WORDS)}-${digits(d, 2)}`;
  if (kind === 3)
    return `${d.pick(WORDS).replace(/^./, (c) => c.toUpperCase())}${digits(d, 4)}${d.pick(['!', '#', '@', '$'])}`;
  if (kind === 4)
    return `${d.chars(L, 4)}${d.chars(U, 3)}${digits(d, 3)}${d.pick(['!', '$', '&', '%'])}${d.chars(AN, 3)}`;
  return `P@ss${d.chars(AN, 2)}${digits(d, 3)}`;
};
const weak: Maker = (d) =>
  d.pick([
    'hunter2',
    'letmein1',
    'Summer2024!',
    'qwerty123',
    'correcthorse',
    'trustno1',
    'dragonfly',
    'Winter2025',
    'monkey99',
    `${d.pick(WORDS)}${digits(d, 2)}`,
    'sunshine',
    'iloveyou2',
    'Welcome1!',
    'batterystaple',
  ]);

export interface Keyed {
  readonly keys: readonly string[];
  readonly make: Maker;
  /** Values with blanks or that only tables, JSON and forms carry. */
  readonly personal?: boolean;
}

/** Values that only their key tells; keys as snake case, carriers spell them in their own way. */
export const KEYED: Readonly<Record<string, Keyed>> = {
  password: {
    keys: [
      'password',
      'db_password',
      'passwd',
      'admin_password',
      'smtp_pass',
      'mysql_pwd',
      'redis_password',
      'user_password',
      'passphrase',
      'db_pass',
    ],
    make: strong,
  },
  'weak-password': {
    keys: ['password', 'db_password', 'login_password', 'root_password', 'pwd'],
    make: weak,
  },
  'api-key': {
    keys: ['api_key', 'datadog_api_key', 'apikey', 'x_api_key', 'service_api_key', 'mailgun_api_key'],
    make: (d) => d.pick([() => d.chars(HEX, 32), () => d.chars(AN, 40), () => d.chars(AN, 24)])(),
  },
  token: {
    keys: [
      'access_token',
      'auth_token',
      'refresh_token',
      'token',
      'ci_token',
      'heroku_api_token',
      'id_token',
    ],
    make: (d) =>
      d.pick([
        () => d.chars(AN, 32),
        () => d.chars(HEX, 40),
        () => `${d.chars(URL64, 42)}a`,
        () =>
          `${d.chars(HEX, 8)}-${d.chars(HEX, 4)}-4${d.chars(HEX, 3)}-a${d.chars(HEX, 3)}-${d.chars(HEX, 12)}`,
      ])(),
  },
  secret: {
    keys: [
      'client_secret',
      'secret_key',
      'jwt_secret',
      'signing_secret',
      'app_secret',
      'session_secret',
      'webhook_secret',
      'encryption_key',
      'django_secret_key',
    ],
    make: (d) =>
      d.pick([
        () => d.chars(HEX, 64),
        () => `${d.chars(URL64, 31)}Z`,
        () => `${d.chars(B64, 43)}=`,
        () => d.chars(AN, 20),
      ])(),
  },
  'aws-secret': { keys: ['aws_secret_access_key', 'secret_access_key'], make: (d) => `${d.chars(B64, 39)}x` },
  'azure-storage': {
    keys: ['account_key', 'azure_storage_key', 'storage_account_key'],
    make: (d) => `${d.chars(B64, 86)}==`,
  },
  'private-key-hex': {
    keys: ['private_key', 'wallet_private_key', 'signing_key'],
    make: (d) => d.chars(HEX, 64),
  },
  'password-hash-hex': {
    keys: ['password_hash', 'hashed_password', 'passwd_hash'],
    make: (d) =>
      d.pick([
        () => d.chars(HEX, 64),
        () => d.chars(HEX, 40),
        () => `pbkdf2_sha256$600000$${d.chars(AN, 22)}$${d.chars(B64, 43)}=`,
      ])(),
  },
  totp: { keys: ['totp_secret', 'mfa_secret', 'otp_secret'], make: (d) => d.chars(B32, d.pick([16, 32])) },
  'ssn-plain': {
    keys: ['ssn', 'social_security_number'],
    personal: true,
    make: (d) => `${100 + d.next(560)}${10 + d.next(89)}${1000 + d.next(8999)}`,
  },
  'phone-national': {
    keys: ['phone', 'phone_number', 'mobile', 'contact_number', 'tel'],
    personal: true,
    make: (d) =>
      d.pick([
        `0171 ${2 + d.next(7)}${digits(d, 6)}`,
        `020 7946 0${digits(d, 3)}`,
        `06 ${digits(d, 2)} ${digits(d, 2)} ${digits(d, 2)} ${digits(d, 2)}`,
        `415555${digits(d, 4)}`,
        `07700 900${digits(d, 3)}`,
        `0${1 + d.next(8)}${digits(d, 9)}`,
      ]),
  },
  dob: {
    keys: ['dob', 'date_of_birth', 'birth_date'],
    personal: true,
    make: (d) =>
      d.pick([
        `19${5 + d.next(5)}${d.next(10)}-0${1 + d.next(9)}-${10 + d.next(18)}`,
        `0${1 + d.next(9)}/${10 + d.next(18)}/19${50 + d.next(49)}`,
        `${10 + d.next(18)}.0${1 + d.next(9)}.19${50 + d.next(49)}`,
      ]),
  },
  passport: {
    keys: ['passport_number', 'passport_no', 'passport'],
    personal: true,
    make: (d) =>
      d.pick([
        () => d.chars('CFGHJKLMNPRTVWXYZ', 1) + digits(d, 8),
        () => digits(d, 9),
        () => d.chars(U, 2) + digits(d, 7),
      ])(),
  },
  license: {
    keys: ['drivers_license', 'driver_license_number', 'license_number'],
    personal: true,
    make: (d) => d.chars(U, 1) + digits(d, 7 + d.next(6)),
  },
  mrn: {
    keys: ['mrn', 'medical_record_number', 'patient_id'],
    personal: true,
    make: (d) => d.pick([() => digits(d, 8), () => `MRN${digits(d, 7)}`])(),
  },
  'bank-account': {
    keys: ['account_number', 'bank_account', 'bank_account_number'],
    personal: true,
    make: (d) => `${1 + d.next(9)}${digits(d, 7 + d.next(4))}`,
  },
  routing: {
    keys: ['routing_number', 'aba_routing_number'],
    personal: true,
    make: (d) => {
      const b = `0${1 + d.next(9)}${digits(d, 6)}`;
      return b + String((10 - (weighted(b, [3, 7, 1, 3, 7, 1, 3, 7]) % 10)) % 10);
    },
  },
  cvv: { keys: ['cvv', 'cvc', 'card_cvv'], personal: true, make: (d) => digits(d, 3) },
  'credit-card': { keys: ['card_number', 'credit_card', 'cc_number'], personal: true, make: cardNumber },
  swift: {
    keys: ['swift_code', 'bic', 'swift'],
    personal: true,
    make: (d) =>
      `${d.pick(['DEUT', 'BNPA', 'CHAS', 'BARC'])}${d.pick(['DE', 'FR', 'US', 'GB'])}${d.pick(['FF', '2L', 'PP', '33'])}${d.pick(['', '500', 'XXX'])}`,
  },
  nino: {
    keys: ['nino', 'national_insurance_number'],
    personal: true,
    make: (d) => d.pick(['AB', 'CE', 'JM', 'PR']) + digits(d, 6) + d.pick(['A', 'B', 'C', 'D']),
  },
  nhs: {
    keys: ['nhs_number'],
    personal: true,
    make: (d) => {
      for (;;) {
        const b = `4${digits(d, 8)}`;
        const c = 11 - (weighted(b, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11);
        if (c !== 10) return b + String(c === 11 ? 0 : c);
      }
    },
  },
  sin: {
    keys: ['sin', 'social_insurance_number'],
    personal: true,
    make: (d) => {
      const b = `${1 + d.next(7)}${digits(d, 7)}`;
      return b + luhnDigit(b);
    },
  },
  bsn: {
    keys: ['bsn', 'burgerservicenummer'],
    personal: true,
    make: (d) => {
      for (;;) {
        const b = `1${digits(d, 7)}`;
        const c = weighted(b, [9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        if (c < 10) return b + String(c);
      }
    },
  },
  pesel: {
    keys: ['pesel'],
    personal: true,
    make: (d) => {
      const b = `${80 + d.next(19)}0${1 + d.next(9)}${10 + d.next(18)}${digits(d, 4)}`;
      return b + String((10 - (weighted(b, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)) % 10);
    },
  },
  dni: {
    keys: ['dni', 'nif'],
    personal: true,
    make: (d) => {
      const n = digits(d, 8);
      return n + 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(n) % 23];
    },
  },
  cpf: {
    keys: ['cpf'],
    personal: true,
    make: (d) => {
      const b = `3${digits(d, 8)}`;
      const c = (t: string) => {
        const r = ([...t].reduce((s, x, i) => s + Number(x) * (t.length + 1 - i), 0) * 10) % 11;
        return r === 10 ? 0 : r;
      };
      const one = c(b);
      const two = c(b + String(one));
      return `${b.slice(0, 3)}.${b.slice(3, 6)}.${b.slice(6)}-${one}${two}`;
    },
  },
  pan: {
    keys: ['pan_number', 'pan'],
    personal: true,
    make: (d) => `${d.chars(U, 3)}P${d.chars(U, 1)}${digits(d, 4)}${d.chars(U, 1)}`,
  },
  tfn: {
    keys: ['tfn', 'tax_file_number'],
    personal: true,
    make: (d) => {
      for (;;) {
        const b = `1${digits(d, 8)}`;
        if (weighted(b, [1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 === 0) return b;
      }
    },
  },
  nir: {
    keys: ['nir', 'numero_securite_sociale'],
    personal: true,
    make: (d) => {
      const b = `${1 + d.next(2)}${60 + d.next(39)}0${1 + d.next(9)}${10 + d.next(80)}${digits(d, 6)}`;
      return b + String(97 - Number(BigInt(b) % 97n)).padStart(2, '0');
    },
  },
  imei: {
    keys: ['imei'],
    personal: true,
    make: (d) => {
      const b = `35${digits(d, 12)}`;
      return b + luhnDigit(b);
    },
  },
  ein: {
    keys: ['ein', 'employer_identification_number'],
    personal: true,
    make: (d) => `${d.pick(['12', '45', '83'])}-${digits(d, 7)}`,
  },
};

export const noise = { D, L, U, HEX, AN, B64, URL64, WORDS };
