import type { Command } from 'commander';
import { Api } from '../api.ts';
import { type OutputOptions, print, printList, printOne, type Row } from '../output.ts';

interface Page {
  readonly items: readonly Row[];
}

const COLUMNS = ['id', 'state', 'connection', 'caller', 'rule', 'statement', 'expiresAt'];

async function list(options: OutputOptions & { all?: boolean }): Promise<void> {
  const query = options.all ? '' : '?state=pending';
  const page = await new Api().call<Page>('GET', `/v1/approvals${query}`);
  printList(page.items, COLUMNS, options.all ? 'no approvals yet' : 'nothing waits for approval', options);
}

async function decide(
  verb: 'approve' | 'deny',
  id: string,
  options: OutputOptions & { comment?: string },
): Promise<void> {
  const body = options.comment === undefined ? {} : { comment: options.comment };
  const approval = await new Api().call<Row>('POST', `/v1/approvals/${encodeURIComponent(id)}/${verb}`, body);
  if (options.json) printOne(approval, options);
  else print(`${id} is ${String(approval.state)}`);
}

export function approvalsCommand(program: Command): void {
  const approvals = program.command('approvals').description('see and decide held operations');
  approvals
    .command('ls')
    .description('list what waits for a decision')
    .option('--all', 'also what was decided')
    .option('--json', 'print JSON')
    .action(list);
  approvals
    .command('show <id>')
    .description('one approval whole: the exact statement, its parameters, who may decide')
    .option('--json', 'print JSON')
    .action(async (id: string, options: OutputOptions) =>
      printOne(await new Api().call<Row>('GET', `/v1/approvals/${encodeURIComponent(id)}`), options),
    );
  for (const verb of ['approve', 'deny'] as const) {
    approvals
      .command(`${verb} <id>`)
      .description(`${verb} a held operation; nobody decides their own`)
      .option('--comment <text>', 'shown to the caller and kept in the audit')
      .option('--json', 'print JSON')
      .action((id: string, options: OutputOptions & { comment?: string }) => decide(verb, id, options));
  }
}
