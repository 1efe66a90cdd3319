/** Values for the third corpus. Written from vendors' descriptions of their formats; nothing here is, or was, real. */
export class Source {
  private a: number;
  constructor(seed: number) {
    this.a = seed >>> 0;
  }

  /** A number in [0, n). */
  below(n: number): number {
    this.a = (Math.imul(this.a, 1_664_525) + 1_013_904_223) >>> 0;
    let x = this.a;
    x ^= x >>> 15;
    x = Math.imul(x, 0x2c1b3c6d);
    x ^= x >>> 12;
    x = Math.imul(x, 0x297a2d39);
    x ^= x >>> 15;
    return (x >>> 0) % n;
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  text(alphabet: string, length: number): string {
    let out = '';
    while (out.length < length) out += alphabet[this.below(alphabet.length)];
    return out;
  }
}

const DIGITS = '0123456789';
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const HEX = '0123456789abcdef';
const ALNUM = DIGITS + UPPER + LOWER;
const BASE64 = `${UPPER}${LOWER}${DIGITS}+/`;
const SAFE64 = `${UPPER}${LOWER}${DIGITS}-_`;
const BASE32 = `${UPPER}234567`;
const list = (text: string) => text.split(' ');
const WORDS = list(
  'harbor sunset walnut copper marble orchid falcon meadow cobalt lantern pepper glacier saddle rocket timber violet anchor breeze canyon domino',
);
const FIRST = list('Amelia Jonas Priya Mateo Ingrid Kofi Yuki Chantal Dmitri Leila Oscar Nadia');
const LAST = list('Okafor Lindqvist Moreau Petrov Castillo Nakamura Brandt Hughes Silva Novak Rahman Keller');
const HOSTS = list('northwind.io brightlabs.com fjordbank.no cascade-systems.net orbit.dev kestrel.co.uk');

type Make = (s: Source, arg: number) => string;
const num = (s: Source, n: number) => s.text(DIGITS, n);
const bytes = (s: Source, n: number) => String.fromCharCode(...Array.from({ length: n }, () => s.below(256)));
const safe = (binary: string) => btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
/** Digits weighted from the left, summed. */
const sum = (text: string, weights: readonly number[]) =>
  weights.reduce((total, w, i) => total + w * Number(text[i]), 0);
const until = (make: () => string | null): string => {
  for (;;) {
    const value = make();
    if (value !== null) return value;
  }
};

function luhn(body: string): string {
  let total = 0;
  [...body].reverse().forEach((c, i) => {
    const v = Number(c) * (i % 2 === 0 ? 2 : 1);
    total += v > 9 ? v - 9 : v;
  });
  return body + ((10 - (total % 10)) % 10);
}

function remainder97(text: string): number {
  let rest = 0;
  for (const c of text) for (const d of String(Number.parseInt(c, 36))) rest = (rest * 10 + Number(d)) % 97;
  return rest;
}

function iban(s: Source): string {
  const [country, bban] = s.of<readonly [string, string]>([
    ['DE', num(s, 18)],
    ['AT', num(s, 16)],
    ['NL', s.of(['RABO', 'INGB']) + num(s, 10)],
    ['GB', s.of(['LOYD', 'HBUK']) + num(s, 14)],
    ['IE', `AIBK${num(s, 14)}`],
    ['PT', num(s, 21)],
    ['SE', num(s, 20)],
    ['BE', num(s, 12)],
  ]);
  return country + String(98 - remainder97(`${bban}${country}00`)).padStart(2, '0') + bban;
}

function crc32(text: string): number {
  let crc = 0xffffffff;
  for (const c of text) {
    crc ^= c.charCodeAt(0);
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** Base 62 in the order 0-9 A-Z a-z, six wide: the check part of GitHub's and npm's tokens. */
function check62(body: string): string {
  let rest = crc32(body);
  let out = '';
  for (let i = 0; i < 6; i += 1) {
    out = ALNUM[rest % 62] + out;
    rest = Math.floor(rest / 62);
  }
  return out;
}

const checked = (prefix: string, s: Source) => {
  const body = s.text(ALNUM, 30);
  return prefix + body + check62(body);
};

function verhoeff(body: string): string {
  // The dihedral group: rotations 0-4, reflections 5-9. Permutation powers of (0 1 5 8 9 4 2 7 6 3) on positions.
  const table = Array.from({ length: 10 }, (_, a) =>
    Array.from({ length: 10 }, (_x, b) => {
      if (a < 5 && b < 5) return (a + b) % 5;
      if (a < 5) return 5 + ((b - 5 + a) % 5);
      if (b < 5) return 5 + ((a - 5 - b + 5) % 5);
      return (a - b + 5) % 5;
    }),
  );
  const base = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
  const power = (n: number, v: number): number => (n === 0 ? v : power(n - 1, base[v] as number));
  let c = 0;
  [...`${body}0`].reverse().forEach((d, i) => {
    c = table[c]?.[power(i % 8, Number(d))] as number;
  });
  const inverse = table[c]?.indexOf(0) as number;
  return body + inverse;
}

const date6 = (s: Source) =>
  `${String(50 + s.below(49))}${String(1 + s.below(12)).padStart(2, '0')}${String(1 + s.below(28)).padStart(2, '0')}`;

/** Passwords of the kinds people have, without the characters that some carrier could not write bare. */
const password: Make = (s) =>
  s.of([
    () => `${s.text(ALNUM, 5)}${s.of(['!', '-', '_', '.', '~'])}${s.text(ALNUM, 4)}${num(s, 2)}`,
    () => `${s.of(WORDS)}-${s.of(WORDS)}-${num(s, 3)}`,
    () => `${(s.of(WORDS)).replace(/^./, (c) => c.toUpperCase())}${num(s, 4)}!`,
    () => `${s.text(ALNUM, 14)}${num(s, 1)}`,
    () => `P${num(s, 1)}${s.of(WORDS)}${s.text(ALNUM, 4)}${num(s, 2)}`,
  ])();

export const MAKERS: Readonly<Record<string, Make>> = {
  word: (s) => s.of(WORDS),
  pw: password,
  pwlong: (s) => s.text(`${ALNUM}!-_.~`, 24) + num(s, 2),
  pwletters: (s) => s.of(WORDS) + s.of(WORDS),
  pwdash: (s) => `${s.of(WORDS)}-${s.of(WORDS)}-${s.of(WORDS)}`,
  pwsym: (s) => `${s.text(ALNUM, 4)}#${s.text(ALNUM, 3)}$${s.text(ALNUM, 3)}%${num(s, 2)}`,
  hex: (s, n) => s.text(HEX, n || 32),
  HEX: (s, n) => s.text(HEX.toUpperCase(), n || 32),
  an: (s, n) => s.text(ALNUM, n || 16),
  mixed: (s, n) => s.text(LOWER, 2) + num(s, 2) + s.text(UPPER, 2) + s.text(ALNUM, (n || 32) - 6),
  lower: (s, n) => s.text(LOWER, n || 8),
  lowerdig: (s, n) => s.text(LOWER + DIGITS, n || 8),
  upper: (s, n) => s.text(UPPER, n || 4),
  b64: (s, n) => s.text(BASE64, n || 44),
  safe64: (s, n) => s.text(SAFE64, n || 32),
  base32: (s, n) => s.text(BASE32, n || 16),
  digits: (s, n) => num(s, n || 6),
  n: (s, n) => String(s.below(n || 100)),
  uuid: (s) => `${s.text(HEX, 8)}-${s.text(HEX, 4)}-4${s.text(HEX, 3)}-9${s.text(HEX, 3)}-${s.text(HEX, 12)}`,
  float: (s) => `${s.of(['', '-'])}0.${num(s, 8)}`,
  user: (s) => s.of(list('deploy svc_app reporting jmoreau root admin postgres etl-runner')),
  host: (s) => `${s.of(WORDS)}.${s.of(HOSTS)}`,
  name: (s) => `${s.of(FIRST)} ${s.of(LAST)}`,
  first: (s) => s.of(FIRST),
  last: (s) => s.of(LAST),

  'aws-id': (s) => s.of(['AKIA', 'ASIA']) + s.text(BASE32, 16),
  'aws-secret': (s) => s.text(BASE64, 39) + num(s, 1),
  'aws-session': (s) => `IQoJb3JpZ2luX2Vj${s.text(BASE64, 340)}==`,
  'gcp-key': (s) => `AIza${'Sy'}${s.text(SAFE64, 33)}`,
  'gcp-access': (s) => `ya29.a0${s.text(SAFE64, 120)}`,
  'gcp-client': (s) => `GOCSPX-${s.text(SAFE64, 28)}`,
  'azure-storage': (s) => btoa(bytes(s, 64)),
  'azure-client': (s) => `${s.text(ALNUM, 3)}8Q~${s.text(ALNUM, 34)}`,
  'azure-sig': (s) => encodeURIComponent(btoa(bytes(s, 32))),
  'github-ghp': (s) => checked(`gh${'p_'}`, s),
  'github-gho': (s) => checked(`gh${'o_'}`, s),
  'github-ghu': (s) => checked(`gh${'u_'}`, s),
  'github-ghs': (s) => checked(`gh${'s_'}`, s),
  'github-ghr': (s) => checked(`gh${'r_'}`, s),
  'github-pat': (s) => `github_${'pat_'}11${s.text(BASE32, 7)}0${s.text(ALNUM, 12)}_${s.text(ALNUM, 59)}`,
  gitlab: (s) => `gl${s.of(['pat', 'dt', 'rt', 'ptt'])}-${s.text(SAFE64, 20)}`,
  'bitbucket-app': (s) => `ATBB${s.text(ALNUM, 24)}${s.text(HEX.toUpperCase(), 8)}`,
  atlassian: (s) => `ATATT3xFfGF0${s.text(SAFE64, 171)}=${s.text(HEX.toUpperCase(), 8)}`,
  'slack-bot': (s) => `xox${'b-'}${num(s, 12)}-${num(s, 13)}-${s.text(ALNUM, 24)}`,
  'slack-user': (s) => `xox${'p-'}${num(s, 12)}-${num(s, 12)}-${num(s, 13)}-${s.text(HEX, 32)}`,
  'slack-app': (s) => `xapp-1-A${s.text(UPPER + DIGITS, 10)}-${num(s, 13)}-${s.text(HEX, 64)}`,
  'slack-hook': (s) =>
    `https://hooks.slack.com/services/T${s.text(UPPER + DIGITS, 10)}/B${s.text(UPPER + DIGITS, 10)}/${s.text(ALNUM, 24)}`,
  stripe: (s) => `${s.of(['sk', 'rk'])}_${s.of(['live', 'test'])}_51${s.text(ALNUM, 97)}`,
  'stripe-short': (s) => `${'sk_'}live_${s.text(ALNUM, 24)}`,
  whsec: (s) => `whsec_${s.text(ALNUM, 32)}`,
  openai: (s) => `sk-${'proj'}-${s.text(SAFE64, 74)}T3Blbk${'FJ'}${s.text(SAFE64, 74)}`,
  'openai-old': (s) => `sk-${s.text(ALNUM, 20)}T3Blbk${'FJ'}${s.text(ALNUM, 20)}`,
  anthropic: (s) => `sk-${'ant'}-api03-${s.text(SAFE64, 93)}AA`,
  hf: (s) => `hf_${s.text(UPPER + LOWER, 34)}`,
  groq: (s) => `gsk_${s.text(ALNUM, 52)}`,
  openrouter: (s) => `sk-or-v1-${s.text(HEX, 64)}`,
  replicate: (s) => `r8_${s.text(ALNUM, 37)}`,
  npm: (s) => checked('npm_', s),
  pypi: (s) => `pypi-AgEIcHlwaS5vcmc${s.text(SAFE64, 160)}`,
  docker: (s) => `dckr_${'pat_'}${s.text(SAFE64, 27)}`,
  'twilio-key': (s) => `SK${s.text(HEX, 32)}`,
  sendgrid: (s) => `SG.${s.text(SAFE64, 22)}.${s.text(SAFE64, 43)}`,
  mailgun: (s) => `key-${s.text(HEX, 32)}`,
  mailchimp: (s) => `${s.text(HEX, 32)}-us${1 + s.below(21)}`,
  newrelic: (s) => `NRAK-${s.text(UPPER + DIGITS, 27)}`,
  'newrelic-license': (s) => `${s.text(HEX, 36)}NRAL`,
  digitalocean: (s) => `dop_${'v1_'}${s.text(HEX, 64)}`,
  heroku: (s) => `HRKU-AA${s.text(SAFE64, 58)}`,
  vault: (s) => `hvs.CAES${s.text(SAFE64, 90)}`,
  terraform: (s) => `${s.text(ALNUM, 14)}.atlasv1.${s.text(ALNUM, 67)}`,
  databricks: (s) => `dapi${s.text(HEX, 32)}`,
  shopify: (s) => `${s.of(['shpat', 'shpss', 'shpca'])}_${s.text(HEX, 32)}`,
  square: (s) => s.of([`sq0atp-${s.text(SAFE64, 22)}`, `EAAA${s.text(SAFE64, 60)}`]),
  telegram: (s) => `${num(s, 9).replace(/^0/, '7')}5:AA${s.text(SAFE64, 33)}`,
  'discord-bot': (s) =>
    `${btoa(`1${num(s, 17)}`).replace(/=/g, '')}.G${s.text(SAFE64, 5)}.${s.text(SAFE64, 38)}`,
  'discord-hook': (s) => `https://discord.com/api/webhooks/1${num(s, 17)}/${s.text(SAFE64, 68)}`,
  linear: (s) => `lin_api_${s.text(ALNUM, 40)}`,
  postman: (s) => `PMAK-${s.text(HEX, 24)}-${s.text(HEX, 34)}`,
  grafana: (s) => {
    const body = s.text(ALNUM, 32);
    return `glsa_${body}_${crc32(body).toString(16).padStart(8, '0')}`;
  },
  doppler: (s) => `dp.st.prd.${s.text(ALNUM, 43)}`,
  planetscale: (s) => `pscale_pw_${s.text(SAFE64, 43)}`,
  jwt: (s) => {
    const header = safe(JSON.stringify({ alg: s.of(['HS256', 'RS256', 'ES256']), typ: 'JWT' }));
    const body = safe(JSON.stringify({ sub: num(s, 9), iat: 1_700_000_000 + s.below(9e7), role: 'member' }));
    return `${header}.${body}.${s.text(SAFE64, 43)}`;
  },
  basic: (s) => btoa(`${s.of(list('svc api build ops'))}:${password(s, 0)}`),
  'pem-body': (s, n) =>
    `MII${s.text(BASE64, 61)}\n${Array.from({ length: n || 6 }, () => s.text(BASE64, 64)).join('\n')}\n${s.text(BASE64, 30)}==`,
  'openssh-body': (s) =>
    `b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAAB${s.text(BASE64, 18)}\n${Array.from({ length: 5 }, () => s.text(BASE64, 70)).join('\n')}\n${s.text(BASE64, 18)}=`,
  'pgp-body': (s) =>
    `lQPGBGY${s.text(BASE64, 57)}\n${Array.from({ length: 8 }, () => s.text(BASE64, 64)).join('\n')}\n=${s.text(BASE64, 4)}`,
  'pem-file': (s) =>
    btoa(
      `-----BEGIN RSA ${'PRIVATE KEY'}-----\nMII${s.text(BASE64, 61)}\n${s.text(BASE64, 64)}\n${s.text(BASE64, 40)}\n-----END RSA ${'PRIVATE KEY'}-----\n`,
    ),
  bcrypt: (s) => `$2b$12$${s.text(`./${ALNUM}`, 53)}`,
  argon2: (s) => `$argon2id$v=19$m=65536,t=3,p=4$${s.text(BASE64, 22)}$${s.text(BASE64, 43)}`,
  sha512crypt: (s) => `$6$${s.text(ALNUM, 16)}$${s.text(`./${ALNUM}`, 86)}`,
  scram: (s) => `SCRAM-SHA-256$4096:${btoa(bytes(s, 16))}$${btoa(bytes(s, 32))}:${btoa(bytes(s, 32))}`,
  mysqlhash: (s) => `*${s.text(HEX.toUpperCase(), 40)}`,
  pgmd5: (s) => `md5${s.text(HEX, 32)}`,

  email: (s) =>
    `${s.of(FIRST).toLowerCase()}${s.of(['.', '_', ''])}${s.of(LAST).toLowerCase()}${s.of(['', num(s, 2), '+news'])}@${s.of(HOSTS)}`,
  'phone-e164': (s) =>
    s.of([
      `+1${2 + s.below(8)}${num(s, 2)}${2 + s.below(8)}${num(s, 6)}`
        .replace(/^\+1(.)11/, '+1$112')
        .replace(/^(\+1...)(.)11/, '$1$212'),
      `+4479${num(s, 8)}`.replace('+44790', '+44791'),
      `+4917${s.of(list('0 1 2 3 5 6'))}${num(s, 7)}`,
      `+336${1 + s.below(8)}${num(s, 7)}`,
    ]),
  'phone-spaced': (s) =>
    s.of([
      `+44 7${s.of(list('4 5 7'))}00 ${num(s, 6)}`,
      `+33 6 ${s.of(list('12 23 45'))} ${num(s, 2)} ${num(s, 2)} ${num(s, 2)}`,
      `+1 (415) ${s.of(list('555 623 832'))}-${num(s, 4)}`,
      `+91 98${num(s, 3)} ${num(s, 5)}`,
      `+61 4${s.of(list('12 23 38'))} ${num(s, 3)} ${num(s, 3)}`,
    ]),
  'phone-us': (s) =>
    s.of([
      `(${s.of(list('206 312 415 617 718'))}) ${s.of(list('234 623 832'))}-${num(s, 4)}`,
      `${s.of(list('206 312 415 617 718'))}-${s.of(list('234 623 832'))}-${num(s, 4)}`,
      `${s.of(list('206 312 415 617 718'))}.${s.of(list('234 623 832'))}.${num(s, 4)}`,
    ]),
  'phone-de': (s) => s.of([`030 2${num(s, 7)}`, `0171 ${1 + s.below(9)}${num(s, 6)}`, `089/4${num(s, 6)}`]),
  'phone-uk': (s) => s.of([`020 7${num(s, 3)} ${num(s, 4)}`, `07${s.of(list('400 700 912'))} ${num(s, 6)}`]),
  'phone-fr': (s) => `06 ${s.of(list('12 23 45'))} ${num(s, 2)} ${num(s, 2)} ${num(s, 2)}`,
  card: (s) =>
    s.of([
      () => luhn(`4${num(s, 14)}`),
      () => luhn(`5${1 + s.below(5)}${num(s, 13)}`),
      () => luhn(`3${s.of(list('4 7'))}${num(s, 12)}`),
      () => luhn(`6011${num(s, 11)}`),
    ])(),
  'card-spaced': (s) => luhn(`4${num(s, 14)}`).replace(/(\d{4})(?=\d)/g, '$1 '),
  'card-dashed': (s) => luhn(`5${1 + s.below(5)}${num(s, 13)}`).replace(/(\d{4})(?=\d)/g, '$1-'),
  cvv: (s) => num(s, 3),
  iban,
  'iban-spaced': (s) => iban(s).replace(/(.{4})(?=.)/g, '$1 '),
  swift: (s) => s.of(['DEUTDEFF', 'BNPAFRPP', 'CHASUS33', 'NDEANOKK', 'RABONL2U']) + s.of(['', '500', 'XXX']),
  account: (s) => num(s, 10),
  routing: (s) =>
    until(() => {
      const v = `0${1 + s.below(9)}${num(s, 7)}`;
      return sum(v, [3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 === 0 ? v : null;
    }),
  ssn: (s) => `${100 + s.below(560)}-${10 + s.below(89)}-${1000 + s.below(8999)}`,
  'ssn-plain': (s) => `${100 + s.below(560)}${10 + s.below(89)}${1000 + s.below(8999)}`,
  itin: (s) => `9${num(s, 2)}-${70 + s.below(19)}-${1000 + s.below(8999)}`,
  ein: (s) => `${s.of(list('12 33 47 58 84'))}-${num(s, 7)}`,
  nino: (s) => `${s.of(list('AB CE JG PR SX'))}${num(s, 6)}${s.of(list('A B C D'))}`,
  'nino-spaced': (s) =>
    `${s.of(list('AB CE JG PR SX'))} ${num(s, 2)} ${num(s, 2)} ${num(s, 2)} ${s.of(list('A B C D'))}`,
  nhs: (s) =>
    until(() => {
      const body = `${s.of(list('4 6 7'))}${num(s, 8)}`;
      const check = 11 - (sum(body, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11);
      return check === 10 ? null : `${body}${check % 11}`.replace(/(...)(...)/, '$1 $2 ');
    }),
  'steuer-id': (s) =>
    until(() => {
      // Ten digits in which exactly one occurs twice.
      const pool = [...DIGITS];
      const drop = s.below(10);
      const twice = (drop + 1 + s.below(9)) % 10;
      pool[drop] = String(twice);
      const mixed = pool.map((v) => [s.below(1e9), v] as const).sort((a, b) => a[0] - b[0]);
      const body = mixed.map((p) => p[1]).join('');
      if (body[0] === '0' || /(\d)\1\1/.test(body)) return null;
      let product = 10;
      for (const c of body) {
        let v = (Number(c) + product) % 10;
        if (v === 0) v = 10;
        product = (v * 2) % 11;
      }
      const check = 11 - product;
      return body + (check === 10 ? 0 : check);
    }),
  nir: (s) => {
    const body = `${1 + s.below(2)}${num(s, 2)}${String(1 + s.below(12)).padStart(2, '0')}75${String(100 + s.below(300))}${String(10 + s.below(900)).padStart(3, '0')}`;
    return body + String(97 - Number(BigInt(body) % 97n)).padStart(2, '0');
  },
  dni: (s) => {
    const n = num(s, 8);
    return n + 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(n) % 23];
  },
  'codice-fiscale': (s) => {
    const body = `${s.of(list('RSS BNC VRD LMB'))}${s.of(list('MRA GNN LCU PLA'))}${num(s, 2)}${s.of([...'ABCDEHLMPRST'])}${String(1 + s.below(28)).padStart(2, '0')}H501`;
    const odd = [
      1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
    ];
    let total = 0;
    [...body].forEach((c, i) => {
      const v = /\d/.test(c) ? Number(c) : c.charCodeAt(0) - 65;
      total += i % 2 === 0 ? (odd[v] as number) : v;
    });
    return body + UPPER[total % 26];
  },
  pesel: (s) => {
    const body = `${date6(s)}${num(s, 4)}`;
    return body + ((10 - (sum(body, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)) % 10);
  },
  cpf: (s) => {
    const part = (t: string) => {
      const r = [...t].reduce((a, c, i) => a + Number(c) * (t.length + 1 - i), 0) % 11;
      return r < 2 ? 0 : 11 - r;
    };
    const body = num(s, 9);
    const one = body + part(body);
    return (one + part(one)).replace(/(...)(...)(...)(..)/, '$1.$2.$3-$4');
  },
  cnpj: (s) => {
    const digit = (t: string, w: number[]) => {
      const r = sum(t, w) % 11;
      return r < 2 ? 0 : 11 - r;
    };
    const body = `${num(s, 8)}0001`;
    const w = [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    const one = body + digit(body, w);
    const all = one + digit(one, [6, ...w]);
    return all.replace(/(..)(...)(...)(....)(..)/, '$1.$2.$3/$4-$5');
  },
  aadhaar: (s) => verhoeff(`${2 + s.below(8)}${num(s, 10)}`).replace(/(....)(....)/, '$1 $2 '),
  pan: (s) => `${s.text(UPPER, 3)}P${s.text(UPPER, 1)}${num(s, 4)}${s.text(UPPER, 1)}`,
  tfn: (s) =>
    until(() => {
      const v = `${1 + s.below(9)}${num(s, 8)}`;
      return sum(v, [1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 === 0 ? v.replace(/(...)(...)/, '$1 $2 ') : null;
    }),
  bsn: (s) =>
    until(() => {
      const v = `${1 + s.below(9)}${num(s, 8)}`;
      return sum(v, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0 ? v : null;
    }),
  personnummer: (s) => luhn(`${date6(s)}${num(s, 3)}`).replace(/(......)/, '$1-'),
  'my-number': (s) => {
    const body = num(s, 11);
    const weights = [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2];
    const rest = sum(body, weights) % 11;
    return body + (rest <= 1 ? 0 : 11 - rest);
  },
  rrn: (s) => {
    const body = `${date6(s)}${1 + s.below(2)}${num(s, 5)}`;
    return `${body}${(11 - (sum(body, [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11)) % 10}`.replace(
      /(.{6})/,
      '$1-',
    );
  },
  'cn-id': (s) => {
    const body = `11010119${date6(s)}${num(s, 3)}`;
    return body + '10X98765432'[sum(body, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11];
  },
  tckn: (s) => {
    const b = `${1 + s.below(9)}${num(s, 8)}`;
    const odd = sum(b, [1, 0, 1, 0, 1, 0, 1, 0, 1]);
    const even = sum(b, [0, 1, 0, 1, 0, 1, 0, 1]);
    const ten = (((odd * 7 - even) % 10) + 10) % 10;
    return `${b}${ten}${(odd + even + ten) % 10}`;
  },
  sin: (s) => luhn(`${s.of(list('1 2 4 5 6 7'))}${num(s, 7)}`).replace(/(...)(...)/, '$1 $2 '),
  hetu: (s) => {
    const day = String(1 + s.below(28)).padStart(2, '0');
    const body = `${day}${String(1 + s.below(12)).padStart(2, '0')}${num(s, 2)}`;
    const tail = String(2 + s.below(890)).padStart(3, '0');
    return `${body}-${tail}${'0123456789ABCDEFHJKLMNPRSTUVWXY'[Number(body + tail) % 31]}`;
  },
  ahv: (s) => {
    const body = `756${num(s, 9)}`;
    const check = (10 - (sum(body, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]) % 10)) % 10;
    return `${body}${check}`.replace(/(...)(....)(....)(..)/, '$1.$2.$3.$4');
  },
  passport: (s) => s.of([`C${s.text(UPPER, 1)}${num(s, 7)}`, num(s, 9), `${s.text(UPPER, 1)}${num(s, 8)}`]),
  licence: (s) => `${s.text(UPPER, 1)}${num(s, 7)}`,
  mrn: (s) => `${num(s, 8)}`,
  dob: (s) =>
    `19${50 + s.below(49)}-${String(1 + s.below(12)).padStart(2, '0')}-${String(1 + s.below(28)).padStart(2, '0')}`,
  'dob-us': (s) =>
    `${String(1 + s.below(12)).padStart(2, '0')}/${String(1 + s.below(28)).padStart(2, '0')}/19${50 + s.below(49)}`,
  imei: (s) => luhn(`35${num(s, 12)}`),
  ipv4: (s) => `${11 + s.below(150)}.${s.below(256)}.${s.below(256)}.${1 + s.below(254)}`,
  ipv6: (s) => `2a01:4f8:${s.text(HEX, 4)}:${s.text(HEX, 4)}::${s.text(HEX, 3)}1`,
  mac: (s) => Array.from({ length: 6 }, () => s.text(HEX, 2)).join(':'),
  street: (s) => `${1 + s.below(200)} ${s.of(WORDS).replace(/^./, (c) => c.toUpperCase())} Street`,
};

/** What a carrier does to a value before it is written. */
export const WRITERS: Readonly<Record<string, (text: string, arg: number) => string>> = {
  b64: (text) => btoa(text),
  json: (text) => JSON.stringify(text).slice(1, -1),
  json2: (text) => JSON.stringify(JSON.stringify(text).slice(1, -1)).slice(1, -1),
  url: (text) => encodeURIComponent(text),
  indent: (text, n) => text.replace(/\n/g, `\n${' '.repeat(n)}`),
  plus: (text) => text.replace(/\n/g, '\n+'),
  crlf: (text) => text.replace(/\n/g, '\r\n'),
};
