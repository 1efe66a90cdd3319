/**
 * A labelled corpus, the same for the same seed and put together at run time: no file of the project holds a token.
 * It is for finding mistakes and for watching that quality does not slip; it is not what anybody else scores with.
 */
export interface Label {
  readonly start: number;
  readonly end: number;
  readonly type: string;
}

export interface Sample {
  readonly text: string;
  readonly labels: readonly Label[];
  readonly kind: 'positive' | 'lookalike' | 'clean';
}

/** A small generator of random numbers (mulberry32), so that runs can be compared. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';
const ALNUM = UPPER + LOWER + DIGITS;
const HEX = '0123456789abcdef';

/** What the templates draw from. */
export class Source {
  private readonly next: () => number;

  constructor(seed: number) {
    this.next = random(seed);
  }

  int(n: number): number {
    return Math.floor(this.next() * n);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)] as T;
  }

  chars(alphabet: string, n: number): string {
    let out = '';
    for (let i = 0; i < n; i += 1) out += alphabet[this.int(alphabet.length)];
    return out;
  }

  hex(n: number): string {
    return this.chars(HEX, n);
  }

  alnum(n: number): string {
    return this.chars(ALNUM, n);
  }

  digits(n: number): string {
    return this.chars(DIGITS, n);
  }

  uuid(): string {
    return `${this.hex(8)}-${this.hex(4)}-4${this.hex(3)}-a${this.hex(3)}-${this.hex(12)}`;
  }
}

const WORDS =
  'amber basin cedar delta ember fjord grove harbor island jungle kernel lagoon meadow nebula orchid prairie quartz river summit tundra'.split(
    ' ',
  );

const password = (s: Source): string =>
  s.pick([
    () => s.pick(WORDS) + s.digits(3) + s.pick(['!', '#', '%', '']),
    () => s.alnum(12),
    () =>
      `${s.pick(WORDS)[0]?.toUpperCase()}${s.pick(WORDS).slice(1)}${s.pick(['@', '_', '-', '$'])}${s.digits(4)}`,
    () => s.chars(`${ALNUM}!#%*+-_`, 16),
  ])();

