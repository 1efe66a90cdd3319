/**
 * `cat` of a large file and short commands through an edge, beside the same straight to OpenSSH's server in the same run.
 * Usage: node --conditions=source --import tsx test/bench/ssh.ts [MiB] [commands]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { Client, Gateway, type Rules, Sshd, TOKEN } from '../protocol-ssh/harness.ts';

const MIB = Number(process.argv[2] ?? 500);
const COMMANDS = Number(process.argv[3] ?? 1_000);
const ROUNDS = 3;

const RULES: Rules = { match: {}, mask: [{ detect: ['secrets', 'pii.email', 'pii.card'] }] };

/** Text as logs have it: nothing in it is a secret, much of it looks a little like one. */
function writeFile(path: string): void {
  const lines = Array.from(
    { length: 4_000 },
    (_, i) =>
      `2026-01-${String(1 + (i % 28)).padStart(2, '0')}T12:00:${String(i % 60).padStart(2, '0')}Z INFO request ${i * 7919} served user=u${i} path=/items/${i} took ${i % 97}ms\n`,
  ).join('');
  const block = Buffer.from(lines);
  const file = openSync(path, 'w');
  for (let written = 0; written < MIB << 20; written += block.length) writeSync(file, block);
}

/** Seconds a shell command takes. */
function timed(command: string, env: NodeJS.ProcessEnv): Promise<number> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', command], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) =>
      code === 0 ? resolve((performance.now() - started) / 1000) : reject(new Error(`${command}: ${code}`)),
    );
  });
}

async function connected(config: ssh2.ConnectConfig): Promise<ssh2.Client> {
  const client = new ssh2.Client();
  await new Promise<void>((resolve, reject) => {
    client.once('ready', resolve).once('error', reject);
    client.connect({ host: '127.0.0.1', ...config });
  });
  return client;
}

/** Milliseconds from asking to the channel's close. */
async function command(client: ssh2.Client): Promise<number> {
  const started = performance.now();
  await new Promise<void>((resolve, reject) => {
    client.exec('true', (error, channel) => {
      if (error) return reject(error);
      channel.resume();
      channel.on('close', () => resolve());
    });
  });
  return performance.now() - started;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'scrim-bench-ssh-'));
  const sshd = await Sshd.start();
  const gateway = await Gateway.open(sshd, [RULES]);
  gateway.keeps = false;
  try {
    const file = sshd.path('large');
    writeFile(file);
    const straight = new Client(folder, sshd.port, `[127.0.0.1]:${sshd.port} ${sshd.hostKey}`);
    const key = [
      `IdentityFile=${join(sshd.folder, 'user')}`,
      'PubkeyAuthentication=yes',
      'IdentitiesOnly=yes',
    ];
    const cipher = 'Ciphers=aes128-gcm@openssh.com';
    const direct = `ssh ${straight.options([...key, cipher]).join(' ')} -p ${sshd.port} ${sshd.user}@127.0.0.1`;
    const edge = `ssh ${gateway.options([cipher]).join(' ')} -p ${gateway.port} web1@127.0.0.1`;
    const rates: { direct: number[]; edge: number[]; busy: number[]; cpu: number[] } = {
      direct: [],
      edge: [],
      busy: [],
      cpu: [],
    };
    for (let round = 0; round < ROUNDS; round++) {
      rates.direct.push(MIB / (await timed(`${direct} cat ${file} >/dev/null`, straight.env)));
      const before = process.cpuUsage();
      const seconds = await timed(`${edge} cat ${file} >/dev/null`, gateway.env);
      const { user, system } = process.cpuUsage(before);
      rates.edge.push(MIB / seconds);
      rates.busy.push((user + system) / 1e6 / seconds);
      rates.cpu.push((user + system) / 1e3 / MIB);
    }
    const [d, e] = [median(rates.direct), median(rates.edge)];
    process.stdout.write(
      `cat ${MIB} MiB: direct ${d.toFixed(0)} MiB/s, edge ${e.toFixed(0)} MiB/s = ${(e / d).toFixed(2)} x; edge busy ${(100 * median(rates.busy)).toFixed(0)} %, ${median(rates.cpu).toFixed(2)} ms of CPU per MiB\n`,
    );
    const one = await connected({ port: sshd.port, username: sshd.user, privateKey: sshd.key });
    const two = await connected({ port: gateway.port, username: 'web1', password: TOKEN });
    const times: { direct: number[]; edge: number[] } = { direct: [], edge: [] };
    for (let i = 0; i < COMMANDS; i++) {
      times.direct.push(await command(one));
      times.edge.push(await command(two));
    }
    const [a, b] = [median(times.direct), median(times.edge)];
    process.stdout.write(
      `${COMMANDS} commands: direct ${a.toFixed(1)} ms, edge ${b.toFixed(1)} ms = ${(b - a).toFixed(1)} ms more (median)\n`,
    );
    process.stdout.write(
      `memory of the bench process, edge inside: ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB\n`,
    );
    one.end();
    two.end();
  } finally {
    await gateway.close();
    sshd.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
