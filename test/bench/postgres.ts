/**
 * PostgreSQL through Scrim, side by side in one run: direct, pgbouncer, Scrim (masking and recording on). Ratios only:
 * absolute figures say more about the machine than about us. Run: `npx tsx --conditions=source test/bench/postgres.ts`.
 */
import { execFile, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type FoundProgram, findProgram, freePort } from '@scrim/embedded-stores';
import { type Stand, startStand } from '../e2e/stand.ts';

const run = promisify(execFile);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 8);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const ROWS = Number(process.env.BENCH_ROWS ?? 1_000_000);

const SETUP = `
  create table mixed (id int primary key, name text, city text, amount numeric(10,2), at timestamptz, ref uuid, note text);
  insert into mixed select i, 'customer ' || i, 'city ' || (i % 500), (i % 10000) / 100.0,
    timestamptz '2026-01-01' + i * interval '1 second', md5(i::text)::uuid, 'note number ' || i || ' with nothing in it'
    from generate_series(1, ${ROWS}) i;
  create table masked as select id, name, city, amount, at, ref, note as secret from mixed;
  analyze;
`;

const DOCUMENT = `
apiVersion: scrim/v1
connections:
  - name: shop
    protocol: postgres
    target: { host: $HOST, port: $PORT, database: shop, tls: disable }
    credential: { username: postgres, password: { env: SHOP_PASSWORD } }
policies:
  - name: bench
    mask:
      - { column: "masked.secret", with: redact }
      - { detect: [secrets, pii], with: redact }
    guard:
      - { when: { sql: { statements: [drop_table, truncate] } }, do: block }
      - { when: { sql: { unbounded: [update, delete] } }, do: block }
`;

interface Lane {
  readonly name: string;
  readonly url: string;
}

async function startPgbouncer(stand: Stand, folder: string): Promise<{ port: number; stop: () => void }> {
  const program = await findProgram('pgbouncer');
  const port = await freePort();
  mkdirSync(folder, { recursive: true });
  const users = join(folder, 'users.txt');
  writeFileSync(users, `"postgres" "${stand.target.password}"\n`);
  const config = join(folder, 'pgbouncer.ini');
  writeFileSync(
    config,
    `[databases]\nshop = host=${stand.target.host} port=${stand.target.port} dbname=shop user=postgres password=${stand.target.password}\n` +
      `[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port=${port}\nauth_type=plain\nauth_file=${users}\npool_mode=session\n` +
      `default_pool_size=50\nunix_socket_dir=\nignore_startup_parameters=extra_float_digits,options\n`,
  );
  for (const file of [folder, users, config]) chmodSync(file, 0o755);
  const child = spawn(program.path, ['-q', config], {
    env: { ...process.env, ...program.env },
    stdio: 'ignore',
    ...(process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}),
  });
  await new Promise((resolve) => setTimeout(resolve, 700));
  return { port, stop: () => void child.kill() };
}

async function pgbench(program: FoundProgram, url: string): Promise<number> {
  const args = ['-n', '-S', '-M', 'prepared', '-c', '8', '-j', '1', '-T', String(SECONDS), url];
  const { stdout } = await run(program.path, args, { env: { ...process.env, ...program.env } });
  return Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
}

