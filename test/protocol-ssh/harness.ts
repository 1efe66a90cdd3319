import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { findProgram, freePort } from '@scrim/embedded-stores';
import { type Caller, connectionSchema, policySchema, refuse, Secret, type Snapshot } from '@scrim/model';
import { type Decision, type HeldOperation, Pipeline } from '@scrim/pipeline';
import { generateHostKey, openSshProtocol, publicHostKey } from '@scrim/protocol-ssh';
import ssh2 from 'ssh2';

export const TOKEN = 'a-callers-token';
/** Found by `secrets.github`. */
/** Split, so that no scanner takes it for a real one. */
export const GITHUB = ['ghp', 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O50Zb5Hm'].join('_');

const LIMITS = { handshakeTimeout: 4_000, maxMessage: 4 << 20, maxHeldInput: 64 << 10, targetTimeout: 5_000 };

export interface Recorded {
  readonly what: string;
  readonly data: unknown;
}

/** A question to approvers, answered by the test. */
export interface Asked {
  readonly held: HeldOperation;
  readonly signal: AbortSignal;
  answer(decision: Decision): void;
}

export interface Said {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
  readonly bytes: Buffer;
}

/** A real sshd on a free port, run by whoever runs the tests. */
export class Sshd {
  readonly folder: string;
  readonly port: number;
  readonly hostKey: string;
  readonly user = userInfo().username;
  readonly key: string;
  readonly #child: ChildProcess;

  private constructor(folder: string, port: number, child: ChildProcess) {
    this.folder = folder;
    this.port = port;
    this.#child = child;
    this.hostKey = readFileSync(join(folder, 'host.pub'), 'utf8').trim();
    this.key = readFileSync(join(folder, 'user'), 'utf8');
  }

  static async start(): Promise<Sshd> {
    const folder = mkdtempSync(join(tmpdir(), 'scrim-sshd-'));
    const [sshd, keygen, sftp] = await Promise.all([
      findProgram('sshd'),
      findProgram('ssh-keygen'),
      findProgram('sftp-server'),
    ]);
    for (const name of ['host', 'user']) {
      execFileSync(keygen.path, ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)], {
        env: { ...process.env, ...keygen.env },
      });
    }
    writeFileSync(join(folder, 'authorized'), readFileSync(join(folder, 'user.pub')));
    mkdirSync(join(folder, 'home'));
    const port = await freePort();
    const config = [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${join(folder, 'host')}`,
      `AuthorizedKeysFile ${join(folder, 'authorized')}`,
      `PidFile ${join(folder, 'pid')}`,
      'StrictModes no',
      'UsePAM no',
      'PermitRootLogin yes',
      'MaxStartups 200',
      'MaxSessions 100',
      'AcceptEnv LANG LC_* GIT_PROTOCOL',
      `Subsystem sftp ${sftp.path}`,
      `SetEnv HOME=${join(folder, 'home')}`,
      '',
    ];
    writeFileSync(join(folder, 'config'), config.join('\n'));
    if (process.getuid?.() === 0) separationUser();
    const child = spawn(sshd.path, ['-D', '-e', '-f', join(folder, 'config')], {
      env: { ...process.env, ...sshd.env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said += chunk;
    });
    await reachable(port).catch(() => {
      throw new Error(`sshd did not start: ${said}`);
    });
    return new Sshd(folder, port, child);
  }

  /** Where commands of the target start. */
  get home(): string {
    return join(this.folder, 'home');
  }

  path(name: string): string {
    return join(this.home, name);
  }

  file(name: string, content: string | Buffer): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  stop(): void {
    this.#child.kill('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What the package's own scripts would have made: sshd run by root wants both. */
function separationUser(): void {
  mkdirSync('/run/sshd', { recursive: true });
  if (!readFileSync('/etc/passwd', 'utf8').includes('\nsshd:')) {
    execFileSync('useradd', [
      '--system',
      '--no-create-home',
      '--home-dir',
      '/run/sshd',
      '--shell',
      '/usr/sbin/nologin',
      'sshd',
    ]);
  }
}

async function reachable(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const up = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => socket.destroy() && resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on ${port}`);
}

/** OpenSSH's clients, told of one edge and nothing else of this machine. */
export class Client {
  readonly folder: string;
  readonly port: number;

  /** @param knownHosts the edge's line */
  constructor(folder: string, port: number, knownHosts: string) {
    this.folder = folder;
    this.port = port;
    writeFileSync(join(folder, 'known_hosts'), `${knownHosts}\n`);
    const askpass = join(folder, 'askpass');
    writeFileSync(askpass, '#!/bin/sh\nprintf "%s\\n" "$SCRIM_TEST_TOKEN"\n');
    chmodSync(askpass, 0o755);
  }

