import { type Dice, noise } from './second-values.ts';

const { HEX, AN, B64, D, U, L, WORDS } = noise;
const uuid = (d: Dice) =>
  `${d.chars(HEX, 8)}-${d.chars(HEX, 4)}-4${d.chars(HEX, 3)}-a${d.chars(HEX, 3)}-${d.chars(HEX, 12)}`;
const w = (d: Dice) => d.pick(WORDS);
const float = (d: Dice) => `${d.pick(['', '-'])}0.${d.chars(D, 6 + d.next(12))}`;
const CERT = 'CERTIFI' + 'CATE';

/** Look-alikes: nothing in them is sensitive. */
export const LOOKALIKES: readonly ((d: Dice) => string)[] = [
  (d) => `{"id":"${uuid(d)}","trace_id":"${d.chars(HEX, 32)}","span_id":"${d.chars(HEX, 16)}"}`,
  (d) => `commit ${d.chars(HEX, 40)}\nAuthor: ada\nDate:   Mon Mar 3 10:11:12 2026 +0100\n`,
  (d) => `image: registry.acme.io/app@sha256:${d.chars(HEX, 64)}`,
  (d) =>
    `    "integrity": "sha512-${d.chars(B64, 86)}==",\n    "resolved": "https://npm.corp.example/x/-/x-1.2.3.tgz"`,
  (d) => `checksum = "${d.chars(HEX, 64)}"\nname = "${w(d)}"\n`,
  (d) => `--hash=sha256:${d.chars(HEX, 64)} \\\n    --hash=sha256:${d.chars(HEX, 64)}`,
  (d) => `golang.org/x/${w(d)} v0.1.${d.next(99)} h1:${d.chars(B64, 43)}=\n`,
  (d) => `<img src="data:image/png;base64,iVBORw0KGgo${d.chars(B64, 200)}=="/>`,
  (d) => `[${Array.from({ length: 40 }, () => float(d)).join(', ')}]`,
  (d) => `"embedding":[${Array.from({ length: 40 }, () => float(d)).join(',')}]`,
  (d) => `gtin,name\n0${d.chars(D, 13)},${w(d)}\n${d.chars(D, 13)},${w(d)}\n`,
  (d) => `{"ts":17${d.chars(D, 11)},"created":17${d.chars(D, 8)},"nanos":17${d.chars(D, 17)}}`,
  (d) => `order 4${d.chars(D, 15)} shipped, tracking 1Z${d.chars(U + D, 16)}`,
  (d) =>
    `order_id=${d.chars(D, 9)} invoice=INV-${d.chars(D, 8)} part=${d.chars(U, 2)}-${d.chars(D, 4)}-${d.chars(U, 3)}`,
  (d) => `version: 1.${d.next(99)}.${d.next(99)}-rc.${d.next(9)}+build.${d.chars(D, 8)}`,
  () => 'max_tokens: 4096\ntemperature: 0.7\ntoken_type: bearer\ntoken_count: 812\n',
  (d) =>
    `{"usage":{"prompt_tokens":${d.next(9999)},"completion_tokens":${d.next(9999)},"total_tokens":${d.next(9999)}},"max_tokens":4096}`,
  () => '{"token_type":"Bearer","expires_in":3600,"scope":"read:user write:repo"}',
  () => 'password_policy:\n  min_length: 12\n  require_symbols: true\n  password_expiry_days: 90\n',
  () =>
    '        - name: DB_PASSWORD\n          valueFrom:\n            secretKeyRef:\n              name: db-credentials\n              key: password\n',
  () => `env:\n  API_KEY: \${{ secrets.API_KEY }}\n  DB_PASSWORD: \${DB_PASSWORD:?required}\n`,
  () => 'password = var.db_password\ntoken    = data.vault_generic_secret.x.data["token"]\n',
  () => 'POSTGRES_PASSWORD_FILE=/run/secrets/pg_password\nSECRET_NAME=prod/db/main\n',
  () => 'API_KEY=your-api-key-here\nPASSWORD=changeme\nTOKEN=<your-token>\nSECRET=xxxxxxxxxxxx\n',
  () => 'API_TOKEN=***\npassword: "********"\nsecret: [REDACTED]\n',
  () =>
    `aws_access_key_id = ${'AKIA'}IOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n`,
  (d) => `-----BEGIN ${CERT}-----\nMII${d.chars(B64, 61)}\n${d.chars(B64, 64)}\n-----END ${CERT}-----\n`,
  (d) => `-----BEGIN PUBLIC KEY-----\nMII${d.chars(B64, 61)}\n-----END PUBLIC KEY-----\n`,
  (d) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${d.chars(B64, 43)} ada@laptop\n`.replace(' ada@laptop', ''),
  (d) =>
    `SHA256:${d.chars(B64, 43)} fingerprint of host key\nMD5:${(d.chars(HEX, 32).match(/../g) ?? []).join(':')}`,
  (d) =>
    `{${d.chars(HEX.toUpperCase(), 8)}-${d.chars('0123456789ABCDEF', 4)}-4${d.chars('0123456789ABCDEF', 3)}-8ABC-${d.chars('0123456789ABCDEF', 12)}}`,
  (d) =>
    `http_requests_total{method="GET",code="200"} ${d.chars(D, 9)}\ngo_gc_duration_seconds{quantile="0.5"} 0.000${d.chars(D, 6)}\n`,
  (d) =>
    `!function(e,t){var n={};function r(o){if(n[o])return n[o].exports;var ${w(d)}=n[o]={i:o,l:!1,exports:{}};return e[o].call(${w(d)}.exports,r)}r.token=function(e){return e.password||t.secret}}([]);`,
  () =>
    '{"login.password":"Passwort","login.forgot":"Passwort vergessen?","auth.token.expired":"Ihre Sitzung ist abgelaufen","password_placeholder":"Enter your password","passwordLabel":"Kennwort eingeben"}',
  () =>
    'password: Passwort\npassword_confirmation: Passwort bestätigen\ntoken: Zugriffstoken\nsecret: Geheimnis\n',
  () =>
    '  "password": "Mot de passe",\n  "newPassword": "Nouveau mot de passe",\n  "email": "Adresse e-mail",\n  "phone": "Téléphone"',
  (d) =>
    `10.${d.next(255)}.${d.next(255)}.${d.next(255)} 192.168.1.${d.next(255)} 2001:db8:${d.chars(HEX, 4)}::1 ${(d.chars(HEX, 12).match(/../g) ?? []).join(':')}`,
  (d) => `2026-03-1${d.next(9)} 10:11:12.${d.chars(D, 6)} 20260312${d.chars(D, 6)} 12/03/2026`,
  (d) =>
    `size=${d.chars(D, 10)} offset=${d.chars(D, 12)} bytes=${d.chars(D, 9)} pid=${d.chars(D, 5)} inode=${d.chars(D, 8)}`,
  (d) => `isbn 978-3-16-14${d.chars(D, 4)}-0 issn 2049-36${d.chars(D, 2)} doi 10.1000/${d.chars(D, 6)}`,
  (d) =>
    `model XR-${d.chars(D, 3)}-${d.chars(D, 2)}-${d.chars(D, 4)} serial ${d.chars(U, 3)}${d.chars(D, 9)}`,
  (d) => `phase 415-${d.chars(D, 3)} ticket 2025-10-${d.chars(D, 5)} ref 800-53 rev 5`,
  () =>
    'const password = req.body.password;\nif (!token) throw new Error("token missing");\nconst secret = await getSecret(name);\n',
  () =>
    'interface Login {\n  password: string;\n  token?: string;\n  apiKey: string | undefined;\n  secret: Buffer;\n}\n',
  () =>
    'def login(user: str, password: str, token: Optional[str] = None) -> Session:\n    """password: the password of the user"""\n',
  () =>
    'func NewClient(token string, secret []byte) *Client { return &Client{Token: token, Secret: secret} }\n',
  () =>
    '<input type="password" name="password" id="password" placeholder="Password" autocomplete="current-password">\n',
  () =>
    'ERROR: password authentication failed for user "app"\nHINT: password must contain at least 12 characters\n',
  () => 'Enter password: \nPassword:\nAuthentication token manipulation error\n',
  (d) =>
    `etag: W/"${d.chars(HEX, 32)}"\nx-request-id: ${uuid(d)}\nx-amz-cf-id: ${d.chars(B64, 54)}==\ncf-ray: ${d.chars(HEX, 16)}-FRA\n`,
  (d) => `{"cursor":"eyJpZCI6${d.chars(AN, 20)}","next_page_token":"${d.chars(AN, 30)}"}`,
  (d) => `main.${d.chars(HEX, 8)}.js app.${d.chars(HEX, 20)}.css chunk-${d.chars(U + D, 8)}.mjs`,
  () =>
    'git@github.com:acme/app.git ssh://git@host/x lodash@4.17.21 @types/node@20.1.0 user@host:~/x icon@2x.png',
  () => 'docs: user@example.com, test@test.com, noreply@github.com\n',
  (d) =>
    `CREATE TABLE users (id bigint, password_hash text NOT NULL, api_token varchar(64), ssn char(11), phone text, n int DEFAULT ${d.next(9)});`,
  () => 'SELECT id, email, password_hash, token FROM users WHERE token IS NOT NULL AND password_hash = $1;',
  (d) =>
    `ghp_${'x'.repeat(36)} sk_live_${'X'.repeat(24)} AKIA${'X'.repeat(16)} glpat-${'x'.repeat(20)} n${d.next(9)}`,
  (d) =>
    `css: .sk-circle-${d.next(9)} .sk-fading-circle-container-wrapper-element { color: #${d.chars(HEX, 6)} }`,
  (d) => `lat=${float(d)} lon=${float(d)} bbox=13.${d.chars(D, 6)},52.${d.chars(D, 6)}`,
  (d) =>
    `{"sku":"${d.chars(D, 8)}","price":${d.chars('123456789', 4)}.99,"stock":${d.chars('123456789', 3)},"ean":"${d.chars(D, 13)}"}`,
  (d) =>
    `amount=${d.chars('123456789', 3)}-${d.chars(D, 2)} lot 123-${d.chars(D, 4)} zip 94107-${d.chars(D, 4)}`,
  (d) =>
    `secret_name = "prod-db"\nkey_id = "${d.chars(HEX, 8)}"\npublic_key = "${d.chars(B64, 43)}="\nkey_vault_uri = "https://x.vault.azure.net/"\n`,
  (d) =>
    `cache_key=user:${d.chars(D, 5)}:profile idempotency_key=${uuid(d)} partition_key=${w(d)} sort_key=${d.chars(D, 8)} primary_key=id`,
  (d) => `pk_live_${d.chars(AN, 24)} is the publishable key`,
  (d) =>
    `Authorization: Bearer <token>\nauthorization: Bearer $TOKEN\n-H "Authorization: Bearer \${TOKEN}" n=${d.next(9)}`,
  () =>
    `postgres://user:password@localhost:5432/db postgres://\${USER}:\${PASS}@host/db redis://localhost:6379/0\n`,
  (d) =>
    `Binary files differ\nindex ${d.chars(HEX, 7)}..${d.chars(HEX, 7)} 100644\n@@ -1${d.next(9)},7 +1${d.next(9)},7 @@\n`,
  (d) =>
    `id | uuid | total\n---+------+------\n ${d.next(99)} | ${uuid(d)} | ${d.chars('123456789', 4)}.50\n`,
  (d) =>
    `{"auth":{"type":"oauth2","provider":"github"},"session":{"timeout":3600},"passwordRequired":true,"tokens":${d.next(999)}}`,
  () =>
    'tokenizer: cl100k_base\ntokens_per_second: 41.2\nsecret_scanning: enabled\npasswordless: true\nkeyboard: us\n',
  () =>
    'usage: tool [--password PASSWORD] [--token TOKEN] [--api-key KEY]\n  --password string   password of the user (default "postgres")\n',
  (d) =>
    `Mar 12 10:11:12 web${d.next(9)} sshd[${d.chars(D, 4)}]: Accepted publickey for ada from 10.0.0.9 port ${d.chars('123456789', 5)} ssh2: ED25519 SHA256:${d.chars(B64, 43)}\n`,
  (d) =>
    `Mar 12 10:11:12 web sshd[${d.chars(D, 4)}]: Failed password for root from 10.0.0.9 port ${d.chars('123456789', 5)} ssh2\n`,
  (d) => `+ token: ${w(d)}\n- secret: ${w(d)}-${w(d)}\n  existingSecret: ${w(d)}-credentials\n`,
  (d) =>
    `eth0: ${(d.chars(HEX, 12).match(/../g) ?? []).join(':')} vlan ${d.next(4000)} crc 0x${d.chars(HEX, 8)} ptr 0x7f${d.chars(HEX, 10)}\n`,
  (d) => `tx 0x${d.chars(HEX, 64)} block ${d.chars(D, 8)} to 0x${d.chars(HEX, 40)}\n`,
  (d) =>
    `x = ${d.chars('123456789', 16)}; y = ${d.chars('123456789', 9)}; z = ${d.chars(L, 5)}(${d.chars(D, 11)});`,
];

/** Clean developer text: logs, code, tables. */
export const CLEAN: readonly ((d: Dice) => string)[] = [
  (d) =>
    `2026-03-1${d.next(9)}T10:1${d.next(6)}:12Z INFO  http ${w(d)} GET /v1/${w(d)}/${d.next(999)} 200 ${d.next(90)}ms\n`.repeat(
      6,
    ),
  (d) =>
    `export function ${w(d)}(items: readonly string[]): number {\n  let total = 0;\n  for (const item of items) total += item.length;\n  return total * ${d.next(9)};\n}\n`,
  (d) =>
    `  ${w(d)}:\n    image: ${w(d)}:1.${d.next(30)}\n    ports: ["80${d.next(99)}:80"]\n    restart: always\n`,
  (d) => `| ${w(d)} | ${d.next(1000)} | ${w(d)} ${w(d)} |\n`.repeat(5),
  (d) =>
    `The ${w(d)} service reads ${w(d)} from the ${w(d)} queue and writes it to ${w(d)}. It retries ${d.next(9)} times.\n`,
  (d) =>
    `FROM debian:12-slim\nRUN apt-get update && apt-get install -y ${w(d)}=1.${d.next(9)}-2\nCOPY . /srv\n`,
  (d) => `test ${w(d)}::${w(d)} ... ok\ntest ${w(d)}::parses ... ok\nfinished in 0.${d.next(99)}s\n`,
];
