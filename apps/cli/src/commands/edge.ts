import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { EDGE } from '../programs.ts';

interface EdgeOptions {
  readonly join?: string;
  readonly controlPlane: string;
  readonly name?: string;
  readonly data?: string;
  readonly postgres?: string;
  readonly http?: string;
  readonly ssh?: string;
  readonly health?: string;
}

function environment(options: EdgeOptions): NodeJS.ProcessEnv {
  const named: Readonly<Record<string, string | undefined>> = {
    SCRIM_CONTROL_PLANE: options.controlPlane,
    SCRIM_JOIN_TOKEN: options.join,
    SCRIM_EDGE_NAME: options.name,
    SCRIM_EDGE_DATA: options.data,
    SCRIM_EDGE_POSTGRES: options.postgres,
    SCRIM_EDGE_HTTP: options.http,
    SCRIM_EDGE_SSH: options.ssh,
    SCRIM_EDGE_HEALTH: options.health,
  };
  const given = Object.entries(named).filter(([, value]) => value !== undefined);
  return { ...EDGE.env, ...process.env, ...Object.fromEntries(given), SCRIM_SUPERVISED: 'true' };
}

/** Runs the edge as a child in the foreground and ends with its exit code. */
function run(options: EdgeOptions): Promise<void> {
  // The open stdin tells the edge that this process lives: killed outright, it must not leave the edge behind.
  const stdio = ['pipe', 'inherit', 'inherit'] as const;
  const child = spawn(process.execPath, [...EDGE.args], { env: environment(options), stdio: [...stdio] });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      process.exitCode = code ?? 1;
      resolve();
    });
  });
}

export function edgeCommand(program: Command): void {
  program
    .command('edge')
    .description('run an edge next to your targets; it dials the control plane, nothing dials it')
    .option('--join <token>', 'one-time join token; only needed on the first start')
    .requiredOption('--control-plane <host:port>', 'where the control plane takes edges (gRPC)')
    .option('--name <name>', 'how the edge is called')
    .option('--data <dir>', 'identity, snapshot and spool')
    .option('--postgres <host:port>', 'listen for PostgreSQL callers')
    .option('--http <host:port>', 'listen for HTTP callers')
    .option('--ssh <host:port>', 'listen for SSH callers')
    .option('--health <host:port>', 'serve /healthz, /readyz and /metrics')
    .addHelpText('after', '\nAll settings: docs/configuration/edge.md\n')
    .action(run);
}
