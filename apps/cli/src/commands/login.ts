import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseDuration } from '@scrim/model';
import { type Command, InvalidArgumentError } from 'commander';
import { Api } from '../api.ts';
import { Failure } from '../failure.ts';
import { currentLogin, saveLogin } from '../login.ts';
import { print } from '../output.ts';

interface LoginOptions {
  readonly api?: string;
  readonly token?: string;
  readonly connection: readonly string[];
  readonly ttl: number;
  readonly ssh?: string;
}

interface Edge {
  readonly knownHosts?: string;
}

interface Certificate {
  readonly certificate: string;
  readonly expiresAt: string;
}

function ttl(text: string): number {
  const value = parseDuration(text);
  if (value === undefined || value < 60_000)
    throw new InvalidArgumentError('write a duration of at least 1m, such as 8h.');
  return value;
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((it) => it.trim())
    .filter(Boolean);
}

/** A key of its own: it opens nothing without a certificate that lasts hours. */
function keyIn(folder: string): { readonly key: string; readonly publicKey: string } {
  const key = join(folder, 'id_scrim');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!existsSync(key)) {
    try {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'scrim', '-f', key]);
    } catch (error) {
      throw new Failure(`ssh-keygen failed: ${(error as Error).message}`, 'install the OpenSSH client');
    }
  }
  return { key, publicKey: readFileSync(`${key}.pub`, 'utf8').trim() };
}

/** Only administrators and auditors may list edges; others get the line from whoever told them the address. */
async function knownHosts(api: Api): Promise<string[]> {
  try {
    const { items } = await api.call<{ items: readonly Edge[] }>('GET', '/v1/edges');
    return items.flatMap((it) => (it.knownHosts === undefined ? [] : [it.knownHosts]));
  } catch {
    return [];
  }
}

async function login(options: LoginOptions): Promise<void> {
  if (options.token !== undefined) {
    const api = options.api ?? process.env.SCRIM_API;
    if (!api) throw new Failure('no control plane is named', 'add --api https://…');
    print(`login saved to ${saveLogin({ api, token: options.token })}`);
  }
  const who = options.token === undefined ? currentLogin() : { ...currentLogin(), token: options.token };
  const api = new Api(who);
  const folder = options.ssh ?? join(homedir(), '.ssh', 'scrim');
  const { key, publicKey } = keyIn(folder);
  const { certificate, expiresAt } = await api.call<Certificate>('POST', '/v1/ssh/certificates', {
    publicKey,
    connections: options.connection,
    ttlSeconds: Math.floor(options.ttl / 1000),
  });
  writeFileSync(`${key}-cert.pub`, `${certificate}\n`, { mode: 0o644 });
  const hosts = join(folder, 'known_hosts');
  const lines = await knownHosts(api);
  if (lines.length > 0) writeFileSync(hosts, `${lines.join('\n')}\n`, { mode: 0o644 });
  print(`certificate of ${key} is valid until ${expiresAt}`);
  print(`ssh -i ${key} -o IdentitiesOnly=yes -o UserKnownHostsFile=${hosts} -p PORT CONNECTION@EDGE`);
}

export function loginCommand(program: Command): void {
  program
    .command('login')
    .description('keep a login for later commands, and get an SSH certificate with it')
    .option('--api <url>', 'address of the control plane')
    .option('--token <token>', 'API key or ID token to log in with; without it the saved login is used')
    .option('--connection <a,b>', 'connections the certificate opens (default: any a policy opens)', list, [])
    .option('--ttl <duration>', 'how long the certificate lives', ttl, 8 * 3_600_000)
    .option('--ssh <dir>', 'where key, certificate and known_hosts are kept (default: ~/.ssh/scrim)')
    .addHelpText('after', '\nExample:\n  scrim login --connection web1\n')
    .action(login);
}
