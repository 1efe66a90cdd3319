/**
 * PostgreSQL's own regression suite through psql, straight to a server and through an edge whose policy matches
 * nothing: what psql prints must be the same, byte for byte. Run:
 * `node --conditions=source --import tsx test/protocol-postgres/regression-suite.ts FOLDER [FILE…]`, where FOLDER is
 * `src/test/regress` of a PostgreSQL source tree of the server's major version, with `regress.so` built in it, and
 * FILEs narrow what is compared (all of the schedule still runs: later files use what earlier ones made).
 * `SCRIM_PG_BIN` names the server's programs. `REGRESSION_RULES=apply` puts the connection under a policy whose rule
 * names a table that does not exist: what then differs is masked because its origin could not be shown. Each lane has a fresh cluster. Two lanes go direct: lines that differ
 * between these (times, process numbers) are not compared, and nothing else is left out.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PostgresStore, startPostgres } from '@scrim/embedded-stores';
import pg from 'pg';

const CLI = fileURLToPath(new URL('../../apps/cli/dist/main.js', import.meta.url));
const PASSWORD = 'regression-password-1';
/** What pg_regress gives a new database (pg_regress.c, create_database). */
const DATABASE_SETTINGS = [
  "lc_messages = 'C'",
  "lc_monetary = 'C'",
  "lc_numeric = 'C'",
  "lc_time = 'C'",
  "bytea_output = 'hex'",
  "timezone_abbreviations = 'Default'",
];
/** Longest a file may take, in milliseconds. */
const FILE_BOUND = 240_000;

interface Lane {
  readonly name: string;
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

function policy(target: PostgresStore): string {
  return `apiVersion: scrim/v1
connections:
  - name: regression
    protocol: postgres
    target: { host: ${target.host}, port: ${target.port}, database: regression, tls: disable }
    credential: { username: postgres, password: { env: REGRESSION_PASSWORD } }
    labels: { env: test }
policies:
  - name: elsewhere
    match: { labels: { env: ${process.env.REGRESSION_RULES === 'apply' ? 'test' : 'prod'} } }
    mask:
      - { column: "customers.ssn", with: redact }
`;
}

async function startCluster(folder: string): Promise<PostgresStore> {
  const target = await startPostgres({
    dataDir: join(folder, 'data'),
    user: 'postgres',
    password: PASSWORD,
    database: 'regression',
    settings: { fsync: 'off', max_prepared_transactions: '2', log_statement: 'none' },
  });
  const client = new pg.Client({ connectionString: target.url });
  await client.connect();
  for (const setting of DATABASE_SETTINGS) await client.query(`alter database regression set ${setting}`);
  await client.end();
  return target;
}

function scrim(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  return new Promise((found, failed) => {
    child.once('exit', (code) => (code === 0 ? found(printed.trim()) : failed(new Error(`scrim: ${code}`))));
  });
}

/** `scrim up` before the cluster: host, port and token in psql's variables. */
async function startEdge(folder: string, target: PostgresStore) {
  const file = join(folder, 'scrim.yaml');
  const ready = join(folder, 'ready.json');
  writeFileSync(file, policy(target));
  const env = { ...process.env, HOME: folder, REGRESSION_PASSWORD: PASSWORD };
  const args = ['up', '-f', file, '--ready-file', ready, '--data', join(folder, 'product')];
  const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  while (!existsSync(ready)) {
    if (child.exitCode !== null) throw new Error('scrim up ended');
    await new Promise((done) => setTimeout(done, 100));
  }
  const { api, adminToken, postgres } = JSON.parse(readFileSync(ready, 'utf8')) as {
    api: string;
    adminToken: string;
    postgres: { host: string; port: number };
  };
  const who = ['--caller', 'alice@example.com', '--connection', 'regression', '--ttl', '6h'];
  const token = await scrim(['token', ...who], { ...env, SCRIM_API: api, SCRIM_TOKEN: adminToken });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await gone;
  };
  return { host: postgres.host, port: postgres.port, password: token, stop };
}

