import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { type AccessOptions, accessTo, type PostgresAccess } from '../access.ts';
import { Failure } from '../failure.ts';
import { print } from '../output.ts';

interface ConnectOptions extends AccessOptions {
  readonly print?: boolean;
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
  { host, port, token, tls }: PostgresAccess,
  connection: string,
  options: ConnectOptions,
): void {
  const url = `${tls ? 'https' : 'http'}://${host}:${port}/c/${connection}`;
  if (options.print) print(`curl -H 'Authorization: Bearer ${token}' '${url}/'`);
  else print(`base URL   ${url}\nAPI key    ${token}`);
}

async function connect(connection: string, args: readonly string[], options: ConnectOptions): Promise<void> {
  const access = await accessTo(connection, options, ['postgres', 'http']);
  const { host, port, token, tls } = access;
  if (access.protocol === 'http') {
    describeHttp(access, connection, options);
    return;
  }
  // Without it psql falls back to no TLS when somebody in between says so, and shows the token.
  const url = `postgresql://scrim@${host}:${port}/${connection}${tls ? '?sslmode=require' : ''}`;
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
