import type { Command } from 'commander';
import { Api } from '../api.ts';
import { Failure } from '../failure.ts';
import { type OutputOptions, print, printList } from '../output.ts';

interface Answer {
  readonly tokens: readonly { readonly token: string; readonly state: string; readonly value?: string }[];
  readonly text?: string;
}

interface DetokeniseOptions extends OutputOptions {
  readonly reason: string;
}

async function standardInput(): Promise<string> {
  if (process.stdin.isTTY)
    throw new Failure('there is nothing to open', 'name tokens, or pipe a text that holds some', 2);
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}

/** What did not open, for people: results stay clean on standard output. */
function complain({ tokens }: Answer): void {
  const closed = tokens.filter(({ state }) => state !== 'opened');
  for (const { token, state } of closed) process.stderr.write(`scrim: ${token}: ${state}\n`);
  if (closed.length > 0) process.exitCode = 1;
}

async function openTokens(tokens: readonly string[], options: DetokeniseOptions): Promise<void> {
  const body = { tokens, reason: options.reason };
  const answer = await new Api().call<Answer>('POST', '/v1/detokenise', body);
  if (options.json) print(JSON.stringify(answer.tokens, null, 2));
  else if (tokens.length > 1) printList(answer.tokens, ['token', 'state', 'value'], 'none', options);
  else for (const { value } of answer.tokens) if (value !== undefined) print(value);
  complain(answer);
}

async function openText(options: DetokeniseOptions): Promise<void> {
  const text = await standardInput();
  if (text === '') return;
  const answer = await new Api().call<Answer>('POST', '/v1/detokenise', { text, reason: options.reason });
  if (options.json) print(JSON.stringify(answer, null, 2));
  else process.stdout.write(answer.text ?? '');
  complain(answer);
}

async function erase(token: string, options: DetokeniseOptions): Promise<void> {
  const query = new URLSearchParams({ reason: options.reason });
  const path = `/v1/vault/tokens/${encodeURIComponent(token)}?${query}`;
  const erased = await new Api().call<{ readonly values: number }>('DELETE', path);
  if (options.json) print(JSON.stringify(erased, null, 2));
  else print(erased.values === 0 ? `${token} was erased before` : `${token} is erased`);
}

/** From standard input: what is written on the command line stays in a shell's history. */
async function eraseValue(options: DetokeniseOptions): Promise<void> {
  const value = (await standardInput()).replace(/\r?\n$/, '');
  if (value === '')
    throw new Failure('there is no value to forget', 'pipe it in: printf %s VALUE | scrim …', 2);
  const body = { value, reason: options.reason };
  const { tokens } = await new Api().call<{ readonly tokens: string[] }>('POST', '/v1/vault/erase', body);
  if (options.json) print(JSON.stringify({ tokens }, null, 2));
  else print(tokens.length === 0 ? 'no token stood for it; none will' : `erased: ${tokens.join(' ')}`);
}

async function renewKey(options: OutputOptions): Promise<void> {
  const key = await new Api().call<{ readonly keyId: string }>('POST', '/v1/vault/keys');
  if (options.json) print(JSON.stringify(key, null, 2));
  else print(`edges seal to the key ${key.keyId} from now on`);
}

export function detokeniseCommands(program: Command): void {
  program
    .command('detokenise [tokens...]')
    .description(
      'open reversible tokens, or restore a text from standard input; the policy says who may; exit code 1 when one stays closed',
    )
    .requiredOption('--reason <text>', 'why; kept in the audit, so write no value into it')
    .option('--json', 'print JSON')
    .action((tokens: string[], options: DetokeniseOptions) =>
      tokens.length > 0 ? openTokens(tokens, options) : openText(options),
    );
  const vault = program.command('vault').description('look after what reversible tokens stand for');
  vault
    .command('erase <token>')
    .description("forget a token's value for good (administrators)")
    .requiredOption('--reason <text>', 'why; kept in the audit')
    .option('--json', 'print JSON')
    .action(erase);
  vault
    .command('erase-value')
    .description('forget the value on standard input under all of its tokens, for good (administrators)')
    .requiredOption('--reason <text>', 'why; kept in the audit')
    .option('--json', 'print JSON')
    .action(eraseValue);
  vault
    .command('renew-key')
    .description('seal to a new key from now on; what older ones sealed still opens (administrators)')
    .option('--json', 'print JSON')
    .action(renewKey);
}
