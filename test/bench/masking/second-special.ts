import { CLOSE, OPEN } from './second-carriers.ts';
import { type Dice, jwt, KEYED, noise, pemBody, pemKind, SELF } from './second-values.ts';

const mark = (value: string) => OPEN + value + CLOSE;
const { AN, HEX, B64, URL64, L, D } = noise;
const pw = (d: Dice) => (KEYED.password as (typeof KEYED)[string]).make(d);
const simple = (d: Dice) => d.chars(AN, 10 + d.next(10));
const self = (d: Dice, kind: string) => (SELF[kind] as (typeof SELF)[string])(d);
const lines = (text: string, join: string) => text.split('\n').join(join);
const pct = (text: string) => encodeURIComponent(text);

/** A PEM block; the label covers the body alone. */
function pem(d: Dice, join: string, options: { cut?: boolean; before?: string } = {}): string {
  const kind = pemKind(d);
  const body = lines(pemBody(d, 4 + d.next(12)), join);
  const end = options.cut ? '' : `${join}-----END ${kind}-----${join}`;
  return `-----BEGIN ${kind}-----${join}${mark(body)}${end}`;
}
const pgp = (d: Dice) => {
  const kind = `PGP ${'PRIV'}ATE KEY BLOCK`;
  return `-----BEGIN ${kind}-----\n\n${mark(`${pemBody(d, 8)}\n=${d.chars(B64, 4)}`)}\n-----END ${kind}-----\n`;
};

const SCHEMES =
  'postgres postgresql mysql mongodb mongodb+srv redis rediss amqp amqps mssql ftp smtp ldap https clickhouse nats kafka cockroachdb'.split(
    ' ',
  );
const uri = (d: Dice, password: string) =>
  `${d.pick(SCHEMES)}://${d.pick(['app', 'root', 'svc-api', 'admin%40acme', 'u_1'])}:${mark(password)}@${d.pick(['db.internal', '10.0.3.4', 'cluster0.x1y2.mongodb.net', 'localhost', 'rds-1.eu-west-1.amazonaws.com'])}:${1000 + d.next(9000)}/${d.pick(['shop', 'orders?ssl=true', '0', 'a-b'])}`;

type Special = readonly [type: string, write: (d: Dice) => string];