async function startLane(name: string, home: string, suite: string): Promise<Lane> {
  const folder = join(home, name);
  for (const sub of ['', 'sql', 'expected', 'results', 'testtablespace']) {
    mkdirSync(join(folder, sub), { recursive: true });
    chmodSync(join(folder, sub), 0o777);
  }
  const target = await startCluster(folder);
  const edge = name === 'edge' ? await startEdge(folder, target) : undefined;
  const { host, port, password } = edge ?? target;
  return {
    name,
    folder,
    // What pg_regress gives psql (pg_regress.c, initialize_environment).
    env: {
      PATH: process.env.PATH,
      LC_MESSAGES: 'C',
      PGHOST: host,
      PGPORT: String(port),
      PGUSER: 'postgres',
      PGPASSWORD: password,
      PGTZ: 'PST8PDT',
      PGDATESTYLE: 'Postgres, MDY',
      PGOPTIONS: '-c intervalstyle=postgres_verbose',
      PG_ABS_SRCDIR: suite,
      PG_ABS_BUILDDIR: join(home, 'shared'),
      PG_LIBDIR: suite,
      PG_DLSUFFIX: '.so',
    },
    stop: async () => {
      await edge?.stop();
      await target.stop();
    },
  };
}

/** Standard output and error of psql on one file, as pg_regress runs it. */
function runFile(lane: Lane, suite: string, file: string): Promise<string> {
  const hide = ['-v', 'HIDE_TABLEAM=on', '-v', 'HIDE_TOAST_COMPRESSION=on'];
  const out = join(lane.folder, `${file}.out`);
  const command = `exec psql -X -a -q -d regression ${hide.join(' ')} < "${join(suite, 'sql', `${file}.sql`)}" > "${out}" 2>&1`;
  const child = spawn('sh', ['-c', command], { env: lane.env, cwd: lane.folder });
  return new Promise((found) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), FILE_BOUND);
    child.once('exit', () => {
      clearTimeout(timer);
      found(existsSync(out) ? readFileSync(out, 'latin1') : '');
    });
  });
}

type Outcome = 'same' | 'different' | 'unstable';

/** Lines that differ although the direct lanes agree on them. */
export function judge(first: string, second: string, edge: string): { outcome: Outcome; lines: string[] } {
  if (edge === first || edge === second) return { outcome: 'same', lines: [] };
  const [a, b, c] = [first.split('\n'), second.split('\n'), edge.split('\n')];
  if (a.length !== b.length) return { outcome: 'unstable', lines: [] };
  if (c.length !== a.length) {
    const at = a.findIndex((line, i) => line === b[i] && line !== c[i]);
    return {
      outcome: 'different',
      lines: [`${at + 1}: ${a[at]}`, `${at + 1}: ${c[at]} (and the number of lines)`],
    };
  }
  const lines = a.flatMap((line, i) =>
    line === b[i] && line !== c[i] ? [`${i + 1}: ${line}`, `${i + 1}: ${c[i]}`] : [],
  );
  return { outcome: lines.length === 0 ? 'same' : 'different', lines };
}

function schedule(suite: string): string[] {
  const text = readFileSync(join(suite, 'parallel_schedule'), 'utf8');
  const files = [...text.matchAll(/^test: (.*)$/gm)].flatMap(([, names]) =>
    (names ?? '').trim().split(/\s+/),
  );
  return files.filter((file) => existsSync(join(suite, 'sql', `${file}.sql`)));
}

async function main(): Promise<void> {
  const [folder, ...only] = process.argv.slice(2);
  if (folder === undefined) throw new Error('name a folder: src/test/regress of a PostgreSQL source tree');
  const suite = resolve(folder);
  const home = mkdtempSync(join(tmpdir(), 'scrim-regression-'));
  chmodSync(home, 0o755);
  mkdirSync(join(home, 'shared', 'results'), { recursive: true });
  for (const sub of ['shared', 'shared/results']) chmodSync(join(home, sub), 0o777);
  const lanes = await Promise.all(['first', 'second', 'edge'].map((name) => startLane(name, home, suite)));
  const counts: Record<Outcome, number> = { same: 0, different: 0, unstable: 0 };
  try {
    for (const file of schedule(suite)) {
      // Files under PG_ABS_BUILDDIR are the same for all lanes, since their paths are printed: one lane at a time.
      const outputs: string[] = [];
      for (const lane of lanes) outputs.push(await runFile(lane, suite, file));
      const { outcome, lines } = judge(outputs[0] ?? '', outputs[1] ?? '', outputs[2] ?? '');
      if (only.length > 0 && !only.includes(file)) continue;
      counts[outcome] += 1;
      if (outcome !== 'same')
        console.log(
          `${outcome} ${file}\n${lines
            .slice(0, 6)
            .map((line) => `    ${line}\n`)
            .join('')}`,
        );
    }
    console.log(JSON.stringify({ ...counts, outputs: home }));
  } finally {
    for (const lane of lanes) await lane.stop();
    if (process.env.KEEP_OUTPUTS === undefined) rmSync(home, { recursive: true, force: true });
  }
}

await main();
