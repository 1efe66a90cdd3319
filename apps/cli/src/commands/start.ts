import { join, resolve } from 'node:path';
import { freePort, startPostgres } from '@scrim/embedded-stores';
import type { Command } from 'commander';
import { forgetLogin, saveLogin } from '../login.ts';
import { print, progress } from '../output.ts';
import { sceneDocument } from '../scene/document.ts';
import { fillShop } from '../scene/sample.ts';
import { playScene } from '../scene/scene.ts';
import { keep } from '../stack/keep.ts';
import { startStack } from '../stack/stack.ts';
import { describeStack, stopSignal, untilStopped } from './up.ts';

async function startTarget(dataDir: string, port: number, password: string) {
  const target = await startPostgres({
    dataDir: join(dataDir, 'sample-target'),
    port,
    password,
    database: 'shop',
  });
  await fillShop(target.url);
  return target;
}

async function start(options: { data?: string; readyFile?: string; once?: boolean }): Promise<void> {
  const dataDir = resolve(options.data ?? '.scrim/start');
  const signal = stopSignal();
  const { postgresPassword: password } = await keep(dataDir);
  progress('scrim: starting a sample target');
  const target = await startTarget(dataDir, await freePort(), password);
  try {
    const stack = await startStack({
      document: sceneDocument({ host: target.host, port: target.port, user: target.user, password }),
      dataDir,
      ...(options.readyFile === undefined ? {} : { readyFile: options.readyFile }),
      report: (text) => progress(`scrim: ${text}`),
      signal,
    });
    const login = { api: stack.api, token: stack.adminToken };
    saveLogin(login);
    try {
      await playScene(stack, print);
      print(
        `\n${describeStack(stack, { name: 'shop', protocol: 'postgres' })}\n\nScrim is up. Ctrl-C stops it.`,
      );
      if (!options.once) await untilStopped(signal);
    } finally {
      progress('scrim: stopping');
      await stack.stop();
      forgetLogin(login);
    }
  } finally {
    await target.stop();
  }
}

export function startCommand(program: Command): void {
  program
    .command('start', { isDefault: false })
    .description('the whole product on embedded stores with a sample target and a running scene (npm start)')
    .option('--data <dir>', 'where stores, keys and logs are kept (default: .scrim/start)')
    .option('--ready-file <file>', 'write addresses and tokens there, as JSON, once everything serves')
    .option('--once', 'play the scene and stop instead of staying up')
    .action(start);
}