async function psqlSeconds(program: FoundProgram, url: string, sql: string): Promise<number> {
  const from = performance.now();
  await run(
    program.path,
    [url, '-X', '-q', '-A', '-t', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-c', sql],
    {
      env: { ...process.env, ...program.env },
      maxBuffer: 1 << 30,
    },
  );
  return (performance.now() - from) / 1000;
}

/** A client that only drains: the hardest comparison, because it spends nothing itself. */
async function drainSeconds(url: string, sql: string): Promise<number> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  client.on('error', () => undefined);
  const { stream } = (client as unknown as { connection: { stream: import('node:net').Socket } }).connection;
  stream.removeAllListeners('data');
  const body = Buffer.from(`${sql}\0`);
  const head = Buffer.from([0x51, 0, 0, 0, 0]);
  head.writeInt32BE(body.length + 4, 1);
  const from = performance.now();
  await new Promise<void>((resolve) => {
    stream.on('data', (chunk: Buffer) => {
      const end = chunk.subarray(-6);
      if (end[0] === 0x5a && end.readInt32BE(1) === 5) resolve();
    });
    stream.write(Buffer.concat([head, body]));
  });
  const seconds = (performance.now() - from) / 1000;
  stream.destroy();
  return seconds;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

/** Lanes take turns within each round, so that a slow minute of the machine hits all of them. */
async function compare(
  title: string,
  lanes: readonly Lane[],
  better: 'higher' | 'lower',
  measure: (url: string) => Promise<number>,
): Promise<void> {
  const results = new Map<string, number[]>(lanes.map((lane) => [lane.name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const lane of lanes) results.get(lane.name)?.push(await measure(lane.url));
  }
  const of = (name: string): number => median(results.get(name) ?? []);
  process.stdout.write(`\n${title} (median of ${ROUNDS}, ${better} is better)\n`);
  for (const { name } of lanes) {
    const ratios = lanes
      .map((other) => `${(of(name) / of(other.name)).toFixed(2)} x ${other.name}`)
      .join('   ');
    process.stdout.write(`  ${name.padEnd(10)} ${of(name).toFixed(2).padStart(10)}   ${ratios}\n`);
  }
}

async function latency(lanes: readonly Lane[]): Promise<void> {
  const { default: pg } = await import('pg');
  process.stdout.write('\nlatency of one small prepared query, ms\n');
  for (const lane of lanes) {
    const client = new pg.Client({ connectionString: lane.url });
    await client.connect();
    const times: number[] = [];
    for (let index = 0; index < 6_000; index++) {
      const from = performance.now();
      await client.query({
        name: 'one',
        text: 'select id, name from mixed where id = $1',
        values: [1 + (index % 1000)],
      });
      if (index >= 1_000) times.push(performance.now() - from);
    }
    await client.end();
    times.sort((a, b) => a - b);
    const at = (share: number): string => (times[Math.floor(times.length * share)] as number).toFixed(3);
    process.stdout.write(`  ${lane.name.padEnd(10)} p50 ${at(0.5)}   p99 ${at(0.99)}\n`);
  }
}

function memoryOf(pid: number): string {
  const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return `${Math.round(Number(rss) / 1024)} MB`;
}

const stand = await startStand({ setup: SETUP, document: DOCUMENT });
const bouncer = await startPgbouncer(stand, join(stand.folder, 'pgbouncer'));
try {
  const bench = await findProgram('pgbench');
  const psql = await findProgram('psql');
  const token = await stand.token();
  const { host, port } = stand.ready().postgres;
  const lanes: Lane[] = [
    { name: 'direct', url: stand.target.url },
    {
      name: 'pgbouncer',
      url: `postgresql://postgres:${stand.target.password}@127.0.0.1:${bouncer.port}/shop`,
    },
    { name: 'scrim', url: `postgresql://alice:${token}@${host}:${port}/shop` },
  ];
  await run(bench.path, ['-i', '-q', '-s', '10', stand.target.url], {
    env: { ...process.env, ...bench.env },
  });
  process.stdout.write(`edge memory, idle: ${memoryOf(stand.ready().edgePid)}\n`);
  const only = process.env.BENCH_ONLY;
  const wants = (name: string): boolean => !only || only.split(',').includes(name);
  if (wants('tps'))
    await compare('pgbench -S -M prepared -c 8, tps', lanes, 'higher', (url) => pgbench(bench, url));
  if (wants('latency')) await latency(lanes);
  const select = 'select * from mixed';
  const copy = 'copy mixed to stdout';
  const masked = 'select * from masked';
  if (wants('psql')) {
    await compare(`psql SELECT of ${ROWS} mixed rows, s`, lanes, 'lower', (url) =>
      psqlSeconds(psql, url, select),
    );
    await compare(`psql COPY of ${ROWS} mixed rows, s`, lanes, 'lower', (url) =>
      psqlSeconds(psql, url, copy),
    );
    await compare('psql SELECT, one column masked in every row, s', lanes, 'lower', (url) =>
      psqlSeconds(psql, url, masked),
    );
  }
  if (wants('drain')) {
    await compare(`drained SELECT of ${ROWS} mixed rows, s`, lanes, 'lower', (url) =>
      drainSeconds(url, select),
    );
    await compare('drained SELECT, one column masked, s', lanes, 'lower', (url) => drainSeconds(url, masked));
  }
  process.stdout.write(`\nedge memory, after: ${memoryOf(stand.ready().edgePid)}\n`);
} finally {
  bouncer.stop();
  await stand.stop();
}
