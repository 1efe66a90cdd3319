/**
 * HTTP through Scrim against nginx proxy_pass, side by side in one run, one worker each: requests a second of small JSON,
 * and MB/s of a JSON array of 100 MB. Masking is on. Ratios only: absolute figures say more about the machine than about
 * us. Run: `npx tsx --conditions=source test/bench/http.ts`.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram, freePort } from '@scrim/embedded-stores';
import { startStand } from '../e2e/stand.ts';

const run = promisify(execFile);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 5);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const CALLERS = 16;

const SMALL = JSON.stringify({
  id: 1,
  name: 'Ada Lovelace',
  note: 'hello world',
  tags: ['a', 'b'],
  price: 12.5,
});
const ROW = {
  id: 12_345,
  name: 'Ada Lovelace',
  note: 'nothing to see here',
  price: 1.25,
  tags: ['a', 'b'],
  at: '2026-01-02T03:04:05Z',
};
const BLOCK = Buffer.from(`${JSON.stringify(ROW)},\n`.repeat(600));

const DOCUMENT = (url: string): string => `
apiVersion: scrim/v1
connections:
  - { name: api, protocol: http, target: { url: "${url}" } }
policies:
  - name: bench
    mask: [{ field: ssn }, { detect: [secrets, pii], with: redact }]
    guard: [{ when: { http: { methods: [DELETE], path: "/v1/**" } }, do: block }]
`;

/** Small answers come from nginx itself, so that the target costs both the same little. */
async function startNginx(
  folder: string,
  upstream: string,
): Promise<{ url: string; target: string; pid: number; stop: () => void }> {
  const program = await findProgram('nginx');
  const [port, target] = [await freePort(), await freePort()];
  mkdirSync(join(folder, 'logs'), { recursive: true });
  const config = `
daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000;
  client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b; fastcgi_temp_path ${folder}/c;
  uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
  upstream small { server 127.0.0.1:${target}; keepalive 64; }
  server { listen 127.0.0.1:${target}; location / { default_type application/json; return 200 '${SMALL}'; }
           location /big { proxy_pass ${upstream}; proxy_buffering off; } }
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://small; proxy_http_version 1.1; proxy_set_header Connection ""; } }
}`;
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, config);
  const child = spawn(program.path, ['-c', file, '-p', folder, '-e', join(folder, 'error.log')], {
    env: { ...process.env, ...program.env },
    stdio: 'inherit',
  });
  return {
    url: `http://127.0.0.1:${port}`,
    target: `http://127.0.0.1:${target}`,
    pid: child.pid ?? 0,
    stop: () => child.kill(),
  };
}

async function writeBig(response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('[');
  for (let sent = 0; sent < 100_000_000; sent += BLOCK.length) {
    if (!response.write(BLOCK)) await new Promise((resolve) => response.once('drain', resolve));
  }
  response.end('0]');
}

function startBig() {
  const server = createServer((_request, response) => void writeBig(response));
  return new Promise<{ url: string; stop: () => void }>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      resolve({ url: `http://127.0.0.1:${port}`, stop: () => server.close() });
    });
  });
}

async function requestsPerSecond(url: string, token: string): Promise<number> {
  const wrk = await findProgram('wrk');
  const args = ['-t1', `-c${CALLERS}`, `-d${SECONDS}s`, '-H', `x-api-key: ${token}`, url];
  const { stdout } = await run(wrk.path, args, { env: { ...process.env, ...wrk.env } });
  if (/Non-2xx/.test(stdout)) throw new Error(stdout);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

async function megabytesPerSecond(url: string, token: string): Promise<number> {
  const { stdout } = await run('curl', [
    '-sS',
    '-o',
    '/dev/null',
    '-w',
    '%{size_download} %{time_total}',
    '-H',
    `x-api-key: ${token}`,
    url,
  ]);
  const [bytes = 0, seconds = 1] = stdout.split(' ').map(Number);
  return bytes / 1e6 / seconds;
}

/** Processor time a process has used, in ms: what a busy machine does not distort. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;

const big = await startBig();
const nginx = await startNginx(mkdtempSync(join(tmpdir(), 'scrim-bench-')), big.url);
const stand = await startStand({ setup: 'SELECT 1', document: DOCUMENT(nginx.target) });
try {
  const { host, port } = stand.ready().http;
  const scrim = `http://${host}:${port}/c/api`;
  const token = await stand.token({ connection: 'api', groups: 'bench' });
  const figures = {
    nginx: [] as number[],
    scrim: [] as number[],
    nginxBig: [] as number[],
    scrimBig: [] as number[],
    cpu: [] as number[],
  };
  await requestsPerSecond(`${scrim}/small`, token);
  for (let round = 0; round < ROUNDS; round++) {
    figures.nginx.push(await requestsPerSecond(`${nginx.url}/small`, token));
    const before = cpuOf(stand.ready().edgePid);
    const rate = await requestsPerSecond(`${scrim}/small`, token);
    figures.scrim.push(rate);
    figures.cpu.push((cpuOf(stand.ready().edgePid) - before) / (rate * SECONDS));
    figures.nginxBig.push(await megabytesPerSecond(`${nginx.url}/big`, token));
    figures.scrimBig.push(await megabytesPerSecond(`${scrim}/big`, token));
  }
  const [a, b, c, d] = [figures.nginx, figures.scrim, figures.nginxBig, figures.scrimBig].map(median) as [
    number,
    number,
    number,
    number,
  ];
  process.stdout.write(
    `small JSON, ${CALLERS} callers: nginx ${a.toFixed(0)}/s, scrim ${b.toFixed(0)}/s = ${(b / a).toFixed(2)} x (target 0.5)\n`,
  );
  process.stdout.write(`processor time of the edge: ${median(figures.cpu).toFixed(3)} ms a request\n`);
  process.stdout.write(
    `100 MB of JSON: nginx ${c.toFixed(0)} MB/s, scrim ${d.toFixed(0)} MB/s = ${(d / c).toFixed(2)} x\n`,
  );
} finally {
  await stand.stop();
  nginx.stop();
  big.stop();
}
