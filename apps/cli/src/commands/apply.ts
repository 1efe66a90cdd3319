import type { Command } from 'commander';
import { Api } from '../api.ts';
import { loadDocument } from '../document.ts';
import { type OutputOptions, print } from '../output.ts';

interface Change {
  readonly kind: string;
  readonly name: string;
  readonly action: 'create' | 'update' | 'delete' | 'unchanged';
  readonly changes?: readonly {
    readonly path: string;
    readonly before?: unknown;
    readonly after?: unknown;
  }[];
}

const SIGN = { create: '+', update: '~', delete: '-', unchanged: ' ' } as const;

function show(changes: readonly Change[], options: OutputOptions): void {
  if (options.json) {
    print(JSON.stringify(changes, null, 2));
    return;
  }
  const real = changes.filter((it) => it.action !== 'unchanged');
  if (real.length === 0) print('nothing changes');
  for (const change of real) {
    print(`${SIGN[change.action]} ${change.kind} ${change.name}`);
    for (const { path, before, after } of change.changes ?? []) {
      print(`    ${path}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`);
    }
  }
}

async function send(
  path: string,
  options: { file: string; prune?: boolean; json?: boolean },
): Promise<readonly Change[]> {
  const document = loadDocument(options.file);
  const query = options.prune ? '?prune=true' : '';
  const { changes } = await new Api().call<{ changes: readonly Change[] }>('POST', path + query, document);
  show(changes, options);
  return changes;
}

export function applyCommand(program: Command): void {
  program
    .command('apply')
    .description('make connections and policies on the control plane equal to a file')
    .requiredOption('-f, --file <scrim.yaml>', 'the file')
    .option('--prune', 'also remove what the file does not name')
    .option('--json', 'print the changes as JSON')
    .action(async (options) => void (await send('/v1/apply', options)));
  program
    .command('diff')
    .description('show what apply would change; exit code 1 when something would')
    .requiredOption('-f, --file <scrim.yaml>', 'the file')
    .option('--prune', 'also show what would be removed')
    .option('--json', 'print the changes as JSON')
    .action(async (options) => {
      const changes = await send('/v1/diff', options);
      if (changes.some((it) => it.action !== 'unchanged')) process.exitCode = 1;
    });
}