/** Formats that are a carrier and a value in one. */
export const SPECIAL: readonly Special[] = [
  ['uri', (d) => `DATABASE_URL=${uri(d, simple(d))}\n`],
  ['uri', (d) => `{"url":"${uri(d, pct(pw(d)))}"}`],
  [
    'uri',
    (d) =>
      `conn = create_engine('${uri(d, `${simple(d)}${d.pick(['!', '$', '*', '%21', '%40', '#', '+', '='])}${d.chars(AN, 3)}`)}')`,
  ],
  [
    'uri',
    (d) =>
      `connecting to ${uri(d, d.pick(['hunter2', 'letmein', 'changeit1', 's3cret', 'postgres1']))} failed: timeout`,
  ],
  ['uri', (d) => JSON.stringify({ m: JSON.stringify({ dsn: uri(d, simple(d)) }) })],
  ['uri', (d) => `redis://:${mark(simple(d))}@cache:6379/0`],
  ['uri', (d) => `git clone https://oauth2:${mark(simple(d) + simple(d))}@git.acme.io/x/y.git\n`],
  ['uri', (d) => `<db url="${uri(d, simple(d))}"/>`],
  ['uri', (d) => `jdbc:postgresql://db:5432/shop?user=app&password=${mark(simple(d))}&ssl=true`],
  ['uri', (d) => `jdbc:sqlserver://db:1433;databaseName=x;user=sa;password=${mark(pw(d))};encrypt=true`],
  [
    'uri',
    (d) =>
      `Server=tcp:x.database.windows.net,1433;Initial Catalog=a;User ID=app;Password=${mark(pw(d))};Encrypt=True;`,
  ],
  ['uri', (d) => `dsn: "host=db user=app password=${mark(simple(d))} dbname=shop sslmode=disable"`],
  ['uri', (d) => `mysql://app:${mark(`${simple(d)}@${d.chars(AN, 4)}`)}@db:3306/x`],
  ['uri', (d) => `http_proxy=http://proxyuser:${mark(simple(d))}@proxy.corp:3128\n`],
  ['uri', (d) => `app:${mark(simple(d))}@tcp(db:3306)/shop?parseTime=true`],
  ['basic', (d) => `Authorization: Basic ${mark(btoa(`${d.chars(L, 6)}:${pw(d)}`))}\r\n`],
  ['basic', (d) => `curl -H "Authorization: Basic ${mark(btoa(`svc:${simple(d)}`))}" https://x.io`],
  ['basic', (d) => `{"headers":{"authorization":"Basic ${mark(btoa(`api:${simple(d)}`))}"}}`],
  ['bearer', (d) => `Authorization: Bearer ${mark(d.chars(URL64, 43))}\r\n`],
  ['bearer', (d) => `> authorization: bearer ${mark(d.chars(HEX, 40))}\n`],
  ['bearer', (d) => `fetch(u, { headers: { Authorization: 'Bearer ${mark(d.chars(AN, 32))}' } })`],
  ['bearer', (d) => `{"Authorization":["Bearer ${mark(jwt(d))}"]}`],
  ['bearer', (d) => `Authorization: token ${mark(d.chars(HEX, 40))}\n`],
  ['bearer', (d) => `Authorization: ApiKey ${mark(`${d.chars(AN, 40)}==`)}\n`],
  ['bearer', (d) => `Proxy-Authorization: Basic ${mark(btoa(`u1:${simple(d)}`))}\r\n`],
  ['cookie', (d) => `Set-Cookie: session=${mark(d.chars(AN, 32))}; Path=/; HttpOnly\r\n`],
  [
    'cookie',
    (d) =>
      `Cookie: lang=en; connect.sid=${mark(`s%3A${d.chars(URL64, 32)}.${d.chars(AN, 43)}`)}; theme=dark\r\n`,
  ],
  ['cookie', (d) => `curl -b 'JSESSIONID=${mark(d.chars(`${D}ABCDEF`, 32))}' https://x.io`],
  ['cookie', (d) => `"cookie": "_ga=GA1.2.1; PHPSESSID=${mark(d.chars(L + D, 26))}"`],
  ['cookie', (d) => `set-cookie: __Host-auth=${mark(d.chars(URL64, 64))}; Secure`],
  ['cookie', (d) => `{"set-cookie":["sid=${mark(d.chars(AN, 40))}; Path=/"]}`],
  ['cookie', (d) => `Cookie: sessionid=${mark(d.chars(L + D, 32))}; csrftoken=abc\n`],
  ['cookie', (d) => `cookies = {'session_id': '${mark(d.chars(HEX, 48))}'}`],
  ['cookie', (d) => `document.cookie = "auth_token=${mark(d.chars(AN, 32))}; path=/"`],
  ['pem', (d) => pem(d, '\n')],
  ['pem', (d) => `key = "${pem(d, '\\n')}"`],
  [
    'pem',
    (d) =>
      `{"type":"service_account","private_key_id":"${d.chars(HEX, 40)}","private_key":"${pem(d, '\\n')}","client_email":"${mark('svc-1@proj-2.iam.gserviceaccount.com')}"}`,
  ],
  ['pem', (d) => `tls.key: |\n  ${pem(d, '\n  ')}\nother: 1\n`],
  ['pem', (d) => pem(d, '\r\n')],
  ['pem', (d) => `log: ${pem(d, '\n', { cut: true })}`],
  ['pem', (d) => JSON.stringify({ a: JSON.stringify({ k: 'X' }) }).replace('X', pem(d, '\\\\\\\\n'))],
  ['pem', (d) => `cat > id_rsa <<'EOT'\n${pem(d, '\n')}EOT\n`],
  ['pem', (d) => `PRIVATE_KEY="${pem(d, '\n')}"\n`],
  ['pem', (d) => `const k = \`${pem(d, '\n')}\`;`],
  ['pem', (d) => `"${pem(d, '\\n" +\n  "')}"`],
  ['pem', (d) => `<key>${pem(d, '\n')}</key>`],
  ['pem', (d) => `>   ${pem(d, '\n> ')}`],
  ['pem', (d) => `${stampLine(d)} ${pem(d, '#012')}`],
  ['pem', pgp],
  [
    'k8s-data',
    (d) =>
      `apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: prod\ntype: Opaque\ndata:\n  username: ${mark(btoa('app_user'))}\n  password: ${mark(btoa(pw(d)))}\n`,
  ],
  [
    'k8s-data',
    (d) =>
      `apiVersion: v1\ndata:\n  token: ${mark(btoa(d.chars(AN, 30)))}\nkind: Secret\nmetadata:\n  name: x\ntype: Opaque\n`,
  ],
  [
    'k8s-data',
    (d) =>
      JSON.stringify(
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'db' },
          data: { password: mark(btoa(pw(d))) },
          type: 'Opaque',
        },
        null,
        2,
      ),
  ],
  [
    'k8s-data',
    (d) =>
      JSON.stringify({
        apiVersion: 'v1',
        data: { 'api-token': mark(btoa(d.chars(AN, 30))) },
        kind: 'Secret',
        metadata: { name: 'db' },
      }),
  ],
  [
    'k8s-data',
    (d) =>
      `apiVersion: v1\nitems:\n- apiVersion: v1\n  data:\n    password: ${mark(btoa(pw(d)))}\n  kind: Secret\n  metadata:\n    name: a\nkind: List\n`,
  ],
  [
    'k8s-data',
    (d) =>
      `  .dockerconfigjson: ${mark(btoa(JSON.stringify({ auths: { 'r.io': { auth: btoa(`u:${simple(d)}`) } } })))}\ntype: kubernetes.io/dockerconfigjson\n`,
  ],
  ['kubeconfig', (d) => `users:\n- name: admin\n  user:\n    token: ${mark(d.chars(URL64, 60))}\n`],
  [
    'kubeconfig',
    (d) =>
      `users:\n- name: admin\n  user:\n    client-certificate-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUM=\n    client-key-data: ${mark(btoa(pem(d, '\n').replaceAll(OPEN, '').replaceAll(CLOSE, '')))}\n`,
  ],
  [
    'docker-auth',
    (d) => JSON.stringify({ auths: { 'ghcr.io': { auth: mark(btoa(`bot:${simple(d)}`)) } } }, null, 2),
  ],
  [
    'docker-auth',
    (d) => `{"auths":{"https://index.docker.io/v1/":{"auth":"${mark(btoa(`u${d.chars(L, 4)}:${pw(d)}`))}"}}}`,
  ],
  ['netrc', (d) => `machine api.acme.io\n  login ada\n  password ${mark(pw(d).replaceAll(' ', ''))}\n`],
  ['netrc', (d) => `machine git.acme.io login bot password ${mark(simple(d))}\n`],
  ['netrc', (d) => `default login anonymous password ${mark(simple(d))}\n`],
  ['pgpass', (d) => `db.internal:5432:shop:app:${mark(simple(d))}\n*:*:*:postgres:${mark(simple(d))}\n`],
  ['pgpass', (d) => `10.0.0.9:6432:orders:svc_${d.chars(L, 3)}:${mark(simple(d))}\n`],
  ['pgpass', (d) => `pg-1.acme.io:15432:orders:svc:${mark(simple(d))}\n`],
  [
    'git-credentials',
    (d) =>
      `https://ada:${mark(simple(d) + simple(d))}@github.com\nhttps://bot:${mark(simple(d))}@git.acme.io\n`,
  ],
  ['npmrc', (d) => `registry=https://npm.acme.io/\n//npm.acme.io/:_authToken=${mark(d.chars(AN, 36))}\n`],
  ['npmrc', (d) => `//npm.acme.io/:_password=${mark(btoa(simple(d)))}\n//npm.acme.io/:username=ada\n`],
  ['npmrc', (d) => `_auth=${mark(btoa(`ada:${simple(d)}`))}\nalways-auth=true\n`],
  [
    'npmrc',
    (d) =>
      `//npm.corp.example/:_authToken=${mark(`${d.chars(HEX, 8)}-${d.chars(HEX, 4)}-4${d.chars(HEX, 3)}-9${d.chars(HEX, 3)}-${d.chars(HEX, 12)}`)}\n`,
  ],
  [
    'pypirc',
    (d) =>
      `[pypi]\nusername = __token__\npassword = ${mark(self(d, 'pypi'))}\n[internal]\nrepository = https://pypi.acme.io\nusername = ada\npassword = ${mark(pw(d))}\n`,
  ],
  [
    'aws-credentials',
    (d) =>
      `[default]\naws_access_key_id = ${mark(self(d, 'aws-id'))}\naws_secret_access_key = ${mark(d.chars(B64, 40))}\nregion = eu-west-1\n`,
  ],
  [
    'aws-credentials',
    (d) =>
      JSON.stringify(
        {
          Credentials: {
            AccessKeyId: mark(self(d, 'aws-id')),
            SecretAccessKey: mark(d.chars(B64, 40)),
            SessionToken: mark(`IQoJb3JpZ2luX2Vj${d.chars(B64, 300)}==`),
            Expiration: '2026-01-01T00:00:00Z',
          },
        },
        null,
        2,
      ),
  ],
  ['aws-credentials', (d) => `aws configure set aws_secret_access_key ${mark(d.chars(B64, 40))}\n`],
  [
    'aws-credentials',
    (d) =>
      `AWS Access Key ID [None]: ${mark(self(d, 'aws-id'))}\nAWS Secret Access Key [None]: ${mark(d.chars(B64, 40))}\n`,
  ],
  [
    'aws-credentials',
    (d) => `Access key ID,Secret access key\n${mark(self(d, 'aws-id'))},${mark(d.chars(B64, 40))}\n`,
  ],
  [
    'gcloud',
    (d) =>
      JSON.stringify(
        {
          client_id: '764086051850-6qr4p6gpi6hn506pt8ejuq83di341hur.apps.googleusercontent.com',
          client_secret: mark(self(d, 'google-secret')),
          refresh_token: mark(`1//0${d.chars(URL64, 100)}`),
          type: 'authorized_user',
        },
        null,
        2,
      ),
  ],
  [
    'totp-uri',
    (d) =>
      `otpauth://totp/Acme:user?secret=${mark(d.chars('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 32))}&issuer=Acme`,
  ],
  [
    'totp-uri',
    (d) =>
      `{"qr":"otpauth://totp/Acme:x?issuer=Acme\\u0026secret=${mark(d.chars('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 16))}"}`,
  ],
  [
    'azure',
    (d) =>
      `DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=${mark(`${d.chars(B64, 86)}==`)};EndpointSuffix=core.windows.net`,
  ],
  [
    'azure',
    (d) =>
      `https://acme.blob.core.windows.net/c/f.zip?sv=2022-11-02&se=2026-01-01T00%3A00%3A00Z&sr=b&sp=r&sig=${mark(pct(`${d.chars(B64, 43)}=`))}`,
  ],
  [
    'azure',
    (d) =>
      `Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=${mark(`${d.chars(B64, 43)}=`)}`,
  ],
  ['hash', (d) => `root:${mark(`$6$${d.chars(AN, 16)}$${d.chars(`${AN}./`, 86)}`)}:19800:0:99999:7:::\n`],
  ['hash', (d) => `ada:${mark(`$apr1$${d.chars(AN, 8)}$${d.chars(`${AN}./`, 22)}`)}\n`],
  ['hash', (d) => ` rolname | rolpassword\n---------+----------\n app | ${mark(`md5${d.chars(HEX, 32)}`)}\n`],
  [
    'hash',
    (d) =>
      `CREATE USER 'app'@'%' IDENTIFIED WITH mysql_native_password AS '${mark(`*${d.chars(`${D}ABCDEF`, 40)}`)}';`,
  ],
  [
    'hash',
    (d) =>
      `INSERT INTO auth_user VALUES (1,'pbkdf2_sha256$600000$abc12$x','ada','${mark(`$2b$12$${d.chars(`${AN}./`, 53)}`)}');`.replace(
        "'pbkdf2_sha256$600000$abc12$x',",
        '',
      ),
  ],
  ['sql', (d) => `CREATE USER app WITH LOGIN PASSWORD '${mark(pw(d))}';`],
  ['sql', (d) => `CREATE USER 'app'@'%' IDENTIFIED BY '${mark(pw(d))}';`],
  ['sql', (d) => `ALTER ROLE app WITH ENCRYPTED PASSWORD '${mark(simple(d))}' VALID UNTIL 'infinity';`],
  ['sql', (d) => `SET PASSWORD FOR 'app'@'%' = '${mark(pw(d))}';`],
  ['sql', (d) => `INSERT INTO t (name, password) VALUES ('o''brien', '${mark(`ab''${simple(d)}`)}');`],
  ['sql', (d) => `SELECT dblink_connect('host=db user=a password=${mark(simple(d))}');`],
  ['command', (d) => `mysql -h db -u root -p${mark(simple(d))} shop < dump.sql`],
  ['command', (d) => `PGPASSWORD=${mark(simple(d))} psql -h db -U app shop`],
  ['command', (d) => `sshpass -p '${mark(pw(d).replaceAll("'", ''))}' ssh root@10.0.0.2`],
  ['command', (d) => `curl -u ada:${mark(simple(d))} https://x.io/api`],
  ['command', (d) => `curl --user 'ada:${mark(pw(d))}' https://x.io/api`],
  ['command', (d) => `docker login -u bot -p ${mark(simple(d))} r.acme.io`],
  ['command', (d) => `redis-cli -h cache -a ${mark(simple(d))} ping`],
  ['command', (d) => `echo ${mark(simple(d))} | docker login --password-stdin r.io -u bot`],
  ['command', (d) => `redis> AUTH ${mark(simple(d))}\nOK\n`],
  ['command', (d) => `openssl enc -aes-256-cbc -k ${mark(simple(d))} -in a -out b`],
  ['command', (d) => `openssl rsa -in k.pem -passin pass:${mark(simple(d))}`],
  ['command', (d) => `vault login ${mark(self(d, 'vault'))}`],
  ['command', (d) => `az login --service-principal -u app -p ${mark(simple(d) + simple(d))} --tenant acme`],
  ['command', (d) => `smbclient //nas/share -U ada%${mark(simple(d))}`],
  ['command', (d) => `net use Z: \\\\nas\\share /user:ada ${mark(simple(d))}`],
  ['command', (d) => `echo "root:${mark(simple(d))}" | chpasswd`],
  ['command', (d) => `wget --user=ada --password=${mark(simple(d))} https://x.io/f`],
  ['command', (d) => `requirepass ${mark(simple(d))}\nmaxmemory 1gb\n`],
  ['command', (d) => `http -a ada:${mark(simple(d))} GET https://x.io`],
  ['prose', (d) => `login: admin / ${mark(pw(d))}`],
  ['prose', (d) => `requests.get(u, auth=("ada", "${mark(simple(d))}"))`],
  ['prose', (d) => `auth = HTTPBasicAuth('ada', '${mark(simple(d))}')`],
  ['prose', (d) => `Password for bob is ${mark(pw(d))}, please change it`],
  ['prose', (d) => `credentials: ada / ${mark(simple(d))}`],
  ['prose', (d) => `use username ada and password ${mark(simple(d))} to log in`],
  ['prose', (d) => `my password's ${mark(simple(d))}`],
  ['prose', (d) => `pw: ${mark(simple(d))}`],
  ['prose', (d) => `temporary password: ${mark(pw(d))}\nexpires tomorrow`],
  ['prose', (d) => `The new root password is "${mark(pw(d))}".`],
  ['prose', (d) => `pass=${mark(simple(d))} host=db`],
  ['prose', (d) => `Token: ${mark(d.chars(HEX, 40))}`],
  ['jwt-unsigned', (d) => `token ${mark(`${jwt(d).split('.').slice(0, 2).join('.')}.`)} end`],
  ['jwt-unsigned', (d) => `{"jwt":"${mark(jwt(d).split('.').slice(0, 2).join('.'))}"}`],
  ['ssn', (d) => `Patient SSN ${mark(self(d, 'ssn'))} admitted`],
  ['ssn', (d) => `social security number is ${mark(self(d, 'ssn').replaceAll('-', ' '))}`],
  ['ssn', (d) => `SSN: ${mark(self(d, 'ssn').replaceAll('-', ''))}`],
  ['phone', (d) => `call me on ${mark(self(d, 'phone-e164'))}, after six`],
  ['phone', (d) => `Tel.: ${mark(`030 / ${d.chars('123456789', 7)}`)}`],
  ['phone', (d) => `Mobile: ${mark(`07${d.chars(D, 3)} ${d.chars('123456789', 6)}`)}`],
  ['phone', (d) => `tel:${mark(`+1-415-555-${d.chars(D, 4)}`)}`],
  ['phone', (d) => `"phone": {"home": "${mark(`(415) 555-${d.chars(D, 4)}`)}"}`],
  ['dob', (d) => `born on ${mark(`197${d.next(10)}-0${1 + d.next(9)}-1${d.next(9)}`)}`],
  ['long', (d) => `{"secret":"${mark(d.chars(AN, 6000))}"}`],
  ['long', (d) => `API_TOKEN=${mark(d.chars(AN, 5000))}\n`],
];

const stampLine = (d: Dice) => `Mar  3 10:1${d.next(9)}:12 web app[12]:`;