  /** Options every OpenSSH client is given. */
  options(more: readonly string[] = []): string[] {
    const set = [
      'BatchMode=no',
      'NumberOfPasswordPrompts=1',
      'StrictHostKeyChecking=yes',
      `UserKnownHostsFile=${join(this.folder, 'known_hosts')}`,
      'GlobalKnownHostsFile=/dev/null',
      'PubkeyAuthentication=no',
      'LogLevel=ERROR',
    ];
    return ['-F', '/dev/null', ...[...more, ...set].flatMap((it) => ['-o', it])];
  }

  get env(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      SSH_ASKPASS: join(this.folder, 'askpass'),
      SSH_ASKPASS_REQUIRE: 'force',
      SCRIM_TEST_TOKEN: TOKEN,
      DISPLAY: '',
      HOME: this.folder,
    };
  }

  /** Runs a client program to its end. */
  async run(
    program: string,
    args: readonly string[],
    options: { input?: string | Buffer; env?: NodeJS.ProcessEnv; timeout?: number } = {},
  ): Promise<Said> {
    const child = spawn(program, args, {
      env: { ...this.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeout ?? 15_000);
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (c, s) => resolve([c, s]));
    });
    clearTimeout(timer);
    const bytes = Buffer.concat(out);
    return { code, signal, out: bytes.toString('utf8'), err: Buffer.concat(err).toString('utf8'), bytes };
  }

  ssh(
    args: readonly string[],
    options: {
      input?: string | Buffer;
      more?: readonly string[];
      user?: string;
      env?: NodeJS.ProcessEnv;
      timeout?: number;
    } = {},
  ): Promise<Said> {
    const login = ['-p', String(this.port), '-l', options.user ?? 'web1'];
    return this.run('ssh', [...this.options(options.more), ...login, ...splitArgs(args)], options);
  }

  scp(args: readonly string[], more: readonly string[] = []): Promise<Said> {
    return this.run('scp', [...this.options(['User=web1', ...more]), '-P', String(this.port), ...args]);
  }

  sftp(batch: string, more: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Said> {
    return this.run(
      'sftp',
      [...this.options(['User=web1', ...more]), '-P', String(this.port), '-b', '-', '127.0.0.1'],
      { input: batch, env },
    );
  }
}

export type Rules = Record<string, unknown>;

/** The edge's half without control plane and stores: the real pipeline before a real sshd. */
export class Gateway {
  readonly port: number;
  readonly recorded: Recorded[] = [];
  /** False = what callers see is not kept here, for long runs. */
  keeps = true;
  readonly rejections: Record<string, unknown>[] = [];
  readonly asked: Asked[] = [];
  readonly failures: unknown[] = [];
  readonly pipeline: Pipeline;
  readonly folder: string;
  readonly sshd: Sshd;
  readonly clients: Client;
  caller: Caller;
  snapshot: Snapshot;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #ids = 0;

