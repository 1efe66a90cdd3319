#!/usr/bin/env node
import { Command } from 'commander';
import { applyCommand } from './commands/apply.ts';
import { approvalsCommand } from './commands/approvals.ts';
import { connectCommand } from './commands/connect.ts';
import { detectCommands } from './commands/detect.ts';
import { detokeniseCommands } from './commands/detokenise.ts';
import { edgeCommand } from './commands/edge.ts';
import { inventoryCommand } from './commands/inventory.ts';
import { loginCommand } from './commands/login.ts';
import { policyCommand } from './commands/policy.ts';
import { sessionsCommand } from './commands/sessions.ts';
import { startCommand } from './commands/start.ts';
import { tokenCommand } from './commands/token.ts';
import { upCommand } from './commands/up.ts';
import { Failure } from './failure.ts';

function createProgram(): Command {
  const program = new Command('scrim')
    .description('A data-masking gateway for AI agents and the people beside them.')
    .version('0.1.0')
    .showHelpAfterError('(add --help for the options)')
    .addHelpText(
      'after',
      `
First steps:
  npm start                              the whole product with sample data and a running scene
  scrim up -f scrim.yaml                 the same on your own targets
  scrim token --caller me@example.com --groups agents --connection shop
  psql -h 127.0.0.1 -p PORT -U me shop   (the token is the password)
  scrim approvals ls                     what waits for a yes

Which control plane: SCRIM_API and SCRIM_TOKEN, or the login that \`up\` saved. --json prints JSON everywhere.`,
    );
  const commands = [
    startCommand,
    upCommand,
    tokenCommand,
    loginCommand,
    connectCommand,
    applyCommand,
    approvalsCommand,
    sessionsCommand,
    policyCommand,
    inventoryCommand,
    edgeCommand,
    detectCommands,
    detokeniseCommands,
  ];
  for (const add of commands) add(program);
  return program;
}

function fail(error: unknown): void {
  const known = error instanceof Failure;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`scrim: ${message}\n`);
  if (known && error.mend) process.stderr.write(`  mend: ${error.mend}\n`);
  if (!known && process.env.SCRIM_DEBUG) process.stderr.write(`${(error as Error).stack}\n`);
  process.exitCode = known ? error.exitCode : 1;
}

createProgram().parseAsync().catch(fail);
