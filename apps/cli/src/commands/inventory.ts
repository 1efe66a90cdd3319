import type { Policy, ScrimDocument } from '@scrim/model';
import type { Command } from 'commander';
import pg from 'pg';
import { type AccessOptions, accessTo } from '../access.ts';
import { Api } from '../api.ts';
import { Failure } from '../failure.ts';
import { type Proposal, propose } from '../inventory/proposal.ts';
import { type ColumnEvidence, survey } from '../inventory/survey.ts';
import { type OutputOptions, print, progress } from '../output.ts';
import { Rulebook } from '../policy/rulebook.ts';

interface InventoryOptions extends OutputOptions, AccessOptions {
  readonly connection: string;
  readonly sample: string;
  readonly schema?: string;
}

async function surveyOf(options: InventoryOptions): Promise<readonly ColumnEvidence[]> {
  const sample = Number(options.sample);
  if (!Number.isInteger(sample) || sample < 1 || sample > 10_000) {
    throw new Failure(`--sample "${options.sample}" is no count`, 'write a whole number up to 10000', 2);
  }
  const { tls, token, ...address } = await accessTo(options.connection, options);
  const client = new pg.Client({
    ...address,
    user: 'inventory',
    password: token,
    ssl: tls ? { rejectUnauthorized: true } : false,
  });
  await client.connect();
  try {
    return await survey(client, {
      sample,
      ...(options.schema !== undefined && { schema: options.schema }),
      progress: (done, all, table) => progress(`${done}/${all} ${table}`),
    });
  } finally {
    await client.end();
  }
}

/** Which columns the policies in force mask by place for these groups. */
async function maskedByPlace({ connection, groups }: InventoryOptions): Promise<(place: string) => boolean> {
  const api = new Api();
  const one = await api.call<ScrimDocument['connections'][number]>(
    'GET',
    `/v1/connections/${encodeURIComponent(connection)}`,
  );
  const { items } = await api.call<{ items: readonly { name: string; policy: Policy }[] }>(
    'GET',
    '/v1/policies?limit=500',
  );
  const document = {
    apiVersion: 'scrim/v1',
    connections: [one],
    policies: items.map(({ name, policy }) => ({ ...policy, name })),
  };
  const rulebook = await Rulebook.of(document as unknown as ScrimDocument);
  const rules = rulebook.for(connection, groups?.split(',') ?? []);
  return (place) => {
    const [schema = '', table = '', column = ''] = place.split('.').map((it) => it.replace(/^"|"$/g, ''));
    return rules.column(schema, table, column) !== undefined;
  };
}

function show(proposals: readonly Proposal[], looked: number, options: InventoryOptions): void {
  if (options.json) {
    print(JSON.stringify(proposals, null, 2));
    return;
  }
  if (proposals.length === 0) {
    print(`${looked} columns looked at; none needs a rule that it does not have`);
    return;
  }
  print(`# ${proposals.length} of ${looked} columns; put what is right under \`mask:\` of a policy`);
  for (const { column, with: operator, evidence } of proposals) {
    print(`- { column: ${JSON.stringify(column)}, with: ${operator} }  # ${evidence}`);
  }
}

async function inventory(options: InventoryOptions): Promise<void> {
  const covered = await maskedByPlace(options);
  const columns = await surveyOf(options);
  const proposals = columns
    .filter(({ place }) => !covered(place))
    .flatMap((it) => propose(it) ?? [])
    .sort((a, b) => b.share - a.share);
  show(proposals, columns.length, options);
}

export function inventoryCommand(program: Command): void {
  program
    .command('inventory')
    .description('propose column rules from names and sampled values, read through the edge')
    .requiredOption('--connection <name>', 'a PostgreSQL connection')
    .option('--sample <rows>', 'rows looked at in each table', '100')
    .option('--schema <name>', 'only tables of this schema')
    .option('--caller <subject>', 'look as someone else (development mode, administrators)')
    .option('--groups <a,b>', 'groups to look with, with --caller')
    .option('--json', 'print the proposals as JSON')
    .action(inventory);
}
