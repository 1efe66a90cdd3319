import { parseDuration } from '@scrim/model';
import { type Command, InvalidArgumentError } from 'commander';
import { Api } from '../api.ts';
import { print } from '../output.ts';

interface IssuedToken {
  readonly token: string;
  readonly tokenId: string;
  readonly expiresAt: string;
}

function ttl(text: string): number {
  const value = parseDuration(text);
  if (value === undefined || value < 1_000) {
    throw new InvalidArgumentError('write a duration of at least 1s, such as 15m or 1h.');
  }
  return value;
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((it) => it.trim())
    .filter(Boolean);
}

async function issue(options: {
  caller: string;
  groups: string[];
  connection: string[];
  ttl: number;
  json?: boolean;
}): Promise<void> {
  const issued = await new Api().call<IssuedToken>('POST', '/v1/tokens', {
    subject: options.caller,
    groups: options.groups,
    connections: options.connection,
    ttlSeconds: Math.floor(options.ttl / 1000),
  });
  print(options.json ? JSON.stringify(issued, null, 2) : issued.token);
}

async function revoke(tokenId: string): Promise<void> {
  await new Api().call('POST', `/v1/tokens/${encodeURIComponent(tokenId)}/revoke`);
  print(`revoked ${tokenId}`);
}

export function tokenCommand(program: Command): void {
  const token = program
    .command('token')
    .description('print a caller token (development issuer; refused in production mode)')
    .requiredOption('--caller <subject>', 'who the token speaks for, such as alice@example.com')
    .option('--groups <a,b>', 'groups of the caller', list, [])
    .requiredOption('--connection <a,b>', 'connections the token opens', list)
    .option('--ttl <duration>', 'how long it lives', ttl, 3_600_000)
    .option('--json', 'print token, id and expiry as JSON')
    .action(issue);
  token
    .command('revoke <tokenId>')
    .description('end a token and every session it opened, within a second')
    .action(revoke);
}
