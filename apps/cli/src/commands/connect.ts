import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { Api } from '../api.ts';
import { Failure } from '../failure.ts';
import { print } from '../output.ts';

interface Address {
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
}

interface WhoAmI {
  readonly subject: string;
  readonly groups: readonly string[];
}

interface ConnectOptions {
  readonly ttl: string;
  readonly print?: boolean;
  readonly caller?: string;
  readonly groups?: string;
}

function runClient(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(command, args, { env, stdio: 'inherit' });
  // The client owns the terminal: Ctrl-C is its to handle (psql cancels a query with it).
  process.on('SIGINT', () => undefined);
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ENOENT'
          ? new Failure(
              `${command} is not installed`,
              'install it, or use --print and connect with any driver',
            )
          : error,
      ),
    );
    child.once('exit', (code) => {
      process.exitCode = code ?? 1;
      resolve();
    });
  });
}

/** Over HTTP there is no one client to start: what any of them is told. */
function describeHttp(
  { host, port }: Address,
  connection: string,
  token: string,
  options: ConnectOptions,
): void {
  const url = `http://${host}:${port}/c/${connection}`;
  if (options.print) print(`curl -H 'Authorization: Bearer ${token}' '${url}/'`);
  else print(`base URL   ${url}   (https:// where the edge has a certificate)\nAPI key    ${token}`);
}

async function connect(connection: string, args: readonly string[], options: ConnectOptions): Promise<void> {
  const api = new Api();
  const me = await api.call<WhoAmI>('GET', '/v1/whoami');
  const { token } = await api.call<{ token: string }>('POST', '/v1/tokens', {
    subject: options.caller ?? me.subject,
    groups: options.groups?.split(',') ?? me.groups,
    connections: [connection],
    ttlSeconds: 3600,
  });
  const { addresses } = await api.call<{ addresses: readonly Address[] }>(
    'GET',
    `/v1/connections/${encodeURIComponent(connection)}/addresses`,
  );
  const http = addresses.find((it) => it.protocol === 'http');
  if (http) {
    describeHttp(http, connection, token, options);
    return;
  }
  const address = addresses.find((it) => it.protocol === 'postgres');
  if (!address) {
    throw new Failure(
      `no edge serves "${connection}" now`,
      'see `scrim edge --help`, or wait until one is up',
    );
  }
  // Without it psql falls back to no TLS when somebody in between says so, and shows the token.
  const { mode } = await api.call<{ mode: string }>('GET', '/v1/info');
  const tls = mode === 'production' ? '?sslmode=require' : '';
  const url = `postgresql://scrim@${address.host}:${address.port}/${connection}${tls}`;
  if (options.print) {
    print(`PGPASSWORD=${token} psql '${url}'`);
    return;
  }
  await runClient('psql', [url, ...args], { ...process.env, PGPASSWORD: token });
}

export function connectCommand(program: Command): void {
  program
    .command('connect <connection> [args...]')
    .description(
      'open psql on a connection with a fresh token, arguments after -- go to psql; for an HTTP connection, print the base URL and key a client needs',
    )
    .option('--print', 'print the command instead of running it')
    .option('--caller <subject>', 'speak for someone else (development mode, administrators)')
    .option('--groups <a,b>', 'groups to carry, with --caller')
    .action(connect);
}
