import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseDuration } from '@scrim/model';
import type { Command } from 'commander';
import { Api } from '../api.ts';
import { loadDocument } from '../document.ts';
import { Failure } from '../failure.ts';
import { type OutputOptions, print, progress, table } from '../output.ts';
import { loadCases } from '../policy/case-file.ts';
import { type DryRun, DryRunner } from '../policy/dry-run.ts';
import { judge, type Outcome } from '../policy/judge.ts';
import { Rulebook } from '../policy/rulebook.ts';

/** `scrim.test.yaml` and `scrim.agents.test.yaml` lie beside `scrim.yaml`. */
function casesBeside(file: string): string[] {
  const folder = dirname(file);
  const stem = basename(file).replace(/\.ya?ml$/, '');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${stem}.`) && /\.test\.ya?ml$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

function showOutcomes(outcomes: readonly Outcome[], options: OutputOptions): void {
  if (options.json) {
    print(JSON.stringify(outcomes, null, 2));
    return;
  }
  for (const { name, problems, note } of outcomes) {
    print(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${name}`);
    for (const problem of problems) print(`       ${problem}`);
    if (note !== undefined) print(`       ${note}`);
  }
  const failed = outcomes.filter((it) => it.problems.length > 0).length;
  print(`${outcomes.length - failed} passed, ${failed} failed`);
}

async function test(files: readonly string[], options: OutputOptions & { file: string }): Promise<void> {
  const found = files.length > 0 ? files : casesBeside(options.file);
  if (found.length === 0) {
    const name = basename(options.file).replace(/\.ya?ml$/, '.test.yaml');
    throw new Failure(
      `there are no cases beside ${options.file}`,
      `write them into ${name} (docs/policies.md, "Tests"), or name a file`,
      2,
    );
  }
  const rulebook = await Rulebook.of(loadDocument(options.file));
  const outcomes = found.flatMap((file) => loadCases(file).map((one) => judge(one, file, rulebook)));
  showOutcomes(outcomes, options);
  if (outcomes.some((it) => it.problems.length > 0)) process.exitCode = 1;
}

function showDryRun(result: DryRun, options: OutputOptions): void {
  if (options.json) {
    print(JSON.stringify(result, null, 2));
    return;
  }
  print(`${result.operations} operations of ${result.sessions} sessions judged anew by the draft`);
  if (result.skipped > 0) print(`${result.skipped} sessions of other connections or protocols were left out`);
  if (result.unreadable > 0) print(`${result.unreadable} operations are not recorded whole: not judged`);
  if (result.verdicts.length === 0) print('no verdict would have been another one');
  else {
    const columns = ['times', 'was', 'wouldBe', 'rule', 'connection', 'groups', 'statement'];
    print(
      `\n${table(
        result.verdicts.map((it) => ({ ...it })),
        columns,
      )}`,
    );
  }
  if (result.unmasked.length > 0) {
    print(`\nno longer masked by place:\n`);
    print(
      table(
        result.unmasked.map((it) => ({ ...it })),
        ['times', 'connection', 'place', 'rule'],
      ),
    );
  }
}

interface DryRunArguments extends OutputOptions {
  readonly file: string;
  readonly since?: string;
  readonly connection?: string;
  readonly limit: string;
}

async function dryRun(options: DryRunArguments): Promise<void> {
  const since = options.since === undefined ? undefined : parseDuration(options.since);
  if (options.since !== undefined && since === undefined) {
    throw new Failure(`--since "${options.since}" is no duration`, 'write a number with a unit: 24h, 7d', 2);
  }
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1)
    throw new Failure(`--limit "${options.limit}" is no count`, 'write a whole number', 2);
  const runner = new DryRunner(new Api(), await Rulebook.of(loadDocument(options.file)));
  const result = await runner.run({
    ...(since !== undefined && { from: new Date(Date.now() - since).toISOString() }),
    ...(options.connection !== undefined && { connection: options.connection }),
    limit,
    progress: (sessions) => {
      if (sessions % 100 === 0) progress(`${sessions} sessions`);
    },
  });
  showDryRun(result, options);
}

export function policyCommand(program: Command): void {
  const policy = program.command('policy').description('try policies before they are applied');
  policy
    .command('test [cases...]')
    .description('run cases (statement, text, request -> expected verdict and mask) against a file')
    .option('-f, --file <scrim.yaml>', 'the file with connections and policies', 'scrim.yaml')
    .option('--json', 'print the outcomes as JSON')
    .action(test);
  policy
    .command('dry-run')
    .description('what a draft would have changed over recorded sessions')
    .requiredOption('-f, --file <draft.yaml>', 'the draft')
    .option('--since <duration>', 'only sessions opened since then, such as 24h or 7d')
    .option('--connection <name>', 'only of this connection')
    .option('--limit <sessions>', 'at most so many sessions, newest first', '500')
    .option('--json', 'print the result as JSON')
    .action(dryRun);
}
