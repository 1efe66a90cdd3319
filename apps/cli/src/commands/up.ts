import { join, resolve } from 'node:path';
import type { ScrimDocument } from '@scrim/model';
import type { Command } from 'commander';
import { loadDocument } from '../document.ts';
import { forgetLogin, saveLogin } from '../login.ts';
import { print, progress } from '../output.ts';
import { type Stack, startStack } from '../stack/stack.ts';

/**
 * Aborted on Ctrl-C, SIGTERM, or when the terminal goes away. Made before anything is started: a Ctrl-C during the start
 * would otherwise leave the stores running. The handlers stay: npm passes a Ctrl-C on to a child
 * that already had it from the terminal, and the second one must not cut the orderly stop short.
 */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  return stop.signal;
}

/** Resolves when the signal is aborted, at once when it is already. */
export function untilStopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((done) => signal.addEventListener('abort', () => done(), { once: true }));
}

/** A client's command for a connection, by its protocol; `$TOKEN` is set. */
const clientOf = {
  postgres: ({ postgres: { host, port } }: Stack, name: string) =>
    `PGPASSWORD=$TOKEN psql -h ${host} -p ${port} -U alice ${name}`,
  http: ({ http: { host, port } }: Stack, name: string) =>
    `curl -H "Authorization: Bearer $TOKEN" http://${host}:${port}/c/${name}/`,
  ssh: ({ ssh: { host, port } }: Stack, name: string) =>
    `ssh -p ${port} ${name}@${host}   (the password is $TOKEN)`,
};

/** What to do next, in the words of the commands that do it. */
export function describeStack(
  stack: Stack,
  first: Pick<ScrimDocument['connections'][number], 'name' | 'protocol'> | undefined,
): string {
  const connection = first?.name ?? 'CONNECTION';
  const { host, port } = stack.postgres;
  const http = `http://${stack.http.host}:${stack.http.port}`;
  return [
    `Console            ${stack.api}/   (sign in with the token in ${join(stack.dataDir, 'stack.json')}: "adminToken")`,
    `REST and OpenAPI   ${stack.api}/docs`,
    `PostgreSQL edge    ${host}:${port} (database = connection, password = token)`,
    `HTTP edge          ${http}/c/CONNECTION/ (API key or Authorization: Bearer = token)`,
    `SSH edge           ${stack.ssh.host}:${stack.ssh.port} (user = connection, password = token)`,
    `data and logs      ${stack.dataDir}`,
    '',
    'Try next, in another terminal:',
    `  TOKEN=$(npm run -s scrim -- token --caller alice@example.com --groups agents --connection ${connection} --ttl 1h)`,
    `  ${clientOf[first?.protocol ?? 'postgres'](stack, connection)}`,
    '  npm run -s scrim -- approvals ls',
    '  npm run -s scrim -- sessions ls',
  ].join('\n');
}

async function up(options: { file: string; readyFile?: string; data?: string }): Promise<void> {
  const document = loadDocument(options.file);
  const signal = stopSignal();
  const stack = await startStack({
    document,
    dataDir: resolve(options.data ?? '.scrim/up'),
    ...(options.readyFile === undefined ? {} : { readyFile: options.readyFile }),
    report: (text) => progress(`scrim: ${text}`),
    signal,
  });
  const login = { api: stack.api, token: stack.adminToken };
  saveLogin(login);
  print(describeStack(stack, document.connections[0]));
  print('\nScrim is up. Ctrl-C stops it.');
  await untilStopped(signal);
  progress('scrim: stopping');
  await stack.stop();
  forgetLogin(login);
}

export function upCommand(program: Command): void {
  program
    .command('up')
    .description('run control plane, edge and embedded stores on your own targets, in the foreground')
    .requiredOption('-f, --file <scrim.yaml>', 'connections and policies (docs/configuration/scrim-yaml.md)')
    .option('--ready-file <file>', 'write addresses and tokens there, as JSON, once everything serves')
    .option('--data <dir>', 'where stores, keys and logs are kept (default: .scrim/up)')
    .addHelpText('after', '\nExample:\n  scrim up -f scrim.yaml --ready-file ready.json\n')
    .action(up);
}