  private constructor(
    sshd: Sshd,
    port: number,
    server: Server,
    policies: readonly Rules[],
    over: Record<string, unknown>,
  ) {
    this.sshd = sshd;
    this.port = port;
    this.folder = mkdtempSync(join(tmpdir(), 'scrim-ssh-'));
    this.#server = server;
    this.caller = {
      subject: 'alice@example.com',
      groups: ['agents'],
      kind: 'person',
      issuer: 'scrim',
      tokenId: 'token-1',
      expiresAt: Number.MAX_SAFE_INTEGER,
      connections: ['web1'],
      attributes: {},
    };
    this.snapshot = this.#snapshot(policies, over);
    const hostKey = generateHostKey();
    const protocol = openSshProtocol(hostKey);
    this.clients = new Client(this.folder, port, `[127.0.0.1]:${port} ${publicHostKey(hostKey)}`);
    this.pipeline = new Pipeline({
      identify: async (token, certificate) => {
        if (certificate) return await this.certified(certificate);
        if (token.reveal() === TOKEN) return this.caller;
        throw refuse('SCRIM_AUTH_INVALID');
      },
      snapshot: () => this.snapshot,
      secrets: async () => ({ privateKey: new Secret(sshd.key) }),
      approvals: {
        request: (held, signal, pending) =>
          new Promise<Decision>((answer) => {
            this.asked.push({ held, signal, answer });
            pending('ap-1', 'https://console/ap-1');
          }),
      },
      recording: {
        ready: () => true,
        open: () => this.#recorder(),
        rejected: (data) => this.rejections.push(data),
      },
      now: () => Date.now(),
      newId: () => `session-${++this.#ids}`,
      failed: (_session, error) => this.failures.push(error),
      accept: { limits: LIMITS, requireTls: false, rejected: (why) => this.rejections.push({ why }) },
    });
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      void this.pipeline.serve(protocol, socket);
    });
  }

  static async open(
    sshd: Sshd,
    policies: readonly Rules[],
    over: Record<string, unknown> = {},
  ): Promise<Gateway> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    return new Gateway(sshd, port, server, policies, over);
  }

  /** Who a certificate speaks for. */
  certified: (certificate: Uint8Array) => Promise<Caller> = async () => {
    throw refuse('SCRIM_AUTH_INVALID');
  };

  #snapshot(policies: readonly Rules[], over: Record<string, unknown>): Snapshot {
    const connection = connectionSchema.parse({
      name: 'web1',
      protocol: 'ssh',
      target: { host: '127.0.0.1', port: this.sshd.port, hostKey: this.sshd.hostKey, ...over },
      credential: { username: this.sshd.user, privateKey: { value: 'unused' } },
      labels: { env: 'prod' },
    });
    return {
      version: '1',
      edgeId: 'edge',
      issuedAt: 0,
      expiresAt: Number.MAX_SAFE_INTEGER,
      connections: [connection],
      policies: policies.map((rules, index) => ({
        ...policySchema.parse({ name: `p${index}`, ...rules }),
        version: 1,
      })),
      tokens: { scrim: [], issuers: [], revoked: [] },
      maskingKey: Buffer.alloc(32, 7).toString('base64'),
      queue: { url: 'redis://127.0.0.1', prefix: 'x' },
    } as Snapshot;
  }

  apply(policies: readonly Rules[]): void {
    this.snapshot = this.#snapshot(policies, {});
    this.pipeline.applySnapshot(this.snapshot);
  }

  #recorder() {
    const note =
      (what: string) =>
      (...data: unknown[]): void => {
        this.recorded.push({ what, data: data.length === 1 ? data[0] : data });
      };
    return {
      opened: note('opened'),
      operation: note('operation'),
      shape: note('shape'),
      response: (bytes: Uint8Array, _rows: number, lane: number) => {
        if (!this.keeps) return;
        this.recorded.push({ what: 'response', data: { text: Buffer.from(bytes).toString('latin1'), lane } });
      },
      request: note('request'),
      outcome: (ok: boolean, tag: string) => void this.recorded.push({ what: 'outcome', data: { ok, tag } }),
      masked: note('masked'),
      event: (kind: string, data: unknown) => void this.recorded.push({ what: kind, data }),
      coverage: note('coverage'),
      flush: () => undefined,
      closed: (ending: string, refusal?: unknown) =>
        void this.recorded.push({ what: 'closed', data: { ending, refusal } }),
    };
  }

  /** Everything recorded, as one text. */
  kept(): string {
    return JSON.stringify(this.recorded);
  }

  operations(): { verb: string; text: string; verdict: string }[] {
    return this.recorded.filter((it) => it.what === 'operation').map((it) => it.data as never);
  }

  ssh: Client['ssh'] = (args, options) => this.clients.ssh(args, options);
  scp: Client['scp'] = (args, more) => this.clients.scp(args, more);
  sftp: Client['sftp'] = (batch, more, env) => this.clients.sftp(batch, more, env);
  run: Client['run'] = (program, args, options) => this.clients.run(program, args, options);
  options: Client['options'] = (more) => this.clients.options(more);

  get env(): NodeJS.ProcessEnv {
    return this.clients.env;
  }

  /** An ssh2 client, for what OpenSSH's would not do. */
  async client(config: Partial<ssh2.ConnectConfig> = {}): Promise<ssh2.Client> {
    const client = new ssh2.Client();
    await new Promise<void>((resolve, reject) => {
      client.once('ready', resolve).once('error', reject);
      client.connect({ host: '127.0.0.1', port: this.port, username: 'web1', password: TOKEN, ...config });
    });
    client.on('error', () => undefined);
    return client;
  }

  async close(): Promise<void> {
    await this.pipeline.stop();
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Options before the host, the command behind it. */
function splitArgs(args: readonly string[]): string[] {
  const at = args.indexOf('--');
  return at < 0 ? ['127.0.0.1', ...args] : [...args.slice(0, at), '127.0.0.1', ...args.slice(at + 1)];
}

/** Waits until `look` gives something. */
export async function eventually<T>(look: () => T | undefined | false, ms = 5_000): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms in vain`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function authority(): { key: KeyObject; publicKey: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { key: privateKey, publicKey };
}

export const SECRETS: Rules = { match: {}, mask: [{ detect: ['secrets', 'pii.email'] }] };