const base64 = (text: string): string => btoa(text);
const url64 = (text: string): string => btoa(text).replace(/=+$/, '').replace(/\+/g, '-').replace(/\//g, '_');

function luhnDigit(body: string): string {
  let sum = 0;
  for (let i = 0; i < body.length; i += 1) {
    let d = Number(body[body.length - 1 - i]);
    if (i % 2 === 0) d = d > 4 ? d * 2 - 9 : d * 2;
    sum += d;
  }
  return String((10 - (sum % 10)) % 10);
}

/** Values that are recognisable by themselves. */
export const SELF: Readonly<Record<string, (s: Source) => string>> = {
  aws: (s) => `AKIA${s.chars(`${UPPER}234567`, 16)}`,
  github: (s) => s.pick(['ghp_', 'gho_', 'ghs_', 'ghu_']) + s.alnum(36),
  'github-fine': (s) => `github_pat_${s.alnum(22)}_${s.alnum(59)}`,
  gitlab: (s) => `glpat-${s.alnum(20)}`,
  slack: (s) => `xoxb-${s.digits(12)}-${s.digits(12)}-${s.alnum(24)}`,
  stripe: (s) => `sk_live_${s.alnum(24)}`,
  openai: (s) => `sk-proj-${s.alnum(74)}T3Blbk${'FJ'}${s.alnum(74)}`,
  anthropic: (s) => `sk-ant-api03-${s.alnum(93)}AA`,
  google: (s) => `AIza${s.alnum(35)}`,
  huggingface: (s) => `hf_${s.chars(UPPER + LOWER, 34)}`,
  npm: (s) => `npm_${s.alnum(36)}`,
  sendgrid: (s) => `SG.${s.alnum(22)}.${s.alnum(43)}`,
  jwt: (s) =>
    `${url64(JSON.stringify({ alg: 'RS256', typ: 'JWT' }))}.${url64(JSON.stringify({ sub: s.alnum(10), exp: 1900000000 + s.int(9999) }))}.${s.alnum(86)}`,
  vault: (s) => `hvs.${s.alnum(24)}`,
  digitalocean: (s) => `dop_v1_${s.hex(64)}`,
  telegram: (s) => `${s.pick('123456789'.split(''))}${s.digits(9)}:AA${s.alnum(33)}`,
  bcrypt: (s) => `$2b$12$${s.alnum(53)}`,
  email: (s) =>
    `${s.pick(WORDS)}.${s.pick(WORDS)}${s.int(99)}@${s.pick(WORDS)}${s.pick(['.com', '.io', '.co.uk', '.de'])}`,
  phone: (s) =>
    `+1${s.pick([' ', '-', ''])}${s.pick(['415', '212', '646'])}-${s.pick(['555', '867'])}-${s.digits(4)}`,
  card: (s) => {
    const body = `4${s.digits(14)}`;
    const all = body + luhnDigit(body);
    return s.pick([all, all.replace(/(.{4})(?=.)/g, '$1 '), all.replace(/(.{4})(?=.)/g, '$1-')]);
  },
  ssn: (s) => `${100 + s.int(500)}-${10 + s.int(89)}-${1000 + s.int(8999)}`,
  iban: (s) => {
    const bban = `3704${s.digits(14)}`;
    let rest = 0;
    for (const c of `${bban}131400`) rest = (rest * 10 + Number(c)) % 97;
    return `DE${String(98 - rest).padStart(2, '0')}${bban}`;
  },
};

/** Values that only their key gives away. */
export const KEYED: Readonly<Record<string, { keys: readonly string[]; value: (s: Source) => string }>> = {
  password: {
    keys: [
      'password',
      'DB_PASSWORD',
      'dbPassword',
      'db.password',
      'admin_pwd',
      'smtp-passphrase',
      'REDIS_PASS',
      'userPassword',
    ],
    value: password,
  },
  token: {
    keys: [
      'API_KEY',
      'apiKey',
      'api-key',
      'access_token',
      'authToken',
      'client_secret',
      'CLIENT_SECRET',
      'webhookSecret',
      'signing_key',
      'SECRET_KEY_BASE',
      'dd_api_key',
      'x-api-key',
    ],
    value: (s) =>
      s.pick([
        () => s.hex(32),
        () => s.alnum(40),
        () => s.alnum(24),
        () => `${s.alnum(20)}-${s.alnum(12)}`,
      ])(),
  },
  dob: {
    keys: ['dob', 'date_of_birth', 'birthDate'],
    value: (s) => `19${50 + s.int(49)}-0${1 + s.int(9)}-${10 + s.int(18)}`,
  },
  passport: { keys: ['passport_number', 'passportNo'], value: (s) => `${s.chars(UPPER, 1)}${s.digits(8)}` },
  mrn: { keys: ['mrn', 'medical_record_number', 'patient_id'], value: (s) => s.digits(8) },
  account: { keys: ['account_number', 'bankAccount'], value: (s) => s.digits(10) },
  phone: { keys: ['phone', 'mobile', 'phone_number'], value: (s) => `0${s.digits(3)} ${s.digits(7)}` },
};

type Wrap = (s: Source, key: string, value: string) => readonly [string, string];

const upper = (key: string): string =>
  key
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replace(/[-.]/g, '_')
    .toUpperCase();

/** Ways text holds a key and its value: what stands before the value, and after it. */
export const WRAPS: Readonly<Record<string, Wrap>> = {
  env: (s, k) => [`NODE_ENV=production\n${upper(k)}=`, `\nPORT=${s.int(9000)}\n`],
  export: (_s, k) => [`export ${upper(k)}="`, '"\n'],
  yaml: (_s, k) => [`service:\n  host: db\n  ${k}: `, '\n  retries: 3\n'],
  yamlQuoted: (_s, k) => [`auth:\n  ${k}: '`, "'\n"],
  json: (s, k) => [`{"id":${s.int(999)},"${k}":"`, '","active":true}'],
  jsonPretty: (_s, k) => [`{\n  "name": "shop",\n  "${k}": "`, '",\n  "debug": false\n}'],
  escapedJson: (_s, k) => [`{"arguments":"{\\"user\\":\\"bo\\",\\"${k}\\":\\"`, '\\",\\"n\\":1}"}'],
  ini: (_s, k) => [`[database]\nuser = app\n${k} = `, '\ntimeout = 30\n'],
  properties: (_s, k) => [`app.name=shop\napp.${k}=`, '\n'],
  hcl: (_s, k) => [`resource "x" "y" {\n  ${k} = "`, '"\n}\n'],
  xml: (_s, k) => [`<config><user>app</user><${k}>`, `</${k}></config>`],
  python: (_s, k) => [`client = Client(host="db", ${k.replace(/[-.]/g, '_')}="`, '", timeout=3)'],
  js: (_s, k) => [`const ${k.replace(/[-.]/g, '_')} = '`, "';\n"],
  header: (_s, k) => [
    `GET /v1/items HTTP/1.1\r\nHost: api\r\nX-${k.replace(/[_.]/g, '-')}: `,
    '\r\nAccept: */*\r\n',
  ],
  query: (_s, k) => [`GET https://api.internal/v1/items?page=2&${k}=`, '&sort=asc 200'],
  log: (s, k) => [
    `2026-03-0${1 + s.int(9)}T10:11:12.123Z INFO request done ${k}=`,
    ` status=200 took=${s.int(99)}ms`,
  ],
  cli: (_s, k) => [`deployctl run --${k.replace(/[_.]/g, '-')} `, ' --region eu-west-1'],
  cliEquals: (_s, k) => [`deployctl run --${k.replace(/[_.]/g, '-')}=`, ' --verbose'],
  csv: (s, k) => [`id,name,${k},city\n${s.int(99)},${s.pick(WORDS)},`, ',Leeds\n'],
  psql: (s, k) => [` id | ${k} | city\n----+-----+------\n  ${s.int(9)} | `, ' | Leeds\n(1 row)\n'],
  tsv: (s, k) => [`id\t${k}\tcity\n${s.int(99)}\t`, '\tLeeds\n'],
  sqlSet: (_s, k) => [`UPDATE accounts SET ${k.replace(/[-.]/g, '_')} = '`, "' WHERE id = 7;"],
  prose: (_s, k) => [`Hi team, the ${k} is `, ' until Friday, then it changes.'],
  k8sEnv: (_s, k) => [`      - name: ${upper(k)}\n        value: "`, '"\n'],
  envJson: (_s, k) => [`[{"name":"${upper(k)}","value":"`, '"}]'],
  docker: (_s, k) => [`docker run -e ${upper(k)}=`, ' -p 80:80 shop:1.2.3'],
  php: (_s, k) => [`'user' => 'app', '${k}' => '`, "', 'port' => 3306"],
  markdown: (_s, k) => [`| field | ${k} |\n|---|---|\n| x | `, ' |\n'],
};

/** Ways text holds a value that needs no key. */
export const PLAIN: readonly ((s: Source) => readonly [string, string])[] = [
  () => ['', ''],
  () => ['please use ', ' from now on'],
  () => ['["', '"]'],
  () => ["VALUES (7, '", "', NULL)"],
  () => ['a,', ',b'],
  () => ['<td>', '</td>'],
  () => ['{\\"v\\":\\"', '\\"}'],
  () => ['(', ')'],
  () => ['line one\\n', '\\nline three'],
  () => ['see "', '".'],
  () => ['value: ', '\n'],
  () => ['\u001b[32m', '\u001b[0m'],
];

const KEYS_ONLY_QUOTED = new Set(['cli', 'prose']);

function positives(s: Source, n: number): Sample[] {
  const out: Sample[] = [];
  const wrapNames = Object.keys(WRAPS);
  for (let i = 0; i < n; i += 1) {
    for (const [type, make] of Object.entries(SELF)) {
      const value = make(s);
      const [before, after] = s.pick(PLAIN)(s);
      out.push(sample(before, value, after, type));
    }
    for (const [type, { keys, value: make }] of Object.entries(KEYED)) {
      for (const name of [s.pick(wrapNames), s.pick(wrapNames), s.pick(wrapNames)]) {
        let value = make(s);
        const wrap = WRAPS[name] as Wrap;
        if (value.includes(' ') && KEYS_ONLY_QUOTED.has(name)) value = value.replace(/ /g, '');
        if (name === 'query' || name === 'docker') value = value.replace(/[^\w-]/g, '');
        const [before, after] = wrap(s, s.pick(keys), value);
        out.push(sample(before, value, after, `keyed-${type}`));
      }
    }
    out.push(...special(s));
  }
  return out;
}

const sample = (before: string, value: string, after: string, type: string): Sample => ({
  text: before + value + after,
  labels: [{ start: before.length, end: before.length + value.length, type }],
  kind: 'positive',
});

function special(s: Source): Sample[] {
  const pw = s.alnum(14);
  const pem = Array.from({ length: 6 }, () => s.alnum(64)).join('\n');
  const key = (word: string) => `-----${word} ${'PRIVATE'} KEY-----`;
  const basic = base64(`svc-${s.pick(WORDS)}:${s.alnum(12)}`);
  const aws = s.chars(`${ALNUM}/+`, 40);
  const dbUser = s.pick(WORDS);
  return [
    sample(
      `${s.pick(['postgres', 'mysql', 'mongodb+srv', 'redis', 'amqps'])}://${dbUser}:`,
      pw,
      '@db.internal:5432/shop',
      'uri',
    ),
    sample(`redis://:`, pw, '@cache:6379/0', 'uri'),
    sample(`${key('BEGIN')}\n`, pem, `\n${key('END')}\n`, 'pem'),
    sample(`{"key":"${key('BEGIN')}\\n`, pem.replace(/\n/g, '\\n'), `\\n${key('END')}\\n"}`, 'pem'),
    sample(`Authorization: Basic `, basic, '\r\nHost: x', 'basic'),
    sample(`curl -H "Authorization: Bearer `, s.alnum(48), '" https://api.internal', 'bearer'),
    sample(`Cookie: theme=dark; session=`, s.alnum(40), '; lang=en', 'cookie'),
    sample(`curl -u deploy:`, pw, ' https://ci.internal/job', 'command'),
    sample(`mysqldump -u root -p`, pw, ' shop > out.sql', 'command'),
    sample(`aws_access_key_id = x\naws_secret_access_key = `, aws, '\n', 'aws-secret'),
    sample(`Server=db;Database=shop;User Id=app;Password=`, pw, ';Encrypt=true', 'ado'),
    sample(`machine git.internal login ci password `, pw, '\n', 'netrc'),
    sample(`{"auths":{"registry.internal":{"auth":"`, basic, '"}}}', 'docker-auth'),
    sample(`apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n  value: `, base64(pw), '\n', 'k8s'),
    sample(`//npm.corp.example/:_authToken=`, s.uuid(), '\n', 'npmrc'),
    sample(`otpauth://totp/shop:bo?secret=`, s.chars(`${UPPER}234567`, 32), '&issuer=shop', 'totp'),
    sample(
      `    client-key-data: `,
      base64(`-----BEGIN RSA ${'PRIVATE'} KEY-----\n${s.alnum(200)}`),
      '\n',
      'kubeconfig',
    ),
    sample(`INSERT INTO users (id, email_ok, password) VALUES (4, true, '`, pw, "');", 'sql-insert'),
  ];
}

/** Text that looks like something and is nothing. */
export const LOOKALIKES: readonly ((s: Source) => string)[] = [
  (s) => `commit ${s.hex(40)}\nAuthor: build\n`,
  (s) => `sha256:${s.hex(64)}`,
  (s) => `"integrity": "sha512-${s.alnum(86)}=="`,
  (s) => `request_id=${s.uuid()} trace_id=${s.hex(32)} span_id=${s.hex(16)}`,
  (s) => `order ${s.digits(16)} shipped, tracking 1Z${s.chars(UPPER + DIGITS, 16)}`,
  (s) => `[${Array.from({ length: 24 }, () => `${s.pick(['', '-'])}0.0${s.digits(16)}`).join(', ')}]`,
  (s) =>
    `gtin ${s.digits(13)} ean=${s.digits(13)} isbn 978-${s.digits(1)}-${s.digits(4)}-${s.digits(4)}-${s.digits(1)}`,
  (s) => `ts=${1700000000000 + s.int(99999999)} ns=${1700000000}${s.digits(9)} seq=${s.digits(9)}`,
  (s) => `data:image/png;base64,iVBORw0KGgo${s.alnum(400)}==`,
  (s) => `next_page_token=${s.alnum(40)} cursor=eyJpZCI6${s.alnum(20)}`,
  () => 'password: string; token?: string | null; secret: SecretKeyRef',
  () => 'const password = process.env.DB_PASSWORD; const token = await getToken();',
  () => 'PASSWORD=changeme\nAPI_KEY=your-api-key-here\nTOKEN=<token>\nSECRET=$' + '{SECRET}',
  () => 'postgres://user:password@localhost:5432/db and postgres://app:$' + '{PW}@db/x',
  (s) => `version 1.${s.int(9)}.${s.int(99)}-beta.${s.int(9)}+build.${s.digits(8)}`,
  (s) =>
    `max_tokens=${s.int(4096)} prompt_tokens: ${s.int(999)}, completion_tokens: ${s.int(999)} token_count=${s.int(99)}`,
  (s) => `etag: "${s.hex(32)}" cache_key: ${s.hex(40)} public_key: ${s.alnum(44)}`,
  (s) =>
    `2026-0${1 + s.int(9)}-1${s.int(9)} 12:3${s.int(9)}:45,${s.digits(3)} GET /api/v2/items/${s.digits(9)} 200 ${s.digits(4)} 0.${s.digits(6)}`,
  (s) => `part no ${s.digits(3)}-${s.digits(2)}-${s.digits(4)}, sku ${s.chars(UPPER, 3)}-${s.digits(6)}`,
  (s) => `arn:aws:iam::${s.digits(12)}:role/x  i-0${s.hex(16)} vpc-${s.hex(8)}`,
  (s) => `go.sum: github.com/a/b v1.2.3 h1:${s.alnum(43)}=`,
  (s) =>
    `the password must be at least ${8 + s.int(4)} characters; your token expires in ${s.int(60)} minutes`,
  () =>
    'AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
  () =>
    '-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ\n-----END CERTIFICATE-----',
  () => 'git@github.com:org/repo.git lodash@4.17.21 @types/node@20.1.0 icon@2x.png ssh://git@host.internal/x',
  (s) => `idempotency_key: ${s.uuid()} session_id=${s.uuid()} user_id=${s.digits(8)} key_id: ${s.hex(16)}`,
];

const CLEAN: readonly ((s: Source) => string)[] = [
  (s) =>
    `2026-11-0${1 + s.int(8)}T0${s.int(9)}:1${s.int(9)}:42.${s.digits(3)}Z INFO  http request completed method=GET path=/v1/${s.pick(WORDS)}/${s.digits(5)} status=200 duration_ms=${s.int(900)} bytes=${s.digits(5)}`,
  (s) =>
    `{"level":"info","ts":17${s.digits(11)},"caller":"${s.pick(WORDS)}/server.go:${s.int(900)}","msg":"${s.pick(WORDS)} ${s.pick(WORDS)} refreshed","count":${s.int(1000)},"ratio":0.${s.digits(6)}}`,
  (s) =>
    `  const ${s.pick(WORDS)} = await load${s.int(9)}(${s.pick(WORDS)}.${s.pick(WORDS)}, { retries: ${s.int(9)}, keep: true });`,
  (s) =>
    `| ${s.digits(5)} | ${s.pick(WORDS)} ${s.pick(WORDS)} | 2026-01-${10 + s.int(18)} | ${s.int(999)}.${s.digits(2)} | active |`,
  (s) =>
    `http_requests_total{method="post",code="${s.pick(['200', '404'])}",path="/${s.pick(WORDS)}"} ${s.digits(6)} 17${s.digits(11)}`,
  (s) =>
    `  if (${s.pick(WORDS)} === null) return ${s.pick(WORDS)}.map((entry) => entry.${s.pick(WORDS)}); // keeps the order stable`,
];

/** `bytes` of text in which nothing is to be found. */
export function cleanText(seed: number, bytes: number): string {
  const s = new Source(seed);
  const lines: string[] = [];
  let size = 0;
  while (size < bytes) {
    const line = s.pick(CLEAN)(s);
    lines.push(line);
    size += line.length + 1;
  }
  return lines.join('\n').slice(0, bytes);
}

/** The corpus: `size` rounds over every type and template. */
export function corpus(seed: number, size: number): readonly Sample[] {
  const s = new Source(seed);
  const out = positives(s, size);
  for (let i = 0; i < size * 3; i += 1)
    for (const make of LOOKALIKES) out.push({ text: make(s), labels: [], kind: 'lookalike' });
  for (let i = 0; i < size; i += 1) out.push({ text: cleanText(seed + i, 4096), labels: [], kind: 'clean' });
  return out;
}
