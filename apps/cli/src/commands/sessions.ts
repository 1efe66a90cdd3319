import type { Command } from 'commander';
import { Api } from '../api.ts';
import { Failure } from '../failure.ts';
import { type OutputOptions, print, printList, printOne, type Row } from '../output.ts';
import { Player, type ReplayItem } from '../player.ts';
import { asciicast, playTerminal } from '../terminal-player.ts';

interface Page {
  readonly items: readonly Row[];
}

interface Verification {
  readonly ok: boolean;
  readonly events: number;
  /** The first event that does not hold, and why. */
  readonly problem?: { readonly seq: number; readonly why: string };
}

const COLUMNS = [
  'id',
  'connection',
  'caller',
  'openedAt',
  'ending',
  'operations',
  'rows',
  'maskedValues',
  'refusals',
];

async function list(
  options: OutputOptions & { connection?: string; caller?: string; text?: string },
): Promise<void> {
  const query = new URLSearchParams();
  for (const key of ['connection', 'caller', 'text'] as const) {
    const value = options[key];
    if (value !== undefined) query.set(key, value);
  }
  const page = await new Api().call<Page>('GET', `/v1/sessions?${query}`);
  printList(page.items, COLUMNS, 'no sessions yet', options);
}

interface ReplayOptions extends OutputOptions {
  readonly cast?: boolean;
  readonly play?: boolean;
}

async function* itemsOf(id: string): AsyncGenerator<ReplayItem> {
  for await (const line of new Api().lines(`/v1/sessions/${encodeURIComponent(id)}/replay`)) {
    yield JSON.parse(line) as ReplayItem;
  }
}

async function replay(id: string, options: ReplayOptions): Promise<void> {
  if (options.cast) {
    for await (const line of asciicast(itemsOf(id))) print(line);
    return;
  }
  if (options.play) {
    await playTerminal(itemsOf(id), (text) => void process.stdout.write(text));
    return;
  }
  const player = new Player(print);
  for await (const line of new Api().lines(`/v1/sessions/${encodeURIComponent(id)}/replay`)) {
    if (options.json) print(line);
    else player.play(JSON.parse(line) as ReplayItem);
  }
  player.finish();
}

async function verify(id: string, options: OutputOptions): Promise<void> {
  const result = await new Api().call<Verification>('GET', `/v1/sessions/${encodeURIComponent(id)}/verify`);
  if (options.json) print(JSON.stringify(result, null, 2));
  else if (result.ok) print(`${id}: ${result.events} events, chain and signatures hold`);
  if (!result.ok) {
    throw new Failure(
      `${id}: ${result.problem ? `event ${result.problem.seq}: ${result.problem.why}` : 'the record does not hold'}`,
      'the record was changed or lost a part; treat it as evidence',
    );
  }
}

export function sessionsCommand(program: Command): void {
  const sessions = program.command('sessions').description('find, replay and verify recorded sessions');
  sessions
    .command('ls')
    .description('list sessions, newest first')
    .option('--connection <name>', 'only of this connection')
    .option('--caller <subject>', 'only of this caller')
    .option('--text <words>', 'only where a statement contains these words')
    .option('--json', 'print JSON')
    .action(list);
  sessions
    .command('show <id>')
    .description('one session: who, what, how much, how it was covered')
    .option('--json', 'print JSON')
    .action(async (id: string, options: OutputOptions) =>
      printOne(await new Api().call<Row>('GET', `/v1/sessions/${encodeURIComponent(id)}`), options),
    );
  sessions
    .command('replay <id>')
    .description('what the caller asked and saw, in order (masked, as it was)')
    .option('--json', 'print JSON lines')
    .option('--cast', 'print an asciicast v2 recording of what the terminal showed')
    .option('--play', 'show in this terminal what theirs showed, in its own time')
    .action(replay);
  sessions
    .command('verify <id>')
    .description('check the hash chain and the edge signatures; exit code 1 when they do not hold')
    .option('--json', 'print JSON')
    .action(verify);
}
