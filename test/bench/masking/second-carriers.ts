import type { Dice } from './second-values.ts';

/** Marks around a labelled value; they survive escaping and are cut out when the sample is finished. */
export const OPEN = '\ue000';
export const CLOSE = '\ue001';

const camel = (key: string) => key.replace(/_(\w)/g, (_, c: string) => c.toUpperCase());
const pascal = (key: string) => camel(key).replace(/^./, (c) => c.toUpperCase());
const env = (key: string) => key.toUpperCase();
const kebab = (key: string) => key.replaceAll('_', '-');
const json = (value: string) => JSON.stringify(value);
const inner = (value: string) => JSON.stringify(value).slice(1, -1);
const xml = (value: string) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const sql = (value: string) => value.replaceAll("'", "''");
const url = (value: string) => value.replace(/[^\ue000\ue001]+/g, (part) => encodeURIComponent(part));
const stamp = (d: Dice) =>
  `2026-0${1 + d.next(9)}-${10 + d.next(18)}T1${d.next(10)}:${10 + d.next(49)}:${10 + d.next(49)}.${100 + d.next(899)}Z`;
const plainShell = (value: string) => /^[\ue000\ue001\w@%+=:,./~^-]+$/.test(value);
const shell = (value: string) => (plainShell(value) ? value : `'${value}'`);
const yaml = (value: string) =>
  /^[\ue000]*[\w$][^:#"'\\]*$/.test(value) && !/^\ue000\$/.test(value) ? value : json(value);
const id = (d: Dice) => 1000 + d.next(9000);

export interface Carrier {
  readonly name: string;
  /** For personal data too, not only for secrets. */
  readonly wide?: boolean;
  readonly write: (d: Dice, key: string, value: string) => string;
}
const c = (name: string, write: Carrier['write'], wide = false): Carrier => ({ name, write, wide });

/** How people and programs write a value beside its key. */
export const CARRIERS: readonly Carrier[] = [
  c('env', (_, k, v) => `NODE_ENV=production\n${env(k)}=${v}\nPORT=8080\n`),
  c('env-quoted', (_, k, v) => `LOG_LEVEL=info\n${env(k)}="${v}"\n`),
  c('export', (_, k, v) => `#!/bin/sh\nset -eu\nexport ${env(k)}='${v}'\n./deploy.sh --region eu-west-1\n`),
  c('powershell', (_, k, v) => `$env:${env(k)} = '${v}'\nGet-Service | Out-Null\n`),
  c('batch', (_, k, v) => `@echo off\r\nset ${env(k)}=${v}\r\ncall run.bat\r\n`),
  c('fish', (_, k, v) => `set -gx ${env(k)} ${shell(v)}\nset -gx EDITOR vim\n`),
  c('yaml', (_, k, v) => `server:\n  port: 8443\n  ${k}: ${yaml(v)}\n  timeout: 30s\n`, true),
  c('yaml-camel', (_, k, v) => `auth:\n  enabled: true\n  ${camel(k)}: "${inner(v)}"\n`, true),
  c(
    'json',
    (_, k, v) => `${JSON.stringify({ host: 'db1', port: 5432, [k]: v, retries: 3 }, null, 2)}\n`,
    true,
  ),
  c('json-compact', (d, k, v) => `{"id":${id(d)},"${camel(k)}":${json(v)},"active":true}`, true),
  c(
    'json-in-json',
    (d, k, v) => JSON.stringify({ level: 'info', msg: JSON.stringify({ req: id(d), [k]: v, ok: true }) }),
    true,
  ),
  c(
    'json-in-json-in-json',
    (d, k, v) =>
      JSON.stringify({ body: JSON.stringify({ message: JSON.stringify({ seq: id(d), [k]: v }) }) }),
    true,
  ),
  c('ini', (_, k, v) => `[database]\nhost = 10.2.0.4\n${k} = ${v}\n; pool\npool = 5\n`, true),
  c(
    'hcl',
    (_, k, v) => `resource "aws_db_instance" "main" {\n  engine   = "postgres"\n  ${k} = "${inner(v)}"\n}\n`,
  ),
  c('tfvars', (_, k, v) => `region = "eu-central-1"\n${k} = "${inner(v)}"\n`),
  c(
    'tf-plan',
    (_, k, v) =>
      `  # module.db.main will be updated in-place\n  ~ resource "x" "y" {\n      + ${k} = "${inner(v)}"\n        id   = "db-12"\n    }\n`,
  ),
  c('tf-state', (_, k, v) =>
    JSON.stringify({ version: 4, outputs: { [k]: { value: v, type: 'string', sensitive: true } } }, null, 2),
  ),
  c('tf-state-attr', (_, k, v) =>
    JSON.stringify(
      {
        resources: [
          {
            type: 'aws_db_instance',
            instances: [{ attributes: { allocated_storage: 20, engine: 'postgres', [k]: v, port: 5432 } }],
          },
        ],
      },
      null,
      2,
    ),
  ),
  c(
    'properties',
    (_, k, v) => `spring.application.name=shop\nspring.datasource.${kebab(k)}=${v}\nserver.port=8080\n`,
  ),
  c(
    'xml',
    (_, k, v) => `<config>\n  <host>db1</host>\n  <${camel(k)}>${xml(v)}</${camel(k)}>\n</config>\n`,
    true,
  ),
  c('xml-attr', (_, k, v) => `<connection host="db1" ${camel(k)}="${xml(v)}" pool="5"/>\n`, true),
  c(
    'xml-add',
    (_, k, v) => `<appSettings>\n  <add key="${pascal(k)}" value="${xml(v)}" />\n</appSettings>\n`,
  ),
  c('toml', (_, k, v) => `[service]\nname = "billing"\n${k} = "${inner(v)}"\nworkers = 4\n`, true),
  c('cli-space', (_, k, v) => `$ ./bin/migrate --host db1 --${kebab(k)} ${shell(v)} --verbose\n`),
  c('cli-equals', (_, k, v) => `  412  ./worker --queue jobs --${kebab(k)}=${shell(v)}\n  413  ls -la\n`),
  c(
    'ps-line',
    (d, k, v) => `root  ${id(d)}  0.0  1.2 node /srv/app.js --${kebab(k)}=${shell(v)} --port=80\n`,
  ),
  c(
    'helm-set',
    (_, k, v) =>
      `helm upgrade --install app ./chart --set image.tag=1.4.2 --set auth.${camel(k)}=${shell(v)}\n`,
  ),
  c(
    'kubectl-literal',
    (_, k, v) => `kubectl create secret generic app --from-literal=${kebab(k)}=${shell(v)} -n prod\n`,
  ),
  c('docker-run', (_, k, v) => `docker run -d -e ${env(k)}=${shell(v)} -p 80:80 nginx:1.25\n`),
  c('dockerfile-env', (_, k, v) => `FROM node:20-alpine\nENV ${env(k)}=${shell(v)}\nRUN npm ci\n`),
  c('dockerfile-env-space', (_, k, v) => `FROM node:20\nENV ${env(k)} ${v}\nCMD ["node","a.js"]\n`),
  c('dockerfile-arg', (_, k, v) => `ARG ${env(k)}=${shell(v)}\nRUN make\n`),
  c(
    'compose-map',
    (_, k, v) =>
      `services:\n  db:\n    image: postgres:16\n    environment:\n      ${env(k)}: ${yaml(v)}\n      TZ: UTC\n`,
  ),
  c(
    'compose-list',
    (_, k, v) => `services:\n  db:\n    environment:\n      - TZ=UTC\n      - ${env(k)}=${v}\n`,
  ),
  c(
    'k8s-env',
    (_, k, v) =>
      `        env:\n        - name: ${env(k)}\n          value: ${yaml(v)}\n        - name: TZ\n          value: UTC\n`,
  ),
  c('k8s-env-json', (_, k, v) =>
    JSON.stringify({
      containers: [
        {
          name: 'app',
          env: [
            { name: env(k), value: v },
            { name: 'TZ', value: 'UTC' },
          ],
        },
      ],
    }),
  ),
  c(
    'k8s-string-data',
    (_, k, v) =>
      `apiVersion: v1\nkind: Secret\nmetadata:\n  name: app\ntype: Opaque\nstringData:\n  ${kebab(k)}: ${yaml(v)}\n`,
  ),
  c(
    'configmap',
    (_, k, v) => `kind: ConfigMap\ndata:\n  app.properties: |\n    mode=fast\n    ${k}=${v}\n    size=3\n`,
  ),
  c('describe', (_, k, v) => `    Environment:\n      ${env(k)}:  ${v}\n      TZ:  UTC\n`),
  c(
    'gha-log',
    (d, k, v) =>
      `${stamp(d)}   shell: /usr/bin/bash -e {0}\n${stamp(d)} env:\n${stamp(d)}   ${env(k)}: ${v}\n${stamp(d)} ##[endgroup]\n`,
  ),
  c('gha-echo', (d, k, v) => `${stamp(d)} + export ${env(k)}=${shell(v)}\n${stamp(d)} + npm ci\n`),
  c('python', (_, k, v) => `import os\n\n${k} = ${json(v)}\nclient = connect(host, timeout=3)\n`, true),
  c('python-kwarg', (_, k, v) => `conn = connect(host="db", user="app", ${k}='${v}', port=5432)\n`),
  c('python-dict', (_, k, v) => `{'host': 'db1', '${k}': '${v}', 'port': 5432}\n`, true),
  c('python-environ', (_, k, v) => `os.environ["${env(k)}"] = "${inner(v)}"\n`),
  c('js', (_, k, v) => `const ${camel(k)} = '${v}';\nexport const port = 3000;\n`, true),
  c('js-object', (_, k, v) => `const pool = new Pool({ host: 'db', ${camel(k)}: '${v}', max: 5 });\n`),
  c('ts', (_, k, v) => `export class A {\n  private readonly ${camel(k)}: string = "${inner(v)}";\n}\n`),
  c('js-fallback', (_, k, v) => `const x = process.env.${env(k)} || '${v}';\n`),
  c('go', (_, k, v) => `cfg := Config{\n\tHost: "db",\n\t${pascal(k)}: "${inner(v)}",\n}\n`, true),
  c('go-short', (_, k, v) => `\t${camel(k)} := "${inner(v)}"\n\tif err != nil {\n`, true),
  c('java', (_, k, v) => `private static final String ${env(k)} = "${inner(v)}";\nint retries = 3;\n`, true),
  c('java-setter', (_, k, v) => `ds.setUrl(url);\nds.set${pascal(k)}("${inner(v)}");\n`),
  c('csharp', (_, k, v) => `var ${camel(k)} = @"${v}";\nlogger.Info("started");\n`),
  c('ruby', (_, k, v) => `ENV['${env(k)}'] ||= '${v}'\nputs 1\n`),
  c('ruby-hash', (_, k, v) => `{ :host => "db", :${k} => "${inner(v)}" }\n`, true),
  c(
    'php',
    (_, k, v) =>
      `<?php\n$${k} = '${v}';\nreturn ['${k}' => '${v.replaceAll(OPEN, '').replaceAll(CLOSE, '') === '' ? '' : v}'];\n`,
    true,
  ),
  c('php-define', (_, k, v) => `define('${env(k)}', '${v}');\n`),
  c('rust', (_, k, v) => `let ${k} = "${inner(v)}".to_string();\nconst N: usize = 4;\n`, true),
  c('kotlin', (_, k, v) => `val ${camel(k)}: String = "${inner(v)}"\nval n = 4\n`, true),
  c('c', (_, k, v) => `#define ${env(k)} "${inner(v)}"\nstatic int n = 4;\n`),
  c(
    'sql-insert',
    (d, k, v) =>
      `INSERT INTO users (id, name, ${k}, created_at) VALUES (${id(d)}, 'ada', '${sql(v)}', '2026-01-02');\n`,
    true,
  ),
  c(
    'sql-insert-many',
    (d, k, v) =>
      `INSERT INTO "accounts" ("id","${k}","plan") VALUES\n(${id(d)},'${sql(v)}','free'),\n(${id(d)},NULL,'pro');\n`,
    true,
  ),
  c('sql-update', (_, k, v) => `UPDATE users SET ${k} = '${sql(v)}' WHERE id = 7;\n`, true),
  c(
    'psql',
    (d, k, v) => {
      const w = Math.max(k.length, v.length - 2);
      return `  id  | ${k.padEnd(w)} | state\n------+-${'-'.repeat(w)}-+-------\n ${id(d)} | ${v.padEnd(w + 2)} | open\n(1 row)\n`;
    },
    true,
  ),
  c(
    'psql-expanded',
    (d, k, v) => `-[ RECORD 1 ]------\nid       | ${id(d)}\n${k} | ${v}\nstate    | open\n`,
    true,
  ),
  c(
    'copy',
    (d, k, v) =>
      `COPY public.users (id, ${k}, state) FROM stdin;\n${id(d)}\t${v}\topen\n${id(d)}\t\\N\tclosed\n\\.\n`,
    true,
  ),
  c(
    'mysql-table',
    (d, k, v) =>
      `+------+------------+\n| id   | ${k} |\n+------+------------+\n| ${id(d)} | ${v} |\n+------+------------+\n`,
    true,
  ),
  c('csv', (d, k, v) => `id,${k},state\n${id(d)},${v},open\n`, true),
  c('csv-quoted', (d, k, v) => `"id","${k}","state"\n"${id(d)}","${v}","open"\n`, true),
  c('csv-last', (d, k, v) => `id;state;${k}\n${id(d)};open;${v}\n`, true),
  c('tsv', (d, k, v) => `id\t${k}\tstate\n${id(d)}\t${v}\topen\n`, true),
  c(
    'markdown-table',
    (d, k, v) => `| id | ${k} | note |\n|----|----|----|\n| ${id(d)} | ${v} | new |\n`,
    true,
  ),
  c('markdown-list', (_, k, v) => `Setup:\n\n- host: \`db1\`\n- ${k}: \`${v}\`\n`, true),
  c('markdown-bold', (_, k, v) => `**${k.replaceAll('_', ' ')}**: ${v}\n\nThanks\n`, true),
  c(
    'header',
    (_, k, v) =>
      `GET /v1/jobs HTTP/1.1\r\nHost: api.acme.io\r\nX-${pascal(k).replace(/([a-z])([A-Z])/g, '$1-$2')}: ${v}\r\nAccept: */*\r\n\r\n`,
  ),
  c(
    'curl-json',
    (_, k, v) =>
      `curl -sX POST https://api.acme.io/login -H 'Content-Type: application/json' -d '{"user":"ada","${k}":"${inner(v)}"}'\n`,
    true,
  ),
  c(
    'curl-form',
    (_, k, v) => `curl https://id.acme.io/oauth/token -d grant_type=x -d ${k}=${shell(url(v))}\n`,
  ),
  c('form', (_, k, v) => `POST /signup HTTP/1.1\r\n\r\nuser=ada&${k}=${url(v)}&remember=1`, true),
  c(
    'query',
    (d, k, v) =>
      `10.0.0.${d.next(250)} - - [12/Mar/2026:10:11:12 +0000] "GET /cb?state=1&${k}=${url(v)}&x=2 HTTP/1.1" 200 512 "-" "curl/8.5"\n`,
  ),
  c(
    'logfmt',
    (d, k, v) =>
      `time=${stamp(d)} level=info msg="user login" ${k}=${/[ &;,)]/.test(v) ? json(v) : v} status=200\n`,
    true,
  ),
  c(
    'app-log',
    (d, k, v) =>
      `2026-03-0${1 + d.next(8)} 10:11:12,${id(d)} DEBUG [worker-3] c.a.Login - request {user=ada, ${camel(k)}=${v}, ip=10.0.0.8}\n`,
    true,
  ),
  c('log-colon', (d, k, v) => `[${stamp(d)}] INFO Connecting with ${k.replaceAll('_', ' ')}: ${v}\n`, true),
  c(
    'syslog',
    (d, k, v) => `Mar  3 10:11:12 web${d.next(9)} app[${id(d)}]: login failed ${k}="${v}" from 10.1.2.3\n`,
    true,
  ),
  c(
    'stack',
    (_, k, v) =>
      `Error: connect failed {"host":"db","${k}":"${inner(v)}"}\n    at Pool.connect (/srv/app/pool.js:41:13)\n    at main (/srv/app/index.js:7:3)\n`,
    true,
  ),
  c(
    'chat',
    (_, k, v) =>
      `ada: hey what's the ${k.replaceAll('_', ' ')} for staging?\nbob: the ${k.replaceAll('_', ' ')} is ${v}\nada: thx\n`,
    true,
  ),
  c('chat-colon', (_, k, v) => `bob  10:41 AM\nhere you go, ${k.replaceAll('_', ' ')}: ${v}\n`, true),
  c(
    'mail',
    (_, k, v) => `Subject: access\n\nHi Ada,\n\nYour ${k.replaceAll('_', ' ')}: ${v}\n\nKind regards,\nOps\n`,
    true,
  ),
  c('tool-call', (_, k, v) =>
    JSON.stringify({
      type: 'function',
      function: {
        name: 'write_file',
        arguments: JSON.stringify({ path: '.env', content: `HOST=db\n${env(k)}=${v}\nPORT=1\n` }),
      },
    }),
  ),
  c(
    'tool-args',
    (_, k, v) =>
      JSON.stringify({
        tool_calls: [
          { id: 'call_1', function: { name: 'login', arguments: JSON.stringify({ user: 'ada', [k]: v }) } },
        ],
      }),
    true,
  ),
  c(
    'sse-joined',
    (_, k, v) => `Here is the config:\n\n\`\`\`yaml\n${k}: ${yaml(v)}\n\`\`\`\nLet me know.`,
    true,
  ),
  c(
    'ansi-grep',
    (_, k, v) =>
      `\x1b[35m.env\x1b[m\x1b[36m:\x1b[m\x1b[32m12\x1b[m\x1b[36m:\x1b[m\x1b[01;31m\x1b[K${env(k)}\x1b[m\x1b[K=${v}\n`,
  ),
  c(
    'ansi-json',
    (_, k, v) => `{\n  \x1b[34;1m"${k}"\x1b[0m\x1b[1;39m:\x1b[0m \x1b[0;32m"${inner(v)}"\x1b[0m\n}\n`,
  ),
  c('grep', (d, k, v) => `config/prod.env:${d.next(90)}:${env(k)}=${v}\n`),
  c('diff', (_, k, v) => `@@ -1,3 +1,3 @@\n HOST=db\n-${env(k)}=\n+${env(k)}=${v}\n`),
  c('systemd', (_, k, v) => `[Service]\nEnvironment="${env(k)}=${v}"\nExecStart=/usr/bin/app\n`),
  c('html', (_, k, v) => `<input type="hidden" name="${k}" value="${xml(v)}">\n`, true),
  c('ado', (_, k, v) => `Server=db1;Database=shop;User Id=app;${pascal(k)}=${v};Encrypt=true\n`),
  c(
    'multipart',
    (_, k, v) => `--b1\r\nContent-Disposition: form-data; name="${k}"\r\n\r\n${v}\r\n--b1--\r\n`,
    true,
  ),
  c('graphql', (_, k, v) => `mutation { login(user: "ada", ${camel(k)}: "${inner(v)}") { ok } }\n`, true),
  c('printenv', (_, k, v) => `PWD=/srv/app\nSHLVL=1\n${env(k)}=${v}\n_=/usr/bin/env\n`),
  c('comment', (_, k, v) => `// old ${k.replaceAll('_', ' ')}: ${v}\nfunction f() {}\n`),
];

/** Where a value that is told by itself may stand without a key. */
export const PLACES: readonly Carrier[] = [
  c('sentence', (_, _k, v) => `please rotate ${v} before friday, thanks`),
  c('full-stop', (_, _k, v) => `It was ${v}.`),
  c('parenthesis', (_, _k, v) => `see ticket (${v}) for details`),
  c('csv', (d, _k, v) => `${id(d)},${v},open,3\n`),
  c('sql', (d, _k, v) => `VALUES (${id(d)}, '${v}', now());`),
  c('json', (d, _k, v) => `{"id":${id(d)},"value":"${v}","n":1}`),
  c('escaped', (_, _k, v) => `{"content":"{\\"value\\":\\"${v}\\"}"}`),
  c('xml', (_, _k, v) => `<row><v>${v}</v></row>`),
  c('markdown', (_, _k, v) => `Use \`${v}\` here.`),
  c('newline-escape', (_, _k, v) => `{"text":"line one\\n${v}\\nline three"}`),
  c('log', (d, _k, v) => `${stamp(d)} INFO worker-${d.next(9)} got ${v} from 10.0.0.2`),
  c('tsv', (d, _k, v) => `${id(d)}\t${v}\topen`),
  c('psql', (d, _k, v) => ` ${id(d)} | ${v} | open`),
  c('ansi', (_, _k, v) => `\x1b[01;31m\x1b[K${v}\x1b[m\x1b[K rest`),
  c('code', (_, _k, v) => `client = Client("${v}")`),
  c('single', (_, _k, v) => `run('${v}', 3)`),
  c('list', (_, _k, v) => `items: [${v}, other]`),
  c('emoji', (_, _k, v) => `🔑 → ${v} ✅ naïve`),
  c('angle', (_, _k, v) => `contact <${v}> now`),
  c('crlf', (_, _k, v) => `first\r\n${v}\r\nlast\r\n`),
  c('start', (_, _k, v) => `${v}`),
  c('comment', (_, _k, v) => `# ${v}\n`),
];
