import { expect, test } from '@jest/globals';
import { createScanner } from '../../scan/scanner.ts';

const scanner = createScanner({ detectors: ['secrets', 'pii'] });
const found = (text: string) => scanner.find(text).map((f) => text.slice(f.start, f.end));

const secret = ['k9Xq', 'mZ2v', 'Lr7T', 'b4Wd'].join('');
const hash = ['9f86d081', '884c7d65', '9a2feaa0', 'c55ad015'].join('');

test.each([
  ['a highlighted key', `\x1b[01;31m\x1b[KAPI_KEY\x1b[m\x1b[K=${secret}\n`, secret],
  ['coloured JSON', `\x1b[34;1m"password"\x1b[0m\x1b[39m:\x1b[0m \x1b[32m"hunter2"\x1b[0m`, 'hunter2'],
  ['a highlighted address', '\x1b[01;31m\x1b[Kbob_99@firma.de\x1b[m\x1b[K', 'bob_99@firma.de'],
  ['a multipart form', `Content-Disposition: form-data; name="token"\r\n\r\n${secret}\r\n--b`, secret],
  [
    'an object with a value',
    `"api_key": {"sensitive": true, "type": "string", "value": "${secret}"}`,
    secret,
  ],
  ['a default in code', `const x = process.env.API_KEY || '${secret}';`, secret],
  ['a default in Ruby', `ENV['API_KEY'] ||= '${secret}'`, secret],
  ['a default in a shell', `DB_PASS=\${DB_PASS:-s3cr3tpw99}`, 's3cr3tpw99'],
  ['rows of pg_dump', `COPY users (id, password, n) FROM stdin;\n1\t${secret}\t2\n\\.\n`, secret],
  ['bold in Markdown', `**SSN**: 457555462\n`, '457555462'],
  ['a field of a form', 'user=ada&dob=02%2F11%2F1954&x=1', '02%2F11%2F1954'],
  ['letters only', 'password=correcthorse', 'correcthorse'],
  ['an owner after the key', `Password for bob is ${secret}, bye`, secret],
  ['a user and a password', `login: admin / ${secret}`, secret],
  ['arguments of a call', `requests.get(u, auth=("ada", "${secret}"))`, secret],
  ['a command before a pipe', `echo ${secret} | docker login --password-stdin r.io`, secret],
  ['a doubled quote of SQL', `PASSWORD 'it''s-${secret}'`, `it''s-${secret}`],
  ['a property list', `<key>ApiKey</key>\n<string>${secret}</string>`, secret],
  [
    'a syslog line with a key',
    `-----BEGIN PRIVATE ${'KEY'}-----#012${secret.repeat(4)}#012-----END`,
    secret.repeat(4),
  ],
])('%s', (_, text, value) => {
  expect(found(text)).toEqual([value]);
});

test.each([
  'login: admin / viewer / editor',
  "t.pass('saturated')",
  "('PASSWORD', 'PLACING', 'PLANS')",
  'pw = pw[:-1]',
  'token = token[:-1]',
  "core_token = r'(?:[^x]+)'",
  'password: string',
  'the password is required',
  `AUTH LOGIN`,
  `secret = keypair[:32]; etag ${hash}`,
])('leaves %s alone', (text) => {
  expect(found(text)).toEqual([]);
});
